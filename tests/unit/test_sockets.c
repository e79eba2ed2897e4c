/* Sockets and their services as units: who belongs to whom, what is wrong with it, and what is planned of it. */
#include "common/util.h"
#include "tests/unit/plan_fixture.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN "[Service]\nExecStart=/bin/a\n"
#define BOX "[Container]\nImage=a\n"
#define SOCKET "[Socket]\nListenStream=80\n"

static void test_socket_is_before_what_it_starts(void **state)
{
	static const struct fixture_file files[] = {
		{ "web.socket", SOCKET },
		{ "web.container", BOX },
		{ "more.socket", "[Socket]\nListenFIFO=/run/f\nService=web.container\n" },
		{ "other.service", RUN "Sockets=more.socket\n" },
		{ NULL, NULL },
	};
	struct unit_set set;

	(void)state;
	fixture_build(&set, files, "");
	assert_true(fixture_has_edge(&set, "web.socket", DEP_TRIGGERS, "web.container"));
	assert_true(fixture_has_edge(&set, "web.socket", DEP_BEFORE, "web.container"));
	assert_true(fixture_has_edge(&set, "web.container", DEP_SOCKETS, "web.socket"));
	assert_true(fixture_has_edge(&set, "web.container", DEP_SOCKETS, "more.socket"));
	/* whose descriptors it wants starts others, but is up before it */
	assert_true(fixture_has_edge(&set, "other.service", DEP_SOCKETS, "more.socket"));
	assert_true(fixture_has_edge(&set, "other.service", DEP_WANTS, "more.socket"));
	assert_true(fixture_has_edge(&set, "other.service", DEP_AFTER, "more.socket"));
	assert_false(fixture_has_edge(&set, "more.socket", DEP_TRIGGERS, "other.service"));
	unit_set_free(&set);
}

/* A service of that name comes before a container. */
static void test_service_of_the_same_name(void **state)
{
	static const struct fixture_file files[] = {
		{ "web.socket", SOCKET },
		{ "web.container", BOX },
		{ "web.service", RUN },
		{ NULL, NULL },
	};
	struct unit_set set;

	(void)state;
	fixture_build(&set, files, "");
	assert_true(fixture_has_edge(&set, "web.socket", DEP_TRIGGERS, "web.service"));
	assert_false(fixture_has_edge(&set, "web.socket", DEP_TRIGGERS, "web.container"));
	unit_set_free(&set);
}

/* Each network has one, unless it wants none, or its name leaves no room; a drop-in changes it, as does a file. */
static void test_resolvers_of_networks(void **state)
{
	static const struct fixture_file files[] = {
		{ "lan.network", "[Network]\n" },
		{ "own@7.network", "[Network]\n" },
		{ "mute.network", "[Network]\nDisableDNS=yes\n" },
		{ "a-name-that-is-too-long-for-what-goes-before-it-abc.network", "[Network]\n" },
		{ "web.container", BOX "Network=lan.network\nNetwork=mute.network\n" },
		{ NULL, NULL },
	};
	struct unit_set set;
	const struct unit *u;

	(void)state;
	fixture_build(&set, files, "");
	assert_true(fixture_has_edge(&set, "lan.network", DEP_WANTS, "sup-dns@lan.socket"));
	assert_true(fixture_has_edge(&set, "sup-dns@lan.socket", DEP_BINDS_TO, "lan.network"));
	assert_true(fixture_has_edge(&set, "sup-dns@lan.socket", DEP_TRIGGERS,
		"sup-dns@lan.service"));
	assert_true(fixture_has_edge(&set, "sup-dns@lan.service", DEP_BINDS_TO, "lan.network"));
	assert_true(fixture_has_edge(&set, "web.container", DEP_AFTER, "sup-dns@lan.socket"));
	assert_true(unit_set_find(&set, "sup-dns@own@7.service") >= 0);
	assert_int_equal(unit_set_find(&set, "sup-dns@mute.socket"), -1);
	assert_int_equal(set.n, 2 + 5 + 2 * 2);
	assert_int_equal(set.templates.n, 0);
	u = fixture_unit(&set, "sup-dns@lan.socket");
	assert_null(u->file);
	assert_int_equal(u->socket.listen.n, 2);
	assert_int_equal(u->socket.listen.v[0].family, LISTEN_NETWORK);
	assert_int_equal(u->socket.listen.v[0].kind, LISTEN_DATAGRAM);
	assert_int_equal(u->socket.listen.v[0].port, 53);
	assert_string_equal(u->socket.listen.v[0].network, "lan.network");
	u = fixture_unit(&set, "sup-dns@lan.service");
	assert_string_equal(u->service.exec_start.v[0].argv.v[2], "/run/sup/names/lan.network");
	unit_set_free(&set);
}

static void test_faults_of_references(void **state)
{
	static const struct fixture_file files[] = {
		{ "a.socket", SOCKET },
		{ "b.socket", "[Socket]\nListenStream=81\nService=b.target\n" },
		{ "b.target", "[Unit]\nDescription=b\n" },
		{ "c.socket", "[Socket]\nListenStream=82\nService=nosuch.service\n" },
		{ "d.service", RUN "Sockets=b.target\nSockets=nosuch.socket\n" },
		{ NULL, NULL },
	};
	struct unit_set set;

	(void)state;
	fixture_build(&set, files,
		"a.socket: error: there is no .service or .container of this name to start; name "
		"one by Service=\n"
		"b.socket:3:1: error: Service=: b.target is neither a service nor a container\n"
		"c.socket:3:1: error: Service=: there is no unit nosuch.service\n"
		"d.service:4:1: error: Sockets=: b.target is no socket\n"
		"d.service:4:1: warning: Sockets=: there is no unit nosuch.socket\n");
	unit_set_free(&set);
}

/* Only what a published port would take from a socket is a fault. */
static void test_port_of_a_container(void **state)
{
	static const struct fixture_file files[] = {
		{ "web.container", BOX "PublishPort=80:8080\nPublishPort=127.0.0.1:90:9090\n" },
		{ "other.service", RUN },
		{ "a.socket", "[Socket]\nListenStream=127.0.0.1:80\nService=other.service\n" },
		{ "b.socket",
			"[Socket]\nListenStream=127.0.0.2:90\nListenDatagram=80\n"
			"ListenStream=[::1]:80\nService=other.service\n" },
		{ "c.socket", "[Socket]\nListenStream=90\nService=other.service\n" },
		{ "d.socket", "[Socket]\nListenStream=[fd00::1]:80\nService=other.service\n" },
		{ NULL, NULL },
	};
	struct unit_set set;

	(void)state;
	fixture_build(&set, files,
		"a.socket:2:1: error: port 80 of the host is published by web.container "
		"(PublishPort=), which would get its connections\n"
		"c.socket:2:1: error: port 90 of the host is published by web.container "
		"(PublishPort=), which would get its connections\n"
		"d.socket:2:1: error: port 80 of the host is published by web.container "
		"(PublishPort=), which would get its connections\n");
	unit_set_free(&set);
}

static void test_faults_of_one_file(void **state)
{
	static const struct {
		const char *text, *faults;
	} rows[] = {
		{ "[Socket]\nSocketMode=0600\n",
			"a.socket: error: there is nothing to listen on in [Socket]; use "
			"ListenStream=\n" },
		{ SOCKET "Accept=yes\n",
			"a.socket:3:1: error: Accept=yes is refused: a process for each "
			"connection is not done here; with Accept=no the service gets the "
			"listening socket (sd_listen_fds(3)) and accepts itself\n" },
		{ SOCKET "Accept=1\n",
			"a.socket:3:1: error: Accept=yes is refused: a process for each connection is not "
			"done here; with Accept=no the service gets the listening socket "
			"(sd_listen_fds(3)) and accepts itself\n" },
		{ SOCKET "Symlinks=/run/l\n",
			"a.socket:3:1: error: Symlinks= needs one Unix socket or FIFO with a "
			"path, not more\n" },
		{ SOCKET "ListenFIFO=/run/f\nSymlinks=/run/l /run/m\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct fixture_file files[] = { { "a.socket", rows[i].text },
			{ "a.service", RUN }, { NULL, NULL } };
		struct unit_set set;

		fixture_build(&set, files, rows[i].faults);
		unit_set_free(&set);
	}
}

/* ---- what is planned ---- */

static void pass(struct fixture *f, size_t n)
{
	struct passed_fd *list = arena_array(&f->arena, n, sizeof(*list));

	for (size_t i = 0; i < n; i++)
		list[i] = (struct passed_fd){ .fd = -1,
			.unit = "web.socket",
			.name = i == 0 ? "http" : "web.socket",
			.address = "8080",
			.any = true };
	f->facts.passed = list;
	f->facts.n_passed = n;
}

static void test_main_process_gets_them(void **state)
{
	struct fixture *f = *state;
	const char *text;

	pass(f, 2);
	f->unit.service.non_blocking = true;
	plan_main(f);
	assert_string_equal(find_variable(f, "LISTEN_FDS"), "2");
	assert_string_equal(find_variable(f, "LISTEN_FDNAMES"), "http:web.socket");
	text = plan_print(&f->plan, &f->arena);
	assert_non_null(strstr(text, "3: listen web.socket *:8080 non-blocking\n"));
	assert_non_null(strstr(text, "4: listen web.socket *:8080 non-blocking\n"));
	add_command(f, &f->unit.service.exec_stop, "/bin/stop");
	assert_int_equal(plan_role(f, ROLE_STOP, 0), 0);
	assert_int_equal(f->plan.n_passed, 0);
	assert_null(find_variable(f, "LISTEN_FDS"));
}

static void test_without_sockets_there_is_no_variable(void **state)
{
	struct fixture *f = *state;

	plan_main(f);
	assert_null(find_variable(f, "LISTEN_FDS"));
	assert_null(find_variable(f, "LISTEN_PID"));
	assert_null(f->plan.listen_pid);
}

static void test_numbers_that_cannot_be(void **state)
{
	struct fixture *f = *state;

	pass(f, 2);
	f->unit.service.notify_fd = 4;
	assert_error(f, "NotifyFD=4 is the number of a socket's descriptor: say 5 or more");
	f->unit.service.notify_fd = 5;
	plan_main(f);
	f->unit.service.notify_fd = 0;
	pass(f, PASSED_FDS_MAX);
	plan_main(f);
	pass(f, PASSED_FDS_MAX + 1);
	assert_error(f, "its sockets have more than 64 descriptors");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket_is_before_what_it_starts),
		cmocka_unit_test(test_service_of_the_same_name),
		cmocka_unit_test(test_resolvers_of_networks),
		cmocka_unit_test(test_faults_of_references),
		cmocka_unit_test(test_port_of_a_container),
		cmocka_unit_test(test_faults_of_one_file),
		TEST(test_main_process_gets_them),
		TEST(test_without_sockets_there_is_no_variable),
		TEST(test_numbers_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
