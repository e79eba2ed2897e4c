/* supctl has no file of its own on the device: its name is a link to the supervisor's, whose main calls this. */
#ifndef SUPCTL_MAIN_H
#define SUPCTL_MAIN_H

/* Returns the exit status, see supctl(1). */
int supctl_main(int argc, char **argv);

#endif
