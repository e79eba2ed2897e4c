#include "supervisor/sys/bootfile.h"

#include "common/fd.h"
#include "common/util.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/unit/condition.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NAME "boot"

int bootfile_read(const char *folder, struct boot_count *c, struct err *e)
{
	cleanup_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = dir >= 0 ? openat(dir, NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	char text[BOOT_COUNT_TEXT_MAX];
	ssize_t n;

	memset(c, 0, sizeof(*c));
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return err_set(e, "%s/" NAME, folder);
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return err_set(e, "%s/" NAME, folder);
	if (boot_count_parse(c, text, (size_t)n) < 0)
		return err_setx(e, "%s/" NAME ": not a record of boots", folder);
	return 0;
}

/* The very text is there, and on the disk: an earlier write of it may have ended before that was made sure of. */
static bool is_there(const char *folder, const char *text, size_t size)
{
	cleanup_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = openat(dir, NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char old[BOOT_COUNT_TEXT_MAX];

	return fd >= 0 && read(fd, old, sizeof(old)) == (ssize_t)size &&
		memcmp(old, text, size) == 0 && fsync(fd) == 0 && fsync(dir) == 0;
}

int bootfile_write(const char *folder, const struct boot_count *c, struct err *e)
{
	char text[BOOT_COUNT_TEXT_MAX];
	size_t size = boot_count_print(c, text, sizeof(text));

	size = size < sizeof(text) ? size : sizeof(text) - 1;
	/* each supervisor that goes on after another one comes here, and has its callers wait */
	return is_there(folder, text, size) ? 0 : file_write(folder, NAME, text, size, 0600, e);
}

bool bootfile_is_volatile(const char *folder)
{
	struct statfs fs;

	if (statfs(folder, &fs) < 0)
		return false;
	return (unsigned int)fs.f_type == TMPFS_MAGIC || (unsigned int)fs.f_type == RAMFS_MAGIC;
}

int boot_asked_safe(void)
{
	static const struct condition asked[] = {
		{ .kind = CONDITION_KERNEL_COMMAND_LINE, .text = "sup.safe=0" },
		{ .kind = CONDITION_KERNEL_COMMAND_LINE, .text = "sup.safe=1" },
	};

	for (int i = 0; i < (int)ARRAY_LEN(asked); i++)
		if (condition_holds(&asked[i]))
			return i;
	return -1;
}
