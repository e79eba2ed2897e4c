/* Files of the kernel: what must not be written to, what must be empty, and what tells of the host. */
#include "tests/helpers/probe/probe.h"

#include "common/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Opened, not written to: EROFS, EACCES and EPERM are what is hoped for. */
static void no_write(const struct probe *p, const struct check *c)
{
	int fd = open(c->text, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	(void)p;
	if (fd >= 0)
		hole("%s can be opened for writing", c->text);
	if (errno == ENOENT || errno == ENOTDIR || errno == ENXIO || errno == ENODEV)
		lacking("there is no %s", c->text);
	if (errno != EROFS && errno != EACCES && errno != EPERM)
		hole("%s: open for writing says %s", c->text, strerror(errno));
}

/* A lower score than this process has. As it is root inside, the write itself must be refused. */
static void no_oom_score(const struct probe *p, const struct check *c)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	int score;

	(void)p;
	(void)c;
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%d", &score) != 1)
		lacking("oom_score_adj: %s", strerror(errno));
	(void)snprintf(text, sizeof(text), "%d", score - 1);
	if (pwrite(fd, text, strlen(text), 0) > 0)
		hole("it can say that others are to be killed before it");
}

static void empty_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			hole("%s has %s", path, entry->d_name);
}

/* Not there, nothing in it, or the null device over it. */
static void is_hidden(const struct probe *p, const struct check *c)
{
	struct stat st;
	char byte;
	int fd;

	(void)p;
	if (stat(c->text, &st) < 0 && errno == ENOENT)
		lacking("there is no %s", c->text);
	if (S_ISDIR(st.st_mode)) {
		empty_folder(c->text);
		return;
	}
	fd = open(c->text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &byte, 1) > 0)
		hole("%s can be read", c->text);
	fd = open(c->text, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
		hole("%s can be opened for writing", c->text);
}

/* Of a file that root alone may read on the host. */
static void no_read(const struct probe *p, const struct check *c)
{
	int fd = open(c->text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char byte;

	(void)p;
	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		lacking("there is no %s", c->text);
	if (fd >= 0 && read(fd, &byte, 1) > 0)
		hole("%s can be read", c->text);
}

/* Addresses of the kernel: zeroes for who has no right to them. */
static void no_addresses(const struct probe *p, const struct check *c)
{
	static char text[4096];

	(void)p;
	if (read_text(c->text, text, sizeof(text)) <= 0)
		lacking("there is nothing in %s", c->text);
	for (const char *at = text;
		(at = strstr(at, c->nr != 0 ? "0x" : "")) != NULL && *at != '\0';) {
		size_t digits;

		at += c->nr != 0 ? 2 : 0;
		digits = strspn(at, "0123456789abcdef");
		if (digits >= 8 && strspn(at, "0") < digits)
			hole("%s tells an address: %.16s", c->text, at);
		at = strchrnul(at, '\n');
		at += *at == '\n';
	}
}

static void no_mkdir(const struct probe *p, const struct check *c)
{
	(void)p;
	if (mkdir(c->text, 0755) == 0) {
		(void)rmdir(c->text);
		hole("%s can be made", c->text);
	}
	if (errno == ENOENT)
		lacking("there is no folder for %s", c->text);
}

/* Each mount of these types is read-only, whatever place it has. */
static void read_only_mounts(const struct probe *p, const struct check *c)
{
	static char text[65536];
	char place[512], options[256], type[64];

	(void)p;
	if (read_text("/proc/self/mountinfo", text, sizeof(text)) < 0)
		lacking("mountinfo: %s", strerror(errno));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		const char *dash = strstr(line, " - ");

		if (dash == NULL ||
			sscanf(line, "%*s %*s %*s %*s %511s %255s", place, options) != 2 ||
			sscanf(dash, " - %63s", type) != 1 || strcmp(type, c->text) != 0)
			continue;
		if (strncmp(options, "ro,", 3) != 0 && strcmp(options, "ro") != 0)
			hole("%s is mounted %s", place, options);
	}
}

/* Devices are in /dev alone. */
static void no_devices_elsewhere(const struct probe *p, const struct check *c)
{
	static char text[65536];
	char place[512], options[256];

	(void)p;
	(void)c;
	if (read_text("/proc/self/mountinfo", text, sizeof(text)) < 0)
		lacking("mountinfo: %s", strerror(errno));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%*s %*s %*s %*s %511s %255s", place, options) != 2)
			continue;
		if (strcmp(place, "/dev") == 0 || strcmp(place, "/dev/pts") == 0 ||
			strcmp(place, "/dev/console") == 0 || strstr(options, "nodev") != NULL)
			continue;
		/* the null device over a masked file */
		if (strncmp(place, "/proc/", 6) == 0)
			continue;
		hole("%s is mounted %s", place, options);
	}
}

static void own_cgroup(const struct probe *p, const struct check *c)
{
	static char text[4096];

	(void)p;
	(void)c;
	if (read_text("/proc/self/cgroup", text, sizeof(text)) <= 0)
		lacking("no cgroups");
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, "0::", 3) == 0 && strcmp(line, "0::/") != 0)
			hole("it sees where it is: %s", line);
}

static void own_name(const struct probe *p, const struct check *c)
{
	const char *host = told(p, "host");
	struct utsname name;

	(void)c;
	if (uname(&name) == 0 && strcmp(name.nodename, host) == 0)
		hole("it is named as the host, %s", host);
}

/* A relative name that climbs to the host's file. */
static void not_there(const struct probe *p, const struct check *c)
{
	const char *file = told(p, "canary");
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s%s", c->text, file);
	if (access(path, F_OK) == 0)
		hole("%s is there", path);
}

static void procfs_is_procfs(const struct probe *p, const struct check *c)
{
	struct stat st;

	(void)p;
	(void)c;
	if (stat("/proc", &st) < 0 || st.st_ino != 1)
		hole("/proc is no root of procfs");
}

#define WRITE(name, path)                         \
	{                                         \
		"write-" name, no_write, path, 0, \
		{                                 \
			0                         \
		}                                 \
	}
#define MASKED(name, path)                          \
	{                                           \
		"masked-" name, is_hidden, path, 0, \
		{                                   \
			0                           \
		}                                   \
	}
#define READ(name, path)                        \
	{                                       \
		"read-" name, no_read, path, 0, \
		{                               \
			0                       \
		}                               \
	}
#define MAKE(name, path)                         \
	{                                        \
		"make-" name, no_mkdir, path, 0, \
		{                                \
			0                        \
		}                                \
	}
#define CLIMB(name, path)                              \
	{                                              \
		"host-file-" name, not_there, path, 0, \
		{                                      \
			0                              \
		}                                      \
	}
#define SEALED(name)                                          \
	{                                                     \
		"read-only-" name, read_only_mounts, name, 0, \
		{                                             \
			0                                     \
		}                                             \
	}

static const struct check rows[] = {
	MASKED("acpi", "/proc/acpi"),
	MASKED("interrupts", "/proc/interrupts"),
	MASKED("kcore", "/proc/kcore"),
	MASKED("keys", "/proc/keys"),
	MASKED("latency-stats", "/proc/latency_stats"),
	MASKED("sched-debug", "/proc/sched_debug"),
	MASKED("scsi", "/proc/scsi"),
	MASKED("timer-list", "/proc/timer_list"),
	MASKED("timer-stats", "/proc/timer_stats"),
	MASKED("powercap", "/sys/devices/virtual/powercap"),
	MASKED("firmware", "/sys/firmware"),
	MASKED("selinux", "/sys/fs/selinux"),
	WRITE("asound", "/proc/asound/version"),
	WRITE("bus", "/proc/bus/pci/devices"),
	WRITE("fs", "/proc/fs/nfsd/threads"),
	WRITE("irq", "/proc/irq/default_smp_affinity"),
	WRITE("sysrq-trigger", "/proc/sysrq-trigger"),
	WRITE("core-pattern", "/proc/sys/kernel/core_pattern"),
	WRITE("modprobe", "/proc/sys/kernel/modprobe"),
	WRITE("panic", "/proc/sys/kernel/panic"),
	WRITE("sysrq", "/proc/sys/kernel/sysrq"),
	WRITE("host-name", "/proc/sys/kernel/hostname"),
	WRITE("dmesg-restrict", "/proc/sys/kernel/dmesg_restrict"),
	WRITE("kptr-restrict", "/proc/sys/kernel/kptr_restrict"),
	WRITE("ptrace-scope", "/proc/sys/kernel/yama/ptrace_scope"),
	WRITE("last-pid", "/proc/sys/kernel/ns_last_pid"),
	WRITE("randomize", "/proc/sys/kernel/randomize_va_space"),
	WRITE("unprivileged-bpf", "/proc/sys/kernel/unprivileged_bpf_disabled"),
	WRITE("overcommit", "/proc/sys/vm/overcommit_memory"),
	WRITE("drop-caches", "/proc/sys/vm/drop_caches"),
	WRITE("mmap-min", "/proc/sys/vm/mmap_min_addr"),
	WRITE("binfmt-register", "/proc/sys/fs/binfmt_misc/register"),
	WRITE("suid-dumpable", "/proc/sys/fs/suid_dumpable"),
	WRITE("file-max", "/proc/sys/fs/file-max"),
	WRITE("hardlinks", "/proc/sys/fs/protected_hardlinks"),
	WRITE("ip-forward", "/proc/sys/net/ipv4/ip_forward"),
	WRITE("user-namespaces", "/proc/sys/user/max_user_namespaces"),
	WRITE("mtrr", "/proc/mtrr"),
	WRITE("sys-power", "/sys/power/state"),
	WRITE("sys-uevent-helper", "/sys/kernel/uevent_helper"),
	WRITE("sys-uevent", "/sys/devices/virtual/mem/null/uevent"),
	WRITE("sys-hugepages", "/sys/kernel/mm/transparent_hugepage/enabled"),
	WRITE("sys-module", "/sys/module/kernel/parameters/panic"),
	WRITE("sys-cpu", "/sys/devices/system/cpu/cpu1/online"),
	WRITE("sys-pci-rescan", "/sys/bus/pci/rescan"),
	WRITE("sys-net", "/sys/class/net/lo/ifalias"),
	WRITE("sys-profiling", "/sys/kernel/profiling"),
	WRITE("cgroup-procs", "/sys/fs/cgroup/cgroup.procs"),
	WRITE("cgroup-kill", "/sys/fs/cgroup/cgroup.kill"),
	WRITE("cgroup-freeze", "/sys/fs/cgroup/cgroup.freeze"),
	WRITE("cgroup-controllers", "/sys/fs/cgroup/cgroup.subtree_control"),
	WRITE("cgroup-memory", "/sys/fs/cgroup/memory.max"),
	WRITE("cgroup-pids", "/sys/fs/cgroup/pids.max"),
	WRITE("cgroup-cpu", "/sys/fs/cgroup/cpu.max"),
	WRITE("cgroup-release-agent", "/sys/fs/cgroup/release_agent"),
	CHECK("oom-score", no_oom_score),
	READ("kmsg", "/proc/kmsg"),
	READ("page-flags", "/proc/kpageflags"),
	READ("page-count", "/proc/kpagecount"),
	READ("slabs", "/proc/slabinfo"),
	READ("vmalloc", "/proc/vmallocinfo"),
	READ("page-types", "/proc/pagetypeinfo"),
	READ("dmi-serial", "/sys/devices/virtual/dmi/id/product_serial"),
	READ("dmi-uuid", "/sys/devices/virtual/dmi/id/product_uuid"),
	READ("board-serial", "/sys/devices/virtual/dmi/id/board_serial"),
	READ("device-tree-serial", "/proc/device-tree/serial-number"),
	READ("efi-variables", "/sys/firmware/efi/efivars"),
	READ("dmi-table", "/sys/firmware/dmi/tables/DMI"),
	READ("slab-state", "/sys/kernel/slab/kmalloc-64/alloc_calls"),
	READ("debugfs", "/sys/kernel/debug/sched/debug"),
	READ("tracefs", "/sys/kernel/tracing/trace"),
	READ("pstore", "/sys/fs/pstore/dmesg-ramoops-0"),
	{ "addresses-symbols", no_addresses, "/proc/kallsyms", 0, { 0 } },
	{ "addresses-modules", no_addresses, "/proc/modules", 1, { 0 } },
	MAKE("cgroup", "/sys/fs/cgroup/probe"),
	MAKE("sys", "/sys/probe"),
	SEALED("sysfs"),
	SEALED("cgroup2"),
	SEALED("cgroup"),
	SEALED("securityfs"),
	SEALED("debugfs"),
	CHECK("nodev", no_devices_elsewhere),
	CHECK("cgroup-place", own_cgroup),
	CHECK("host-name", own_name),
	CHECK("procfs", procfs_is_procfs),
	CLIMB("plain", ""),
	CLIMB("dots", "/../../../../.."),
	CLIMB("pid1-root", "/proc/1/root"),
	CLIMB("pid1-cwd", "/proc/1/cwd/../../../.."),
	CLIMB("self-root", "/proc/self/root/../../.."),
	CLIMB("stdin", "/proc/self/fd/0/../../../.."),
	CLIMB("task-root", "/proc/1/task/1/root/.."),
};

const struct checks checks_files = { rows, ARRAY_LEN(rows) };
