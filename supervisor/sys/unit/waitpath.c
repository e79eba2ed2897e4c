#include "supervisor/sys/unit/waitpath.h"

#include "common/fd.h"
#include "supervisor/sys/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)

/* The nearest folder of it that is there: what is missing is made in it first. */
static int watch_nearest(int watch, const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if (strlen(path) >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, path, strlen(path) + 1);
	while ((slash = strrchr(folder, '/')) != NULL) {
		slash[slash == folder] = '\0';
		if (inotify_add_watch(watch, folder, EVENTS) >= 0)
			return 0;
		if ((errno != ENOENT && errno != ENOTDIR) || slash == folder)
			return -1;
	}
	return -1;
}

static void drain(int watch)
{
	char events[4096] __attribute__((aligned(8)));

	while (read(watch, events, sizeof(events)) > 0)
		continue;
}

/* SIGTERM is blocked by the caller; here it is looked at. */
static int open_signals(void)
{
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	return signalfd(-1, &term, SFD_CLOEXEC);
}

static int time_left(uint64_t until)
{
	uint64_t now = now_us();

	if (until == UINT64_MAX)
		return -1;
	return now < until ? (int)((until - now + 999) / 1000) : 0;
}

int wait_for_path(const char *path, int wait_ms, struct err *e)
{
	uint64_t until = wait_ms < 0 ? UINT64_MAX : now_us() + (uint64_t)wait_ms * 1000;
	cleanup_fd int watch = -1, signals = -1;

	while (access(path, F_OK) < 0) {
		struct pollfd fds[2];
		int n;

		if (watch < 0)
			watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (signals < 0)
			signals = open_signals();
		if (watch < 0 || signals < 0 || watch_nearest(watch, path) < 0)
			return err_set(e, "wait for %s", path);
		/* it may have come before the watch */
		if (access(path, F_OK) == 0)
			break;
		fds[0] = (struct pollfd){ .fd = watch, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
		n = poll(fds, 2, time_left(until));
		if (n == 0)
			return err_setx(e, "%s does not come within TimeoutSec=", path);
		if (n > 0 && fds[1].revents != 0)
			return err_setx(e, "stopped while it waited for %s", path);
		drain(watch);
	}
	return 0;
}
