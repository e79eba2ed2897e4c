/* One run: faults, then calm, then the end. */
#include "tests/sim/sim.h"

#include "common/util.h"
#include "common/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN (UINT64_C(1000) * SEC)
#define HOUR (3600 * SEC)
#define WALL (INT64_C(1767225600) * (int64_t)SEC) /* what it shows when ours shows nothing: 2026 */
static const uint32_t crash_rates[] = { 1, 10, 100, 300 }; /* of a thousand chances */
#define LOOK_AT_ALL 65536 /* events between two looks at all units of a large set */

void sim_say(const struct sim *s, const char *fmt, ...)
{
	va_list args;

	if (!s->trace)
		return;
	printf("%10llu.%03llu ", (unsigned long long)(s->now / SEC),
		(unsigned long long)(s->now % SEC / MS));
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/* ---- events and actions */

static const char *const event_words[EV_COUNT] = {
#define X(id, name) [EV_##id] = name,
	EVENTS(X)
#undef X
};

static const char *const action_words[ACT_COUNT] = {
#define X(id) [ACT_##id] = #id,
	ACTIONS(X)
#undef X
};

void sim_touch(struct sim *s, uint32_t box)
{
	if (s->n_touched < ARRAY_LEN(s->touched))
		s->touched[s->n_touched++] = box;
}

void sim_apply(struct sim *s, struct engine *e, const struct step *step)
{
	switch (step->kind) {
	case STEP_EVENT:
		engine_event(e, step->event, s->now);
		break;
	case STEP_TICK:
		engine_tick(e, s->now);
		break;
	case STEP_CLOCK:
		engine_set_clock(e, s->wall, step->set, s->now);
		break;
	case STEP_BOOT:
		engine_boot(e, s->now);
		break;
	case STEP_RELOAD:
		engine_reload(e, step->units, step->job, s->now);
		break;
	case STEP_SHUTDOWN:
		engine_shutdown(e, END_POWEROFF, s->now);
		break;
	}
}

void sim_step(struct sim *s, const struct step *step)
{
	if (s->deaf)
		return;
	sim_apply(s, s->engine, step);
	twin_step(s, step);
	if (crash_at_step(s, step))
		sim_apply(s, s->engine, step);
}

void sim_event(struct sim *s, const struct event *event)
{
	s->n_events++;
	sim_say(s, "> %s %s %s %d job %u", unit_of(s->engine, event->unit)->name,
		event_words[event->kind],
		event->kind == EV_SPAWNED || event->kind == EV_SPAWN_FAILED ||
				event->kind == EV_EXECED || event->kind == EV_EXITED
			? role_name(event->role)
			: "",
		event->status, event->job);
	sim_step(s, &(struct step){ .kind = STEP_EVENT, .event = event });
}

static void say_action(const struct sim *s, const struct action *a)
{
	bool named = a->unit < engine_set(s->engine)->n;

	sim_say(s, "  < %s %s %s %u arg %d job %u %s", action_words[a->kind],
		named ? unit_of(s->engine, a->unit)->name : "-",
		a->kind == ACT_SPAWN || a->kind == ACT_SIGNAL ? role_name(a->role) : "", a->index,
		a->arg, a->job, a->text);
}

static void perform(struct sim *s, const struct action *a)
{
	s->n_actions++;
	if (s->trace)
		say_action(s, a);
	duties_action(s, a);
	if (a->kind == ACT_MACHINE)
		s->ended = true;
	if (a->kind == ACT_SWAP) {
		s->n_swaps++;
		kernel_renumber(s);
	}
	kernel_perform(s, a);
	if (a->unit < engine_set(s->engine)->n)
		sim_touch(s, s->box_of[a->unit]);
}

static void look(struct sim *s)
{
	bool all = !s->size.sparse || s->n_events / LOOK_AT_ALL != s->looked;

	if (s->ended)
		return;
	if (all) {
		s->looked = s->n_events / LOOK_AT_ALL;
		for (uint32_t i = 0; i < s->n_boxes; i++)
			duties_box(s, i);
		checker_engine(&s->checker, s->engine);
	} else {
		for (uint32_t i = 0; i < s->n_touched; i++)
			duties_box(s, s->touched[i]);
	}
	s->n_touched = 0;
}

void sim_perform(struct sim *s)
{
	uint64_t limit = s->n_actions + 100 * s->n_boxes + 20000;
	struct action a;

	while (engine_next(s->engine, &a)) {
		twin_compare(s, &a);
		if (!crash_at_action(s, &a))
			continue;
		s->performing = true;
		perform(s, &a);
		s->performing = false;
		crash_after_action(s);
		if (s->n_actions > limit) {
			checker_fault(&s->checker, "the engine does not come to rest");
			return;
		}
	}
	twin_compare(s, NULL);
	look(s);
}

/* ---- time */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The whole machine slept: what was to happen meanwhile is late. */
static void sleep_a_while(struct sim *s)
{
	uint64_t span = dice_time(&s->dice, HOUR);

	s->now += span;
	for (uint32_t i = 0; i < s->n_boxes; i++)
		s->boxes[i].allowance += span;
}

/* The clock on the wall is set, by a person or from the network, forward or back. */
static void set_clock(struct sim *s)
{
	static const uint64_t jumps[] = { SEC, 60 * SEC, HOUR, 24 * HOUR, 1000 * 24 * HOUR };
	uint64_t jump = dice_time(&s->dice, jumps[dice_roll(&s->dice, ARRAY_LEN(jumps))]);
	bool back = dice_roll(&s->dice, 2) != 0;

	s->wall = back ? s->wall - (int64_t)jump : s->wall + (int64_t)jump;
	sim_say(s, "the clock is set %s by %llu s", back ? "back" : "forward",
		(unsigned long long)(jump / SEC));
	sim_step(s, &(struct step){ .kind = STEP_CLOCK, .set = dice_roll(&s->dice, 4) != 0 });
}

/* Timers come late at times. */
static void tick(struct sim *s)
{
	if (s->faults && dice_roll(&s->dice, 16) == 0)
		s->now += dice_time(&s->dice, 50 * MS);
	if (s->faults && dice_roll(&s->dice, 4000) == 0)
		sleep_a_while(s);
	if (s->faults && dice_roll(&s->dice, 500) == 0)
		set_clock(s);
	sim_step(s, &(struct step){ .kind = STEP_TICK });
	if (engine_deadline(s->engine) <= s->now)
		checker_fault(&s->checker, "a timer is overdue after a tick");
}

static bool step(struct sim *s, uint64_t until)
{
	uint64_t deadline = engine_deadline(s->engine);
	uint64_t next = sooner(sooner(kernel_next(s), deadline), s->next_command);

	if (next > until)
		return false;
	s->now = next > s->now ? next : s->now;
	if (!kernel_step(s)) {
		if (s->next_command <= s->now)
			operator_command(s);
		else
			tick(s);
	}
	sim_perform(s);
	return !s->ended && s->checker.fault[0] == '\0';
}

void sim_pass(struct sim *s, uint64_t span)
{
	uint64_t until = s->now + span;

	while (step(s, until))
		;
	if (s->now < until)
		s->now = until;
}

/* ---- the phases of a run */

static bool over(const struct sim *s)
{
	return s->ended || s->checker.fault[0] != '\0';
}

static void with_faults(struct sim *s)
{
	s->faults = true;
	s->next_command = s->now;
	s->wall = WALL;
	sim_step(s, &(struct step){ .kind = STEP_CLOCK });
	sim_step(s, &(struct step){ .kind = STEP_BOOT });
	sim_perform(s);
	while (s->n_events < s->size.events && step(s, TIME_INFINITY - 1))
		;
}

static void at_calm(struct sim *s)
{
	uint64_t starts;

	s->next_command = TIME_INFINITY;
	kernel_calm(s);
	sim_pass(s, HOUR / 3);
	starts = s->n_starts;
	if (over(s))
		return;
	duties_at_calm(s);
	sim_pass(s, HOUR / 6);
	if (starts != s->n_starts && !duties_some_repeat(s))
		checker_fault(&s->checker, "all is calm, but %llu starts since",
			(unsigned long long)(s->n_starts - starts));
	for (int i = 0; i < 8 && !over(s); i++)
		operator_start_all(s);
}

static void at_end(struct sim *s)
{
	uint64_t bound = duties_stop_bound(s);

	s->next_command = TIME_INFINITY;
	operator_shutdown(s);
	sim_perform(s);
	if (dice_roll(&s->dice, 2) == 0)
		sim_pass(s, bound != TIME_INFINITY ? bound : HOUR);
	else
		bound = TIME_INFINITY;
	if (!over(s) && bound != TIME_INFINITY)
		checker_fault(&s->checker, "the shutdown is not over after %llu s",
			(unsigned long long)(bound / SEC));
	if (over(s))
		return;
	operator_shutdown(s);
	sim_perform(s);
	sim_pass(s, 60 * SEC);
	if (!over(s))
		checker_fault(&s->checker, "the second shutdown does not hurry");
}

/* Of three seeds one is a run with crashes, and one with a twin. */
int sim_run(struct sim *s, uint64_t seed, const struct size *size, bool trace)
{
	*s = (struct sim){ .seed = seed, .size = *size, .now = BEGIN, .trace = trace };
	dice_seed(&s->dice, seed);
	generate_sets(s);
	s->checker.unmet = dice_roll(&s->dice, UINT32_MAX) & dice_roll(&s->dice, UINT32_MAX);
	s->engine = engine_new(&s->sets[0]);
	checker_attach(&s->checker, s->engine);
	duties_begin(s);
	kernel_renumber(s);
	if (seed % 3 == 1 && !size->sparse)
		s->crashes = crash_rates[dice_roll(&s->dice, ARRAY_LEN(crash_rates))];
	if (seed % 3 == 2 && !size->sparse)
		twin_begin(s);
	crash_begin(s);
	with_faults(s);
	if (!over(s) && dice_roll(&s->dice, 4) != 0)
		at_calm(s);
	if (!over(s))
		at_end(s);
	duties_at_end(s);
	return s->checker.fault[0] == '\0' ? 0 : -1;
}

void sim_free(struct sim *s)
{
	crash_end(s);
	engine_free(s->engine);
	for (size_t i = 0; i < s->n_sets; i++)
		unit_set_free(&s->sets[i]);
	free(s->boxes);
	free(s->box_of);
	free(s->queue);
	free(s->jobs);
}
