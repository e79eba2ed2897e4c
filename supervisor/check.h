/* `supervisor check [--json] FILE...`: the faults of unit files, by the code that reads them at boot. */
#ifndef SUPERVISOR_CHECK_H
#define SUPERVISOR_CHECK_H

/* Exit status: 0 no error, 1 errors, 2 usage. */
int check_main(int argc, char **argv);

#endif
