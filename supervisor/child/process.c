/* What every process gets, in a container or not: session, signals, priority, limits. */
#include "supervisor/child/steps.h"

#include "common/fd.h"
#include "common/util.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#define LAST_SIGNAL 64

static void wait_word(const struct child *c)
{
	char byte;
	ssize_t n;

	do {
		n = read(c->fd.go, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(CHILD_EXIT_FAULT); /* nobody is left to report to */
}

int step_wait_go(struct child *c, struct fault *f)
{
	(void)f;
	wait_word(c);
	return 0;
}

/* Up to here nothing has been done that anybody sees: a supervisor that dies before has not begun this start. */
static int wait_begin(const struct child *c)
{
	wait_word(c);
	if (c->begun != NULL)
		*c->begun = 1;
	return 0;
}

int step_wait_network(struct child *c, struct fault *f)
{
	(void)f;
	return c->plan->n_sysctls > 0 ? wait_begin(c) : 0;
}

int step_wait_begin(struct child *c, struct fault *f)
{
	(void)f;
	return c->plan->n_sysctls > 0 ? 0 : wait_begin(c);
}

/*
 * Until exec the memory is a copy of the supervisor's: nobody traces it or reads it, not even a process of the
 * container that is joined. The file mask is nobody's heritage either.
 */
int step_session(struct child *c, struct fault *f)
{
	(void)c;
	(void)umask(022);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(f, "PR_SET_DUMPABLE");
	return setsid() < 0 ? fail(f, "setsid") : 0;
}

/* CLONE_CLEAR_SIGHAND has put handlers to default, but an ignored signal stays ignored over clone and exec. */
int step_signals(struct child *c, struct fault *f)
{
	/* struct sigaction of the kernel, larger than any architecture's: all zero is SIG_DFL */
	static const unsigned long dfl[8];

	(void)c;
	for (int sig = 1; sig <= LAST_SIGNAL; sig++)
		if (sig != SIGKILL && sig != SIGSTOP &&
			syscall(SYS_rt_sigaction, sig, dfl, NULL, _NSIG / 8) < 0)
			return fail(f, "rt_sigaction");
	return 0;
}

/* Always written: the supervisor's own score, which protects it, is inherited. */
static int set_oom_score(int score, struct fault *f)
{
	static const char path[] = "/proc/self/oom_score_adj";
	int fd cleanup_fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned int rest = (unsigned int)(score < 0 ? -score : score);
	char digits[16];
	size_t at = sizeof(digits);
	struct statfs fs;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0 && at > 1);
	if (score < 0)
		digits[--at] = '-';
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return fail(f, path);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return fail_text(f, path, "is not of procfs");
	return write(fd, digits + at, sizeof(digits) - at) < 0 ? fail(f, path) : 0;
}

int step_priority(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	int score = p->oom_score_adjust == INT_UNSET ? 0 : p->oom_score_adjust;

	if (p->nice != INT_UNSET && setpriority(PRIO_PROCESS, 0, p->nice) < 0)
		return fail(f, "Nice");
	return set_oom_score(score, f);
}

static void cut_to_possible(unsigned int resource, uint64_t limit[2])
{
	uint64_t now[2];

	if (syscall(SYS_prlimit64, 0, resource, NULL, now) < 0 || now[1] >= limit[1])
		return;
	limit[1] = now[1];
	if (limit[0] > limit[1])
		limit[0] = limit[1];
}

int step_limits(struct child *c, struct fault *f)
{
	static const char *const names[] = {
		[RLIMIT_CPU] = "LimitCPU",
		[RLIMIT_FSIZE] = "LimitFSIZE",
		[RLIMIT_DATA] = "LimitDATA",
		[RLIMIT_STACK] = "LimitSTACK",
		[RLIMIT_CORE] = "LimitCORE",
		[RLIMIT_RSS] = "LimitRSS",
		[RLIMIT_NPROC] = "LimitNPROC",
		[RLIMIT_NOFILE] = "LimitNOFILE",
		[RLIMIT_MEMLOCK] = "LimitMEMLOCK",
		[RLIMIT_AS] = "LimitAS",
		[RLIMIT_LOCKS] = "LimitLOCKS",
		[RLIMIT_SIGPENDING] = "LimitSIGPENDING",
		[RLIMIT_MSGQUEUE] = "LimitMSGQUEUE",
		[RLIMIT_NICE] = "LimitNICE",
		[RLIMIT_RTPRIO] = "LimitRTPRIO",
		[RLIMIT_RTTIME] = "LimitRTTIME",
	};

	for (size_t i = 0; i < c->plan->n_rlimits; i++) {
		const struct rlimit_set *set = &c->plan->rlimits[i];
		/* SIZE_INFINITY is the kernel's RLIM64_INFINITY */
		uint64_t limit[2] = { set->soft, set->hard };
		unsigned int resource = (unsigned int)set->resource;

		if (set->dflt)
			cut_to_possible(resource, limit);
		if (syscall(SYS_prlimit64, 0, resource, limit, NULL) < 0)
			return fail(f, resource < ARRAY_LEN(names) ? names[resource] : "Limit");
	}
	return 0;
}

/* All were blocked before clone3. One that came meanwhile acts here, as on any program. */
int step_unblock(struct child *c, struct fault *f)
{
	static const unsigned long none[_NSIG / 8 / sizeof(unsigned long)];

	/*
	 * PID 1 of a namespace would lose it: no handler, no signal. init takes all signals blocked, as they are, and
	 * gives its command an empty mask.
	 */
	if (c->plan->run_init)
		return 0;
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, _NSIG / 8) < 0)
		return fail(f, "rt_sigprocmask");
	return 0;
}
