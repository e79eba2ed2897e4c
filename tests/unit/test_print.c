/* What people read: plans, names of the kernel's numbers, causes; each with the values that have a word of their own. */
#include "common/util.h"
#include "supervisor/core/engine/cause.h"
#include "supervisor/core/keys/suggest.h"
#include "supervisor/core/logline.h"
#include "supervisor/core/plan/plan.h"
#include "supervisor/core/unit/ini.h"
#include "supervisor/core/unit/names.h"
#include "supervisor/core/unit/unitset.h"
#include "supervisor/core/unit/words.h"

#include <linux/mount.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cmocka.h>

static void test_names_out_of_range(void **state)
{
	char buf[SIGNAL_NAME_MAX];

	(void)state;
	assert_string_equal(signal_text(0, buf), "0");
	assert_string_equal(signal_text(-3, buf), "-3");
	assert_string_equal(signal_text(33, buf), "33");
	assert_string_equal(signal_text(34, buf), "SIGRTMIN");
	assert_string_equal(signal_text(64, buf), "SIGRTMIN+30");
	assert_string_equal(signal_text(65, buf), "65");
	assert_string_equal(capability_text(-1), "?");
	assert_string_equal(capability_text(CAPABILITY_COUNT), "?");
	assert_string_equal(rlimit_text(-1), "?");
	assert_string_equal(role_name(ROLE_COUNT), "?");
	assert_string_equal(unit_kind_name(KIND_COUNT), "?");
}

static void test_real_time_signals(void **state)
{
	(void)state;
	assert_int_equal(signal_number("RTMIN+30"), 64);
	assert_int_equal(signal_number("RTMAX-30"), 34);
	assert_int_equal(signal_number("RTMIN+31"), -1);
	assert_int_equal(signal_number("RTMAX-31"), -1);
	assert_int_equal(signal_number("RTMIN+9999999"), -1);
	assert_int_equal(signal_number("RTMAX-9999999"), -1);
	assert_int_equal(signal_number("RTMIN-1"), -1);
	assert_int_equal(signal_number("64"), 64);
	assert_int_equal(signal_number("65"), -1);
	assert_int_equal(signal_number("0"), -1);
}

static const struct {
	int32_t status;
	const char *text, *word;
} statuses[] = {
	{ 3 << 8, "exit code 3", "exit-code" },
	{ SIGSEGV, "killed by signal SEGV", "signal" },
	{ SIGSEGV | 0x80, "killed by signal SEGV, core dumped", "core-dump" },
	{ 33, "killed by signal 33", "signal" },
	{ SIGNAL_LAST, "killed by signal RTMIN+30", "signal" },
};

static void test_how_a_process_ended(void **state)
{
	static const struct unit unit = { .name = "a.service", .kind = KIND_SERVICE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		char buf[100];
		struct text t = { buf, sizeof(buf), 0 };
		struct cause c = cause_of_status(&unit, statuses[i].status);

		cause_put_status(&t, statuses[i].status);
		assert_string_equal(buf, statuses[i].text);
		assert_string_equal(cause_word(&c), statuses[i].word);
		assert_true(cause_failed(&c));
	}
}

static void test_limit_that_was_reached(void **state)
{
	static const struct {
		struct quantity service, container;
		const char *text;
	} cases[] = {
		{ { .value = 50 << 20 }, { .value = SIZE_UNSET }, "out of memory (MemoryMax=50M)" },
		{ { .permille = 250 }, { .value = SIZE_UNSET }, "out of memory (MemoryMax=25%)" },
		{ { .value = SIZE_UNSET }, { .value = 1 << 20 }, "out of memory (Memory=1M)" },
		{ { .value = SIZE_INFINITY }, { .value = 0 }, "out of memory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct unit unit = {
			.service.memory_max = cases[i].service,
			.container.memory = cases[i].container,
		};
		char buf[100];
		struct text t = { buf, sizeof(buf), 0 };

		cause_put_oom(&t, &unit);
		assert_string_equal(buf, cases[i].text);
	}
}

static void test_times_for_people(void **state)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{ 0, "0 ms" },
		{ 999999, "999 ms" },
		{ 1500000, "1.5 s" },
		{ 2050000, "2 s" },
		{ TIME_INFINITY, "infinity" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char buf[50];
		struct text t = { buf, sizeof(buf), 0 };

		cause_put_time(&t, cases[i].usec);
		assert_string_equal(buf, cases[i].text);
	}
}

static void test_plan_of_every_mount(void **state)
{
	static struct mount_op mounts[] = {
		{ .kind = OP_BIND,
			.source = "/a",
			.target = "/b",
			.recursive = true,
			.propagation = MS_SHARED | MS_REC,
			.attr = MOUNT_ATTR_RDONLY },
		{ .kind = OP_BIND,
			.source = "/a\n",
			.target = "/b\x7f",
			.propagation = MS_SLAVE,
			.optional = true },
		{ .kind = OP_OVERLAY, .source = "/l", .target = "/" },
		{ .kind = OP_FS,
			.fstype = "tmpfs",
			.target = "/t",
			.data = "size=1M",
			.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC },
		{ .kind = OP_NODE, .target = "/dev/x", .dev = 0x103, .mode = 0620 },
		{ .kind = OP_SYMLINK, .source = "/x", .target = "/y" },
		{ .kind = OP_DIR, .target = "/d", .mode = 0700 },
		{ .kind = OP_FILE, .target = "/f" },
		{ .kind = OP_MASK, .target = "/m" },
		{ .kind = OP_ATTR, .target = "/r", .propagation = MS_PRIVATE },
	};
	static const char *const lines[] = {
		"rbind /a -> /b ro,rshared\n",
		"bind /a\\x0a -> /b\\x7f slave (if there)\n",
		"overlay /l -> /\n",
		"tmpfs /t nosuid,nodev,noexec,size=1M\n",
		"node /dev/x 1:3 mode 0620\n",
		"link /y = /x\n",
		"folder /d mode 0700\n",
		"file /f\n",
		"hide /m\n",
		"set /r private\n",
	};
	const struct plan plan = {
		.unit = "a.container",
		.working_dir = "/",
		.working_dir_optional = true,
		.mounts = mounts,
		.n_mounts = ARRAY_LEN(mounts),
		.nice = INT_UNSET,
		.oom_score_adjust = INT_UNSET,
	};
	struct arena arena = { 0 };
	const char *at = plan_print(&plan, &arena);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		at = strstr(at, lines[i]);
		if (at == NULL)
			fail_msg("no line, or not in its place: %s", lines[i]);
	}
	assert_non_null(strstr(at, "capabilities  none\n"));
	assert_non_null(strstr(at, "directory     / (if there)\n"));
	assert_null(strstr(at, "nice"));
	arena_free(&arena);
}

static void test_plan_of_limits(void **state)
{
	static struct rlimit_set limits[] = {
		{ .resource = RLIMIT_NOFILE, .soft = 10, .hard = SIZE_INFINITY },
	};
	const struct plan plan = {
		.unit = "a.container",
		.working_dir = "/",
		.container = true,
		.cgroup_ns = true,
		.own_network = true,
		.rlimits = limits,
		.n_rlimits = 1,
		.capabilities = CAPABILITY_ALL,
	};
	const struct plan joins = {
		.unit = "a.container",
		.working_dir = "/",
		.container = true,
		.cgroup_ns = true,
		.join = true,
		.own_network = true,
		.capabilities = 1,
	};
	struct arena arena = { 0 };
	const char *text = plan_print(&plan, &arena);

	(void)state;
	assert_non_null(strstr(text, "namespaces    mount pid uts ipc cgroup network\n"));
	assert_non_null(strstr(text, "rlimit        nofile 10:unlimited\n"));
	assert_non_null(strstr(text, "capabilities  all\n"));
	text = plan_print(&joins, &arena);
	assert_non_null(strstr(text, "namespaces    those of the running container\n"));
	assert_non_null(strstr(text, "capabilities  chown\n"));
	arena_free(&arena);
}

static void test_record_that_is_torn(void **state)
{
	static const char whole[] = "2026-11-22T00:43:47.123456Z out text";
	static const char *const torn[] = {
		"2026-11-22T00:43:47.123456Z out",
		"2026-11-22 00:43:47.123456Z out text",
		"2026-11-22T00:43:47.123456+ out text",
		"2026-11-22T00:43:47.123456Zxout text",
		"2026-11-22T00:43:47.123456Z ab text",
		"2026-11-22T00:43:47.123456Z streams text",
		"2026-11-22T00:43:47.123456Z outtext",
	};
	struct log_view view;

	(void)state;
	assert_true(log_parse(&view, whole, strlen(whole)));
	assert_int_equal(view.text_n, 4);
	for (size_t i = 0; i < ARRAY_LEN(torn); i++)
		assert_false(log_parse(&view, torn[i], strlen(torn[i])));
}

static void test_word_that_is_too_long_is_near_to_none(void **state)
{
	char longest[80];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(suggest_distance("abc", "abd"), 1);
	assert_true(suggest_distance(longest, "abc") > suggest_limit(longest));
	assert_true(suggest_distance("abc", longest) > suggest_limit("abc"));
}

static void test_names_of_units(void **state)
{
	char name[UNIT_NAME_MAX], path[UNIT_NAME_MAX + 8];

	(void)state;
	assert_int_equal(unit_name_check(".hidden.service"), -1);
	assert_int_equal(unit_name_template("@a.service", name), -1);
	assert_int_equal(unit_name_template("a@.service", name), -1);
	assert_int_equal(unit_name_template("a@b.service", name), 0);
	assert_string_equal(name, "a@.service");
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unit_name_of_path(path, KIND_MOUNT, name), -1);
	memcpy(path + sizeof(path) - 9, ".service", 9);
	path[1] = '@';
	assert_int_equal(unit_name_template(path, name), -1);
}

static const struct {
	const char *text, *fault; /* NULL: none */
} images[] = {
	{ "[Image]\nUser=a\nUser=\n", NULL },
	{ "[X-Own]\na=1\n[Image]\nX-Note=1\n", NULL },
	{ "[Service]\n", "i:1:1: an image has no section Service" },
	{ "[Image]\nUsr=a\nShell=b\n", "i:2:1: an image has no key Usr" },
};

static void test_first_fault_of_an_image_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		struct image_section image;
		struct arena arena = { 0 };
		struct err e = { 0 };
		int got = image_file_parse(&arena, "i", images[i].text, strlen(images[i].text),
			&image, &e);

		assert_int_equal(got, images[i].fault == NULL ? 0 : -1);
		if (images[i].fault != NULL)
			assert_memory_equal(e.msg, images[i].fault, strlen(images[i].fault));
		else
			assert_true(image.user == NULL || image.user[0] == '\0');
		arena_free(&arena);
	}
}

/* Its text is empty, and ended. */
static void test_unit_that_says_nothing(void **state)
{
	static const char text[] = "[Network]\n";
	const struct unit_text file = {
		.unit = "a.network", .path = "a.network", .text = text, .size = sizeof(text) - 1
	};
	struct unit_set set;
	char buf[8] = "no text";
	int at;

	(void)state;
	unit_set_build(&set, &file, 1);
	at = unit_set_find(&set, "a.network");
	assert_true(at >= 0);
	assert_int_equal(unit_print(&set.units[at], false, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	unit_set_free(&set);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_out_of_range),
		cmocka_unit_test(test_real_time_signals),
		cmocka_unit_test(test_how_a_process_ended),
		cmocka_unit_test(test_limit_that_was_reached),
		cmocka_unit_test(test_times_for_people),
		cmocka_unit_test(test_plan_of_every_mount),
		cmocka_unit_test(test_plan_of_limits),
		cmocka_unit_test(test_record_that_is_torn),
		cmocka_unit_test(test_word_that_is_too_long_is_near_to_none),
		cmocka_unit_test(test_names_of_units),
		cmocka_unit_test(test_first_fault_of_an_image_file),
		cmocka_unit_test(test_unit_that_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
