#include "supervisor/sys/boot.h"

#include "common/paths.h"
#include "supervisor/core/engine/cause.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/bootfile.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/supervisor.h"

#include <stdio.h>
#include <string.h>

/* A look goes over all units, so a boot of many is not looked at for each event. */
#define LOOK_GAP (100 * USEC_PER_MSEC)

/* A longer one is as good as no automatic start at all. */
#define BUDGET_INTERVAL_MAX (86400 * USEC_PER_SEC)

static const struct manager_section *settings(const struct supervisor *s)
{
	return &s->set->manager;
}

/* ---- the record */

static void keep(struct supervisor *s)
{
	struct boot *b = &s->boot;
	struct err e;

	(void)bootfile_write(PATH_STATE, &b->count, &e);
	if (b->kept == KEPT_NO)
		return;
	if (bootfile_write(PATH_STATE_VAR, &b->count, &e) < 0) {
		b->kept = KEPT_NO;
		journal(s, LOG_LEVEL_WARNING, NULL,
			"%s: failed boots are not counted, there will be no safe mode", e.msg);
	} else if (b->kept == KEPT_UNKNOWN) {
		b->kept = bootfile_is_volatile(PATH_STATE_VAR) ? KEPT_VOLATILE : KEPT_YES;
	}
}

/* Why the boot fails, if it does: so that the next one can tell when this one gets no more word out. */
static void note(struct supervisor *s, const char *why)
{
	if (!s->boot.count.open || strcmp(s->boot.count.why, why) == 0)
		return;
	boot_count_why(&s->boot.count, why);
	keep(s);
}

static bool go_on(struct supervisor *s)
{
	struct err ignored;

	if (atomic_load(&s->launcher.roster->lives) <= 1 ||
		bootfile_read(PATH_STATE, &s->boot.count, &ignored) < 0)
		return false;
	keep(s);
	return true;
}

static void count_boot(struct supervisor *s)
{
	struct boot *b = &s->boot;
	int asked = boot_asked_safe();
	struct err e;

	/* A supervisor that was started again goes on with the boot of the one before. */
	if (go_on(s))
		return;
	if (bootfile_read(PATH_STATE_VAR, &b->count, &e) < 0)
		journal(s, LOG_LEVEL_WARNING, NULL, "%s: how many boots failed is unknown", e.msg);
	boot_count_next(&b->count);
	b->count.safe = boot_count_wants_safe(&b->count, settings(s)->safe_mode_boots);
	if (asked >= 0)
		b->count.safe = asked == 1;
	if (b->count.safe && !engine_has_critical(s->engine)) {
		journal(s, LOG_LEVEL_WARNING, NULL,
			"no safe mode: no unit has Critical=yes, so everything is started");
		b->count.safe = false;
	}
	keep(s);
}

static void say_mode(struct supervisor *s)
{
	const struct boot_count *c = &s->boot.count;

	for (size_t i = 0; i < c->n_failures; i++)
		journal(s, LOG_LEVEL_WARNING, NULL, "boot %u failed: %s", c->failures[i].boot,
			c->failures[i].why);
	if (c->safe)
		journal(s, LOG_LEVEL_ERROR, NULL,
			"SAFE MODE: %u boots in a row did not become well; only critical units are "
			"started (supctl boot tells more)",
			c->failed);
}

/* ---- looking */

/* On the console whatever its level: it is for who stands before the machine. */
static void announce(struct supervisor *s, const char *text)
{
	journal_console(s, "%s", text);
}

static void say_culprit(struct supervisor *s)
{
	char text[BOOT_WHY_MAX];

	if (!engine_culprit(s->engine, now_us(), text, sizeof(text)))
		return;
	/* once a boot: the record is on a disk that may be of flash; before anyone reads it and pulls the plug */
	if (s->boot.count.why[0] == '\0')
		note(s, text);
	announce(s, text);
}

static void late(struct supervisor *s)
{
	const struct manager_section *m = settings(s);
	char why[BOOT_WHY_MAX], text[BOOT_WHY_MAX + 64], span[32];
	struct text t = { .buf = span, .size = sizeof(span) };

	cause_put_time(&t, m->boot_timeout);
	(void)engine_culprit(s->engine, now_us(), why, sizeof(why));
	(void)snprintf(text, sizeof(text), "boot not complete after %s: %s", span, why);
	journal(s, LOG_LEVEL_ERROR, NULL, "%s", text);
	note(s, text);
	engine_act(s->engine, m->boot_timeout_action, text, now_us());
}

static void complete(struct supervisor *s, const struct boot_view *view)
{
	const struct manager_section *m = settings(s);
	char text[ERR_MSG_MAX];

	boot_view_print(&s->boot.watch, view, text, sizeof(text));
	if (boot_watch_shows(&s->boot.watch, m, view))
		announce(s, text);
	else
		journal(s, LOG_LEVEL_INFO, NULL, "%s", text);
}

static void not_well(struct supervisor *s, const struct boot_view *view)
{
	char text[BOOT_WHY_MAX], critical[sizeof(view->failure)];

	if (!engine_critical_failed(s->engine, critical, sizeof(critical)))
		text_copy(critical, sizeof(critical), view->failure);
	(void)snprintf(text, sizeof(text), "complete, but not well: %s", critical);
	note(s, text);
}

static void good(struct supervisor *s)
{
	struct boot *b = &s->boot;
	bool was_safe = b->count.safe;

	if (b->count.failed > 0)
		journal(s, LOG_LEVEL_WARNING, NULL,
			"this boot is well: %u failed boots are forgotten%s", b->count.failed,
			was_safe ? "; the next boot is in normal mode" : "");
	boot_count_good(&b->count);
	keep(s);
}

static void say_put_off(struct supervisor *s)
{
	char span[32];
	struct text t = { .buf = span, .size = sizeof(span) };
	const char *why = "";
	uint64_t at = engine_put_off_until(s->engine, &why), now = now_us();

	if (s->boot.put_off_said == (at != TIME_INFINITY))
		return;
	s->boot.put_off_said = at != TIME_INFINITY;
	if (!s->boot.put_off_said)
		return;
	cause_put_time(&t, at > now ? at - now + (USEC_PER_SEC - (at - now) % USEC_PER_SEC) : 0);
	journal(s, LOG_LEVEL_ERROR, NULL, "the machine reboots in %s (RebootMinUptimeSec=): %s",
		span, why);
	note(s, why);
}

static void act(struct supervisor *s, struct boot_due due, const struct boot_view *view)
{
	if (due.culprit)
		say_culprit(s);
	if (due.late)
		late(s);
	if (due.complete)
		complete(s, view);
	if (s->boot.watch.phase == BOOT_COMPLETE && !view->well)
		not_well(s, view);
	if (due.good)
		good(s);
}

static void on_timer(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;

	s->boot.looked_at = 0;
	perform_all(s); /* which looks */
}

static void arm(struct supervisor *s, uint64_t at)
{
	uint64_t now = now_us();

	if (at == TIME_INFINITY) {
		(void)uv_timer_stop(&s->boot.timer);
		return;
	}
	uv_update_time(&s->loop);
	(void)uv_timer_start(&s->boot.timer, on_timer,
		at > now ? (at - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0, 0);
}

void boot_look(struct supervisor *s)
{
	struct boot *b = &s->boot;
	uint64_t now = now_us();
	struct boot_view view;
	struct boot_due due;

	say_put_off(s);
	if (b->watch.phase == BOOT_GOOD || b->watch.began == 0 || engine_is_ending(s->engine))
		return;
	if (now < b->looked_at + LOOK_GAP) {
		arm(s, b->looked_at + LOOK_GAP);
		return;
	}
	b->looked_at = now;
	engine_boot_view(s->engine, &view);
	due = boot_watch_look(&b->watch, settings(s), &view, now);
	act(s, due, &view);
	arm(s, boot_watch_next(&b->watch, settings(s)));
}

/* ---- begin, reload, end */

void boot_configure(struct supervisor *s)
{
	const struct manager_section *m = settings(s);

	engine_set_min_uptime(s->engine, m->reboot_min_uptime);
	engine_set_budget(s->engine, m->start_budget_burst,
		m->start_budget_interval < BUDGET_INTERVAL_MAX ? m->start_budget_interval
							       : BUDGET_INTERVAL_MAX);
}

void boot_open(struct supervisor *s)
{
	s->boot.timer.data = s;
	(void)uv_timer_init(&s->loop, &s->boot.timer);
}

void boot_adopt(struct supervisor *s)
{
	boot_configure(s);
	(void)go_on(s);
}

void boot_begin(struct supervisor *s)
{
	uint64_t now = now_us();

	boot_watch_begin(&s->boot.watch, now);
	boot_configure(s);
	count_boot(s);
	say_mode(s);
	if (s->boot.count.safe)
		engine_boot_safe(s->engine, now);
	else
		engine_boot(s->engine, now);
}

void boot_end(struct supervisor *s, bool by_operator, const char *why)
{
	if (s->boot.watch.began == 0)
		return;
	if (!by_operator) {
		note(s, why);
	} else if (s->boot.count.open) {
		boot_count_ended(&s->boot.count);
		keep(s);
	}
}

void boot_reset(struct supervisor *s)
{
	boot_count_good(&s->boot.count);
	engine_forget_put_off(s->engine);
	keep(s);
}
