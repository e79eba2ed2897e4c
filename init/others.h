/* The processes that the command leaves behind: all that are in our care once it has ended. */
#ifndef INIT_OTHERS_H
#define INIT_OTHERS_H

#include <stddef.h>

/*
 * Sends them the signal, and SIGCONT, since a stopped one hears it only when it goes on. PID 1 reaches all there are, if
 * *told is 0. Another process reaches its children, all behind the first *told: the kernel lists them in the order in
 * which they came. *told becomes how many have been
 * told; who reaps one of them takes it off. -1 with errno: they cannot be listed.
 */
int others_tell(int signo, size_t *told);

#endif
