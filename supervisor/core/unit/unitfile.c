#include "supervisor/core/unit/unitfile.h"

#include "supervisor/core/keys/known.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHY_MAX 400

/* ---- faults ---- */

static const char *broken_text(struct arena *a, const struct unit_fault *fault)
{
	if (fault->path == NULL)
		return fault->message;
	if (fault->line == 0)
		return arena_printf(a, "%s: %s", fault->path, fault->message);
	return arena_printf(a, "%s:%u:%u: %s", fault->path, fault->line, fault->column,
		fault->message);
}

void unit_fault_add(struct arena *a, struct fault_list *faults, struct unit *unit,
	const struct unit_fault *fault)
{
	const struct unit_fault *last = faults->n > 0 ? &faults->v[faults->n - 1] : fault;
	struct unit_fault *added;

	/* A line may have a name twice. */
	if (last != fault && fault->line != 0 && last->line == fault->line &&
		last->path == fault->path && strcmp(last->message, fault->message) == 0)
		return;
	added = LIST_ADD(a, faults);
	*added = *fault;
	if (unit == NULL)
		return;
	added->unit = unit->name;
	if (fault->level == FAULT_ERROR && unit->broken == NULL)
		unit->broken = broken_text(a, fault);
}

__attribute__((format(printf, 4, 5))) static void fault(struct unit_loader *l,
	enum fault_level level, struct ini_place at, const char *fmt, ...)
{
	size_t count = l->faults->n - l->faults_before;
	struct unit_fault f = {
		.level = level, .path = l->path, .line = at.line, .column = at.column
	};
	char message[WHY_MAX + 200];
	va_list ap;

	if (count > FAULTS_OF_A_FILE)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	f.message = count == FAULTS_OF_A_FILE ? "more faults of this file are not shown"
					      : arena_strdup(l->arena, message);
	unit_fault_add(l->arena, l->faults, l->unit, &f);
}

/* ---- sections ---- */

static bool is_extension(const char *name)
{
	return strncmp(name, "X-", 2) == 0;
}

/* Bits of the kinds that have such a section. */
static uint32_t section_kinds(const char *section)
{
	uint32_t kinds = 0;

	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(key_section(&keys[i]), section) == 0)
			kinds |= keys[i].kinds;
	return kinds & ((1u << KIND_COUNT) - 1);
}

static void on_section(void *user, const char *name, struct ini_place at)
{
	struct unit_loader *l = user;
	uint32_t kinds = section_kinds(name), own = 1u << l->unit->kind;
	const char *kind = unit_kind_name(l->unit->kind), *instead, *nearest;

	l->skip_section = (kinds & own) == 0;
	if (!l->skip_section || is_extension(name))
		return;
	/* Quadlet makes a service of each of its files, so this one is right there and idle here. */
	if (kinds != 0 && (kinds & KINDS(SERVICE)) != 0) {
		fault(l, FAULT_WARNING, at, "[%s] does nothing in a .%s file", name, kind);
		return;
	}
	if (kinds != 0) {
		fault(l, FAULT_ERROR, at, "[%s] does not belong into a .%s file", name, kind);
		return;
	}
	instead = section_known_elsewhere(name);
	if (instead != NULL) {
		fault(l, FAULT_WARNING, at, "[%s] is not done here%s%s", name,
			*instead != '\0' ? "; " : "", instead);
		return;
	}
	nearest = key_suggest(own, name, NULL);
	if (nearest != NULL)
		fault(l, FAULT_ERROR, at, "unknown section [%s]; did you mean [%s]?", name,
			nearest);
	else
		fault(l, FAULT_ERROR, at, "unknown section [%s]", name);
}

/* ---- keys ---- */

/* A row of that name in any other section of this kind. */
static const struct key *elsewhere(const struct unit_loader *l, const char *name)
{
	for (size_t i = 0; i < n_keys; i++)
		if ((keys[i].kinds & 1u << l->unit->kind) != 0 &&
			strcmp(key_name(&keys[i]), name) == 0)
			return &keys[i];
	return NULL;
}

/* A row of that name in the same section, for other kinds. */
static const struct key *other_kind(const char *section, const char *name)
{
	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(key_section(&keys[i]), section) == 0 &&
			strcmp(key_name(&keys[i]), name) == 0)
			return &keys[i];
	return NULL;
}

static bool is_of_sandbox(const struct key *key)
{
	size_t first = offsetof(struct unit, service.sandbox);

	return key->offset >= first && key->offset < first + sizeof(struct sandbox);
}

static void unknown_key(struct unit_loader *l, const char *section, const char *name,
	struct ini_place at)
{
	const struct key *here = elsewhere(l, name), *other = other_kind(section, name);
	const char *instead = key_known_elsewhere(section, name), *nearest;
	const char *kind = unit_kind_name(l->unit->kind);

	if (instead != NULL && here != NULL) {
		fault(l, FAULT_WARNING, at, "%s= is not done in [%s]; use it in [%s]", name,
			section, key_section(here));
		return;
	}
	if (instead != NULL) {
		fault(l, FAULT_WARNING, at, "%s= is not done here%s%s", name,
			*instead != '\0' ? "; " : "", instead);
		return;
	}
	/* a unit for Quadlet may confine the program of the engine so, which is not there */
	if (other != NULL && is_of_sandbox(other) && l->unit->kind == KIND_CONTAINER) {
		fault(l, FAULT_WARNING, at,
			"%s= is for .service files; a container has a root, namespaces and capabilities of its own%s%s",
			name, here != NULL ? ", see [Container] " : "",
			here != NULL ? key_name(here) : "");
		return;
	}
	if (here != NULL) {
		fault(l, FAULT_ERROR, at, "%s= belongs in [%s]", name, key_section(here));
		return;
	}
	if (other != NULL) {
		fault(l, FAULT_ERROR, at, "%s= in [%s] is not for .%s files", name, section, kind);
		return;
	}
	nearest = key_suggest(1u << l->unit->kind, section, name);
	if (nearest != NULL)
		fault(l, FAULT_ERROR, at, "unknown key %s= in [%s]; did you mean %s=?", name,
			section, nearest);
	else
		fault(l, FAULT_ERROR, at, "unknown key %s= in [%s]", name, section);
}

/* before: where the key stood until now. */
static void set_value(struct unit_loader *l, const struct key *key, const char *value,
	struct ini_place at, const struct origin *before)
{
	char why[WHY_MAX] = "";
	size_t offset = 0;
	int status = -1;
	const char *expanded = value;
	enum fault_level level = FAULT_ERROR;

	if (key_type(key)->specifiers)
		expanded = specifiers_expand(l->arena, &l->scope, value, key_type(key)->quoted, why,
			sizeof(why), &offset);
	if (expanded != NULL)
		status = key_set(l->arena, key, l->unit, expanded, why, sizeof(why), &offset);
	if (status == 0) {
		if (why[0] == '\0')
			return;
		level = FAULT_WARNING;
	}
	if (l->trial && expanded != value && expanded != NULL)
		return;
	/* Where specifiers were replaced, offsets are not those of the file. */
	if (expanded != value && expanded != NULL)
		offset = 0;
	at = ini_value_place(l->ini, at.line, offset);
	if (status == KEY_SECOND && before->path != NULL)
		fault(l, level, at, "%s=: %s (the one before stands at %s:%u:%u)", key_name(key),
			why, before->path, before->at.line, before->at.column);
	else
		fault(l, level, at, "%s=: %s", key_name(key), why);
}

static void on_entry(void *user, const char *section, const char *name, const char *value,
	struct ini_place at)
{
	struct unit_loader *l = user;
	struct origin *origin, before;
	const struct key *key;
	const char *refused;

	if (l->skip_section || is_extension(name))
		return;
	refused = word_refused(section, name, value);
	if (refused != NULL) {
		fault(l, FAULT_ERROR, at, "%s=%s is refused: %s", name, value, refused);
		return;
	}
	key = key_find(1u << l->unit->kind, section, name);
	if (key == NULL) {
		unknown_key(l, section, name, at);
		return;
	}
	origin = &l->origins[key - keys];
	if (*value == '\0' && !key_type(key)->takes_empty) {
		key_reset(l->arena, key, l->unit);
		*origin = (struct origin){ .path = NULL };
		return;
	}
	if (!key_type(key)->list && origin->path == l->path)
		fault(l, FAULT_WARNING, at, "%s= is given twice, only this one counts", name);
	before = *origin;
	*origin = (struct origin){ .path = l->path, .at = at, .order = ++l->given };
	set_value(l, key, value, at, &before);
}

static void on_fault(void *user, struct ini_place at, const char *message)
{
	fault(user, FAULT_ERROR, at, "%s", message);
}

/* ---- the unit ---- */

/* FNV-1a; tells texts apart, is no protection. */
static uint64_t digest(uint64_t hash, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

void unit_file_read(struct unit_loader *l, const struct unit_text *text)
{
	const struct ini_events events = { l, on_section, on_entry, on_fault };

	l->path = arena_strdup(l->arena, text->path);
	l->faults_before = l->faults->n;
	l->skip_section = true;
	if (text->unreadable != NULL) {
		fault(l, FAULT_ERROR, (struct ini_place){ 0, 0 }, "cannot be read: %s",
			text->unreadable);
		return;
	}
	l->unit->text = digest(l->unit->text, text->text, text->size);
	ini_read(text->text, text->size, &events, &l->ini);
	l->ini = NULL;
}

const struct origin *loader_origin(const struct unit_loader *l, size_t member)
{
	const struct origin *last = NULL;

	for (size_t i = 0; i < n_keys; i++)
		if (l->origins[i].path != NULL && keys[i].offset <= member &&
			member < keys[i].offset + keys[i].size &&
			(last == NULL || l->origins[i].order > last->order))
			last = &l->origins[i];
	return last;
}

void loader_complain(struct unit_loader *l, enum fault_level level, size_t member, const char *fmt,
	...)
{
	const struct origin *origin = loader_origin(l, member);
	struct unit_fault f = { .level = level, .path = l->unit->file };
	char message[WHY_MAX];
	va_list ap;

	if (origin != NULL) {
		f.path = origin->path;
		f.line = origin->at.line;
		f.column = origin->at.column;
	}
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	f.message = arena_strdup(l->arena, message);
	unit_fault_add(l->arena, l->faults, l->unit, &f);
}

void unit_defaults(struct arena *a, enum unit_kind kind, struct unit *unit)
{
	/* the commands of a mount run as those of a service */
	uint32_t kinds = 1u << kind | (kind == KIND_MOUNT ? KINDS(SERVICE) : 0);

	memset(unit, 0, sizeof(*unit));
	unit->kind = kind;
	for (size_t i = 0; i < n_keys; i++)
		if ((keys[i].kinds & kinds) != 0)
			key_reset(a, &keys[i], unit);
}

/* Defaults that hang on what other keys say. */
void unit_file_finish(struct unit_loader *l)
{
	struct unit *u = l->unit;
	struct service_section *s = &u->service;

	if (u->kind == KIND_CONTAINER && u->container.notify == NOTIFY_TRUE &&
		loader_origin(l, offsetof(struct unit, service.type)) == NULL)
		s->type = TYPE_NOTIFY;
	if (s->type == TYPE_ONESHOT &&
		loader_origin(l, offsetof(struct unit, service.timeout_start)) == NULL)
		s->timeout_start = TIME_INFINITY;
	/* Podman's limit is within systemd's: the shorter of the two defaults, unless TimeoutStopSec= is written */
	if (u->kind == KIND_CONTAINER &&
		loader_origin(l, offsetof(struct unit, service.timeout_stop)) == NULL)
		s->timeout_stop = u->container.stop_timeout;
	if (loader_origin(l, offsetof(struct unit, service.timeout_abort)) == NULL)
		s->timeout_abort = s->timeout_stop;
	if (s->notify_access == ACCESS_UNSET &&
		(s->type == TYPE_NOTIFY || s->type == TYPE_NOTIFY_RELOAD || s->watchdog != 0))
		s->notify_access = u->kind == KIND_CONTAINER ? ACCESS_ALL : ACCESS_MAIN;
	else if (s->notify_access == ACCESS_UNSET)
		s->notify_access = ACCESS_NONE;
	if (u->kind == KIND_MOUNT)
		mount_unit_finish(l);
	unit_check(l);
}
