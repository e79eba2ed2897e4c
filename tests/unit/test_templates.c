/* Templates and their instances, drop-ins of many folders, masks, links: which files make which unit. */
#include "common/util.h"
#include "supervisor/core/text.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RUN "[Service]\nExecStart=/bin/a\n"
#define WORKER "[Unit]\nDescription=worker %i\n[Container]\nImage=a\nNetwork=none\n"
#define WANT(names) "[Unit]\nWants=" names "\n"
#define TEXTS_MAX 16

#define FILE_OF(name, text_)                                    \
	{                                                       \
		.unit = (name), .path = (name), .text = (text_) \
	}
#define DROP_IN(folder, file, text_)                                         \
	{                                                                    \
		.unit = (folder), .path = folder ".d/" file, .text = (text_) \
	}
#define LINK(role_, folder, to)                                                          \
	{                                                                                \
		.unit = (folder), .path = folder "/" to, .role = (role_), .target = (to) \
	}
#define END                  \
	{                    \
		.unit = NULL \
	}
#define BUILD(set, faults, ...) build((set), (struct unit_text[]){ __VA_ARGS__, END }, (faults))

/* Builds, compares all faults; the set is the caller's. */
static void build(struct unit_set *set, struct unit_text *texts, const char *expected)
{
	size_t n = 0;
	char *faults;

	for (; texts[n].unit != NULL; n++)
		texts[n].size = texts[n].text != NULL ? strlen(texts[n].text) : 0;
	unit_set_build(set, texts, n);
	faults = fixture_faults(set);
	assert_string_equal(faults, expected);
	free(faults);
}

static bool has(const struct unit_set *set, const char *name)
{
	return unit_set_find(set, name) >= 0;
}

static const char *description(const struct unit_set *set, const char *name)
{
	return fixture_unit(set, name)->unit.description;
}

/* ---- who makes an instance ---- */

static void test_a_template_is_no_unit(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("worker@.container", WORKER));
	assert_int_equal(set.n, 2);
	assert_false(has(&set, "worker@.container"));
	assert_int_equal(set.templates.n, 1);
	assert_string_equal(set.templates.v[0], "worker@.container");
	unit_set_free(&set);
}

static void test_every_reference_makes_an_instance(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("w@.container", WORKER), FILE_OF("lan@.network", "[Network]\n"),
		FILE_OF("data@.volume", "[Volume]\n"),
		FILE_OF("group@.target", WANT("w@%i-a.service")),
		FILE_OF("a.service",
			"[Unit]\nWants=w@1.container\nRequires=w@2.container\nBindsTo=w@3.container\n"
			"OnFailure=w@4.container\nAfter=w@5.container\n" RUN
			"[Install]\nWantedBy=group@x.target\n"),
		FILE_OF("b.container",
			"[Container]\nImage=a\nNetwork=lan@1.network\nVolume=data@1:/a\n"
			"Volume=data@2.volume:/b\n"),
		FILE_OF("c.container", "[Container]\nImage=a\nNetwork=w@6.container\n"));
	assert_true(has(&set, "w@1.container") && has(&set, "w@2.container"));
	assert_true(has(&set, "w@3.container") && has(&set, "w@4.container"));
	assert_true(has(&set, "w@5.container") && has(&set, "w@6.container"));
	assert_true(fixture_has_edge(&set, "b.container", DEP_REQUIRES, "lan@1.network"));
	assert_true(fixture_has_edge(&set, "b.container", DEP_REQUIRES, "data@1.volume"));
	assert_true(fixture_has_edge(&set, "b.container", DEP_REQUIRES, "data@2.volume"));
	/* by the name that Quadlet gives it, of a template that was named itself */
	assert_true(fixture_has_edge(&set, "group@x.target", DEP_WANTS, "w@x-a.container"));
	assert_true(fixture_has_edge(&set, "group@x.target", DEP_WANTS, "a.service"));
	assert_string_equal(description(&set, "w@2.container"), "worker 2");
	assert_string_equal(fixture_unit(&set, "w@2.container")->file, "w@.container");
	assert_int_equal(set.n, 2 + 3 + 7 + 1 + 2 + 1 + 2 /* of the resolver */);
	unit_set_free(&set);
}

static void test_an_instance_that_was_asked_for(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("w@.service", RUN "[Install]\nWantedBy=multi-user.target\n"),
		{ .unit = "w@7.service", .path = "run/w@7.service", .role = TEXT_INSTANCE },
		{ .unit = "gone@1.service", .path = "run/gone@1.service", .role = TEXT_INSTANCE },
		{ .unit = "far@1.service",
			.path = "etc/far@1.service",
			.role = TEXT_INSTANCE,
			.text = RUN });
	assert_true(has(&set, "w@7.service"));
	assert_false(has(&set, "gone@1.service"));
	assert_true(has(&set, "far@1.service"));
	assert_true(fixture_has_edge(&set, "multi-user.target", DEP_WANTS, "w@7.service"));
	unit_set_free(&set);
}

static void test_install_of_templates(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "",
		FILE_OF("w@.service",
			"[Unit]\nDescription=%i\n" RUN
			"[Install]\nWantedBy=multi-user.target\nDefaultInstance=main\n"),
		FILE_OF("idle@.service", RUN "[Install]\nDefaultInstance=main\n"));
	assert_true(fixture_has_edge(&set, "multi-user.target", DEP_WANTS, "w@main.service"));
	assert_false(has(&set, "idle@main.service"));
	unit_set_free(&set);
}

static void test_templates_that_name_themselves(void **state)
{
	struct unit_set set;

	(void)state;
	/* each names a longer one, until no name is longer */
	BUILD(&set,
		"w@.service:2:7: error: Wants=: \"w@1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
		"service\" is not the name of a unit\n",
		FILE_OF("w@.service", WANT("w@%ia.service") RUN),
		FILE_OF("a.target", WANT("w@1.service")));
	assert_int_equal(set.n, 3 + 63 - (int)strlen("w@1.service") + 1);
	unit_set_free(&set);
	unit_set_build(&set,
		(struct unit_text[]){
			{ .unit = "w@.target",
				.path = "w@.target",
				.text = WANT("w@%ia.target w@%ib.target"),
				.size = strlen(WANT("w@%ia.target w@%ib.target")) },
			{ .unit = "a.target",
				.path = "a.target",
				.text = WANT("w@1.target"),
				.size = strlen(WANT("w@1.target")) },
		},
		2);
	assert_int_equal(set.n, 3 + 16384);
	assert_string_equal(set.faults[0].message,
		"more than 16384 instances are named; w@1aaaaaaaaaaaaab.target and what follows is left out");
	unit_set_free(&set);
}

static void assert_instance(const struct unit_set *set, const char *name, const char *answer)
{
	char full[UNIT_NAME_MAX], why[200];

	if (unit_set_instance(set, name, full, why, sizeof(why)) == 0)
		assert_string_equal(full, answer);
	else
		assert_string_equal(why, answer);
}

static void test_names_of_operators(void **state)
{
	static const struct {
		const char *name, *answer;
	} asked[] = {
		{ "w@1", "w@1.container" },
		{ "w@10.0.0.1", "w@10.0.0.1.container" },
		{ "w@1.volume", "w@1.volume" },
		{ "data@x", "data@x.volume" },
		{ "twice@x", "there are several templates of that name: give its full name" },
		{ "twice@x.service", "twice@x.service" },
		{ "nothing@x", "there is no unit and no template of that name" },
		{ "nothing@x.service", "there is no unit and no template of that name" },
		{ "w@", "this is a template; name an instance of it, such as w@1" },
		{ "w@.container", "this is a template; name an instance of it, such as w@1" },
		{ "w@a b", "this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -" },
		{ "w@../x", "this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -" },
		{ "nothing", "no such unit, or several: give its full name" },
		{ "w@56789012345678901234567890123456789012345678901234567890",
			"there is no unit and no template of that name" },
	};
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("data@.volume", "[Volume]\n"), FILE_OF("twice@.service", RUN),
		FILE_OF("twice@.container", WORKER), FILE_OF("w@.container", WORKER),
		FILE_OF("w@.volume", "[Volume]\n"));
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		assert_instance(&set, asked[i].name, asked[i].answer);
	unit_set_free(&set);
}

/* ---- faults ---- */

static void test_a_broken_template_breaks_its_instances_once(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "w@.service:3:6: error: Nice=: \"x\" is not a whole number\n",
		FILE_OF("a.target", WANT("w@1.service w@2.service")),
		FILE_OF("w@.service", RUN "Nice=x\n"));
	assert_string_equal(fixture_unit(&set, "w@2.service")->broken,
		"w@.service:3:6: Nice=: \"x\" is not a whole number");
	assert_non_null(fixture_unit(&set, "w@1.service")->broken);
	unit_set_free(&set);
	/* nobody made an instance yet */
	BUILD(&set, "w@.service:3:6: error: Nice=: \"x\" is not a whole number\n",
		FILE_OF("w@.service", RUN "Nice=x\n"));
	unit_set_free(&set);
}

static void test_values_that_only_some_instances_have(void **state)
{
	struct unit_set set;

	(void)state;
	/* without an instance nobody can tell */
	BUILD(&set, "", FILE_OF("w@.container", WORKER "Ulimit=nofile=1\nAddHost=a:10.0.0.%i\n"),
		FILE_OF("p@.container", "[Container]\nImage=a\nPublishPort=80%i:80\n"));
	unit_set_free(&set);
	BUILD(&set,
		"p@.container:3:13: error: PublishPort=: \"80x:80\" is not a port or range of ports 1 to 65535\n",
		FILE_OF("a.target", WANT("p@1.container p@x.container")),
		FILE_OF("p@.container", "[Container]\nImage=a\nPublishPort=80%i:80\n"));
	assert_null(fixture_unit(&set, "p@1.container")->broken);
	assert_int_equal(fixture_unit(&set, "p@1.container")->container.ports.v[0].host, 801);
	assert_non_null(fixture_unit(&set, "p@x.container")->broken);
	unit_set_free(&set);
}

/* ---- drop-ins ---- */

static void test_a_file_of_its_own_wins(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("w@.service", "[Unit]\nDescription=template\n" RUN),
		FILE_OF("w@1.service", "[Unit]\nDescription=own\n" RUN),
		FILE_OF("a.target", WANT("w@1.service w@2.service")));
	assert_string_equal(description(&set, "w@1.service"), "own");
	assert_string_equal(description(&set, "w@2.service"), "template");
	unit_set_free(&set);
}

#define SAYS(word) "[Service]\nEnvironment=" word "=1\n[Unit]\nDescription=" word "\n"

static void assert_environment(const struct unit_set *set, const char *name, const char *expected)
{
	const struct strv *list = &fixture_unit(set, name)->service.environment;
	char buf[400] = "";
	struct text t = { buf, sizeof(buf), 0 };

	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, " ");
		text_puts(&t, list->v[i]);
	}
	assert_string_equal(buf, expected);
}

static void test_all_folders_of_a_unit(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("a-b-c@.service", RUN),
		FILE_OF("t.target", WANT("a-b-c@1.service")),
		DROP_IN("a-b-c@1.service", "90.conf", SAYS("OWN")),
		DROP_IN("a-b-c@.service", "80.conf", SAYS("TEMPLATE")),
		DROP_IN("a-b-@.service", "70.conf", SAYS("PREFIX")),
		DROP_IN("a-@.service", "60.conf", SAYS("SHORT")),
		DROP_IN("a-@1.service", "50.conf", SAYS("SHORT_1")),
		DROP_IN("service", "40.conf", SAYS("KIND")),
		DROP_IN("a-b-.service", "30.conf", SAYS("OTHER")),
		DROP_IN("target", "20.conf", "[Unit]\nDescription=a target\n"));
	assert_environment(&set, "a-b-c@1.service",
		"KIND=1 SHORT_1=1 SHORT=1 PREFIX=1 TEMPLATE=1 OWN=1");
	assert_string_equal(description(&set, "t.target"), "a target");
	/* a unit without a file has those of its kind, too */
	assert_string_equal(description(&set, "default.target"), "a target");
	unit_set_free(&set);
}

static void test_drop_ins_go_by_their_file_names(void **state)
{
	struct unit_set set;

	(void)state;
	/* whichever folder they are in: the last word is that of the kind's folder here */
	BUILD(&set, "", FILE_OF("a-b.service", RUN), DROP_IN("a-b.service", "10.conf", SAYS("OWN")),
		DROP_IN("service", "20.conf", SAYS("KIND")));
	assert_environment(&set, "a-b.service", "OWN=1 KIND=1");
	assert_string_equal(description(&set, "a-b.service"), "KIND");
	unit_set_free(&set);
	/* of one name, the more special folder */
	BUILD(&set, "", FILE_OF("a-b.service", RUN), FILE_OF("a-c.service", RUN),
		DROP_IN("service", "10.conf", SAYS("KIND")),
		DROP_IN("a-.service", "10.conf", SAYS("PREFIX")),
		DROP_IN("a-b.service", "10.conf", SAYS("OWN")));
	assert_environment(&set, "a-b.service", "OWN=1");
	assert_environment(&set, "a-c.service", "PREFIX=1");
	unit_set_free(&set);
}

static void test_the_search_path_orders_drop_ins_of_one_name(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("a-b.service", RUN),
		{ .unit = "a-b.service",
			.path = "lib/a-b.service.d/1.conf",
			.text = SAYS("LIB"),
			.rank = 2 },
		{ .unit = "a-b.service",
			.path = "etc/a-b.service.d/1.conf",
			.text = SAYS("ETC"),
			.rank = 1 },
		{ .unit = "a-.service",
			.path = "lib/a-.service.d/2.conf",
			.text = SAYS("LIB2"),
			.rank = 2 },
		{ .unit = "a-.service",
			.path = "etc/a-.service.d/2.conf",
			.rank = 1,
			.masked = true },
		{ .unit = "service",
			.path = "run/service.d/1.conf",
			.text = SAYS("RUN"),
			.rank = 0 });
	assert_environment(&set, "a-b.service", "ETC=1");
	unit_set_free(&set);
}

static void test_drop_ins_of_nobody(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"v@.service.d/1.conf: warning: there is no unit that this adds to\n"
		"v@1.service.d/1.conf: warning: there is no unit that this adds to\n",
		FILE_OF("w@.service", RUN), DROP_IN("w@1.service", "1.conf", SAYS("A")),
		DROP_IN("w@.service", "1.conf", SAYS("A")),
		DROP_IN("x-.service", "1.conf", SAYS("A")),
		DROP_IN("volume", "1.conf", "[Volume]\n"),
		DROP_IN("v@1.service", "1.conf", SAYS("A")),
		DROP_IN("v@.service", "1.conf", SAYS("A")));
	unit_set_free(&set);
}

/* ---- masks ---- */

#define MASKED(name)                                                            \
	{                                                                       \
		.unit = (name), .path = "etc/" name, .text = "", .masked = true \
	}

static void test_masks(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", MASKED("a.service"), MASKED("w@2.service"), FILE_OF("w@.service", RUN),
		FILE_OF("b.target",
			"[Unit]\nWants=a.service w@1.service w@2.service\nAfter=a.service\n"),
		FILE_OF("c.target", "[Unit]\nRequires=a.service\n"),
		DROP_IN("a.service", "1.conf", "[Service]\nNice=x\n"));
	assert_true(fixture_unit(&set, "a.service")->masked);
	assert_string_equal(fixture_unit(&set, "a.service")->broken, "masked by etc/a.service");
	assert_false(fixture_unit(&set, "w@1.service")->masked);
	assert_true(fixture_unit(&set, "w@2.service")->masked);
	/* who only wants it does without; who requires it cannot start */
	assert_false(fixture_has_edge(&set, "b.target", DEP_WANTS, "a.service"));
	assert_true(fixture_has_edge(&set, "b.target", DEP_WANTS, "w@1.service"));
	assert_true(fixture_has_edge(&set, "c.target", DEP_REQUIRES, "a.service"));
	unit_set_free(&set);
	BUILD(&set, "", MASKED("w@.service"), FILE_OF("a.target", WANT("w@1.service")));
	assert_true(fixture_unit(&set, "w@1.service")->masked);
	unit_set_free(&set);
}

/* ---- .wants and .requires ---- */

static void test_links_are_dependencies(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"a.target/gone.service: warning: Wants=: there is no unit gone.service\n"
		"a.target/lost.service: error: Requires=: there is no unit lost.service\n"
		"c.target/b.service: warning: there is no unit that this adds to\n",
		FILE_OF("a.target", ""), FILE_OF("b.service", RUN), FILE_OF("w@.service", RUN),
		LINK(TEXT_WANTS, "a.target", "b.service"),
		LINK(TEXT_WANTS, "a.target", "w@1.service"),
		LINK(TEXT_REQUIRES, "a.target", "w@2.service"),
		LINK(TEXT_WANTS, "a.target", "gone.service"),
		LINK(TEXT_REQUIRES, "a.target", "lost.service"),
		LINK(TEXT_WANTS, "a.target", "network-online.target"),
		LINK(TEXT_REQUIRES, "w@.service", "b.service"),
		LINK(TEXT_WANTS, "multi-user.target", "b.service"),
		LINK(TEXT_WANTS, "c.target", "b.service"));
	assert_true(fixture_has_edge(&set, "a.target", DEP_WANTS, "b.service"));
	assert_true(fixture_has_edge(&set, "a.target", DEP_WANTS, "w@1.service"));
	assert_true(fixture_has_edge(&set, "a.target", DEP_REQUIRES, "w@2.service"));
	assert_true(fixture_has_edge(&set, "w@2.service", DEP_REQUIRES, "b.service"));
	assert_true(fixture_has_edge(&set, "multi-user.target", DEP_WANTS, "b.service"));
	unit_set_free(&set);
}

static void test_a_masked_link_hides_the_later_ones(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("b.service", RUN),
		{ .unit = "multi-user.target",
			.path = "lib/b.service",
			.role = TEXT_WANTS,
			.target = "b.service",
			.rank = 2 },
		{ .unit = "multi-user.target",
			.path = "etc/b.service",
			.role = TEXT_WANTS,
			.target = "b.service",
			.rank = 1,
			.masked = true });
	assert_false(fixture_has_edge(&set, "multi-user.target", DEP_WANTS, "b.service"));
	unit_set_free(&set);
}

/* ---- many ---- */

static uint64_t cpu_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* n instances of one template with a drop-in for each third, and one for all. */
static uint64_t instances_cost(size_t n)
{
	struct unit_text *texts = calloc(2 * n + 2, sizeof(*texts));
	char(*names)[32] = calloc(n, sizeof(*names));
	uint64_t start;
	struct unit_set set;
	size_t used = 0;

	assert_true(texts != NULL && names != NULL);
	texts[used++] = (struct unit_text){
		.unit = "w@.service", .path = "w@.service", .text = RUN, .size = strlen(RUN)
	};
	texts[used++] = (struct unit_text){
		.unit = "w@.service", .path = "w@.service.d/1.conf", .text = "#", .size = 1
	};
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "w@%zu.service", i);
		texts[used++] = (struct unit_text){ .unit = "multi-user.target",
			.path = names[i],
			.target = names[i],
			.role = TEXT_WANTS };
		if (i % 3 == 0)
			texts[used++] = (struct unit_text){
				.unit = names[i], .path = "2.conf", .text = "#", .size = 1
			};
	}
	start = cpu_usec();
	unit_set_build(&set, texts, used);
	start = cpu_usec() - start;
	assert_int_equal(set.n, n + 2);
	assert_int_equal(set.n_faults, 0);
	unit_set_free(&set);
	free(texts);
	free(names);
	return start;
}

static void test_ten_thousand_instances(void **state)
{
	uint64_t small, large;

	(void)state;
	small = instances_cost(1000);
	large = instances_cost(10000);
	print_message("1000 instances: %llu us, 10000: %llu us\n", (unsigned long long)small,
		(unsigned long long)large);
	assert_true(large < 25 * small);
}

/* A socket of a template starts the instance of the same name, or the one that it names. */
static void test_triggers_make_instances(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("echo@.socket", "[Socket]\nListenStream=/run/echo.%i\n"),
		FILE_OF("echo@.service", RUN "[Unit]\nDescription=echo %i\n"),
		FILE_OF("worker@.container", WORKER),
		FILE_OF("worker@.socket", "[Socket]\nListenStream=@%i\n"),
		FILE_OF("other.socket", "[Socket]\nListenStream=1\nService=echo@o.service\n"),
		FILE_OF("tick@.timer", "[Timer]\nOnBootSec=1\nUnit=echo@t%i.service\n"),
		FILE_OF("all.target", WANT("echo@1.socket worker@2.socket tick@3.timer")));
	assert_string_equal(description(&set, "echo@1.service"), "echo 1");
	assert_string_equal(description(&set, "worker@2.container"), "worker 2");
	assert_string_equal(description(&set, "echo@o.service"), "echo o");
	assert_string_equal(description(&set, "echo@t3.service"), "echo t3");
	assert_true(fixture_has_edge(&set, "echo@1.socket", DEP_TRIGGERS, "echo@1.service"));
	assert_true(fixture_has_edge(&set, "worker@2.socket", DEP_TRIGGERS, "worker@2.container"));
	assert_true(fixture_has_edge(&set, "echo@1.service", DEP_SOCKETS, "echo@1.socket"));
	assert_false(has(&set, "worker@1.container"));
	unit_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_triggers_make_instances),
		cmocka_unit_test(test_a_template_is_no_unit),
		cmocka_unit_test(test_every_reference_makes_an_instance),
		cmocka_unit_test(test_an_instance_that_was_asked_for),
		cmocka_unit_test(test_install_of_templates),
		cmocka_unit_test(test_templates_that_name_themselves),
		cmocka_unit_test(test_names_of_operators),
		cmocka_unit_test(test_a_broken_template_breaks_its_instances_once),
		cmocka_unit_test(test_values_that_only_some_instances_have),
		cmocka_unit_test(test_a_file_of_its_own_wins),
		cmocka_unit_test(test_all_folders_of_a_unit),
		cmocka_unit_test(test_drop_ins_go_by_their_file_names),
		cmocka_unit_test(test_the_search_path_orders_drop_ins_of_one_name),
		cmocka_unit_test(test_drop_ins_of_nobody),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_links_are_dependencies),
		cmocka_unit_test(test_a_masked_link_hides_the_later_ones),
		cmocka_unit_test(test_ten_thousand_instances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
