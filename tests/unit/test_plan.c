/* What runs and as whom: command line, environment, rights. */
#include "tests/unit/plan_fixture.h"

#include "common/util.h"
#include "supervisor/core/unit/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>
#include <cmocka.h>

/* ---- the command ---- */

static void test_argv_of_image_and_unit(void **state)
{
	struct fixture *f = *state;
	struct container_section *c = &f->unit.container;

	strv_add(&f->arena, &f->image.entrypoint, "/entry");
	plan_main(f);
	assert_argv(f, "/entry", "/bin/web", NULL);
	assert_string_equal(f->plan.path, "/entry");
	strv_add(&f->arena, &c->exec, "-v");
	plan_main(f);
	assert_argv(f, "/entry", "-v", NULL);
	strv_add(&f->arena, &c->entrypoint, "sh");
	plan_main(f);
	assert_argv(f, "sh", "-v", NULL);
	/* an entrypoint of the unit drops the image's command */
	c->exec = (struct strv){ 0 };
	plan_main(f);
	assert_argv(f, "sh", NULL);
}

static void test_no_command(void **state)
{
	struct fixture *f = *state;

	f->image.cmd = (struct strv){ 0 };
	assert_error(f, "neither Exec= nor Entrypoint=");
	f->facts.image = NULL;
	assert_error(f, "no defaults");
}

static void test_variables(void **state)
{
	static const char *const words[] = { "$LIST", "a${ONE}b", "$$ONE", "$NONE", "x${NONE}y",
		"c$ONE", "${UNCLOSED", "$QUOTED" };
	struct fixture *f = *state;
	struct command *cmd;

	make_service(f);
	cmd = add_command(f, &f->unit.service.exec_start, "/bin/echo");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(&f->arena, &cmd->argv, words[i]);
	strv_add(&f->arena, &f->unit.service.environment, "ONE=1");
	strv_add(&f->arena, &f->unit.service.environment, "LIST=a  b");
	strv_add(&f->arena, &f->unit.service.environment, "QUOTED='p q' r");
	plan_main(f);
	assert_argv(f, "/bin/echo", "a", "b", "a1b", "$ONE", "xy", "c$ONE", "${UNCLOSED", "p q",
		"r", NULL);
	cmd->literal = true;
	plan_main(f);
	assert_argv(f, "/bin/echo", "$LIST", "a${ONE}b", "$$ONE", "$NONE", "x${NONE}y", "c$ONE",
		"${UNCLOSED", "$QUOTED", NULL);
}

static void test_second_name(void **state)
{
	struct fixture *f = *state;
	struct command *cmd;

	make_service(f);
	cmd = add_command(f, &f->unit.service.exec_start, "/bin/busybox");
	cmd->argv.v[0] = "udhcpc";
	plan_main(f);
	assert_string_equal(f->plan.path, "/bin/busybox");
	assert_argv(f, "udhcpc", NULL);
}

static void test_roles(void **state)
{
	struct fixture *f = *state;

	add_command(f, &f->unit.service.exec_stop, "/bin/first");
	add_command(f, &f->unit.service.exec_stop, "/bin/second");
	f->facts.main_pid = "42";
	f->facts.service_result = "success";
	assert_int_equal(plan_role(f, ROLE_STOP, 1), 0);
	assert_string_equal(f->plan.path, "/bin/second");
	/* commands of a container are run on the host side */
	assert_false(f->plan.container);
	assert_int_equal(f->plan.n_mounts, 0);
	assert_string_equal(find_variable(f, "MAINPID"), "42");
	assert_null(find_variable(f, "container"));
	assert_int_equal(plan_role(f, ROLE_STOP, 2), -1);
	assert_non_null(strstr(f->err.msg, "ExecStop has no command number 3"));
	assert_int_equal(plan_role(f, ROLE_HEALTH, 0), -1);
}

static void test_other_kinds(void **state)
{
	struct fixture *f = *state;

	f->unit.name = "lan.network";
	f->unit.kind = KIND_NETWORK;
	assert_error(f, "lan.network is a network: nothing is started for it");
}

static void test_exec(void **state)
{
	struct fixture *f = *state;
	char sh[] = "sh";
	char *const argv[] = { sh, NULL };

	f->unit.container.user = "redis";
	assert_int_equal(plan_exec(&f->plan, &f->unit, argv, true, &f->facts, &f->arena, &f->err),
		0);
	assert_true(f->plan.container && f->plan.join && f->plan.terminal);
	assert_int_equal(f->plan.clone_flags, 0);
	assert_int_equal(f->plan.n_mounts, 0);
	assert_string_equal(f->plan.user, "redis");
	assert_string_equal(find_variable(f, "TERM"), "xterm");
	assert_argv(f, "sh", NULL);
	make_service(f);
	assert_int_equal(plan_exec(&f->plan, &f->unit, argv, true, &f->facts, &f->arena, &f->err),
		-1);
}

/* ---- inside of a container that runs ---- */

static void plan_other(struct fixture *f, enum role role, uint32_t index)
{
	assert_int_equal(plan_unit(&f->plan, &f->unit, role, index, &f->facts, &f->arena, &f->err),
		0);
}

static void test_health_checks(void **state)
{
	struct fixture *f = *state;
	struct container_section *c = &f->unit.container;

	strv_add(&f->arena, &f->image.health.cmd, "/image-check");
	f->unit.container.user = "redis";
	c->notify = NOTIFY_HEALTHY;
	plan_other(f, ROLE_HEALTH, 0);
	assert_argv(f, "/image-check", NULL);
	assert_true(f->plan.container && f->plan.join && !f->plan.run_init);
	assert_int_equal(f->plan.n_mounts, 0);
	assert_string_equal(f->plan.user, "redis");
	assert_int_equal(f->plan.in, PLAN_STDIO_NULL);
	assert_int_equal(f->plan.out, PLAN_STDIO_GIVEN);
	assert_int_equal(f->plan.err, PLAN_STDIO_GIVEN);
	assert_null(find_variable(f, "NOTIFY_SOCKET"));
	strv_add(&f->arena, &c->health.cmd, "/check");
	strv_add(&f->arena, &c->startup.cmd, "/startup-check");
	plan_other(f, ROLE_HEALTH, 0);
	assert_argv(f, "/check", NULL);
	plan_other(f, ROLE_HEALTH, 1);
	assert_argv(f, "/startup-check", NULL);
	make_service(f);
	assert_int_equal(plan_unit(&f->plan, &f->unit, ROLE_HEALTH, 0, &f->facts, &f->arena,
				 &f->err),
		-1);
}

static void test_all_plans_have_the_checks(void **state)
{
	struct fixture *f = *state;
	struct container_section *c = &f->unit.container;
	struct health_check *image = &f->image.health;
	const char *text;

	text = plan_all(&f->unit, &f->facts, &f->arena, &f->err);
	assert_non_null(text);
	assert_null(strstr(text, "HealthCmd"));
	/* The image's, with its own times. */
	strv_add(&f->arena, &image->cmd, "/image-check");
	image->interval = 5 * USEC_PER_SEC;
	image->retries = 7;
	text = plan_all(&f->unit, &f->facts, &f->arena, &f->err);
	assert_non_null(strstr(text, "every 5s, within 30s, 7 failures\n"));
	assert_non_null(strstr(text, "/image-check"));
	/* The unit's: the image's times are not for it. */
	strv_add(&f->arena, &c->health.cmd, "/check");
	text = plan_all(&f->unit, &f->facts, &f->arena, &f->err);
	assert_non_null(strstr(text, "every 30s, within 30s, 3 failures\n"));
	assert_null(strstr(text, "/image-check"));
	/* No check, no check of the startup. */
	strv_add(&f->arena, &c->startup.cmd, "/startup-check");
	assert_non_null(strstr(plan_all(&f->unit, &f->facts, &f->arena, &f->err),
		"HealthStartupCmd"));
	c->health.interval = TIME_INFINITY;
	assert_null(strstr(plan_all(&f->unit, &f->facts, &f->arena, &f->err), "check"));
}

static void test_reload_on_the_host_then_inside(void **state)
{
	struct fixture *f = *state;

	add_command(f, &f->unit.service.exec_reload, "/bin/host");
	strv_add(&f->arena, &f->unit.container.reload_cmd, "/bin/inside");
	plan_other(f, ROLE_RELOAD, 0);
	assert_false(f->plan.join);
	assert_argv(f, "/bin/host", NULL);
	plan_other(f, ROLE_RELOAD, 1);
	assert_true(f->plan.join);
	assert_argv(f, "/bin/inside", NULL);
	assert_int_equal(f->plan.out, PLAN_STDIO_LOG);
}

static void test_notify_fd_is_the_main_process(void **state)
{
	struct fixture *f = *state;

	f->unit.service.notify_fd = 7;
	add_command(f, &f->unit.service.exec_stop, "/bin/stop");
	plan_main(f);
	assert_int_equal(f->plan.notify_fd, 7);
	assert_non_null(strstr(plan_print(&f->plan, &f->arena), "notify-fd     7\n"));
	plan_other(f, ROLE_STOP, 0);
	assert_int_equal(f->plan.notify_fd, 0);
}

/* ---- environment ---- */

static void test_environment_inside(void **state)
{
	struct fixture *f = *state;
	struct strv files = { 0 };

	strv_add(&f->arena, &f->image.environment, "A=image");
	strv_add(&f->arena, &f->image.environment, "B=image");
	strv_add(&f->arena, &f->image.environment, "C=image");
	strv_add(&f->arena, &f->image.environment, "container=docker");
	strv_add(&f->arena, &files, "B=file\nC=file\nNOTIFY_SOCKET=/elsewhere\n");
	f->facts.environment_files = &files;
	f->facts.notify_socket = "/run/sup/notify/web.container";
	f->unit.service.watchdog = 3000000;
	strv_add(&f->arena, &f->unit.container.environment, "C=unit");
	strv_add(&f->arena, &f->unit.container.environment, "C=unit again");
	strv_add(&f->arena, &f->unit.service.environment, "HOST=only");
	plan_main(f);
	assert_string_equal(find_variable(f, "A"), "image");
	assert_string_equal(find_variable(f, "B"), "file");
	assert_string_equal(find_variable(f, "C"), "unit again");
	assert_string_equal(find_variable(f, "container"), "sup");
	assert_string_equal(find_variable(f, "HOSTNAME"), "web");
	assert_string_equal(find_variable(f, "NOTIFY_SOCKET"), PLAN_NOTIFY_INSIDE);
	assert_string_equal(find_variable(f, "WATCHDOG_USEC"), "3000000");
	assert_null(find_variable(f, "HOST"));
	assert_null(find_variable(f, "TERM"));
}

static void test_home(void **state)
{
	struct fixture *f = *state;

	plan_main(f);
	assert_non_null(f->plan.home);
	/* it is the entry of the environment itself, with room for the longest home */
	assert_ptr_equal(find_variable(f, "HOME"), f->plan.home + 5);
	memset(f->plan.home + 5, 'h', PLAN_HOME_MAX - 6);
	assert_int_equal(strlen(find_variable(f, "HOME")), PLAN_HOME_MAX - 6);
	strv_add(&f->arena, &f->unit.container.environment, "HOME=/mine");
	plan_main(f);
	assert_null(f->plan.home);
	assert_string_equal(find_variable(f, "HOME"), "/mine");
}

static void test_environment_host(void **state)
{
	struct fixture *f = *state;
	struct strv files = { 0 };

	make_service(f);
	add_command(f, &f->unit.service.exec_start, "/bin/true");
	strv_add(&f->arena, &f->unit.service.environment, "A=unit");
	strv_add(&f->arena, &files, "A=file");
	f->facts.environment_files = &files;
	plan_main(f);
	assert_string_equal(find_variable(f, "A"), "file");
	assert_null(find_variable(f, "HOME"));
	f->unit.service.user = "www";
	f->unit.service.stdin_kind = STDIO_TTY;
	f->unit.service.tty_path = "/dev/tty1";
	plan_main(f);
	assert_non_null(f->plan.home);
	assert_string_equal(find_variable(f, "USER"), "www");
	assert_string_equal(find_variable(f, "TERM"), "linux");
	f->unit.service.tty_path = "/dev/ttyS0";
	plan_main(f);
	assert_string_equal(find_variable(f, "TERM"), "vt220");
}

static void test_environment_file(void **state)
{
	struct fixture *f = *state;
	struct strv env = { 0 };
	static const char *const expected[] = { "A=1", "B=two words", "C= kept ", "D=$x\"\\n",
		"E=joined line", "F=", "G='x", "H=a#b", "I=line1\nline2", "J=a b" };

	env_add_text(&f->arena, &env,
		"# comment=1\n; also=1\n\n  A = 1  \r\nB=two words\nno assignment\n2BAD=x\nBAD NAME=x\n"
		"C=' kept '\nD=\"\\$x\\\"\\n\"\nE=joined \\\nline\nF=\nG=\\'x\nH=a#b\n"
		"I=\"line1\nline2\"\nJ='a'' 'b");
	assert_int_equal(env.n, ARRAY_LEN(expected));
	for (size_t i = 0; i < env.n; i++)
		assert_string_equal(env.v[i], expected[i]);
	/* cut anywhere: no more than is there is read */
	for (const char *s = "A=\"b\\\"c' \\\nd\nE='f"; *s != '\0'; s++) {
		char *copy = strdup(s);

		env_add_text(&f->arena, &env, copy);
		copy[strlen(copy) / 2] = '\0';
		env_add_text(&f->arena, &env, copy);
		free(copy);
	}
}

/* ---- rights ---- */

static uint64_t bit(int cap)
{
	return UINT64_C(1) << cap;
}

static void test_capabilities(void **state)
{
	struct fixture *f = *state;
	struct container_section *c = &f->unit.container;

	plan_main(f);
	assert_int_equal(__builtin_popcountll(f->plan.capabilities), 11);
	assert_true((f->plan.capabilities & bit(CAP_NET_BIND_SERVICE)) != 0);
	assert_true((f->plan.capabilities & (bit(CAP_SYS_ADMIN) | bit(CAP_NET_RAW))) == 0);
	c->add_capability = bit(CAP_NET_ADMIN) | bit(CAP_CHOWN);
	c->drop_capability = bit(CAP_CHOWN);
	plan_main(f);
	assert_true((f->plan.capabilities & bit(CAP_NET_ADMIN)) != 0);
	assert_true((f->plan.capabilities & bit(CAP_CHOWN)) == 0);
	assert_int_equal(f->plan.ambient, 0);
	c->user = "redis";
	plan_main(f);
	assert_int_equal(f->plan.ambient, bit(CAP_NET_ADMIN));
	c->user = "0:5";
	plan_main(f);
	assert_int_equal(f->plan.ambient, 0);
	c->drop_capability = CAPABILITY_ALL;
	plan_main(f);
	assert_true(f->plan.capabilities == c->add_capability);
	c->add_capability = 0;
	plan_main(f);
	assert_int_equal(f->plan.capabilities, 0);
}

static void test_user_and_folder(void **state)
{
	struct fixture *f = *state;

	f->image.user = "www";
	f->image.working_dir = "/srv";
	plan_main(f);
	assert_string_equal(f->plan.user, "www");
	assert_string_equal(f->plan.working_dir, "/srv");
	f->unit.container.user = "redis";
	f->unit.container.working_dir = "/data";
	plan_main(f);
	assert_string_equal(f->plan.user, "redis");
	assert_string_equal(f->plan.working_dir, "/data");
}

/* Only for another user than root are added capabilities ambient: root has them anyway. */
static void test_users_that_are_root(void **state)
{
	static const struct {
		const char *user;
		bool root;
	} users[] = { { NULL, true }, { "", true }, { "0", true }, { "0:7", true },
		{ "root", true }, { "root:www", true }, { "7", false }, { "00", false },
		{ "roon", false }, { "rooty", false } };
	struct fixture *f = *state;

	f->unit.container.add_capability = UINT64_C(1) << 12;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		f->unit.container.user = (char *)users[i].user;
		plan_main(f);
		assert_true((f->plan.ambient == 0) == users[i].root);
	}
}

static void test_privileged_command(void **state)
{
	struct fixture *f = *state;

	make_service(f);
	f->unit.service.user = "www";
	f->unit.service.working_directory = "-/srv";
	add_command(f, &f->unit.service.exec_start_pre, "/bin/mkdir")->privileged = true;
	add_command(f, &f->unit.service.exec_start, "/bin/true");
	assert_int_equal(plan_role(f, ROLE_START_PRE, 0), 0);
	assert_null(f->plan.user);
	plan_main(f);
	assert_string_equal(f->plan.user, "www");
	assert_true(f->plan.capabilities == CAPABILITY_ALL);
	assert_true(f->plan.working_dir_optional);
	assert_string_equal(f->plan.working_dir, "/srv");
}

/* "!" is about the user alone: all that shuts a service in stays. */
static void test_command_that_keeps_its_user(void **state)
{
	struct fixture *f = *state;

	make_service(f);
	f->unit.service.user = "www";
	f->unit.service.group = "www";
	f->unit.service.sandbox = (struct sandbox){ .protect_clock = true,
		.protect_system = SYSTEM_YES };
	add_command(f, &f->unit.service.exec_start_pre, "/bin/mkdir")->keeps_user = true;
	add_command(f, &f->unit.service.exec_start_pre, "/bin/mkdir")->privileged = true;
	add_command(f, &f->unit.service.exec_start, "/bin/true");
	assert_int_equal(plan_role(f, ROLE_START_PRE, 0), 0);
	assert_null(f->plan.user);
	assert_null(f->plan.group);
	assert_true((f->plan.capabilities & bit(CAP_SYS_TIME)) == 0);
	assert_string_equal(f->plan.root, "/");
	assert_string_equal(f->plan.filter_keys, "ProtectClock=yes\n");
	assert_int_equal(plan_role(f, ROLE_START_PRE, 1), 0);
	assert_true(f->plan.capabilities == CAPABILITY_ALL);
	assert_null(f->plan.root);
	assert_null(f->plan.filter_keys);
}

static void test_sysctls(void **state)
{
	struct fixture *f = *state;
	struct setting *set = LIST_ADD(&f->arena, &f->unit.container.sysctls);

	*set = (struct setting){ "net.ipv4.conf.eth0/1.forwarding", "1" };
	plan_main(f);
	assert_string_equal(f->plan.sysctls[0].path, "net/ipv4/conf/eth0.1/forwarding");
	set->name = "net/core/somaxconn";
	plan_main(f);
	assert_string_equal(f->plan.sysctls[0].path, "net/core/somaxconn");
	set->name = "kernel.msgmax";
	plan_main(f);
	set->name = "fs.mqueue.msg_max";
	plan_main(f);
	set->name = "/kernel/msgmax";
	assert_error(f, "Sysctl=/kernel/msgmax: a container has none of its own");
	set->name = "kernel.panic";
	assert_error(f, "Sysctl=kernel.panic: a container has none of its own");
	set->name = "net/../kernel/panic";
	assert_error(f, "Sysctl=net/../kernel/panic");
	set->name = "net.core.somaxconn";
	f->unit.container.networks = (struct network_uses){
		&(struct network_use){ .mode = NETWORK_HOST }, 1
	};
	assert_error(f, "with Network=host");
}

static void test_host_network(void **state)
{
	struct fixture *f = *state;

	plan_main(f);
	assert_true(f->plan.own_network);
	assert_string_equal(f->plan.host_name, "web");
	f->unit.container.networks = (struct network_uses){
		&(struct network_use){ .mode = NETWORK_HOST }, 1
	};
	plan_main(f);
	assert_false(f->plan.own_network);
	assert_string_equal(f->plan.host_name, "box");
	f->facts.machine_hostname = NULL;
	plan_main(f);
	assert_string_equal(f->plan.host_name, "web");
	f->unit.container.host_name = "mine";
	plan_main(f);
	assert_string_equal(f->plan.host_name, "mine");
}

static void test_stdio(void **state)
{
	struct fixture *f = *state;
	struct service_section *s = &f->unit.service;

	plan_main(f);
	assert_int_equal(f->plan.in, PLAN_STDIO_NULL);
	assert_int_equal(f->plan.out, PLAN_STDIO_LOG);
	assert_int_equal(f->plan.err, PLAN_STDIO_LOG);
	s->stdin_kind = STDIO_TTY;
	s->out.kind = STDIO_INHERIT;
	plan_main(f);
	assert_int_equal(f->plan.in, PLAN_STDIO_TTY);
	assert_int_equal(f->plan.out, PLAN_STDIO_TTY);
	assert_int_equal(f->plan.err, PLAN_STDIO_TTY);
	assert_string_equal(f->plan.tty, "/dev/console");
	s->err.kind = STDIO_NULL;
	plan_main(f);
	assert_int_equal(f->plan.err, PLAN_STDIO_NULL);
}

/* Errors follow the output into its file unless they have one of their own. */
static void test_outputs_to_files(void **state)
{
	struct fixture *f = *state;
	struct service_section *s = &f->unit.service;
	const char *text;

	s->out = (struct output){ .kind = STDIO_APPEND, .path = "/var/log/a b" };
	plan_main(f);
	assert_int_equal(f->plan.out, PLAN_STDIO_APPEND);
	assert_int_equal(f->plan.err, PLAN_STDIO_APPEND);
	assert_string_equal(f->plan.err_path, "/var/log/a b");
	s->err = (struct output){ .kind = STDIO_TRUNCATE, .path = "/err" };
	plan_main(f);
	text = plan_print(&f->plan, &f->arena);
	assert_non_null(strstr(text, "stdout        append to /var/log/a b\n"));
	assert_non_null(strstr(text, "stderr        truncated /err\n"));
	s->out = (struct output){ .kind = STDIO_LOG_CONSOLE };
	s->err = (struct output){ .kind = STDIO_FILE, .path = "/err" };
	plan_main(f);
	assert_int_equal(f->plan.out, PLAN_STDIO_LOG_CONSOLE);
	assert_int_equal(f->plan.err, PLAN_STDIO_FILE);
	assert_null(f->plan.out_path);
}

static void test_idle_weight(void **state)
{
	struct fixture *f = *state;
	const char *text;

	f->unit.service.cpu_weight = CPU_WEIGHT_IDLE;
	plan_main(f);
	text = plan_print(&f->plan, &f->arena);
	assert_non_null(strstr(text, "cpu.idle = 1 (CPUWeight, where the kernel has it)"));
	assert_null(strstr(text, "cpu.weight"));
}

/* A value with a newline must not look like another fact. */
static void test_print_is_one_fact_a_line(void **state)
{
	struct fixture *f = *state;
	const char *text;

	strv_add(&f->arena, &f->unit.container.environment, "A=x\nuser  root\\");
	plan_main(f);
	text = plan_print(&f->plan, &f->arena);
	assert_non_null(strstr(text, "env           A=x\\x0auser  root\\x5c\n"));
	assert_null(strstr(text, "\nuser  root"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_argv_of_image_and_unit),
		TEST(test_no_command),
		TEST(test_variables),
		TEST(test_second_name),
		TEST(test_roles),
		TEST(test_other_kinds),
		TEST(test_health_checks),
		TEST(test_all_plans_have_the_checks),
		TEST(test_reload_on_the_host_then_inside),
		TEST(test_notify_fd_is_the_main_process),
		TEST(test_exec),
		TEST(test_environment_inside),
		TEST(test_home),
		TEST(test_environment_host),
		TEST(test_environment_file),
		TEST(test_capabilities),
		TEST(test_user_and_folder),
		TEST(test_users_that_are_root),
		TEST(test_privileged_command),
		TEST(test_command_that_keeps_its_user),
		TEST(test_sysctls),
		TEST(test_host_network),
		TEST(test_stdio),
		TEST(test_outputs_to_files),
		TEST(test_idle_weight),
		TEST(test_print_is_one_fact_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
