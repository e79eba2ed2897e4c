/* Ranges of ids: who has which, however the table was written, until there is no more; maps and what they refuse. */
#include "supervisor/core/plan/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOT_LAST 32767u /* of 65,536 ids below 2^31; slot 0 is the host's */

struct fixture {
	struct arena arena;
	struct id_ranges ranges;
	struct err err;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	free(f);
	return 0;
}

static uint32_t give(struct fixture *f, const char *unit, uint32_t count)
{
	const struct id_range *r = id_range_give(&f->ranges, unit, count, &f->arena);

	return r != NULL ? r->base : 0;
}

static void read_table(struct fixture *f, const char *text)
{
	f->ranges = (struct id_ranges){ 0 };
	id_ranges_read(&f->ranges, text, &f->arena);
}

static uint32_t base_of(const struct fixture *f, const char *unit)
{
	const struct id_range *r = id_range_of(&f->ranges, unit);

	return r != NULL ? r->base : 0;
}

static void assert_apart(const struct fixture *f)
{
	for (size_t i = 0; i < f->ranges.n; i++) {
		const struct id_range *a = &f->ranges.v[i];

		assert_true(a->base >= IDS_SIZE && a->base % IDS_SIZE == 0 && a->count > 0);
		assert_true((uint64_t)a->base + a->count <= UINT64_C(0x80000000));
		for (size_t k = 0; k < i; k++) {
			const struct id_range *b = &f->ranges.v[k];

			assert_true((uint64_t)a->base + a->count <= b->base ||
				(uint64_t)b->base + b->count <= a->base);
			assert_string_not_equal(a->unit, b->unit);
		}
	}
}

/* ---- the table */

static void test_given_once(void **state)
{
	struct fixture *f = *state;
	uint32_t web = give(f, "web.container", IDS_SIZE);
	uint32_t db = give(f, "db.container", IDS_SIZE);

	assert_int_equal(web, IDS_SIZE);
	assert_int_equal(db, 2 * IDS_SIZE);
	assert_int_equal(give(f, "web.container", IDS_SIZE), web);
	assert_int_equal(give(f, "db.container", IDS_SIZE), db);
	assert_int_equal(f->ranges.n, 2);
}

/* In which order units start, and in which the lines stand, changes nothing for who has a range. */
static void test_stable_over_order(void **state)
{
	struct fixture *f = *state;

	read_table(f,
		"c.container 196608 65536\na.container 65536 65536\nb.container 131072 65536\n");
	assert_int_equal(give(f, "new.container", IDS_SIZE), 4 * IDS_SIZE);
	assert_int_equal(give(f, "b.container", IDS_SIZE), 131072);
	assert_int_equal(give(f, "a.container", IDS_SIZE), 65536);
	assert_int_equal(give(f, "c.container", IDS_SIZE), 196608);
	read_table(f, id_ranges_print(&f->ranges, &f->arena));
	assert_int_equal(f->ranges.n, 4);
	assert_int_equal(base_of(f, "new.container"), 4 * IDS_SIZE);
	assert_int_equal(base_of(f, "c.container"), 196608);
	assert_apart(f);
}

/* A line that is none costs its own unit a new range, no other one its old one. */
static void test_garbage(void **state)
{
	static const char *const lines[] = { "", "# a comment", "web.container",
		"web.container 65536", "web.container 65536 ", "web.container x 65536",
		"web.container 65536 65536 7", "web.container -65536 65536",
		"web.container 65536 0", "web.container 65537 65536", "web.container 0 65536",
		"web.container 2147483648 65536", "web.container 4294967296 65536",
		"web.container 18446744073709617152 65536", "web.container 65536 16777217",
		"web.container\t65536 65536", "../web.container 65536 65536",
		" web.container 65536 65536", "web.container 65536 65536\r" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		read_table(f,
			arena_printf(&f->arena,
				"a.container 131072 65536\n%s\nb.container 196608 65536\n",
				lines[i]));
		if (f->ranges.n != 2)
			fail_msg("%s", lines[i]);
		assert_int_equal(base_of(f, "a.container"), 131072);
		assert_int_equal(base_of(f, "b.container"), 196608);
		assert_int_not_equal(give(f, "web.container", IDS_SIZE), 0);
		assert_apart(f);
	}
	/* the writing was cut short, perhaps within a number */
	read_table(f, "a.container 131072 65536\nb.container 196608 6553");
	assert_int_equal(f->ranges.n, 1);
	read_table(f, "");
	assert_int_equal(f->ranges.n, 0);
}

static void test_the_same_twice(void **state)
{
	struct fixture *f = *state;

	/* of two units with one range, or that share a part of it, the first one keeps it */
	read_table(f, "a.container 65536 65536\nb.container 65536 65536\n");
	assert_int_equal(f->ranges.n, 1);
	assert_int_not_equal(give(f, "b.container", IDS_SIZE), 65536);
	assert_apart(f);
	read_table(f, "a.container 65536 131072\nb.container 131072 65536\n");
	assert_int_equal(f->ranges.n, 1);
	assert_int_equal(base_of(f, "b.container"), 0);
	/* of one unit with two lines the first one counts */
	read_table(f, "a.container 65536 65536\na.container 131072 65536\n");
	assert_int_equal(f->ranges.n, 1);
	assert_int_equal(base_of(f, "a.container"), 65536);
}

static void test_sizes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, "small.container", 1), IDS_SIZE);
	assert_int_equal(give(f, "big.container", 3 * IDS_SIZE), 2 * IDS_SIZE);
	assert_int_equal(give(f, "odd.container", IDS_SIZE + 1), 5 * IDS_SIZE);
	assert_int_equal(give(f, "next.container", IDS_SIZE), 7 * IDS_SIZE);
	assert_apart(f);
	/* another size is another range; nobody else's is touched */
	assert_int_not_equal(give(f, "small.container", 2 * IDS_SIZE), 0);
	assert_apart(f);
	assert_int_equal(f->ranges.n, 4);
	assert_int_equal(give(f, "big.container", 3 * IDS_SIZE), 2 * IDS_SIZE);
	assert_int_not_equal(give(f, "most.container", IDS_SIZE_MAX), 0);
	assert_apart(f);
}

/* Of the largest size, so that few fill all: 127 times 256 slots, then what is left but one. */
static void test_full(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 127; i++)
		assert_int_equal(give(f, arena_printf(&f->arena, "c%u.container", i), IDS_SIZE_MAX),
			IDS_SIZE + i * IDS_SIZE_MAX);
	assert_int_equal(give(f, "big.container", IDS_SIZE_MAX), 0);
	assert_int_not_equal(give(f, "most.container", 254 * IDS_SIZE), 0);
	assert_int_equal(give(f, "two.container", IDS_SIZE + 1), 0);
	assert_int_equal(give(f, "last.container", IDS_SIZE), SLOT_LAST * IDS_SIZE);
	assert_int_equal(f->ranges.n, 129);
	assert_apart(f);
	assert_null(id_range_give(&f->ranges, "more.container", 1, &f->arena));
	assert_int_equal(f->ranges.n, 129);
	/* who has one, has it, though not of any size */
	assert_int_equal(give(f, "c0.container", IDS_SIZE_MAX), IDS_SIZE);
	assert_int_equal(give(f, "last.container", 2 * IDS_SIZE), 0);
	assert_int_equal(base_of(f, "last.container"), SLOT_LAST * IDS_SIZE);
	/* a unit that is no more leaves its own free, wherever it was */
	f->ranges.v[99] = f->ranges.v[--f->ranges.n];
	assert_int_equal(give(f, "more.container", IDS_SIZE_MAX), IDS_SIZE + 99 * IDS_SIZE_MAX);
	assert_apart(f);
}

/* ---- maps */

static int check(struct fixture *f, const struct id_extent *v, size_t n)
{
	struct ids ids = { .uid = { (struct id_extent *)(uintptr_t)v, n }, .gid = { .n = 0 } };

	ids.gid = ids.uid;
	return ids_check(&ids, &f->err);
}

static void test_maps(void **state)
{
	static const struct id_extent good[] = { { 0, 100000, 1000 }, { 1000, 5, 1 } };
	static const struct id_extent inside[] = { { 0, 100000, 10 }, { 9, 200000, 1 } };
	static const struct id_extent outside[] = { { 0, 100000, 10 }, { 10, 100009, 1 } };
	static const struct id_extent rootless[] = { { 1, 100000, 10 } };
	struct fixture *f = *state;
	struct id_map map = { 0 };

	assert_int_equal(check(f, good, 2), 0);
	assert_int_equal(check(f, inside, 2), -1);
	assert_string_equal(f->err.msg, "UIDMap=9:200000:1 has ids of 0:100000:10");
	assert_int_equal(check(f, outside, 2), -1);
	assert_int_equal(check(f, rootless, 1), -1);
	assert_string_equal(f->err.msg, "UIDMap= has no line for 0, which is root");
	/* as the kernel prints it, with and without its last line's end */
	id_map_read(&map, "         0     100000       1000\n      1000          5          1\n",
		&f->arena);
	assert_int_equal(map.n, 2);
	assert_int_equal(id_host(&map, 0), 100000);
	assert_int_equal(id_host(&map, 999), 100999);
	assert_int_equal(id_host(&map, 1000), 5);
	assert_int_equal(id_host(&map, 1001), ID_NONE);
	assert_string_equal(id_map_print(&map, &f->arena), "0 100000 1000\n1000 5 1\n");
	map = (struct id_map){ 0 };
	id_map_read(&map, "0 0 4294967295", &f->arena);
	assert_int_equal(map.n, 1);
	assert_int_equal(id_host(&map, 4294967294u), 4294967294u);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_given_once),
		TEST(test_stable_over_order),
		TEST(test_garbage),
		TEST(test_the_same_twice),
		TEST(test_sizes),
		TEST(test_full),
		TEST(test_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
