/* sup.conf: one section, all faults are told, and a key with a bad value keeps its default. */
#include "supervisor/core/keys/known.h"
#include "supervisor/core/unit/unitfile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECTION "Manager"
#define WHY_MAX 400

struct reading {
	struct arena *arena;
	const char *path;
	struct manager_section *manager;
	const struct ini_file *ini;
	struct fault_list *faults;
	bool skip_section;
};

__attribute__((format(printf, 4, 5))) static void fault(struct reading *r, enum fault_level level,
	struct ini_place at, const char *fmt, ...)
{
	struct unit_fault f = {
		.level = level, .path = r->path, .line = at.line, .column = at.column
	};
	char message[WHY_MAX + 100];
	va_list ap;

	if (r->faults->n > FAULTS_OF_A_FILE)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	f.message = r->faults->n == FAULTS_OF_A_FILE ? "more faults of this file are not shown"
						     : arena_strdup(r->arena, message);
	unit_fault_add(r->arena, r->faults, NULL, &f);
}

static void on_section(void *user, const char *name, struct ini_place at)
{
	struct reading *r = user;

	r->skip_section = strcmp(name, SECTION) != 0;
	if (r->skip_section && strncmp(name, "X-", 2) != 0)
		fault(r, FAULT_ERROR, at,
			"[%s] does not belong into " MANAGER_FILE ", which has [" SECTION "]",
			name);
}

static void unknown_key(struct reading *r, const char *name, struct ini_place at)
{
	const char *instead = key_known_elsewhere(SECTION, name);
	const char *nearest = key_suggest(KIND_MANAGER_FILE, SECTION, name);

	if (instead != NULL)
		fault(r, FAULT_WARNING, at, "%s= is not done here%s%s", name,
			*instead != '\0' ? "; " : "", instead);
	else if (nearest != NULL)
		fault(r, FAULT_ERROR, at, "unknown key %s= in [" SECTION "]; did you mean %s=?",
			name, nearest);
	else
		fault(r, FAULT_ERROR, at, "unknown key %s= in [" SECTION "]", name);
}

static void on_entry(void *user, const char *section, const char *name, const char *value,
	struct ini_place at)
{
	struct reading *r = user;
	char why[WHY_MAX] = "";
	const struct key *key;
	size_t offset = 0;

	if (r->skip_section || strncmp(name, "X-", 2) == 0)
		return;
	key = key_find(KIND_MANAGER_FILE, section, name);
	if (key == NULL) {
		unknown_key(r, name, at);
		return;
	}
	if (*value != '\0' &&
		key_set(r->arena, key, r->manager, value, why, sizeof(why), &offset) == 0)
		return;
	key_reset(r->arena, key, r->manager);
	if (*value != '\0')
		fault(r, FAULT_ERROR, ini_value_place(r->ini, at.line, offset), "%s=: %s",
			key_name(key), why);
}

static void on_fault(void *user, struct ini_place at, const char *message)
{
	fault(user, FAULT_ERROR, at, "%s", message);
}

void manager_defaults(struct arena *a, struct manager_section *m)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < n_keys; i++)
		if ((keys[i].kinds & KIND_MANAGER_FILE) != 0)
			key_reset(a, &keys[i], m);
}

void manager_file_read(struct arena *a, const struct unit_text *text, struct manager_section *m,
	struct fault_list *faults)
{
	struct reading r = {
		.arena = a,
		.path = arena_strdup(a, text->path),
		.manager = m,
		.faults = faults,
		.skip_section = true,
	};
	const struct ini_events events = { &r, on_section, on_entry, on_fault };

	if (text->unreadable != NULL)
		fault(&r, FAULT_ERROR, (struct ini_place){ 0, 0 }, "cannot be read: %s",
			text->unreadable);
	else
		ini_read(text->text, text->size, &events, &r.ini);
}

void manager_apply(const struct manager_section *m, struct unit *unit)
{
	unit->unit.start_limit_interval = m->start_limit_interval;
	unit->unit.start_limit_burst = m->start_limit_burst;
	unit->mount.timeout = m->timeout_start;
	if (unit->kind != KIND_CONTAINER && unit->kind != KIND_SERVICE)
		return;
	unit->service.timeout_start = m->timeout_start;
	unit->service.timeout_stop = m->timeout_stop;
	unit->service.restart_sec = m->restart_sec;
	unit->service.tasks_max = m->tasks_max;
	if (unit->kind == KIND_CONTAINER && unit->container.stop_timeout > m->timeout_stop)
		unit->container.stop_timeout = m->timeout_stop;
}
