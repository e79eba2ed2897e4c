/* The command `supervisor calendar`; argv is what follows the word. Returns an exit status. */
#ifndef SUPERVISOR_CALENDAR_H
#define SUPERVISOR_CALENDAR_H

int calendar_main(int argc, char **argv);

#endif
