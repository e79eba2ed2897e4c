/*
 * The budget of automatic starts, for all units together: a storm of restarts leaves the machine to the others. Each start
 * that is over it gets a time of its own, one interval behind the one before, so nobody overtakes and nobody starves.
 */
#include "supervisor/core/engine/engine_run.h"

/* So far ahead of its time a start may be: what a whole burst is ahead of one start each interval. */
static uint64_t lead(const struct budget *b)
{
	return b->burst == 0 ? 0 : (b->burst - 1) * b->interval;
}

void engine_set_budget(struct engine *e, uint32_t burst, uint64_t interval)
{
	/* Said again after a reload or a restore: what was used up stays so. */
	if (e->budget.burst == burst && e->budget.interval == interval)
		return;
	e->budget.burst = burst;
	e->budget.interval = interval;
	/* All saved up; those that wait keep their times. */
	if (e->budget.waiting == 0)
		e->budget.next = 0;
}

static void give_back(struct engine *e, struct life *l)
{
	struct budget *b = &e->budget;

	if (!l->has_slot)
		return;
	l->has_slot = false;
	b->waiting--;
	/* The times of those that were stopped meanwhile are free again when nobody waits. */
	if (b->waiting == 0 && b->next > e->now + lead(b) + b->interval)
		b->next = e->now + lead(b) + b->interval;
}

bool engine_budget_take(struct engine *e, uint32_t u, enum timer timer)
{
	struct budget *b = &e->budget;
	struct life *l = life_of(e, u);
	uint64_t time;

	if (l->has_slot) {
		give_back(e, l);
		return true;
	}
	if (b->burst == 0)
		return true;
	time = b->next > e->now ? b->next : e->now;
	b->next = time + b->interval;
	if (time <= e->now + lead(b))
		return true;
	l->has_slot = true;
	b->waiting++;
	engine_timer_set(e, u, timer, time - lead(b));
	return false;
}

/* Any other state than the one it waits in: it needs no start of the budget any more. */
void engine_budget_entered(struct engine *e, uint32_t u)
{
	give_back(e, life_of(e, u));
}

void engine_budget_recount(struct engine *e)
{
	e->budget.waiting = 0;
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		e->budget.waiting += life_of(e, u)->has_slot;
}
