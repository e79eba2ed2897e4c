/* The course of a boot: when what is said, when it is late, complete, good. */
#include "common/util.h"
#include "supervisor/core/arena.h"
#include "supervisor/core/engine/bootwatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEC USEC_PER_SEC

static const struct boot_view waits = { .starting = 1 };
static const struct boot_view well = { .up = 12, .complete = true, .well = true };
static const struct boot_view unwell = { .up = 12, .complete = true };

struct fixture {
	struct arena arena;
	struct manager_section m;
	struct boot_watch w;
	uint64_t now;
};

static int set_up(void **state)
{
	static struct fixture f; /* cmocka runs one test at a time */

	memset(&f, 0, sizeof(f));
	manager_defaults(&f.arena, &f.m);
	f.now = 3 * SEC;
	boot_watch_begin(&f.w, f.now);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	return 0;
}

static struct boot_due look(struct fixture *f, const struct boot_view *view)
{
	return boot_watch_look(&f->w, &f->m, view, f->now);
}

/* Sleeps as told, for so long at most; returns how often the culprit was named. */
static size_t wait_for(struct fixture *f, uint64_t span)
{
	uint64_t until = f->now + span;
	size_t said = 0;

	for (;;) {
		uint64_t next = boot_watch_next(&f->w, &f->m);

		if (next > until)
			break;
		assert_true(next > f->now);
		f->now = next;
		said += look(f, &waits).culprit;
	}
	f->now = until;
	return said;
}

static void test_pauses_grow(void **state)
{
	struct fixture *f = *state;

	f->m.boot_timeout = TIME_INFINITY;
	assert_int_equal(wait_for(f, 5 * SEC - 1), 0);
	assert_int_equal(wait_for(f, 1), 1);        /* at 5 s */
	assert_int_equal(wait_for(f, 10 * SEC), 1); /* 15 */
	assert_int_equal(wait_for(f, 20 * SEC), 1); /* 35 */
	assert_int_equal(wait_for(f, 40 * SEC), 1); /* 75 */
	assert_int_equal(wait_for(f, 60 * SEC), 1);
	assert_int_equal(wait_for(f, 600 * SEC), 10);
}

static void test_said_once(void **state)
{
	struct fixture *f = *state;

	f->m.boot_timeout = TIME_INFINITY;
	f->m.status_interval = 0;
	assert_int_equal(wait_for(f, 3600 * SEC), 1);
}

static void test_said_never(void **state)
{
	struct fixture *f = *state;

	f->m.boot_timeout = TIME_INFINITY;
	f->m.show_status = SHOW_ERROR;
	assert_int_equal(wait_for(f, 3600 * SEC), 0);
	assert_int_equal(boot_watch_next(&f->w, &f->m), TIME_INFINITY);
}

static void test_late_once(void **state)
{
	struct fixture *f = *state;

	f->m.show_status = SHOW_NO;
	f->now += f->m.boot_timeout - 1;
	assert_false(look(f, &waits).late);
	assert_int_equal(boot_watch_next(&f->w, &f->m), f->now + 1);
	f->now++;
	assert_true(look(f, &waits).late);
	assert_false(look(f, &waits).late);
	assert_int_equal(boot_watch_next(&f->w, &f->m), TIME_INFINITY);
	/* it may still become a good one */
	assert_true(look(f, &well).complete);
	f->now += f->m.boot_stable;
	assert_true(look(f, &well).good);
}

static void test_good_after_a_while(void **state)
{
	struct fixture *f = *state;
	struct boot_due due = look(f, &well);

	assert_true(due.complete);
	assert_false(due.good);
	assert_int_equal(boot_watch_next(&f->w, &f->m), f->now + f->m.boot_stable);
	f->now += f->m.boot_stable - 1;
	assert_false(look(f, &well).good);
	f->now++;
	due = look(f, &well);
	assert_true(due.good);
	assert_false(due.complete);
	assert_int_equal(f->w.phase, BOOT_GOOD);
	assert_false(look(f, &well).good);
	assert_int_equal(boot_watch_next(&f->w, &f->m), TIME_INFINITY);
}

static void test_good_at_once(void **state)
{
	struct fixture *f = *state;

	f->m.boot_stable = 0;
	assert_true(look(f, &well).good);
}

/* What fails meanwhile and comes back begins the time anew. */
static void test_must_stay_well(void **state)
{
	struct fixture *f = *state;

	(void)look(f, &well);
	f->now += f->m.boot_stable - 1;
	assert_false(look(f, &unwell).good);
	assert_int_equal(boot_watch_next(&f->w, &f->m), TIME_INFINITY);
	f->now += 100 * SEC;
	assert_false(look(f, &unwell).good);
	assert_false(look(f, &well).good);
	f->now += f->m.boot_stable;
	assert_true(look(f, &well).good);
}

/* A restart of a unit after the boot was complete does not undo that. */
static void test_complete_is_said_once(void **state)
{
	struct fixture *f = *state;

	assert_true(look(f, &unwell).complete);
	assert_false(look(f, &waits).complete);
	assert_false(look(f, &unwell).complete);
	assert_int_equal(f->w.phase, BOOT_COMPLETE);
}

static void test_what_is_shown(void **state)
{
	static const struct {
		enum show_status show;
		bool quick, late, failed;
	} rows[] = {
		{ SHOW_NO, false, false, false },
		{ SHOW_YES, true, true, true },
		{ SHOW_AUTO, false, true, true },
		{ SHOW_ERROR, false, true, true },
	};
	static const struct boot_view failed = { .complete = true, .failed = 1 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct boot_watch late = { .late = true };

		f->m.show_status = rows[i].show;
		assert_int_equal(boot_watch_shows(&f->w, &f->m, &well), rows[i].quick);
		assert_int_equal(boot_watch_shows(&late, &f->m, &well), rows[i].late);
		assert_int_equal(boot_watch_shows(&f->w, &f->m, &failed), rows[i].failed);
	}
}

static void test_the_line(void **state)
{
	static const struct boot_view bad = { .up = 1,
		.restarting = 2,
		.failed = 3,
		.failure = "lan-dhcp.service: exit code 1",
		.complete = true };
	struct fixture *f = *state;
	char line[200];

	f->now += 4 * SEC + 234567;
	(void)look(f, &well);
	boot_view_print(&f->w, &well, line, sizeof(line));
	assert_string_equal(line, "boot complete in 4.2 s: 12 units up");
	f->w.complete = f->w.began + 83999;
	boot_view_print(&f->w, &bad, line, sizeof(line));
	assert_string_equal(line,
		"boot complete in 83 ms: 1 unit up, 2 restarting, 3 failed: lan-dhcp.service: exit "
		"code 1 and 2 more");
	f->w.complete = f->w.began + 75 * SEC + 900000;
	boot_view_print(&f->w, &well, line, sizeof(line));
	assert_string_equal(line, "boot complete in 75 s: 12 units up");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(boot_phase_name(BOOT_BOOTING), "booting");
	assert_string_equal(boot_phase_name((enum boot_phase)99), "?");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pauses_grow),
		TEST(test_said_once),
		TEST(test_said_never),
		TEST(test_late_once),
		TEST(test_good_after_a_while),
		TEST(test_good_at_once),
		TEST(test_must_stay_well),
		TEST(test_complete_is_said_once),
		TEST(test_what_is_shown),
		TEST(test_the_line),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
