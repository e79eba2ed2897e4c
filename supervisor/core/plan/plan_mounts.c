/*
 * What a container sees as its file tree: a list of mounts in the order in which they are made. The classes
 * follow one another, so each is one step of the child:
 *
 *   root, kernel file systems, /dev, files and tmpfs of ours, what the unit asks for (parents first), masks, seal
 *
 * Lists of masked and read-only paths, of devices and of defaults are those of Podman.
 */
#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"

#include <linux/mount.h>
#include <string.h>

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const struct mount_op api[] = {
	{ .cls = CLASS_API, .kind = OP_FS, .fstype = "proc", .target = "/proc", .attr = QUIET },
	{ .cls = CLASS_API,
		.kind = OP_FS,
		.fstype = "sysfs",
		.target = "/sys",
		.attr = QUIET | MOUNT_ATTR_RDONLY },
	/* optional: the machine may run without cgroup v2 */
	{ .cls = CLASS_API,
		.kind = OP_FS,
		.fstype = "cgroup2",
		.target = "/sys/fs/cgroup",
		.attr = QUIET | MOUNT_ATTR_RDONLY,
		.optional = true },
};

/* ReadOnlyTmpfs=yes */
static const struct mount_op writable[] = {
	{ .cls = CLASS_FILES,
		.kind = OP_FS,
		.fstype = "tmpfs",
		.target = "/run",
		.data = "mode=0755",
		.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
	{ .cls = CLASS_FILES,
		.kind = OP_FS,
		.fstype = "tmpfs",
		.target = "/tmp",
		.data = "mode=1777",
		.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
	{ .cls = CLASS_FILES,
		.kind = OP_FS,
		.fstype = "tmpfs",
		.target = "/var/tmp",
		.data = "mode=1777",
		.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
};

static const char *const masked[] = { "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
	"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	"/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux" };
static const char *const read_only[] = { "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq",
	"/proc/sys", "/proc/sysrq-trigger" };

struct mounting {
	struct planner *pl;
	struct mount_list done;
	struct mount_list files;   /* CLASS_FILES, as they are found */
	struct mount_list volumes; /* CLASS_VOLUME, sorted before they are done */
};

static struct mount_op *add(struct mounting *m, struct mount_list *list, struct mount_op op)
{
	struct mount_op *place = LIST_ADD(m->pl->arena, list);

	*place = op;
	return place;
}

static void add_table(struct mounting *m, const struct mount_op *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(m, &m->done, table[i]);
}

/* ---- paths ---- */

const char *plan_clean_path(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2);
	size_t n = 0;

	while (*(path += strspn(path, "/")) != '\0') {
		size_t len = strcspn(path, "/");

		if (len != 1 || path[0] != '.') {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
	}
	if (n == 0)
		out[0] = '/';
	return out;
}

static bool is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	return strncmp(path, above, n) == 0 && path[n] == '/';
}

size_t plan_path_depth(const char *path)
{
	size_t n = 0;

	for (; *path != '\0'; path++)
		n += *path == '/';
	return n;
}

/* ---- the root ---- */

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* True when the root is an overlay, whose upper layer is forgotten at the end of the process. */
static bool uses_overlay(const struct planner *pl)
{
	const struct container_section *c = &pl->u->container;

	if (pl->facts->root_lacks_targets)
		return true;
	return c->rootfs != NULL ? has_suffix(c->rootfs, ":O") : !c->read_only;
}

/* Its owners are those inside, where that makes a difference. */
static bool maps_owners(const struct planner *pl)
{
	return pl->facts->ids != NULL && !ids_are_same(pl->facts->ids);
}

/* nodev: what devices there are is for /dev to say, not for an image. */
static void add_root(struct mounting *m)
{
	const struct container_section *c = &m->pl->u->container;
	bool plain = c->rootfs != NULL;

	if (uses_overlay(m->pl))
		add(m, &m->done,
			(struct mount_op){ .cls = CLASS_ROOT,
				.kind = OP_OVERLAY,
				.source = m->pl->p->root,
				.target = "/",
				.data = "size=50%",
				.attr = MOUNT_ATTR_NODEV,
				.mapped = maps_owners(m->pl) });
	else
		add(m, &m->done,
			(struct mount_op){ .cls = CLASS_ROOT,
				.kind = OP_BIND,
				.source = m->pl->p->root,
				.target = "/",
				.attr = MOUNT_ATTR_NODEV | (c->read_only ? MOUNT_ATTR_RDONLY : 0),
				.recursive = plain,
				.mapped = maps_owners(m->pl) });
}

/* What had to stay writable until all was mounted. */
static void add_seal(struct mounting *m)
{
	const struct container_section *c = &m->pl->u->container;
	static const char *const own[] = { "/dev/shm", "/dev" };

	if (!c->read_only)
		return;
	for (size_t i = 0; !c->read_only_tmpfs && i < ARRAY_LEN(own); i++)
		add(m, &m->done,
			(struct mount_op){ .cls = CLASS_SEAL,
				.kind = OP_ATTR,
				.target = own[i],
				.attr = MOUNT_ATTR_RDONLY });
	if (uses_overlay(m->pl))
		add(m, &m->done,
			(struct mount_op){ .cls = CLASS_SEAL,
				.kind = OP_ATTR,
				.target = "/",
				.attr = MOUNT_ATTR_RDONLY });
}

/* ---- what the unit asks for ---- */

static const char *volume_path(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_volumes; i++)
		if (strcmp(facts->volumes[i].name, name) == 0)
			return facts->volumes[i].path;
	return NULL;
}

static uint64_t mount_attributes(const struct mount *v)
{
	return (v->read_only ? (uint64_t)MOUNT_ATTR_RDONLY : 0) |
		(v->no_suid ? (uint64_t)MOUNT_ATTR_NOSUID : 0) |
		(v->no_dev ? (uint64_t)MOUNT_ATTR_NODEV : 0) |
		(v->no_exec ? (uint64_t)MOUNT_ATTR_NOEXEC : 0);
}

static const char *tmpfs_data(struct arena *a, const struct mount *v)
{
	if (v->size == SIZE_UNSET || v->size == SIZE_INFINITY)
		return arena_printf(a, "mode=%04o", v->mode);
	return arena_printf(a, "mode=%04o,size=%llu", v->mode, (unsigned long long)v->size);
}

/* Target and, for a volume, its folder; -1 with a reason when there is no right way to mount it. */
static int check_volume(struct mounting *m, const struct mount *v, struct mount_op *op)
{
	struct planner *pl = m->pl;

	op->target = plan_clean_path(pl->arena, v->target);
	if (strcmp(op->target, "/") == 0)
		return err_setx(pl->e, "nothing can be mounted at \"/\": it is the root itself");
	/* Whoever gives a false /proc decides what the steps after it write to. */
	if (strcmp(op->target, "/proc") == 0 || is_below(op->target, "/proc"))
		return err_setx(pl->e, "nothing can be mounted at %s: /proc is the kernel's",
			op->target);
	for (size_t i = 0; i < m->volumes.n; i++)
		if (strcmp(m->volumes.v[i].target, op->target) == 0)
			return err_setx(pl->e, "two mounts at %s", op->target);
	if (v->kind != MOUNT_VOLUME)
		return 0;
	op->source = volume_path(pl->facts, v->source);
	if (op->source == NULL)
		return err_setx(pl->e, "volume %s has no folder", v->source);
	return 0;
}

static int add_volume(struct mounting *m, const struct mount *v)
{
	struct mount_op op = {
		.cls = CLASS_VOLUME,
		.kind = OP_BIND,
		.source = v->source,
		.attr = mount_attributes(v),
		.propagation = v->propagation,
		.recursive = v->recursive,
		.mapped = maps_owners(m->pl),
		.give = v->chown,
	};

	if (check_volume(m, v, &op) < 0)
		return -1;
	/* An anonymous volume ends with its container: memory is the place for it. */
	if (v->kind == MOUNT_TMPFS || v->kind == MOUNT_ANONYMOUS) {
		op.kind = OP_FS;
		op.fstype = "tmpfs";
		op.source = NULL;
		op.data = tmpfs_data(m->pl->arena, v);
		op.recursive = op.mapped = false;
	}
	add(m, &m->volumes, op);
	return 0;
}

static int add_volumes(struct mounting *m)
{
	const struct mounts *list = &m->pl->u->container.mounts;

	for (size_t i = 0; i < list->n; i++)
		if (add_volume(m, &list->v[i]) < 0)
			return -1;
	return 0;
}

/*
 * A mount of ours, unless the unit has one at that place. One that a volume would hide is made by the step of
 * the volumes, after it.
 */
static void add_ours(struct mounting *m, struct mount_op op, size_t n_units)
{
	for (size_t i = 0; i < n_units; i++) {
		if (strcmp(m->volumes.v[i].target, op.target) == 0)
			return;
		if (is_below(op.target, m->volumes.v[i].target))
			op.cls = CLASS_VOLUME;
	}
	add(m, op.cls == CLASS_VOLUME ? &m->volumes : &m->files, op);
}

static void add_file(struct mounting *m, const char *source, const char *target, size_t n_units)
{
	add_ours(m,
		(struct mount_op){ .cls = CLASS_FILES,
			.kind = OP_BIND,
			.source = source,
			.target = target,
			.attr = QUIET | MOUNT_ATTR_RDONLY,
			.source_is_file = true },
		n_units);
}

static void add_files(struct mounting *m)
{
	static const struct {
		const char *name, *target;
	} files[] = {
		{ "hosts", "/etc/hosts" },
		{ "resolv.conf", "/etc/resolv.conf" },
		{ "hostname", "/etc/hostname" },
	};
	const struct facts *facts = m->pl->facts;
	const struct container_section *c = &m->pl->u->container;
	size_t n_units = m->volumes.n;

	for (size_t i = 0; c->read_only && c->read_only_tmpfs && i < ARRAY_LEN(writable); i++)
		add_ours(m, writable[i], n_units);
	for (size_t i = 0; facts->files != NULL && i < ARRAY_LEN(files); i++)
		add_file(m, arena_printf(m->pl->arena, "%s/%s", facts->files, files[i].name),
			files[i].target, n_units);
	if (facts->zone_file != NULL)
		add_file(m, facts->zone_file, "/etc/localtime", n_units);
	if (facts->notify_socket != NULL)
		add_file(m, facts->notify_socket, PLAN_NOTIFY_INSIDE, n_units);
}

static int add_secrets(struct mounting *m)
{
	size_t n_units = m->volumes.n, n;
	struct mount_op *ops;

	if (plan_secrets(m->pl, &ops, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		ops[i].target = plan_clean_path(m->pl->arena, ops[i].target);
		for (size_t k = 0; k < n_units; k++)
			if (strcmp(m->volumes.v[k].target, ops[i].target) == 0)
				return err_setx(m->pl->e, "two mounts at %s", ops[i].target);
		add_ours(m, ops[i], n_units);
	}
	return 0;
}

/* Fewer path components first, otherwise as they came: a mount never hides one below it. */
static void sort_by_depth(struct mount_list *list)
{
	for (size_t i = 1; i < list->n; i++) {
		struct mount_op op = list->v[i];
		size_t k = i;

		for (; k > 0 && plan_path_depth(list->v[k - 1].target) > plan_path_depth(op.target);
			k--)
			list->v[k] = list->v[k - 1];
		list->v[k] = op;
	}
}

/* ---- masks ---- */

/* A path, perhaps with a "*" at its end that stands for the rest of one component. */
static bool matches(const char *pattern, size_t n, const char *path)
{
	if (n > 0 && pattern[n - 1] == '*')
		return strncmp(pattern, path, n - 1) == 0 && strchr(path + n - 1, '/') == NULL;
	return strncmp(pattern, path, n) == 0 && path[n] == '\0';
}

/* Unmask=ALL, or paths separated by colons. */
static bool is_unmasked(const struct strv *unmask, const char *path)
{
	for (size_t i = 0; i < unmask->n; i++)
		for (const char *s = unmask->v[i]; *s != '\0';) {
			size_t n = strcspn(s, ":");

			if ((n == 3 && strncmp(s, "ALL", 3) == 0) || matches(s, n, path))
				return true;
			s += n + (s[n] == ':');
		}
	return false;
}

static void add_mask(struct mounting *m, const char *path)
{
	add(m, &m->done,
		(struct mount_op){
			.cls = CLASS_MASK, .kind = OP_MASK, .target = path, .optional = true });
}

static void add_masks(struct mounting *m)
{
	const struct container_section *c = &m->pl->u->container;

	for (size_t i = 0; i < ARRAY_LEN(masked); i++)
		if (!is_unmasked(&c->unmask, masked[i]))
			add_mask(m, masked[i]);
	for (size_t i = 0; i < c->mask.n; i++)
		for (const char *s = c->mask.v[i]; *s != '\0';) {
			size_t n = strcspn(s, ":");

			add_mask(m, arena_strndup(m->pl->arena, s, n));
			s += n + (s[n] == ':');
		}
	for (size_t i = 0; i < ARRAY_LEN(read_only); i++)
		if (!is_unmasked(&c->unmask, read_only[i]))
			add(m, &m->done,
				(struct mount_op){ .cls = CLASS_MASK,
					.kind = OP_ATTR,
					.target = read_only[i],
					.attr = QUIET | MOUNT_ATTR_RDONLY,
					.optional = true });
}

int plan_mounts(struct planner *pl)
{
	struct mounting m = { .pl = pl };

	add_root(&m);
	add_table(&m, api, ARRAY_LEN(api));
	plan_dev(pl, &m.done);
	if (add_volumes(&m) < 0)
		return -1;
	add_files(&m);
	if (add_secrets(&m) < 0)
		return -1;
	sort_by_depth(&m.volumes);
	add_table(&m, m.files.v, m.files.n);
	add_table(&m, m.volumes.v, m.volumes.n);
	add_masks(&m);
	add_seal(&m);
	pl->p->mounts = m.done.v;
	pl->p->n_mounts = m.done.n;
	return 0;
}

const struct mount_op *plan_mounts_of(const struct unit *u, const struct facts *facts,
	struct arena *arena, size_t *n)
{
	struct plan p = { .unit = u->name, .root = facts->root };
	struct err ignored;
	struct planner pl = { .u = u, .facts = facts, .arena = arena, .p = &p, .e = &ignored };

	if (plan_mounts(&pl) < 0)
		return NULL;
	*n = p.n_mounts;
	return p.mounts;
}

static bool is_covered(const struct plan *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (p->mounts[k].cls != CLASS_ROOT &&
			is_below(p->mounts[i].target, p->mounts[k].target))
			return true;
	return false;
}

/* All that facts can add, so that none of them is needed yet. */
static struct facts worst_facts(const struct unit *u, struct arena *arena)
{
	const struct mounts *mounts = &u->container.mounts;
	struct volume_path *volumes = arena_array(arena, mounts->n, sizeof(*volumes));
	struct facts facts = {
		.files = "/", .notify_socket = "/", .volumes = volumes, .n_volumes = mounts->n
	};

	for (size_t i = 0; i < mounts->n; i++)
		volumes[i] = (struct volume_path){
			mounts->v[i].source != NULL ? mounts->v[i].source : "", "/"
		};
	if (u->container.timezone != NULL)
		facts.zone_file = "/";
	return facts;
}

const char *const *plan_targets(const struct unit *u, struct arena *arena, size_t *n)
{
	struct err e = { 0 };
	struct plan p = { .root = "/", .container = true };
	struct facts facts = worst_facts(u, arena);
	struct planner pl = { .u = u, .facts = &facts, .arena = arena, .p = &p, .e = &e };
	struct strv targets = { 0 };

	/* A plan that cannot be made says so when it is made. */
	if (u->kind == KIND_CONTAINER && plan_mounts(&pl) == 0)
		for (size_t i = 0; i < p.n_mounts; i++) {
			const struct mount_op *op = &p.mounts[i];

			if (op->cls != CLASS_ROOT && op->cls != CLASS_MASK &&
				op->cls != CLASS_SEAL && !op->optional && !is_covered(&p, i))
				strv_add(arena, &targets, op->target);
		}
	*n = targets.n;
	return targets.v;
}
