/*
 * Every signal there is stays blocked in init from its first to its last instruction: nothing anyone
 * sends can end, stop or divert it. They are taken from the queue when the loop has time. The faults are the
 * exception: blocked, the kernel would end the process, so they have a handler (crash.h).
 *
 * libc keeps three numbers (32 to 34) out of its signal sets and counts SIGRTMIN from 35, while kill(1),
 * podman and systemd count from 34; both are put right here.
 */
#ifndef INIT_SIGNALS_H
#define INIT_SIGNALS_H

#include <signal.h>
#include <stdint.h>

#define SIGNAL_LAST 64
#define SIGNAL_RTMIN 34

/* The signals by which the kernel tells a program of its own fault. */
#define SIGNALS_FAULT                                                     \
	{                                                                 \
		SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS \
	}

/* Lets the faults, and nothing else, through to a handler that is there by now: libc's sigaction(2) unblocks more. */
void signals_unblock_faults(void);

/* Blocks all, and makes children wait to be reaped even if SIGCHLD was inherited as ignored. */
void signals_block(void);
void signals_unblock(void);

/* Takes that one off the queue: what the kernel sent for a write(2) of ours is nobody else's. */
void signals_drop(int signo);

/* A descriptor that polls readable while a signal is queued, for signals_next() to take; -1 with errno. */
int signals_open(void);

/* Takes one signal that is no fault, waiting until the instant at most. Its number, 0 when there was none. */
int signals_next(uint64_t until_ns);

#endif
