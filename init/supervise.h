/*
 * Keeps the supervisor alive: starts it, starts it again when it ends, waits longer each time that it
 * ends before it was well, and says so on the console. When it cannot be started at all, a rescue
 * program gets the console, or the machine is started anew.
 *
 *   DOWN -- due --> UP -- ends --> DOWN           at once, 100 ms, doubling to 10 s
 *   DOWN -- ten starts in a row without WIRE_WELL --> RESCUE -- ends --> DOWN
 *                                                 --> GAVE_UP -- sup.reboot-delay --> end of machine
 */
#ifndef INIT_SUPERVISE_H
#define INIT_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct init;

enum supervise_state { SUPERVISE_DOWN, SUPERVISE_UP, SUPERVISE_RESCUE, SUPERVISE_GAVE_UP };

/* A part of the state of init (state.h). */
struct supervise {
	enum supervise_state state;
	bool well;           /* this life has said WIRE_WELL */
	unsigned int streak; /* lives in a row that ended too early */
	unsigned int unwell; /* lives in a row that were never well */
	pid_t pid;           /* of the supervisor or rescue program; 0: none */
	uint64_t started_ns;
	uint64_t due_ns; /* DOWN: the next start; GAVE_UP: the end */
	bool planned;    /* this life ends because it was asked to */
};

/* Finds the supervisor that ran before init's re-execution; one that cannot be found is ended and started anew. */
void supervise_resume(struct init *init);

/* Does what is due now. */
void supervise_turn(struct init *init, uint64_t now_ns);

/* The instant of the next turn, CLOCK_NEVER when a process has to end first. */
uint64_t supervise_due(const struct supervise *s);

/* A process was reaped. False: it is none of ours. */
bool supervise_reaped(struct init *init, pid_t pid, int status, uint64_t now_ns);

/* The program of sup.rescue=, on the console. Its pid; -1: none is named, or it was said that it does not start. */
pid_t supervise_rescue(struct init *init, const char *why);

/* Ends a supervisor that has closed its line. */
void supervise_kill(const struct supervise *s);

/* Does it keep failing, so that no request should wait for it? */
bool supervise_hopeless(const struct supervise *s);

#endif
