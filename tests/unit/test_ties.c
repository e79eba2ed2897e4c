/* The keys that tie units together, and what becomes of them in the unit set. */
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN "[Service]\nExecStart=/bin/a\n"

static void test_each_key_makes_its_edge(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set, "",
		{ "a.service",
			"[Unit]\nRequisite=b.service\nUpholds=b.service\nOnSuccess=b.service\n"
			"PropagatesStopTo=b.service\nPropagatesReloadTo=b.service\n"
			"StopPropagatedFrom=c.service\nReloadPropagatedFrom=c.service\n" RUN
			"[Install]\nUpheldBy=c.service\nAlso=b.service\n" },
		{ "b.service", RUN }, { "c.service", RUN });
	assert_true(fixture_has_edge(&set, "a.service", DEP_REQUISITE, "b.service"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_UPHOLDS, "b.service"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_ON_SUCCESS, "b.service"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_STOPS, "b.service"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_RELOADS, "b.service"));
	assert_true(fixture_has_edge(&set, "c.service", DEP_STOPS, "a.service"));
	assert_true(fixture_has_edge(&set, "c.service", DEP_RELOADS, "a.service"));
	assert_true(fixture_has_edge(&set, "c.service", DEP_UPHOLDS, "a.service"));
	unit_set_free(&set);
}

static void test_missing_names(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set,
		"a.service:2:1: error: Requisite=: there is no unit nowhere.volume\n"
		"a.service:3:1: warning: Upholds=: there is no unit nowhere.volume\n"
		"a.service:4:1: warning: OnSuccess=: there is no unit nowhere.volume\n"
		"a.service:5:1: warning: PropagatesStopTo=: there is no unit nowhere.volume\n"
		"a.service:6:1: warning: StopPropagatedFrom=: a unit cannot depend on itself\n"
		"a.service:10:1: warning: UpheldBy=: there is no unit nowhere.volume\n"
		"a.service:11:1: warning: Also=: there is no unit nowhere.volume\n",
		{ "a.service",
			"[Unit]\nRequisite=nowhere.volume network.target\nUpholds=nowhere.volume\n"
			"OnSuccess=nowhere.volume\nPropagatesStopTo=nowhere.volume\n"
			"StopPropagatedFrom=a.service\n" RUN
			"[Install]\nUpheldBy=nowhere.volume\nAlso=nowhere.volume\n" });
	unit_set_free(&set);
}

static void test_alias_is_a_name_everywhere(void **state)
{
	struct unit_set set;
	int web;

	(void)state;
	FIXTURE_BUILD(&set, "",
		{ "web.container",
			"[Container]\nImage=a\n[Install]\nAlias=www.container shop.service\n" },
		{ "a.service", "[Unit]\nAfter=www.container\nRequires=shop.service\n" RUN },
		{ "box.target", "[Install]\nAlias=default.target\n" });
	web = unit_set_find(&set, "web.container");
	assert_int_equal(unit_set_find(&set, "www.container"), web);
	assert_int_equal(unit_set_find(&set, "shop.service"), web);
	assert_int_equal(unit_set_find_loose(&set, "www"), web);
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "web.container"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_REQUIRES, "web.container"));
	assert_int_equal(unit_set_find(&set, "default.target"), unit_set_find(&set, "box.target"));
	unit_set_free(&set);
}

static void test_alias_that_is_none(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set,
		"a.service:4:1: warning: Alias=: b.network does not end in .service as the unit does; "
		"ignored\n"
		"a.service:4:1: warning: Alias=: there is a unit c.service, which keeps its name\n"
		"c.service:4:1: warning: Alias=: d.service is another name of a.service already\n",
		{ "a.service", RUN "[Install]\nAlias=b.network c.service d.service a.service\n" },
		{ "c.service", RUN "[Install]\nAlias=d.service\n" });
	assert_int_equal(unit_set_find(&set, "d.service"), unit_set_find(&set, "a.service"));
	assert_int_equal(set.n_aliases, 1);
	unit_set_free(&set);
}

static void test_mounts_for_paths(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set, "",
		{ "a.service",
			"[Unit]\nRequiresMountsFor=/var/lib/sup/volumes/data//sub/ /etc\n"
			"WantsMountsFor=/var/lib/sup/volumes/more\n" RUN },
		{ "data.volume", "[Volume]\n" }, { "more.volume", "[Volume]\n" },
		{ "dat.volume", "[Volume]\n[Unit]\nRequiresMountsFor=/var/lib/sup/volumes/dat\n" });
	assert_true(fixture_has_edge(&set, "a.service", DEP_REQUIRES, "data.volume"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "data.volume"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_WANTS, "more.volume"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "more.volume"));
	assert_false(fixture_has_edge(&set, "a.service", DEP_REQUIRES, "more.volume"));
	assert_false(fixture_has_edge(&set, "a.service", DEP_AFTER, "dat.volume"));
	assert_false(fixture_has_edge(&set, "dat.volume", DEP_AFTER, "dat.volume"));
	unit_set_free(&set);
}

static void test_default_dependencies_of_targets(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set, "",
		{ "x.target", "[Unit]\nWants=a.service b.service\nUpholds=c.service\n" },
		{ "a.service", "[Unit]\nDefaultDependencies=no\n" RUN }, { "b.service", RUN },
		{ "c.service", RUN },
		{ "y.target", "[Unit]\nWants=b.service\nDefaultDependencies=no\n" });
	assert_false(fixture_has_edge(&set, "x.target", DEP_AFTER, "a.service"));
	assert_true(fixture_has_edge(&set, "x.target", DEP_AFTER, "b.service"));
	assert_true(fixture_has_edge(&set, "x.target", DEP_AFTER, "c.service"));
	assert_false(fixture_has_edge(&set, "y.target", DEP_AFTER, "b.service"));
	unit_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key_makes_its_edge),
		cmocka_unit_test(test_missing_names),
		cmocka_unit_test(test_alias_is_a_name_everywhere),
		cmocka_unit_test(test_alias_that_is_none),
		cmocka_unit_test(test_mounts_for_paths),
		cmocka_unit_test(test_default_dependencies_of_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
