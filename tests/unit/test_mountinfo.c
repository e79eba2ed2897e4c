#include "common/mountinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_lines(void **data)
{
	char text[] = "22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
		      "a line that is none\n"
		      "23 22 0:22 / /a\\040b\\134c rw - tmpfs none rw\n"
		      "24 22 0:23 / /odd\\9 rw - - x y\n"
		      "25 22 0:24 / /cut rw master:1 -\n"
		      "26 22 0:25 /part /last rw shared:1 master:2 - proc a\\040b rw\n"
		      "27 22 0:26 / /no-source rw - proc";
	static const struct mountinfo wanted[] = { { "/", "/", "ext4", "0:21", "/dev/vda",
							   "rw,relatime", "rw" },
		{ "/", "/a b\\c", "tmpfs", "0:22", "none", "rw", "rw" },
		{ "/", "/odd\\9", "-", "0:23", "x", "rw", "y" },
		{ "/part", "/last", "proc", "0:25", "a b", "rw", "rw" },
		{ "/", "/no-source", "proc", "0:26", "", "rw", "" } };
	char *rest = text;
	struct mountinfo m;

	(void)data;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		assert_true(mountinfo_next(&rest, &m));
		assert_string_equal(m.root, wanted[i].root);
		assert_string_equal(m.place, wanted[i].place);
		assert_string_equal(m.type, wanted[i].type);
		assert_string_equal(m.device, wanted[i].device);
		assert_string_equal(m.source, wanted[i].source);
		assert_string_equal(m.options, wanted[i].options);
		assert_string_equal(m.super, wanted[i].super);
	}
	assert_false(mountinfo_next(&rest, &m));
	assert_false(mountinfo_next(&rest, &m));
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
