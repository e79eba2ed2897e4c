/* What stands in /dev of a container: its own few devices, and those that its unit names. */
#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"

#include <linux/mount.h>

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define SHM_SIZE (UINT64_C(64) << 20)
/* As both libc and the kernel encode device numbers below 256. */
#define DEVICE(major, minor) ((major) << 8 | (minor))

#define LINK(path, to)                                                                 \
	{                                                                              \
		.cls = CLASS_DEV, .kind = OP_SYMLINK, .target = (path), .source = (to) \
	}

static const char pts_options[] = "newinstance,ptmxmode=0666,mode=0620,gid=";
/* "tty" wherever it matters: grantpt(3) needs it */
#define TTY_GROUP 5

/* Made when they are wanted: as operations they would be five times the size. */
static const struct {
	char path[13];
	uint8_t major, minor;
} nodes[] = {
	{ "/dev/null", 1, 3 },
	{ "/dev/zero", 1, 5 },
	{ "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 },
	{ "/dev/urandom", 1, 9 },
	{ "/dev/tty", 5, 0 },
};

static const struct {
	char path[12], to[16];
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },
	{ "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/core", "/proc/kcore" },
};

_Static_assert(PLAN_DEV_NODES == 1 + ARRAY_LEN(nodes) + ARRAY_LEN(links), "each is reached");

struct mount_op plan_dev_node(size_t i)
{
	struct mount_op op = { .cls = CLASS_DEV };

	if (i == 0) {
		op.kind = OP_FS;
		op.fstype = "tmpfs";
		op.target = "/dev";
		op.data = "mode=0755,size=65536k";
		op.attr = MOUNT_ATTR_NOSUID;
	} else if (i <= ARRAY_LEN(nodes)) {
		op.kind = OP_NODE;
		op.target = nodes[i - 1].path;
		op.dev = DEVICE(nodes[i - 1].major, nodes[i - 1].minor);
		op.mode = 0666;
	} else {
		op.kind = OP_SYMLINK;
		op.target = links[i - 1 - ARRAY_LEN(nodes)].path;
		op.source = links[i - 1 - ARRAY_LEN(nodes)].to;
	}
	return op;
}

static const struct mount_op dev[] = {
	LINK("/dev/ptmx", "pts/ptmx"),
	{ .cls = CLASS_DEV,
		.kind = OP_FS,
		.fstype = "devpts",
		.target = "/dev/pts",
		.data = pts_options,
		.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
	{ .cls = CLASS_DEV,
		.kind = OP_FS,
		.fstype = "mqueue",
		.target = "/dev/mqueue",
		.attr = QUIET,
		.optional = true },
};

static void add(struct planner *pl, struct mount_list *list, struct mount_op op)
{
	*LIST_ADD(pl->arena, list) = op;
}

static const char *pts_data(const struct planner *pl)
{
	const struct ids *ids = pl->facts->ids;
	uint32_t group = ids != NULL ? id_host(&ids->gid, TTY_GROUP) : TTY_GROUP;

	if (group == ID_NONE)
		group = id_host(&ids->gid, 0);
	return arena_printf(pl->arena, "%s%u", pts_options, group);
}

void plan_dev(struct planner *pl, struct mount_list *list)
{
	const struct container_section *c = &pl->u->container;
	uint64_t size = c->shm_size == SIZE_UNSET ? SHM_SIZE : c->shm_size;
	const char *data = "mode=1777";

	for (size_t i = 0; i < PLAN_DEV_NODES; i++)
		add(pl, list, plan_dev_node(i));
	for (size_t i = 0; i < ARRAY_LEN(dev); i++) {
		add(pl, list, dev[i]);
		if (dev[i].data == pts_options)
			list->v[list->n - 1].data = pts_data(pl);
	}
	/* 0 and infinity: no size of its own, the memory limit holds it */
	if (size != 0 && size != SIZE_INFINITY)
		data = arena_printf(pl->arena, "mode=1777,size=%llu", (unsigned long long)size);
	add(pl, list,
		(struct mount_op){ .cls = CLASS_DEV,
			.kind = OP_FS,
			.fstype = "tmpfs",
			.target = "/dev/shm",
			.data = data,
			.attr = QUIET });
	for (size_t i = 0; i < c->devices.n; i++) {
		const struct device *d = &c->devices.v[i];

		/* A bind of the host's node: its number is the host's business. */
		add(pl, list,
			(struct mount_op){ .cls = CLASS_DEV,
				.kind = OP_BIND,
				.source = d->host,
				.target = plan_clean_path(pl->arena, d->inside),
				.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
				.optional = d->optional });
	}
}
