/*
 * The process of the engine dies between two actions, and another one goes on from what was kept: after each step, before
 * each action. What died may have performed the action that it had in hand, or not; what it heard last it may have heard in
 * vain, and hears it again, or hears twice what it had kept already.
 *
 * And the twin: a second engine that is told the same, and is put down and taken up again after each step. It must
 * want the same, action by action, and know the same, member by member.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

/* The twin of a larger set is put down after each so manieth step. */
#define OFTEN 6
#define SELDOM 16

/* ---- crashes */

static void keep(struct sim *s, const struct action *doing)
{
	keeper_look(&s->keeper, s->engine, doing);
	s->kept_set = engine_set(s->engine);
	for (uint32_t i = 0; i < s->n_boxes; i++) {
		s->boxes[i].kept.window = s->boxes[i].window;
		s->boxes[i].kept.starts_in_window = s->boxes[i].starts_in_window;
	}
}

/* Whoever waits for an answer asks again. What was never heard of is given up here, where people ask again. */
static void resume_jobs(struct sim *s)
{
	for (uint32_t i = 0; i < s->n_jobs; i++) {
		struct job *job = &s->jobs[i];
		uint32_t unit = job->box != BOX_NONE ? s->boxes[job->box].unit : NO_UNIT;

		if (job->answers > 0 || engine_waits(s->engine, i + 1) ||
			(unit != NO_UNIT && engine_job_resume(s->engine, unit, i + 1)))
			continue;
		job->answers = 1;
	}
}

static void rebirth(struct sim *s)
{
	s->n_crashes++;
	s->supervisor++;
	s->performing = true; /* no two crashes at once */
	sim_say(s, "## the supervisor dies");
	engine_free(s->engine);
	s->engine = engine_new(s->kept_set);
	engine_set_facts(s->engine, &s->facts);
	for (uint32_t i = 0; i < s->n_boxes; i++) {
		s->boxes[i].window = s->boxes[i].kept.window;
		s->boxes[i].starts_in_window = s->boxes[i].kept.starts_in_window;
	}
	if (keeper_restore(&s->keeper, s->engine, s->now) != 0)
		checker_fault(&s->checker, "records are lost in a crash");
	kernel_renumber(s);
	resume_jobs(s); /* first, as sys/recover/adopt.c: what is found may end them */
	kernel_adopt(s);
	if (s->shut_down && engine_ending(s->engine) == 0)
		sim_step(s, &(struct step){ .kind = STEP_SHUTDOWN });
	keep(s, NULL);
	s->performing = false;
}

static bool dies(struct sim *s)
{
	return s->crashes != 0 && !s->performing && !s->ended && s->checker.fault[0] == '\0' &&
		dice_permille(&s->dice, s->crashes);
}

void crash_begin(struct sim *s)
{
	s->facts = s->engine->facts;
	if (s->crashes != 0)
		keep(s, NULL);
}

/* What a supervisor has answered itself, the next one does not know; nor do people say it again. */
static bool is_said_again(const struct step *step)
{
	const struct event *event = step->event;

	/* rebirth has asked for the shutdown */
	if (step->kind != STEP_EVENT)
		return step->kind == STEP_TICK || step->kind == STEP_CLOCK;
	if (event->kind == EV_SPAWNED || event->kind == EV_SETUP_DONE ||
		event->kind == EV_SETUP_FAILED)
		return false;
	return event->job == 0 && (event->kind != EV_SPAWN_FAILED || event->pid != 0);
}

bool crash_at_step(struct sim *s, const struct step *step)
{
	if (s->crashes == 0 || s->performing)
		return false;
	if (!s->surely && dies(s)) {
		rebirth(s);
		return is_said_again(step);
	}
	keep(s, NULL);
	if (dies(s)) {
		rebirth(s);
		return is_said_again(step);
	}
	return false;
}

bool crash_at_action(struct sim *s, const struct action *action)
{
	if (s->crashes == 0)
		return true;
	/* the new generation is not kept yet: the old one is in force */
	if (action->kind == ACT_SWAP && dies(s)) {
		rebirth(s);
		return false;
	}
	keep(s, action);
	s->job_in_hand = action->kind == ACT_JOB_DONE ? action->job : 0;
	if (dies(s)) {
		rebirth(s);
		return false;
	}
	s->deaf = action->kind != ACT_MACHINE && dies(s);
	return true;
}

void crash_after_action(struct sim *s)
{
	if (s->deaf) {
		s->deaf = false;
		rebirth(s);
	}
}

void crash_end(struct sim *s)
{
	keeper_free(&s->keeper);
	keeper_free(&s->twin_keeper);
	if (s->twin != NULL)
		engine_free(s->twin);
}

/* ---- the twin */

void twin_begin(struct sim *s)
{
	s->twin_checker.unmet = s->checker.unmet;
	s->twin = engine_new(engine_set(s->engine));
	checker_attach(&s->twin_checker, s->twin);
}

/* JOB_DONE is not kept, nor the watch at a socket that has come down or got company since: they need not be the same. */
static bool is_kept(const struct engine *e, const struct action *a)
{
	if (a->kind == ACT_WATCH)
		return engine_socket_is_watched(e, a->unit) && e->ending == 0 &&
			life_look(e, a->unit)->run.state == ST_RUNNING;
	return a->kind != ACT_JOB_DONE;
}

/* What the twin has in its queue and will have again. */
static size_t queued(const struct engine *e)
{
	size_t n = 0;

	for (const struct item *item = e->first; item != NULL; item = item->next)
		n += is_kept(e, &item->action);
	return n;
}

/* What was taken and is not answered yet is ordered again, behind the others: here the one who took it is still there. */
static void forget_orders(struct sim *s, size_t n)
{
	struct item *before = NULL, *next;

	for (struct item *item = s->twin->first; item != NULL; item = next) {
		enum action_kind kind = item->action.kind;

		next = item->next;
		if (kind == ACT_JOB_DONE || n > 0) {
			n -= kind != ACT_JOB_DONE;
			before = item;
			continue;
		}
		if (kind != ACT_SPAWN && kind != ACT_SETUP && kind != ACT_MACHINE &&
			kind != ACT_WATCH)
			checker_fault(&s->checker, "the twin orders %d again", (int)kind);
		engine_unqueue(s->twin, before, item);
	}
}

/* A reload that waits is no part of what is kept. */
static void put_down_and_take_up(struct sim *s)
{
	const struct unit_set *set = engine_set(s->twin);
	struct engine_facts facts = s->twin->facts;
	size_t n = queued(s->twin);

	if (s->twin->reload.set != NULL || (set->n > OFTEN && dice_roll(&s->dice, SELDOM) != 0))
		return;
	keeper_look(&s->twin_keeper, s->twin, NULL);
	engine_free(s->twin);
	s->twin = engine_new(set);
	engine_set_facts(s->twin, &facts);
	if (keeper_restore(&s->twin_keeper, s->twin, s->now) != 0)
		checker_fault(&s->checker, "records are lost by the twin");
	s->n_rebirths++;
	forget_orders(s, n);
}

void twin_step(struct sim *s, const struct step *step)
{
	if (s->twin == NULL)
		return;
	sim_apply(s, s->twin, step);
	put_down_and_take_up(s);
}

static bool next(struct engine *e, struct action *a)
{
	while (engine_next(e, a))
		if (is_kept(e, a))
			return true;
	return false;
}

static bool is_same(const struct action *a, const struct action *b)
{
	return a->kind == b->kind && a->unit == b->unit && a->role == b->role &&
		a->index == b->index && a->arg == b->arg && strcmp(a->text, b->text) == 0;
}

static void compare_part(struct sim *s, enum kept_part part, const void *one, const void *other,
	const char *name)
{
	const struct kept_layout *layout = engine_kept_layout(part);

	for (size_t i = 0; i < layout->n; i++) {
		const struct kept_field *f = &layout->v[i];

		if (memcmp((const char *)one + f->offset, (const char *)other + f->offset,
			    f->size) != 0)
			checker_fault(&s->checker, "%s: the twin knows something else: %s", name,
				f->name);
	}
}

static void compare_all(struct sim *s)
{
	if (s->n_rebirths == s->compared)
		return;
	s->compared = s->n_rebirths;
	s->twin->now = s->engine->now;
	compare_part(s, KEPT_ENGINE, s->engine, s->twin, "engine");
	for (uint32_t u = 0; u < engine_set(s->engine)->n; u++)
		compare_part(s, KEPT_LIFE, life_look(s->engine, u), life_look(s->twin, u),
			unit_of(s->engine, u)->name);
}

void twin_compare(struct sim *s, const struct action *action)
{
	struct action other;

	if (s->twin == NULL || (action != NULL && !is_kept(s->engine, action)))
		return;
	if (next(s->twin, &other) != (action != NULL))
		checker_fault(&s->checker, "the twin wants %s: action %d: %s",
			action != NULL ? "nothing" : "more",
			(int)(action != NULL ? action->kind : other.kind),
			action != NULL ? action->text : other.text);
	else if (action != NULL && !is_same(action, &other))
		checker_fault(&s->checker, "the twin wants action %d of unit %u, not %d of %u: %s",
			(int)other.kind, other.unit, (int)action->kind, action->unit, other.text);
	put_down_and_take_up(s);
	if (action == NULL && engine_set(s->engine) == engine_set(s->twin))
		compare_all(s);
}
