/* Many files at once: which unit they make, what they add to each other, and the graph between units. */
#include "common/util.h"
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

#define BOX "[Container]\nImage=a\n"
#define RUN "[Service]\nExecStart=/bin/a\n"
#define AFTER(names) "[Unit]\nAfter=" names "\n" RUN
#define TEXTS_MAX 16

/* One file: the path is the name of the unit, or that of a drop-in. */
struct file {
	const char *unit, *path, *text, *unreadable;
};

static void build(struct unit_set *set, const struct file *files)
{
	struct unit_text texts[TEXTS_MAX];
	size_t n = 0;

	for (; files[n].unit != NULL; n++) {
		assert_true(n < TEXTS_MAX);
		texts[n] = (struct unit_text){
			.unit = files[n].unit,
			.path = files[n].path != NULL ? files[n].path : files[n].unit,
			.text = files[n].text != NULL ? files[n].text : "",
			.size = files[n].text != NULL ? strlen(files[n].text) : 0,
			.unreadable = files[n].unreadable,
		};
	}
	unit_set_build(set, texts, n);
}

/* Builds, compares all faults; the set is the caller's. */
static void build_with(struct unit_set *set, const struct file *files, const char *expected)
{
	char *faults;

	build(set, files);
	faults = fixture_faults(set);
	assert_string_equal(faults, expected);
	free(faults);
}

#define BUILD(set, expected, ...) \
	build_with(set, (const struct file[]){ __VA_ARGS__, { NULL, NULL, NULL, NULL } }, expected)
#define FILE_OF(name, text_)                    \
	{                                       \
		.unit = (name), .text = (text_) \
	}
#define DROP_IN(name, file, text_)                                       \
	{                                                                \
		.unit = (name), .path = name ".d/" file, .text = (text_) \
	}

/* ---- files ---- */

static void test_drop_ins_add_and_replace(void **state)
{
	struct unit_set set;
	const struct unit *u;

	(void)state;
	BUILD(&set, "",
		FILE_OF("a.service", RUN "Nice=1\nEnvironment=A=1\n[Unit]\nAfter=b.service\n"),
		FILE_OF("b.service", RUN),
		DROP_IN("a.service", "10.conf", "[Service]\nNice=2\nEnvironment=B=2\n"),
		DROP_IN("a.service", "20.conf", "[Service]\nNice=3\n[Unit]\nAfter=\n"));
	u = fixture_unit(&set, "a.service");
	assert_string_equal(u->file, "a.service");
	assert_int_equal(u->service.nice, 3);
	assert_int_equal(u->service.environment.n, 2);
	assert_false(fixture_has_edge(&set, "a.service", DEP_AFTER, "b.service"));
	unit_set_free(&set);
}

static void test_empty_assignment_resets(void **state)
{
	struct unit_set set;
	const struct unit *u;

	(void)state;
	BUILD(&set, "",
		FILE_OF("a.container",
			BOX
			"Environment=A=1\nEnvironment=\nEnvironment=B=1\nVolume=a:/a\nTmpfs=/t\n"
			"Volume=\nDropCapability=all\nDropCapability=\nRunInit=no\nRunInit=\n"
			"StopTimeout=1\nStopTimeout=\nPublishPort=80\nPublishPort=\nUser=x\nUser=\n"
			"[Service]\nLimitNOFILE=1\nLimitCORE=2\nLimitNOFILE=\nMemoryMax=1M\n"
			"MemoryMax=\nTimeoutSec=1\nTimeoutSec=\nSuccessExitStatus=7\n"
			"SuccessExitStatus=\n[Unit]\nConditionPathExists=/a\n"
			"ConditionKernelCommandLine=\n"));
	u = fixture_unit(&set, "a.container");
	assert_int_equal(u->container.environment.n, 1);
	assert_string_equal(u->container.environment.v[0], "B=1");
	assert_int_equal(u->container.mounts.n, 1);
	assert_string_equal(u->container.mounts.v[0].target, "/t");
	assert_int_equal(u->container.drop_capability, 0);
	assert_true(u->container.run_init);
	assert_int_equal(u->container.stop_timeout, 10 * USEC_PER_SEC);
	assert_int_equal(u->container.ports.n, 0);
	assert_null(u->container.user);
	assert_int_equal(u->service.limits.n, 1);
	assert_int_equal(u->service.limits.v[0].soft, 2);
	assert_int_equal(u->service.memory_max.value, SIZE_UNSET);
	assert_int_equal(u->service.timeout_start, 90 * USEC_PER_SEC);
	assert_int_equal(u->service.timeout_stop, 10 * USEC_PER_SEC);
	assert_int_equal(u->service.success_exit.codes[0], 0);
	assert_int_equal(u->unit.conditions.n, 0);
	unit_set_free(&set);
}

static void test_files_that_make_no_unit(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"-.service.d/1.conf: warning: there is no unit that this adds to\n"
		"a.service: error: cannot be read: Permission denied\n"
		"a.service: error: there is no ExecStart= in [Service]\n"
		"b.service.d/1.conf: warning: there is no unit that this adds to\n"
		"c d.service: error: this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -\n"
		"etc/e.service: error: another file defines this unit\n"
		"f.slice: error: the name does not end like a unit: .container, .service, .network, "
		".volume, .target, .timer, .socket, .mount\n",
		DROP_IN("-.service", "1.conf", RUN),
		{ .unit = "a.service", .unreadable = "Permission denied" },
		DROP_IN("b.service", "1.conf", RUN), FILE_OF("c d.service", RUN),
		FILE_OF("e.service", RUN),
		{ .unit = "e.service", .path = "etc/e.service", .text = RUN },
		FILE_OF("f.slice", "[Slice]\n"));
	assert_string_equal(fixture_unit(&set, "a.service")->broken,
		"a.service: cannot be read: Permission denied");
	assert_string_equal(fixture_unit(&set, "e.service")->broken,
		"etc/e.service: another file defines this unit");
	assert_int_equal(set.n, 4);
	unit_set_free(&set);
}

static void test_an_unreadable_drop_in_breaks_its_unit(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "a.service.d/1.conf: error: cannot be read: Input/output error\n",
		FILE_OF("a.service", RUN),
		{ .unit = "a.service",
			.path = "a.service.d/1.conf",
			.unreadable = "Input/output error" },
		FILE_OF("b.service", RUN));
	assert_non_null(fixture_unit(&set, "a.service")->broken);
	assert_null(fixture_unit(&set, "b.service")->broken);
	unit_set_free(&set);
}

static void test_implicit_units(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("a.container", BOX "[Install]\nWantedBy=multi-user.target\n"),
		FILE_OF("b.container", BOX "Network=host\n[Install]\nRequiredBy=default.target\n"),
		DROP_IN("sup0.network", "1.conf", "[Network]\nSubnet=10.9.0.0/24\n"));
	assert_int_equal(set.n, 7);
	assert_true(fixture_has_edge(&set, "default.target", DEP_WANTS, "multi-user.target"));
	assert_true(fixture_has_edge(&set, "default.target", DEP_AFTER, "multi-user.target"));
	assert_true(fixture_has_edge(&set, "multi-user.target", DEP_WANTS, "a.container"));
	assert_true(fixture_has_edge(&set, "multi-user.target", DEP_AFTER, "a.container"));
	assert_true(fixture_has_edge(&set, "default.target", DEP_REQUIRES, "b.container"));
	assert_true(fixture_has_edge(&set, "a.container", DEP_REQUIRES, "sup0.network"));
	assert_true(fixture_has_edge(&set, "a.container", DEP_AFTER, "sup0.network"));
	assert_false(fixture_has_edge(&set, "b.container", DEP_REQUIRES, "sup0.network"));
	assert_int_equal(fixture_unit(&set, "sup0.network")->network.subnet[FAMILY_V4].prefix,
		V4_BITS + 24);
	unit_set_free(&set);
	/* A default.target of one's own wants what it says. */
	BUILD(&set, "", FILE_OF("default.target", "[Unit]\nWants=a.service\n"),
		FILE_OF("a.service", RUN));
	assert_false(fixture_has_edge(&set, "default.target", DEP_WANTS, "multi-user.target"));
	assert_true(fixture_has_edge(&set, "default.target", DEP_WANTS, "a.service"));
	unit_set_free(&set);
	unit_set_build(&set, NULL, 0);
	assert_int_equal(set.n, 2);
	assert_int_equal(unit_set_find(&set, "a.service"), -1);
	unit_set_free(&set);
}

static void test_finding_without_the_ending(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "", FILE_OF("a.service", RUN), FILE_OF("b.service", RUN),
		FILE_OF("b.network", "[Network]\n"), FILE_OF("b.volume", "[Volume]\n"),
		FILE_OF("d.service", RUN), FILE_OF("d.container", "[Container]\nImage=d\n"),
		FILE_OF("e.network", "[Network]\n"), FILE_OF("e.volume", "[Volume]\n"));
	assert_int_equal(unit_set_find_loose(&set, "a"), unit_set_find(&set, "a.service"));
	assert_int_equal(unit_set_find_loose(&set, "a.service"), unit_set_find(&set, "a.service"));
	assert_int_equal(unit_set_find_loose(&set, "b"), unit_set_find(&set, "b.service"));
	assert_int_equal(unit_set_find_loose(&set, "d"), -1);
	assert_int_equal(unit_set_find_loose(&set, "e"), -1);
	assert_int_equal(unit_set_find_loose(&set, "c"), -1);
	unit_set_free(&set);
}

static void test_digest_tells_texts_apart(void **state)
{
	struct unit_set set;
	uint64_t first;

	(void)state;
	BUILD(&set, "", FILE_OF("a.service", RUN));
	first = fixture_unit(&set, "a.service")->digest;
	unit_set_free(&set);
	BUILD(&set, "", FILE_OF("a.service", RUN));
	assert_true(fixture_unit(&set, "a.service")->digest == first);
	unit_set_free(&set);
	BUILD(&set, "", FILE_OF("a.service", RUN), DROP_IN("a.service", "1.conf", "# x\n"));
	assert_true(fixture_unit(&set, "a.service")->digest != first);
	unit_set_free(&set);
}

/* ---- names between units ---- */

static void test_missing_references(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"a.service:2:1: error: Requires=: there is no unit databse.service; did you mean "
		"database.service?\n"
		"a.service:3:1: warning: Wants=: there is no unit nowhere.service\n"
		"a.service:4:1: error: BindsTo=: there is no unit nowhere.network\n"
		"a.service:8:1: warning: Conflicts=: a unit cannot depend on itself\n"
		"a.service:7:1: warning: OnFailure=: there is no unit nowhere.target\n"
		"a.service:12:1: warning: WantedBy=: there is no unit nowhere.target\n"
		"a.service:13:1: warning: RequiredBy=: a unit cannot depend on itself\n"
		"b.container:3:1: error: Network=: there is no unit lan.network\n"
		"b.container:5:1: error: Volume=: there is no unit data.volume; did you mean date.volume?\n",
		FILE_OF("a.service",
			"[Unit]\nRequires=databse.service\nWants=nowhere.service network-online.target\n"
			"BindsTo=nowhere.network\nAfter=nowhere.service x.socket\nBefore=y.timer\n"
			"OnFailure=nowhere.target\nConflicts=a.service\n" RUN
			"[Install]\nWantedBy=nowhere.target\nRequiredBy=a.service\n"),
		FILE_OF("b.container",
			BOX "Network=lan.network\nVolume=data.volume:/d\nVolume=other:/o\n"),
		FILE_OF("database.service", RUN), FILE_OF("date.volume", "[Volume]\n"));
	assert_non_null(fixture_unit(&set, "a.service")->broken);
	assert_non_null(fixture_unit(&set, "b.container")->broken);
	assert_null(fixture_unit(&set, "database.service")->broken);
	unit_set_free(&set);
}

static void test_names_of_quadlet(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "",
		FILE_OF("a.service",
			"[Unit]\nAfter=web.service lan-network.service data-volume.service\n" RUN),
		FILE_OF("web.container", BOX), FILE_OF("lan.network", "[Network]\n"),
		FILE_OF("data.volume", "[Volume]\n"), FILE_OF("data-volume.service", RUN));
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "web.container"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "lan.network"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "data-volume.service"));
	assert_false(fixture_has_edge(&set, "a.service", DEP_AFTER, "data.volume"));
	unit_set_free(&set);
}

static void test_what_a_container_needs(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set, "",
		FILE_OF("a.container",
			BOX "Network=lan.network\nVolume=data.volume:/d\nVolume=more:/m\n"
			    "Mount=type=volume,src=third,dst=/t\n"),
		FILE_OF("b.container", BOX "Network=a.container\n"),
		FILE_OF("lan.network", "[Network]\n"), FILE_OF("data.volume", "[Volume]\n"),
		FILE_OF("more.volume", "[Volume]\n"), FILE_OF("third.volume", "[Volume]\n"));
	assert_true(fixture_has_edge(&set, "a.container", DEP_REQUIRES, "lan.network"));
	assert_true(fixture_has_edge(&set, "a.container", DEP_AFTER, "data.volume"));
	assert_true(fixture_has_edge(&set, "a.container", DEP_REQUIRES, "more.volume"));
	assert_true(fixture_has_edge(&set, "a.container", DEP_REQUIRES, "third.volume"));
	assert_true(fixture_has_edge(&set, "b.container", DEP_REQUIRES, "a.container"));
	assert_true(fixture_has_edge(&set, "b.container", DEP_AFTER, "a.container"));
	assert_int_equal(unit_set_find(&set, "sup0.network"), -1);
	unit_set_free(&set);
}

static void test_faults_between_containers(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"a.container:4:1: error: IP= is not an address of a host in Subnet= of lan.network\n"
		"b.container:4:1: warning: port 80 of the host is also published by a.container; only "
		"one of them can run\n",
		FILE_OF("a.container", BOX "Network=lan.network\nIP=10.2.0.5\nPublishPort=80\n"),
		FILE_OF("b.container", BOX "PublishPort=127.0.0.1:80:8080\nPublishPort=80/udp\n"),
		FILE_OF("c.container", BOX "PublishPort=127.0.0.1:81:1\n"),
		FILE_OF("d.container", BOX "PublishPort=127.0.0.2:81:1\n"),
		FILE_OF("lan.network", "[Network]\nSubnet=10.1.0.0/24\n"));
	assert_null(fixture_unit(&set, "b.container")->broken);
	unit_set_free(&set);
}

/* ---- cycles ---- */

static void test_a_cycle_is_named_whole(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"warning: a cycle of After= and Before=: a.service -> c.service -> b.service -> "
		"a.service; a.service no longer waits for c.service\n",
		FILE_OF("a.service", AFTER("c.service")), FILE_OF("b.service", AFTER("a.service")),
		FILE_OF("c.service", AFTER("b.service")), FILE_OF("d.service", AFTER("a.service")));
	assert_false(fixture_has_edge(&set, "a.service", DEP_AFTER, "c.service"));
	assert_true(fixture_has_edge(&set, "b.service", DEP_AFTER, "a.service"));
	assert_true(fixture_has_edge(&set, "c.service", DEP_AFTER, "b.service"));
	assert_null(fixture_unit(&set, "a.service")->broken);
	unit_set_free(&set);
}

static void test_a_cycle_breaks_at_its_weakest_order(void **state)
{
	struct unit_set set;

	(void)state;
	/* Orders beside a requirement or a wish stay; the plain one goes, wherever it is. */
	BUILD(&set,
		"warning: a cycle of After= and Before=: a.service -> b.service -> c.service -> "
		"a.service; c.service no longer waits for a.service\n",
		FILE_OF("a.service", "[Unit]\nRequires=b.service\n" AFTER("b.service")),
		FILE_OF("b.service", "[Unit]\nWants=c.service\n" AFTER("c.service")),
		FILE_OF("c.service", AFTER("a.service")));
	assert_false(fixture_has_edge(&set, "c.service", DEP_AFTER, "a.service"));
	unit_set_free(&set);
	/* Before= of the other is the same order, and goes with it. */
	BUILD(&set,
		"warning: a cycle of After= and Before=: a.service -> b.service -> a.service; "
		"b.service no longer waits for a.service\n",
		FILE_OF("a.service",
			"[Unit]\nBefore=b.service\nWants=b.service\n" AFTER("b.service")),
		FILE_OF("b.service", AFTER("a.service")));
	assert_false(fixture_has_edge(&set, "a.service", DEP_BEFORE, "b.service"));
	assert_false(fixture_has_edge(&set, "b.service", DEP_AFTER, "a.service"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_AFTER, "b.service"));
	unit_set_free(&set);
	/* What a target waits for by itself is the weakest of all. */
	BUILD(&set,
		"warning: a cycle of After= and Before=: a.service -> x.target -> b.service -> "
		"a.service; x.target no longer waits for b.service\n",
		FILE_OF("x.target", "[Unit]\nWants=b.service\n"),
		FILE_OF("b.service", AFTER("a.service")), FILE_OF("a.service", AFTER("x.target")));
	unit_set_free(&set);
	/* A unit that waits for its own target is no cycle. */
	BUILD(&set, "", FILE_OF("x.target", "[Unit]\nWants=a.service\n"),
		FILE_OF("a.service", AFTER("x.target")));
	assert_false(fixture_has_edge(&set, "x.target", DEP_AFTER, "a.service"));
	unit_set_free(&set);
}

static void test_every_cycle_is_broken(void **state)
{
	struct unit_set set;

	(void)state;
	/* Each after all others: whatever goes, what is left has an order. */
	BUILD(&set,
		"warning: a cycle of After= and Before=: a.service -> b.service -> a.service; "
		"a.service no longer waits for b.service\n"
		"warning: a cycle of After= and Before=: a.service -> c.service -> a.service; "
		"a.service no longer waits for c.service\n"
		"warning: a cycle of After= and Before=: b.service -> c.service -> b.service; "
		"b.service no longer waits for c.service\n",
		FILE_OF("a.service", AFTER("b.service c.service")),
		FILE_OF("b.service", AFTER("a.service c.service")),
		FILE_OF("c.service", AFTER("a.service b.service")));
	assert_true(fixture_has_edge(&set, "c.service", DEP_AFTER, "b.service"));
	assert_true(fixture_has_edge(&set, "b.service", DEP_AFTER, "a.service"));
	unit_set_free(&set);
}

/* ---- many ---- */

/* A chain of n units, each also required by the next, wanted by a target; `closed`: the first after the last. */
static void build_chain(struct unit_set *set, size_t n, bool closed)
{
	struct unit_text *texts = calloc(n, sizeof(*texts));
	char(*names)[32] = calloc(n, sizeof(*names));
	char(*bodies)[160] = calloc(n, sizeof(*bodies));

	assert_true(texts != NULL && names != NULL && bodies != NULL);
	for (size_t i = 0; i < n; i++) {
		size_t before = i > 0 ? i - 1 : n - 1;
		int len;

		(void)snprintf(names[i], sizeof(names[i]), "u%06zu.service", i);
		len = snprintf(bodies[i], sizeof(bodies[i]),
			RUN "[Install]\nWantedBy=multi-user.target\n[Unit]\n");
		if (i > 0 || closed)
			len += snprintf(bodies[i] + len, sizeof(bodies[i]) - (size_t)len,
				"After=u%06zu.service\n%s", before, i % 2 != 0 ? "" : "# even\n");
		texts[i] = (struct unit_text){
			.unit = names[i], .path = names[i], .text = bodies[i], .size = (size_t)len
		};
	}
	unit_set_build(set, texts, n);
	free(texts);
	free(names);
	free(bodies);
}

static uint64_t cpu_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t chain_cost(size_t n)
{
	struct unit_set set;
	uint64_t start = cpu_usec();

	build_chain(&set, n, false);
	assert_int_equal(set.n, n + 2);
	assert_int_equal(set.n_faults, 0);
	assert_true(fixture_has_edge(&set, "u000007.service", DEP_AFTER, "u000006.service"));
	unit_set_free(&set);
	return cpu_usec() - start;
}

/* Ten times the units may cost twenty times the time; a square would be a hundred. */
static void test_ten_thousand_units(void **state)
{
	uint64_t small, large;
	struct unit_set set;

	(void)state;
	small = chain_cost(1000);
	large = chain_cost(10000);
	print_message("1000 units: %llu us, 10000 units: %llu us\n", (unsigned long long)small,
		(unsigned long long)large);
	assert_true(large < 25 * small);
	build_chain(&set, 10000, true);
	assert_int_equal(set.n_faults, 1);
	assert_non_null(strstr(set.faults[0].message, "..."));
	unit_set_free(&set);
}

/* The second one by name is told, unless they are never up at once. */
static void test_what_two_networks_or_containers_claim(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"b.network:2:1: error: its subnet collides with that of a.network, a.network; give it another Subnet=\n"
		"e.container:4:1: warning: its address in six.network collides with that of d.container, d.container; only one of them can run\n"
		"e.container:4:1: warning: its address in a.network collides with that of d.container, d.container; only one of them can run\n"
		"h.container:3:1: warning: port 80 of the host is also published by g.container; only one of them can run\n",
		FILE_OF("a.network", "[Network]\nSubnet=10.1.0.0/16\n"),
		FILE_OF("b.network", "[Network]\nSubnet=10.1.7.0/24\n"),
		FILE_OF("c.network", "[Network]\nSubnet=10.2.0.0/16\n"),
		FILE_OF("m1.network",
			"[Network]\nSubnet=10.2.0.0/16\nDriver=macvlan\nInterface=eth0\n"),
		FILE_OF("m2.network",
			"[Network]\nSubnet=10.2.0.0/16\nDriver=macvlan\nInterface=eth1\n"),
		FILE_OF("six.network", "[Network]\nSubnet=fd01::/64\n"),
		FILE_OF("d.container",
			BOX "Network=six.network:ip6=fd01::9\nNetwork=a.network:ip=10.1.0.9\n"),
		FILE_OF("e.container",
			BOX "Network=six.network:ip6=fd01::9\nNetwork=a.network:ip=10.1.0.9\n"),
		FILE_OF("f.container",
			BOX
			"Network=a.network\nIP=10.1.0.9\n[Unit]\nConflicts=d.container e.container\n"),
		FILE_OF("m.container", BOX "Network=c.network\nIP=10.2.0.9\n"),
		FILE_OF("n.container", BOX "Network=m1.network\nIP=10.2.0.9\n"),
		FILE_OF("g.container", BOX "PublishPort=80\n"),
		FILE_OF("h.container", BOX "PublishPort=80\n"),
		FILE_OF("i.container",
			BOX "PublishPort=80\n[Unit]\nConflicts=g.container h.container\n"));
	unit_set_free(&set);
}

static void test_a_name_twice_is_told_once(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"a.service:4:1: warning: Wants=: there is no unit gone.service\n"
		"b.service:4:1: warning: Wants=: there is no unit gone.service\n",
		FILE_OF("a.service",
			"[Service]\nExecStart=/bin/a\n[Unit]\nWants=gone.service gone.service\n"),
		FILE_OF("b.service", "[Service]\nExecStart=/bin/b\n[Unit]\nWants=gone.service\n"));
	unit_set_free(&set);
}

static void test_limits_need_a_bridge(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"c.container:4:1: error: PublishPort= needs a network with a bridge, see Network=\n"
		"c.container:5:1: error: IngressRate= needs a network with a bridge, see Network=\n"
		"c.container:6:1: error: EgressRate= needs a network with a bridge, see Network=\n"
		"c.container:7:1: error: ConnectionsMax= needs a network with a bridge, see Network=\n",
		FILE_OF("wan.network", "[Network]\nDriver=macvlan\nInterface=eth0\n"),
		FILE_OF("lan.network", ""),
		FILE_OF("c.container",
			BOX
			"Network=wan.network\nPublishPort=80\nIngressRate=1M\nEgressRate=1M\nConnectionsMax=9\n"),
		FILE_OF("d.container",
			BOX
			"Network=wan.network\nNetwork=lan.network\nPublishPort=81\nIngressRate=1M\nEgressRate=1M\nConnectionsMax=9\n"));
	unit_set_free(&set);
}

static void test_a_port_of_a_family_that_no_network_has(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"a.container:3:1: error: port 80 of the host is of IPv6, which none of its networks has\n"
		"b.container:5:1: error: port 82 of the host is of IPv4, which none of its networks has\n"
		"d.container:5:1: error: port 85 of the host is of IPv6, which none of its networks has\n",
		FILE_OF("six.network", "[Network]\nSubnet=fd40::/64\n"),
		FILE_OF("dual.network", "[Network]\nIPv6=yes\n"),
		FILE_OF("wan.network",
			"[Network]\nDriver=macvlan\nInterface=eth0\nIPv6=yes\nSubnet=fd41::/64\n"),
		FILE_OF("lan.network", ""),
		FILE_OF("a.container", BOX "PublishPort=[fd00::1]:80:80\n"),
		FILE_OF("b.container",
			BOX "Network=six.network\nPublishPort=81\nPublishPort=127.0.0.1:82:82\n"),
		FILE_OF("c.container",
			BOX
			"Network=lan.network\nNetwork=dual.network\nPublishPort=[fd00::1]:83:83\nPublishPort=0.0.0.0:84:84\n"),
		FILE_OF("d.container",
			BOX
			"Network=wan.network\nNetwork=lan.network\nPublishPort=[fd00::1]:85:85\n"));
	unit_set_free(&set);
}

static void test_a_second_subnet_of_a_family(void **state)
{
	struct unit_set set;

	(void)state;
	BUILD(&set,
		"web.network.d/1.conf:2:8: error: Subnet=: \"10.2.0.0/24\" is the second one of IPv4; an empty line before "
		"it takes the other away (the one before stands at web.network:2:1)\n",
		FILE_OF("web.network", "[Network]\nSubnet=10.1.0.0/24\n"),
		{ .unit = "web.network",
			.path = "web.network.d/1.conf",
			.text = "[Network]\nSubnet=10.2.0.0/24\n" },
		FILE_OF("two.network", "[Network]\nSubnet=10.3.0.0/24\n"),
		{ .unit = "two.network",
			.path = "two.network.d/1.conf",
			.text = "[Network]\nSubnet=fd01::/64\n" },
		FILE_OF("new.network", "[Network]\nSubnet=10.4.0.0/24\n"),
		{ .unit = "new.network",
			.path = "new.network.d/1.conf",
			.text = "[Network]\nSubnet=\nSubnet=10.5.0.0/24\n" });
	assert_int_equal(fixture_unit(&set, "two.network")->network.subnet[FAMILY_V6].prefix, 64);
	assert_int_equal(
		ip_to_v4(fixture_unit(&set, "new.network")->network.subnet[FAMILY_V4].addr),
		0x0a050000);
	unit_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop_ins_add_and_replace),
		cmocka_unit_test(test_empty_assignment_resets),
		cmocka_unit_test(test_files_that_make_no_unit),
		cmocka_unit_test(test_an_unreadable_drop_in_breaks_its_unit),
		cmocka_unit_test(test_implicit_units),
		cmocka_unit_test(test_finding_without_the_ending),
		cmocka_unit_test(test_digest_tells_texts_apart),
		cmocka_unit_test(test_missing_references),
		cmocka_unit_test(test_names_of_quadlet),
		cmocka_unit_test(test_what_a_container_needs),
		cmocka_unit_test(test_faults_between_containers),
		cmocka_unit_test(test_a_cycle_is_named_whole),
		cmocka_unit_test(test_a_cycle_breaks_at_its_weakest_order),
		cmocka_unit_test(test_every_cycle_is_broken),
		cmocka_unit_test(test_ten_thousand_units),
		cmocka_unit_test(test_what_two_networks_or_containers_claim),
		cmocka_unit_test(test_a_name_twice_is_told_once),
		cmocka_unit_test(test_limits_need_a_bridge),
		cmocka_unit_test(test_a_port_of_a_family_that_no_network_has),
		cmocka_unit_test(test_a_second_subnet_of_a_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
