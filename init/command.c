#include "init/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>

#include "common/report.h"
#include "common/util.h"
#include "init/clock.h"
#include "init/console.h"
#include "init/course.h"
#include "init/fault.h"
#include "init/fds.h"
#include "init/others.h"
#include "init/signals.h"
#include "init/spawn.h"
#include "init/text.h"
#include "init/voice.h"
#include "init/wait.h"

#define EXIT_USAGE 2
#define EXIT_NO_PROCESS 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128
#define EXIT_MASK 0xff

#define LISTEN_PID "LISTEN_PID="
#define PID_DIGITS 10

#define CRASHES_MAX 10
#define PROGRAM "/proc/self/exe"
#define SERVE "--serve="
#define CRASHES "--crashes="
#define REPORT "--report="

struct command {
	struct course course;
	struct voice voice;
	char *const *argv; /* of the command */
	/* The kernel writes here what it reaps, and a crash reads it: there is no instant at which the end is lost. */
	siginfo_t ended;
	char listen[sizeof(LISTEN_PID) + PID_DIGITS];
};

static void say(const struct command *c, enum voice_event event, int a, int b)
{
	voice_say(&c->voice, event, c->argv != NULL ? c->argv[0] : NULL, a, b);
}

/* A report that nobody reads any more is no fault of the command. */
static void report(const struct command *c, enum report_kind kind, int value, const char *object)
{
	struct report r = { .kind = (uint16_t)kind, .value = value };
	struct text t;

	if (c->course.orders.report_fd < 0)
		return;
	if (kind == REPORT_FAULT)
		r.step = REPORT_STEP_EXEC;
	text_init(&t, r.object, sizeof(r.object));
	text_format(&t, "%s", object);
	if (write(c->course.orders.report_fd, &r, sizeof(r)) < 0)
		signals_drop(SIGPIPE);
}

/* ---- the start ------------------------------------------------------------------------- */

/*
 * sd_listen_fds(3): sockets that are for us are for the command, whose pid is known to its process alone. The variable
 * is moved to where it has room.
 */
static void pass_sockets(const struct command *c)
{
	char *place = (char *)c->listen;
	struct text t;
	int pid;

	for (char **env = environ; *env != NULL; env++) {
		if (strncmp(*env, LISTEN_PID, strlen(LISTEN_PID)) != 0)
			continue;
		if (c->course.orders.listen == 0 &&
			(text_number(*env + strlen(LISTEN_PID), INT32_MAX, &pid) < 0 ||
				pid != getppid()))
			continue;
		text_init(&t, place, sizeof(c->listen));
		text_format(&t, LISTEN_PID "%d", getpid());
		*env = place;
	}
}

/*
 * In the foreground of a terminal the command gets a process group of its own there, so that ^C is for
 * it alone.
 */
static void take_group(const struct command *c)
{
	bool front = tcgetpgrp(STDIN_FILENO) == getpgrp();
	bool always = c->course.orders.group != 0 || c->voice.manner == MANNER_TINI ||
		c->voice.manner == MANNER_CATATONIT;

	if ((!front && !always) || setpgid(0, 0) < 0 || !front)
		return;
	(void)tcsetpgrp(STDIN_FILENO, getpid());
}

static void take_session(const struct command *c)
{
	(void)setsid();
	if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		say(c, VOICE_NOT_ATTACHED, errno, 0);
	say(c, VOICE_SESSION, 0, 0);
}

static void prepare(const void *arg)
{
	const struct command *c = arg;

	pass_sockets(c);
	if (c->course.orders.session != 0)
		take_session(c);
	else if (c->course.orders.single == 0)
		take_group(c);
}

/* The terminal is for the session of the command. What giving it up sends us is not for the command. */
static void detach(const struct command *c)
{
	bool leader = getsid(0) == getpid();

	if (ioctl(STDIN_FILENO, TIOCNOTTY) < 0) {
		say(c, VOICE_NOT_DETACHED, errno, 0);
		return;
	}
	if (!leader)
		return;
	say(c, VOICE_DETACHED, 0, 0);
	signals_drop(SIGHUP);
	signals_drop(SIGCONT);
}

/* Orphans come to PID 1 by themselves; elsewhere they must be asked for, which tini and dumb-init do not do unasked. */
static void ask_for_orphans(const struct command *c)
{
	bool init = getpid() == 1;

	if (c->voice.manner == MANNER_DUMB_INIT)
		return;
	if (c->voice.manner != MANNER_TINI || c->course.orders.subreaper != 0) {
		if (prctl(PR_SET_CHILD_SUBREAPER, 1) == 0)
			say(c, VOICE_SUBREAPER, 0, 0);
	} else if (!init) {
		say(c, VOICE_NO_REAPER, 0, 0);
	}
}

static int exit_of_fault(enum manner m, int no)
{
	bool no_process = no == EAGAIN || no == ENOMEM;

	switch (m) {
	case MANNER_DUMB_INIT:
		return no_process ? 1 : 2;
	case MANNER_CATATONIT:
		return 1;
	case MANNER_TINI:
		return no == ENOENT ? EXIT_NOT_FOUND : no == EACCES ? EXIT_NOT_EXECUTABLE : 1;
	case MANNER_INIT:
	default:
		if (no_process)
			return EXIT_NO_PROCESS;
		return no == ENOENT || no == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	}
}

static int not_started(const struct command *c, int no)
{
	report(c, REPORT_FAULT, no, c->argv[0]);
	errno = no;
	say(c, no == EAGAIN || no == ENOMEM ? VOICE_NO_PROCESS : VOICE_EXEC_FAILED, 0, 0);
	return exit_of_fault(c->voice.manner, no);
}

/*
 * The command's pipes must end when it ends them, and its volumes be free to unmount: nothing of what
 * it was given stays open here, but the two that are needed to speak.
 */
static void let_go(struct command *c)
{
	int *fd = &c->course.orders.report_fd;

	(void)chdir("/");
	if (*fd >= 0 && *fd != STDERR_FILENO + 1)
		*fd = dup3(*fd, STDERR_FILENO + 1, O_CLOEXEC);
	fds_close_from(*fd < 0 ? STDERR_FILENO + 1 : STDERR_FILENO + 2);
	for (int std = STDIN_FILENO; std <= STDERR_FILENO; std++)
		if (std == STDIN_FILENO || !voice_talks(&c->voice))
			(void)close(std);
	console_fill_stdio();
}

/* The file is the program. It is for the command alone, which may be refused what we live by. */
static int map_filter(int fd, struct sock_fprog *out)
{
	struct stat st;
	void *code;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -1;
	out->len = (unsigned short)((size_t)st.st_size / sizeof(*out->filter));
	code = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	(void)close(fd);
	if (code == MAP_FAILED)
		return -1;
	out->filter = code;
	return 0;
}

static int start(struct command *c)
{
	struct sock_fprog filter = { .len = 0 };
	struct spawn order = { .path = c->argv[0],
		.argv = c->argv,
		.default_signals = c->voice.manner == MANNER_DUMB_INIT,
		.shell = c->voice.manner != MANNER_INIT,
		.prepare = prepare,
		.arg = c,
		.filter = &filter };

	if (map_filter(c->course.orders.filter_fd, &filter) < 0)
		return -1;
	if (c->course.orders.parent_signal != 0)
		(void)prctl(PR_SET_PDEATHSIG, c->course.orders.parent_signal);
	ask_for_orphans(c);
	if (c->course.orders.session != 0)
		detach(c);
	c->course.pid = spawn(&order);
	if (c->course.pid < 0)
		return -1;
	report(c, REPORT_STARTED, c->course.pid, "");
	say(c, VOICE_STARTED, c->course.pid, 0);
	let_go(c);
	return 0;
}

/* ---- signals --------------------------------------------------------------------------- */

/* The pid is not reaped yet, so it is still the command's. */
static void send(const struct command *c, int signo)
{
	if (c->course.orders.group == 0 || kill(-c->course.pid, signo) < 0)
		(void)kill(c->course.pid, signo);
}

static void pass_on(const struct command *c, int signo)
{
	int other = c->course.orders.rewrite[signo];

	if (other != signo)
		say(c, VOICE_TRANSLATED, signo, other);
	if (other == 0) {
		say(c, VOICE_DROPPED, signo, 0);
		return;
	}
	/* Said before: afterwards there may be nobody left. */
	say(c, VOICE_PASSED, signo, other);
	send(c, other);
}

/* As dumb-init does it; where we are PID 1 the kernel does not. */
static void suspend(const struct command *c, int signo)
{
	if (c->voice.manner != MANNER_DUMB_INIT ||
		(signo != SIGTSTP && signo != SIGTTIN && signo != SIGTTOU))
		return;
	say(c, VOICE_SUSPENDED, 0, 0);
	(void)kill(getpid(), SIGSTOP);
}

static void take_signal(struct command *c, int signo)
{
	say(c, VOICE_GOT, 0, signo);
	if (signo != SIGTERM || c->course.orders.drain_s == 0) {
		pass_on(c, signo);
		suspend(c, signo);
		return;
	}
	if (c->course.term_ns != CLOCK_NEVER)
		return;
	say(c, VOICE_DRAINS, c->course.orders.drain_s, 0);
	c->course.term_ns = clock_now_ns() + (uint64_t)c->course.orders.drain_s * NSEC_PER_SEC;
}

static void pass_drained(struct command *c)
{
	if (clock_now_ns() < c->course.term_ns)
		return;
	c->course.term_ns = CLOCK_NEVER;
	pass_on(c, SIGTERM);
}

/* ---- the end of processes -------------------------------------------------------------- */

static bool take_end(struct command *c)
{
	if (c->ended.si_pid == 0 || c->ended.si_pid != c->course.pid || c->course.over != 0)
		return false;
	c->course.status = wait_status(&c->ended);
	c->course.over = 1;
	return true;
}

static void say_reaped(const struct command *c, bool command)
{
	bool exited = c->ended.si_code == CLD_EXITED;
	int b = c->ended.si_status;

	say(c, exited ? VOICE_REAPED_EXIT : VOICE_REAPED_SIGNAL, c->ended.si_pid, b);
	if (command)
		say(c, exited ? VOICE_EXITED : VOICE_KILLED, 0, b);
	else if (c->course.orders.warn != 0)
		say(c, VOICE_ORPHAN, c->ended.si_pid, 0);
}

/* Reaps what has ended; false: there are no children any more. */
static bool reap(struct command *c)
{
	for (;;) {
		c->ended.si_pid = 0;
		if (waitid(P_ALL, 0, &c->ended, WEXITED | WNOHANG | __WALL) < 0) {
			say(c, VOICE_NONE_LEFT, 0, 0);
			return false;
		}
		if (c->ended.si_pid == 0) {
			say(c, VOICE_NONE_ENDED, 0, 0);
			return true;
		}
		say_reaped(c, take_end(c));
		c->course.told -= c->course.told > 0;
	}
}

/* First for those that ended before anybody listened; then once for each SIGCHLD, which many ends may make together. */
static void serve(struct command *c)
{
	bool ended = true;

	while ((!ended || reap(c)) && c->course.over == 0) {
		int signo = signals_next(c->course.term_ns);

		ended = signo == SIGCHLD;
		if (ended)
			say(c, VOICE_ENDED_SIGNAL, 0, 0);
		else if (signo != 0)
			take_signal(c, signo);
		pass_drained(c);
	}
}

/* Without a command, for containers that only hold a place. */
static void pause_until_told(struct command *c)
{
	int signo;

	do {
		(void)reap(c);
		signo = signals_next(CLOCK_NEVER);
	} while (signo != SIGINT && signo != SIGTERM);
}

static void wait_all(struct command *c)
{
	say(c, VOICE_OTHERS, 0, 0);
	while (reap(c)) {
		size_t none = 0;
		int signo;

		if (others_tell(SIGTERM, &c->course.told) < 0) {
			say(c, VOICE_OTHERS_UNKNOWN, 0, 0);
			return;
		}
		signo = signals_next(CLOCK_NEVER);
		if (signo != 0 && signo != SIGCHLD)
			(void)others_tell(signo, &none);
	}
}

/* What the exit code says, from 0 to 255. */
static int exit_code(const struct command *c)
{
	int status = c->course.status;
	int code = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);

	code &= EXIT_MASK;
	return (c->course.orders.as_zero[code / 32] >> code % 32 & 1) != 0 ? 0 : code;
}

static int finish(struct command *c)
{
	if (c->voice.manner == MANNER_DUMB_INIT && c->course.orders.session != 0)
		pass_on(c, SIGTERM);
	if (c->course.orders.wait_all != 0)
		wait_all(c);
	report(c, REPORT_EXITED, c->course.status, "");
	say(c, VOICE_LEAVING, 0, exit_code(c));
	return exit_code(c);
}

/* ---- crashes --------------------------------------------------------------------------- */

/* Goes on in a new process image, with what is on its command line; a fault that cannot be survived is a plain one. */
static void on_ours(struct fault *f, const siginfo_t *info, uint64_t pc)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	struct command *c = f->data;
	char crashes[32];
	char course[sizeof(SERVE) + COURSE_WORD];
	char *argv[] = { f->name, crashes, course, (char *)"--", c->argv[0], NULL };
	struct text t;

	(void)pc;
	(void)take_end(c);
	c->course.crashes++;
	text_init(&t, crashes, sizeof(crashes));
	text_format(&t, CRASHES "%d", c->course.crashes);
	text_init(&t, course, sizeof(course));
	text_format(&t, SERVE);
	course_write(&c->course, &t);
	if (c->course.orders.report_fd >= 0)
		(void)fcntl(c->course.orders.report_fd, F_SETFD, 0);
	if (f->depth == 1 && c->course.crashes <= CRASHES_MAX)
		(void)execve(PROGRAM, argv, environ);
	(void)sigaction(info->si_signo, &plain, NULL);
}

/* For the command, like every signal. */
static void on_sent(struct fault *f, const siginfo_t *info)
{
	const struct command *c = f->data;

	if (c->course.pid > 0 && c->course.over == 0)
		pass_on(c, info->si_signo);
}

/* ---- the command line ------------------------------------------------------------------ */

bool command_wanted(char *const argv[])
{
	if (manner_of(argv[0]) != MANNER_INIT)
		return true;
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, "--") == 0)
			return true;
	return false;
}

/* As on_ours() has written it. */
static bool resume(struct command *c, char *const argv[])
{
	if (argv[0] == NULL || argv[1] == NULL || argv[2] == NULL || argv[3] == NULL ||
		strncmp(argv[2], SERVE, strlen(SERVE)) != 0 ||
		!course_read(&c->course, argv[2] + strlen(SERVE)))
		return false;
	c->argv = argv + 4;
	return true;
}

/* -1, or the exit code. */
static int take_orders(struct command *c, char *const argv[])
{
	struct orders *o = &c->course.orders;
	struct orders_fault fault;

	/* What was read of a course that cannot be believed is gone. */
	c->course = (struct course){ .term_ns = CLOCK_NEVER };
	c->argv = orders_parse(c->voice.manner, argv, o, &fault);
	if (o->show != 0) {
		voice_show(&c->voice);
		return 0;
	}
	if (c->argv != NULL && o->report_fd >= 0 && fcntl(o->report_fd, F_SETFD, FD_CLOEXEC) < 0)
		fault.how = "--report: no open descriptor";
	else if (c->argv != NULL && o->listen != 0 && getenv("LISTEN_PID") == NULL)
		fault.how = "--listen: no LISTEN_PID in the environment";
	else if (c->argv != NULL || o->pause != 0)
		return -1;
	voice_usage(&c->voice, &fault);
	return c->voice.manner == MANNER_INIT ? EXIT_USAGE : 1;
}

void command_take_name(const char *option)
{
	if (strncmp(option, REPORT, strlen(REPORT)) == 0 ||
		strncmp(option, CRASHES, strlen(CRASHES)) == 0)
		(void)prctl(PR_SET_NAME, REPORT_INIT_NAME);
}

int command_run(char *const argv[], struct fault *fault)
{
	static const struct fault_calls calls = { .ours = on_ours, .sent = on_sent };
	struct command c = { .argv = NULL };
	bool resumed;
	int code;

	c.voice = (struct voice){ manner_of(argv[0]), &c.course.orders,
		argv[0] != NULL ? argv[0] : "init" };
	resumed = resume(&c, argv);
	code = resumed ? -1 : take_orders(&c, argv);
	if (code >= 0)
		return code;
	/* The report is for the supervisor: who runs in here too shall neither write one nor change who does. */
	if (c.course.orders.report_fd >= 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!resumed && c.course.orders.pause == 0 && start(&c) < 0)
		return not_started(&c, errno);
	/* After the start: the command gets dispositions as init found them. */
	fault->data = &c;
	fault_open(fault, argv[0], &calls);
	if (c.course.orders.pause != 0) {
		pause_until_told(&c);
		return 0;
	}
	serve(&c);
	return finish(&c);
}
