/* A unit's cgroup: making it, its limits, what it uses. Ending what runs in it is in cgroup_end.c. */
#include "supervisor/sys/unit/cgroup.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#define FILE_MAX 4096 /* no file of ours is longer */

static int write_file(int dir, const char *file, const char *text)
{
	int fd cleanup_fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

/* As a string; -1 with errno. */
static int read_fd(int fd, char text[FILE_MAX])
{
	ssize_t n = pread(fd, text, FILE_MAX - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -1 : 0;
}

static int read_file(int dir, const char *file, char text[FILE_MAX])
{
	int fd cleanup_fd = openat(dir, file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : read_fd(fd, text);
}

static int open_unit(int base, const char *unit)
{
	return openat(base, unit, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * One by one, so that one that cannot be had (a realtime task holds cpu, another hierarchy of version 1) does not take the
 * others with it. What is missing then shows at the limit that needs it.
 */
static void hand_down(int dir)
{
	char names[FILE_MAX], word[64];

	if (read_file(dir, "cgroup.controllers", names) < 0)
		return;
	for (const char *at = names; *at != '\0';) {
		size_t n = strcspn(at, " \n");

		(void)snprintf(word, sizeof(word), "+%.*s", (int)n, at);
		if (n > 0)
			(void)write_file(dir, "cgroup.subtree_control", word);
		at += n + strspn(at + n, " \n");
	}
}

int cgroup_open_base(struct err *e)
{
	int root cleanup_fd = open(PATH_CGROUP, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int base cleanup_fd = -1;
	struct statfs fs;

	if (root < 0 || fstatfs(root, &fs) < 0)
		return err_set(e, "%s", PATH_CGROUP);
	if (fs.f_type != CGROUP2_SUPER_MAGIC) {
		(void)err_setx(e, "%s: no cgroup v2 is mounted there", PATH_CGROUP);
		e->no = ENOENT;
		return -1;
	}
	if (mkdir(PATH_CGROUP_UNITS, 0755) < 0 && errno != EEXIST)
		return err_set(e, "%s", PATH_CGROUP_UNITS);
	base = open(PATH_CGROUP_UNITS, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return err_set(e, "%s", PATH_CGROUP_UNITS);
	hand_down(root);
	hand_down(base);
	return fd_take(&base);
}

/* A file's file system may lie on a partition; the kernel limits whole disks only. */
static int whole_disk(dev_t *dev)
{
	char path[PATH_MAX], text[FILE_MAX];
	uint64_t major, minor;
	char *colon;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(*dev),
		minor(*dev));
	if (access(path, F_OK) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(*dev), minor(*dev));
	if (read_file(AT_FDCWD, path, text) < 0)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	colon = strchr(text, ':');
	if (colon != NULL)
		*colon = '\0';
	if (colon == NULL || number_u64(text, &major) < 0 || number_u64(colon + 1, &minor) < 0) {
		errno = EINVAL;
		return -1;
	}
	*dev = makedev((unsigned int)major, (unsigned int)minor);
	return 0;
}

/* "@PATH REST" becomes "MAJ:MIN REST"; any other value stays. */
static int resolve_value(const struct cgroup_write *w, char *value, size_t size, struct err *e)
{
	size_t n = strcspn(w->value, " ");
	char path[PATH_MAX];
	struct stat st;
	dev_t dev;

	if (w->value[0] != '@') {
		text_copy(value, size, w->value);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%.*s", (int)(n - 1), w->value + 1);
	if (stat(path, &st) < 0)
		return err_set(e, "%s=: %s", w->key, path);
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	if (major(dev) == 0)
		return err_setx(e, "%s=: %s is not on a disk", w->key, path);
	if (whole_disk(&dev) < 0)
		return err_set(e, "%s=: the disk of %s", w->key, path);
	(void)snprintf(value, size, "%u:%u%s", major(dev), minor(dev), w->value + n);
	return 0;
}

/* 0, -1: cannot be. A warning in *e and 1: can do without. */
static int write_limit(int dir, const struct cgroup_write *w, struct err *e)
{
	char value[FILE_MAX];

	if (resolve_value(w, value, sizeof(value), e) < 0)
		return -1;
	if (write_file(dir, w->file, value) == 0)
		return 0;
	if (errno == ENOENT)
		(void)err_setx(e, "%s=: this kernel has no %s for it", w->key, w->file);
	else
		(void)err_set(e, "%s=: write \"%s\" to %s", w->key, value, w->file);
	return w->optional ? 1 : -1;
}

int cgroup_prepare(int base, const struct plan *plan, bool *fresh, struct err *e)
{
	int dir cleanup_fd = -1;

	*fresh = mkdirat(base, plan->unit, 0755) == 0;
	if (!*fresh && errno != EEXIST)
		return err_set(e, "%s/%s", PATH_CGROUP_UNITS, plan->unit);
	dir = open_unit(base, plan->unit);
	if (dir < 0)
		return err_set(e, "%s/%s", PATH_CGROUP_UNITS, plan->unit);
	for (size_t i = 0; i < plan->n_cgroup; i++) {
		int rc = write_limit(dir, &plan->cgroup[i], e);

		if (rc < 0)
			return -1;
		if (rc > 0)
			(void)err_prefix(e, "going on without");
	}
	return fd_take(&dir);
}

int cgroup_events_read(int fd, const char *field, uint64_t *value)
{
	char text[FILE_MAX];
	const char *at = text;
	size_t n = field != NULL ? strlen(field) : 0;

	if (read_fd(fd, text) < 0)
		return -1;
	while (field != NULL && at != NULL && !(strncmp(at, field, n) == 0 && at[n] == ' ')) {
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at == NULL) {
		errno = ENOENT;
		return -1;
	}
	*value = strtoull(at + n, NULL, 10);
	return 0;
}

/* 0 where the kernel has no such file or field. */
static uint64_t read_number(int dir, const char *file, const char *field)
{
	int fd cleanup_fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	uint64_t value = 0;

	if (fd >= 0)
		(void)cgroup_events_read(fd, field, &value);
	return value;
}

int cgroup_usage(int base, const char *unit, struct cgroup_usage *usage, struct err *e)
{
	int dir cleanup_fd = open_unit(base, unit);

	memset(usage, 0, sizeof(*usage));
	if (dir < 0)
		return errno == ENOENT ? 0 : err_set(e, "%s/%s", PATH_CGROUP_UNITS, unit);
	usage->memory = read_number(dir, "memory.current", NULL);
	usage->memory_peak = read_number(dir, "memory.peak", NULL);
	usage->cpu_usec = read_number(dir, "cpu.stat", "usage_usec");
	usage->tasks = read_number(dir, "pids.current", NULL);
	usage->oom_kills = read_number(dir, "memory.events", "oom_kill");
	return 0;
}

int cgroup_events_open(int base, const char *unit, const char *file, struct err *e)
{
	int dir cleanup_fd = open_unit(base, unit);
	int fd = dir < 0 ? -1 : openat(dir, file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set(e, "%s/%s/%s", PATH_CGROUP_UNITS, unit, file) : fd;
}
