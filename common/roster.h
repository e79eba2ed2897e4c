/*
 * The roster: which process belongs to which unit, and how each one ended.
 *
 * A memfd made by init, mapped shared by init and supervisor, so that it outlives either. Every
 * service is a child of init (CLONE_PARENT), init is the only reaper. One slot per process:
 *
 *   supervisor                                   init
 *   FREE -> RESERVED  before clone3
 *        -> LIVE      pid written; then the
 *                     child is let go                LIVE -> EXITED  status and time written
 *   EXITED -> FREE    status taken
 *
 * LIVE -> EXITED and LIVE -> FREE are done by compare-and-exchange; all other transitions have one
 * writer. A child waits on a pipe until its slot is LIVE, so it cannot run unrecorded; if the supervisor
 * dies in between, the pipe closes, the child exits and the RESERVED slot is freed by the next one.
 * A child that was let go says so in `begun`; without that it will end by itself, or has.
 * A child killed before its slot was LIVE is reaped as an orphan: after writing LIVE the supervisor
 * probes the pidfd with signal 0, ESRCH says so.
 *
 * init trusts nothing here: indices are bounded, a scribbled slot loses that slot only.
 */
#ifndef COMMON_ROSTER_H
#define COMMON_ROSTER_H

#include <stdatomic.h>
#include <stdint.h>

#define ROSTER_FD 4              /* the descriptor the supervisor finds it at */
#define ROSTER_MAGIC 0x73757052u /* "supR" */
#define ROSTER_VERSION 1u
#define ROSTER_SLOTS 4096
#define UNIT_NAME_MAX 64 /* with the final NUL: "web.container" */

enum slot_state { SLOT_FREE = 0, SLOT_RESERVED, SLOT_LIVE, SLOT_EXITED };

struct roster_slot {
	_Atomic uint32_t state; /* enum slot_state */
	int32_t pid;            /* as init sees it */
	int32_t status;         /* wait(2) status word, valid in EXITED */
	/* The supervisor's own; init does not look at it: */
	uint16_t role;          /* enum role of supervisor/core/plan/role.h */
	_Atomic uint16_t begun; /* 1: the child was let go, which it says itself, too */
	uint64_t started_ns;    /* CLOCK_MONOTONIC */
	uint64_t exited_ns;     /* CLOCK_MONOTONIC, valid in EXITED */
	char unit[UNIT_NAME_MAX];
};

struct roster {
	uint32_t magic;
	uint32_t version;
	uint32_t slots;           /* ROSTER_SLOTS */
	_Atomic uint32_t orphans; /* reaped processes that no slot names */
	_Atomic uint32_t lives;   /* times init started the supervisor */
	_Atomic uint32_t ended;   /* how the supervisor's last life ended, wait(2) status */
	uint32_t unused[2];
	struct roster_slot slot[ROSTER_SLOTS];
};

#endif
