#include "init/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/watchdog.h>

#include "common/fd.h"
#include "common/util.h"
#include "init/clock.h"
#include "init/init.h"

#define DEVICE_DEFAULT "/dev/watchdog0"
#define FEEDS_A_TIMEOUT 3

static uint64_t gap_ns(const struct watchdog *w)
{
	return (uint64_t)w->runtime_s * NSEC_PER_SEC / FEEDS_A_TIMEOUT;
}

/* Any byte feeds it but 'V', which is the promise to close it properly. */
static void feed(const struct watchdog *w)
{
	if (w->fd >= 0)
		(void)!write(w->fd, "", 1);
}

/* Opening it sets it off. Asked for by nobody, a device that is not there is nothing to talk about. */
static void open_device(struct init *init, bool asked)
{
	struct watchdog *w = &init->watchdog;
	const char *path = w->device[0] != '\0' ? w->device : DEVICE_DEFAULT;

	if (w->fd >= 0)
		return;
	w->fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (w->fd < 0 && asked)
		console_say(&init->console, "watchdog %s: %m, going on without", path);
}

/* The driver may round it, or know only one of its own. */
static void set_timeout(struct init *init, int seconds)
{
	struct watchdog *w = &init->watchdog;
	int set = seconds;

	if (w->fd < 0)
		return;
	if (ioctl(w->fd, WDIOC_SETTIMEOUT, &set) < 0)
		console_say(&init->console, "watchdog: it does not take %d s: %m", seconds);
	else if (set != seconds)
		console_note(&init->console, "watchdog: %d s instead of %d", set, seconds);
	feed(w);
}

static void turn_on(struct init *init)
{
	struct watchdog *w = &init->watchdog;

	open_device(init, true);
	if (w->fd < 0) {
		w->runtime_s = 0;
		return;
	}
	set_timeout(init, w->runtime_s);
	w->feed_ns = clock_now_ns() + gap_ns(w);
	console_note(&init->console, "watchdog: resets the machine when it was not fed for %d s",
		w->runtime_s);
}

void watchdog_boot(struct init *init)
{
	init->watchdog.fd = -1;
	init->watchdog.promised_ns = CLOCK_NEVER;
	if (init->words.watchdog_s <= 0)
		return;
	init->watchdog.runtime_s = init->words.watchdog_s;
	turn_on(init);
}

static bool is_sound(const struct watchdog *w)
{
	return w->runtime_s >= 0 && w->reboot_s >= 0 &&
		memchr(w->device, '\0', sizeof(w->device)) != NULL;
}

/* The device closed by the exec, because its number was lost, runs on and can be opened again. */
void watchdog_resume(struct init *init)
{
	struct watchdog *w = &init->watchdog;
	uint64_t now = clock_now_ns();
	struct watchdog before;

	if (!state_read(init, STATE_WATCHDOG, 0, &before, sizeof(before)) || !is_sound(&before)) {
		watchdog_boot(init);
		return;
	}
	*w = before;
	w->ill = state_flag(&before.ill);
	w->starves = state_flag(&before.starves);
	w->feed_ns = state_at_most(before.feed_ns, now + gap_ns(w));
	if (state_claim(before.fd))
		return;
	w->fd = -1;
	if (w->runtime_s > 0)
		turn_on(init);
}

void watchdog_configure(struct init *init, const struct wire_msg *msg)
{
	struct watchdog *w = &init->watchdog;
	int before = w->runtime_s;

	if (init->words.watchdog_s == 0 || msg->arg < 0 || msg->arg2 < 0)
		return;
	w->reboot_s = msg->arg2;
	if (w->fd < 0)
		memcpy(w->device, msg->name, sizeof(w->device));
	if (init->words.watchdog_s > 0)
		return;
	w->runtime_s = msg->arg;
	if (w->runtime_s == 0)
		watchdog_release(init);
	else if (w->runtime_s != before)
		turn_on(init);
}

void watchdog_told(struct init *init, const struct wire_msg *msg, uint64_t now_ns)
{
	struct watchdog *w = &init->watchdog;
	bool ill = msg->arg == 0;

	if (ill && !w->ill && w->runtime_s > 0)
		console_say(&init->console,
			"watchdog: not fed any more, the machine resets in %d s: %s", w->runtime_s,
			msg->name);
	else if (!ill && w->ill && w->runtime_s > 0)
		console_say(&init->console, "watchdog: fed again");
	w->ill = ill;
	w->promised_ns = msg->arg2 > 0 ? now_ns + (uint64_t)msg->arg2 * NSEC_PER_SEC : CLOCK_NEVER;
}

void watchdog_supervisor_gone(struct init *init)
{
	init->watchdog.promised_ns = CLOCK_NEVER;
}

void watchdog_turn(struct init *init, uint64_t now_ns)
{
	struct watchdog *w = &init->watchdog;
	bool silent;

	if (w->runtime_s == 0 || now_ns < w->feed_ns)
		return;
	w->feed_ns = now_ns + gap_ns(w);
	silent = now_ns > w->promised_ns;
	if (silent && !w->starves)
		console_say(&init->console,
			"watchdog: the supervisor does not answer: not fed any more, the machine resets in "
			"%d s",
			w->runtime_s);
	w->starves = silent;
	if (!silent && !w->ill)
		feed(w);
}

uint64_t watchdog_due(const struct init *init)
{
	return init->watchdog.runtime_s > 0 ? init->watchdog.feed_ns : CLOCK_NEVER;
}

void watchdog_end(struct init *init)
{
	struct watchdog *w = &init->watchdog;

	w->runtime_s = 0;
	if (init->wire.end != END_REBOOT) /* off for good, or a kernel that may not know it */
		return;
	/* In a container the device, if it is there at all, is not ours to set off. */
	if (w->reboot_s > 0 && !init->container)
		open_device(init, false);
	if (w->reboot_s > 0)
		set_timeout(init, w->reboot_s);
}

void watchdog_feed(struct init *init)
{
	feed(&init->watchdog);
}

void watchdog_release(struct init *init)
{
	struct watchdog *w = &init->watchdog;
	int off = WDIOS_DISABLECARD;

	if (w->fd < 0)
		return;
	(void)ioctl(w->fd, WDIOC_SETOPTIONS, &off);
	(void)!write(w->fd, "V", 1);
	fd_close(&w->fd);
}
