#include "supervisor/core/engine/bootwatch.h"

#include "common/util.h"
#include "supervisor/core/engine/cause.h"

/* A boot that takes no longer than this needs no explanation. */
#define PATIENCE (5 * USEC_PER_SEC)

const char *boot_phase_name(enum boot_phase phase)
{
	static const char *const names[] = {
#define X(id, name) [BOOT_##id] = name,
		BOOT_PHASES(X)
#undef X
	};

	return (unsigned int)phase < ARRAY_LEN(names) ? names[phase] : "?";
}

void boot_watch_begin(struct boot_watch *w, uint64_t now)
{
	*w = (struct boot_watch){
		.began = now,
		.well_since = TIME_INFINITY,
		.say_at = now + PATIENCE,
		.pause = PATIENCE,
	};
}

/* An instant that may be never. */
static uint64_t later(uint64_t now, uint64_t span)
{
	return span >= TIME_INFINITY - now ? TIME_INFINITY : now + span;
}

static uint64_t deadline(const struct boot_watch *w, const struct manager_section *m)
{
	return w->late ? TIME_INFINITY : later(w->began, m->boot_timeout);
}

/* The pauses double up to StatusIntervalSec=: many words at first, no flood on a slow line later. */
static bool is_time_to_say(struct boot_watch *w, const struct manager_section *m, uint64_t now)
{
	if (now < w->say_at || m->show_status == SHOW_NO || m->show_status == SHOW_ERROR)
		return false;
	w->pause *= 2;
	if (w->pause > m->status_interval)
		w->pause = m->status_interval;
	w->say_at = m->status_interval == 0 ? TIME_INFINITY : later(now, w->pause);
	w->said = true;
	return true;
}

struct boot_due boot_watch_look(struct boot_watch *w, const struct manager_section *m,
	const struct boot_view *view, uint64_t now)
{
	struct boot_due due = { .culprit = false };

	if (w->phase == BOOT_BOOTING && view->complete) {
		w->phase = BOOT_COMPLETE;
		w->complete = now;
		due.complete = true;
	} else if (w->phase == BOOT_BOOTING) {
		due.late = now >= deadline(w, m);
		w->late = w->late || due.late;
		due.culprit = !due.late && is_time_to_say(w, m, now);
		if (due.late) /* which names it, too */
			w->say_at = later(now, w->pause);
	}
	if (w->phase != BOOT_COMPLETE)
		return due;
	if (!view->well)
		w->well_since = TIME_INFINITY;
	else if (w->well_since == TIME_INFINITY)
		w->well_since = now;
	if (view->well && now >= later(w->well_since, m->boot_stable)) {
		w->phase = BOOT_GOOD;
		due.good = true;
	}
	return due;
}

uint64_t boot_watch_next(const struct boot_watch *w, const struct manager_section *m)
{
	uint64_t at = TIME_INFINITY;

	if (w->phase == BOOT_BOOTING) {
		at = deadline(w, m);
		if (m->show_status != SHOW_NO && m->show_status != SHOW_ERROR && w->say_at < at)
			at = w->say_at;
	} else if (w->phase == BOOT_COMPLETE && w->well_since != TIME_INFINITY) {
		at = later(w->well_since, m->boot_stable);
	}
	return at;
}

bool boot_watch_shows(const struct boot_watch *w, const struct manager_section *m,
	const struct boot_view *view)
{
	switch ((enum show_status)m->show_status) {
	case SHOW_NO:
		return false;
	case SHOW_YES:
		return true;
	case SHOW_AUTO:
		return w->said || w->late || view->failed > 0;
	case SHOW_ERROR:
		return w->late || view->failed > 0;
	}
	return true;
}

/* Milliseconds below ten seconds say something, above they do not. */
static uint64_t rounded(uint64_t span)
{
	uint64_t unit = span < 10 * USEC_PER_SEC ? 100 * USEC_PER_MSEC : USEC_PER_SEC;

	return span < unit ? span - span % USEC_PER_MSEC : span - span % unit;
}

void boot_view_print(const struct boot_watch *w, const struct boot_view *view, char *buf,
	size_t size)
{
	struct text t = { .buf = buf, .size = size };

	text_puts(&t, "boot complete in ");
	cause_put_time(&t, rounded(w->complete - w->began));
	text_printf(&t, ": %u %s up", view->up, view->up == 1 ? "unit" : "units");
	if (view->restarting > 0)
		text_printf(&t, ", %u restarting", view->restarting);
	if (view->failed > 0)
		text_printf(&t, ", %u failed: %s", view->failed, view->failure);
	if (view->failed > 1)
		text_printf(&t, " and %u more", view->failed - 1);
}
