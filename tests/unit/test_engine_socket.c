/* Socket units: the first connection starts the service, and nobody who comes later is lost or starts a storm. */
#include "tests/unit/engine_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SERVICE, SOCKET };

static struct world *new_world(void)
{
	struct world *w = world_new(2);
	struct unit *socket;

	world_add(w, "web.service", KIND_SERVICE);
	socket = world_add(w, "web.socket", KIND_SOCKET);
	socket->socket.trigger_interval = 2 * SEC;
	socket->socket.trigger_burst = 20;
	world_edge(w, SOCKET, DEP_TRIGGERS, SERVICE);
	world_edge(w, SOCKET, DEP_BEFORE, SERVICE);
	world_edge(w, SERVICE, DEP_SOCKETS, SOCKET);
	return w;
}

static struct world *listening(void)
{
	struct world *w = new_world();

	world_begin(w);
	world_command(w, EV_START, SOCKET, 1);
	assert_int_equal(w->job_result[1], 0);
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	return w;
}

static void test_first_connection_starts_the_service(void **data)
{
	struct world *w = listening();

	(void)data;
	assert_true(w->actors[SOCKET].watched);
	assert_int_equal(world_state(w, SERVICE), ST_INACTIVE);
	world_connect(w, SOCKET);
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	assert_int_equal(world_run(w, SOCKET)->triggers, 1);
	assert_false(w->actors[SOCKET].watched);
	assert_true(world_in_order(w, "setup web.socket", "watch web.socket",
		"log web.service started by web.socket", "spawn web.service", NULL));
	world_free(w);
}

static void assert_why(const struct world *w, uint32_t u, const char *want)
{
	char why[256];

	assert_string_equal(engine_why(w->engine, u, why, sizeof(why)), want);
	assert_string_equal(engine_why_own(w->engine, u, why, sizeof(why)),
		strcmp(want, "running") == 0 ? "" : want);
}

static void test_why(void **data)
{
	struct world *w = new_world();

	(void)data;
	world_begin(w);
	assert_why(w, SERVICE, "nothing has asked for it");
	world_command(w, EV_START, SOCKET, 1);
	assert_why(w, SERVICE, "nothing has asked for it; web.socket will start it");
	assert_why(w, SOCKET, "the first connection starts web.service");
	world_connect(w, SOCKET);
	assert_why(w, SERVICE, "running");
	assert_why(w, SOCKET, "web.service is running");
	world_free(w);
}

static void test_watched_again_when_the_service_is_down(void **data)
{
	struct world *w = listening();

	(void)data;
	world_connect(w, SOCKET);
	world_exit(w, SERVICE, 0);
	assert_int_equal(world_state(w, SERVICE), ST_INACTIVE);
	assert_true(w->actors[SOCKET].watched);
	world_connect(w, SOCKET);
	assert_int_equal(w->actors[SERVICE].spawns, 2);
	assert_int_equal(world_count(w, "setup"), 1);
	assert_int_equal(world_count(w, "teardown web.socket"), 0);
	world_free(w);
}

/* The backlog keeps who comes while it restarts; nobody is counted as a trigger. */
static void test_backoff_is_not_watched(void **data)
{
	struct world *w = new_world();

	(void)data;
	w->set.units[SERVICE].service.restart = RESTART_ALWAYS;
	world_begin(w);
	world_command(w, EV_START, SOCKET, 1);
	world_connect(w, SOCKET);
	world_exit(w, SERVICE, SIGSEGV);
	assert_int_equal(world_state(w, SERVICE), ST_BACKOFF);
	assert_false(w->actors[SOCKET].watched);
	world_pass(w, SEC);
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	assert_false(w->actors[SOCKET].watched);
	assert_int_equal(world_run(w, SOCKET)->triggers, 1);
	world_free(w);
}

static void test_restart_of_the_service_leaves_the_socket_alone(void **data)
{
	struct world *w = listening();

	(void)data;
	world_connect(w, SOCKET);
	world_command(w, EV_RESTART, SERVICE, 2);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(w->actors[SERVICE].spawns, 2);
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	assert_int_equal(world_count(w, "teardown"), 0);
	assert_int_equal(world_count(w, "watch"), 1);
	world_free(w);
}

/* It ends without taking its connection, which then triggers again and again. */
static void test_trigger_limit(void **data)
{
	struct world *w = listening();

	(void)data;
	w->actors[SERVICE].ends_at_once = true;
	for (int i = 0; i < 20; i++) {
		assert_true(w->actors[SOCKET].watched);
		world_connect(w, SOCKET);
	}
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	world_connect(w, SOCKET);
	assert_int_equal(world_state(w, SOCKET), ST_FAILED);
	assert_string_equal(world_run(w, SOCKET)->cause,
		"trigger-limit-hit: more than 20 activations in 2 s");
	assert_int_equal(w->actors[SERVICE].spawns, 20);
	assert_true(world_in_order(w, "teardown web.socket", NULL));
	world_command(w, EV_START, SOCKET, 2);
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	world_free(w);
}

static void test_trigger_limit_forgets(void **data)
{
	struct world *w = listening();

	(void)data;
	w->actors[SERVICE].ends_at_once = true;
	for (int i = 0; i < 100; i++) {
		world_connect(w, SOCKET);
		world_pass(w, 150 * MS);
	}
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	assert_int_equal(w->actors[SERVICE].spawns, 100);
	world_free(w);
}

static void test_start_limit_of_the_service(void **data)
{
	struct world *w = new_world();

	(void)data;
	w->set.units[SERVICE].unit.start_limit_interval = 10 * SEC;
	w->set.units[SERVICE].unit.start_limit_burst = 5;
	w->actors[SERVICE].ends_at_once = true;
	w->actors[SERVICE].main_status = EXIT_STATUS(1);
	world_begin(w);
	world_command(w, EV_START, SOCKET, 1);
	for (int i = 0; i < 6; i++)
		world_connect(w, SOCKET);
	assert_int_equal(w->actors[SERVICE].spawns, 5);
	assert_int_equal(world_state(w, SERVICE), ST_FAILED);
	assert_int_equal(world_state(w, SOCKET), ST_FAILED);
	assert_string_equal(world_run(w, SOCKET)->cause,
		"service-start-limit-hit: web.service failed too often");
	world_free(w);
}

static void test_broken_service_fails_the_socket(void **data)
{
	struct world *w = new_world();

	(void)data;
	w->set.units[SERVICE].broken = "web.service:1: no";
	world_begin(w);
	world_command(w, EV_START, SOCKET, 1);
	world_connect(w, SOCKET);
	assert_int_equal(world_state(w, SOCKET), ST_FAILED);
	assert_string_equal(world_run(w, SOCKET)->cause,
		"web.service cannot start: web.service:1: no");
	world_free(w);
}

static void test_stop_closes_and_leaves_the_service(void **data)
{
	struct world *w = listening();

	(void)data;
	world_connect(w, SOCKET);
	world_command(w, EV_STOP, SOCKET, 2);
	assert_int_equal(w->job_result[2], 0);
	assert_int_equal(world_state(w, SOCKET), ST_INACTIVE);
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	assert_true(world_in_order(w, "teardown web.socket", NULL));
	/* and without it the service is not watched */
	world_clear(w);
	world_command(w, EV_STOP, SERVICE, 3);
	assert_int_equal(world_count(w, "watch"), 0);
	world_free(w);
}

static void test_one_that_is_lost_has_failed(void **data)
{
	struct world *w = listening();

	(void)data;
	world_event(w,
		&(struct event){
			.kind = EV_SETUP_FAILED, .unit = SOCKET, .text = "take its sockets over" });
	assert_int_equal(world_state(w, SOCKET), ST_FAILED);
	assert_true(world_run(w, SOCKET)->failed);
	assert_string_equal(world_run(w, SOCKET)->cause, "take its sockets over");
	assert_true(world_in_order(w, "watch web.socket", "teardown web.socket", NULL));
	world_command(w, EV_START, SOCKET, 2);
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	assert_true(w->actors[SOCKET].watched);
	world_free(w);
}

static void test_refused_while_the_service_is_up(void **data)
{
	struct world *w = new_world();

	(void)data;
	world_begin(w);
	world_command(w, EV_START, SERVICE, 1);
	world_command(w, EV_START, SOCKET, 2);
	assert_true(w->job_result[2] > 0);
	assert_int_equal(world_state(w, SOCKET), ST_FAILED);
	assert_string_equal(world_run(w, SOCKET)->cause,
		"web.service is up already, without this socket; stop it first");
	assert_int_equal(world_count(w, "setup"), 0);
	world_free(w);
}

static void test_socket_is_up_before_the_service(void **data)
{
	struct world *w = world_new(3);

	(void)data;
	world_add(w, "web.service", KIND_SERVICE);
	world_add(w, "web.socket", KIND_SOCKET);
	world_add(w, "x.target", KIND_TARGET);
	world_edge(w, SOCKET, DEP_TRIGGERS, SERVICE);
	world_edge(w, SOCKET, DEP_BEFORE, SERVICE);
	world_edge(w, SERVICE, DEP_SOCKETS, SOCKET);
	world_edge(w, 2, DEP_WANTS, SERVICE);
	world_edge(w, 2, DEP_WANTS, SOCKET);
	world_begin(w);
	w->actors[SOCKET].hold_setup = true;
	world_command(w, EV_START, 2, 1);
	assert_int_equal(world_state(w, SERVICE), ST_WAITING);
	world_event(w, &(struct event){ .kind = EV_SETUP_DONE, .unit = SOCKET });
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	assert_false(w->actors[SOCKET].watched);
	/* down in the other order */
	world_clear(w);
	engine_shutdown(w->engine, 1, w->now);
	world_perform(w);
	assert_true(world_in_order(w, "teardown web.service", "teardown web.socket", NULL));
	assert_int_equal(w->machine, 1);
	world_free(w);
}

/* ---- reload */

static void reload(struct world *w, struct world *next, uint32_t changed)
{
	next->set.units[changed].digest = 2;
	world_clear(w);
	engine_reload(w->engine, &next->set, 5, w->now);
	world_perform(w);
	assert_int_equal(w->swaps, 1);
	assert_int_equal(w->job_result[5], 0);
}

static void test_reload_of_the_service_keeps_the_socket(void **data)
{
	struct world *w = listening(), *next = new_world();

	(void)data;
	world_connect(w, SOCKET);
	world_begin(next);
	reload(w, next, SERVICE);
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	assert_int_equal(w->actors[SERVICE].spawns, 2);
	assert_int_equal(world_count(w, "teardown web.socket"), 0);
	assert_int_equal(world_count(w, "setup"), 0);
	assert_int_equal(world_run(w, SOCKET)->triggers, 1);
	/* it goes on as it was */
	world_exit(w, SERVICE, 0);
	assert_true(w->actors[SOCKET].watched);
	world_free(w);
	world_free(next);
}

/* Its descriptors are the old ones: it comes down first, and up again with the new. */
static void test_reload_of_the_socket_takes_its_service_along(void **data)
{
	struct world *w = listening(), *next = new_world();

	(void)data;
	world_connect(w, SOCKET);
	world_begin(next);
	reload(w, next, SOCKET);
	assert_true(world_in_order(w, "teardown web.service", "teardown web.socket", "swap",
		"setup web.socket", "spawn web.service", NULL));
	assert_int_equal(world_state(w, SOCKET), ST_RUNNING);
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	world_free(w);
	world_free(next);
}

static void test_reload_of_an_idle_socket_watches_again(void **data)
{
	struct world *w = listening(), *next = new_world();

	(void)data;
	world_begin(next);
	reload(w, next, SOCKET);
	assert_int_equal(world_state(w, SERVICE), ST_INACTIVE);
	assert_true(w->actors[SOCKET].watched);
	world_connect(w, SOCKET);
	assert_int_equal(world_state(w, SERVICE), ST_RUNNING);
	world_free(w);
	world_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_connection_starts_the_service),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_watched_again_when_the_service_is_down),
		cmocka_unit_test(test_backoff_is_not_watched),
		cmocka_unit_test(test_restart_of_the_service_leaves_the_socket_alone),
		cmocka_unit_test(test_trigger_limit),
		cmocka_unit_test(test_trigger_limit_forgets),
		cmocka_unit_test(test_start_limit_of_the_service),
		cmocka_unit_test(test_broken_service_fails_the_socket),
		cmocka_unit_test(test_stop_closes_and_leaves_the_service),
		cmocka_unit_test(test_one_that_is_lost_has_failed),
		cmocka_unit_test(test_refused_while_the_service_is_up),
		cmocka_unit_test(test_socket_is_up_before_the_service),
		cmocka_unit_test(test_reload_of_the_service_keeps_the_socket),
		cmocka_unit_test(test_reload_of_the_socket_takes_its_service_along),
		cmocka_unit_test(test_reload_of_an_idle_socket_watches_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
