#include "supervisor/core/plan/audit.h"

#include "common/mountinfo.h"
#include "common/util.h"
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/names.h"

#include <linux/mount.h>
#include <sched.h>
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

/* Of a key that this build has. */
static void advise(struct auditor *at, const char *key, const char *value, const char *why)
{
	uint32_t kind = 1u << at->u->kind;
	const char *section = at->u->kind == KIND_CONTAINER ? "Container" : "Service";

	if (key_find(kind, section, key) != NULL)
		strv_add(at->a, &at->audit->advice,
			arena_printf(at->a, "%s=%s  # %s", key, value, why));
}

/* ---- /proc/PID/status ---- */

/* The value of a line, blanks as one; "" when the kernel has no such line. */
static const char *status_of(const struct auditor *at, const char *name)
{
	const char *line = at->facts->status;
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

static uint64_t hex(const char *s)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t value = 0;

	for (const char *d; *s != '\0' && (d = strchr(digits, *s)) != NULL; s++)
		value = value << 4 | (uint64_t)(d - digits);
	return value;
}

static const char *capabilities(struct auditor *at, uint64_t set)
{
	char names[CAPABILITY_COUNT * 24] = "";
	struct text t = { names, sizeof(names), 0 };

	if (set == 0)
		return "none";
	if ((set & CAPABILITY_ALL) == CAPABILITY_ALL)
		return "all";
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if ((set >> i & 1) != 0) {
			text_separate(&t, " ");
			for (const char *s = capability_text(i) + strlen("CAP_"); *s != '\0'; s++) {
				char c = *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s;

				text_put(&t, &c, 1);
			}
		}
	return arena_strdup(at->a, names);
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

static void audit_status(struct auditor *at)
{
	static const char *const modes[] = { "none", "strict", "filter" };
	const char *mode = status_of(at, "Seccomp"), *filters = status_of(at, "Seccomp_filters");
	bool known = mode[0] >= '0' && mode[0] <= '2' && mode[1] == '\0';

	add(at, "uid", status_of(at, "Uid"), at->p->user != NULL ? at->p->user : "0", false);
	add(at, "gid", status_of(at, "Gid"), at->p->group, false);
	add(at, "groups", status_of(at, "Groups"), NULL, false);
	add(at, "uid-map", at->facts->uid_map, NULL, false);
	add(at, "gid-map", at->facts->gid_map, NULL, false);
	audit_capabilities(at);
	compare(at, "no-new-privs", strcmp(status_of(at, "NoNewPrivs"), "1") == 0 ? "yes" : "no",
		at->p->no_new_privileges ? "yes" : "no");
	add(at, "seccomp",
		arena_printf(at->a, "%s%s%s", known ? modes[mode[0] - '0'] : "not known",
			filters[0] != '\0' ? ", filters: " : "", filters),
		NULL, false);
	add(at, "descriptors", arena_printf(at->a, "%u", at->facts->descriptors), NULL, false);
}

/* ---- namespaces ---- */

static bool is_own(const struct audit_facts *f, enum audit_namespace i)
{
	return f->ns[i] != 0 && f->ns[i] != f->host_ns[i];
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

		/* by which way a user namespace comes is not in the flags */
		if (i == NS_user)
			add(at, all[i].what, has, NULL, false);
		else
			compare(at, all[i].what, has, planned ? "own" : "the host's");
	}
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

	return strncmp(path, above, n) == 0 && path[n] == '/';
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

static void audit_mount(struct auditor *at, const struct mountinfo *m)
{
	const struct mount_op *op = planned_at(at->p, m->place);
	const char *missing = op != NULL && strcmp(op->target, m->place) == 0 ? lacks(op, m) : NULL;
	bool writable = has_option(m->options, "rw") && !has_option(m->super, "ro");

	add(at, writable ? "writable" : "mount",
		arena_printf(at->a, "%s %s %s", m->place, m->type, m->options),
		op == NULL                ? "no such mount"
			: missing != NULL ? missing
					  : "",
		op == NULL || missing != NULL);
}

/* Of a process with the host's mounts there is nothing to compare. */
static void audit_mounts(struct auditor *at)
{
	char *rest = at->facts->mountinfo;
	struct mountinfo m;
	bool root_writable = false;

	if (!at->p->container || rest == NULL)
		return;
	while (mountinfo_next(&rest, &m)) {
		audit_mount(at, &m);
		if (strcmp(m.place, "/") == 0)
			root_writable = has_option(m.options, "rw");
	}
	if (root_writable)
		advise(at, "ReadOnly", "yes",
			"its root can be written; /run, /tmp and /var/tmp stay writable");
}

/* ---- cgroup ---- */

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

static void audit_advice(struct auditor *at)
{
	const struct container_section *c = &at->u->container;
	bool power = hex(status_of(at, "CapPrm")) != 0 || hex(status_of(at, "CapAmb")) != 0;
	bool fixed = strcmp(status_of(at, "NoNewPrivs"), "1") == 0;

	if (!fixed)
		advise(at, "NoNewPrivileges", "yes", "set-user-ID programs could give it more");
	if (status_of(at, "Seccomp")[0] == '0')
		advise(at, at->u->kind == KIND_CONTAINER ? "SeccompProfile" : "SystemCallFilter",
			at->u->kind == KIND_CONTAINER ? "" : "@system-service",
			"no filter of system calls is in force");
	if (at->u->kind != KIND_CONTAINER)
		return;
	if (!is_own(at->facts, NS_user))
		advise(at, "UserNS", "auto", "its user 0 is the machine's root");
	if (!power && fixed && at->p->capabilities != 0)
		advise(at, "DropCapability", "all",
			"it has no capability, and cannot get the ones of its bounding set");
	if (c->network.mode == NETWORK_HOST)
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
	audit_cgroup(&at);
	audit_mounts(&at);
	audit_advice(&at);
}
