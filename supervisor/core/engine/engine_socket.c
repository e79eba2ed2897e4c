/*
 * Socket units. While its service is down, a socket that is up is watched by sys/ (ACT_WATCH); the first connection
 * comes as EV_TRIGGER and wants the service. The socket itself stays open all the time, so what comes while the service
 * starts, restarts or waits for its next try stays in the backlog.
 *
 * Whether to watch is not told by events but seen: each change of the socket or of its service gives the socket a
 * turn, and at its turn it looks.
 */
#include "supervisor/core/engine/engine_run.h"

#include <stdio.h>

/* The unit that it starts, or NO_UNIT. */
static uint32_t service_of(const struct engine *e, uint32_t u)
{
	const struct edges *out = &e->gen.set->nodes[u].out[DEP_TRIGGERS];

	return out->n > 0 ? out->v[0] : NO_UNIT;
}

static bool is_socket(const struct engine *e, uint32_t u)
{
	return unit_of(e, u)->kind == KIND_SOCKET;
}

/* Down, and nobody is about to start it. */
static bool is_idle(const struct life *l)
{
	return in_states(l, STATES_DOWN) && l->ask == ASK_NONE && !l->held;
}

void engine_socket_turn(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	uint32_t service;

	if (!is_socket(e, u) || l->run.state != ST_RUNNING || e->ending != 0)
		return;
	service = service_of(e, u);
	if (service != NO_UNIT && !is_idle(life_of(e, service))) {
		l->watched = false; /* a trigger that still comes does nothing */
		return;
	}
	if (l->watched)
		return;
	l->watched = true;
	engine_push(e, ACT_WATCH, u);
}

void engine_socket_wake(struct engine *e, uint32_t service)
{
	const struct edges *by = &e->gen.set->nodes[service].in[DEP_TRIGGERS];

	for (size_t i = 0; i < by->n; i++)
		if (is_socket(e, by->v[i]))
			engine_turn_later(e, by->v[i]);
}

/* As systemd: who comes now would bind what the service has bound by itself. */
const char *engine_socket_refused(const struct engine *e, uint32_t u, char *why, size_t size)
{
	uint32_t service = is_socket(e, u) ? service_of(e, u) : NO_UNIT;

	if (service == NO_UNIT ||
		in_states(life_of(e, service),
			STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(BACKOFF)))
		return NULL;
	snprintf(why, size, "%s is up already, without this socket; stop it first",
		unit_of(e, service)->name);
	return why;
}

void engine_socket_over_limit(struct engine *e, uint32_t service)
{
	const struct edges *by = &e->gen.set->nodes[service].in[DEP_TRIGGERS];

	for (size_t i = 0; i < by->n; i++)
		if (is_socket(e, by->v[i]) && life_of(e, by->v[i])->run.state == ST_RUNNING)
			engine_fail(e, by->v[i], CAUSE_TRIGGER,
				"service-start-limit-hit: %s failed too often",
				unit_of(e, service)->name);
}

void engine_socket_why(const struct engine *e, uint32_t u, struct text *t)
{
	uint32_t service = service_of(e, u);

	if (service == NO_UNIT)
		text_puts(t, "there is no unit to start any more");
	else if (life_of(e, u)->watched)
		text_printf(t, "the first connection starts %s", unit_of(e, service)->name);
	else
		text_printf(t, "%s is %s", unit_of(e, service)->name,
			state_name(life_of(e, service)->run.state));
}

void engine_put_triggers(const struct engine *e, uint32_t u, struct text *t)
{
	const struct edges *by = &e->gen.set->nodes[u].in[DEP_TRIGGERS];

	for (size_t i = 0; i < by->n; i++)
		if (life_of(e, by->v[i])->run.state == ST_RUNNING)
			text_printf(t, "; %s will start it", unit_of(e, by->v[i])->name);
}

static bool over_limit(struct engine *e, uint32_t u)
{
	const struct socket_section *s = &unit_of(e, u)->socket;
	const struct unit_section limit = {
		.start_limit_interval = s->trigger_interval,
		.start_limit_burst = s->trigger_burst,
	};

	return !restart_count(&life_of(e, u)->triggers, &limit, e->now);
}

void rule_trigger(struct engine *e, uint32_t u, const struct event *event)
{
	const struct socket_section *s = &unit_of(e, u)->socket;
	uint32_t service = is_socket(e, u) ? service_of(e, u) : NO_UNIT;
	struct life *l = life_of(e, u);
	char span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	if (!is_socket(e, u)) {
		rule_impossible(e, u, event);
		return;
	}
	l->watched = false;
	/* A unit may have vanished in a reload, or its service come up meanwhile. */
	if (service != NO_UNIT && unit_of(e, service)->broken != NULL) {
		engine_fail(e, u, CAUSE_TRIGGER, "%s cannot start: %s", unit_of(e, service)->name,
			unit_of(e, service)->broken);
	} else if (service == NO_UNIT) {
		engine_fail(e, u, CAUSE_TRIGGER, "there is no unit to start any more");
	} else if (is_idle(life_of(e, service)) && over_limit(e, u)) {
		cause_put_time(&t, s->trigger_interval);
		engine_fail(e, u, CAUSE_TRIGGER,
			"trigger-limit-hit: more than %u activations in %s", s->trigger_burst,
			span);
	} else if (is_idle(life_of(e, service)) && e->ending == 0 && l->ask == ASK_NONE) {
		l->run.triggers++;
		engine_log(e, service, LOG_LEVEL_INFO, "started by %s", unit_of(e, u)->name);
		engine_want(e, WANT_START, service, false);
	} else {
		engine_turn_later(e, u);
	}
}

bool engine_socket_is_watched(const struct engine *e, uint32_t socket)
{
	return life_of(e, socket)->watched;
}
