/*
 * The boot as a whole: what is started in safe mode, how far the boot is, whether a critical unit has failed for
 * good, and reboots that must wait until the machine was up long enough.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"
#include "supervisor/core/text.h"

#include <stdio.h>
#include <string.h>

bool engine_has_critical(const struct engine *e)
{
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		if (unit_of(e, u)->unit.critical)
			return true;
	return false;
}

void engine_boot_safe(struct engine *e, uint64_t now)
{
	e->now = e->booted = now;
	e->only_needed = true;
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		if (unit_of(e, u)->unit.critical)
			engine_want(e, WANT_START, u, false);
	e->only_needed = false;
	engine_settle(e);
}

/* ---- how far it is */

bool engine_critical_failed(const struct engine *e, char *buf, size_t size)
{
	for (uint32_t u = 0; u < e->gen.set->n; u++) {
		const struct life *l = life_of(e, u);

		if (!unit_of(e, u)->unit.critical || l->run.state != ST_FAILED ||
			l->ask == ASK_START)
			continue;
		snprintf(buf, size, "%s: %s", unit_of(e, u)->name, l->run.cause);
		return true;
	}
	if (size > 0)
		buf[0] = '\0';
	return false;
}

/* Targets are names for others: people count the others. */
static void count(const struct engine *e, uint32_t u, struct boot_view *view)
{
	const struct life *l = life_of(e, u);

	if (unit_of(e, u)->kind == KIND_TARGET)
		return;
	if (in_states(l, STATES_ACTIVE))
		view->up++;
	else if (l->run.state == ST_BACKOFF)
		view->restarting++;
	else if (l->due_since != TIME_INFINITY)
		view->starting++;
	if (l->run.state != ST_FAILED || l->due_since != TIME_INFINITY)
		return;
	if (view->failed++ == 0)
		snprintf(view->failure, sizeof(view->failure), "%s: %s", unit_of(e, u)->name,
			l->run.cause);
}

void engine_boot_view(const struct engine *e, struct boot_view *view)
{
	int target = unit_set_find(e->gen.set, BOOT_TARGET);
	const struct life *l = target >= 0 ? life_of(e, (uint32_t)target) : NULL;
	char failed[8];

	memset(view, 0, sizeof(*view));
	for (uint32_t u = 0; u < e->gen.set->n; u++)
		count(e, u, view);
	view->complete = view->starting == 0 && (l == NULL || l->due_since == TIME_INFINITY);
	/* one that is about to reboot for a fault is not well, whoever failed */
	view->well = view->complete && e->put_off.action == ACTION_NONE &&
		(l == NULL || l->run.state != ST_FAILED) &&
		!engine_critical_failed(e, failed, sizeof(failed));
}

/* ---- ends of the machine */

void engine_set_min_uptime(struct engine *e, uint64_t uptime)
{
	e->min_uptime = uptime;
}

/* The first reason is the one that people look for, so a second does not take its place. */
bool engine_put_off(struct engine *e, int action, int exit_status, const char *text)
{
	if (e->now >= e->min_uptime)
		return false;
	if (e->put_off.action != ACTION_NONE)
		return true;
	e->put_off.action = action;
	e->put_off.exit_status = exit_status;
	text_copy(e->put_off.text, sizeof(e->put_off.text), text);
	return true;
}

uint64_t engine_put_off_until(const struct engine *e, const char **text)
{
	if (e->put_off.action == ACTION_NONE || e->ending != 0)
		return TIME_INFINITY;
	if (text != NULL)
		*text = e->put_off.text;
	return e->min_uptime;
}

void engine_put_off_tick(struct engine *e)
{
	struct put_off due = e->put_off;

	if (due.action == ACTION_NONE || e->now < e->min_uptime)
		return;
	e->put_off.action = ACTION_NONE;
	engine_end(e, due.action, due.exit_status, due.text);
	engine_settle(e);
}

void engine_forget_put_off(struct engine *e)
{
	e->put_off.action = ACTION_NONE;
}

bool engine_is_ending(const struct engine *e)
{
	return e->ending != 0;
}

void engine_act(struct engine *e, int action, const char *text, uint64_t now)
{
	e->now = now;
	engine_end(e, action, 0, text);
	engine_settle(e);
}
