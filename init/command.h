/*
 * init with one command: `init [OPTION...] -- CMD ARG...`. PID 1 inside each service container, and what a container
 * of one's own uses to have its orphans reaped and its signals delivered. Under the name of tini, dumb-init or
 * catatonit it takes that program's options and does as that program does (orders.h, voice.h).
 *
 * It starts CMD, sends on every signal, reaps all, and ends as CMD ends: with its status, 128 + N when
 * signal N killed it, 127 when it was not found, 126 when it cannot be executed, 2 for wrong usage. With
 * --report=FD it says the same exactly, as struct report (common/report.h). It keeps nothing else open
 * and no folder busy while CMD runs; descriptors that it inherits go on to CMD and are closed here. Sockets that are
 * for it (sd_listen_fds(3)) are for CMD; with --listen they are, whoever LISTEN_PID names.
 */
#ifndef INIT_COMMAND_H
#define INIT_COMMAND_H

#include <stdbool.h>

struct fault;

/* Are these the arguments of this mode? Words without "--" may be the kernel's. */
bool command_wanted(char *const argv[]);

/* By the first option, before any other call: who reports has the name of report.h. */
void command_take_name(const char *option);

/* All signals are blocked. Returns the status to exit with. */
int command_run(char *const argv[], struct fault *fault);

#endif
