/* What may happen in a state: each answer that sys/ may give to what the engine ordered, and what people command. */
#include "tests/sim/explore.h"

#include "common/util.h"
#include "common/wire.h"

#include <signal.h>
#include <stdio.h>

enum word { WORD_READY, WORD_RELOADING, WORD_STOPPING, WORD_TRIGGER };
/* Of the machine and of no unit. */
enum { DO_SHUTDOWN = EV_COUNT, DO_SWAP };

const struct choice choices[] = {
	{ EV_START, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_STOP, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_RESTART, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_RESET, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_RELOAD, WHO_NOBODY, 0, EVENTS_WORDS },
	{ EV_SETUP_DONE, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_SETUP_FAILED, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_SPAWNED, WHO_MAIN, 0, EVENTS_BASIC },
	{ EV_SPAWNED, WHO_HELPER, 0, EVENTS_BASIC },
	{ EV_SPAWNED, WHO_CHECK, 0, EVENTS_BASIC },
	{ EV_SPAWN_FAILED, WHO_MAIN, 0, EVENTS_BASIC },
	{ EV_SPAWN_FAILED, WHO_HELPER, 0, EVENTS_BASIC },
	{ EV_SPAWN_FAILED, WHO_CHECK, 0, EVENTS_BASIC },
	{ EV_EXECED, WHO_MAIN, 0, EVENTS_BASIC },
	{ EV_EXECED, WHO_HELPER, 0, EVENTS_WORDS },
	{ EV_EXITED, WHO_MAIN, 0, EVENTS_BASIC },
	{ EV_EXITED, WHO_MAIN, 1 << 8, EVENTS_BASIC },
	{ EV_EXITED, WHO_MAIN, SIGKILL, EVENTS_DEATH },
	{ EV_EXITED, WHO_HELPER, 0, EVENTS_BASIC },
	{ EV_EXITED, WHO_HELPER, 1 << 8, EVENTS_BASIC },
	{ EV_EXITED, WHO_CHECK, 0, EVENTS_BASIC },
	{ EV_EXITED, WHO_CHECK, 1 << 8, EVENTS_BASIC },
	{ EV_NOTIFY, WHO_MAIN, WORD_READY, EVENTS_BASIC },
	{ EV_NOTIFY, WHO_MAIN, WORD_RELOADING, EVENTS_WORDS },
	{ EV_NOTIFY, WHO_MAIN, WORD_STOPPING, EVENTS_WORDS },
	{ EV_NOTIFY, WHO_MAIN, WORD_TRIGGER, EVENTS_WORDS },
	{ EV_OOM, WHO_MAIN, 0, EVENTS_BASIC },
	{ EV_EMPTY, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_TRIGGER, WHO_NOBODY, 0, EVENTS_BASIC },
	{ EV_TIMEOUT, WHO_NOBODY, 0, EVENTS_BASIC },
	{ DO_SHUTDOWN, WHO_NOBODY, 0, EVENTS_MACHINE },
	{ DO_SWAP, WHO_NOBODY, 0, EVENTS_MACHINE },
};
const size_t n_choices = ARRAY_LEN(choices);

/* The role that is meant: of helper commands there is one at a time. */
static enum role role_of(const struct actor *a, enum who who)
{
	if (who == WHO_CHECK)
		return ROLE_HEALTH;
	if (who == WHO_HELPER)
		for (unsigned int r = ROLE_CONDITION; r <= ROLE_STOP_POST; r++)
			if (a->asked[r] || a->live[r])
				return (enum role)r;
	return ROLE_MAIN;
}

static bool is_empty(const struct actor *a)
{
	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		if (a->live[r])
			return false;
	return true;
}

/* Where the moment of the execution is nothing to the engine, it is no event: half the states. */
static bool minds_execution(const struct explorer *x, uint32_t u)
{
	const struct unit *unit = unit_of(x->engine, u);

	return (x->events & EVENTS_WORDS) != 0 || engine_type(unit) == TYPE_EXEC ||
		unit->kind == KIND_CONTAINER;
}

static bool is_mounted(const struct explorer *x, uint32_t u)
{
	return unit_of(x->engine, u)->kind == KIND_MOUNT &&
		life_of(x->engine, u)->run.state == ST_RUNNING;
}

bool world_can(const struct explorer *x, uint32_t u, const struct choice *c)
{
	const struct actor *a = &x->actors[u];
	enum role role = role_of(a, c->who);

	if ((x->events & c->events) == 0 || (c->who == WHO_HELPER && role == ROLE_MAIN))
		return false;
	switch (c->kind) {
	case EV_SETUP_DONE:
		return a->setups > 0;
	case EV_SETUP_FAILED: /* or it was unmounted */
		return a->setups > 0 || is_mounted(x, u);
	case EV_TRIGGER:
		return a->watched;
	case EV_SPAWNED:
		return a->asked[role];
	case EV_SPAWN_FAILED:
		return a->asked[role] || a->live[role];
	case EV_EXECED:
		return a->live[role] && !a->execed[role] && minds_execution(x, u);
	case EV_EXITED:
		return a->live[role];
	case EV_NOTIFY: /* of a helper as well */
		return a->live[role] || (!is_empty(a) && (x->events & EVENTS_WORDS) != 0) ||
			(a->died && (x->events & EVENTS_DEATH) != 0);
	case EV_OOM:
		return a->live[role] || (a->died && (x->events & EVENTS_DEATH) != 0);
	case EV_EMPTY:
		return is_empty(a);
	case EV_TIMEOUT:
		return u == x->own[0] && engine_deadline(x->engine) != TIME_INFINITY;
	case DO_SHUTDOWN:
	case DO_SWAP:
		return u == x->own[0] && !x->engine->ended;
	default:
		return true;
	}
}

static void take(struct explorer *x, const struct action *a)
{
	struct actor *actor = &x->actors[a->unit];

	if (a->kind == ACT_SPAWN) {
		if (actor->live[a->role] || actor->asked[a->role])
			checker_fault(&x->checker, "two processes of one role");
		actor->asked[a->role] = true;
	} else if (a->kind == ACT_WATCH || a->kind == ACT_TEARDOWN) {
		actor->watched = a->kind == ACT_WATCH;
	} else if (a->kind == ACT_SETUP) {
		actor->setups += actor->setups < 2;
	} else if (a->kind == ACT_KILL ||
		((a->kind == ACT_SIGNAL || a->kind == ACT_SIGNAL_ALL) && a->arg == SIGKILL)) {
		x->killed |= 1u << a->unit;
	}
}

void world_take_actions(struct explorer *x)
{
	struct action a;
	uint32_t n = 0;

	while (engine_next(x->engine, &a) && n++ < 10000)
		take(x, &a);
	if (n >= 10000)
		checker_fault(&x->checker, "the engine does not come to rest");
	checker_engine(&x->checker, x->engine);
}

static void note(struct actor *a, enum event_kind kind, enum role role)
{
	if (kind == EV_TRIGGER)
		a->watched = false;
	if (kind == EV_SETUP_DONE || kind == EV_SETUP_FAILED)
		a->setups -= a->setups > 0;
	if (kind == EV_SPAWNED || kind == EV_EXITED)
		a->live[role] = kind == EV_SPAWNED;
	if (kind == EV_SPAWNED || kind == EV_SPAWN_FAILED)
		a->asked[role] = false;
	if (kind == EV_EXECED || kind == EV_EXITED)
		a->execed[role] = kind == EV_EXECED;
	if (role != ROLE_MAIN)
		return;
	if (kind == EV_EXITED)
		a->died = true;
	else if (kind == EV_SPAWNED || kind == EV_OOM || kind == EV_NOTIFY)
		a->died = false;
}

static void send(struct explorer *x, uint32_t u, enum event_kind kind, enum role role,
	int32_t value)
{
	const struct notify words = { .ready = value == WORD_READY,
		.reloading = value == WORD_RELOADING,
		.stopping = value == WORD_STOPPING,
		.watchdog_trigger = value == WORD_TRIGGER,
		.watchdog_usec = UINT64_MAX };
	const struct event event = { .kind = kind,
		.unit = u,
		.role = role,
		.pid = 7,
		.status = value,
		.notify = &words,
		.text = "it cannot" };

	note(&x->actors[u], kind, role);
	engine_event(x->engine, &event, x->engine->now);
}

void world_event(struct explorer *x, uint32_t u, enum event_kind kind, enum role role,
	int32_t status)
{
	send(x, u, kind, role, status);
	world_take_actions(x);
}

void world_does(struct explorer *x, uint32_t u, const struct choice *c)
{
	struct engine *e = x->engine;

	if (c->kind == EV_TIMEOUT)
		engine_tick(e, engine_deadline(e));
	else if (c->kind == DO_SHUTDOWN)
		engine_shutdown(e, END_POWEROFF, e->now);
	else if (c->kind == DO_SWAP)
		engine_reload(e, &x->sets[e->gen.set == &x->sets[0]], 0, e->now);
	else
		send(x, u, (enum event_kind)c->kind, role_of(&x->actors[u], c->who), c->value);
	world_take_actions(x);
	x->transitions++;
}

static const char *const kind_words[] = {
#define X(id, name) [EV_##id] = name,
	EVENTS(X)
#undef X
		[DO_SHUTDOWN] = "shutdown of the machine",
	[DO_SWAP] = "reload of the files",
};

void world_print(const struct explorer *x, uint32_t u, const struct choice *c)
{
	static const char *const who[] = { "main", "helper", "check", "" };

	printf("    %s: %s %s %d\n", x->sets[0].units[u].name, kind_words[c->kind], who[c->who],
		(int)c->value);
}
