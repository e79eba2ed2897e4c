/* What the engine keeps, and what another one makes of it: all of it, of another version, damaged. */
#include "tests/unit/engine_keeper.h"
#include "tests/unit/engine_world.h"

#include "common/util.h"
#include "common/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- nothing is forgotten */

struct part {
	size_t offset, size;
};
#define PART(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)

/* What is not kept of a life, and why: see engine_kept.c. Whoever adds a member writes it there, or here. */
static const struct part not_of_life[] = {
	{ PART(struct life, run.deadline) }, /* a copy of timers[TIMER_STATE] */
	{ PART(struct life, jobs) },
	{ PART(struct life, checking.image.cmd) }, /* never set */
	{ PART(struct life, held_back) },
	{ PART(struct life, next_turn) },
	{ PART(struct life, queued) },
	{ PART(struct life, seen) },
	{ PART(struct life, due) },
	{ PART(struct life, heap_at) },
};

static const struct part not_of_engine[] = {
	{ PART(struct engine, arena) },
	{ PART(struct engine, gen) },
	{ PART(struct engine, facts) },
	{ PART(struct engine, n_up) }, /* counted */
	{ PART(struct engine, visit) },
	{ PART(struct engine, first) },
	{ PART(struct engine, last) },
	{ PART(struct engine, spare) },
	{ PART(struct engine, spare_waiters) },
	{ PART(struct engine, reload) },
	{ PART(struct engine, only_needed) },    /* during a propagation */
	{ PART(struct engine, budget.waiting) }, /* counted */
	{ PART(struct engine, cost) },
	{ PART(struct engine, lost) },
};

/* bytes: 0xff where the struct has a member, 0 in its gaps. Each member is in the layout or in the list, and once. */
static void assert_each_once(enum kept_part part, const uint8_t *bytes, size_t size,
	const struct part * not, size_t n)
{
	const struct kept_layout *layout = engine_kept_layout(part);
	uint8_t *seen = calloc(1, size);
	size_t packed = 0;

	for (size_t i = 0; i < layout->n; i++) {
		for (size_t k = 0; k < layout->v[i].size; k++)
			assert_int_equal(seen[layout->v[i].offset + k]++, 0);
		packed += layout->v[i].size;
	}
	assert_int_equal(packed, layout->size);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < not [i].size; k++)
			assert_int_equal(seen[not [i].offset + k]++, 0);
	for (size_t at = 0; at < size; at++)
		if (bytes[at] != 0 && seen[at] == 0)
			fail_msg(
				"part %d: the member at offset %zu is neither kept nor in the list of what is not",
				(int)part, at);
	free(seen);
}

static void test_no_member_is_forgotten(void **state)
{
	struct life *l = malloc(sizeof(*l));
	struct engine *e = malloc(sizeof(*e));

	(void)state;
	memset(l, 0xff, sizeof(*l));
	memset(e, 0xff, sizeof(*e));
	__builtin_clear_padding(l);
	__builtin_clear_padding(e);
	assert_each_once(KEPT_LIFE, (uint8_t *)l, sizeof(*l), not_of_life, ARRAY_LEN(not_of_life));
	assert_each_once(KEPT_ENGINE, (uint8_t *)e, sizeof(*e), not_of_engine,
		ARRAY_LEN(not_of_engine));
	free(l);
	free(e);
}

/* Timers stand in the layout one by one. */
static void test_each_timer_is_kept(void **state)
{
	size_t n = 0;
	const struct kept_layout *layout = engine_kept_layout(KEPT_LIFE);

	(void)state;
	for (size_t i = 0; i < layout->n; i++)
		n += strncmp(layout->v[i].name, "timers[", 7) == 0;
	assert_int_equal(n, TIMER_COUNT);
}

static void test_names_are_told_apart(void **state)
{
	(void)state;
	for (int p = 0; p < KEPT_PARTS; p++) {
		const struct kept_layout *layout = engine_kept_layout((enum kept_part)p);

		assert_true(layout->n < KEPT_FIELDS_MAX && layout->size < KEPT_RECORD_MAX);
		for (size_t i = 0; i < layout->n; i++) {
			assert_true(strlen(layout->v[i].name) < KEPT_NAME_MAX);
			assert_null(strpbrk(layout->v[i].name, " \n"));
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(layout->v[i].name, layout->v[k].name);
		}
	}
}

/* ---- an engine put down and taken up again */

static void reborn(struct world *w, struct keeper *k, const struct action *doing)
{
	const struct unit_set *set = engine_set(w->engine);

	keeper_look(k, w->engine, doing);
	engine_free(w->engine);
	w->engine = engine_new(set);
	assert_int_equal(keeper_restore(k, w->engine, w->now), 0);
}

static void test_a_running_unit_runs_on(void **state)
{
	struct world *w = world_one(KIND_SERVICE);
	struct keeper k = { .n = 0 };
	struct action act;
	int32_t pid;

	(void)state;
	world_service(w)->restart = RESTART_ALWAYS;
	world_service(w)->watchdog = 30 * SEC;
	world_service(w)->type = TYPE_NOTIFY;
	world_start(w);
	world_ready(w, 0);
	pid = world_run(w, 0)->main_pid;
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	w->now += 10 * SEC;
	reborn(w, &k, NULL);
	assert_false(engine_next(w->engine, &act));
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(world_run(w, 0)->main_pid, pid);
	assert_int_equal(engine_process(w->engine, 0, ROLE_MAIN), PROC_SETTLED);
	assert_int_equal(engine_process_pid(w->engine, 0, ROLE_MAIN), pid);
	assert_int_equal(engine_process(w->engine, 0, ROLE_STOP), PROC_NONE);
	assert_false(engine_was_lost(w->engine, 0));
	/* the watchdog runs on from where it was, however long nobody was there */
	assert_true(engine_deadline(w->engine) == SEC + 30 * SEC);
	world_exit(w, 0, EXIT_STATUS(3));
	assert_int_equal(world_state(w, 0), ST_BACKOFF);
	assert_int_equal(world_run(w, 0)->restarts, 1);
	reborn(w, &k, NULL);
	world_pass(w, 100 * MS);
	assert_int_equal(w->actors[0].spawns, 2);
	world_ready(w, 0);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	keeper_free(&k);
	world_free(w);
}

static void test_the_action_in_hand_is_done_again(void **state)
{
	struct world *w = world_one(KIND_SERVICE);
	struct keeper k = { .n = 0 };
	struct action act, again;

	(void)state;
	world_begin(w);
	engine_event(w->engine, &(struct event){ .kind = EV_START, .job = 1 }, w->now);
	assert_true(engine_next(w->engine, &act));
	assert_int_equal(act.kind, ACT_SPAWN);
	reborn(w, &k, &act);
	assert_int_equal(engine_process(w->engine, 0, ROLE_MAIN), PROC_ASKED);
	assert_true(engine_next(w->engine, &again));
	assert_int_equal(again.kind, ACT_SPAWN);
	assert_int_equal(again.role, ROLE_MAIN);
	assert_int_equal(again.index, 0);
	assert_false(engine_next(w->engine, &again));
	/* it was performed already: its SPAWN is taken away, and the process told */
	reborn(w, &k, &act);
	assert_false(engine_kept_drop(w->engine, 0, ROLE_HEALTH));
	assert_true(engine_kept_drop(w->engine, 0, ROLE_MAIN));
	assert_false(engine_kept_drop(w->engine, 0, ROLE_MAIN));
	assert_false(engine_next(w->engine, &again));
	engine_event(w->engine, &(struct event){ .kind = EV_SPAWNED, .role = ROLE_MAIN, .pid = 77 },
		w->now);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	assert_int_equal(engine_process_pid(w->engine, 0, ROLE_MAIN), 77);
	/* nobody waits for job 1 any more */
	while (engine_next(w->engine, &act))
		assert_int_not_equal(act.kind, ACT_JOB_DONE);
	keeper_free(&k);
	world_free(w);
}

static uint32_t next_job_done(struct world *w, int32_t *result)
{
	struct action act;

	while (engine_next(w->engine, &act)) {
		*result = act.arg;
		if (act.kind == ACT_JOB_DONE)
			return act.job;
	}
	return 0;
}

/* A command in flight: heard of, its end is told; never heard of, it is to be asked again. */
static void test_jobs_go_on(void **state)
{
	struct world *w = world_one(KIND_SERVICE);
	struct keeper k = { .n = 0 };
	struct action act;
	int32_t result;

	(void)state;
	world_begin(w);
	engine_event(w->engine, &(struct event){ .kind = EV_START, .job = 7 }, w->now);
	assert_true(engine_next(w->engine, &act));
	reborn(w, &k, &act);
	assert_false(engine_waits(w->engine, 7));
	assert_false(engine_job_resume(w->engine, 0, 8));
	assert_true(engine_job_resume(w->engine, 0, 7));
	assert_true(engine_job_resume(w->engine, 0, 7)); /* and waits once */
	assert_true(engine_waits(w->engine, 7));
	engine_event(w->engine, &(struct event){ .kind = EV_SPAWNED, .role = ROLE_MAIN, .pid = 77 },
		w->now);
	/* its end was decided, and not performed */
	reborn(w, &k, NULL);
	assert_true(engine_waits(w->engine, 7));
	assert_true(engine_job_resume(w->engine, 0, 7));
	assert_int_equal(next_job_done(w, &result), 7);
	assert_int_equal(result, 0);
	assert_int_equal(next_job_done(w, &result), 0);
	/* its end was performed, and yet nobody has written it down */
	assert_true(engine_job_resume(w->engine, 0, 7));
	assert_int_equal(next_job_done(w, &result), 7);
	assert_int_not_equal(result, 0);
	keeper_free(&k);
	world_free(w);
}

/* The queue was lost: what is waited for is ordered again. */
static void test_without_the_queue(void **state)
{
	struct world *w = world_new(3);
	struct keeper k = { .n = 0 };
	struct action act;

	(void)state;
	world_add(w, "a", KIND_SERVICE);
	world_add(w, "b", KIND_NETWORK);
	world_add(w, "c", KIND_SERVICE);
	world_begin(w);
	for (uint32_t u = 0; u < 3; u++)
		engine_event(w->engine, &(struct event){ .kind = EV_START, .unit = u }, w->now);
	keeper_look(&k, w->engine, NULL);
	k.queue_size = 3; /* not even a head */
	engine_free(w->engine);
	w->engine = engine_new(&w->set);
	assert_int_equal(keeper_restore(&k, w->engine, w->now), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(engine_next(w->engine, &act));
		assert_int_equal(act.unit, i);
		assert_int_equal(act.kind, i == 1 ? ACT_SETUP : ACT_SPAWN);
	}
	assert_false(engine_next(w->engine, &act));
	keeper_free(&k);
	world_free(w);
}

static void test_told_twice_is_told_once(void **state)
{
	struct world *w = world_one(KIND_SERVICE);
	const struct event execed = { .kind = EV_EXECED, .role = ROLE_MAIN, .pid = 100 };
	struct event exited = { .kind = EV_EXITED, .role = ROLE_MAIN, .pid = 100 };

	(void)state;
	world_service(w)->type = TYPE_EXEC;
	world_service(w)->restart = RESTART_ALWAYS;
	world_start(w);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_clear(w);
	world_event(w, &execed);
	assert_int_equal(w->logs, 0);
	world_event(w, &(struct event){ .kind = EV_SPAWN_FAILED, .pid = 100, .text = "late" });
	assert_int_equal(w->logs, 0);
	assert_int_equal(engine_process(w->engine, 0, ROLE_MAIN), PROC_SETTLED);
	/* its exit is told, it starts anew, and the exit of the first is told again */
	w->actors[0].main = false;
	world_event(w, &exited);
	world_event(w, &(struct event){ .kind = EV_EMPTY });
	world_pass(w, SEC);
	assert_int_equal(w->actors[0].spawns, 2);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	world_event(w, &exited);
	assert_int_equal(world_state(w, 0), ST_RUNNING);
	exited.pid = world_run(w, 0)->main_pid;
	w->actors[0].main = false;
	world_event(w, &exited);
	assert_int_not_equal(world_state(w, 0), ST_RUNNING);
	world_free(w);
}

/* Only what was touched is given; a new generation wholly. */
static void test_what_is_given(void **state)
{
	struct world *w = world_new(100);
	struct keeper k = { .n = 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "u%03d", i);
		world_add(w, name, KIND_SERVICE);
	}
	world_begin(w);
	keeper_look(&k, w->engine, NULL);
	assert_int_equal(k.puts, 100);
	keeper_look(&k, w->engine, NULL);
	assert_int_equal(k.puts, 0);
	world_command(w, EV_START, 42, 0);
	keeper_look(&k, w->engine, NULL);
	assert_int_equal(k.puts, 1);
	(void)engine_run(w->engine, 7);
	(void)engine_deadline(w->engine);
	keeper_look(&k, w->engine, NULL);
	assert_int_equal(k.puts, 0);
	engine_reload(w->engine, &w->set, 0, w->now);
	world_perform(w);
	assert_int_equal(w->swaps, 1);
	keeper_look(&k, w->engine, NULL);
	assert_int_equal(k.puts, 100);
	keeper_free(&k);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_member_is_forgotten),
		cmocka_unit_test(test_each_timer_is_kept),
		cmocka_unit_test(test_names_are_told_apart),
		cmocka_unit_test(test_a_running_unit_runs_on),
		cmocka_unit_test(test_the_action_in_hand_is_done_again),
		cmocka_unit_test(test_jobs_go_on),
		cmocka_unit_test(test_without_the_queue),
		cmocka_unit_test(test_told_twice_is_told_once),
		cmocka_unit_test(test_what_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
