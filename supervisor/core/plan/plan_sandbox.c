/*
 * The sandbox of a .service, as systemd.exec(5) has it: one table from keys to mounts and capabilities.
 *
 * The service keeps the host's file tree: a clone of all of it becomes the root of a mount namespace of its own, and upon
 * that each place is laid as a clone of the original with other attributes. So the order is by depth alone: what stays
 * writable below something read-only is the original again. What the keys mean for system calls is not here.
 */
#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"

#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define TMPFS_DATA "mode=0755,size=10%"

/* What the keys ask for, one bit each. */
enum part {
	PART_SYSTEM,      /* ProtectSystem=yes and above */
	PART_SYSTEM_FULL, /* full and above */
	PART_STRICT,
	PART_STRICT_DEV, /* ... without a /dev of its own */
	PART_HOME,
	PART_HOME_READ_ONLY,
	PART_HOME_TMPFS,
	PART_TUNABLES,
	PART_MODULES,
	PART_LOGS,
	PART_CGROUPS,
	PART_DEVICES,
	PART_CLOCK,
	PART_ROOT /* any that needs a file tree of its own */
};

static const struct {
	uint8_t part, kind; /* enum sandbox_kind */
	char path[22];
} places[] = {
	{ PART_SYSTEM, SANDBOX_READ_ONLY, "/usr" },
	{ PART_SYSTEM, SANDBOX_READ_ONLY, "/boot" },
	{ PART_SYSTEM, SANDBOX_READ_ONLY, "/efi" },
	{ PART_SYSTEM_FULL, SANDBOX_READ_ONLY, "/etc" },
	{ PART_STRICT, SANDBOX_READ_ONLY, "/" },
	{ PART_STRICT, SANDBOX_READ_WRITE, "/proc" },
	{ PART_STRICT, SANDBOX_READ_WRITE, "/sys" },
	{ PART_STRICT_DEV, SANDBOX_READ_WRITE, "/dev" },
	{ PART_HOME, SANDBOX_INACCESSIBLE, "/home" },
	{ PART_HOME, SANDBOX_INACCESSIBLE, "/root" },
	{ PART_HOME, SANDBOX_INACCESSIBLE, "/run/user" },
	{ PART_HOME_READ_ONLY, SANDBOX_READ_ONLY, "/home" },
	{ PART_HOME_READ_ONLY, SANDBOX_READ_ONLY, "/root" },
	{ PART_HOME_READ_ONLY, SANDBOX_READ_ONLY, "/run/user" },
	{ PART_HOME_TMPFS, SANDBOX_TMPFS, "/home" },
	{ PART_HOME_TMPFS, SANDBOX_TMPFS, "/root" },
	{ PART_HOME_TMPFS, SANDBOX_TMPFS, "/run/user" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/acpi" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/asound" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/bus" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/fs" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/irq" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/latency_stats" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/mtrr" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/scsi" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/sys" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/sysrq-trigger" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/proc/timer_stats" },
	{ PART_TUNABLES, SANDBOX_READ_ONLY, "/sys" },
	{ PART_TUNABLES, SANDBOX_READ_WRITE, "/sys/fs/cgroup" },
	{ PART_TUNABLES, SANDBOX_INACCESSIBLE, "/proc/kallsyms" },
	{ PART_TUNABLES, SANDBOX_INACCESSIBLE, "/proc/kcore" },
	{ PART_CGROUPS, SANDBOX_READ_ONLY, "/sys/fs/cgroup" },
	{ PART_MODULES, SANDBOX_INACCESSIBLE, "/lib/modules" },
	{ PART_MODULES, SANDBOX_INACCESSIBLE, "/usr/lib/modules" },
	{ PART_LOGS, SANDBOX_INACCESSIBLE, "/proc/kmsg" },
	{ PART_LOGS, SANDBOX_INACCESSIBLE, "/dev/kmsg" },
};

static const struct {
	uint8_t part;
	uint64_t capabilities;
} takes[] = {
	{ PART_DEVICES, CAP(MKNOD) | CAP(SYS_RAWIO) },
	{ PART_MODULES, CAP(SYS_MODULE) },
	{ PART_LOGS, CAP(SYSLOG) },
	{ PART_CLOCK, CAP(SYS_TIME) | CAP(WAKE_ALARM) },
};

/* Of the host, in a /dev of its own. */
static const char *const shared_dev[] = { "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/hugepages",
	"/dev/log" };

struct sandboxing {
	struct planner *pl;
	struct spots places;
	struct {
		struct mount_op *v;
		size_t n;
	} ops;
	bool root_read_only;
};

static uint32_t parts_of(const struct sandbox *s)
{
	const bool asked[] = {
		[PART_SYSTEM] = s->protect_system == SYSTEM_YES || s->protect_system == SYSTEM_FULL,
		[PART_SYSTEM_FULL] = s->protect_system == SYSTEM_FULL,
		[PART_STRICT] = s->protect_system == SYSTEM_STRICT,
		[PART_STRICT_DEV] = s->protect_system == SYSTEM_STRICT && !s->private_devices,
		[PART_HOME] = s->protect_home == HOME_YES,
		[PART_HOME_READ_ONLY] = s->protect_home == HOME_READ_ONLY,
		[PART_HOME_TMPFS] = s->protect_home == HOME_TMPFS,
		[PART_TUNABLES] = s->protect_tunables,
		[PART_MODULES] = s->protect_modules,
		[PART_LOGS] = s->protect_logs,
		[PART_CGROUPS] = s->protect_cgroups,
		[PART_DEVICES] = s->private_devices,
		[PART_CLOCK] = s->protect_clock,
		[PART_ROOT] = s->private_mounts || s->private_tmp || s->private_ipc ||
			s->places.n > 0,
	};
	uint32_t parts = 0;

	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		parts |= (uint32_t)asked[i] << i;
	return parts;
}

/* ---- what lies where ---- */

/* Of two at one place the stricter one counts, or the one that somebody wrote a source for. */
static void add_place(struct sandboxing *sb, struct spot place)
{
	place.path = plan_clean_path(sb->pl->arena, place.path);
	if (place.path[1] == '\0') {
		sb->root_read_only = sb->root_read_only || place.kind == SANDBOX_READ_ONLY;
		return;
	}
	for (size_t i = 0; i < sb->places.n; i++)
		if (strcmp(sb->places.v[i].path, place.path) == 0) {
			if (sb->places.v[i].kind <= place.kind)
				sb->places.v[i] = place;
			return;
		}
	*LIST_ADD(sb->pl->arena, &sb->places) = place;
}

static void add_tmp(struct sandboxing *sb, const char *name, const char *path)
{
	const char *from = arena_printf(sb->pl->arena, "%s/%s", sb->pl->facts->private_tmp, name);

	add_place(sb, (struct spot){ .kind = SANDBOX_BIND, .path = path, .source = from });
}

static void collect(struct sandboxing *sb, const struct sandbox *s, uint32_t parts)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if ((parts >> places[i].part & 1) != 0)
			add_place(sb,
				(struct spot){ .kind = places[i].kind,
					.path = places[i].path,
					.options = "ro",
					.optional = true });
	if (s->private_tmp && sb->pl->facts->private_tmp != NULL) {
		add_tmp(sb, "tmp", "/tmp");
		add_tmp(sb, "var-tmp", "/var/tmp");
	}
	for (size_t i = 0; i < s->places.n; i++)
		add_place(sb, s->places.v[i]);
}

/* A mount never hides one that lies below it. */
static void sort_by_depth(struct spots *list)
{
	for (size_t i = 1; i < list->n; i++) {
		struct spot place = list->v[i];
		size_t k = i;

		for (; k > 0 && plan_path_depth(list->v[k - 1].path) > plan_path_depth(place.path);
			k--)
			list->v[k] = list->v[k - 1];
		list->v[k] = place;
	}
}

/* ---- the mounts ---- */

static struct mount_op *add(struct sandboxing *sb, struct mount_op op)
{
	struct mount_op *place = LIST_ADD(sb->pl->arena, &sb->ops);

	*place = op;
	return place;
}

static void seal(struct sandboxing *sb, const char *path, bool optional)
{
	add(sb,
		(struct mount_op){ .cls = CLASS_SEAL,
			.kind = OP_ATTR,
			.target = path,
			.attr = MOUNT_ATTR_RDONLY,
			.optional = optional });
}

static void add_dev(struct sandboxing *sb)
{
	for (size_t i = 0; i < PLAN_DEV_NODES; i++)
		add(sb, plan_dev_node(i))->attr |= i == 0 ? MOUNT_ATTR_NOEXEC : 0;
	add(sb,
		(struct mount_op){ .cls = CLASS_DEV,
			.kind = OP_NODE,
			.target = "/dev/ptmx",
			.dev = 5 << 8 | 2,
			.mode = 0666,
			.optional = true });
	for (size_t i = 0; i < ARRAY_LEN(shared_dev); i++)
		add(sb,
			(struct mount_op){ .cls = CLASS_DEV,
				.kind = OP_BIND,
				.source = shared_dev[i],
				.target = shared_dev[i],
				.optional = true });
}

/* Options of mount(8): those of the mount become attributes, "ro" a seal, the rest is for tmpfs. */
static const char *tmpfs_options(struct sandboxing *sb, const char *options, uint64_t *attr,
	bool *ro)
{
	static const struct {
		char name[8];
		bool set;
		uint16_t attr;
	} flags[] = {
		{ "nosuid", true, MOUNT_ATTR_NOSUID },
		{ "suid", false, MOUNT_ATTR_NOSUID },
		{ "nodev", true, MOUNT_ATTR_NODEV },
		{ "dev", false, MOUNT_ATTR_NODEV },
		{ "noexec", true, MOUNT_ATTR_NOEXEC },
		{ "exec", false, MOUNT_ATTR_NOEXEC },
		{ "ro", true, MOUNT_ATTR_RDONLY },
		{ "rw", false, MOUNT_ATTR_RDONLY },
	};
	const char *data = TMPFS_DATA;

	*attr = MOUNT_ATTR_NODEV;
	for (; options != NULL && *options != '\0'; options += *options == ',') {
		size_t n = strcspn(options, ","), i = 0;

		while (i < ARRAY_LEN(flags) &&
			!(strlen(flags[i].name) == n && strncmp(flags[i].name, options, n) == 0))
			i++;
		if (i == ARRAY_LEN(flags))
			data = arena_printf(sb->pl->arena, "%s,%.*s", data, (int)n, options);
		else
			*attr = (*attr & ~(uint64_t)flags[i].attr) |
				(flags[i].set ? flags[i].attr : 0);
		options += n;
	}
	*ro = (*attr & MOUNT_ATTR_RDONLY) != 0;
	*attr &= ~(uint64_t)MOUNT_ATTR_RDONLY; /* what lies in it must be mounted first */
	return data;
}

static void add_tmpfs(struct sandboxing *sb, const struct spot *place)
{
	uint64_t attr;
	bool ro;
	const char *data = tmpfs_options(sb, place->options, &attr, &ro);

	add(sb,
		(struct mount_op){ .cls = CLASS_SANDBOX,
			.kind = OP_FS,
			.fstype = "tmpfs",
			.target = place->path,
			.data = data,
			.attr = attr,
			.optional = place->optional });
	if (ro)
		seal(sb, place->path, place->optional);
}

static void add_op(struct sandboxing *sb, const struct spot *place)
{
	bool ro = place->kind == SANDBOX_READ_ONLY || place->kind == SANDBOX_BIND_READ_ONLY;

	if (place->kind == SANDBOX_TMPFS) {
		add_tmpfs(sb, place);
		return;
	}
	add(sb,
		(struct mount_op){ .cls = CLASS_SANDBOX,
			.kind = place->kind == SANDBOX_INACCESSIBLE ? OP_MASK : OP_BIND,
			.source = place->source != NULL ? place->source : place->path,
			.target = place->path,
			.attr = ro ? MOUNT_ATTR_RDONLY : 0,
			.recursive = !place->shallow && place->kind != SANDBOX_INACCESSIBLE,
			.optional = place->optional });
}

static void make_tree(struct sandboxing *sb, const struct sandbox *s, uint32_t parts)
{
	struct plan *p = sb->pl->p;

	collect(sb, s, parts);
	sort_by_depth(&sb->places);
	p->clone_flags |= CLONE_NEWNS;
	p->root = "/";
	add(sb,
		(struct mount_op){ .cls = CLASS_ROOT,
			.kind = OP_BIND,
			.source = "/",
			.target = "/",
			.attr = sb->root_read_only ? MOUNT_ATTR_RDONLY : 0,
			.recursive = true });
	if (s->private_devices)
		add_dev(sb);
	if (s->private_ipc)
		add(sb,
			(struct mount_op){ .cls = CLASS_DEV,
				.kind = OP_FS,
				.fstype = "mqueue",
				.target = "/dev/mqueue",
				.attr = QUIET,
				.optional = true });
	for (size_t i = 0; i < sb->places.n; i++)
		add_op(sb, &sb->places.v[i]);
	if (s->private_devices)
		seal(sb, "/dev", false);
	p->mounts = sb->ops.v;
	p->n_mounts = sb->ops.n;
}

void plan_sandbox(struct planner *pl)
{
	/* these need no file tree of their own */
	const uint32_t treeless = 1u << PART_CLOCK;
	const struct sandbox *s = &pl->u->service.sandbox;
	uint32_t parts = parts_of(s);
	struct sandboxing sb = { .pl = pl };
	struct plan *p = pl->p;

	p->capabilities &= ~s->dropped;
	for (size_t i = 0; i < ARRAY_LEN(takes); i++)
		if ((parts >> takes[i].part & 1) != 0)
			p->capabilities &= ~takes[i].capabilities;
	p->ambient = s->ambient & p->capabilities;
	p->no_new_privileges = s->no_new_privileges;
	p->own_network = s->private_network;
	if (s->private_ipc)
		p->clone_flags |= CLONE_NEWIPC;
	if (s->protect_host_name)
		p->clone_flags |= CLONE_NEWUTS;
	if ((parts & ~treeless) != 0)
		make_tree(&sb, s, parts);
}

/* The kernel wants it of who has no rights over the machine; of the others, a domain that a set-user-ID program leaves is none. */
void plan_landlock(struct planner *pl)
{
	const struct spots *list = &pl->u->service.landlock;

	pl->p->landlock = list->v;
	pl->p->n_landlock = list->n;
	if (list->n > 0)
		pl->p->no_new_privileges = true;
}
