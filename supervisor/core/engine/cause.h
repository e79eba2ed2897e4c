/*
 * Why a unit went down: the kind decides what follows (restart.c), the text is for people.
 */
#ifndef CORE_CAUSE_H
#define CORE_CAUSE_H

#include "supervisor/core/text.h"
#include "supervisor/core/unit/unit.h"

/* CAUSE(id, what it is, $SERVICE_RESULT of systemd.exec(5)) */
#define CAUSES(X)                                                    \
	X(NONE, "nothing yet", "success")                            \
	X(CLEAN, "clean exit code or signal", "success")             \
	X(SKIPPED, "skipped by ExecCondition=", "exec-condition")    \
	X(EXIT, "unclean exit code", "exit-code")                    \
	X(SIGNAL, "unclean signal", "signal")                        \
	X(TIMEOUT, "timeout", "timeout")                             \
	X(WATCHDOG, "watchdog", "watchdog")                          \
	X(OOM, "out of memory", "oom-kill")                          \
	X(HEALTH, "unhealthy: Restart= decides", "signal")           \
	X(HEALTH_RESTART, "unhealthy: to start again", "signal")     \
	X(HEALTH_STOP, "unhealthy: to stay down", "signal")          \
	X(PROTOCOL, "ended before it was ready", "protocol")         \
	X(SPAWN, "could not be started", "exit-code")                \
	X(SETUP, "network or volume could not be made", "resources") \
	X(SURVIVOR, "processes survive SIGKILL", "timeout")          \
	X(BROKEN, "its file is wrong", "resources")                  \
	X(DEPENDENCY, "what it requires is not there", "resources")  \
	X(LIMIT, "start limit", "start-limit-hit")                   \
	X(ASSERT, "an assert is not met", "resources")               \
	X(TRIGGER, "activated too often", "resources")

enum cause_kind {
#define X(id, what, word) CAUSE_##id,
	CAUSES(X)
#undef X
		CAUSE_COUNT
};

struct cause {
	enum cause_kind kind;
	bool has_status; /* the main process ended: */
	int32_t status;  /* its wait(2) status, as cause_of_status translated it */
};

/* The word of $SERVICE_RESULT. */
const char *cause_word(const struct cause *c);
/* NONE, CLEAN and SKIPPED are no failure. */
bool cause_failed(const struct cause *c);
/* How the main process ended: CLEAN, EXIT or SIGNAL. */
struct cause cause_of_status(const struct unit *unit, int32_t status);
/* How a command of ExecCondition= ended: CLEAN goes on, SKIPPED, or EXIT or SIGNAL. */
struct cause cause_of_condition(const struct unit *unit, int32_t status);
/* True when a helper command ended well: exit code 0. */
bool cause_command_ok(int32_t status);

/* "exit code 3", "killed by signal SEGV" */
void cause_put_status(struct text *t, int32_t status);
/* "out of memory (MemoryMax=50M)" */
void cause_put_oom(struct text *t, const struct unit *unit);
/* "200 ms", "90 s", "1.5 s", "60 min" */
void cause_put_time(struct text *t, uint64_t usec);
/* "1st", "2nd", "11th" */
void cause_put_ordinal(struct text *t, uint32_t n);

#endif
