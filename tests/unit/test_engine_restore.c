/* What an engine makes of what another one has kept: in the middle of things, of another version, damaged. */
#include "supervisor/core/engine/engine_kept_run.h"
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

#define NOBODY UINT32_MAX

struct late { /* a world whose engine is put down, and what was kept of it */
	struct world *w;
	struct keeper k;
	struct engine_past past;
	uint32_t unreadable; /* this unit has no record */
};

static const uint8_t *record(void *data, enum kept_part part, uint32_t index)
{
	const struct late *t = data;

	if (part == KEPT_LIFE && index == t->unreadable)
		return NULL;
	return t->k.records[part] + index * t->k.size[part];
}

static void put_down(struct late *t, const struct action *doing)
{
	keeper_look(&t->k, t->w->engine, doing);
	keeper_past(&t->k, &t->past);
	t->past.record = record;
	t->past.data = t;
	t->unreadable = NOBODY;
	engine_free(t->w->engine);
	t->w->engine = engine_new(&t->w->set);
	world_clear(t->w);
}

static uint32_t take_up(struct late *t)
{
	return engine_restore(t->w->engine, &t->past, t->w->now);
}

/* Where a member stands in the record of a unit. */
static uint8_t *at(struct late *t, uint32_t u, const char *name)
{
	const struct kept_layout *layout = engine_kept_layout(KEPT_LIFE);
	size_t offset = 0;

	for (size_t i = 0; i < layout->n; i++) {
		if (strcmp(layout->v[i].name, name) == 0)
			return t->k.records[KEPT_LIFE] + u * t->k.size[KEPT_LIFE] + offset;
		offset += layout->v[i].size;
	}
	fail_msg("no member %s", name);
	return NULL;
}

static void leave(struct late *t)
{
	keeper_free(&t->k);
	world_free(t->w);
}

/* default.target wants a and b; b is bound to a; c is nobody's; all three run. */
static void three(struct late *t)
{
	struct world *w = world_new(4);

	*t = (struct late){ .w = w };
	world_add(w, "a", KIND_SERVICE);
	world_add(w, "b", KIND_SERVICE);
	world_add(w, "c", KIND_SERVICE);
	world_add(w, "default.target", KIND_TARGET);
	world_edge(w, 3, DEP_WANTS, 0);
	world_edge(w, 3, DEP_WANTS, 1);
	world_edge(w, 1, DEP_BINDS_TO, 0);
	world_edge(w, 1, DEP_AFTER, 0);
	world_begin(w);
	engine_boot(w->engine, w->now);
	world_perform(w);
	world_command(w, EV_START, 2, 1);
	for (uint32_t u = 0; u < 3; u++)
		assert_int_equal(world_state(w, u), ST_RUNNING);
	w->now += SEC;
}

/* ---- lost */

static void test_lost_is_killed_and_starts_again(void **state)
{
	struct late t;
	struct world *w;

	(void)state;
	three(&t);
	w = t.w;
	/* it is not what it was, so what it was to do is not done */
	put_down(&t, &(struct action){ .kind = ACT_SIGNAL_ALL, .unit = 0, .arg = SIGUSR1 });
	t.unreadable = 0;
	assert_int_equal(take_up(&t), 1);
	assert_true(engine_was_lost(w->engine, 0));
	assert_false(engine_was_lost(w->engine, 1));
	assert_int_equal(world_state(w, 0), ST_STOP_KILL);
	world_perform(w); /* the main process that is killed was not known: only EMPTY is heard */
	assert_true(world_in_order(w, "kill a", "log a what was known of it could not be read: ",
		"starts again", "spawn a main", NULL));
	/* what is bound to it has gone with it; nothing else has */
	assert_true(world_in_order(w, "signal-all b 15", "spawn a main", "spawn b main", NULL));
	assert_int_equal(world_count(w, "signal-all a"), 0);
	assert_int_equal(w->actors[0].spawns, 2);
	assert_int_equal(w->actors[1].spawns, 2);
	assert_int_equal(w->actors[2].spawns, 1);
	for (uint32_t u = 0; u < 4; u++)
		assert_int_equal(world_state(w, u), ST_RUNNING);
	leave(&t);
}

/* Nobody knows whether it was wanted, and default.target does not want it. */
static void test_lost_and_unwanted_stays_down(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	put_down(&t, NULL);
	t.unreadable = 2;
	assert_int_equal(take_up(&t), 1);
	world_perform(t.w);
	assert_int_equal(t.w->actors[2].spawns, 1);
	assert_false(t.w->actors[2].main);
	assert_int_equal(world_state(t.w, 2), ST_INACTIVE);
	assert_string_equal(world_run(t.w, 2)->cause, "what was known of it could not be read");
	assert_int_equal(t.w->actors[0].spawns, 1);
	leave(&t);
}

/* That much could be read. */
static void test_lost_but_known_to_be_wanted(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	put_down(&t, NULL);
	*at(&t, 2, "ask") = 200;
	assert_int_equal(take_up(&t), 1);
	assert_true(engine_was_lost(t.w->engine, 2));
	world_perform(t.w);
	assert_int_equal(t.w->actors[2].spawns, 2);
	assert_int_equal(world_state(t.w, 2), ST_RUNNING);
	leave(&t);
}

/* An operator has stopped it, and that could be read: default.target does not count. */
static void test_lost_but_known_to_be_unwanted(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	world_command(t.w, EV_STOP, 1, 0);
	assert_int_equal(world_state(t.w, 1), ST_INACTIVE);
	put_down(&t, NULL);
	*at(&t, 1, "arrived") = 200;
	assert_int_equal(take_up(&t), 1);
	world_perform(t.w);
	assert_int_equal(t.w->actors[1].spawns, 1);
	assert_int_equal(world_state(t.w, 1), ST_INACTIVE);
	leave(&t);
}

static void test_all_is_lost(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	put_down(&t, NULL);
	t.past.map[KEPT_LIFE].n = t.past.map[KEPT_ENGINE].n = 0; /* no description made sense */
	assert_int_equal(take_up(&t), 5);
	world_perform(t.w);
	assert_int_equal(t.w->actors[0].spawns, 2);
	assert_int_equal(t.w->actors[1].spawns, 2);
	assert_int_equal(t.w->actors[2].spawns, 1);
	assert_int_equal(world_state(t.w, 0), ST_RUNNING);
	assert_int_equal(world_state(t.w, 1), ST_RUNNING);
	assert_int_equal(world_state(t.w, 2), ST_INACTIVE);
	assert_int_equal(world_state(t.w, 3), ST_RUNNING);
	leave(&t);
}

/* In safe mode default.target is down, and known to be: what is critical counts. */
static void test_lost_in_safe_mode(void **state)
{
	struct late t = { .w = world_new(3) };

	(void)state;
	world_add(t.w, "critical", KIND_SERVICE)->unit.critical = true;
	world_add(t.w, "default.target", KIND_TARGET);
	world_add(t.w, "other", KIND_SERVICE);
	world_edge(t.w, 1, DEP_WANTS, 0);
	world_edge(t.w, 1, DEP_WANTS, 2);
	world_begin(t.w);
	engine_boot_safe(t.w->engine, t.w->now);
	world_perform(t.w);
	put_down(&t, NULL);
	*at(&t, 0, "run.wanted") = 9;
	*at(&t, 2, "run.wanted") = 9;
	assert_int_equal(take_up(&t), 2);
	world_perform(t.w);
	assert_int_equal(world_state(t.w, 0), ST_RUNNING);
	assert_int_equal(t.w->actors[0].spawns, 2);
	assert_int_equal(t.w->actors[2].spawns, 0);
	leave(&t);
}

static void test_lost_network_is_set_up_again(void **state)
{
	struct late t = { .w = world_new(2) };

	(void)state;
	world_add(t.w, "lan", KIND_NETWORK);
	world_add(t.w, "old", KIND_NETWORK);
	world_begin(t.w);
	world_command(t.w, EV_START, 0, 0);
	world_command(t.w, EV_START, 1, 0);
	put_down(&t, NULL);
	*at(&t, 0, "arrived") = 7;
	t.unreadable = 1;
	assert_int_equal(take_up(&t), 2);
	world_perform(t.w);
	assert_true(world_in_order(t.w, "setup lan", NULL));
	assert_true(world_in_order(t.w, "teardown old", NULL));
	assert_int_equal(world_count(t.w, "kill"), 0);
	assert_int_equal(world_state(t.w, 0), ST_RUNNING);
	assert_int_equal(world_state(t.w, 1), ST_INACTIVE);
	leave(&t);
}

/* The machine is going down, and so is what is lost. */
static void test_lost_at_the_end(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	t.w->actors[0].ignore_term = true;
	engine_shutdown(t.w->engine, END_REBOOT, t.w->now);
	world_perform(t.w);
	put_down(&t, NULL);
	t.unreadable = 0;
	assert_int_equal(take_up(&t), 1);
	assert_int_equal(engine_ending(t.w->engine), END_REBOOT);
	world_perform(t.w);
	assert_int_equal(t.w->actors[0].spawns, 1);
	assert_true(world_in_order(t.w, "kill a", "machine 2", NULL));
	leave(&t);
}

/* What was kept is of a later time than now: of another boot. */
static void test_a_later_time_is_not_believed(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	engine_shutdown(t.w->engine, END_REBOOT, t.w->now);
	put_down(&t, NULL);
	t.w->now -= SEC;
	assert_int_equal(take_up(&t), 1);
	assert_int_equal(engine_ending(t.w->engine), 0);
	leave(&t);
}

/* ---- in the middle of things */

static void test_a_reload_is_undone(void **state)
{
	struct late t;
	struct world *other = world_new(4);

	(void)state;
	three(&t);
	world_add(other, "a", KIND_SERVICE)->digest = 2;
	world_add(other, "b", KIND_SERVICE);
	world_add(other, "c", KIND_SERVICE);
	world_add(other, "default.target", KIND_TARGET);
	t.w->actors[0].ignore_term = true;
	engine_reload(t.w->engine, &other->set, 5, t.w->now);
	world_perform(t.w);
	assert_int_equal(world_state(t.w, 0), ST_STOP_TERM);
	put_down(&t, NULL);
	assert_int_equal(take_up(&t), 0);
	world_perform(t.w);
	world_pass(t.w, 100 * SEC);
	assert_int_equal(t.w->swaps, 0);
	assert_int_equal(world_state(t.w, 0), ST_RUNNING);
	assert_int_equal(t.w->actors[0].spawns, 2);
	assert_int_equal(t.w->job_result[5], -1);
	/* and it can be asked for anew */
	engine_reload(t.w->engine, &t.w->set, 6, t.w->now);
	world_perform(t.w);
	assert_int_equal(t.w->job_result[6], 0);
	world_free(other);
	leave(&t);
}

static void test_the_end_goes_on(void **state)
{
	struct late t;
	struct action act;

	(void)state;
	three(&t);
	engine_shutdown(t.w->engine, END_POWEROFF, t.w->now);
	while (engine_next(t.w->engine, &act) && act.kind != ACT_SIGNAL_ALL)
		;
	put_down(&t, &act);
	assert_int_equal(take_up(&t), 0);
	assert_int_equal(engine_ending(t.w->engine), END_POWEROFF);
	world_perform(t.w);
	assert_true(world_in_order(t.w, "machine 1", NULL));
	/* init may not have heard it */
	put_down(&t, NULL);
	assert_int_equal(take_up(&t), 0);
	world_perform(t.w);
	assert_int_equal(world_count(t.w, "machine 1"), 1);
	leave(&t);
}

/* Why the machine ends stays, and with which status. */
static void test_the_reason_of_the_end_is_kept(void **state)
{
	struct late t;
	struct action act;

	(void)state;
	three(&t);
	t.w->set.units[2].unit.failure_action = ACTION_EXIT_FORCE;
	t.w->set.units[2].unit.failure_exit = 9;
	t.w->actors[2].main = false;
	engine_event(t.w->engine,
		&(struct event){ .kind = EV_EXITED, .unit = 2, .status = EXIT_STATUS(1) },
		t.w->now);
	engine_event(t.w->engine, &(struct event){ .kind = EV_EMPTY, .unit = 2 }, t.w->now);
	while (engine_next(t.w->engine, &act) && act.kind != ACT_MACHINE)
		;
	put_down(&t, &act);
	assert_int_equal(take_up(&t), 0);
	world_perform(t.w);
	assert_true(world_in_order(t.w, "machine 5 9 c failed: exit code 1", NULL));
	assert_int_equal(world_count(t.w, "machine"), 1);
	leave(&t);
}

/* What was not answered when the machine was told to end is not ordered again behind that. */
static void test_nothing_begins_behind_the_end(void **state)
{
	struct late t = { .w = world_new(2) };
	struct action act;

	(void)state;
	world_add(t.w, "lan", KIND_NETWORK);
	world_add(t.w, "c", KIND_SERVICE);
	world_begin(t.w);
	world_command(t.w, EV_START, 1, 0);
	t.w->set.units[1].unit.failure_action = ACTION_REBOOT_FORCE;
	t.w->actors[1].main = false;
	engine_event(t.w->engine, &(struct event){ .kind = EV_START, .unit = 0 }, t.w->now);
	while (engine_next(t.w->engine, &act) && act.kind != ACT_SETUP)
		;
	assert_int_equal(act.kind, ACT_SETUP);
	engine_event(t.w->engine,
		&(struct event){ .kind = EV_EXITED, .unit = 1, .status = EXIT_STATUS(1) },
		t.w->now);
	engine_event(t.w->engine, &(struct event){ .kind = EV_EMPTY, .unit = 1 }, t.w->now);
	while (engine_next(t.w->engine, &act) && act.kind != ACT_MACHINE)
		;
	assert_int_equal(act.kind, ACT_MACHINE);
	put_down(&t, &act);
	assert_int_equal(take_up(&t), 0);
	world_perform(t.w);
	assert_int_equal(world_count(t.w, "setup"), 0);
	leave(&t);
}

static void test_a_reboot_put_off_is_kept(void **state)
{
	struct late t;
	const char *why = NULL;

	(void)state;
	three(&t);
	engine_set_min_uptime(t.w->engine, 100 * SEC);
	engine_act(t.w->engine, ACTION_REBOOT_FORCE, "it is late", t.w->now);
	put_down(&t, NULL);
	assert_int_equal(take_up(&t), 0);
	assert_true(engine_put_off_until(t.w->engine, &why) == 100 * SEC);
	assert_string_equal(why, "it is late");
	world_pass(t.w, 200 * SEC);
	assert_true(world_in_order(t.w, "machine 2 0 it is late", NULL));
	leave(&t);
}

static void test_a_socket_is_watched_again(void **state)
{
	struct late t = { .w = world_new(2) };
	struct action act;

	(void)state;
	world_add(t.w, "web", KIND_SERVICE);
	world_add(t.w, "web.socket", KIND_SOCKET)->socket.trigger_interval = 0;
	world_edge(t.w, 1, DEP_TRIGGERS, 0);
	world_begin(t.w);
	world_command(t.w, EV_START, 1, 0);
	assert_true(t.w->actors[1].watched);
	put_down(&t, NULL);
	t.w->actors[1].watched = false;
	assert_int_equal(take_up(&t), 0);
	world_perform(t.w);
	assert_true(t.w->actors[1].watched);
	world_connect(t.w, 1);
	assert_int_equal(world_state(t.w, 0), ST_RUNNING);
	put_down(&t, NULL);
	assert_int_equal(take_up(&t), 0);
	/* somebody else's turn */
	assert_false(engine_next(t.w->engine, &act));
	leave(&t);
}

/* Used up is used up: a crash is no way to restart more often. */
static void test_the_budget_is_kept(void **state)
{
	struct late t;

	(void)state;
	three(&t);
	engine_set_budget(t.w->engine, 1, 100 * SEC);
	t.w->set.units[0].service.restart = t.w->set.units[2].service.restart = RESTART_ALWAYS;
	world_exit(t.w, 2, EXIT_STATUS(1));
	world_pass(t.w, SEC);
	assert_int_equal(t.w->actors[2].spawns, 2);
	world_exit(t.w, 2, EXIT_STATUS(1));
	world_pass(t.w, SEC);
	assert_int_equal(t.w->actors[2].spawns, 2);
	put_down(&t, NULL);
	assert_int_equal(take_up(&t), 0);
	engine_set_budget(t.w->engine, 1, 100 * SEC); /* as the files say, once more */
	world_pass(t.w, 90 * SEC);
	assert_int_equal(t.w->actors[2].spawns, 2);
	world_pass(t.w, 20 * SEC);
	assert_int_equal(t.w->actors[2].spawns, 3);
	leave(&t);
}

/* Who waited for whom is told by a record that is damaged: all look again. */
static void test_damaged_links(void **state)
{
	struct late t = { .w = world_new(3) };

	(void)state;
	world_add(t.w, "db", KIND_SERVICE)->service.type = TYPE_NOTIFY;
	world_add(t.w, "x", KIND_SERVICE);
	world_add(t.w, "y", KIND_SERVICE);
	world_edge(t.w, 1, DEP_AFTER, 0);
	world_edge(t.w, 2, DEP_AFTER, 0);
	world_begin(t.w);
	for (uint32_t u = 0; u < 3; u++)
		world_command(t.w, EV_START, u, 0);
	assert_int_equal(world_state(t.w, 1), ST_WAITING);
	for (int damage = 0; damage < 4; damage++) {
		put_down(&t, NULL);
		if (damage == 0)
			memset(at(&t, 0, "watchers"), 0xff, 4);
		else if (damage == 1)
			memset(at(&t, 1, "next_watcher"), 0, 4);
		else if (damage == 2)
			memset(at(&t, 2, "watching"), 0, 3);
		else
			memcpy(at(&t, 2, "prev_watcher"), &(uint32_t){ 2 }, 4);
		assert_int_equal(take_up(&t), 0);
		world_perform(t.w);
		assert_int_equal(world_state(t.w, 1), ST_WAITING);
	}
	world_ready(t.w, 0);
	assert_int_equal(world_state(t.w, 1), ST_RUNNING);
	assert_int_equal(world_state(t.w, 2), ST_RUNNING);
	leave(&t);
}

/* ---- another version */

#define N_THEIRS 256
static void test_another_versions_records(void **state)
{
	const struct kept_layout *ours = engine_kept_layout(KEPT_LIFE);
	static struct kept_field fields[N_THEIRS];
	struct kept_layout theirs = { .v = fields };
	static char text[16384];
	struct late t;

	(void)state;
	three(&t);
	/* the other way round, without the links, with something at both ends that we do not know */
	fields[theirs.n++] = (struct kept_field){ "mood", 0, 5, KEPT_ANY, 0 };
	for (size_t i = ours->n; i-- > 0;)
		if (strstr(ours->v[i].name, "watch") == NULL)
			fields[theirs.n++] = ours->v[i];
	fields[theirs.n++] = (struct kept_field){ "run.color", 8, 3, KEPT_ANY, 0 };
	for (size_t i = 0; i < theirs.n; i++)
		theirs.size += fields[i].size;
	world_exit(t.w, 2, EXIT_STATUS(3));
	keeper_look(&t.k, t.w->engine, NULL);
	free(t.k.records[KEPT_LIFE]);
	t.k.records[KEPT_LIFE] = calloc(4, theirs.size);
	for (uint32_t u = 0; u < 4; u++)
		kept_pack(&theirs, life_look(t.w->engine, u),
			t.k.records[KEPT_LIFE] + u * theirs.size);
	keeper_past(&t.k, &t.past);
	t.past.record = record;
	t.past.data = &t;
	t.unreadable = NOBODY;
	t.k.size[KEPT_LIFE] = theirs.size;
	assert_int_equal(kept_map_make(&t.past.map[KEPT_LIFE], ours, text,
				 kept_describe(&theirs, text, sizeof(text))),
		0);
	engine_free(t.w->engine);
	t.w->engine = engine_new(&t.w->set);
	assert_int_equal(take_up(&t), 0);
	assert_int_equal(world_state(t.w, 0), ST_RUNNING);
	assert_int_equal(world_run(t.w, 0)->main_pid, 100);
	assert_int_equal(world_state(t.w, 2), ST_FAILED);
	assert_string_equal(world_run(t.w, 2)->cause, "exit code 3");
	leave(&t);
}

/* Without the links who waits looks again. */
static void test_a_version_without_links(void **state)
{
	struct late t = { .w = world_new(2) };
	struct kept_map *map;
	uint16_t n = 0;

	(void)state;
	world_add(t.w, "db", KIND_SERVICE)->service.type = TYPE_NOTIFY;
	world_add(t.w, "x", KIND_SERVICE);
	world_edge(t.w, 1, DEP_AFTER, 0);
	world_begin(t.w);
	world_command(t.w, EV_START, 0, 0);
	world_command(t.w, EV_START, 1, 0);
	put_down(&t, NULL);
	map = &t.past.map[KEPT_LIFE];
	for (uint16_t i = 0; i < map->n; i++)
		if (map->v[i].to < offsetof(struct life, watching) ||
			map->v[i].to > offsetof(struct life, prev_watcher))
			map->v[n++] = map->v[i];
	map->n = n;
	assert_int_equal(take_up(&t), 0);
	world_perform(t.w);
	assert_int_equal(world_state(t.w, 1), ST_WAITING);
	world_ready(t.w, 0);
	assert_int_equal(world_state(t.w, 1), ST_RUNNING);
	leave(&t);
}

static size_t put_head(uint8_t *to, struct kept_action k, size_t head, const char *text)
{
	size_t len = text != NULL ? strlen(text) + 1 : 0;

	k.head = (uint8_t)head;
	k.size = (uint16_t)(head + len);
	memset(to, 0xab, k.size);
	memcpy(to, &k, sizeof(k));
	if (len > 0)
		memcpy(to + head, text, len);
	return k.size;
}

/* Heads are longer there, there are kinds that we do not know, and orders of units that are not there. */
static void test_another_versions_queue(void **state)
{
	static uint8_t queue[4096];
	struct late t;
	size_t n = 0;
	const size_t head = sizeof(struct kept_action) + 12;

	(void)state;
	three(&t);
	put_down(&t, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = 99, .unit = 1 }, head, "what");
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_SIGNAL, .unit = 2, .arg = 1 },
		head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_KILL, .unit = 77 }, head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_SPAWN, .unit = 1 }, head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_LOG, .unit = 0, .arg = 2 }, head,
		"hello");
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_MACHINE, .arg = END_REBOOT },
		head, "of itself");
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_SETUP, .unit = 0 }, head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_WATCH, .unit = 0 }, head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_STAMP, .unit = 0 }, head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_SIGNAL, .unit = 2, .arg = 999 },
		head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_SWAP }, head, NULL);
	n += put_head(queue + n, (struct kept_action){ .kind = ACT_JOB_DONE }, head, NULL);
	t.past.queue = queue;
	t.past.queue_size = n;
	assert_int_equal(take_up(&t), 0);
	t.w->actors[2].handles = 1u << 1;
	world_perform(t.w);
	assert_string_equal(t.w->trace, "signal c main 1\nlog a hello\n");
	leave(&t);
}

/* ---- the room for the queue */

static void test_lines_of_the_log_are_left_out_first(void **state)
{
	struct world *w = world_new(4);
	static uint8_t queue[4096];
	struct action act;
	size_t all, spawns;

	(void)state;
	for (int i = 0; i < 4; i++)
		world_add(w, i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : "d", KIND_SERVICE);
	world_begin(w);
	for (uint32_t u = 0; u < 4; u++) {
		engine_log(w->engine, u, LOG_LEVEL_INFO, "line %u", u);
		engine_event(w->engine, &(struct event){ .kind = EV_START, .unit = u }, w->now);
	}
	all = engine_kept_queue(w->engine, NULL, queue, sizeof(queue));
	spawns = 4 * sizeof(struct kept_action);
	assert_int_equal(all, 2 * spawns + 4 * strlen("line x") + 4);
	/* it says what it would need */
	assert_int_equal(engine_kept_queue(w->engine, NULL, queue, 0), spawns);
	assert_int_equal(engine_kept_queue(w->engine, NULL, queue, spawns), spawns);
	/* the last lines go first */
	assert_int_equal(engine_kept_queue(w->engine, NULL, queue, all - 1),
		all - sizeof(struct kept_action) - 7);
	assert_non_null(memmem(queue, all, "line 2", 7));
	/* what is in hand comes first, as if it still waited */
	assert_true(engine_next(w->engine, &act));
	assert_int_equal(act.kind, ACT_LOG);
	assert_int_equal(engine_kept_queue(w->engine, &act, queue, sizeof(queue)), all);
	assert_non_null(memmem(queue, sizeof(struct kept_action) + 7, "line 0", 7));
	/* then what people wait for */
	act.kind = ACT_JOB_DONE;
	assert_int_equal(engine_kept_queue(w->engine, &act, queue, sizeof(queue)), all);
	assert_int_equal(engine_kept_queue(w->engine, &act, queue,
				 spawns + sizeof(struct kept_action) + 7),
		spawns + sizeof(struct kept_action) + 7);
	assert_non_null(memmem(queue, sizeof(struct kept_action) + 7, "line 0", 7));
	assert_int_equal(engine_kept_queue(w->engine, &act, queue, spawns + 10), spawns);
	act.kind = ACT_SWAP;
	assert_int_equal(engine_kept_queue(w->engine, &act, queue, sizeof(queue)),
		all - sizeof(struct kept_action) - 7);
	/* a short line that is later than one that is left out would stand there alone */
	engine_log(w->engine, 0, LOG_LEVEL_INFO, "s");
	assert_int_equal(engine_kept_queue(w->engine, NULL, queue,
				 spawns + sizeof(struct kept_action) + 3),
		spawns);
	world_free(w);
}

/* ---- damaged */

/* Units of all kinds in many states, and actions that wait. */
static void busy(struct late *t)
{
	struct world *w = world_new(12);
	static const enum unit_kind kinds[] = { KIND_SERVICE, KIND_CONTAINER, KIND_NETWORK,
		KIND_VOLUME, KIND_SOCKET, KIND_TIMER, KIND_TARGET, KIND_MOUNT, KIND_SERVICE,
		KIND_CONTAINER, KIND_SERVICE };
	char name[16];

	*t = (struct late){ .w = w };
	for (uint32_t u = 0; u < ARRAY_LEN(kinds); u++) {
		snprintf(name, sizeof(name), "u%02u", u);
		world_add(w, name, kinds[u])->service.restart = RESTART_ALWAYS;
	}
	world_add(w, "x", KIND_TARGET);
	for (uint32_t u = 0; u < 11; u++)
		world_edge(w, 11, DEP_WANTS, u);
	world_edge(w, 4, DEP_TRIGGERS, 8);
	world_edge(w, 5, DEP_TRIGGERS, 10);
	world_edge(w, 1, DEP_REQUIRES, 2);
	world_edge(w, 1, DEP_AFTER, 2);
	world_edge(w, 0, DEP_BINDS_TO, 9);
	world_edge(w, 0, DEP_AFTER, 9);
	world_edge(w, 3, DEP_UPHOLDS, 0);
	w->actors[9].hold_spawn = w->actors[2].hold_setup = true;
	world_begin(w);
	world_command(w, EV_START, 11, 0);
	world_exit(w, 8, EXIT_STATUS(1));
	engine_event(w->engine, &(struct event){ .kind = EV_STOP, .unit = 10 }, w->now);
	engine_event(w->engine, &(struct event){ .kind = EV_START, .unit = 8 }, w->now);
	w->now += SEC;
}

static void answer(struct engine *e, const struct action *a, uint64_t now)
{
	struct event event = { .unit = a->unit, .role = a->role, .text = "no" };

	assert_true(a->kind == ACT_MACHINE || a->unit < engine_set(e)->n);
	if (a->kind == ACT_SPAWN) {
		event.kind = EV_SPAWN_FAILED;
		engine_event(e, &event, now);
	} else if (a->kind == ACT_SETUP) {
		event.kind = EV_SETUP_DONE;
		engine_event(e, &event, now);
	} else if (a->kind == ACT_KILL) {
		event.kind = EV_EXITED;
		for (int r = 0; r < ROLE_EXEC; r++) {
			event.role = (enum role)r;
			engine_event(e, &event, now);
		}
		event.kind = EV_EMPTY;
		engine_event(e, &event, now);
	}
}

static bool perform(struct engine *e, uint64_t now)
{
	struct action a;
	bool ended = false;

	for (int n = 0; engine_next(e, &a); n++) {
		assert_true(n < 5000);
		answer(e, &a, now);
		ended = ended || a.kind == ACT_MACHINE;
	}
	return ended;
}

/* Whatever it believes, it goes on, and the machine can be brought to its end. */
static void live_on(struct engine *e, uint64_t now)
{
	bool ended = perform(e, now);

	for (int i = 0; i < 40 && engine_deadline(e) < now + 3600 * SEC; i++) {
		now = engine_deadline(e) > now ? engine_deadline(e) : now;
		engine_tick(e, now);
		ended = perform(e, now) || ended;
	}
	for (int i = 0; i < 2; i++) {
		engine_shutdown(e, END_POWEROFF, now);
		ended = perform(e, now) || ended;
	}
	for (int i = 0; i < 40 && !ended && engine_deadline(e) != TIME_INFINITY; i++) {
		now = engine_deadline(e) > now ? engine_deadline(e) : now;
		engine_tick(e, now);
		ended = perform(e, now) || ended;
	}
	assert_true(ended);
}

static void damage(uint8_t *bytes, size_t size)
{
	static const uint8_t odd[] = { 0, 1, 2, 0x7f, 0x80, 0xfe, 0xff };
	size_t n = 1 + (size_t)rand() % 4, at = (size_t)rand() % size;

	for (size_t i = 0; i < n && at + i < size; i++)
		bytes[at + i] = rand() % 2 == 0 ? odd[(size_t)rand() % ARRAY_LEN(odd)]
						: (uint8_t)rand();
}

static void test_ten_thousand_damages(void **state)
{
	struct late t;
	struct keeper good;
	uint32_t some = 0, all = 0;

	(void)state;
	busy(&t);
	keeper_look(&t.k, t.w->engine, NULL);
	good = t.k;
	srand(7);
	t.unreadable = NOBODY;
	for (int i = 0; i < 10000; i++) {
		struct engine *e = engine_new(&t.w->set);
		uint32_t lost;

		for (int p = 0; p < KEPT_PARTS; p++) {
			size_t size = good.size[p] * (p == KEPT_LIFE ? good.n : 1);

			t.k.records[p] = malloc(size);
			memcpy(t.k.records[p], good.records[p], size);
			for (int k = rand() % 6; k > 0; k--)
				damage(t.k.records[p], size);
			if (rand() % 500 == 0)
				memset(t.k.records[p], rand() % 2 * 0xff, size);
		}
		t.k.queue_size = good.queue_size -
			(size_t)(rand() % 10 == 0) * (size_t)(rand() % 40);
		t.k.queue = malloc(t.k.queue_size);
		memcpy(t.k.queue, good.queue, t.k.queue_size);
		for (int k = rand() % 3; k > 0; k--)
			damage(t.k.queue, t.k.queue_size);
		keeper_past(&t.k, &t.past);
		t.past.record = record;
		t.past.data = &t;
		lost = engine_restore(e, &t.past, t.w->now);
		some += lost > 0;
		all += lost == 13;
		live_on(e, t.w->now);
		engine_free(e);
		free(t.k.queue);
		for (int p = 0; p < KEPT_PARTS; p++)
			free(t.k.records[p]);
	}
	assert_true(some > 1000 && some < 9999);
	assert_true(all < 100);
	t.k = good;
	leave(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_is_killed_and_starts_again),
		cmocka_unit_test(test_lost_and_unwanted_stays_down),
		cmocka_unit_test(test_lost_but_known_to_be_wanted),
		cmocka_unit_test(test_lost_but_known_to_be_unwanted),
		cmocka_unit_test(test_all_is_lost),
		cmocka_unit_test(test_lost_in_safe_mode),
		cmocka_unit_test(test_lost_network_is_set_up_again),
		cmocka_unit_test(test_lost_at_the_end),
		cmocka_unit_test(test_a_later_time_is_not_believed),
		cmocka_unit_test(test_a_reload_is_undone),
		cmocka_unit_test(test_the_end_goes_on),
		cmocka_unit_test(test_the_reason_of_the_end_is_kept),
		cmocka_unit_test(test_nothing_begins_behind_the_end),
		cmocka_unit_test(test_a_reboot_put_off_is_kept),
		cmocka_unit_test(test_a_socket_is_watched_again),
		cmocka_unit_test(test_the_budget_is_kept),
		cmocka_unit_test(test_damaged_links),
		cmocka_unit_test(test_another_versions_records),
		cmocka_unit_test(test_a_version_without_links),
		cmocka_unit_test(test_another_versions_queue),
		cmocka_unit_test(test_lines_of_the_log_are_left_out_first),
		cmocka_unit_test(test_ten_thousand_damages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
