#include "supervisor/core/plan/passwd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "short:x:5\n"
			     "\n"
			     "badid:x:12a:7::/bad:/bin/sh\n"
			     "minus:x:-1:7::/bad:/bin/sh\n"
			     "last:x:4294967295:7::/bad:/bin/sh\n"
			     ":x:77:7::/bad:/bin/sh\n"
			     "redis:x:101:102::/var/lib/redis:/bin/false\n"
			     "redis:x:999:999::/second:/bin/false\n"
			     "relative:x:103:103::home:/bin/false\n"
			     "www:x:33:33:www:/var/www";
static const char group[] = "root:x:0:\n"
			    "tty:x:5:redis\n"
			    "nonsense\n"
			    "wheel:x:10:root,www,redis\n"
			    "again:x:10:redis\n"
			    "rediss:x:11:redisx,xredis\n"
			    "data:x:12:,redis,";

static const char *resolve(struct identity *id, const char *user, const char *grp)
{
	return identity_resolve(id, user, grp, passwd, strlen(passwd), group, strlen(group));
}

static void test_names(void **state)
{
	struct identity id;

	(void)state;
	assert_null(resolve(&id, "redis", NULL));
	assert_int_equal(id.uid, 101);
	assert_int_equal(id.gid, 102);
	assert_string_equal(id.home, "/var/lib/redis");
	/* tty, wheel once although it stands there twice, data; not the groups of similar names */
	assert_int_equal(id.n_groups, 3);
	assert_int_equal(id.groups[0], 5);
	assert_int_equal(id.groups[1], 10);
	assert_int_equal(id.groups[2], 12);
	/* the last line of the file has no newline */
	assert_null(resolve(&id, "www", NULL));
	assert_int_equal(id.uid, 33);
	assert_string_equal(id.home, "/var/www");
	assert_null(resolve(&id, "relative", NULL));
	assert_string_equal(id.home, "/");
}

static void test_numbers(void **state)
{
	struct identity id;

	(void)state;
	assert_null(resolve(&id, "101", NULL));
	assert_int_equal(id.gid, 102);
	assert_int_equal(id.n_groups, 3);
	/* in no file: its number, group 0, no home */
	assert_null(resolve(&id, "12345", NULL));
	assert_int_equal(id.uid, 12345);
	assert_int_equal(id.gid, 0);
	assert_int_equal(id.n_groups, 0);
	assert_string_equal(id.home, "/");
	assert_null(resolve(&id, "4294967294", NULL));
	assert_int_equal(id.uid, 4294967294U);
	/* (uid_t)-1 means "leave it": never an id */
	assert_non_null(resolve(&id, "4294967295", NULL));
	assert_non_null(resolve(&id, "99999999999", NULL));
	assert_non_null(resolve(&id, "-1", NULL));
}

static void test_groups(void **state)
{
	struct identity id;

	(void)state;
	assert_null(resolve(&id, "redis:tty", NULL));
	assert_int_equal(id.uid, 101);
	assert_int_equal(id.gid, 5);
	assert_int_equal(id.n_groups, 0);
	assert_null(resolve(&id, "7:8", NULL));
	assert_int_equal(id.uid, 7);
	assert_int_equal(id.gid, 8);
	/* Group= is stronger than the group in User= */
	assert_null(resolve(&id, "redis:tty", "wheel"));
	assert_int_equal(id.gid, 10);
	assert_string_equal(resolve(&id, "redis:nobody", NULL), "nobody");
	assert_string_equal(resolve(&id, "redis", "nobody"), "nobody");
}

static void test_missing(void **state)
{
	static const char *const names[] = { "nobody", "short", "badid", "minus", "last", "Redis",
		"redi", "rediss", "# a comment", "root:", ":" };
	struct identity id;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(resolve(&id, names[i], NULL));
}

static void test_nobody_given(void **state)
{
	struct identity id;

	(void)state;
	assert_null(identity_resolve(&id, NULL, NULL, "", 0, "", 0));
	assert_int_equal(id.uid, 0);
	assert_int_equal(id.gid, 0);
	assert_string_equal(id.home, "/");
	assert_null(resolve(&id, NULL, NULL));
	assert_string_equal(id.home, "/root");
	assert_int_equal(id.n_groups, 1);
	assert_null(resolve(&id, "", NULL));
	assert_int_equal(id.uid, 0);
	assert_string_equal(identity_resolve(&id, "redis", NULL, "", 0, "", 0), "redis");
}

static void test_long_home(void **state)
{
	char text[512];
	struct identity id;
	int n = snprintf(text, sizeof(text), "a:x:1:1::/%0*d:/bin/sh\n", (int)sizeof(id.home), 0);

	(void)state;
	assert_null(identity_resolve(&id, "a", NULL, text, (size_t)n, "", 0));
	assert_int_equal(id.uid, 1);
	assert_string_equal(id.home, "/");
	n = snprintf(text, sizeof(text), "a:x:1:1::/%0*d:/bin/sh\n", (int)sizeof(id.home) - 2, 0);
	assert_null(identity_resolve(&id, "a", NULL, text, (size_t)n, "", 0));
	assert_int_equal(strlen(id.home), sizeof(id.home) - 1);
}

/* More groups than there is room for: the first ones count. */
static void test_many_groups(void **state)
{
	static char text[64 * 1024];
	struct identity id;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "g%d:x:%d:www\n", i, 2000 + i);
	assert_null(identity_resolve(&id, "www", NULL, passwd, strlen(passwd), text, n));
	assert_int_equal(id.n_groups, SUPPLEMENTARY_MAX);
	assert_int_equal(id.groups[SUPPLEMENTARY_MAX - 1], 2000 + SUPPLEMENTARY_MAX - 1);
}

/* Any bytes, in exact heap blocks so that the sanitizer sees a step past either end. */
static void test_garbage(void **state)
{
	static const char some[] = ":\n0,a\0:1";
	struct identity id;
	uint32_t seed = 1;

	(void)state;
	for (size_t size = 0; size < 300; size++) {
		char *bytes = malloc(size + (size == 0));

		assert_non_null(bytes);
		for (size_t i = 0; i < size; i++) {
			seed = seed * 1103515245U + 12345U;
			bytes[i] = some[(seed >> 16) % (sizeof(some) - 1)];
		}
		(void)identity_resolve(&id, "a", NULL, bytes, size, bytes, size);
		assert_in_range(id.n_groups, 0, SUPPLEMENTARY_MAX);
		assert_true(memchr(id.home, '\0', sizeof(id.home)) != NULL);
		(void)identity_resolve(&id, "1:a", NULL, bytes, size, bytes, size);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_nobody_given),
		cmocka_unit_test(test_long_home),
		cmocka_unit_test(test_many_groups),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
