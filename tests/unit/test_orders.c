/* The command line of init with a command, by each of its names; and the word that a crash passes on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "init/clock.h"
#include "init/course.h"
#include "init/orders.h"

#define WORDS_MAX 24

struct given {
	char *words[WORDS_MAX];
	struct orders orders;
	struct orders_fault fault;
	char *const *command;
};

/* The words of a line, parted by blanks. */
static void parse(struct given *g, enum manner m, const char *line, char *memory)
{
	size_t n = 0;

	memcpy(memory, line, strlen(line) + 1);
	for (char *w = strtok(memory, " "); w != NULL && n < WORDS_MAX - 1; w = strtok(NULL, " "))
		g->words[n++] = w;
	g->words[n] = NULL;
	g->command = orders_parse(m, g->words, &g->orders, &g->fault);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(manner_of("/usr/bin/tini"), MANNER_TINI);
	assert_int_equal(manner_of("tini-static"), MANNER_TINI);
	assert_int_equal(manner_of("/sbin/docker-init"), MANNER_TINI);
	assert_int_equal(manner_of("./dumb-init"), MANNER_DUMB_INIT);
	assert_int_equal(manner_of("catatonit"), MANNER_CATATONIT);
	assert_int_equal(manner_of("/run/podman-init"), MANNER_CATATONIT);
	assert_int_equal(manner_of("/tini/init"), MANNER_INIT);
	assert_int_equal(manner_of("tini2"), MANNER_INIT);
	assert_int_equal(manner_of(NULL), MANNER_INIT);
}

static void test_signals(void **state)
{
	static const struct {
		const char *text;
		int signo;
	} cases[] = { { "1", 1 }, { "64", 64 }, { "HUP", 1 }, { "SIGHUP", 1 }, { "SYS", 31 },
		{ "SIGCHLD", 17 }, { "RTMIN+3", 37 }, { "SIGRTMIN+30", 64 }, { "0", -1 },
		{ "65", -1 }, { "SIG", -1 }, { "hup", -1 }, { "RTMIN+31", -1 }, { "", -1 },
		{ "-1", -1 } };
	int signo;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = orders_signal(cases[i].text, &signo);

		assert_int_equal(rc, cases[i].signo < 0 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(signo, cases[i].signo);
	}
}

static void test_all_options(void **state)
{
	char memory[256];
	struct given g;

	(void)state;
	parse(&g, MANNER_INIT,
		"init -gwvv -pTERM -e 3 -e255 -r 15:INT --rew=1:0 --drain 9 --wait-all -- cmd -g",
		memory);
	assert_string_equal(g.command[0], "cmd");
	assert_string_equal(g.command[1], "-g");
	assert_int_equal(g.orders.group, 1);
	assert_int_equal(g.orders.warn, 1);
	assert_int_equal(g.orders.verbose, 3);
	assert_int_equal(g.orders.parent_signal, SIGTERM);
	assert_int_equal(g.orders.as_zero[0], 1U << 3);
	assert_int_equal(g.orders.as_zero[7], 1U << 31);
	assert_int_equal(g.orders.rewrite[SIGTERM], SIGINT);
	assert_int_equal(g.orders.rewrite[SIGHUP], 0);
	assert_int_equal(g.orders.rewrite[SIGTSTP], SIGTSTP);
	assert_int_equal(g.orders.drain_s, 9);
	assert_int_equal(g.orders.wait_all, 1);
	assert_int_equal(g.orders.report_fd, -1);
}

static void test_faults(void **state)
{
	static const struct {
		enum manner m;
		const char *line, *how, *word;
	} cases[] = {
		{ MANNER_INIT, "init cmd", "unexpected word '%s'", "cmd" },
		{ MANNER_INIT, "init --", NULL, NULL },
		{ MANNER_INIT, "init", NULL, NULL },
		{ MANNER_INIT, "init --drain=x -- c", NULL, "x" },
		{ MANNER_INIT, "init --re=1 -- c", "option '%s' is ambiguous", "--re=1" },
		{ MANNER_TINI, "tini -gZ c", "invalid option -- '%s'", "Z" },
		{ MANNER_TINI, "tini -ge", "option requires an argument -- '%s'", "e" },
		{ MANNER_TINI, "tini -p TERM c", NULL, "TERM" },
		{ MANNER_TINI, "tini --group c", "unrecognized option '%s'", "--group" },
		{ MANNER_DUMB_INIT, "dumb-init --rewrite", "option '%s' requires an argument",
			"--rewrite" },
		{ MANNER_DUMB_INIT, "dumb-init -r 34:1 c", NULL, "34:1" },
		{ MANNER_DUMB_INIT, "dumb-init --verbose=1 c",
			"option '%s' doesn't allow an argument", "--verbose=1" },
	};
	char memory[256];
	struct given g;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&g, cases[i].m, cases[i].line, memory);
		assert_null(g.command);
		if (cases[i].how != NULL)
			assert_string_equal(g.fault.how, cases[i].how);
		else
			assert_null(g.fault.how);
		if (cases[i].word != NULL)
			assert_string_equal(g.fault.word, cases[i].word);
		else
			assert_null(g.fault.word);
	}
}

static void test_sessions(void **state)
{
	char memory[256];
	struct given g;

	(void)state;
	parse(&g, MANNER_DUMB_INIT, "dumb-init -r 20:20 cmd", memory);
	assert_int_equal(g.orders.session, 1);
	assert_int_equal(g.orders.group, 1);
	assert_int_equal(g.orders.rewrite[SIGTSTP], SIGTSTP);
	assert_int_equal(g.orders.rewrite[SIGTTIN], SIGSTOP);
	assert_int_equal(g.orders.rewrite[SIGTTOU], SIGSTOP);
	parse(&g, MANNER_DUMB_INIT, "dumb-init -c cmd", memory);
	assert_int_equal(g.orders.session, 0);
	assert_int_equal(g.orders.group, 0);
	assert_int_equal(g.orders.rewrite[SIGTTIN], SIGTTIN);
	assert_int_equal(g.orders.verbose, 0);
}

static void test_environment(void **state)
{
	char memory[256];
	struct given g;

	(void)state;
	setenv("TINI_SUBREAPER", "", 1);
	setenv("TINI_KILL_PROCESS_GROUP", "0", 1);
	setenv("TINI_VERBOSITY", "3", 1);
	setenv("DUMB_INIT_SETSID", "0", 1);
	setenv("DUMB_INIT_DEBUG", "1", 1);
	parse(&g, MANNER_TINI, "tini -v cmd", memory);
	assert_int_equal(g.orders.subreaper, 1);
	assert_int_equal(g.orders.group, 1);
	assert_int_equal(g.orders.verbose, 3);
	assert_int_equal(g.orders.single, 0);
	parse(&g, MANNER_DUMB_INIT, "dumb-init cmd", memory);
	assert_int_equal(g.orders.single, 1);
	assert_int_equal(g.orders.session, 0);
	assert_int_equal(g.orders.verbose, 1);
	parse(&g, MANNER_INIT, "init -- cmd", memory);
	assert_int_equal(g.orders.subreaper, 0);
	assert_int_equal(g.orders.verbose, 1);
}

static void test_course(void **state)
{
	struct course before = { .pid = 0, .over = 1, .status = 9 << 8, .term_ns = CLOCK_NEVER };
	struct course after;
	char word[COURSE_WORD];
	struct text t;

	(void)state;
	before.orders.report_fd = -1;
	before.orders.rewrite[SIGTERM] = SIGINT;
	text_init(&t, word, sizeof(word));
	course_write(&before, &t);
	assert_int_equal(t.len, sizeof(word) - 1);
	memset(&after, 0, sizeof(after));
	assert_true(course_read(&after, word));
	assert_memory_equal(&before, &after, sizeof(before));
	word[5] = 'x';
	assert_false(course_read(&after, word));
	assert_false(course_read(&after, ""));
	word[5] = '0';
	word[sizeof(word) - 2] = '\0';
	assert_false(course_read(&after, word));
	/* no child of ours */
	before.over = 0;
	before.pid = 1;
	text_init(&t, word, sizeof(word));
	course_write(&before, &t);
	assert_false(course_read(&after, word));
	before.over = 1;
	before.orders.rewrite[3] = SIGNAL_LAST + 1;
	text_init(&t, word, sizeof(word));
	course_write(&before, &t);
	assert_false(course_read(&after, word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_all_options),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_course),
		/* last: it changes the environment */
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
