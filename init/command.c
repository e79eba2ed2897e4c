#include "init/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/report.h"
#include "common/util.h"
#include "init/clock.h"
#include "init/console.h"
#include "init/fault.h"
#include "init/fds.h"
#include "init/signals.h"
#include "init/spawn.h"
#include "init/text.h"
#include "init/wait.h"

#define EXIT_USAGE 2
#define EXIT_NO_PROCESS 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128

#define LISTEN_PID "LISTEN_PID="
#define PID_DIGITS 10

#define CRASHES_MAX 10
#define PROGRAM "/proc/self/exe"

struct command {
	int report_fd;    /* -1: none */
	int pid;          /* of the command, started by the init that crashed; 0: to be started */
	int crashes;      /* of init, so far */
	char *listen_pid; /* the value of that variable, completed by the child; NULL: none */
	char *const *argv;
};

static int set_report(const char *value, struct command *out)
{
	if (text_number(value, INT_MAX, &out->report_fd) < 0)
		return -1;
	return fcntl(out->report_fd, F_SETFD, FD_CLOEXEC);
}

/* sd_listen_fds(3): its pid is known to the command's process alone. Its place must be long enough. */
static int set_listen(const char *value, struct command *out)
{
	size_t len = strlen(LISTEN_PID);

	if (*value != '\0')
		return -1;
	for (char **env = environ; *env != NULL; env++)
		if (strncmp(*env, LISTEN_PID, len) == 0 && strlen(*env + len) >= PID_DIGITS)
			out->listen_pid = *env + len;
	return out->listen_pid != NULL ? 0 : -1;
}

/* These two an init that crashed gives to the one that goes on in its place. */
static int set_serve(const char *value, struct command *out)
{
	return text_number(value, INT_MAX, &out->pid) == 0 && wait_is_child(out->pid) ? 0 : -1;
}

static int set_crashes(const char *value, struct command *out)
{
	return text_number(value, CRASHES_MAX, &out->crashes);
}

static const struct {
	const char *name; /* with the "=" when a value follows */
	int (*set)(const char *value, struct command *out);
} options[] = {
	{ "--report=", set_report },
	{ "--listen", set_listen },
	{ "--serve=", set_serve },
	{ "--crashes=", set_crashes },
};

static int take_option(const char *arg, struct command *out)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		size_t len = strlen(options[i].name);

		if (strncmp(arg, options[i].name, len) == 0)
			return options[i].set(arg + len, out);
	}
	return -1;
}

/* -1 and the argument that is wrong, or NULL when the command is missing. */
static int parse(char *const argv[], struct command *out, const char **wrong)
{
	for (argv++; strcmp(*argv, "--") != 0; argv++) {
		if (take_option(*argv, out) == 0)
			continue;
		*wrong = *argv;
		return -1;
	}
	out->argv = argv + 1;
	*wrong = NULL;
	return out->argv[0] != NULL ? 0 : -1;
}

static void usage(const char *wrong)
{
	static const struct console err = { .device = false };

	if (wrong != NULL)
		console_say(&err, "%s: unknown option or bad value", wrong);
	console_say(&err, "usage: init [--report=FD] [--listen] -- COMMAND [ARGUMENT...]");
}

/* A report that nobody reads any more is no fault of the command. */
static void report(const struct command *c, enum report_kind kind, int value, const char *object)
{
	struct report r = { .kind = (uint16_t)kind, .value = value };
	struct text t;

	if (c->report_fd < 0)
		return;
	if (kind == REPORT_FAULT)
		r.step = REPORT_STEP_EXEC;
	text_init(&t, r.object, sizeof(r.object));
	text_format(&t, "%s", object);
	(void)!write(c->report_fd, &r, sizeof(r));
}

static void put_pid(char *s)
{
	struct text t;

	text_init(&t, s, PID_DIGITS + 1);
	text_format(&t, "%d", getpid());
}

/*
 * In the foreground of a terminal the command gets a process group of its own there, so that ^C is for
 * it alone.
 */
static void prepare(const void *arg)
{
	const struct command *c = arg;

	if (c->listen_pid != NULL)
		put_pid(c->listen_pid);
	if (tcgetpgrp(STDIN_FILENO) != getpgrp() || setpgid(0, 0) < 0)
		return;
	(void)tcsetpgrp(STDIN_FILENO, getpid());
}

static int not_started(const struct command *c)
{
	static const struct console err = { .device = false };
	int no = errno;

	report(c, REPORT_FAULT, no, c->argv[0]);
	errno = no;
	console_say(&err, "%s: %m", c->argv[0]);
	switch (no) {
	case ENOENT:
	case ENOTDIR:
		return EXIT_NOT_FOUND;
	case EAGAIN:
	case ENOMEM:
		return EXIT_NO_PROCESS;
	default:
		return EXIT_NOT_EXECUTABLE;
	}
}

/*
 * The command's pipes must end when it ends them, and its volumes be free to unmount: nothing of what
 * it was given stays open here.
 */
static void let_go(struct command *c)
{
	(void)chdir("/");
	if (c->report_fd >= 0 && c->report_fd != STDERR_FILENO + 1)
		c->report_fd = dup3(c->report_fd, STDERR_FILENO + 1, O_CLOEXEC);
	fds_close_from(c->report_fd < 0 ? STDERR_FILENO + 1 : STDERR_FILENO + 2);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)close(fd);
	console_fill_stdio();
}

/* Reaps what has ended but the command: when that has, its status stays to be had until it was reported. */
static bool reap(pid_t command, int *status)
{
	pid_t pid;

	while ((pid = wait_peek(status)) > 0 && pid != command)
		(void)waitpid(pid, NULL, WNOHANG | __WALL);
	return pid > 0;
}

static int serve(pid_t command)
{
	int status = 0;

	/* Looked at after every signal, since many ends may make one SIGCHLD. */
	while (!reap(command, &status)) {
		int signo = signals_next(CLOCK_NEVER);

		/* Not reaped yet, so the pid is still the command's. */
		if (signo != 0 && signo != SIGCHLD)
			(void)kill(command, signo);
	}
	return status;
}

/* Goes on in a new process image, with what is on its command line; a fault that cannot be survived is a plain one. */
static void on_ours(struct fault *f, const siginfo_t *info, uint64_t pc)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	const struct command *c = f->data;
	char pid[32], crashes[32], fd[32];
	char *argv[] = { f->name, pid, crashes, (char *)"--", c->argv[0], NULL, NULL };
	struct text t;

	(void)pc;
	text_init(&t, pid, sizeof(pid));
	text_format(&t, "--serve=%d", c->pid);
	text_init(&t, crashes, sizeof(crashes));
	text_format(&t, "--crashes=%d", c->crashes + 1);
	if (c->report_fd >= 0) {
		text_init(&t, fd, sizeof(fd));
		text_format(&t, "--report=%d", c->report_fd);
		argv[3] = fd;
		argv[4] = (char *)"--";
		argv[5] = c->argv[0];
		(void)fcntl(c->report_fd, F_SETFD, 0);
	}
	if (f->depth == 1 && c->crashes < CRASHES_MAX)
		(void)execve(PROGRAM, argv, environ);
	(void)sigaction(info->si_signo, &plain, NULL);
}

/* For the command, like every signal. */
static void on_sent(struct fault *f, const siginfo_t *info)
{
	const struct command *c = f->data;

	(void)kill(c->pid, info->si_signo);
}

static void start(struct command *c)
{
	struct spawn order = { .path = c->argv[0], .argv = c->argv, .prepare = prepare, .arg = c };

	/* Orphans come to PID 1 by themselves; elsewhere they must be asked for. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	c->pid = spawn(&order);
	if (c->pid < 0)
		return;
	report(c, REPORT_STARTED, c->pid, "");
	let_go(c);
}

bool command_wanted(char *const argv[])
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, "--") == 0)
			return true;
	return false;
}

int command_run(char *const argv[], struct fault *fault)
{
	static const struct fault_calls calls = { .ours = on_ours, .sent = on_sent };
	struct command c = { .report_fd = -1 };
	const char *wrong;
	int status;

	if (parse(argv, &c, &wrong) < 0) {
		usage(wrong);
		return EXIT_USAGE;
	}
	/* The report is for the supervisor: who runs in here too shall neither write one nor change who does. */
	if (c.report_fd >= 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (c.pid == 0)
		start(&c);
	if (c.pid < 0)
		return not_started(&c);
	/* After the start: the command gets dispositions as init found them. */
	fault->data = &c;
	fault_open(fault, argv[0], &calls);
	status = serve(c.pid);
	report(&c, REPORT_EXITED, status, "");
	return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}
