/*
 * The clock on the wall, for timers: when it is set, or the machine has slept (timerfd_create(2): TFD_TIMER_CANCEL_ON_SET
 * tells both), what local time is, and the file of each timer with Persistent= that says when it last elapsed.
 */
#include "supervisor/sys/wall.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#define ZONE_FILE "/etc/localtime"

static int64_t wall_minus_now(void)
{
	return (int64_t)wall_us() - (int64_t)now_us();
}

/* It never comes: all it is for is to be cancelled when the clock is set. */
static int arm(int fd)
{
	const struct itimerspec never = { .it_value.tv_sec = INT32_MAX };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

/* All the time that the machine has slept since it was booted. */
static uint64_t slept(void)
{
	uint64_t awake = now_us(), all = clock_us(CLOCK_BOOTTIME);

	return all > awake ? all - awake : 0;
}

/* Changes when the clock is set, and not by a sleep. */
static int64_t wall_minus_boot(void)
{
	return (int64_t)wall_us() - (int64_t)clock_us(CLOCK_BOOTTIME);
}

static uint64_t size_of(int64_t step)
{
	return (uint64_t)(step < 0 ? -step : step);
}

static void say_step(struct supervisor *s, int64_t step)
{
	if (size_of(step) >= USEC_PER_SEC)
		journal(s, LOG_LEVEL_INFO, NULL, "the clock was set %s by %llu s",
			step < 0 ? "back" : "forward",
			(unsigned long long)(size_of(step) / USEC_PER_SEC));
}

static void on_clock_set(uv_poll_t *poll, int status, int events)
{
	struct supervisor *s = poll->data;
	int64_t step = -s->wall_minus_boot;
	uint64_t nap = slept(), ignored;

	(void)status;
	(void)events;
	while (read(s->wall, &ignored, sizeof(ignored)) < 0 && errno == EINTR)
		;
	(void)arm(s->wall);
	s->wall_minus_boot = wall_minus_boot();
	step += s->wall_minus_boot;
	/* the two clocks that it is the difference of are not read at the same instant */
	nap = nap > s->slept ? nap - s->slept : 0;
	s->slept += nap;
	wall_tell(s, nap < USEC_PER_SEC || size_of(step) >= USEC_PER_SEC);
	if (nap >= USEC_PER_SEC)
		journal(s, LOG_LEVEL_INFO, NULL, "the machine has slept for %llu s",
			(unsigned long long)(nap / USEC_PER_SEC));
	say_step(s, step);
	perform_all(s);
}

void wall_tell(struct supervisor *s, bool set)
{
	s->wall_minus_now = wall_minus_now();
	engine_set_clock(s->engine, s->wall_minus_now, set, now_us());
}

int wall_open(struct supervisor *s, struct err *e)
{
	int rc;

	s->wall_minus_now = wall_minus_now();
	s->wall_minus_boot = wall_minus_boot();
	s->slept = slept();
	s->wall = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->wall < 0 || arm(s->wall) < 0)
		return err_set(e, "listen to changes of the clock");
	s->wall_poll.data = s;
	rc = listen_start(&s->loop, &s->wall_poll, s->wall, UV_READABLE, on_clock_set);
	return rc == 0 ? 0 : err_set_no(e, -rc, "listen to changes of the clock");
}

/* ---- local time */

int32_t wall_utc_offset(void *data, int64_t utc)
{
	time_t clock = (time_t)utc;
	struct tm tm;

	(void)data;
	return localtime_r(&clock, &tm) != NULL ? (int32_t)tm.tm_gmtoff : 0;
}

/* The C library reads the file once for each way it is named. */
void wall_zone_changed(struct supervisor *s)
{
	const char *now = getenv("TZ");

	(void)setenv("TZ", now == NULL || now[0] == ':' ? ZONE_FILE : ":" ZONE_FILE, 1);
	tzset();
	if (s->engine == NULL)
		return;
	journal(s, LOG_LEVEL_INFO, NULL, "the time zone has changed");
	engine_zone_changed(s->engine, now_us());
	perform_all(s);
}

/* ---- stamps */

static void stamp_path(char *path, size_t size, const char *timer, const char *ending)
{
	(void)snprintf(path, size, "%s/%s%s", PATH_TIMERS, timer, ending);
}

#define STAMP_PATH_MAX (sizeof(PATH_TIMERS) + UNIT_NAME_MAX + 8)

uint64_t wall_stamp_read(void *data, const char *timer)
{
	char path[STAMP_PATH_MAX], text[32];
	cleanup_fd int fd = -1;
	ssize_t n;

	(void)data;
	stamp_path(path, sizeof(path), timer, "");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	return strtoull(text, NULL, 10);
}

static int stamp_write(const char *timer, uint64_t wall, struct err *e)
{
	char path[STAMP_PATH_MAX], fresh[STAMP_PATH_MAX];
	cleanup_fd int fd = -1;

	stamp_path(path, sizeof(path), timer, "");
	stamp_path(fresh, sizeof(fresh), timer, ".new");
	if (mkdir(PATH_TIMERS, 0755) < 0 && errno != EEXIST)
		return err_set(e, "mkdir %s", PATH_TIMERS);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%llu\n", (unsigned long long)wall) < 0)
		return err_set(e, "write %s", fresh);
	KILL_POINT("stamp-written");
	return rename(fresh, path) == 0 ? 0 : err_set(e, "rename to %s", path);
}

void wall_stamp_keep(struct supervisor *s, uint32_t timer)
{
	uint64_t wall = engine_timer(s->engine, timer).last_wall;
	struct err e;

	if (stamp_write(unit_at(s, timer)->name, wall != 0 ? wall : wall_us(), &e) == 0) {
		s->stamps_fail = false;
	} else if (!s->stamps_fail) {
		s->stamps_fail = true;
		journal(s, LOG_LEVEL_WARNING, unit_at(s, timer)->name,
			"Persistent=: %s; what is missed while the machine is off will not be made up for",
			e.msg);
	}
}

uint64_t wall_device(const struct supervisor *s)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *p = s->machine_id; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return hash >> 8; /* room to count from */
}
