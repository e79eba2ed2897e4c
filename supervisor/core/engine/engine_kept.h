/*
 * What the engine keeps over the end of its process: its own plain data and the life of each unit, as records that
 * describe themselves (kept.h), and the actions that wait. Pure: who keeps the bytes, and where, is not said here.
 *
 *      engine_event(e, ...);                           engine_next(e, &action)
 *      engine_kept_changed(e, put, data);              each record that may be another one now
 *      engine_kept_queue(e, &action, to, room);        before it is performed: `action` is in front
 *      perform(&action)
 *
 * A new process, of this version or of another, makes an engine of the same set of units (the same texts; who reads
 * them must see to that) and gives it to engine_restore before anything else but engine_set_facts and engine_seed. It is
 * then where the old one was: at rest, with the same timers, the same actions to come.
 *
 * All times are microseconds of CLOCK_MONOTONIC and absolute, so however long nobody was there, nothing is to be moved:
 * what came due meanwhile is due. Records are of this boot of the machine; one from a later time than now is not believed.
 *
 * What is not taken over: who waits for jobs, which engine_job_resume brings back, and a reload that waited for units to
 * come down: what it held starts again by the set in force.
 *
 * What sys/ owes it, then: an action that is kept was performed, or half performed, or not: it is done again. A SPAWN is
 * looked for first: when its process is there, engine_kept_drop takes the SPAWN away and SPAWNED is told. Of each process
 * that engine_process calls LIVE and that is not there any more, EXITED is told; one that is there and of which the engine
 * knows nothing (PROC_NONE) is killed, and EMPTY told when a unit has no process left. Events may be told again: a second
 * SPAWNED, EXECED, SPAWN_FAILED, SETUP_DONE, EMPTY, TRIGGER or READY=1 changes nothing.
 */
#ifndef CORE_ENGINE_KEPT_H
#define CORE_ENGINE_KEPT_H

#include "supervisor/core/engine/engine.h"
#include "supervisor/core/engine/kept.h"

/* KEPT_ENGINE: one record, index 0. KEPT_LIFE: one for each unit, by its index. */
enum kept_part { KEPT_ENGINE, KEPT_LIFE, KEPT_PARTS };

/* Records of ours. Names of members are what another version knows them by; see kept.h. */
const struct kept_layout *engine_kept_layout(enum kept_part part);

/*
 * Gives each record that may have changed since the last call: that of the engine always, those of units that were
 * touched since, and all of a generation that is new. packed: engine_kept_layout(part)->size bytes, for the time of the call.
 */
void engine_kept_changed(struct engine *e,
	void (*put)(void *data, enum kept_part part, uint32_t index, const uint8_t *packed),
	void *data);

/*
 * All actions that wait, `doing` (or NULL) in front of them, without SWAP. Returns the bytes they are; when
 * there is no room for all, lines of LOG are left out, then JOB_DONE, the last first. More than `room`: it is too small even so, and what
 * stands in `to` is nothing.
 */
size_t engine_kept_queue(const struct engine *e, const struct action *doing, uint8_t *to,
	size_t room);

struct engine_past {
	struct kept_map map[KEPT_PARTS];
	/* One of map[part].size bytes; NULL: it cannot be read. */
	const uint8_t *(*record)(void *data, enum kept_part part, uint32_t index);
	void *data;
	const uint8_t *queue;
	size_t queue_size;
};

/*
 * Makes a fresh engine what the old one was. Each value is checked. A unit whose record makes no sense is lost: what may
 * run of it is killed (ACT_KILL, its state is "stop-sigkill" until EMPTY comes) and then it starts again, when it was wanted,
 * or when that cannot be known default.target wants it; one without processes is set up again. When the record of the
 * engine makes no sense, it begins with what a fresh one has. Returns how many records were lost, each said in the log.
 */
uint32_t engine_restore(struct engine *e, const struct engine_past *past, uint64_t now);
/* By the last engine_restore: nothing is known of what this unit has. */
bool engine_was_lost(const struct engine *e, uint32_t unit);

/* ASKED: SPAWN is out or waits in the queue. SETTLED: live, and EXECED or SPAWN_FAILED was told. */
enum proc_state { PROC_NONE, PROC_ASKED, PROC_LIVE, PROC_SETTLED };
/* What the engine thinks of the process of that role; of helper commands there is one at a time. */
enum proc_state engine_process(const struct engine *e, uint32_t unit, enum role role);
/* Its pid as SPAWNED has told it; 0: it is not live, or was not told. */
int32_t engine_process_pid(const struct engine *e, uint32_t unit, enum role role);
/* Takes the first SPAWN of this role out of the queue: it was performed. False: there is none. */
bool engine_kept_drop(struct engine *e, uint32_t unit, enum role role);

/*
 * A job of a command on the unit, numbers growing, of which JOB_DONE was not performed. False: the engine never heard of it.
 * True: JOB_DONE will come.
 */
bool engine_job_resume(struct engine *e, uint32_t unit, uint32_t job);

/* How the machine is ending, enum wire_end; 0: it is not. A request for what is going on anyway is none to hurry. */
int engine_ending(const struct engine *e);

#endif
