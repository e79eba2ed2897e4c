/*
 * Another generation of units, in three steps: what changed is held and asked to stop; when all of it is down
 * and sys/ has taken every action that speaks of the old set, the new set comes into force; then what should run is
 * asked to start.
 *
 * Unchanged units move over with their whole life and never notice. A unit counts as changed, too, when a network,
 * a volume or the network of another container under it changes, because its process stands on the old one.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"

#include <errno.h>
#include <string.h>

void engine_generation(struct generation *gen, const struct unit_set *set)
{
	*gen = (struct generation){ .set = set, .first_turn = NO_UNIT, .last_turn = NO_UNIT };
	gen->life = arena_array(&gen->arena, set->n, sizeof(*gen->life));
	gen->heap = arena_array(&gen->arena, set->n, sizeof(*gen->heap));
	/* Each unit at most once for each want, and for one of them twice: engine_want.c. */
	gen->work = arena_array(&gen->arena, set->n, (WANT_COUNT + 1) * sizeof(*gen->work));
	gen->touched = arena_array(&gen->arena, set->n, sizeof(*gen->touched));
	gen->is_touched = arena_array(&gen->arena, set->n, sizeof(*gen->is_touched));
	for (size_t u = 0; u < set->n; u++) {
		struct life *l = &gen->life[u];

		gen->is_touched[u] = true;
		gen->touched[gen->n_touched++] = (uint32_t)u;

		l->run.deadline = l->due = l->due_since = TIME_INFINITY;
		for (size_t i = 0; i < TIMER_COUNT; i++)
			l->timers[i] = TIME_INFINITY;
		l->because = l->watching = l->watchers = l->next_watcher = l->prev_watcher =
			l->next_turn = NO_UNIT;
	}
}

/* ---- what changed */

/* Both sets are sorted by name. Index in `to` of each unit of `from`, NO_UNIT where it has none. */
static uint32_t *match(struct arena *a, const struct unit_set *from, const struct unit_set *to)
{
	uint32_t *map = arena_array(a, from->n, sizeof(*map));
	size_t k = 0;

	for (size_t i = 0; i < from->n; i++) {
		while (k < to->n && strcmp(to->units[k].name, from->units[i].name) < 0)
			k++;
		map[i] = k < to->n && strcmp(to->units[k].name, from->units[i].name) == 0
			? (uint32_t)k
			: NO_UNIT;
	}
	return map;
}

static bool stands_on(const struct unit *unit, const struct unit *below)
{
	const struct network_use *net = unit_network(unit, 0);

	if (below->kind == KIND_NETWORK || below->kind == KIND_VOLUME)
		return true;
	return unit->kind == KIND_CONTAINER && net->mode == NETWORK_CONTAINER &&
		net->unit != NULL && strcmp(net->unit, below->name) == 0;
}

static size_t add_changed(struct engine *e, uint32_t *list, size_t n, uint32_t u)
{
	if (life_of(e, u)->held)
		return n;
	life_of(e, u)->held = true;
	list[n] = u;
	return n + 1;
}

/* What stands on a changed unit; a service stands on the sockets whose descriptors it has. */
static size_t add_above(struct engine *e, uint32_t *list, size_t n, uint32_t u)
{
	const struct node *node = &e->gen.set->nodes[u];
	const struct edges *above = &node->in[DEP_REQUIRES], *users = &node->in[DEP_SOCKETS];

	for (size_t k = 0; k < above->n; k++)
		if (stands_on(unit_of(e, above->v[k]), unit_of(e, u)))
			n = add_changed(e, list, n, above->v[k]);
	for (size_t k = 0; k < users->n; k++)
		n = add_changed(e, list, n, users->v[k]);
	return n;
}

static void hold(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (in_states(l, STATES_DOWN))
		return;
	e->reload.held++;
	if (l->ask == ASK_START || l->ask == ASK_STARTING || l->ask == ASK_RESTART)
		engine_jobs_done(e, u, ECANCELED, "cancelled by a reload");
	if (l->ask != ASK_STOPPING)
		engine_set_ask(e, u, ASK_STOP);
}

/* All that has to be down for the new set: what is gone, or cannot change while it is up, and what stands on that. */
static size_t find_changed(struct engine *e, const struct unit_set *set, const uint32_t *map,
	uint32_t *list)
{
	const struct unit_set *old = e->gen.set;
	size_t n = 0;

	for (uint32_t u = 0; u < old->n; u++)
		if (map[u] == NO_UNIT || set->units[map[u]].digest != old->units[u].digest)
			n = add_changed(e, list, n, u);
	for (size_t i = 0; i < n; i++)
		n = add_above(e, list, n, list[i]);
	return n;
}

size_t engine_reload_plan(struct engine *e, const struct unit_set *set, uint32_t *list)
{
	struct arena scratch = { 0 };
	size_t n;

	if (e->reload.set != NULL)
		return SIZE_MAX;
	n = find_changed(e, set, match(&scratch, e->gen.set, set), list);
	for (size_t i = 0; i < n; i++)
		life_of(e, list[i])->held = false;
	arena_free(&scratch);
	return n;
}

void engine_reload(struct engine *e, const struct unit_set *set, uint32_t job, uint64_t now)
{
	const struct unit_set *old = e->gen.set;
	struct arena scratch = { 0 };
	uint32_t *map = match(&scratch, old, set);
	uint32_t *list = arena_array(&scratch, old->n, sizeof(*list));
	size_t n;

	e->now = now;
	engine_reload_drop(e, "replaced by a newer reload");
	if (e->ending != 0) {
		engine_job_done(e, 0, job, ESHUTDOWN, "the machine is going down");
		arena_free(&scratch);
		return;
	}
	e->reload = (struct reload){ .set = set, .job = job };
	n = find_changed(e, set, map, list);
	for (size_t i = 0; i < n; i++)
		hold(e, list[i]);
	arena_free(&scratch);
	engine_settle(e);
}

/* ---- waiting for it to be down */

void engine_reload_landed(struct engine *e, uint32_t u)
{
	if (life_of(e, u)->held && e->reload.held > 0)
		e->reload.held--;
}

bool engine_reload_is_due(const struct engine *e)
{
	return e->reload.set != NULL && e->reload.held == 0;
}

void engine_reload_let_go(struct engine *e)
{
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		if (!life_look(e, u)->held)
			continue;
		life_of(e, u)->held = false;
		engine_wake(e, u);
		if (life_of(e, u)->run.wanted && e->ending == 0)
			engine_want(e, WANT_START, u, false);
	}
}

/*
 * Forgets the set that waits. What it held was changed by it, so it starts again by the set in force, unless
 * another reload takes its place and holds it anew.
 */
void engine_reload_drop(struct engine *e, const char *why)
{
	if (e->reload.set == NULL)
		return;
	engine_job_done(e, 0, e->reload.job, ECANCELED, why);
	e->reload.set = NULL;
	engine_reload_let_go(e);
}

/* ---- the swap */

/* By what is up, or is coming up: a boot that has not ended wants what a reload brings, too. */
static bool is_wanted(const struct generation *gen, uint32_t u)
{
	const uint32_t wanting_states = STATES_ACTIVE | STATES_STARTING | STATE_BIT(WAITING) |
		STATE_BIT(BACKOFF);
	static const enum dependency wanting[] = { DEP_WANTS, DEP_REQUIRES, DEP_BINDS_TO,
		DEP_UPHOLDS };

	for (size_t d = 0; d < ARRAY_LEN(wanting); d++) {
		const struct edges *by = &gen->set->nodes[u].in[wanting[d]];

		for (size_t i = 0; i < by->n; i++)
			if (in_states(&gen->life[by->v[i]], wanting_states))
				return true;
	}
	return false;
}

/* An unchanged unit takes its life along; of a changed one only its jobs, limits and last words stay. */
static void move(struct life *to, const struct life *from)
{
	struct life fresh = *to;

	*to = *from;
	to->watching = to->watchers = to->next_watcher = to->prev_watcher = to->next_turn = NO_UNIT;
	to->because = NO_UNIT;
	to->queued = to->held = false;
	to->heap_at = to->cursor = 0;
	to->held_back = 0;
	memset(to->seen, 0, sizeof(to->seen));
	if (!from->held)
		return;
	to->run.state = fresh.run.state;
	to->run.deadline = fresh.run.deadline;
	memcpy(to->timers, fresh.timers, sizeof(to->timers));
	to->due_since = fresh.due_since;
	to->has_slot = false;
	to->checking = fresh.checking;
	to->run.failed = false;
	to->run.restarts = 0;
	to->arrived = to->watched = false;
	to->ask = ASK_NONE;
}

static void move_all(struct engine *e, struct generation *old, const uint32_t *map)
{
	e->n_up = 0;
	for (uint32_t u = 0; u < old->set->n; u++) {
		struct life *l = &old->life[u];

		if (map[u] != NO_UNIT) {
			move(life_of(e, map[u]), l);
			continue;
		}
		while (l->jobs != NULL) {
			engine_job_done(e, 0, l->jobs->job, ENOENT, "the reload has removed it");
			l->jobs = l->jobs->next;
		}
	}
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		e->n_up += !in_states(life_of(e, u), STATES_DOWN);
		engine_timers_moved(e, u);
		life_of(e, u)->look = unit_of(e, u)->unit.stop_when_unneeded;
		engine_turn_later(e, u);
	}
	engine_budget_recount(e);
}

/* What ran or was to run, and what is wanted now and was not before. */
static void start_changed(struct engine *e, const struct generation *old, const uint32_t *back)
{
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		const struct life *before = back[u] != NO_UNIT ? &old->life[back[u]] : NULL;

		/* of one that is as it was, others may have come to want it: a container, another network */
		if (before != NULL && before->held &&
			(before->run.wanted || before->ask == ASK_START))
			engine_want(e, WANT_START, u, false);
		else if (is_wanted(&e->gen, u) && (before == NULL || !is_wanted(old, back[u])))
			engine_want(e, WANT_START, u, false);
	}
}

void engine_swap(struct engine *e)
{
	struct generation old = e->gen;
	struct reload reload = e->reload;
	struct arena scratch = { 0 };

	e->reload = (struct reload){ .set = NULL };
	e->lost = NULL;
	engine_generation(&e->gen, reload.set);
	move_all(e, &old, match(&scratch, old.set, reload.set));
	start_changed(e, &old, match(&scratch, reload.set, old.set));
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		if (unit_of(e, u)->kind == KIND_TIMER && life_of(e, u)->run.state == ST_RUNNING)
			engine_timer_rearm(e, u);
	engine_job_done(e, 0, reload.job, 0, "reloaded");
	arena_free(&old.arena);
	arena_free(&scratch);
}
