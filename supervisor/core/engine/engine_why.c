/*
 * What the engine says about itself: why a unit does not run, and who holds up the boot, down to the root of it.
 * Questions: nothing here changes what happens. Names of units and texts of the engine only, so a console may print it.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

#include <string.h>

/* A chain longer than this is told by its beginning and its end. */
#define LINKS_TOLD 4

/* ---- since when */

/* Wanted, and neither there nor given up. */
static bool is_due(const struct life *l)
{
	const uint32_t on_its_way = STATES_STARTING | STATE_BIT(WAITING) | STATE_BIT(BACKOFF);

	if (!l->run.wanted)
		return false;
	if (in_states(l, STATES_DOWN))
		return l->ask == ASK_START;
	return in_states(l, on_its_way) || (in_states(l, STATES_STOPPING) && !l->arrived);
}

void engine_note_due(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (!is_due(l))
		l->due_since = TIME_INFINITY;
	else if (l->due_since == TIME_INFINITY)
		l->due_since = e->now;
}

/* ---- one unit */

static void put_state(const struct engine *e, uint32_t u, struct text *t)
{
	const struct run *r = &life_of(e, u)->run;
	char health[48];

	text_printf(t, " (%s", state_name(r->state));
	if (engine_type(unit_of(e, u)) == TYPE_HEALTHY && engine_health(e, u)->state != HEALTH_NONE)
		text_printf(t, ", %s", engine_health_text(e, u, health, sizeof(health)));
	if (r->state == ST_BACKOFF)
		text_printf(t, ": %s", r->cause);
	else if (in_states(life_of(e, u), STATES_STARTING) && r->status_text[0] != '\0')
		text_printf(t, ": %s", r->status_text);
	text_puts(t, ")");
}

static bool is_asked(const struct life *l)
{
	return l->ask == ASK_START || l->ask == ASK_STOP || l->ask == ASK_RESTART;
}

/* From one that waits to who holds it back, until one waits for nobody: it is in motion, whatever comes after. */
static bool next_link(const struct engine *e, uint32_t u, struct holder *next)
{
	const struct life *l = life_of(e, u);

	return is_asked(l) && !in_states(l, STATES_STARTING | STATES_STOPPING) &&
		engine_holder(e, u, next);
}

/* ": needs b: after c ... needs z (starting)": the links behind u, which was told already. */
static void put_chain(const struct engine *e, uint32_t u, struct text *t)
{
	struct holder link;
	uint32_t at = u;
	size_t n = 0, k = 0;

	/* Orders have no cycle, but what it takes to conflict may have one. */
	while (n < e->gen.set->n && next_link(e, at, &link)) {
		at = link.unit;
		n++;
	}
	for (at = u; k < n && next_link(e, at, &link); k++) {
		at = link.unit;
		if (n > LINKS_TOLD && k == LINKS_TOLD - 1)
			text_printf(t, ": %zu more", n - LINKS_TOLD);
		if (n <= LINKS_TOLD || k < LINKS_TOLD - 1 || k == n - 1)
			text_printf(t, ": %s %s", link.words, unit_of(e, at)->name);
	}
	put_state(e, at, t);
}

static void why_asked(const struct engine *e, uint32_t u, struct text *t)
{
	const struct life *l = life_of(e, u);
	struct holder link;

	if (engine_holder(e, u, &link)) {
		text_printf(t, "%s %s", l->ask == ASK_START ? "waits for" : "stops after",
			unit_of(e, link.unit)->name);
		put_chain(e, link.unit, t);
	} else if (l->ask == ASK_START && in_states(l, STATES_STOPPING | STATE_BIT(SETUP))) {
		text_printf(t, "%s, then starts again", state_name(l->run.state));
	} else {
		text_puts(t, l->held ? "waits for the reload" : "about to move");
	}
}

const char *engine_why(const struct engine *e, uint32_t u, char *buf, size_t size)
{
	const struct life *l = life_of(e, u);
	const struct run *r = &l->run;
	struct text t = { .buf = buf, .size = size };

	if (size > 0)
		buf[0] = '\0';
	if (is_asked(l)) {
		why_asked(e, u, &t);
	} else if (r->state == ST_FAILED) {
		text_printf(&t, "failed: %s", r->cause);
	} else if (r->state == ST_BACKOFF) {
		text_puts(&t,
			l->has_slot ? "waits for the start budget, restarts in " : "restarts in ");
		cause_put_time(&t, r->deadline > e->now ? r->deadline - e->now : 0);
		text_printf(&t, " after: %s", r->cause);
	} else if (r->state == ST_INACTIVE && unit_of(e, u)->broken != NULL) {
		text_printf(&t, "cannot start: %s", unit_of(e, u)->broken);
	} else if (r->state == ST_INACTIVE) {
		text_puts(&t, r->cause[0] != '\0' ? r->cause : "nothing has asked for it");
		engine_put_triggers(e, u, &t);
	} else if (r->state == ST_RUNNING && unit_of(e, u)->kind == KIND_SOCKET) {
		engine_socket_why(e, u, &t);
	} else if (r->state == ST_RUNNING && unit_of(e, u)->kind == KIND_TIMER) {
		engine_timer_why(e, u, &t);
	} else {
		text_puts(&t, state_name(r->state));
	}
	return buf;
}

/* ---- step by step */

/* Of those that it cannot do without, the first that has failed. */
static bool failed_with(const struct engine *e, uint32_t u, uint32_t *next)
{
	static const enum dependency needs[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_REQUISITE };
	const struct node *node = &e->gen.set->nodes[u];

	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		const struct edges *edges = &node->out[needs[i]];

		for (size_t k = 0; k < edges->n; k++) {
			*next = edges->v[k];
			if (life_of(e, *next)->run.state == ST_FAILED)
				return true;
		}
	}
	return false;
}

bool engine_why_next(const struct engine *e, uint32_t u, uint32_t *next, const char **words)
{
	const struct life *l = life_of(e, u);
	struct holder link;

	if (next_link(e, u, &link)) {
		*next = link.unit;
		*words = link.words;
		return true;
	}
	*words = "requires";
	return l->run.state == ST_FAILED && l->result.kind == CAUSE_DEPENDENCY &&
		failed_with(e, u, next);
}

const char *engine_why_own(const struct engine *e, uint32_t u, char *buf, size_t size)
{
	const struct run *r = &life_of(e, u)->run;
	const uint32_t at_work = STATES_STARTING | STATE_BIT(RUNNING) | STATE_BIT(RELOAD);
	const uint32_t triggers = 1u << KIND_TIMER | 1u << KIND_SOCKET;
	struct text t = { .buf = buf, .size = size };
	char health[48];

	if (size > 0)
		buf[0] = '\0';
	if (r->state == ST_FAILED) {
		text_puts(&t, r->cause);
	} else if (!in_states(life_of(e, u), at_work) ||
		(triggers >> unit_of(e, u)->kind & 1) != 0) {
		(void)engine_why(e, u, buf, size);
		if (strcmp(buf, state_name(r->state)) == 0)
			buf[0] = '\0';
	} else if (engine_health(e, u)->state != HEALTH_NONE) {
		text_puts(&t, engine_health_text(e, u, health, sizeof(health)));
		if (engine_health(e, u)->failures > 0)
			text_printf(&t, ": %s", engine_health(e, u)->last);
	} else {
		text_puts(&t, r->status_text);
	}
	return buf;
}

/* ---- the boot */

static uint32_t longest_due(const struct engine *e)
{
	int target = unit_set_find(e->gen.set, BOOT_TARGET);
	uint32_t found = NO_UNIT;

	if (target >= 0 && life_of(e, (uint32_t)target)->due_since != TIME_INFINITY)
		return (uint32_t)target;
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		const struct life *l = life_of(e, u);

		if (l->due_since == TIME_INFINITY)
			continue;
		if (found == NO_UNIT || l->due_since < life_of(e, found)->due_since)
			found = u;
	}
	return found;
}

bool engine_culprit(const struct engine *e, uint64_t now, char *buf, size_t size)
{
	uint32_t u = longest_due(e);
	struct text t = { .buf = buf, .size = size };
	struct holder link;
	uint64_t since, span;

	if (size > 0)
		buf[0] = '\0';
	if (u == NO_UNIT)
		return false;
	since = life_of(e, u)->due_since;
	/* What a target stands for says more than the target. */
	while (unit_of(e, u)->kind == KIND_TARGET && next_link(e, u, &link) && !link.stops) {
		u = link.unit;
		if (life_of(e, u)->due_since != TIME_INFINITY)
			since = life_of(e, u)->due_since;
	}
	span = now > since ? now - since : 0;
	text_puts(&t, "waiting ");
	cause_put_time(&t, span - span % USEC_PER_SEC);
	text_printf(&t, " for %s", unit_of(e, u)->name);
	put_chain(e, u, &t);
	return true;
}
