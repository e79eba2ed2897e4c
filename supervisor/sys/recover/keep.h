/*
 * What the supervisor keeps over its own end: one memfd for each generation of units, which init holds as "state:now".
 *
 *   head | layouts | records of engine, lives, units, supervisor | queue of actions | redo log | texts of the unit files
 *
 * It is written after each step of the engine and before what that step decided is done. A change goes into the
 * redo log first, then the log's length is set, then the change is made, then the length is 0 again: who is killed between
 * has changed all or nothing. The records describe themselves (core/engine/kept.h), so that a supervisor of another version
 * takes from them what it knows.
 *
 * The slots of the roster that were reserved after `committed_ns` are of an action that was under way at the end.
 */
#ifndef SYS_KEEP_H
#define SYS_KEEP_H

#include "common/err.h"
#include "supervisor/core/engine/bootwatch.h"
#include "supervisor/core/engine/engine_kept.h"

struct supervisor;
struct unit_set;
struct keep_head;

enum keep_part { KEEP_ENGINE, KEEP_LIFE, KEEP_UNIT, KEEP_SUPERVISOR, KEEP_PARTS };

/* Of an instance: what the kernel cannot tell the next supervisor. The record of a unit that holds nothing is zero. */
struct kept_unit {
	uint8_t held;
	int32_t notify_access;
	int32_t stop_signal;
	uint64_t oom_kills, oom_past;
};

struct kept_supervisor {
	int32_t ending; /* an operator has asked for that end of the machine, enum wire_end; 0: none */
	uint32_t init_crashes; /* how many are in the journal */
	struct boot_watch watch;
};

struct keep {                   /* in struct supervisor */
	struct keep_head *head; /* mapped, NULL: nothing is kept */
	size_t size;
	size_t logged;              /* bytes in the redo log that is being written */
	const struct action *doing; /* on the stack of who performs it */
	bool full;                  /* the redo log had no room for all of the commit */
	bool failed;                /* said already */
	uint32_t changed[16],
		n_changed; /* units that gained or lost an instance; more than 16: any */
};

/* Another generation is in force: makes its file and hands it to init. `past`, or NULL: what it goes on with. */
struct kept_file;
void keep_begin(struct supervisor *s, const struct kept_file *past);
/* The unit has another instance, or none any more. */
void keep_unit_changed(struct supervisor *s, uint32_t index);
/* All that has changed since the last call. */
void keep_commit(struct supervisor *s);
/* This life went well for a while: a fault that comes is not that of the state it began with. */
void keep_well(struct supervisor *s);

/* ---- reading that of the supervisor before */

struct kept_file {
	struct keep_head *head;
	size_t size;
	struct kept_map maps[KEEP_PARTS];
};

/* Takes the descriptor. -1: there is none to be read, e says why. `counts`: the one before may have died of it. */
int kept_open(struct kept_file *f, int fd, bool counts, struct err *e);
void kept_close(struct kept_file *f);
struct unit_set *kept_units(const struct kept_file *f);
/* NULL: not to be read. */
const uint8_t *kept_record(const struct kept_file *f, enum keep_part part, uint32_t index);
const uint8_t *kept_queue(const struct kept_file *f, size_t *size);
uint64_t kept_committed_ns(const struct kept_file *f);
void kept_unit(const struct kept_file *f, uint32_t index, struct kept_unit *unit);
void kept_supervisor(const struct kept_file *f, struct kept_supervisor *of);

#endif
