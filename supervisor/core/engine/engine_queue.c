/* What waits in the engine: actions for sys/, jobs for their answer, units for their turn or their deadline. */
#include "supervisor/core/engine/engine_kept.h"
#include "supervisor/core/engine/engine_run.h"
#include "supervisor/core/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- actions: most have no text, and then take no room for it */

static struct action *push(struct engine *e, enum action_kind kind, uint32_t u, bool has_text)
{
	struct item *item = e->spare[has_text];

	if (item != NULL)
		e->spare[has_text] = item->next;
	else
		item = arena_alloc(&e->arena,
			has_text ? sizeof(*item) : offsetof(struct item, action.text));
	item->has_text = has_text;
	memset(&item->action, 0, offsetof(struct action, text));
	if (has_text)
		item->action.text[0] = '\0';
	item->action.kind = kind;
	item->action.unit = u;
	item->next = NULL;
	if (e->last != NULL)
		e->last->next = item;
	else
		e->first = item;
	e->last = item;
	return &item->action;
}

struct action *engine_push(struct engine *e, enum action_kind kind, uint32_t u)
{
	return push(e, kind, u, false);
}

struct action *engine_push_text(struct engine *e, enum action_kind kind, uint32_t u)
{
	return push(e, kind, u, true);
}

void engine_unqueue(struct engine *e, struct item *before, struct item *item)
{
	*(before != NULL ? &before->next : &e->first) = item->next;
	if (e->last == item)
		e->last = before;
	item->next = e->spare[item->has_text];
	e->spare[item->has_text] = item;
}

bool engine_pop(struct engine *e, struct action *action)
{
	struct item *item = e->first;

	if (item == NULL)
		return false;
	memcpy(action, &item->action, offsetof(struct action, text));
	if (item->has_text)
		memcpy(action->text, item->action.text, sizeof(action->text));
	else
		action->text[0] = '\0';
	engine_unqueue(e, NULL, item);
	return true;
}

void engine_log(struct engine *e, uint32_t u, enum log_level level, const char *fmt, ...)
{
	struct action *a = engine_push_text(e, ACT_LOG, u);
	va_list args;

	a->arg = (int32_t)level;
	va_start(args, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, args);
	va_end(args);
}

/* ---- jobs */

void engine_job_add(struct engine *e, uint32_t u, uint32_t job)
{
	struct life *l = life_of(e, u);
	struct waiter *w = e->spare_waiters;

	if (job == 0)
		return;
	if (w != NULL)
		e->spare_waiters = w->next;
	else
		w = arena_alloc(&e->arena, sizeof(*w));
	*w = (struct waiter){ .next = l->jobs, .job = job };
	l->jobs = w;
}

void engine_job_done(struct engine *e, uint32_t u, uint32_t job, int error, const char *text)
{
	struct action *a;

	if (job == 0)
		return;
	a = engine_push_text(e, ACT_JOB_DONE, u);
	a->job = job;
	a->arg = error;
	text_copy(a->text, sizeof(a->text), text);
}

void engine_jobs_done(struct engine *e, uint32_t u, int error, const char *text)
{
	struct life *l = life_of(e, u);

	while (l->jobs != NULL) {
		struct waiter *w = l->jobs;

		l->jobs = w->next;
		engine_job_done(e, u, w->job, error, text);
		w->next = e->spare_waiters;
		e->spare_waiters = w;
	}
}

static bool is_waited_for(const struct life *l, uint32_t job)
{
	for (const struct waiter *w = l->jobs; w != NULL; w = w->next)
		if (w->job == job)
			return true;
	return false;
}

bool engine_waits(const struct engine *e, uint32_t job)
{
	if (e->reload.set != NULL && e->reload.job == job)
		return true;
	for (const struct item *i = e->first; i != NULL; i = i->next)
		if (i->action.kind == ACT_JOB_DONE && i->action.job == job)
			return true;
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		if (is_waited_for(life_of(e, u), job))
			return true;
	return false;
}

bool engine_job_resume(struct engine *e, uint32_t u, uint32_t job)
{
	const struct life *l = life_look(e, u);

	if (l->asked_job < job)
		return false;
	if (engine_waits(e, job))
		return true;
	if (l->ask != ASK_NONE || l->held || l->run.state == ST_RELOAD)
		engine_job_add(e, u, job);
	else
		engine_job_done(e, u, job, EIO,
			"its end is not known: the supervisor died over it");
	return true;
}

/* ---- turns: first in, first out, each unit at most once */

void engine_turn_later(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (l->queued)
		return;
	l->queued = true;
	l->next_turn = NO_UNIT;
	if (e->gen.last_turn != NO_UNIT)
		life_of(e, e->gen.last_turn)->next_turn = u;
	else
		e->gen.first_turn = u;
	e->gen.last_turn = u;
}

uint32_t engine_turn_next(struct engine *e)
{
	uint32_t u = e->gen.first_turn;

	if (u == NO_UNIT)
		return NO_UNIT;
	e->gen.first_turn = life_of(e, u)->next_turn;
	if (e->gen.first_turn == NO_UNIT)
		e->gen.last_turn = NO_UNIT;
	life_of(e, u)->queued = false;
	return u;
}

/* ---- timers: a binary heap of the units that have one set */

/* Of two that are due at the same time the first of the set: their order is not by what happened before. */
static bool is_sooner(const struct engine *e, uint32_t u, uint32_t other)
{
	uint64_t due = life_of(e, u)->due, other_due = life_of(e, other)->due;

	return due < other_due || (due == other_due && u < other);
}

static void heap_put(struct engine *e, size_t i, uint32_t u)
{
	e->gen.heap[i] = u;
	life_of(e, u)->heap_at = (uint32_t)i + 1;
}

static void heap_up(struct engine *e, size_t i)
{
	uint32_t u = e->gen.heap[i];

	while (i > 0 && is_sooner(e, u, e->gen.heap[(i - 1) / 2])) {
		heap_put(e, i, e->gen.heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(e, i, u);
}

static void heap_down(struct engine *e, size_t i)
{
	uint32_t u = e->gen.heap[i];
	size_t child;

	while ((child = 2 * i + 1) < e->gen.n_heap) {
		if (child + 1 < e->gen.n_heap &&
			is_sooner(e, e->gen.heap[child + 1], e->gen.heap[child]))
			child++;
		if (!is_sooner(e, e->gen.heap[child], u))
			break;
		heap_put(e, i, e->gen.heap[child]);
		i = child;
	}
	heap_put(e, i, u);
}

static void heap_remove(struct engine *e, size_t i)
{
	life_of(e, e->gen.heap[i])->heap_at = 0;
	e->gen.n_heap--;
	if (i == e->gen.n_heap)
		return;
	heap_put(e, i, e->gen.heap[e->gen.n_heap]);
	heap_up(e, i);
	heap_down(e, life_of(e, e->gen.heap[i])->heap_at - 1);
}

void engine_timers_moved(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	l->due = TIME_INFINITY;
	for (size_t i = 0; i < TIMER_COUNT; i++)
		if (l->timers[i] < l->due)
			l->due = l->timers[i];
	if (l->due == TIME_INFINITY) {
		if (l->heap_at != 0)
			heap_remove(e, l->heap_at - 1);
		return;
	}
	if (l->heap_at == 0)
		heap_put(e, e->gen.n_heap++, u);
	heap_up(e, l->heap_at - 1);
	heap_down(e, l->heap_at - 1);
}

void engine_timer_set(struct engine *e, uint32_t u, enum timer timer, uint64_t when)
{
	struct life *l = life_of(e, u);

	l->timers[timer] = when;
	if (timer == TIMER_STATE)
		l->run.deadline = when;
	engine_timers_moved(e, u);
}
