#include "supervisor/sys/pulse.h"

#include "supervisor/sys/clock.h"
#include "supervisor/sys/supervisor.h"

#include <limits.h>

#define BEATS_A_TIMEOUT 3
/* A look goes over all units. */
#define LOOK_GAP (100 * USEC_PER_MSEC)

static const struct manager_section *settings(const struct supervisor *s)
{
	return &s->set->manager;
}

/* Seconds, rounded up; "infinity" is no time that a watchdog has. */
static int seconds(uint64_t span)
{
	if (span == TIME_INFINITY)
		return 0;
	span = span / USEC_PER_SEC + (span % USEC_PER_SEC != 0);
	return span > INT_MAX ? INT_MAX : (int)span;
}

static uint64_t beat(const struct supervisor *s)
{
	return (uint64_t)seconds(settings(s)->runtime_watchdog) * USEC_PER_SEC / BEATS_A_TIMEOUT;
}

static void tell(struct supervisor *s, bool ill, const char *why, uint64_t now)
{
	struct pulse *p = &s->pulse;

	if (ill == p->ill && (beat(s) == 0 || now < p->told + beat(s)))
		return;
	p->ill = ill;
	p->told = now;
	link_health(&s->link, !ill, seconds(settings(s)->runtime_watchdog), why);
}

static void say(struct supervisor *s, const char *why, uint64_t now)
{
	uint64_t from = settings(s)->reboot_min_uptime;
	int timeout = seconds(settings(s)->runtime_watchdog);

	if (s->pulse.failed)
		return;
	if (timeout == 0)
		journal(s, LOG_LEVEL_ERROR, NULL, "critical unit failed for good: %s", why);
	else
		journal(s, LOG_LEVEL_ERROR, NULL,
			"critical unit failed for good: %s; the watchdog resets the machine in %d s",
			why, timeout + (from > now ? seconds(from - now) : 0));
}

static void on_timer(uv_timer_t *timer)
{
	pulse_look(timer->data);
}

static void arm(struct supervisor *s, uint64_t at, uint64_t now)
{
	if (at == TIME_INFINITY) {
		(void)uv_timer_stop(&s->pulse.timer);
		return;
	}
	uv_update_time(&s->loop);
	(void)uv_timer_start(&s->pulse.timer, on_timer,
		at > now ? (at - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0, 0);
}

void pulse_look(struct supervisor *s)
{
	struct pulse *p = &s->pulse;
	uint64_t now = now_us(), from = settings(s)->reboot_min_uptime, next = TIME_INFINITY;
	char why[WIRE_NAME_MAX] = "";
	bool failed;

	if (!p->open)
		return;
	if (now < p->looked_at + LOOK_GAP) {
		arm(s, p->looked_at + LOOK_GAP, now);
		return;
	}
	p->looked_at = now;
	/* units that are on their way down with the machine fail as they like */
	failed = p->has_critical && !engine_is_ending(s->engine) &&
		engine_critical_failed(s->engine, why, sizeof(why));
	if (failed)
		say(s, why, now);
	p->failed = failed;
	tell(s, failed && now >= from, why, now);
	if (failed && now < from)
		next = from;
	if (beat(s) != 0 && p->told + beat(s) < next)
		next = p->told + beat(s);
	arm(s, next, now);
}

void pulse_configure(struct supervisor *s)
{
	const struct manager_section *m = settings(s);

	if (!s->pulse.open)
		return;
	s->pulse.has_critical = engine_has_critical(s->engine);
	link_watchdog(&s->link, seconds(m->runtime_watchdog), seconds(m->reboot_watchdog),
		m->watchdog_device);
	s->pulse.told = s->pulse.looked_at = 0;
	pulse_look(s);
}

void pulse_open(struct supervisor *s)
{
	s->pulse.timer.data = s;
	(void)uv_timer_init(&s->loop, &s->pulse.timer);
	s->pulse.open = true;
	pulse_configure(s);
}
