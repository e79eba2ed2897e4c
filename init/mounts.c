#include "init/mounts.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "common/paths.h"
#include "common/util.h"
#include "init/text.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct row {
	const char *target;
	const char *type;
	unsigned long flags;
	const char *data;
};

static const struct row table[] = {
	{ "/proc", "proc", SAFE, NULL },
	{ "/sys", "sysfs", SAFE, NULL },
	{ "/dev", "devtmpfs", MS_NOSUID, "mode=0755" },
	{ "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666" },
	{ "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" },
	{ "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755" },
	{ "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" },
	{ PATH_CGROUP, "cgroup2", SAFE, "nsdelegate,memory_recursiveprot" },
};

/* devtmpfs has devices only; these are what shells and libraries look for. */
static const struct {
	const char *path;
	const char *to;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },
	{ "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" },
};

/* Whoever mounted it before us (kernel, initramfs, container engine) meant it. */
static bool is_mount_point(const char *path)
{
	struct stat here, above;
	char parent[64];
	struct text t;

	text_init(&t, parent, sizeof(parent));
	text_format(&t, "%s/..", path);
	return lstat(path, &here) == 0 && lstat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

static bool expected_in_container(int no)
{
	return no == EPERM || no == EACCES || no == EROFS;
}

static void mount_row(const struct row *row, const struct console *c)
{
	if (is_mount_point(row->target))
		return;
	if (mkdir(row->target, 0755) < 0 && errno != EEXIST && c->device)
		console_say(c, "mkdir %s: %m", row->target);
	if (mount(row->type, row->target, row->type, row->flags, row->data) == 0)
		return;
	/* An option of a newer kernel must not cost the mount. */
	if (errno == EINVAL && mount(row->type, row->target, row->type, row->flags, NULL) == 0)
		return;
	if (errno == EBUSY || (!c->device && expected_in_container(errno)))
		return;
	console_say(c, "mount %s on %s: %m, going on without", row->type, row->target);
}

void mounts_leave_rootfs(const struct console *c)
{
	struct statfs fs;

	/*
	 * A real root that happens to be a tmpfs is bound over itself once: harmless. __fsword_t is
	 * signed on some machines, the magic numbers are 32 bits.
	 */
	if (statfs("/", &fs) < 0 ||
		((unsigned int)fs.f_type != RAMFS_MAGIC && (unsigned int)fs.f_type != TMPFS_MAGIC))
		return;
	/* A second view of the same tree, moved over the first: no copy, nothing is hidden. */
	(void)mkdir("/run", 0755);
	if (mount("/", "/run", NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("/run") < 0 ||
		mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		console_say(c, "root over rootfs: %m, containers will not start");
	(void)chdir("/");
}

bool mounts_are_made(void)
{
	return is_mount_point("/proc");
}

void mounts_make(const struct console *c)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		mount_row(&table[i], c);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlink(links[i].to, links[i].path) < 0 && errno != EEXIST && c->device)
			console_say(c, "symlink %s: %m", links[i].path);
}
