#include "supervisor/core/plan/audit.h"

#include "common/mountinfo.h"
#include "common/util.h"
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/plan/plan_parts.h"
#include "supervisor/core/unit/names.h"

#include <linux/mount.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>

struct auditor {
	struct audit *audit;
	const struct unit *u;
	const struct plan *p;
	const struct audit_facts *facts;
	struct arena *a;
};

/* ---- rows ---- */

static void add(struct auditor *at, const char *what, const char *has, const char *declared,
	bool differs)
{
	struct audit *audit = at->audit;

	if (audit->n_rows == AUDIT_ROWS_MAX) {
		audit->more++;
		return;
	}
	audit->rows[audit->n_rows++] = (struct audit_row){ what, has, declared, differs };
}

static void compare(struct auditor *at, const char *what, const char *has, const char *declared)
{
	add(at, what, has, declared, strcmp(has, declared) != 0);
}

static void advise(struct auditor *at, const char *key, const char *value, const char *why)
{
	strv_add(at->a, &at->audit->advice, arena_printf(at->a, "%s=%s  # %s", key, value, why));
}

/* ---- /proc/PID/status ---- */

/* The value of a line, blanks as one; "" when the kernel has no such line. */
static const char *field_of(const struct auditor *at, const char *line, const char *name)
{
	size_t n = strlen(name), used = 0;
	char *value;

	while (line != NULL && (strncmp(line, name, n) != 0 || line[n] != ':')) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (line == NULL)
		return "";
	line += n + 1;
	line += strspn(line, " \t");
	value = arena_strndup(at->a, line, strcspn(line, "\n"));
	for (const char *from = value; *from != '\0'; from++)
		if (*from != '\t' || (used > 0 && value[used - 1] != ' '))
			value[used++] = (char)(*from == '\t' ? ' ' : *from);
	while (used > 0 && value[used - 1] == ' ')
		used--;
	value[used] = '\0';
	return value;
}

static const char *status_of(const struct auditor *at, const char *name)
{
	return field_of(at, at->facts->status, name);
}

static uint64_t number(const char *s, uint64_t base)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t value = 0;

	for (const char *d; *s != '\0' && (d = strchr(digits, *s)) != NULL; s++)
		value = value * base + (uint64_t)(d - digits);
	return value;
}

static uint64_t hex(const char *s)
{
	return number(s, 16);
}

static const char *capabilities(struct auditor *at, uint64_t set)
{
	char names[CAPABILITY_COUNT * 24] = "";
	struct text t = { names, sizeof(names), 0 };

	plan_put_capabilities(&t, set & CAPABILITY_ALL);
	return arena_strdup(at->a, names);
}

static bool is_fixed(const struct auditor *at)
{
	return strcmp(status_of(at, "NoNewPrivs"), "1") == 0;
}

static void audit_capabilities(struct auditor *at)
{
	static const struct {
		const char *field, *what;
	} sets[] = { { "CapBnd", "bounding" }, { "CapPrm", "permitted" }, { "CapEff", "effective" },
		{ "CapInh", "inheritable" }, { "CapAmb", "ambient" } };
	const struct plan *p = at->p;

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		uint64_t has = hex(status_of(at, sets[i].field));
		uint64_t declared = i == 0 ? p->capabilities : p->ambient;

		/* what a process of root is given; one of another user has what is ambient */
		if ((i == 1 || i == 2) && has != declared && p->ambient == 0)
			declared = p->capabilities;
		/* what a process has of it may have become less by its own will */
		add(at, sets[i].what, capabilities(at, has), capabilities(at, declared),
			(has & ~declared) != 0 || (i == 0 && (declared & ~has) != 0));
	}
}

/* Those that the supervisor was given by others, it and all units have in common. */
static uint64_t filters(const struct auditor *at, const char *status)
{
	return number(field_of(at, status, "Seccomp_filters"), 10);
}

static void audit_seccomp(struct auditor *at)
{
	const struct plan *p = at->p;
	bool profile = p->profile_name != NULL && strcmp(p->profile_name, "unconfined") != 0;
	uint64_t wanted = (uint64_t)profile + (p->filter_keys != NULL);
	uint64_t has = filters(at, at->facts->status) - filters(at, at->facts->own_status);
	const char *declared = p->profile_name != NULL ? p->profile_name : "none", *text;

	if (p->filter_keys != NULL)
		declared = p->profile_name == NULL
			? "keys of [Service]"
			: arena_printf(at->a, "%s, keys of [Service]", declared);
	text = has == wanted
		? declared
		: arena_printf(at->a, "%u of %u filters", (unsigned int)has, (unsigned int)wanted);
	/* a program may well load more of its own */
	add(at, "seccomp",
		has > wanted ? arena_printf(at->a, "%s, more of its own", declared) : text,
		declared, has < wanted);
}

/* The same number four times over is said once. */
static const char *id(struct auditor *at, const char *field)
{
	char *ids = arena_strdup(at->a, status_of(at, field));
	size_t n = strcspn(ids, " ");

	if (strlen(ids) == 4 * n + 3 && strncmp(ids, ids + n + 1, 3 * n + 2) == 0)
		ids[n] = '\0';
	return ids;
}

static void audit_status(struct auditor *at)
{
	bool fixed = is_fixed(at);

	add(at, "uid", id(at, "Uid"), at->p->user != NULL ? at->p->user : "0", false);
	add(at, "gid", id(at, "Gid"), at->p->group, false);
	add(at, "groups", status_of(at, "Groups"), NULL, false);
	audit_capabilities(at);
	/* who may load its filter only so gets it unasked */
	add(at, "no-new-privs", fixed ? "yes" : "no", at->p->no_new_privileges ? "yes" : "no",
		at->p->no_new_privileges && !fixed);
	audit_seccomp(at);
	if (at->p->n_landlock > 0)
		add(at, "landlock", "declared; no kernel tells it", NULL, false);
	add(at, "descriptors", arena_printf(at->a, "%u", at->facts->descriptors), NULL, false);
}

/* ---- namespaces ---- */

static bool is_own(const struct audit_facts *f, enum audit_namespace i)
{
	return f->ns[i] != 0 && f->ns[i] != f->host_ns[i];
}

/* Also one that could not be made; who shares the network of another container has what that has. */
static bool has_ids(const struct auditor *at)
{
	const char *why;

	return at->p->ids != NULL ||
		(at->p->container && ids_mode(at->u, &why) != USERNS_HOST &&
			unit_network_mode(at->u) != NETWORK_CONTAINER);
}

static const char *map_text(struct auditor *at, const struct id_map *map)
{
	size_t size = map->n * 36 + 1;
	struct text t = { arena_alloc(at->a, size), size, 0 };

	id_map_put(&t, map);
	return t.buf;
}

/* The kernel has its lines in an order of its own. */
static bool is_same_map(const struct id_map *a, const struct id_map *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			same += memcmp(&a->v[i], &b->v[k], sizeof(*a->v)) == 0;
	return same == a->n && same == b->n;
}

static void audit_map(struct auditor *at, const char *what, const char *text, const char *own,
	const struct id_map *declared)
{
	struct id_map has = { 0 }, ours = { 0 };

	id_map_read(&has, text, at->a);
	id_map_read(&ours, own, at->a);
	if (declared == NULL)
		declared = &ours;
	add(at, what, map_text(at, &has), map_text(at, declared), !is_same_map(&has, declared));
}

static void audit_namespaces(struct auditor *at)
{
	static const struct {
		const char *what;
		uint64_t flag;
	} all[] = {
#define X(name, flag) [NS_##name] = { "namespace " #name, flag },
		NAMESPACES(X)
#undef X
	};
	const struct plan *p = at->p;

	for (enum audit_namespace i = 0; i < NS_COUNT; i++) {
		bool planned = (p->clone_flags & all[i].flag) != 0 ||
			(i == NS_net && p->own_network) || (i == NS_cgroup && p->cgroup_ns);
		const char *has = at->facts->ns[i] == 0 ? "not known"
			: is_own(at->facts, i)          ? "own"
							: "the host's";

		if (i == NS_user)
			planned = has_ids(at);
		compare(at, all[i].what, has, planned ? "own" : "the host's");
	}
	if (at->p->ids_why != NULL)
		add(at, "no user namespace", at->p->ids_why, NULL, false);
	audit_map(at, "uid-map", at->facts->uid_map, at->facts->own_uid_map,
		p->ids != NULL ? &p->ids->uid : NULL);
	audit_map(at, "gid-map", at->facts->gid_map, at->facts->own_gid_map,
		p->ids != NULL ? &p->ids->gid : NULL);
}

/* ---- mounts ---- */

static bool has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = options; (s = strstr(s, name)) != NULL; s += n)
		if ((s == options || s[-1] == ',') && (s[n] == ',' || s[n] == '\0'))
			return true;
	return false;
}

static bool is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	return n == 1 || (strncmp(path, above, n) == 0 && path[n] == '/');
}

/* Mounts with nothing to say are named in one row for all of a sort. */
enum sort { SORT_WRITABLE, SORT_READ_ONLY, SORT_HIDDEN, SORT_DEVICE, SORT_COUNT };
static const char *const sort_names[] = {
	[SORT_WRITABLE] = "writable",
	[SORT_READ_ONLY] = "read-only",
	[SORT_HIDDEN] = "hidden",
	[SORT_DEVICE] = "device nodes",
};

static enum sort sort_of(const struct plan *p, const struct mount_op *op, const struct mountinfo *m)
{
	bool writable = has_option(m->options, "rw") && !has_option(m->super, "ro");

	if (op != NULL && op->kind == OP_MASK && (!writable || strstr(m->root, "/null") != NULL))
		return SORT_HIDDEN;
	if (op != NULL && p->container && op->cls == CLASS_DEV &&
		(op->kind == OP_NODE || op->kind == OP_BIND))
		return SORT_DEVICE;
	return writable ? SORT_WRITABLE : SORT_READ_ONLY;
}

/* The last operation of the plan at that place, or the recursive one above it. */
static const struct mount_op *planned_at(const struct plan *p, const char *place)
{
	const struct mount_op *found = NULL;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct mount_op *op = &p->mounts[i];

		if (strcmp(op->target, place) == 0 ||
			(op->kind == OP_BIND && op->recursive && found == NULL &&
				is_below(place, op->target)))
			found = op;
	}
	return found;
}

/* What the plan asks for and is not there. */
static const char *lacks(const struct mount_op *op, const struct mountinfo *m)
{
	static const struct {
		uint64_t attr;
		const char *name;
	} flags[] = { { MOUNT_ATTR_RDONLY, "ro" }, { MOUNT_ATTR_NOSUID, "nosuid" },
		{ MOUNT_ATTR_NODEV, "nodev" }, { MOUNT_ATTR_NOEXEC, "noexec" } };

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if ((op->attr & flags[i].attr) != 0 && !has_option(m->options, flags[i].name))
			return flags[i].name;
	return NULL;
}

static void audit_mount(struct auditor *at, const struct mountinfo *m, struct text *sorts)
{
	const struct mount_op *op = planned_at(at->p, m->place);
	const char *missing = op != NULL && strcmp(op->target, m->place) == 0 ? lacks(op, m) : NULL;
	enum sort sort = sort_of(at->p, op, m);
	const char *declared = op == NULL                    ? "no such mount"
		: missing != NULL                            ? missing
		: op->kind == OP_MASK && sort != SORT_HIDDEN ? "hidden"
							     : "";

	if (sort == SORT_WRITABLE || *declared != '\0') {
		add(at, sort_names[sort],
			arena_printf(at->a, "%s %s %s", m->place, m->type, m->options), declared,
			*declared != '\0');
		return;
	}
	text_separate(&sorts[sort], " ");
	text_puts(&sorts[sort], m->place);
}

/* Of a process with the host's mounts there is nothing to compare. */
static void audit_mounts(struct auditor *at)
{
	char *rest = at->facts->mountinfo;
	struct text sorts[SORT_COUNT];
	struct {
		struct mountinfo *v;
		size_t n;
	} all = { 0 };
	struct mountinfo m;

	if (at->p->root == NULL || rest == NULL)
		return;
	for (size_t i = 0; i < SORT_COUNT; i++) {
		sorts[i] = (struct text){ NULL, strlen(rest) + 1, 0 };
		sorts[i].buf = arena_alloc(at->a, sorts[i].size);
	}
	while (mountinfo_next(&rest, &m))
		*LIST_ADD(at->a, &all) = m;
	for (size_t i = 0; i < all.n; i++) {
		size_t k = i + 1;

		while (k < all.n && strcmp(all.v[k].place, all.v[i].place) != 0)
			k++;
		if (k == all.n) /* else it is covered */
			audit_mount(at, &all.v[i], sorts);
	}
	for (size_t i = 0; i < SORT_COUNT; i++)
		if (sorts[i].len > 0)
			add(at, sort_names[i], sorts[i].buf, NULL, false);
}

/* ---- cgroup ---- */

static void audit_devices(struct auditor *at)
{
	const struct device_rules *rules = &at->p->devices;
	bool listed = at->p->device_control == DEVICES_LISTED;
	size_t size = rules->n * 48 + 8;
	struct text t = { arena_alloc(at->a, size), size, 0 };

	for (size_t i = 0; i < rules->n; i++) {
		const char *usual = plan_device_usual(&rules->v[i]);

		text_separate(&t, ", ");
		if (usual != NULL)
			text_puts(&t, usual);
		else
			plan_put_device(&t, &rules->v[i]);
	}
	if (!listed)
		text_puts(&t, "any");
	add(at, "devices",
		at->facts->devices == AUDIT_DEVICES_PLANNED        ? t.buf
			: at->facts->devices == AUDIT_DEVICES_FREE ? "any"
								   : "another list",
		t.buf, at->facts->devices != (listed ? AUDIT_DEVICES_PLANNED : AUDIT_DEVICES_FREE));
}

static void audit_cgroup(struct auditor *at)
{
	const struct plan *p = at->p;
	bool unlimited = at->facts->memory_max != NULL && strcmp(at->facts->memory_max, "max") == 0;

	for (size_t i = 0; i < p->n_cgroup; i++) {
		const struct cgroup_write *w = &p->cgroup[i];
		const char *has = at->facts->cgroup[i];

		/* a line of io.max is one of many, and "cpu.max" completes what it is given */
		add(at, w->file, has != NULL ? has : "none", w->value,
			has == NULL ||
				(w->value[0] != '@' &&
					strncmp(has, w->value, strlen(w->value)) != 0));
	}
	if (at->facts->memory_max != NULL)
		add(at, "memory", at->facts->memory_max, NULL, false);
	if (unlimited)
		strv_add(at->a, &at->audit->advice,
			"MemoryMax=SIZE  # in [Service]: it may use all memory of the machine");
}

/* ---- the lines ---- */

/* Each word of the sandbox that says no. */
static void advise_sandbox(struct auditor *at)
{
	for (size_t i = 0; i < n_keys; i++) {
		const struct key *k = &keys[i];
		const char *field = (const char *)at->u + k->offset;
		bool sandbox = k->offset >= offsetof(struct unit, service.sandbox) &&
			k->offset < offsetof(struct unit, service.sandbox.places);
		bool calls = k->offset >=
				offsetof(struct unit, service.syscalls.memory_deny_write_execute) &&
			k->offset < offsetof(struct unit, service.syscall_error);

		/* truth values, and choices that are small numbers */
		if ((k->kinds & 1u << KIND_SERVICE) != 0 && (sandbox || calls) && *field == 0)
			strv_add(at->a, &at->audit->advice,
				arena_printf(at->a, "%s=yes", key_name(k)));
	}
}

static void advise_service(struct auditor *at)
{
	if (strncmp(status_of(at, "Uid"), "0 ", 2) == 0)
		advise(at, "User", "NAME", "it is root");
	if (at->p->capabilities == CAPABILITY_ALL)
		advise(at, "CapabilityBoundingSet", "NAMES", "root of it has every capability");
	if (at->p->filter_keys == NULL)
		advise(at, "SystemCallFilter", "@system-service",
			"no filter of system calls is in force");
	if (at->p->device_control == DEVICES_FREE)
		advise(at, "DevicePolicy", "closed", "it may use every device");
	advise_sandbox(at);
}

static void advise_container(struct auditor *at)
{
	const struct container_section *c = &at->u->container;
	uint64_t more = at->p->capabilities & ~plan_default_capabilities;
	bool power = hex(status_of(at, "CapPrm")) != 0 || hex(status_of(at, "CapAmb")) != 0;
	bool fixed = is_fixed(at);

	if (c->userns.mode == USERNS_HOST)
		advise(at, "UserNS", "auto", "its user 0 is the machine's root");
	else if (!is_own(at->facts, NS_user) && strncmp(status_of(at, "Uid"), "0 ", 2) == 0)
		advise(at, "User", "NUMBER", "its user 0 is the machine's root");
	if (!fixed)
		advise(at, "NoNewPrivileges", "yes", "set-user-ID programs could give it more");
	if (c->seccomp_profile != NULL && strcmp(c->seccomp_profile, "unconfined") == 0)
		advise(at, "SeccompProfile", "", "the default one: no filter is in force");
	if (more != 0)
		advise(at, "DropCapability", capabilities(at, more), "more than is usual");
	else if (!power && fixed && at->p->capabilities != 0)
		advise(at, "DropCapability", "all",
			"it has no capability, and cannot get the ones of its bounding set");
	if (!c->read_only)
		advise(at, "ReadOnly", "yes",
			"its root can be written; /run, /tmp and /var/tmp stay writable");
	if (c->unmask.n > 0)
		advise(at, "Unmask", "", "it sees what is hidden by default");
	if (unit_network_mode(at->u) == NETWORK_HOST)
		advise(at, "Network", "NAME.network", "it has the host's network");
	for (size_t i = 0; i < c->secrets.n; i++)
		if (c->secrets.v[i].kind == SECRET_ENV)
			advise(at, "Secret",
				arena_printf(at->a, "%s,type=mount", c->secrets.v[i].name),
				"what it starts inherits its environment");
}

void audit_make(struct audit *audit, const struct unit *u, const struct plan *p,
	const struct audit_facts *facts, struct arena *a)
{
	struct auditor at = { audit, u, p, facts, a };

	*audit = (struct audit){ .rows = arena_array(a, AUDIT_ROWS_MAX, sizeof(*audit->rows)) };
	audit_namespaces(&at);
	audit_status(&at);
	audit_devices(&at);
	audit_cgroup(&at);
	audit_mounts(&at);
	if (u->kind == KIND_CONTAINER)
		advise_container(&at);
	else
		advise_service(&at);
}
