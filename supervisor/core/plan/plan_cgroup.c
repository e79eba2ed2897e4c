/* Limits as writes into cgroup v2 files (Documentation/admin-guide/cgroup-v2.rst), with systemd's meaning. */
#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"

#include <string.h>

enum whole { OF_RAM, OF_TASKS };

struct limit_row {
	const char *file;
	const char *key;
	size_t offset; /* of the struct quantity in struct unit */
	enum whole whole;
	bool container; /* a key of [Container]: other kinds do not have it */
	bool optional;
};

#define LIMIT(file, key, member, ...)                                 \
	{                                                             \
		file, key, offsetof(struct unit, member), __VA_ARGS__ \
	}

/*
 * Two keys of one file stand together: the smaller value counts, as it does where Quadlet makes two nested groups of
 * them. What only protects or shares out may be missing in a kernel; a limit that somebody asked for may not.
 */
static const struct limit_row limits[] = {
	LIMIT("memory.min", "MemoryMin", service.memory_min, OF_RAM, false, true),
	LIMIT("memory.low", "MemoryLow", service.memory_low, OF_RAM, false, true),
	LIMIT("memory.high", "MemoryHigh", service.memory_high, OF_RAM, false, false),
	LIMIT("memory.max", "MemoryMax", service.memory_max, OF_RAM, false, false),
	LIMIT("memory.max", "Memory", container.memory, OF_RAM, true, false),
	LIMIT("memory.swap.max", "MemorySwapMax", service.memory_swap_max, OF_RAM, false, true),
	LIMIT("pids.max", "TasksMax", service.tasks_max, OF_TASKS, false, false),
	LIMIT("pids.max", "PidsLimit", container.pids_limit, OF_TASKS, true, false),
};

struct write_list {
	struct cgroup_write *v;
	size_t n;
};

static void add(struct planner *pl, struct write_list *list, struct cgroup_write w)
{
	*LIST_ADD(pl->arena, list) = w;
}

static const char *number(struct planner *pl, uint64_t value)
{
	if (value == SIZE_INFINITY)
		return "max";
	return arena_printf(pl->arena, "%llu", (unsigned long long)value);
}

static const struct quantity *quantity_of(const struct planner *pl, const struct limit_row *row)
{
	return (const void *)((const char *)pl->u + row->offset);
}

/* SIZE_UNSET when the unit does not say. */
static int resolve(struct planner *pl, const struct limit_row *row, uint64_t *value)
{
	const struct quantity *q = quantity_of(pl, row);
	uint64_t whole = row->whole == OF_RAM ? pl->facts->ram : pl->facts->tasks;

	*value = SIZE_UNSET;
	if (row->container && pl->u->kind != KIND_CONTAINER)
		return 0;
	*value = q->value;
	if (q->permille == 0)
		return 0;
	if (whole == 0)
		return err_setx(pl->e, "%s: a share of what this machine does not tell", row->key);
	*value = whole / 1000 * q->permille + whole % 1000 * q->permille / 1000;
	return 0;
}

static int add_limits(struct planner *pl, struct write_list *list)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const struct limit_row *row = &limits[i], *from = row;
		uint64_t value, other;

		if (resolve(pl, row, &value) < 0)
			return -1;
		if (i + 1 < ARRAY_LEN(limits) && strcmp(row[1].file, row->file) == 0) {
			i++;
			if (resolve(pl, &limits[i], &other) < 0)
				return -1;
			if (value == SIZE_UNSET || (other != SIZE_UNSET && other < value)) {
				value = other;
				from = &limits[i];
			}
		}
		if (value != SIZE_UNSET)
			add(pl, list,
				(struct cgroup_write){ .file = from->file,
					.value = number(pl, value),
					.optional = from->optional || quantity_of(pl, from)->dflt,
					.key = from->key });
	}
	return 0;
}

static void add_cpu(struct planner *pl, struct write_list *list)
{
	const struct service_section *s = &pl->u->service;
	uint64_t period = s->cpu_quota_period != 0 ? s->cpu_quota_period : 100 * USEC_PER_MSEC;
	uint64_t quota = period / 1000 * s->cpu_quota + period % 1000 * s->cpu_quota / 1000;

	if (s->cpu_weight == CPU_WEIGHT_IDLE)
		add(pl, list,
			(struct cgroup_write){ .file = "cpu.idle",
				.value = "1",
				.optional = true,
				.key = "CPUWeight" });
	else if (s->cpu_weight != 0)
		add(pl, list,
			(struct cgroup_write){ .file = "cpu.weight",
				.value = number(pl, s->cpu_weight),
				.optional = true,
				.key = "CPUWeight" });
	if (s->cpu_quota != 0) {
		/* The kernel takes no quota under a millisecond: keep the share, stretch the period. */
		if (quota < USEC_PER_MSEC) {
			period = USEC_PER_SEC;
			quota = (uint64_t)s->cpu_quota * 1000;
		}
		add(pl, list,
			(struct cgroup_write){ .file = "cpu.max",
				.value = arena_printf(pl->arena, "%llu %llu",
					(unsigned long long)quota, (unsigned long long)period),
				.key = "CPUQuota" });
	}
	if (s->allowed_cpus != NULL)
		add(pl, list,
			(struct cgroup_write){ .file = "cpuset.cpus",
				.value = s->allowed_cpus,
				.key = "AllowedCPUs" });
	if (s->allowed_memory_nodes != NULL)
		add(pl, list,
			(struct cgroup_write){ .file = "cpuset.mems",
				.value = s->allowed_memory_nodes,
				.key = "AllowedMemoryNodes" });
}

static void add_io(struct planner *pl, struct write_list *list)
{
	static const struct {
		const char *field, *key;
	} kinds[] = {
		[IO_READ_BANDWIDTH] = { "rbps", "IOReadBandwidthMax" },
		[IO_WRITE_BANDWIDTH] = { "wbps", "IOWriteBandwidthMax" },
		[IO_READ_IOPS] = { "riops", "IOReadIOPSMax" },
		[IO_WRITE_IOPS] = { "wiops", "IOWriteIOPSMax" },
	};
	const struct service_section *s = &pl->u->service;

	if (s->io_weight != 0)
		add(pl, list,
			(struct cgroup_write){ .file = "io.weight",
				.value = arena_printf(pl->arena, "default %u", s->io_weight),
				.optional = true,
				.key = "IOWeight" });
	for (size_t i = 0; i < s->io_limits.n; i++) {
		const struct io_limit_set *limit = &s->io_limits.v[i];

		add(pl, list,
			(struct cgroup_write){ .file = "io.max",
				.value = arena_printf(pl->arena, "@%s %s=%s", limit->device,
					kinds[limit->kind].field, number(pl, limit->value)),
				.key = kinds[limit->kind].key });
	}
}

int plan_cgroup(struct planner *pl)
{
	struct write_list list = { 0 };

	if (add_limits(pl, &list) < 0)
		return -1;
	add_cpu(pl, &list);
	add_io(pl, &list);
	if (pl->u->service.oom_policy == OOM_KILL)
		add(pl, &list,
			(struct cgroup_write){
				.file = "memory.oom.group", .value = "1", .key = "OOMPolicy" });
	pl->p->cgroup = list.v;
	pl->p->n_cgroup = list.n;
	return 0;
}
