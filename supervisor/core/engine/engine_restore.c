/*
 * The way back: an engine made of what another process has kept. Nothing is believed because it was written by ourselves:
 * a unit whose record makes no sense begins anew, and what the lives say is waited for is ordered again when the queue
 * does not have it.
 */
#include "supervisor/core/engine/engine_kept.h"

#include "common/util.h"
#include "common/wire.h"
#include "supervisor/core/engine/engine_kept_run.h"
#include "supervisor/core/engine/health.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What is in the queue already, of each unit. */
enum { HAS_MAIN = 1, HAS_HELPER = 2, HAS_CHECK = 4, HAS_SETUP = 8, HAS_WATCH = 16 };

struct restoring {
	struct engine *e;
	const struct engine_past *past;
	struct arena scratch;
	bool *wanted;  /* of those that are lost */
	bool *unknown; /* ... whether they were wanted */
	uint8_t *has;  /* HAS_... */
	bool has_machine, queue_is_whole;
	uint32_t n_lost;
};

/* NULL: it cannot be read. */
static const uint8_t *record_of(const struct restoring *r, enum kept_part part, uint32_t index)
{
	if (r->past->map[part].n == 0)
		return NULL;
	return r->past->record(r->past->data, part, index);
}

/* ---- the engine's own */

static bool is_engine_sound(const struct engine *e, uint64_t now)
{
	return e->now <= now && e->booted <= e->now && (!e->ended || e->ending != 0);
}

static void restore_engine(struct restoring *r, uint64_t now)
{
	const uint8_t *record = record_of(r, KEPT_ENGINE, 0);
	struct engine *e = r->e, past = *e;
	struct budget *b = &e->budget;

	if (record != NULL)
		kept_unpack(&r->past->map[KEPT_ENGINE], record, &past);
	if (record == NULL || !kept_sound(engine_kept_layout(KEPT_ENGINE), &past, 0) ||
		!is_engine_sound(&past, now)) {
		r->n_lost++;
		e->now = e->booted = now;
		return;
	}
	*e = past;
	e->now = now;
	if (b->next > now && b->interval != 0 &&
		(b->next - now) / b->interval > b->burst + e->gen.set->n)
		b->next = 0;
}

/* ---- lives */

/* A unit without processes has only some of the states. */
static bool is_life_sound(const struct unit *unit, const struct life *l)
{
	const uint32_t simple = STATES_DOWN | STATE_BIT(WAITING) | STATE_BIT(SETUP) |
		STATE_BIT(RUNNING) | STATE_BIT(BACKOFF);

	if (unit_has_process(unit))
		return l->run.state != ST_SETUP;
	return in_states(l, simple) && !l->main.asked && !l->main.live && !l->helper.asked &&
		!l->helper.live && !l->check.asked && !l->check.live;
}

/* Whether it was wanted may be known of one that otherwise makes no sense. */
static void lose(struct restoring *r, uint32_t u, const struct life *past)
{
	uint8_t wanted = 2;

	if (past != NULL)
		memcpy(&wanted, &past->run.wanted, sizeof(wanted));
	r->e->lost[u] = true;
	r->wanted[u] = wanted == 1;
	r->unknown[u] = wanted > 1;
	r->n_lost++;
}

static void restore_life(struct restoring *r, uint32_t u)
{
	const uint8_t *record = record_of(r, KEPT_LIFE, u);
	struct engine *e = r->e;
	struct life past = *life_look(e, u);

	if (record == NULL) {
		lose(r, u, NULL);
		return;
	}
	kept_unpack(&r->past->map[KEPT_LIFE], record, &past);
	if (!kept_sound(engine_kept_layout(KEPT_LIFE), &past, (uint32_t)e->gen.set->n) ||
		!is_life_sound(unit_of(e, u), &past)) {
		lose(r, u, &past);
		return;
	}
	past.run.deadline = past.timers[TIMER_STATE];
	*life_of(e, u) = past;
	e->n_up += !in_states(&past, STATES_DOWN);
	engine_timers_moved(e, u);
}

/* ---- who waits for whom */

static bool is_list_sound(const struct engine *e, uint32_t u, size_t *left)
{
	uint32_t before = NO_UNIT, w = life_look(e, u)->watchers;

	while (w != NO_UNIT) {
		const struct life *l;

		if (w >= e->gen.set->n || *left == 0)
			return false;
		l = life_look(e, w);
		if (l->watching != u || l->prev_watcher != before)
			return false;
		(*left)--;
		before = w;
		w = l->next_watcher;
	}
	return true;
}

static bool are_links_sound(const struct engine *e)
{
	size_t left = 0;

	for (uint32_t u = 0; u < e->gen.set->n; u++)
		left += life_look(e, u)->watching != NO_UNIT;
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		if (!is_list_sound(e, u, &left))
			return false;
	return left == 0;
}

/* Those that are held back and watch nobody look again. */
static void relink(struct engine *e)
{
	bool sound = are_links_sound(e);

	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		enum ask ask = life_look(e, u)->ask;

		if (!sound) {
			struct life *l = life_of(e, u);

			l->watching = l->watchers = l->next_watcher = l->prev_watcher = NO_UNIT;
		}
		if (!sound ||
			(life_look(e, u)->watching == NO_UNIT &&
				(ask == ASK_START || ask == ASK_STOP || ask == ASK_RESTART)))
			engine_turn_later(e, u);
	}
}

/* ---- the queue */

static int bit_of(enum role role)
{
	return role == ROLE_MAIN ? HAS_MAIN : role == ROLE_HEALTH ? HAS_CHECK : HAS_HELPER;
}

static bool is_asked(const struct engine *e, uint32_t u, enum role role)
{
	const struct life *l = life_look(e, u);

	if (role == ROLE_MAIN)
		return l->main.asked;
	return role == ROLE_HEALTH ? l->check.asked : role == l->role && l->helper.asked;
}

/* One SPAWN for each that is asked for, of a command that is there. */
static bool spawn_makes_sense(struct restoring *r, const struct kept_action *k)
{
	bool fits = k->role == ROLE_HEALTH ? k->index < CHECK_COUNT
					   : k->role < ROLE_HEALTH &&
			engine_has_command(r->e, k->unit, (enum role)k->role, k->index);
	int bit;

	if (!fits || !is_asked(r->e, k->unit, (enum role)k->role))
		return false;
	bit = bit_of((enum role)k->role);
	if ((r->has[k->unit] & bit) != 0)
		return false;
	r->has[k->unit] |= (uint8_t)bit;
	return true;
}

static bool is_setup(const struct engine *e, uint32_t u)
{
	return life_look(e, u)->run.state == ST_SETUP;
}

static bool is_watched(const struct engine *e, uint32_t u)
{
	return unit_of(e, u)->kind == KIND_SOCKET && life_look(e, u)->watched &&
		life_look(e, u)->run.state == ST_RUNNING && e->ending == 0;
}

static bool once(struct restoring *r, uint32_t u, int bit)
{
	bool first = (r->has[u] & bit) == 0;

	r->has[u] |= (uint8_t)bit;
	return first;
}

static bool setup_makes_sense(struct restoring *r, const struct kept_action *k)
{
	return is_setup(r->e, k->unit) && once(r, k->unit, HAS_SETUP);
}

static bool watch_makes_sense(struct restoring *r, const struct kept_action *k)
{
	return is_watched(r->e, k->unit) && once(r, k->unit, HAS_WATCH);
}

static bool stamp_makes_sense(struct restoring *r, const struct kept_action *k)
{
	return unit_of(r->e, k->unit)->kind == KIND_TIMER;
}

static bool signal_makes_sense(struct restoring *r, const struct kept_action *k)
{
	(void)r;
	return k->arg >= 0 && k->arg < NSIG;
}

static bool makes_sense_always(struct restoring *r, const struct kept_action *k)
{
	(void)r;
	(void)k;
	return true;
}

/* Of units that are not lost. SWAP is not kept; what only a later version knows is passed over. */
static bool (*const senses[ACT_COUNT])(struct restoring *r, const struct kept_action *k) = {
	[ACT_SETUP] = setup_makes_sense,
	[ACT_SPAWN] = spawn_makes_sense,
	[ACT_SIGNAL] = signal_makes_sense,
	[ACT_SIGNAL_ALL] = signal_makes_sense,
	[ACT_KILL] = makes_sense_always,
	[ACT_WATCH] = watch_makes_sense,
	[ACT_TEARDOWN] = makes_sense_always,
	[ACT_STAMP] = stamp_makes_sense,
};

/* Of a lost unit only its lines in the log: what it was to do, it is not any more. */
static bool makes_sense(struct restoring *r, const struct kept_action *k)
{
	const struct engine *e = r->e;

	if (k->kind == ACT_MACHINE)
		return e->ended && k->arg > 0 && k->arg <= END_EXIT && !r->has_machine;
	if (k->kind == ACT_JOB_DONE)
		return true;
	if (k->unit >= e->gen.set->n || k->role >= ROLE_COUNT)
		return false;
	if (k->kind == ACT_LOG)
		return k->arg >= LOG_LEVEL_ERROR && k->arg <= LOG_LEVEL_INFO;
	return k->kind < ACT_COUNT && senses[k->kind] != NULL && !e->lost[k->unit] &&
		senses[k->kind](r, k);
}

/* len: of what stands behind the head; a text in it ends with NUL. */
static bool restore_action(struct restoring *r, const struct kept_action *k, const char *text,
	size_t len)
{
	bool of_job = k->kind == ACT_JOB_DONE;
	bool has_text = of_job || k->kind == ACT_LOG || k->kind == ACT_MACHINE;
	struct action *a;

	if (has_text && (len == 0 || len > sizeof(a->text) || text[len - 1] != '\0'))
		return false;
	if (!makes_sense(r, k))
		return true;
	a = has_text ? engine_push_text(r->e, (enum action_kind)k->kind, k->unit)
		     : engine_push(r->e, (enum action_kind)k->kind, k->unit);
	a->role = (enum role)k->role;
	a->index = of_job ? 0 : k->index;
	a->job = of_job ? k->index : 0;
	a->arg = k->arg;
	if (has_text)
		memcpy(a->text, text, len);
	r->has_machine = r->has_machine || k->kind == ACT_MACHINE;
	return true;
}

/* False: from some place on it is none. */
static bool restore_queue(struct restoring *r)
{
	const uint8_t *at = r->past->queue;
	size_t left = r->past->queue_size;

	while (left > 0) {
		struct kept_action k;

		if (left < sizeof(k))
			return false;
		memcpy(&k, at, sizeof(k));
		if (k.head < sizeof(k) || k.size < k.head || k.size > left ||
			!restore_action(r, &k, (const char *)at + k.head, (size_t)k.size - k.head))
			return false;
		at += k.size;
		left -= k.size;
	}
	return true;
}

/* ---- what is waited for, and nobody has in hand */

static void respawn(struct restoring *r, uint32_t u, enum role role, uint32_t index)
{
	struct action *a;

	if (!is_asked(r->e, u, role) || (r->has[u] & bit_of(role)) != 0)
		return;
	a = engine_push(r->e, ACT_SPAWN, u);
	a->role = role;
	a->index = index;
}

/* How a unit waits for an answer stands in its life; the one who was to give it is gone, unless it is in the queue. */
static void order_again(struct restoring *r, uint32_t u)
{
	struct engine *e = r->e;
	const struct life *l = life_look(e, u);

	respawn(r, u, ROLE_MAIN, l->role == ROLE_MAIN ? l->index : 0);
	if (l->role != ROLE_MAIN)
		respawn(r, u, l->role, l->index);
	respawn(r, u, ROLE_HEALTH,
		l->checking.health.state == HEALTH_STARTUP ? CHECK_STARTUP : CHECK_HEALTH);
	if (is_setup(e, u) && once(r, u, HAS_SETUP))
		engine_push(e, ACT_SETUP, u);
	if (is_watched(e, u) && once(r, u, HAS_WATCH))
		engine_push(e, ACT_WATCH, u);
	if (l->run.state == ST_STOP_KILL && !r->queue_is_whole)
		engine_push(e, ACT_KILL, u);
}

static void order_end_again(struct restoring *r)
{
	struct engine *e = r->e;

	if (e->ended && !r->has_machine)
		engine_push_machine(e);
}

/* ---- those that are lost */

/* All that default.target, or in safe mode what is critical, pulls in. */
static void mark_wanted(struct restoring *r)
{
	static const enum dependency pulling[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_WANTS,
		DEP_UPHOLDS };
	const struct engine *e = r->e;
	size_t n = e->gen.set->n, n_list = 0;
	uint32_t *list = arena_array(&r->scratch, n, sizeof(*list));
	bool *marked = arena_array(&r->scratch, n, sizeof(*marked));
	int boot = unit_set_find(e->gen.set, BOOT_TARGET);
	bool safe = boot >= 0 && !e->lost[boot] && !life_look(e, (uint32_t)boot)->run.wanted;

	for (uint32_t u = 0; u < n; u++)
		if (safe ? unit_of(e, u)->unit.critical : (int)u == boot) {
			marked[u] = true;
			list[n_list++] = u;
		}
	for (size_t i = 0; i < n_list; i++) {
		for (size_t d = 0; d < ARRAY_LEN(pulling); d++) {
			const struct edges *to = &e->gen.set->nodes[list[i]].out[pulling[d]];

			for (size_t k = 0; k < to->n; k++) {
				if (!marked[to->v[k]])
					list[n_list++] = to->v[k];
				marked[to->v[k]] = true;
			}
		}
	}
	for (uint32_t u = 0; u < n; u++)
		r->wanted[u] = r->wanted[u] || (r->unknown[u] && marked[u]);
}

/* As one that ran: whoever is bound to it goes with it, and what may be left of it is killed. */
static void kill_lost(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->run.state = ST_RUNNING;
	e->n_up++;
	l->was_begun = l->was_up = l->killed = l->populated = true;
	l->result = (struct cause){ .kind = CAUSE_CLEAN };
	engine_kill_all(e, u);
}

static void begin_anew(struct restoring *r, uint32_t u)
{
	struct engine *e = r->e;
	struct run *run = &life_of(e, u)->run;
	bool again = r->wanted[u] && e->ending == 0;

	snprintf(run->cause, sizeof(run->cause), "what was known of it could not be read");
	if (unit_has_process(unit_of(e, u)))
		kill_lost(e, u);
	else if (!again)
		engine_push(e, ACT_TEARDOWN, u);
	engine_log(e, u, LOG_LEVEL_WARNING, "%s: %s%s", run->cause,
		unit_has_process(unit_of(e, u)) ? "what is left of it is killed"
						: "it is taken down",
		again ? ", it starts again" : "");
	if (again)
		engine_want(e, WANT_START, u, false);
}

static void begin_lost_anew(struct restoring *r)
{
	mark_wanted(r);
	for (uint32_t u = 0; u < r->e->gen.set->n; u++)
		if (r->e->lost[u])
			begin_anew(r, u);
}

uint32_t engine_restore(struct engine *e, const struct engine_past *past, uint64_t now)
{
	size_t n = e->gen.set->n;
	struct restoring r = { .e = e, .past = past };

	e->lost = arena_array(&e->gen.arena, n, sizeof(*e->lost));
	r.wanted = arena_array(&r.scratch, n, sizeof(*r.wanted));
	r.unknown = arena_array(&r.scratch, n, sizeof(*r.unknown));
	r.has = arena_array(&r.scratch, n, sizeof(*r.has));
	restore_engine(&r, now);
	for (uint32_t u = 0; u < n; u++)
		restore_life(&r, u);
	engine_budget_recount(e);
	relink(e);
	r.queue_is_whole = restore_queue(&r);
	/* nobody waits for an answer when the machine has been told to end */
	for (uint32_t u = 0; u < n && !e->ended; u++)
		order_again(&r, u);
	order_end_again(&r);
	begin_lost_anew(&r);
	engine_reload_let_go(e);
	engine_settle(e);
	arena_free(&r.scratch);
	return r.n_lost;
}
