/*
 * What the keys of a .mount come to: rules between them, and the two commands that do its work. They are processes of the
 * unit like those of a oneshot service that stays active: mount(2) and umount(2) may wait for a disk or a server
 * for ever, which then is a process that is killed when it is late, and nothing else waits. The program is the supervisor's
 * own (supervisor/mount.c), so that no machine needs mount(8).
 */
#include "common/util.h"
#include "supervisor/core/unit/mountoptions.h"
#include "supervisor/core/unit/unitfile.h"

#include <string.h>

#define MEMBER(m) offsetof(struct unit, m)
/* The process that is to become the command is a copy of the supervisor. */
#define PROGRAM "/proc/self/exe"

/* ---- rules */

/* Without "/" at the end, or more than one at a place, or "." for nothing. */
static const char *simple_path(struct arena *a, const char *path)
{
	char *copy = arena_alloc(a, strlen(path) + 2);
	size_t n = 0;

	for (const char *p = path; *p != '\0';) {
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len > 0 && !(len == 1 && *p == '.')) {
			copy[n++] = '/';
			memcpy(copy + n, p, len);
			n += len;
		}
		p += len;
	}
	if (n == 0)
		copy[n++] = '/';
	copy[n] = '\0';
	return copy;
}

static void check_where(struct unit_loader *l)
{
	static const char *const taken[] = { "/", "/proc", "/sys", "/dev", "/run",
		"/sys/fs/cgroup" };
	const char *where = l->unit->mount.where;
	char name[UNIT_NAME_MAX];

	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (strcmp(where, taken[i]) == 0) {
			loader_complain(l, FAULT_ERROR, MEMBER(mount.where),
				"Where=: %s is mounted by init", where);
			return;
		}
	if (unit_name_of_path(where, KIND_MOUNT, name) < 0)
		loader_complain(l, FAULT_ERROR, MEMBER(mount.where),
			"Where=: %s is too long for the name of a unit", where);
	else if (strcmp(name, l->unit->name) != 0)
		loader_complain(l, FAULT_ERROR, MEMBER(mount.where),
			"Where=%s: the name of the unit has to be %s", where, name);
}

static void check_what(struct unit_loader *l)
{
	static const char *const tags[] = { "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID=" };
	const char *what = l->unit->mount.what;

	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (strncmp(what, tags[i], strlen(tags[i])) == 0)
			loader_complain(l, FAULT_ERROR, MEMBER(mount.what),
				"What=%s: nothing looks for such words here; name the device, as "
				"/dev/vda1",
				what);
}

static void check_options(struct unit_loader *l, struct mount_options *o)
{
	const char *rest = l->unit->mount.options, *word;
	enum option_use use;
	size_t len;

	while (rest != NULL && mount_option_next(o, &rest, &word, &len, &use)) {
		if (use == OPTION_REFUSED)
			loader_complain(l, FAULT_ERROR, MEMBER(mount.options),
				"Options=: \"%.*s\" is nothing that a unit could do", (int)len,
				word);
		else if (use == OPTION_IDLE)
			loader_complain(l, FAULT_WARNING, MEMBER(mount.options),
				"Options=: \"%.*s\" does nothing here", (int)len, word);
	}
	if (o->bind && l->unit->mount.what != NULL && l->unit->mount.what[0] != '/')
		loader_complain(l, FAULT_ERROR, MEMBER(mount.what),
			"What=%s: Options=bind needs an absolute path", l->unit->mount.what);
}

/* ---- the commands */

static const char *timeout_text(struct arena *a, uint64_t usec)
{
	/* a device that does not come is to be told of by who waits for it: a little before it is killed for being late */
	uint64_t ms = usec / USEC_PER_MSEC;

	if (usec == TIME_INFINITY)
		return "-1";
	return arena_printf(a, "%llu", (unsigned long long)(ms - ms / 10));
}

static void put_command(struct arena *a, struct commands *list, const char *const *argv, size_t n)
{
	struct command *c = arena_alloc(a, sizeof(*c));

	*c = (struct command){ .path = PROGRAM, .literal = true };
	for (size_t i = 0; i < n; i++)
		strv_add(a, &c->argv, argv[i]);
	*list = (struct commands){ .v = c, .n = 1 };
}

static void put_commands(struct arena *a, struct unit *u, const struct mount_options *o)
{
	const struct mount_section *m = &u->mount;
	const char *type = o->bind ? "bind" : m->type != NULL ? m->type : "auto";
	const char *const up[] = { "supervisor", "mount", m->what, m->where, type,
		m->options != NULL ? m->options : "defaults",
		arena_printf(a, "%04o", m->directory_mode), timeout_text(a, m->timeout),
		m->read_write_only ? "rw" : "ro-too" };
	const char *const down[] = { "supervisor", "unmount", m->where,
		m->lazy_unmount ? "lazy" : "now", m->force_unmount ? "force" : "ask" };

	put_command(a, &u->service.exec_start, up, ARRAY_LEN(up));
	put_command(a, &u->service.exec_stop, down, ARRAY_LEN(down));
}

void mount_unit_finish(struct unit_loader *l)
{
	struct mount_options o = { .flags = 0 };
	struct unit *u = l->unit;
	struct mount_section *m = &u->mount;
	struct service_section *s = &u->service;

	if (m->timeout == 0)
		m->timeout = TIME_INFINITY;
	s->type = TYPE_ONESHOT;
	s->remain_after_exit = true;
	s->timeout_start = s->timeout_stop = s->timeout_abort = m->timeout;
	s->oom_policy = OOM_CONTINUE;
	if (m->what == NULL && loader_origin(l, MEMBER(mount.what)) == NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(mount.what), "there is no What= in [Mount]");
	if (m->where == NULL && loader_origin(l, MEMBER(mount.where)) == NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(mount.where),
			"there is no Where= in [Mount]");
	if (m->what != NULL)
		check_what(l);
	if (m->where != NULL) {
		m->where = simple_path(l->arena, m->where);
		check_where(l);
	}
	check_options(l, &o);
	if (m->what != NULL && m->where != NULL)
		put_commands(l->arena, u, &o);
}
