/* Mounts: none can be made, changed, moved or taken off, so that what is hidden stays hidden. */
#include "tests/helpers/probe/probe.h"

#include "common/util.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RDONLY 1
#define QUIET (RDONLY | 2 | 4 | 8) /* nosuid, nodev, noexec */
#define REMOUNT 32
#define BIND 4096
#define PRIVATE_ALL 0x44000

/* Found by name: the row of the check. */
struct mount_words {
	const char *name, *source, *target, *type;
	unsigned long flags;
};

static const struct mount_words mounts[] = {
	{ "tmpfs", "none", "/tmp", "tmpfs", 0 },
	{ "proc", "none", "/tmp", "proc", 0 },
	{ "sysfs", "none", "/tmp", "sysfs", 0 },
	{ "cgroup", "none", "/tmp", "cgroup", 0 },
	{ "cgroup2", "none", "/tmp", "cgroup2", 0 },
	{ "devtmpfs", "none", "/tmp", "devtmpfs", 0 },
	{ "debugfs", "none", "/tmp", "debugfs", 0 },
	{ "tracefs", "none", "/tmp", "tracefs", 0 },
	{ "securityfs", "none", "/tmp", "securityfs", 0 },
	{ "bpf", "none", "/tmp", "bpf", 0 },
	{ "overlay", "none", "/tmp", "overlay", 0 },
	{ "binfmt", "none", "/tmp", "binfmt_misc", 0 },
	{ "bind", "/", "/tmp", NULL, BIND },
	{ "remount-root", "none", "/", NULL, REMOUNT | BIND },
	{ "remount-proc-sys", "none", "/proc/sys", NULL, REMOUNT | BIND | QUIET },
	{ "remount-sys", "none", "/sys", NULL, REMOUNT | BIND | QUIET },
	{ "remount-cgroup", "none", "/sys/fs/cgroup", NULL, REMOUNT | BIND | QUIET },
	{ "remount-dev", "none", "/dev", NULL, REMOUNT | BIND },
	{ "propagation", "none", "/", NULL, PRIVATE_ALL },
};

/* What it has made is taken off again, for the checks that follow. */
static void no_mount(const struct probe *p, const struct check *c)
{
	(void)p;
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		const struct mount_words *m = &mounts[i];
		long done;

		if (strcmp(m->name, c->text) != 0)
			continue;
		done = syscall(SYS_mount, m->source, m->target, m->type, m->flags, NULL);
		if (done == 0 && strcmp(m->target, "/tmp") == 0)
			(void)syscall(SYS_umount2, m->target, 2 /* MNT_DETACH */);
		must_be_refused(done, "mount");
	}
}

/* The old and the new way to make a root of what was mounted. */
static void no_pivot(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	must_be_refused(syscall(SYS_pivot_root, ".", "."), "pivot_root");
}

/* Of the right to take "read-only" off; what is asked for is what should be there already. */
static void no_setattr(const struct probe *p, const struct check *c)
{
	uint64_t attr[4] = { RDONLY, 0, 0, 0 };
	long done;

	(void)p;
	done = syscall(SYS_mount_setattr, AT_FDCWD, c->text, 0, attr, sizeof(attr));
	if (done < 0 && errno == ENOENT)
		lacking("there is no %s", c->text);
	must_be_refused(done, "mount_setattr");
}

/* MNT_EXPIRE only marks it, the first time: EAGAIN, or EBUSY. EINVAL: nothing that can be taken off from here. */
static void no_umount(const struct probe *p, const struct check *c)
{
	struct stat st;
	long done;

	(void)p;
	if (lstat(c->text, &st) < 0)
		lacking("there is no %s", c->text);
	done = syscall(SYS_umount2, c->text, 4 /* MNT_EXPIRE */);
	if (done < 0 && errno == EINVAL)
		return;
	must_be_refused(done, "umount2");
}

/* A descriptor of a namespace, if it can be had, must be of no use. */
static void no_setns(const struct probe *p, const struct check *c)
{
	char path[64];
	int fd;

	(void)p;
	(void)snprintf(path, sizeof(path), "/proc/1/ns/%s", c->text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", c->text);
	if (fd < 0 && errno == EACCES) /* it is not for others to see */
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		lacking("this kernel has no such namespace");
	if (fd >= 0)
		must_be_refused(syscall(SYS_setns, fd, 0), "setns");
}

/* The classic: a root that does not hold the working folder any more leaves the way up open. */
static void no_chroot_escape(const struct probe *p, const struct check *c)
{
	struct stat before, after;
	const char *inside = told(p, "inside");

	(void)c;
	(void)mkdir("/tmp/chroot-probe", 0700);
	if (stat("/", &before) < 0 || chdir("/") < 0 || chroot("/tmp/chroot-probe") < 0)
		return;
	for (int i = 0; i < 100; i++)
		if (chdir("..") < 0)
			break;
	if (chroot(".") < 0 || stat("/", &after) < 0)
		return;
	if (before.st_dev != after.st_dev || before.st_ino != after.st_ino)
		hole("chroot leads out of the root");
	if (access(inside, F_OK) < 0)
		hole("chroot leads to a root without %s", inside);
}

#define MOUNT(name)                               \
	{                                         \
		"mount-" name, no_mount, name, 0, \
		{                                 \
			0                         \
		}                                 \
	}
#define UMOUNT(name, path)                          \
	{                                           \
		"umount-" name, no_umount, path, 0, \
		{                                   \
			0                           \
		}                                   \
	}
#define SETNS(name)                               \
	{                                         \
		"setns-" name, no_setns, name, 0, \
		{                                 \
			0                         \
		}                                 \
	}
#define SETATTR(name, path)                                 \
	{                                                   \
		"mount-setattr-" name, no_setattr, path, 0, \
		{                                           \
			0                                   \
		}                                           \
	}

static const struct check rows[] = {
	MOUNT("tmpfs"),
	MOUNT("proc"),
	MOUNT("sysfs"),
	MOUNT("cgroup"),
	MOUNT("cgroup2"),
	MOUNT("devtmpfs"),
	MOUNT("debugfs"),
	MOUNT("tracefs"),
	MOUNT("securityfs"),
	MOUNT("bpf"),
	MOUNT("overlay"),
	MOUNT("binfmt"),
	MOUNT("bind"),
	MOUNT("remount-root"),
	MOUNT("remount-proc-sys"),
	MOUNT("remount-sys"),
	MOUNT("remount-cgroup"),
	MOUNT("remount-dev"),
	MOUNT("propagation"),
	SETATTR("proc-sys", "/proc/sys"),
	SETATTR("sys", "/sys"),
	SETATTR("cgroup", "/sys/fs/cgroup"),
	UMOUNT("root", "/"),
	UMOUNT("proc", "/proc"),
	UMOUNT("proc-sys", "/proc/sys"),
	UMOUNT("kcore", "/proc/kcore"),
	UMOUNT("sys", "/sys"),
	UMOUNT("firmware", "/sys/firmware"),
	UMOUNT("cgroup", "/sys/fs/cgroup"),
	CALL("fsopen", fsopen, "tmpfs", TEXT, 0),
	CALL("fspick", fspick, "/", AT_FDCWD, TEXT, 0),
	CALL("open-tree", open_tree, "/", AT_FDCWD, TEXT, 1 /* OPEN_TREE_CLONE */),
	CALL("move-mount", move_mount, "/", AT_FDCWD, TEXT, AT_FDCWD, TEXT, 0),
	CHECK("pivot-root", no_pivot),
	SETNS("mnt"),
	SETNS("pid"),
	SETNS("net"),
	SETNS("user"),
	SETNS("uts"),
	SETNS("ipc"),
	SETNS("cgroup"),
	SETNS("time"),
	CHECK("chroot-escape", no_chroot_escape),
};

const struct checks checks_mounts = { rows, ARRAY_LEN(rows) };
