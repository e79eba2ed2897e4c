/*
 * System calls that libc has no function for, or one that does more than the call. Return -1 with errno.
 * Mounts by descriptor: Linux 5.2; openat2: 5.6; mount_setattr: 5.12.
 */
#ifndef CHILD_KERNEL_H
#define CHILD_KERNEL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>
#include <linux/openat2.h>

#ifndef AT_RECURSIVE /* linux/fcntl.h, which does not go together with fcntl.h */
#define AT_RECURSIVE 0x8000
#endif

#ifdef SYS_setfsuid32 /* 32-bit machines: the plain ones take 16 bits */
#define KERNEL_SETFSUID SYS_setfsuid32
#define KERNEL_SETFSGID SYS_setfsgid32
#else
#define KERNEL_SETFSUID SYS_setfsuid
#define KERNEL_SETFSGID SYS_setfsgid
#endif

/* Whose the files are that are made from now on. They do not fail for root. */
static inline void kernel_files_of(unsigned int uid, unsigned int gid)
{
	(void)syscall(KERNEL_SETFSUID, uid);
	(void)syscall(KERNEL_SETFSGID, gid);
}

static inline int kernel_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static inline int kernel_open_tree(int dir, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static inline int kernel_move_mount(int from, int to)
{
	return (int)syscall(SYS_move_mount, from, "", to, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int kernel_fsopen(const char *fstype)
{
	return (int)syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC);
}

static inline int kernel_fsconfig(int fs, unsigned int cmd, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, cmd, key, value, 0);
}

static inline int kernel_fsmount(int fs, uint64_t attr)
{
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned int)attr);
}

static inline int kernel_mount_setattr(int fd, unsigned int flags, const struct mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attr, sizeof(*attr));
}

/*
 * Owners of files become those that they are inside of the user namespace. For a mount that was never attached. EINVAL: its
 * file system cannot (overlay, the initramfs; tmpfs before Linux 6.3, squashfs before 6.2).
 */
static inline int kernel_map_ids(int mount, bool recursive, int userns)
{
	const struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns };

	return kernel_mount_setattr(mount, recursive ? AT_RECURSIVE : 0, &attr);
}

#endif
