/*
 * Names that the kernel gives only numbers: signals, capabilities, resource limits; and the names of
 * exit codes from sysexits.h and systemd.exec(5). The tables are here and nowhere else.
 */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define SIGNAL_NAME_MAX 16
#define SIGNAL_LAST 64
/*
 * SIGRTMIN of glibc, which is what a unit file means: musl keeps one more signal for itself, and a program
 * in a container that waits for "SIGRTMIN+3" was most likely built for glibc.
 */
#define SIGNAL_RTMIN 34

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3", "RTMAX-1"; -1 when it is none. */
int signal_number(const char *name);
/* "SIGTERM", "SIGRTMIN+3"; written into buf, which is returned. */
const char *signal_text(int sig, char buf[SIGNAL_NAME_MAX]);

#define CAPABILITY_COUNT 41
#define CAPABILITY_ALL ((UINT64_C(1) << CAPABILITY_COUNT) - 1)
/* "CAP_NET_ADMIN" or "net_admin", in any case; -1 when it is none. */
int capability_number(const char *name);
/* In capitals, with "CAP_"; "?" out of range. */
const char *capability_text(int cap);

/* RLIMIT_* from the name in lower case ("nofile"), or -1. */
int rlimit_number(const char *name);
const char *rlimit_text(int resource);

/* "TEMPFAIL" -> 75; -1 when it is none. */
int exit_code_number(const char *name);
/* NULL when the code has no name. */
const char *exit_code_text(int code);

#endif
