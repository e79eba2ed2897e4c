/*
 * Size and chance: ten thousand units in a chain and in a fan, and long deterministic walks of random events
 * through a dozen units that depend on each other in every way, after each of which the invariants hold.
 */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define MANY 10000
#define WALKERS 12
#define STEPS 100000

/* ---- many */

static struct world *many(enum unit_kind first)
{
	struct world *w = world_new(MANY);
	char name[32];

	w->quiet = true;
	for (uint32_t u = 0; u < MANY; u++) {
		snprintf(name, sizeof(name), "u%05u.service", u);
		world_add(w, name, u == 0 ? first : KIND_SERVICE);
	}
	return w;
}

static void all_are(const struct world *w, enum state state)
{
	for (uint32_t u = 0; u < w->set.n; u++)
		assert_int_equal(world_state(w, u), state);
}

static void test_chain(void **data)
{
	struct world *w = many(KIND_SERVICE);

	(void)data;
	for (uint32_t u = 0; u + 1 < MANY; u++) {
		world_edge(w, u, DEP_REQUIRES, u + 1);
		world_edge(w, u, DEP_AFTER, u + 1);
	}
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	assert_int_equal(w->job_result[1], 0);
	all_are(w, ST_RUNNING);
	world_command(w, EV_RESTART, MANY - 1, 2);
	all_are(w, ST_RUNNING);
	assert_int_equal(w->actors[0].spawns, 2);
	world_command(w, EV_STOP, MANY - 1, 3);
	all_are(w, ST_INACTIVE);
	world_free(w);
}

static void test_chain_fails_from_its_end(void **data)
{
	struct world *w = many(KIND_SERVICE);

	(void)data;
	for (uint32_t u = 0; u + 1 < MANY; u++) {
		world_edge(w, u, DEP_REQUIRES, u + 1);
		world_edge(w, u, DEP_AFTER, u + 1);
	}
	w->actors[MANY - 1].fail_spawn = true;
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	all_are(w, ST_FAILED);
	assert_true(w->job_result[1] > 0);
	assert_int_equal(w->logs, MANY);
	world_free(w);
}

static void test_fan(void **data)
{
	struct world *w = many(KIND_TARGET);

	(void)data;
	for (uint32_t u = 1; u < MANY; u++) {
		world_edge(w, 0, DEP_WANTS, u);
		world_edge(w, 0, DEP_AFTER, u);
		w->actors[u].hold_spawn = true;
	}
	world_begin(w);
	world_command(w, EV_START, 0, 1);
	/* They come up in an order of their own. */
	for (uint32_t i = 1; i < MANY; i++) {
		uint32_t u = i % 2 != 0 ? MANY - 1 - i / 2 : i / 2;

		assert_int_equal(world_state(w, 0), ST_WAITING);
		w->actors[u].main = true;
		world_event(w, &(struct event){ .kind = EV_SPAWNED, .unit = u, .pid = (int32_t)u });
	}
	all_are(w, ST_RUNNING);
	assert_int_equal(w->job_result[1], 0);
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	assert_int_equal(w->machine, 1);
	world_free(w);
}

/* ---- chance */

static uint32_t roll(uint64_t *seed, uint32_t sides)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % sides;
}

static void random_health(struct unit *unit, uint64_t *seed)
{
	static const char *const words[] = { "/bin/check", "-q" };
	static const struct strv command = { .v = (const char **)(uintptr_t)words, .n = 2 };
	struct container_section *c = &unit->container;

	if (roll(seed, 2) == 0)
		return;
	c->health.cmd = command;
	c->health.interval = (1 + roll(seed, 3)) * SEC;
	c->health.timeout = (1 + roll(seed, 3)) * SEC;
	c->health.retries = 1 + roll(seed, 3);
	c->health.start_period = roll(seed, 3) * SEC;
	c->health_on_failure = (int)roll(seed, 4);
	if (roll(seed, 2) == 0)
		c->notify = NOTIFY_HEALTHY;
	if (roll(seed, 2) != 0)
		return;
	c->startup.cmd = command;
	c->startup.interval = SEC;
	c->startup.retries = roll(seed, 4);
	c->startup.success = roll(seed, 3);
}

static void random_end(struct service_section *s, uint64_t *seed)
{
	s->restart_mode = (int)roll(seed, 2);
	s->restart_extra = roll(seed, 2) * SEC;
	s->restart_stable = (1 + roll(seed, 20)) * SEC;
	s->exit_type = s->type != TYPE_ONESHOT && roll(seed, 4) == 0 ? EXIT_TYPE_CGROUP
								     : EXIT_TYPE_MAIN;
	s->timeout_start_mode = (int)roll(seed, 3);
	s->timeout_stop_mode = (int)roll(seed, 3);
	s->timeout_abort = (1 + roll(seed, 10)) * SEC;
	s->runtime_max = roll(seed, 4) == 0 ? (1 + roll(seed, 20)) * SEC : TIME_INFINITY;
	s->runtime_extra = roll(seed, 5) * SEC;
	s->send_sighup = roll(seed, 4) == 0;
	s->final_kill_signal = roll(seed, 4) == 0 ? SIGQUIT : SIGKILL;
	s->restart_kill_signal = roll(seed, 4) == 0 ? SIGUSR1 : 0;
}

static void random_unit(struct world *w, struct unit *unit, uint64_t *seed)
{
	struct service_section *s = &unit->service;

	s->type = (int)roll(seed, TYPE_NOTIFY_RELOAD + 1);
	s->restart = (int)roll(seed, 7);
	if (s->type == TYPE_ONESHOT && s->restart != RESTART_ON_FAILURE)
		s->restart = RESTART_NO;
	s->remain_after_exit = roll(seed, 2) != 0;
	s->kill_mode = (int)roll(seed, 3);
	random_end(s, seed);
	s->watchdog = roll(seed, 4) == 0 ? 5 * SEC : 0;
	s->oom_policy = (int)roll(seed, 3);
	s->timeout_start = (5 + roll(seed, 10)) * SEC;
	s->timeout_stop = (5 + roll(seed, 10)) * SEC;
	if (roll(seed, 3) == 0) {
		unit->unit.start_limit_burst = 1 + roll(seed, 5);
		unit->unit.start_limit_interval = 10 * SEC;
	}
	if (roll(seed, 4) == 0)
		world_commands(w, &s->exec_condition, 1);
	random_health(unit, seed);
	if (roll(seed, 3) == 0)
		world_commands(w, &s->exec_start_pre, 1);
	if (roll(seed, 3) == 0)
		world_commands(w, &s->exec_start_post, 1);
	if (roll(seed, 3) == 0)
		world_commands(w, &s->exec_stop, 2);
	if (roll(seed, 3) == 0)
		world_commands(w, &s->exec_stop_post, 1);
	if (roll(seed, 3) == 0)
		world_commands(w, &s->exec_reload, 1);
	if (unit->kind == KIND_MOUNT) {
		s->type = TYPE_ONESHOT;
		s->restart = RESTART_NO;
		s->remain_after_exit = true;
		world_commands(w, &s->exec_start, 1);
	}
}

/* The keys of [Unit] that tie it to others, but for the edges. */
static void random_ties(struct unit_section *u, uint64_t *seed)
{
	u->stop_when_unneeded = roll(seed, 6) == 0;
	u->refuse_manual_start = roll(seed, 10) == 0;
	u->refuse_manual_stop = roll(seed, 10) == 0;
	u->restart_dependents = roll(seed, 3) == 0;
	if (roll(seed, 4) == 0)
		u->job_timeout = (1 + roll(seed, 10)) * SEC;
	if (roll(seed, 4) == 0)
		u->job_running_timeout = (1 + roll(seed, 5)) * SEC;
}

static enum dependency random_tie(uint64_t *seed)
{
	return (enum dependency)(DEP_REQUIRES + roll(seed, DEP_TRIGGERS - DEP_REQUIRES));
}

/* Each socket starts some service, as Service= would have it. */
static void tie_sockets(struct world *w, uint64_t *seed)
{
	for (uint32_t u = 0; u < WALKERS; u++) {
		struct unit *unit = &w->set.units[u];
		uint32_t service = roll(seed, WALKERS);

		unit->socket.trigger_burst = roll(seed, 4);
		unit->socket.trigger_interval = 2 * SEC;
		if (unit->kind != KIND_SOCKET || service <= u ||
			(w->set.units[service].kind != KIND_SERVICE &&
				w->set.units[service].kind != KIND_CONTAINER))
			continue;
		/* the order goes to higher numbers: a socket is before its service */
		world_edge(w, u, DEP_TRIGGERS, service);
		world_edge(w, service, DEP_SOCKETS, u);
	}
}

/* Each timer starts some service of a lower number; one that has none is broken, as in a unit set. */
static void tie_timers(struct world *w, uint64_t *seed)
{
	static struct trigger triggers[] = { { ON_ACTIVE, 2 * SEC, NULL },
		{ ON_UNIT_INACTIVE, SEC, NULL }, { ON_UNIT_ACTIVE, 3 * SEC, NULL } };

	for (uint32_t u = 0; u < WALKERS; u++) {
		struct unit *unit = &w->set.units[u];
		uint32_t service = u;

		if (unit->kind != KIND_TIMER)
			continue;
		unit->timer.triggers = (struct triggers){ triggers, 1 + roll(seed, 3) };
		unit->timer.accuracy = roll(seed, 2) * SEC;
		unit->timer.remain_after_elapse = roll(seed, 2) != 0;
		while (service > 0 && !unit_has_process(&w->set.units[service - 1]))
			service--;
		if (service == 0) {
			unit->broken = "there is no such unit";
			continue;
		}
		world_edge(w, u, DEP_TRIGGERS, service - 1);
		world_edge(w, service - 1, DEP_AFTER, u);
	}
}

static void fill(struct world *w, uint64_t *seed)
{
	static const enum unit_kind kinds[] = { KIND_SERVICE, KIND_SERVICE, KIND_SERVICE,
		KIND_CONTAINER, KIND_NETWORK, KIND_TARGET, KIND_SOCKET, KIND_TIMER, KIND_MOUNT };
	char name[32];

	for (uint32_t u = 0; u < WALKERS; u++) {
		snprintf(name, sizeof(name), "u%02u", u);
		random_unit(w, world_add(w, name, kinds[roll(seed, 9)]), seed);
		random_ties(&w->set.units[u].unit, seed);
		if (roll(seed, 12) == 0)
			w->set.units[u].broken = "it is broken";
	}
	/* Order only towards higher numbers: no cycle. */
	for (uint32_t i = 0; i < 2 * WALKERS; i++) {
		uint32_t a = roll(seed, WALKERS - 1), b = a + 1 + roll(seed, WALKERS - 1 - a);

		world_edge(w, a, DEP_AFTER, b);
		world_edge(w, a, random_tie(seed), b);
		if (roll(seed, 4) == 0)
			world_edge(w, roll(seed, WALKERS), random_tie(seed), roll(seed, WALKERS));
	}
	tie_sockets(w, seed);
	tie_timers(w, seed);
}

static void random_manners(struct actor *a, uint64_t *seed)
{
	a->ignore_term = roll(seed, 4) == 0;
	a->linger = roll(seed, 4) == 0;
	a->ends_at_once = roll(seed, 3) == 0;
	a->hold_helpers = roll(seed, 4) == 0;
	a->hold_checks = roll(seed, 3) == 0;
	a->check_status = roll(seed, 2) == 0 ? EXIT_STATUS(1) : 0;
	a->hold_setup = roll(seed, 6) == 0;
	a->fail_spawn = roll(seed, 8) == 0;
	a->fail_setup = roll(seed, 8) == 0;
	a->main_status = roll(seed, 2) != 0 ? 0 : EXIT_STATUS((int)roll(seed, 4));
	for (int r = 0; r < ROLE_COUNT; r++)
		a->helper_status[r] = roll(seed, 4) == 0 ? EXIT_STATUS(1) : 0;
}

static void random_event(struct world *w, uint64_t *seed)
{
	static const enum event_kind commands[] = { EV_START, EV_START, EV_STOP, EV_RESTART,
		EV_RELOAD, EV_RESET };
	static const enum event_kind noises[] = { EV_OOM, EV_SETUP_DONE, EV_SETUP_FAILED };
	struct notify n = { .watchdog_usec = UINT64_MAX,
		.ready = roll(seed, 2) != 0,
		.reloading = roll(seed, 4) == 0,
		.watchdog = roll(seed, 2) != 0,
		.watchdog_trigger = roll(seed, 20) == 0,
		.stopping = roll(seed, 10) == 0,
		.at = roll(seed, 2) != 0 ? w->now : 0,
		.extend_timeout = roll(seed, 10) == 0 ? 3 * SEC : 0 };
	uint32_t u = roll(seed, WALKERS);

	random_manners(&w->actors[u], seed);
	switch (roll(seed, 8)) {
	case 7:
		world_connect(w, u);
		break;
	case 0:
	case 1:
		world_command(w, commands[roll(seed, 6)], u, 1 + roll(seed, 15));
		break;
	case 2:
		if (w->actors[u].main)
			world_exit(w, u,
				roll(seed, 2) != 0 ? SIGSEGV : EXIT_STATUS((int)roll(seed, 3)));
		break;
	case 3:
		if (w->actors[u].check)
			world_check_exit(w, u, EXIT_STATUS((int)roll(seed, 2)));
		if (w->actors[u].helper)
			world_helper_exit(w, u, EXIT_STATUS((int)roll(seed, 2)));
		break;
	case 4:
		world_event(w, &(struct event){ .kind = EV_NOTIFY, .unit = u, .notify = &n });
		break;
	case 5:
		world_pass(w, roll(seed, 3000) * MS);
		break;
	case 6:
		/* the last: somebody else has unmounted it */
		world_event(w,
			&(struct event){
				.kind = noises[roll(seed, 3)], .unit = u, .text = "taken away" });
		break;
	}
}

/* What can still come due belongs to a unit that is up. */
static void check_timers(const struct life *l)
{
	for (int t = TIMER_WATCHDOG; t <= TIMER_RUNTIME && !in_states(l, STATES_ACTIVE); t++)
		assert_true(l->timers[t] == TIME_INFINITY);
}

/* Of two that want to start, the one that is after the other waits until the other has arrived. */
static void check_after(const struct engine *e, uint32_t u, const struct edges *edges)
{
	for (size_t i = 0; i < edges->n; i++) {
		const struct life *other = life_of(e, edges->v[i]);

		if (edges->v[i] != u && (other->ask == ASK_START || other->ask == ASK_STARTING))
			fail_msg("%s starts before %s, which it is after", unit_of(e, u)->name,
				unit_of(e, edges->v[i])->name);
	}
}

static bool is_after(const struct engine *e, uint32_t u, uint32_t other)
{
	return engine_names(e, u, DEP_AFTER, other) || engine_names(e, other, DEP_BEFORE, u);
}

/* Nothing starts on top of what it requires and is after, when that has failed. */
static void check_required(const struct engine *e, uint32_t u, enum dependency dep)
{
	const struct edges *edges = &e->gen.set->nodes[u].out[dep];

	for (size_t i = 0; i < edges->n; i++) {
		const struct life *other = life_of(e, edges->v[i]);

		if (is_after(e, u, edges->v[i]) && other->run.state == ST_FAILED && !other->arrived)
			fail_msg("%s starts without %s, which has failed", unit_of(e, u)->name,
				unit_of(e, edges->v[i])->name);
	}
}

void __real_engine_dispatch(struct engine *e, const struct event *event);
void __wrap_engine_dispatch(struct engine *e, const struct event *event);

/* The order has let it start; the linker puts this between. */
void __wrap_engine_dispatch(struct engine *e, const struct event *event)
{
	const struct node *node = &e->gen.set->nodes[event->unit];

	/* One that is broken fails at once, in no order. */
	if (event->kind == EV_START && unit_of(e, event->unit)->broken == NULL) {
		check_after(e, event->unit, &node->out[DEP_AFTER]);
		check_after(e, event->unit, &node->in[DEP_BEFORE]);
		check_required(e, event->unit, DEP_REQUIRES);
		check_required(e, event->unit, DEP_BINDS_TO);
	}
	__real_engine_dispatch(e, event);
}

/* Nobody waits for ever at a socket that is up: its service is not down, or it is watched. */
static void check_socket(const struct world *w, uint32_t u)
{
	const struct life *l = life_of(w->engine, u);
	const struct edges *out = &w->set.nodes[u].out[DEP_TRIGGERS];
	const struct life *service = out->n > 0 ? life_of(w->engine, out->v[0]) : NULL;

	if (w->set.units[u].kind != KIND_SOCKET || l->run.state != ST_RUNNING || w->machine != 0 ||
		l->ask != ASK_NONE || w->engine->ending != 0 || service == NULL)
		return;
	if (in_states(service, STATES_DOWN) && service->ask == ASK_NONE && !service->held &&
		!w->actors[u].watched)
		fail_msg("%s: nobody watches it, its service is %s\n%s", w->set.units[u].name,
			state_name(service->run.state), w->trace);
}

/* A timer that is up has a time, or waits for the end of what it started, or has nothing left to wait for. */
static void check_timer(const struct world *w, uint32_t u)
{
	const struct life *l = life_of(w->engine, u);
	const struct edges *out = &w->set.nodes[u].out[DEP_TRIGGERS];

	if (w->set.units[u].kind != KIND_TIMER || l->run.state != ST_RUNNING ||
		l->ask != ASK_NONE || w->engine->ending != 0)
		return;
	if (l->timers[TIMER_TRIGGER] == TIME_INFINITY && l->timer.last == 0 && !l->timer.busy)
		fail_msg("%s: nothing will make it elapse\n%s", w->set.units[u].name, w->trace);
	if (l->timer.busy && !life_of(w->engine, out->v[0])->held &&
		in_states(life_of(w->engine, out->v[0]), STATES_DOWN) &&
		life_of(w->engine, out->v[0])->ask == ASK_NONE)
		fail_msg("%s: waits for the end of what is down\n%s", w->set.units[u].name,
			w->trace);
}

static void check(const struct world *w)
{
	char why[128];

	engine_culprit(w->engine, w->now, why, sizeof(why));
	assert_true(w->max_mains < 2 && w->max_checks < 2);
	for (uint32_t u = 0; u < w->set.n; u++) {
		const struct life *l = life_of(w->engine, u);
		const struct run *r = &l->run;

		/* Who moves has a reason to end it: a deadline, or a blocker that it watches. */
		if (r->state == ST_WAITING || (r->state == ST_BACKOFF && l->ask == ASK_STOP))
			assert_true(l->held || l->watching != NO_UNIT);
		else if (!in_states(l, STATES_DOWN | STATES_ACTIVE) && r->deadline == TIME_INFINITY)
			fail_msg("%s: %s without a deadline, ask %d held %d\n%s",
				w->set.units[u].name, state_name(r->state), (int)l->ask, l->held,
				w->trace);
		assert_false(l->queued);
		/* Who has a health is checked on: a check runs, or the next one has its time. */
		if (l->checking.health.state != HEALTH_NONE)
			assert_true(l->timers[TIMER_HEALTH] != TIME_INFINITY);
		else if (in_states(l, STATES_DOWN))
			assert_false(l->check.live && l->result.kind != CAUSE_SURVIVOR);
		if (l->jobs != NULL && !l->held && l->ask == ASK_NONE && r->state != ST_RELOAD)
			fail_msg("%s: %s, nothing asked, but job %u waits\n%s",
				w->set.units[u].name, state_name(r->state), l->jobs->job, w->trace);
		if (in_states(l, STATES_DOWN) && !l->held)
			assert_true(l->ask == ASK_NONE);
		check_timers(l);
		check_socket(w, u);
		check_timer(w, u);
		if (strcmp(engine_why(w->engine, u, why, sizeof(why)), "about to move") == 0)
			fail_msg("%s: %s, ask %d, held by nothing, watches %u\n%s",
				w->set.units[u].name, state_name(r->state), (int)l->ask,
				l->watching, w->trace);
	}
}

static void calm(struct world *w)
{
	for (uint32_t u = 0; u < WALKERS; u++) {
		w->actors[u].hold_setup = w->actors[u].hold_helpers = false;
		w->actors[u].ends_at_once = w->actors[u].fail_spawn = w->actors[u]
									      .fail_setup = false;
	}
}

static void settle_down(struct world *w)
{
	engine_shutdown(w->engine, 2, w->now);
	world_perform(w);
	check(w);
	world_pass(w, 3600 * SEC);
	for (uint32_t u = 0; u < WALKERS && w->machine != 2; u++)
		if (!in_states(life_of(w->engine, u), STATES_DOWN))
			print_message("%s: %s, ask %d, watches %u, deadline %llu\n",
				w->set.units[u].name, state_name(world_state(w, u)),
				(int)life_of(w->engine, u)->ask, life_of(w->engine, u)->watching,
				(unsigned long long)world_run(w, u)->deadline);
	assert_int_equal(w->machine, 2);
	for (uint32_t u = 0; u < WALKERS; u++) {
		assert_true(in_states(life_of(w->engine, u), STATES_DOWN));
		assert_false(w->actors[u].check);
		if (w->actors[u].main || w->actors[u].helper)
			fail_msg(
				"%s: left behind: main %d helper %d (%s); known %d %d, %s: %s; kill mode %d\n%s",
				w->set.units[u].name, w->actors[u].main, w->actors[u].helper,
				role_name(w->actors[u].role), life_of(w->engine, u)->main.live,
				life_of(w->engine, u)->helper.live, state_name(world_state(w, u)),
				world_run(w, u)->cause, w->set.units[u].service.kill_mode,
				w->trace);
	}
}

static void test_random_walks(void **data)
{
	(void)data;
	for (uint64_t first = 1; first <= 50; first++) {
		struct world *w = world_new(WALKERS);
		uint64_t seed = first;

		fill(w, &seed);
		world_begin(w);
		for (int i = 0; i < STEPS / 50; i++) {
			world_clear(w);
			random_event(w, &seed);
			check(w);
		}
		calm(w);
		settle_down(w);
		world_free(w);
	}
}

static void test_random_walks_with_reloads(void **data)
{
	(void)data;
	for (uint64_t first = 1; first <= 20; first++) {
		struct world *w = world_new(WALKERS);
		struct world *other = world_new(WALKERS);
		uint64_t seed = first, other_seed = first;
		struct unit_set *sets[2] = { &w->set, &other->set };

		fill(w, &seed);
		fill(other, &other_seed);
		for (uint32_t u = 0; u < WALKERS; u += 1 + roll(&other_seed, 4)) {
			random_unit(other, &other->set.units[u], &other_seed);
			other->set.units[u].digest = 2;
		}
		world_begin(w);
		for (int i = 0; i < 1000; i++) {
			world_clear(w);
			random_event(w, &seed);
			if (roll(&seed, 10) == 0) {
				engine_reload(w->engine, sets[roll(&seed, 2)], 1 + roll(&seed, 15),
					w->now);
				world_perform(w);
			}
			check(w);
		}
		assert_true(w->swaps > 0);
		calm(w);
		settle_down(w);
		world_free(w);
		world_free(other);
	}
}

int main(void)
{
	/* An engine that turns in circles would take the machine with it. */
	const struct rlimit cpu = { .rlim_cur = 120, .rlim_max = 120 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_chain_fails_from_its_end),
		cmocka_unit_test(test_fan),
		cmocka_unit_test(test_random_walks),
		cmocka_unit_test(test_random_walks_with_reloads),
	};

	setrlimit(RLIMIT_CPU, &cpu);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
