#include "init/end.h"

#include <errno.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "init/clock.h"
#include "init/init.h"
#include "init/signals.h"
#include "init/unmount.h"

#define TERM_GRACE_NS (5 * NSEC_PER_SEC)
#define KILL_GRACE_NS (2 * NSEC_PER_SEC)
#define DISKS_GRACE_NS (60 * NSEC_PER_SEC)
#define FEED_NS NSEC_PER_SEC /* more often than any watchdog wants it */

static const struct {
	const char *text;
	int command;
} ends[] = {
	[END_POWEROFF] = { "power off", RB_POWER_OFF },
	[END_REBOOT] = { "reboot", RB_AUTOBOOT },
	[END_HALT] = { "halt", RB_HALT_SYSTEM },
	[END_KEXEC] = { "start the loaded kernel", RB_KEXEC },
	[END_EXIT] = { "exit", RB_POWER_OFF },
};

/* Reaps until no process is left or time is up; with a pid, until that one has ended. */
static void wait_gone(struct init *init, pid_t pid, uint64_t grace_ns)
{
	uint64_t until = clock_now_ns() + grace_ns;

	do {
		uint64_t look = clock_now_ns() + FEED_NS;
		pid_t ended;

		watchdog_feed(init);

		do {
			ended = waitpid(-1, NULL, WNOHANG | __WALL);
		} while (ended > 0 && ended != pid);
		if ((pid > 0 && ended == pid) || (ended < 0 && errno == ECHILD))
			return;
		(void)signals_next(look < until ? look : until);
	} while (clock_now_ns() < until);
}

static void end_processes(struct init *init)
{
	(void)kill(-1, SIGTERM);
	/* A stopped one hears it only when it goes on. */
	(void)kill(-1, SIGCONT);
	wait_gone(init, 0, TERM_GRACE_NS);
	(void)kill(-1, SIGKILL);
	wait_gone(init, 0, KILL_GRACE_NS);
}

/* In a child, since a disk that does not answer would keep us for ever. */
static void close_disks(struct init *init)
{
	pid_t pid = fork();

	if (pid > 0) {
		wait_gone(init, pid, DISKS_GRACE_NS);
		return;
	}
	sync();
	unmount_all(&init->console);
	sync();
	if (pid == 0)
		_exit(0);
}

static _Noreturn void stay(void)
{
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		(void)signals_next(CLOCK_NEVER);
	}
}

_Noreturn void end_machine(struct init *init)
{
	enum wire_end end = init->wire.end;

	console_note(&init->console, "ending all processes, then: %s", ends[end].text);
	watchdog_end(init);
	end_processes(init);
	if (init->container) {
		watchdog_release(init);
		_exit(init->wire.end_status);
	}
	close_disks(init);
	console_note(&init->console, "%s", ends[end].text);
	/* A reboot that hangs is what it is for. */
	if (end != END_REBOOT)
		watchdog_release(init);
	(void)reboot(ends[end].command);
	console_say(&init->console, "%s: %m", ends[end].text);
	/* No kernel was loaded for kexec: a plain reboot comes nearest. */
	if (end == END_KEXEC)
		(void)reboot(RB_AUTOBOOT);
	console_say(&init->console, "the machine cannot be ended; it is safe to switch it off");
	stay();
}
