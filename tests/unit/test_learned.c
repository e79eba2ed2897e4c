/* From the histograms of tracefs, as a kernel prints them, to the lines of a unit; and what is no histogram. */
#include "supervisor/core/plan/learned.h"

#include "common/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char histogram[] =
	"# event histogram\n#\n# trigger info: hist:keys=id:vals=hitcount:sort=hitcount:size=2048 [active]\n#\n\n"
	"{ id:          5 } hitcount:          1\n{ id:         63 } hitcount:         20\n"
	"{ id:        300 } hitcount:          2\n\nTotals:\n    Hits: 23\n    Entries: 3\n    Dropped: 7\n";

static void test_histogram(void **state)
{
	uint64_t set[LEARNED_WORDS] = { 0 };

	(void)state;
	assert_int_equal(learned_take(set, CALLS_MAX, histogram), 7);
	assert_true(set[0] == (UINT64_C(1) << 63 | 1 << 5));
	assert_true(set[300 / 64] == UINT64_C(1) << 300 % 64);
	memset(set, 0, sizeof(set));
	(void)learned_take(set, 63, histogram);
	assert_true(set[0] == 1 << 5);
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"{",
		"{ id:",
		"{ id: }",
		"{ id: -1 } hitcount: 1\n",
		"{ id: 512 } hitcount: 1\n",
		"{ id: 99999999999999999999999999 } hitcount: 1\n",
		"{ id: 18446744073709551617 } hitcount: 1\n",
		"{ id: 3, pid: 4 } hitcount: 1\n",
		"{ id 3 } hitcount: 1\n",
		"# { id: 3 } hitcount: 1\n",
		"{ id:\n3 } hitcount: 1\n",
		"{ id: 3 }",
		"{ id: 3x } hitcount: 1\n",
		"Dropped:\n",
		"Dropped: x\n",
		":::::\n{:{:3",
		"\xff\xfe{ id: \x80 } hitcount:",
	};
	uint64_t set[LEARNED_WORDS + 1] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(learned_take(set, CALLS_MAX, texts[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(set); i++)
		assert_true(set[i] == 0);
}

/* Each beginning of it, and it with each byte another one: nothing is read or set beside. */
static void test_damage(void **state)
{
	char *text = malloc(sizeof(histogram));
	uint64_t set[LEARNED_WORDS] = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(histogram); n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, histogram, n);
		cut[n] = '\0';
		(void)learned_take(set, CALLS_MAX, cut);
		free(cut);
		for (int byte = 1; byte < 256; byte += 9) {
			memcpy(text, histogram, sizeof(histogram));
			if (n < sizeof(histogram) - 1)
				text[n] = (char)byte;
			(void)learned_take(set, CALLS_MAX, text);
		}
	}
	free(text);
}

/* ---- lines ---- */

static void use(struct learned *l, const char *const *names, size_t n)
{
	*l = (struct learned){ .knows_capabilities = true };
	for (size_t i = 0; i < n; i++) {
		int number = call_number(names[i]);

		assert_true(number >= 0);
		l->calls[number / 64] |= UINT64_C(1) << number % 64;
	}
}

static const char *lines(const struct learned *l, const struct plan *p, struct arena *a)
{
	struct strv v = learned_lines(l, p, a);
	const char *text = "";

	for (size_t i = 0; i < v.n; i++)
		text = arena_printf(a, "%s%s\n", text, v.v[i]);
	return text;
}

#define USE(l, ...)                                                \
	do {                                                       \
		static const char *const used[] = { __VA_ARGS__ }; \
		use(l, used, ARRAY_LEN(used));                     \
	} while (0)

static void test_container(void **state)
{
	struct plan p = { .container = true, .capabilities = 0xff, .no_new_privileges = true };
	struct arena a = { 0 };
	struct learned l;

	(void)state;
	USE(&l, "ioctl", "brk", "execve", "mkdirat");
	/* chown, and one that it has not */
	l.capabilities = UINT64_C(1) << 0 | UINT64_C(1) << 21;
	assert_string_equal(lines(&l, &p, &a),
		call_number("ioctl") < call_number("mkdirat")
			? "[Container]\nDropCapability=all\nAddCapability=CAP_CHOWN\n[Service]\nSystemCallFilter=ioctl mkdirat\n"
			: "[Container]\nDropCapability=all\nAddCapability=CAP_CHOWN\n[Service]\nSystemCallFilter=mkdirat ioctl\n");
	assert_int_equal(learned_names(&l, &a).n, 4);
	/* not root, and nothing can make it so: the bounding set means nothing */
	p.user = "33";
	assert_null(strstr(lines(&l, &p, &a), "AddCapability"));
	p.ambient = 1;
	assert_non_null(strstr(lines(&l, &p, &a), "AddCapability=CAP_CHOWN\n"));
	p.ambient = 0;
	p.no_new_privileges = false;
	assert_non_null(strstr(lines(&l, &p, &a), "AddCapability=CAP_CHOWN\n"));
	arena_free(&a);
}

static void test_service(void **state)
{
	struct plan p = { .capabilities = UINT64_MAX };
	struct arena a = { 0 };
	struct learned l;

	(void)state;
	USE(&l, "brk");
	assert_string_equal(lines(&l, &p, &a),
		"[Service]\nCapabilityBoundingSet=\nSystemCallFilter=@default\n");
	l.knows_capabilities = false;
	assert_string_equal(lines(&l, &p, &a), "[Service]\nSystemCallFilter=@default\n");
	arena_free(&a);
}

static void test_groups(void **state)
{
	struct plan p = { .container = true };
	struct arena a = { 0 };
	struct learned l;

	(void)state;
	/* half of them: the group; a third: names */
	USE(&l, "read", "write", "close", "lseek", "readv", "writev", "dup", "dup3");
	assert_non_null(strstr(lines(&l, &p, &a), "SystemCallFilter=@basic-io\n"));
	USE(&l, "read", "write", "close", "mount");
	assert_null(strstr(lines(&l, &p, &a), "@"));
	assert_non_null(strstr(lines(&l, &p, &a), "mount"));
	arena_free(&a);
}

/* A long list is many lines, and together they are what was used, at least. */
static void test_all_calls(void **state)
{
	struct plan p = { .container = true };
	struct arena a = { 0 };
	struct learned l = { .knows_capabilities = true };
	char name[CALL_NAME_MAX];
	struct strv v;
	size_t n = 0, nameless = 0;

	(void)state;
	for (unsigned int i = 0; i < CALLS_MAX; i += 3) {
		l.calls[i / 64] |= UINT64_C(1) << i % 64;
		nameless += call_name(i, name) == NULL;
	}
	v = learned_lines(&l, &p, &a);
	for (size_t i = 0; i < v.n; i++) {
		assert_true(strlen(v.v[i]) <= 110);
		n += strncmp(v.v[i], "SystemCallFilter=", 17) == 0;
		nameless -= strncmp(v.v[i], "# and system call ", 18) == 0;
	}
	assert_true(n > 3);
	assert_int_equal(nameless, 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_all_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
