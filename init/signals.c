#include "init/signals.h"

#include <string.h>
#include <sys/signalfd.h>

#include "init/clock.h"

/* sigfillset(3) leaves out what libc uses for threads; there are none here. */
static void fill(sigset_t *set)
{
	memset(set, 0xff, sizeof(*set));
}

void signals_block(void)
{
	struct sigaction as_made = { .sa_handler = SIG_DFL };
	sigset_t all;

	fill(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)sigaction(SIGCHLD, &as_made, NULL);
}

void signals_unblock(void)
{
	sigset_t all;

	fill(&all);
	(void)sigprocmask(SIG_UNBLOCK, &all, NULL);
}

/* All that are taken from the queue. */
static void fill_taken(sigset_t *set)
{
	static const int faults[] = SIGNALS_FAULT;

	fill(set);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		(void)sigdelset(set, faults[i]);
}

void signals_unblock_faults(void)
{
	sigset_t taken;

	fill_taken(&taken);
	(void)sigprocmask(SIG_SETMASK, &taken, NULL);
}

void signals_drop(int signo)
{
	static const struct timespec now = { 0 };
	sigset_t one;

	(void)sigemptyset(&one);
	(void)sigaddset(&one, signo);
	(void)sigtimedwait(&one, NULL, &now);
}

int signals_open(void)
{
	sigset_t all;

	fill_taken(&all);
	return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signals_next(uint64_t until_ns)
{
	struct timespec wait;
	sigset_t all;
	int signo;

	fill_taken(&all);
	if (until_ns == CLOCK_NEVER) {
		signo = sigwaitinfo(&all, NULL);
	} else {
		wait = clock_until(until_ns, clock_now_ns());
		signo = sigtimedwait(&all, NULL, &wait);
	}
	return signo > 0 ? signo : 0;
}
