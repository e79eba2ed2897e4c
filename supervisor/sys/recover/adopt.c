#include "supervisor/sys/recover/adopt.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/core/engine/cause.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/recover/leftover.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/unit/facts.h"
#include "supervisor/sys/wall.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A child that was let go says so at once; one that was not ends. */
#define BEGIN_US (5 * USEC_PER_SEC)

/* ---- what was kept */

/* Killed from outside, or ended on purpose, says nothing against the state it had. */
static bool died_of_itself(const struct supervisor *s)
{
	int status = (int)atomic_load(&s->launcher.roster->ended);

	return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM;
}

bool adopt_open(struct supervisor *s, struct kept_file *past)
{
	int fd = held_take(s, "state", "now");
	struct err e;

	if (fd < 0)
		return false;
	if (kept_open(past, fd, died_of_itself(s), &e) == 0) {
		s->set = kept_units(past);
		if (s->set != NULL)
			return true;
		kept_close(past);
		(void)err_setx(&e, "its unit files cannot be read");
	}
	journal(s, LOG_LEVEL_ERROR, NULL,
		"the state of the supervisor before cannot be used: %s; all units are started anew",
		e.msg);
	return false;
}

static const uint8_t *engine_record(void *data, enum kept_part part, uint32_t index)
{
	return kept_record(data, part == KEPT_ENGINE ? KEEP_ENGINE : KEEP_LIFE, index);
}

void adopt_init_crashes(struct supervisor *s, unsigned int crashes)
{
	if (crashes > s->init_crashes)
		journal(s, LOG_LEVEL_ERROR, NULL,
			"init has crashed and executed itself anew; times since the machine started: %u",
			crashes);
	s->init_crashes = crashes;
}

static void restore_engine(struct supervisor *s, struct kept_file *past)
{
	struct engine_past from = { .record = engine_record, .data = past };
	struct kept_supervisor own;
	unsigned int crashes = s->init_crashes;
	uint32_t lost;

	from.map[KEPT_ENGINE] = past->maps[KEEP_ENGINE];
	from.map[KEPT_LIFE] = past->maps[KEEP_LIFE];
	from.queue = kept_queue(past, &from.queue_size);
	lost = engine_restore(s->engine, &from, now_us());
	if (lost > 0)
		journal(s, LOG_LEVEL_ERROR, NULL,
			"what the supervisor before kept of %u units cannot be read: they are started anew",
			lost);
	kept_supervisor(past, &own);
	s->ending = s->ending_kept = own.ending;
	s->boot.watch = own.watch;
	s->init_crashes = own.init_crashes;
	adopt_init_crashes(s, crashes);
}

/* How that one ended, unless by `supctl reexec`, which it has told itself. */
static void tell_goes_on(struct supervisor *s, size_t processes)
{
	int status = (int)atomic_load(&s->launcher.roster->ended);
	char ended[48] = "";
	struct text t = { .buf = ended, .size = sizeof(ended) };

	if (status != 0) {
		text_puts(&t, ", ");
		cause_put_status(&t, status);
	}
	journal(s, LOG_LEVEL_INFO, NULL, "goes on with %zu processes of the supervisor before%s",
		processes, ended);
}

/* ---- instances */

/*
 * A service waits for nothing of this but for its log, when the pipe is full: all pipes come first, and are looked after
 * while the rest is taken up. number: of what comes next, as that is not worth a system call each.
 */
static void attend(struct supervisor *s, uint32_t number)
{
	if (number % 16 == 0)
		logs_attend(&s->logs);
}

static void adopt_instance(struct supervisor *s, uint32_t index, const struct kept_unit *kept)
{
	struct instance *inst = instance_get(s, index);
	const struct unit *u = unit_at(s, index);
	struct err e;

	if (inst == NULL)
		abort(); /* no memory: init starts us again */
	if (inst->image == NULL && u->container.image != NULL)
		inst->image = strdup(u->container.image);
	inst->notify_access = kept->notify_access;
	inst->stop_signal = kept->stop_signal;
	inst->oom_kills = kept->oom_kills;
	inst->oom_past = kept->oom_past;
	inst->cgroup_killed = true;
	if (held_has(s, "log-out", u->name) && instance_logs(inst, &e) < 0)
		journal(s, LOG_LEVEL_ERROR, u->name, "take its log over: %s", e.msg);
}

static void adopt_sources(struct supervisor *s, struct instance *inst)
{
	int fd = held_take(s, "notify", inst->unit);

	if (fd >= 0)
		notify_adopt(inst, fd);
	fd = held_take(s, "ready", inst->unit);
	if (fd >= 0)
		ready_adopt(inst, fd);
	watch_unit(inst);
}

/* All that hold something, and that may: a start can have been under way. */
static bool may_hold(const struct supervisor *s, uint32_t index, const struct kept_unit *kept)
{
	enum unit_kind kind = unit_at(s, index)->kind;
	enum state state = engine_run(s->engine, index)->state;

	if (kind == KIND_TARGET || kind == KIND_TIMER)
		return false;
	return kept->held || (state != ST_INACTIVE && state != ST_FAILED) ||
		engine_was_lost(s->engine, index);
}

static void adopt_instances(struct supervisor *s, const struct kept_file *past)
{
	struct kept_unit kept;

	for (uint32_t i = 0; i < s->set->n; i++) {
		kept_unit(past, i, &kept);
		if (may_hold(s, i, &kept))
			adopt_instance(s, i, &kept);
	}
	for (uint32_t i = 0; i < s->set->n; i++) {
		attend(s, i);
		if (s->instances[i] != NULL)
			adopt_sources(s, s->instances[i]);
	}
	networks_adopt(s);
}

/* One that cannot be had again has failed: nobody would hear who calls. */
static void adopt_sockets(struct supervisor *s)
{
	struct err e;

	for (uint32_t i = 0; i < s->set->n; i++) {
		const struct event lost = { .kind = EV_SETUP_FAILED, .unit = i, .text = e.msg };

		if (unit_at(s, i)->kind != KIND_SOCKET || s->instances[i] == NULL ||
			engine_run(s->engine, i)->state != ST_RUNNING)
			continue;
		if (socket_setup(s->instances[i], &e) < 0) {
			(void)err_prefix(&e, "take its sockets over");
			supervise_note(s, &lost);
		} else if (engine_socket_is_watched(s->engine, i)) {
			socket_watch(s->instances[i]);
		}
	}
}

/* ---- processes */

static bool has_begun(const struct roster_slot *slot)
{
	uint64_t until = now_us() + BEGIN_US;

	while (!slot->begun && atomic_load(&slot->state) == SLOT_LIVE && now_us() < until)
		breathe();
	return slot->begun;
}

/* A start that was under way at the end. Its SPAWN is the first of its kind in the queue. */
static bool is_of_last_action(struct supervisor *s, uint32_t index, struct roster_slot *slot)
{
	return engine_process(s->engine, index, (enum role)slot->role) == PROC_ASKED &&
		has_begun(slot) && engine_kept_drop(s->engine, index, (enum role)slot->role);
}

static void tell_spawned(struct supervisor *s, uint32_t index, const struct roster_slot *slot)
{
	struct arena a = { 0 };
	const struct event event = {
		.kind = EV_SPAWNED,
		.unit = index,
		.role = (enum role)slot->role,
		.pid = slot->pid,
		.health = facts_image_health(unit_at(s, index), (enum role)slot->role, &a),
	};

	supervise_note(s, &event);
	arena_free(&a);
}

/* False: nobody knows this process. */
static bool adopt_process(struct supervisor *s, uint32_t number, uint64_t committed_ns)
{
	struct roster_slot *slot = &s->launcher.roster->slot[number];
	enum role role = (enum role)slot->role;
	int at = memchr(slot->unit, '\0', sizeof(slot->unit)) != NULL
		? unit_set_find(s->set, slot->unit)
		: -1;
	uint32_t index = (uint32_t)at;
	struct instance *inst = at >= 0 ? s->instances[at] : NULL;
	struct err e;

	if (inst == NULL || role >= ROLE_COUNT)
		return false;
	if (role == ROLE_EXEC)
		return exec_adopt(inst, number);
	if (slot->started_ns >= committed_ns && is_of_last_action(s, index, slot))
		tell_spawned(s, index, slot);
	else if (engine_process(s->engine, index, role) < PROC_LIVE ||
		engine_process_pid(s->engine, index, role) != slot->pid)
		return false;
	if (process_adopt(inst, number, &e) < 0)
		abort(); /* no memory: init starts us again */
	watch_unit(inst);
	return true;
}

static size_t adopt_processes(struct supervisor *s, uint64_t committed_ns)
{
	size_t n = 0, used = roster_used(s);

	for (uint32_t i = 0; i < used; i++) {
		struct roster_slot *slot = &s->launcher.roster->slot[i];
		uint32_t state = atomic_load(&slot->state);

		if (state == SLOT_FREE)
			continue;
		attend(s, i);
		if (state != SLOT_RESERVED && adopt_process(s, i, committed_ns))
			n++;
		else
			leftover_slot(s, slot);
	}
	return n;
}

/* What the engine calls live and nobody has: its slot was lost. */
static void tell_vanished(struct supervisor *s)
{
	for (uint32_t i = 0; i < s->set->n; i++)
		for (enum role role = 0; role < ROLE_COUNT; role++) {
			const struct event event = {
				.kind = EV_EXITED, .unit = i, .role = role, .status = SIGKILL
			};

			if (role == ROLE_EXEC || engine_process(s->engine, i, role) < PROC_LIVE ||
				(s->instances[i] != NULL &&
					process_find(s, s->instances[i], role) != NULL))
				continue;
			journal(s, LOG_LEVEL_ERROR, unit_at(s, i)->name,
				"its process is in no slot of the roster: how it ended is not known");
			supervise_note(s, &event);
		}
}

/* What happened to cgroups while nobody listened. */
static void look_around(struct supervisor *s)
{
	processes_reap(s);
	for (uint32_t i = 0; i < s->set->n; i++) {
		attend(s, i);
		if (s->instances[i] != NULL)
			watch_check_oom(s->instances[i]);
		if (s->instances[i] != NULL)
			watch_check_empty(s->instances[i]);
	}
}

static void last_words_of(struct supervisor *s, const struct held *h)
{
	static const struct {
		const char *kind;
		enum log_stream stream;
	} pipes[] = { { "log-out:", LOG_OUT }, { "log-err:", LOG_ERR } };

	for (; h != NULL; h = h->next)
		for (size_t i = 0; i < ARRAY_LEN(pipes); i++)
			if (strncmp(h->name, pipes[i].kind, strlen(pipes[i].kind)) == 0)
				log_pipe_rest(&s->logs, h->name + strlen(pipes[i].kind),
					pipes[i].stream, h->fd);
}

/* Of units that are no more. */
static void last_words(struct supervisor *s)
{
	for (size_t i = 0; i < HELD_CHAINS; i++)
		last_words_of(s, s->held[i]);
	logs_sweep(&s->logs);
}

void adopt(struct supervisor *s, struct kept_file *past)
{
	uint64_t committed_ns = kept_committed_ns(past);
	size_t n;

	KILL_POINT("adopt-begin");
	restore_engine(s, past);
	control_adopt(s);
	KILL_POINT("adopt-engine");
	wall_tell(s, false);
	adopt_instances(s, past);
	KILL_POINT("adopt-instances");
	attend(s, 0);
	boot_adopt(s);
	keep_begin(s, past);
	KILL_POINT("adopt-kept");
	kept_close(past);
	adopt_sockets(s);
	n = adopt_processes(s, committed_ns);
	KILL_POINT("adopt-processes");
	exec_adopted(s);
	tell_vanished(s);
	attend(s, 0);
	leftovers(s);
	attend(s, 0);
	KILL_POINT("adopt-leftovers");
	last_words(s);
	KILL_POINT("adopt-words");
	held_drop_rest(s, socket_is_awaited);
	KILL_POINT("adopt-dropped");
	tell_goes_on(s, n);
	KILL_POINT("adopt-told");
	perform_all(s);
	KILL_POINT("adopt-performed");
	look_around(s);
	KILL_POINT("adopt-done");
}

void adopt_nothing(struct supervisor *s)
{
	nics_sweep(s);
	for (uint32_t i = 0, used = (uint32_t)roster_used(s); i < used; i++)
		if (atomic_load(&s->launcher.roster->slot[i].state) != SLOT_FREE)
			leftover_slot(s, &s->launcher.roster->slot[i]);
	leftovers(s);
	last_words(s);
}
