#include "supervisor/sys/unit/devices.h"

#include "common/fd.h"
#include "common/pattern.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define CLASSES_FILE "/proc/devices"
#define CLASSES_MAX 8192
#define FOLDER_MAX 256 /* of one folder with nodes: /dev/snd, /dev/dri */

/* ---- names ---- */

struct numbers {
	struct device_number *v;
	size_t n;
};

static bool add_node(struct arena *a, struct numbers *list, const char *name, const struct stat *st)
{
	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return false;
	*LIST_ADD(a, list) = (struct device_number){
		.name = name,
		.block = S_ISBLK(st->st_mode),
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
	};
	return true;
}

static void add_folder(struct arena *a, struct numbers *list, const char *name)
{
	DIR *d = opendir(name);
	struct dirent *entry;
	size_t n = 0;

	if (d == NULL)
		return;
	while (n < FOLDER_MAX && (entry = readdir(d)) != NULL) {
		struct stat st;

		/* a link may lead anywhere: what it leads to is named by itself, if at all */
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			n += add_node(a, list, name, &st);
	}
	(void)closedir(d);
}

/* "136 pts": a line below the heading of its kind. */
static void add_class(struct arena *a, struct numbers *list, const char *name)
{
	static const char blocks[] = "Block devices:";
	bool block = name[0] == 'b';
	const char *pattern = strchr(name, '-') + 1;
	char text[CLASSES_MAX], driver[64];
	int fd cleanup_fd = open(CLASSES_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	bool in_blocks = false;

	text[n > 0 ? n : 0] = '\0';
	for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
		const char *end;
		uint32_t number = 0;

		in_blocks = in_blocks || strncmp(at, blocks, sizeof(blocks) - 1) == 0;
		for (at += strspn(at, " "); *at >= '0' && *at <= '9' && number < UINT16_MAX; at++)
			number = number * 10 + (uint32_t)(*at - '0');
		if (*at != ' ' || in_blocks != block || number == 0)
			continue;
		end = strchrnul(++at, '\n');
		(void)snprintf(driver, sizeof(driver), "%.*s", (int)(end - at), at);
		if (pattern_match(pattern, driver))
			*LIST_ADD(a, list) = (struct device_number){ name, block, number,
				DEVICE_ANY };
	}
}

void device_facts(const struct unit *u, struct facts *facts, struct arena *a)
{
	struct strv names = plan_device_names(u, a);
	struct numbers list = { 0 };

	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.v[i];
		struct stat st;

		if (name[0] != '/')
			add_class(a, &list, name);
		else if (stat(name, &st) == 0 && !add_node(a, &list, name, &st) &&
			S_ISDIR(st.st_mode))
			add_folder(a, &list, name);
	}
	facts->devices = list.v;
	facts->n_devices = list.n;
}

/* ---- the program ---- */

static int bpf(int cmd, union bpf_attr *attr, size_t size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

static uint64_t digest(const struct bpf_insn *insns, size_t n)
{
	const unsigned char *bytes = (const unsigned char *)insns;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n * sizeof(*insns); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* A descriptor that stays the cache's. */
static int load(struct device_cache *cache, const struct device_rules *rules)
{
	struct arena a = { 0 };
	union bpf_attr attr;
	uint64_t hash;
	size_t n;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)device_program(&a, rules, &n);
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t) "";
	hash = digest((const struct bpf_insn *)(uintptr_t)attr.insns, n);
	if (cache->program < 0 || cache->digest != hash) {
		fd_close(&cache->program);
		cache->program = bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
		cache->digest = hash;
	}
	arena_free(&a);
	return cache->program;
}

/*
 * Without BPF_F_ALLOW_MULTI or _OVERRIDE there is one program at most, a second one takes the place of the first in one
 * step, and no cgroup below can have a weaker one. Those of the cgroups above count besides it.
 */
static int attach(int cgroup, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = program >= 0 ? (uint32_t)program : 0;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return bpf(program >= 0 ? BPF_PROG_ATTACH : BPF_PROG_DETACH, &attr, sizeof(attr));
}

int devices_apply(struct device_cache *cache, const struct plan *plan, int cgroup, bool fresh,
	struct err *e)
{
	int program;

	if (plan->device_control == DEVICES_KEPT)
		return 0;
	if (plan->device_control == DEVICES_FREE) {
		/* ENOENT: it has none; EINVAL, ENOSYS: this kernel never has */
		if (fresh || attach(cgroup, -1) == 0 || errno == ENOENT || errno == EINVAL ||
			errno == ENOSYS)
			return 0;
		return err_set(e, "free the unit from its list of devices");
	}
	program = load(cache, &plan->devices);
	if (program >= 0 && attach(cgroup, program) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS)
		return err_setx(e, "this kernel cannot hold it to its devices (CONFIG_CGROUP_BPF)");
	return err_set(e, "hold it to its devices");
}

static bool describe(int program, struct bpf_prog_info *info)
{
	union bpf_attr attr;

	memset(info, 0, sizeof(*info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(*info);
	attr.info.info = (uint64_t)(uintptr_t)info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0;
}

/* The kernel gives programs of the same instructions the same tag. */
enum audit_devices devices_look(struct device_cache *cache, const struct plan *plan, int cgroup)
{
	struct bpf_prog_info has, planned;
	cleanup_fd int program = -1;
	union bpf_attr attr;
	uint32_t id = 0;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)&id;
	attr.query.prog_cnt = 1;
	if (bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) < 0 || id == 0)
		return AUDIT_DEVICES_FREE;
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	program = bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (program < 0 || plan->device_control != DEVICES_LISTED ||
		!describe(load(cache, &plan->devices), &planned) || !describe(program, &has) ||
		memcmp(has.tag, planned.tag, sizeof(has.tag)) != 0)
		return AUDIT_DEVICES_OTHER;
	return AUDIT_DEVICES_PLANNED;
}
