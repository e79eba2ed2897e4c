#include "tests/unit/engine_world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world *world_new(size_t room)
{
	struct world *w = calloc(1, sizeof(*w));

	w->room = room;
	w->set.units = arena_array(&w->set.arena, room, sizeof(*w->set.units));
	w->set.nodes = arena_array(&w->set.arena, room, sizeof(*w->set.nodes));
	w->actors = calloc(room, sizeof(*w->actors));
	w->next_pid = 100;
	w->now = SEC;
	memset(w->job_result, 0xff, sizeof(w->job_result));
	return w;
}

void world_free(struct world *w)
{
	if (w->engine != NULL)
		engine_free(w->engine);
	arena_free(&w->set.arena);
	free(w->actors);
	free(w);
}

void world_commands(struct world *w, struct commands *list, size_t n)
{
	list->v = arena_array(&w->set.arena, n, sizeof(*list->v));
	list->n = n;
}

struct unit *world_add(struct world *w, const char *name, enum unit_kind kind)
{
	struct unit *unit = &w->set.units[w->set.n++];

	unit->name = arena_strdup(&w->set.arena, name);
	unit->kind = kind;
	unit->digest = 1;
	unit->service.timeout_start = 90 * SEC;
	unit->service.timeout_stop = 90 * SEC;
	unit->service.timeout_abort = 90 * SEC;
	unit->service.runtime_max = TIME_INFINITY;
	unit->service.restart_stable = 600 * SEC;
	unit->service.final_kill_signal = SIGKILL;
	unit->service.watchdog_signal = SIGABRT;
	unit->service.reload_signal = SIGHUP;
	unit->service.restart_sec = 100 * MS;
	unit->service.restart_max_delay = TIME_INFINITY;
	unit->service.kill_signal = SIGTERM;
	unit->service.send_sigkill = true;
	unit->service.memory_max.value = SIZE_UNSET;
	unit->container.memory.value = SIZE_UNSET;
	unit->container.stop_timeout = 10 * SEC;
	unit->container.run_init = true;
	unit->unit.failure_exit = unit->unit.success_exit = INT_UNSET;
	unit->unit.job_timeout = unit->unit.job_running_timeout = TIME_INFINITY;
	if (kind == KIND_SERVICE)
		world_commands(w, &unit->service.exec_start, 1);
	return unit;
}

static void grow(struct world *w, struct edges *edges, uint32_t u)
{
	/* Room doubles when n is a power of two. */
	if ((edges->n & (edges->n - 1)) == 0) {
		uint32_t *v = arena_array(&w->set.arena, edges->n == 0 ? 1 : 2 * edges->n,
			sizeof(*v));

		if (edges->n > 0)
			memcpy(v, edges->v, edges->n * sizeof(*v));
		edges->v = v;
	}
	edges->v[edges->n++] = u;
}

void world_edge(struct world *w, uint32_t a, enum dependency dep, uint32_t b)
{
	grow(w, &w->set.nodes[a].out[dep], b);
	grow(w, &w->set.nodes[b].in[dep], a);
}

void world_begin(struct world *w)
{
	w->engine = engine_new(&w->set);
}

struct world *world_one(enum unit_kind kind)
{
	struct world *w = world_new(1);

	world_add(w, "web", kind);
	return w;
}

void world_start(struct world *w)
{
	world_begin(w);
	world_command(w, EV_START, 0, 1);
}

/* ---- what the world does */

static void say(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct world *w, const char *fmt, ...)
{
	va_list args;
	int n;

	if (w->quiet || w->trace_len + 400 > TRACE_SIZE)
		return;
	va_start(args, fmt);
	n = vsnprintf(w->trace + w->trace_len, TRACE_SIZE - w->trace_len, fmt, args);
	va_end(args);
	w->trace_len += (size_t)n;
}

static void tell(struct world *w, const struct event *event)
{
	engine_event(w->engine, event, w->now);
}

static void tell_exit(struct world *w, uint32_t u, enum role role, int32_t status)
{
	struct actor *a = &w->actors[u];

	*(role == ROLE_MAIN ? &a->main : role == ROLE_HEALTH ? &a->check : &a->helper) = false;
	if (role == ROLE_MAIN && a->linger)
		a->leftover = true;
	tell(w,
		&(struct event){ .kind = EV_EXITED,
			.unit = u,
			.role = role,
			.status = status,
			.text = role == ROLE_HEALTH ? a->check_line : NULL });
	/* What is in the container goes with its first process. */
	if (role == ROLE_MAIN && a->check)
		tell_exit(w, u, ROLE_HEALTH, SIGKILL);
	else if (!a->main && !a->helper && !a->leftover && !a->check)
		tell(w, &(struct event){ .kind = EV_EMPTY, .unit = u });
}

static void do_spawn(struct world *w, const struct action *act)
{
	struct actor *a = &w->actors[act->unit];
	struct event event = { .unit = act->unit, .role = act->role, .pid = w->next_pid++ };

	if (a->hold_spawn)
		return;
	event.kind = a->fail_spawn ? EV_SPAWN_FAILED : EV_SPAWNED;
	event.text = "open /nowhere: No such file or directory";
	if (a->fail_spawn) {
		tell(w, &event);
		return;
	}
	if (act->role == ROLE_MAIN) {
		a->spawns++;
		w->max_mains = a->main ? 2 : w->max_mains;
		a->main = true;
		event.health = a->image;
	} else if (act->role == ROLE_HEALTH) {
		w->max_checks = a->check ? 2 : w->max_checks;
		a->check = true;
	} else {
		a->helper = true;
		a->role = act->role;
	}
	tell(w, &event);
	event.kind = EV_EXECED;
	if (!a->hold_exec)
		tell(w, &event);
	if (act->role == ROLE_MAIN && a->ends_at_once && a->main)
		tell_exit(w, act->unit, ROLE_MAIN, a->main_status);
	else if (act->role == ROLE_HEALTH && !a->hold_checks && a->check)
		tell_exit(w, act->unit, ROLE_HEALTH, a->check_status);
	else if (act->role != ROLE_MAIN && act->role != ROLE_HEALTH && !a->hold_helpers &&
		a->helper)
		tell_exit(w, act->unit, act->role, a->helper_status[act->role]);
}

static void do_signal(struct world *w, uint32_t u, bool main, bool helper, int sig)
{
	struct actor *a = &w->actors[u];

	if (a->immortal)
		return;
	if (sig == 0)
		sig = SIGTERM;
	if (main && (a->handles >> sig & 1) != 0)
		main = false;
	if (main && a->main && (sig == SIGKILL || sig == SIGABRT || !a->ignore_term))
		tell_exit(w, u, ROLE_MAIN, sig);
	if (helper && a->helper)
		tell_exit(w, u, a->role, sig);
	if (main && helper && a->check)
		tell_exit(w, u, ROLE_HEALTH, sig);
}

/* It reaches what the main process left behind as well. */
static void do_signal_all(struct world *w, uint32_t u, int sig)
{
	struct actor *a = &w->actors[u];
	bool linger = a->linger;

	a->linger = linger && a->ignore_term && sig != SIGKILL;
	if (!a->immortal)
		a->leftover = a->leftover && a->ignore_term && sig != SIGKILL;
	if (a->main || a->helper || a->check)
		do_signal(w, u, true, true, sig);
	else if (!a->leftover)
		tell(w, &(struct event){ .kind = EV_EMPTY, .unit = u });
	a->linger = linger;
}

static void do_action(struct world *w, const struct action *act)
{
	const char *name = act->unit < w->set.n ? w->set.units[act->unit].name : "?";
	struct actor *a = &w->actors[act->unit];

	switch (act->kind) {
	case ACT_SETUP:
		say(w, "setup %s\n", name);
		if (!a->hold_setup)
			tell(w,
				&(struct event){
					.kind = a->fail_setup ? EV_SETUP_FAILED : EV_SETUP_DONE,
					.unit = act->unit,
					.text = "no such interface" });
		break;
	case ACT_SPAWN:
		say(w, "spawn %s %s %u\n", name, role_name(act->role), act->index);
		do_spawn(w, act);
		break;
	case ACT_SIGNAL:
		say(w, "signal %s %s %d\n", name, role_name(act->role), act->arg);
		if (act->role == ROLE_HEALTH && a->check && !a->immortal)
			tell_exit(w, act->unit, ROLE_HEALTH, act->arg);
		else if (act->role != ROLE_HEALTH)
			do_signal(w, act->unit, act->role == ROLE_MAIN, act->role != ROLE_MAIN,
				act->arg);
		break;
	case ACT_SIGNAL_ALL:
		say(w, "signal-all %s %d\n", name, act->arg);
		do_signal_all(w, act->unit, act->arg);
		break;
	case ACT_KILL:
		say(w, "kill %s\n", name);
		do_signal_all(w, act->unit, SIGKILL);
		break;
	case ACT_WATCH:
		say(w, "watch %s\n", name);
		a->watched = true;
		break;
	case ACT_TEARDOWN:
		a->watched = false;
		say(w, "teardown %s\n", name);
		break;
	case ACT_LOG:
		say(w, "log %s %s\n", name, act->text);
		snprintf(w->last_log, sizeof(w->last_log), "%s", act->text);
		w->logs++;
		break;
	case ACT_JOB_DONE:
		say(w, "job %u %s %s\n", act->job, act->arg == 0 ? "done" : "failed", act->text);
		if (act->job < 16) {
			w->job_result[act->job] = act->arg;
			snprintf(w->job_text[act->job], sizeof(w->job_text[0]), "%s", act->text);
		}
		break;
	case ACT_STAMP:
		say(w, "stamp %s\n", name);
		break;
	case ACT_MACHINE:
		say(w, "machine %d %u %s\n", act->arg, act->index, act->text);
		w->machine = act->arg;
		w->machine_status = act->index;
		w->machine_named = act->job == 1;
		break;
	case ACT_SWAP:
		say(w, "swap\n");
		w->swaps++;
		break;
	case ACT_COUNT:
		break;
	}
}

void world_perform(struct world *w)
{
	struct action act;
	size_t n = 0;

	for (; engine_next(w->engine, &act); n++) {
		/* More than a unit's whole life for each of them: it turns in circles. */
		if (n > 100 * w->set.n + 20000) {
			fprintf(stderr, "the engine does not come to rest\n%s", w->trace);
			abort();
		}
		do_action(w, &act);
	}
}

/* ---- what a test does */

void world_event(struct world *w, const struct event *event)
{
	tell(w, event);
	world_perform(w);
}

void world_command(struct world *w, enum event_kind kind, uint32_t u, uint32_t job)
{
	world_event(w, &(struct event){ .kind = kind, .unit = u, .job = job });
}

void world_exit(struct world *w, uint32_t u, int32_t status)
{
	tell_exit(w, u, ROLE_MAIN, status);
	world_perform(w);
}

void world_helper_exit(struct world *w, uint32_t u, int32_t status)
{
	tell_exit(w, u, w->actors[u].role, status);
	world_perform(w);
}

void world_check_exit(struct world *w, uint32_t u, int32_t status)
{
	tell_exit(w, u, ROLE_HEALTH, status);
	world_perform(w);
}

void world_connect(struct world *w, uint32_t u)
{
	if (!w->actors[u].watched)
		return;
	w->actors[u].watched = false;
	world_event(w, &(struct event){ .kind = EV_TRIGGER, .unit = u });
}

void world_ready(struct world *w, uint32_t u)
{
	const struct notify n = { .ready = true, .watchdog_usec = UINT64_MAX };

	world_event(w, &(struct event){ .kind = EV_NOTIFY, .unit = u, .notify = &n });
}

void world_say(struct world *w, uint32_t u, struct notify n)
{
	if (n.watchdog_usec == 0)
		n.watchdog_usec = UINT64_MAX;
	world_event(w, &(struct event){ .kind = EV_NOTIFY, .unit = u, .notify = &n });
}

void world_pass(struct world *w, uint64_t span)
{
	uint64_t until = w->now + span;

	while (engine_deadline(w->engine) <= until) {
		w->now = engine_deadline(w->engine);
		engine_tick(w->engine, w->now);
		world_perform(w);
	}
	w->now = until;
}

void world_clear(struct world *w)
{
	w->trace_len = 0;
	w->trace[0] = '\0';
	w->logs = 0;
}

enum state world_state(const struct world *w, uint32_t u)
{
	return world_run(w, u)->state;
}

const struct run *world_run(const struct world *w, uint32_t u)
{
	return engine_run(w->engine, u);
}

bool world_in_order(const struct world *w, ...)
{
	const char *at = w->trace, *text;
	va_list args;

	va_start(args, w);
	while (at != NULL && (text = va_arg(args, const char *)) != NULL) {
		at = strstr(at, text);
		if (at == NULL)
			fprintf(stderr, "not there (in this order): %s\n---\n%s---\n", text,
				w->trace);
		else
			at += strlen(text);
	}
	va_end(args);
	return at != NULL;
}

size_t world_count(const struct world *w, const char *text)
{
	size_t n = 0;

	for (const char *at = w->trace; (at = strstr(at, text)) != NULL; at += strlen(text))
		n++;
	return n;
}
