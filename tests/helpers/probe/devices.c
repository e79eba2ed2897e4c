/* Devices by their numbers, by the nodes of an image, and terminals. */
#include "tests/helpers/probe/probe.h"

#include "common/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What would answer, if it were there, lets the number through: EPERM and EACCES do not. */
static void must_not_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 || (errno != EPERM && errno != EACCES && errno != ENOENT))
		hole("%s can be made, and open says %s", path, fd >= 0 ? "yes" : strerror(errno));
}

/* On each file system that could allow it; args: type, major, minor. */
static void no_device(const struct probe *p, const struct check *c)
{
	static const char *const folders[] = { "/dev", "/tmp", "/run", "/dev/shm", "/" };

	(void)p;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/probe-node", folders[i]);
		(void)unlink(path);
		if (mknod(path, (mode_t)c->args[0] | 0666,
			    makedev((unsigned int)c->args[1], (unsigned int)c->args[2])) < 0)
			continue;
		must_not_open(path);
		(void)unlink(path);
	}
}

/* A node that the image has, for which nobody needs a right to make one. */
static void no_node_of_image(const struct probe *p, const struct check *c)
{
	const char *path = told(p, c->text);
	struct stat st;

	if (lstat(path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
		lacking("%s is no node", path);
	must_not_open(path);
}

static void only_planned(const struct probe *p, const struct check *c)
{
	static const unsigned char memory[] = { 3, 5, 7, 8, 9 };
	DIR *dir = opendir("/dev");
	struct dirent *entry;

	(void)p;
	(void)c;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;
		bool known = false;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(memory); i++)
			known |= S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, memory[i]);
		known |= S_ISCHR(st.st_mode) &&
			(st.st_rdev == makedev(5, 0) || st.st_rdev == makedev(5, 2));
		known |= S_ISCHR(st.st_mode) && major(st.st_rdev) >= 136 &&
			major(st.st_rdev) <= 143;
		if (!known)
			hole("/dev/%s is %u:%u", entry->d_name, major(st.st_rdev),
				minor(st.st_rdev));
	}
}

/* ---- terminals ---- */

/* With the terminal's own session, or without: what matters is that the number of the call is refused. */
static void no_typing(const struct probe *p, const struct check *c)
{
	char byte[2] = { (char)c->args[0], 0 };
	int unlock = 0, master, slave;
	long done;

	(void)p;
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
		(slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
		lacking("no terminal: %s", strerror(errno));
	(void)setsid();
	(void)ioctl(slave, TIOCSCTTY, 0);
	done = syscall(SYS_ioctl, slave, c->nr, byte);
	/* EIO: sysctl dev.tty.legacy_tiocsti; ENOTTY: no console */
	if (done < 0 && (errno == EIO || errno == ENOTTY))
		return;
	must_be_refused(done, "the call");
}

static void no_terminal_of_host(const struct probe *p, const struct check *c)
{
	int fd = open(c->text, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	(void)p;
	if (fd >= 0)
		hole("%s can be opened", c->text);
}

static void own_terminals(const struct probe *p, const struct check *c)
{
	DIR *dir = opendir("/dev/pts");
	struct dirent *entry;

	(void)p;
	(void)c;
	if (dir == NULL)
		lacking("/dev/pts: %s", strerror(errno));
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "ptmx") != 0 && !isatty(0))
			hole("/dev/pts/%s is there", entry->d_name);
}

#define DEVICE(name, major, minor)                  \
	{                                           \
		"device-" name, no_device, NULL, 0, \
		{                                   \
			S_IFCHR, major, minor       \
		}                                   \
	}
#define DISK(name, major, minor)                  \
	{                                         \
		"disk-" name, no_device, NULL, 0, \
		{                                 \
			S_IFBLK, major, minor     \
		}                                 \
	}
#define IMAGE(name, key)                                      \
	{                                                     \
		"image-node-" name, no_node_of_image, key, 0, \
		{                                             \
			0                                     \
		}                                             \
	}
#define TERMINAL(name, path)                                    \
	{                                                       \
		"terminal-" name, no_terminal_of_host, path, 0, \
		{                                               \
			0                                       \
		}                                               \
	}

static const struct check rows[] = {
	DEVICE("mem", 1, 1),
	DEVICE("kmem", 1, 2),
	DEVICE("port", 1, 4),
	DEVICE("kmsg", 1, 11),
	DEVICE("oldmem", 1, 12),
	DEVICE("tty0", 4, 0),
	DEVICE("tty1", 4, 1),
	DEVICE("serial", 4, 64),
	DEVICE("console", 5, 1),
	DEVICE("vcs", 7, 0),
	DEVICE("psaux", 10, 1),
	DEVICE("watchdog", 10, 130),
	DEVICE("nvram", 10, 144),
	DEVICE("net-tun", 10, 200),
	DEVICE("uinput", 10, 223),
	DEVICE("fuse", 10, 229),
	DEVICE("kvm", 10, 232),
	DEVICE("loop-control", 10, 237),
	DEVICE("vhost-net", 10, 238),
	DEVICE("device-mapper", 10, 236),
	DEVICE("rtc", 252, 0),
	DEVICE("input", 13, 64),
	DEVICE("scsi-generic", 21, 0),
	DEVICE("framebuffer", 29, 0),
	DEVICE("i2c", 89, 0),
	DEVICE("cpuid", 203, 0),
	DEVICE("msr", 202, 0),
	DEVICE("dri", 226, 0),
	DISK("ram", 1, 0),
	DISK("loop", 7, 0),
	DISK("sda", 8, 0),
	DISK("md", 9, 0),
	DISK("mmc", 179, 0),
	DISK("mapper", 253, 0),
	DISK("virtio", 254, 0),
	DISK("nvme", 259, 0),
	IMAGE("memory", "node-memory"),
	IMAGE("disk", "node-disk"),
	CHECK("devices-planned", only_planned),
	{ "tiocsti", no_typing, NULL, TIOCSTI, { 'x' } },
	{ "tiocsti-64", no_typing, NULL, TIOCSTI | 0x100000000L, { 'x' } },
	{ "tioclinux", no_typing, NULL, TIOCLINUX, { 3 } },
	{ "tioclinux-64", no_typing, NULL, TIOCLINUX | 0x100000000L, { 3 } },
	TERMINAL("tty", "/dev/tty"),
	TERMINAL("console", "/dev/console"),
	TERMINAL("tty1", "/dev/tty1"),
	TERMINAL("serial", "/dev/ttyS0"),
	CHECK("terminals", own_terminals),
};

const struct checks checks_devices = { rows, ARRAY_LEN(rows) };
