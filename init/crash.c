#include "init/crash.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init/clock.h"
#include "init/file.h"
#include "init/init.h"
#include "init/text.h"

/* A signal that was sent waits for the loop; one that comes after so long finds a loop that does not turn. */
#define SENT_PATIENCE_NS (2 * NSEC_PER_SEC)
#define HOLD_LINE_NS (60 * NSEC_PER_SEC)
#define LINE_MAX 256
#define EXIT_SIGNAL 128

/* While a state is being taken over, the one before is what the next process image reads. */
static void keep(const struct init *init)
{
	state_write_back(init, STATE_CRASH, &init->crash, sizeof(init->crash));
}

static void count(struct init *init, int signo, bool fault, uint64_t now_ns)
{
	struct crash *c = &init->crash;

	c->crashes++;
	c->signo = signo;
	if (fault)
		c->at_ns[c->faults++ % CRASH_MAX] = now_ns;
	keep(init);
}

static bool is_loop(const struct crash *c, uint64_t now_ns)
{
	uint64_t oldest = c->at_ns[c->faults % CRASH_MAX];

	return c->faults >= CRASH_MAX && oldest <= now_ns && now_ns - oldest < CRASH_WINDOW_NS;
}

static void pause_s(time_t seconds)
{
	struct timespec left = { .tv_sec = seconds };

	(void)nanosleep(&left, NULL);
}

/* On the device it goes where it may outlive a reset, too: the kernel's log, and pstore's part for programs. */
static void say(const struct init *init, const struct text *line)
{
	static const char *const logs[] = { "/dev/kmsg", "/dev/pmsg0" };
	char noted[LINE_MAX + 16];
	struct text t;

	console_say(&init->console, "%s", line->buf);
	text_init(&t, noted, sizeof(noted));
	/* As debug, since it stands on the console already. */
	text_format(&t, "<7>init: %s\n", line->buf);
	for (size_t i = 0; i < ARRAY_LEN(logs) && !init->container; i++)
		(void)file_write(logs[i], noted);
}

static void say_crash(struct init *init, const siginfo_t *info, uint64_t pc)
{
	char buf[LINE_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_format(&t, "crash %d: signal %d (%s) ", (int)init->crash.crashes, info->si_signo,
		strsignal(info->si_signo));
	fault_add(&t, info, pc);
	text_format(&t, "; init executes itself anew, all else runs on");
	say(init, &t);
	init->crash.said = init->crash.crashes;
	keep(init);
}

void crash_resume(struct init *init)
{
	struct crash *c = &init->crash;
	char buf[LINE_MAX];
	struct text t;

	if (c->said == c->crashes)
		return;
	c->said = c->crashes;
	text_init(&t, buf, sizeof(buf));
	text_format(&t,
		"crash %d: signal %d, so that it could not be said at once; init has executed itself anew",
		(int)c->crashes, c->signo);
	say(init, &t);
}

/*
 * Without sync(2), which a disk that hangs would keep for ever: the kernel writes and stops the disks by a
 * thread of its own, where it knows sysrq.
 */
static void reboot_now(void)
{
	(void)file_write("/proc/sysrq-trigger", "s");
	pause_s(2);
	(void)file_write("/proc/sysrq-trigger", "u");
	pause_s(1);
	(void)reboot(RB_AUTOBOOT);
}

static _Noreturn void hold(const struct init *init, int signo)
{
	char buf[LINE_MAX];
	struct text t;

	for (uint64_t next = 0;;) {
		uint64_t now = clock_now_ns();

		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		if (now >= next) {
			text_init(&t, buf, sizeof(buf));
			text_format(&t,
				"init crashes again and again (signal %d): hold; nothing is started and "
				"no watchdog is fed any more",
				signo);
			say(init, &t);
			next = now + HOLD_LINE_NS;
		}
		pause_s(1);
	}
}

/* What ends meanwhile stays a zombie, and its status is not lost. */
static void rescue(struct init *init)
{
	pid_t pid = supervise_rescue(init, "init crashes again and again");

	if (pid < 0)
		return;
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	init->crash.faults = 0;
	keep(init);
	reexec_same(init);
}

/* Too often, or in vain: as sup.crash= has it. */
static _Noreturn void give_up(struct init *init, int signo)
{
	char buf[LINE_MAX];
	struct text t;

	if (!init->container && init->words.crash == CRASH_HOLD)
		hold(init, signo);
	if (!init->container && init->words.crash == CRASH_RESCUE)
		rescue(init);
	text_init(&t, buf, sizeof(buf));
	text_format(&t, "init crashes again and again (signal %d): %s", signo,
		init->container ? "exit" : "reboot");
	say(init, &t);
	if (init->container)
		_exit(EXIT_SIGNAL + signo);
	reboot_now();
	hold(init, signo);
}

/* No state, or the handler itself has failed: what of init can be believed is the next instruction, if that. */
static _Noreturn void last_resort(const struct init *init, int signo, bool words)
{
	static const char line[] = "init: crashed over its own crash: the end\n";

	if (words)
		(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	if (init == NULL || !init->container)
		(void)reboot(RB_AUTOBOOT);
	_exit(EXIT_SIGNAL + signo);
}

static void on_ours(struct fault *f, const siginfo_t *info, uint64_t pc)
{
	struct init *init = f->data;
	unsigned int depth = f->depth;
	uint64_t now = clock_now_ns();

	if (init == NULL || depth > 3)
		last_resort(init, info->si_signo, depth < 5);
	if (depth == 1) {
		count(init, info->si_signo, true, now);
		say_crash(init, info, pc);
	}
	if (depth < 3 && !is_loop(&init->crash, now))
		reexec_same(init);
	give_up(init, info->si_signo);
}

/*
 * The loop serves it, so that nothing is torn by it. The signal that wakes the loop is one that it takes from its
 * queue anyway.
 */
static void on_sent(struct fault *f, const siginfo_t *info)
{
	struct init *init = f->data;
	uint64_t now = clock_now_ns();

	if (init == NULL)
		return;
	if (init->sent.signo != 0 && now - init->sent.at_ns > SENT_PATIENCE_NS) {
		count(init, info->si_signo, false, now);
		reexec_same(init);
	}
	if (init->sent.signo == 0) {
		init->sent.by = info->si_pid;
		init->sent.at_ns = now;
		init->sent.signo = info->si_signo;
	}
	(void)kill(f->self, SIGCHLD);
}

void crash_open(struct fault *f, char *name)
{
	static const struct fault_calls calls = { .ours = on_ours, .sent = on_sent };

	fault_open(f, name, &calls);
}

void crash_turn(struct init *init)
{
	char buf[LINE_MAX];
	struct text t;
	int signo = init->sent.signo;

	if (signo == 0)
		return;
	count(init, signo, false, clock_now_ns());
	text_init(&t, buf, sizeof(buf));
	text_format(&t,
		"crash %d: signal %d (%s) sent by process %d; init executes itself anew, all else "
		"runs on",
		(int)init->crash.crashes, signo, strsignal(signo), (int)init->sent.by);
	say(init, &t);
	init->crash.said = init->crash.crashes;
	reexec_same(init);
	console_say(&init->console, "execute %s: %m, going on as before", init->self.path);
	init->sent.signo = 0;
}
