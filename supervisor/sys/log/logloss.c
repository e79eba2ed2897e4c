/* What a log has lost: why and since when, and the line that tells it, at the end of an interval of its limit. */
#include "supervisor/sys/log/logs.h"

#include "supervisor/core/text.h"
#include "supervisor/sys/clock.h"

#include <string.h>

void log_loss_note(struct log *log, uint64_t lost, enum spool_loss why)
{
	struct spool_unit *u = &log->logs->spool.units[log->slot];

	if (lost == 0) {
		u->since = wall_us();
		u->causes = 0;
	}
	u->causes |= why;
}

/* ": why" */
static void put_causes(struct text *t, uint32_t causes, int error)
{
	if (causes & SPOOL_LIMITED)
		text_puts(t, ": LogRateLimitBurst= allows no more");
	if (causes == 0 || (causes & SPOOL_FAILED))
		text_puts(t, ": the log could not be written");
	if (causes != SPOOL_LIMITED && error != 0)
		text_printf(t, ": %s", strerror(error));
}

void log_loss_text(const struct spool_unit *u, int error, char text[LOG_LOSS_MAX])
{
	struct text t = { .buf = text, .size = LOG_LOSS_MAX };
	char stamp[LOG_STAMP_SIZE];

	log_stamp(u->since, stamp);
	text_printf(&t, "%llu records lost since %s", (unsigned long long)u->lost, stamp);
	put_causes(&t, u->causes, error);
}

/* ---- at the end of an interval ---- */

static void on_limit(uv_timer_t *timer);

/* At the end of the interval that ends next. */
static void arm_limit(struct logs *l)
{
	uint64_t now = now_us(), next = UINT64_MAX, end;

	for (const struct log *log = l->limited; log != NULL; log = log->next_limited) {
		end = log_limit_end(&log->limit, now);
		if (end < next)
			next = end;
	}
	if (l->limited != NULL)
		(void)uv_timer_start(&l->limit, on_limit, (next - now) / USEC_PER_MSEC + 1, 0);
}

static void on_limit(uv_timer_t *timer)
{
	struct logs *l = timer->data;
	struct log **at = &l->limited, *log;

	while ((log = *at) != NULL) {
		if (log_limit_end(&log->limit, now_us()) > now_us()) {
			at = &log->next_limited;
			continue;
		}
		*at = log->next_limited;
		log->limited = false;
		log_tell_loss(log);
	}
	arm_limit(l);
}

void log_loss_tell_later(struct log *log)
{
	struct logs *l = log->logs;

	if (log->limited)
		return;
	log->limited = true;
	log->next_limited = l->limited;
	l->limited = log;
	arm_limit(l);
}

void log_loss_tell_now(struct log *log)
{
	struct log **at = &log->logs->limited;

	while (*at != NULL && *at != log)
		at = &(*at)->next_limited;
	if (*at != NULL)
		*at = log->next_limited;
	log->limited = false;
	log_tell_loss(log);
}

void log_set_limit(struct log *log, uint64_t interval, uint32_t burst)
{
	log->limit.interval = interval;
	log->limit.burst = burst;
}

void log_loss_open(struct logs *l)
{
	l->limited = NULL;
	(void)uv_timer_init(l->loop, &l->limit); /* of a loop that is there it cannot fail */
	l->limit.data = l;
}
