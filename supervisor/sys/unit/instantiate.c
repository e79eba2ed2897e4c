/*
 * An instance of a template that an operator starts, when no unit of that name is in the set in force: the set is made
 * again with it, of the texts that it was made of, and swapped in; then the command goes on. Each such instance has an empty
 * file in /run/sup/instances, so that a reload, and a supervisor after this one, know it.
 */
#include "supervisor/sys/unit/instantiate.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/change.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM (sizeof(PATH_INSTANCES) + UNIT_NAME_MAX + 1)

static void record_path(const char *unit, char path[PATH_ROOM])
{
	(void)snprintf(path, PATH_ROOM, "%s/%s", PATH_INSTANCES, unit);
}

/* Without the record the instance runs all the same, and is gone with the next reload. */
static void record(struct supervisor *s, const char *unit)
{
	char path[PATH_ROOM];
	cleanup_fd int fd = -1;

	record_path(unit, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		journal(s, LOG_LEVEL_WARNING, unit, "%s: %s, a reload will not know this instance",
			path, strerror(errno));
}

static bool is_wished(const struct supervisor *s, const char *unit)
{
	for (const struct wish *w = s->wishes; w != NULL; w = w->next)
		if (strcmp(w->unit, unit) == 0)
			return true;
	return false;
}

/* One that was stopped, or whose template is gone. A failure is kept for who looks at it. */
static bool is_over(const struct supervisor *s, const char *unit)
{
	int index = unit_set_find(s->set, unit);
	const struct run *run = index >= 0 ? engine_run(s->engine, (uint32_t)index) : NULL;

	if (is_wished(s, unit))
		return false;
	return run == NULL || (run->state == ST_INACTIVE && !run->wanted);
}

void instances_forget(struct supervisor *s)
{
	DIR *d = opendir(PATH_INSTANCES);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (unit_name_check(entry->d_name) == 0 && is_over(s, entry->d_name))
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
}

/* ---- the swap ---- */

/* Another set that waits to come into force goes first. */
static void begin(struct supervisor *s)
{
	const char **names;
	size_t n = 0;

	if (s->wishes == NULL || s->next != NULL)
		return;
	for (const struct wish *w = s->wishes; w != NULL; w = w->next)
		n++;
	names = calloc(n, sizeof(*names));
	n = 0;
	for (struct wish *w = s->wishes; names != NULL && w != NULL; w = w->next) {
		names[n++] = w->unit;
		w->tried = true;
	}
	if (names != NULL)
		s->next = load_instances(s->set, names, n);
	free((void *)names);
	if (s->next == NULL)
		return;
	KILL_POINT("instance-loaded");
	unit_changes_carry(s->set, s->next);
	engine_reload(s->engine, s->next, 0, now_us());
	perform_all(s);
}

void instances_swapped(struct supervisor *s)
{
	struct wish **at = &s->wishes;

	while (*at != NULL) {
		struct wish *w = *at;
		int index = unit_set_find(s->set, w->unit);
		struct event event = { .kind = w->kind, .job = w->job };

		if (index < 0 && !w->tried) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		event.unit = (uint32_t)index;
		if (index >= 0)
			engine_event(s->engine, &event, now_us());
		else
			control_job_done(s, w->job, ENOENT, "its template is gone");
		free(w);
	}
	begin(s);
}

void instance_wish(struct supervisor *s, const char *unit, enum event_kind kind, uint32_t job)
{
	struct wish *w = calloc(1, sizeof(*w)), **at = &s->wishes;

	if (w == NULL) {
		control_job_done(s, job, ENOMEM, "no memory");
		return;
	}
	if (s->ending != 0) {
		free(w);
		control_job_done(s, job, ESHUTDOWN, "the machine is going down");
		return;
	}
	text_copy(w->unit, sizeof(w->unit), unit);
	w->kind = kind;
	w->job = job;
	while (*at != NULL)
		at = &(*at)->next;
	*at = w;
	KILL_POINT("instance-wished");
	record(s, unit);
	KILL_POINT("instance-recorded");
	begin(s);
}
