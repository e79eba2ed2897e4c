#include "init/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/paths.h"
#include "init/clock.h"
#include "init/fds.h"
#include "init/file.h"
#include "init/init.h"
#include "init/spawn.h"
#include "init/text.h"
#include "init/wait.h"

#define DELAY_FIRST_NS (100 * NSEC_PER_SEC / MSEC_PER_SEC)
#define DELAY_LONGEST_NS (10 * NSEC_PER_SEC)
#define LONG_LIFE_NS (10 * NSEC_PER_SEC)
#define UNWELL_MAX 10 /* with the delays above: 23 s after the first start */
#define HOPELESS 3

#define OOM_SUPERVISOR "-900" /* after every service, before init */
#define OOM_RESCUE "0"
#define COMM_MAX 16 /* TASK_COMM_LEN, with the NUL */
#define LIST_MAX 16384
#define LOST_LOOK_NS 10000000L
#define LOST_LOOKS 200
#define FD_ABOVE 10 /* clear of the numbers that the supervisor expects */

static char *const clean_env[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	(char *)"HOME=/",
	(char *)"TERM=linux",
	NULL,
};

struct given {
	int wire;
	int roster;
};

static void prepare_supervisor(const void *arg)
{
	const struct given *given = arg;
	int wire = fcntl(given->wire, F_DUPFD_CLOEXEC, FD_ABOVE);
	int roster = fcntl(given->roster, F_DUPFD_CLOEXEC, FD_ABOVE);

	(void)setsid();
	(void)file_write("/proc/self/oom_score_adj", OOM_SUPERVISOR);
	(void)dup2(wire, WIRE_FD);
	(void)dup2(roster, ROSTER_FD);
	/* Ours are close-on-exec as it is; this is for what we were started with. */
	fds_close_on_exec_from(ROSTER_FD + 1);
}

static void prepare_rescue(const void *arg)
{
	(void)arg;
	(void)setsid();
	/* Its keyboard signals reach it only on a terminal that controls its session. */
	(void)ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	(void)file_write("/proc/self/oom_score_adj", OOM_RESCUE);
	fds_close_on_exec_from(STDERR_FILENO + 1);
}

static uint64_t delay_ns(unsigned int streak)
{
	uint64_t delay = DELAY_FIRST_NS;

	if (streak <= 1)
		return 0;
	while (--streak > 1 && delay < DELAY_LONGEST_NS)
		delay *= 2;
	return delay < DELAY_LONGEST_NS ? delay : DELAY_LONGEST_NS;
}

/* By somebody, not by a fault of its own. */
static bool was_killed(int status)
{
	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
}

/*
 * One life of the supervisor is over. One that was well and then ended by itself starts its back-off afresh, so it
 * never waits longer than the first delay; one that was well and was killed, or asked to end, does not wait.
 */
static void schedule(struct supervise *s, int status, uint64_t now_ns)
{
	bool long_life = s->well && now_ns - s->started_ns >= LONG_LIFE_NS;

	if (s->well && s->streak > 1)
		s->streak = 1;
	s->streak = long_life ? 1 : s->streak + 1;
	s->unwell = s->well ? 0 : s->unwell + 1;
	if (s->planned || (s->well && was_killed(status))) {
		s->streak = 1;
		s->unwell = 0;
	}
	s->planned = false;
	s->state = SUPERVISE_DOWN;
	s->pid = 0;
	/* Nothing to wait for once it is given up. */
	s->due_ns = now_ns + (s->unwell < UNWELL_MAX ? delay_ns(s->streak) : 0);
}

/* The kernel itself writes the pid: there is no instant at which it runs and nobody knows. */
static pid_t start_supervisor(struct init *init)
{
	char *argv[] = { init->words.supervisor, NULL };
	cleanup_fd int peer = -1;
	struct given given;
	struct spawn order = { .path = argv[0],
		.argv = argv,
		.env = clean_env,
		.default_signals = true,
		.read_only = true,
		.prepare = prepare_supervisor,
		.arg = &given,
		.pid = &init->supervise.pid };

	if (init->console.device)
		console_attach_stdio();
	if (roster_make(&init->roster) < 0 || wire_open(&init->wire, &peer) < 0)
		return -1;
	roster_sign(&init->roster);
	given.wire = peer;
	given.roster = init->roster.fd;
	return spawn(&order);
}

static void start(struct init *init, uint64_t now_ns)
{
	struct supervise *s = &init->supervise;

	s->well = false;
	s->started_ns = now_ns;
	s->state = SUPERVISE_UP;
	if (start_supervisor(init) < 0) {
		console_say(&init->console, "start %s: %m", init->words.supervisor);
		fd_close(&init->wire.fd);
		schedule(s, 0, now_ns);
		return;
	}
	/* The one before may have died with work undone. */
	init->wire.poke = true;
	init->wire.resumed = init->crash.crashes > 0;
	init->wire.request = init->request.end != 0;
}

pid_t supervise_rescue(struct init *init, const char *why)
{
	char *argv[] = { init->words.rescue, NULL };
	struct spawn order = { .path = argv[0],
		.argv = argv,
		.env = clean_env,
		.default_signals = true,
		.prepare = prepare_rescue };
	pid_t pid;

	if (init->words.rescue[0] == '\0')
		return -1;
	if (!init->container)
		console_attach_stdio();
	console_say(&init->console, "%s; rescue: %s, when it ends init tries again", why, argv[0]);
	pid = spawn(&order);
	if (pid < 0)
		console_say(&init->console, "start %s: %m", argv[0]);
	return pid;
}

static void give_up(struct init *init, uint64_t now_ns)
{
	struct supervise *s = &init->supervise;
	char why[WORD_MAX + 32];
	struct text t;

	text_init(&t, why, sizeof(why));
	text_format(&t, "%s cannot be started", init->words.supervisor);
	s->pid = supervise_rescue(init, why);
	if (s->pid > 0) {
		s->state = SUPERVISE_RESCUE;
		return;
	}
	s->pid = 0;
	s->state = SUPERVISE_GAVE_UP;
	s->due_ns = now_ns + (uint64_t)init->words.reboot_delay_s * NSEC_PER_SEC;
	console_say(&init->console, "%s cannot be started (%d times); %s in %d s",
		init->words.supervisor, UNWELL_MAX, init->container ? "exit" : "reboot",
		init->words.reboot_delay_s);
}

void supervise_turn(struct init *init, uint64_t now_ns)
{
	struct supervise *s = &init->supervise;

	if (now_ns < supervise_due(s))
		return;
	if (s->state == SUPERVISE_GAVE_UP) {
		init->wire.end = init->container ? END_EXIT : END_REBOOT;
		init->wire.end_status = 1;
	} else if (s->unwell >= UNWELL_MAX) {
		give_up(init, now_ns);
	} else {
		start(init, now_ns);
	}
}

uint64_t supervise_due(const struct supervise *s)
{
	return s->pid > 0 ? CLOCK_NEVER : s->due_ns;
}

static void say_ended(const struct init *init, const char *program, int status, bool planned,
	uint64_t now_ns)
{
	const struct supervise *s = &init->supervise;
	char next[32];
	struct text t;

	text_init(&t, next, sizeof(next));
	if (s->unwell < UNWELL_MAX)
		text_format(&t, ", next start in %d ms",
			(int)((s->due_ns - now_ns) / (NSEC_PER_SEC / MSEC_PER_SEC)));
	if (planned)
		console_note(&init->console, "%s has ended as it was asked to, it is started anew",
			program);
	else if (WIFSIGNALED(status))
		console_say(&init->console, "%s was killed by signal %d (%s)%s", program,
			WTERMSIG(status), strsignal(WTERMSIG(status)), next);
	else
		console_say(&init->console, "%s exited with status %d%s", program,
			WEXITSTATUS(status), next);
}

bool supervise_reaped(struct init *init, pid_t pid, int status, uint64_t now_ns)
{
	struct supervise *s = &init->supervise;
	bool planned;

	if (pid != s->pid)
		return false;
	if (s->state == SUPERVISE_RESCUE) {
		*s = (struct supervise){ .state = SUPERVISE_DOWN, .due_ns = now_ns };
		say_ended(init, init->words.rescue, status, false, now_ns);
		return true;
	}
	/* Its last words may be WIRE_WELL. */
	wire_close(init);
	roster_supervisor_ended(&init->roster, status);
	watchdog_supervisor_gone(init);
	planned = s->planned;
	schedule(s, status, now_ns);
	if (init->wire.end == 0)
		say_ended(init, init->words.supervisor, status, planned, now_ns);
	return true;
}

void supervise_kill(const struct supervise *s)
{
	if (s->state == SUPERVISE_UP)
		(void)kill(s->pid, SIGKILL);
}

bool supervise_hopeless(const struct supervise *s)
{
	return s->state == SUPERVISE_RESCUE || s->state == SUPERVISE_GAVE_UP ||
		(s->state == SUPERVISE_DOWN && s->unwell >= HOPELESS);
}

static void end_if_named(const char *pid_text, const char *name)
{
	struct timespec pause = { .tv_nsec = LOST_LOOK_NS };
	char path[64];
	char comm[COMM_MAX + 1];
	char *rest = comm;
	struct text t;
	const char *word;
	int pid;

	text_init(&t, path, sizeof(path));
	text_format(&t, "/proc/%s/comm", pid_text);
	if (file_read(path, comm, sizeof(comm)) <= 0 || (word = text_line(&rest)) == NULL ||
		strncmp(word, name, COMM_MAX - 1) != 0 ||
		text_number(pid_text, INT_MAX, &pid) < 0 || !wait_is_child(pid) ||
		kill(pid, SIGKILL) < 0)
		return;
	/* The next one must not meet it. */
	for (int i = 0; i < LOST_LOOKS && waitpid(pid, NULL, WNOHANG | __WALL) == 0; i++)
		(void)nanosleep(&pause, NULL);
}

/*
 * A supervisor that we cannot find in our state may run all the same, with a line that nobody holds: it ends.
 * It is in our own control group, where services are not; without one, among all our children.
 */
static void end_lost(const struct init *init)
{
	const char *slash = strrchr(init->words.supervisor, '/');
	char list[LIST_MAX];
	char *rest = list;
	char *word;

	if (file_read(PATH_CGROUP "/init/cgroup.procs", list, sizeof(list)) <= 0)
		(void)file_read("/proc/thread-self/children", list, sizeof(list));
	while ((word = text_word(&rest)) != NULL)
		end_if_named(word, slash != NULL ? slash + 1 : init->words.supervisor);
}

/* What no init would write, a wrong hand did. */
static bool is_sound(const struct supervise *s, uint64_t now_ns)
{
	switch (s->state) {
	case SUPERVISE_UP:
	case SUPERVISE_RESCUE:
		return wait_is_child(s->pid);
	case SUPERVISE_DOWN:
		return s->unwell <= UNWELL_MAX && s->due_ns <= now_ns + DELAY_LONGEST_NS;
	case SUPERVISE_GAVE_UP:
		return s->due_ns <= now_ns + (uint64_t)INT_MAX * NSEC_PER_SEC;
	default:
		return false;
	}
}

void supervise_resume(struct init *init)
{
	struct supervise *s = &init->supervise;
	uint64_t now = clock_now_ns();
	struct supervise before;

	if (!state_read(init, STATE_SUPERVISE, 0, &before, sizeof(before)) ||
		!is_sound(&before, now)) {
		end_lost(init);
		return;
	}
	*s = before;
	s->well = state_flag(&before.well);
	s->planned = state_flag(&before.planned);
	s->unwell = (unsigned int)state_at_most(before.unwell, UNWELL_MAX);
	s->started_ns = state_at_most(before.started_ns, now);
}
