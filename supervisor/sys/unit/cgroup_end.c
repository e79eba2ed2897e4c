/*
 * Ending a unit: every process of its cgroup is signalled or killed, then the cgroup goes. A container may have made
 * cgroups of its own below; they are walked to a fixed depth.
 */
#include "supervisor/sys/unit/cgroup.h"

#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/sys/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define DEPTH_MAX 16
#define ROUNDS_MAX 64 /* of killing without cgroup.kill, against a process that forks meanwhile */

/* A visit of a cgroup, its children first. -1 with errno ends the walk. */
typedef int visit_fn(int parent, const char *name, void *data);

static int walk(int parent, const char *name, int depth, visit_fn *visit, void *data)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return errno == ENOENT ? 0 : -1;
	}
	while (rc == 0 && depth < DEPTH_MAX && (entry = readdir(dir)) != NULL)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			rc = walk(dirfd(dir), entry->d_name, depth + 1, visit, data);
	(void)closedir(dir);
	return rc < 0 ? -1 : visit(parent, name, data);
}

bool cgroup_has(int base, const char *unit, pid_t pid)
{
	char path[64], text[PATH_MAX], want[UNIT_NAME_MAX + 16];
	const char *at;
	size_t n;
	ssize_t got;

	(void)base;
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	n = (size_t)snprintf(want, sizeof(want), "/sup/%s", unit);
	{
		int fd cleanup_fd = open(path, O_RDONLY | O_CLOEXEC);

		got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	}
	if (got <= 0)
		return false;
	text[got] = '\0';
	/* the line of version 2; any other is of an old hierarchy */
	at = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	at = at != NULL ? strstr(at, want) : NULL;
	return at != NULL && (at[n] == '\n' || at[n] == '/' || at[n] == '\0');
}

struct signalling {
	const char *unit;
	int sig;
	size_t sent;
};

/* By a pidfd that is looked at after it was opened: the number may be another process by now. */
static void signal_one(struct signalling *s, pid_t pid)
{
	int fd cleanup_fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0 && cgroup_has(-1, s->unit, pid) &&
		syscall(SYS_pidfd_send_signal, fd, s->sig, NULL, 0) == 0)
		s->sent++;
}

static int visit_signal(int parent, const char *name, void *data)
{
	char path[NAME_MAX + 16], *procs, *rest, *line;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", name);
	procs = rest = file_read_made(openat(parent, path, O_RDONLY | O_CLOEXEC));
	if (procs == NULL)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			signal_one(data, (pid_t)strtol(line, NULL, 10));
	free(procs);
	return 0;
}

int cgroup_signal(int base, const char *unit, int sig, struct err *e)
{
	struct signalling s = { .unit = unit, .sig = sig };

	return walk(base, unit, 0, visit_signal, &s) < 0
		? err_set(e, "%s/%s", PATH_CGROUP_UNITS, unit)
		: 0;
}

/* Before Linux 5.14: again until a round finds nobody. */
static int kill_by_signal(int base, const char *unit, struct err *e)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct signalling s = { .unit = unit, .sig = SIGKILL };

		if (walk(base, unit, 0, visit_signal, &s) < 0)
			return err_set(e, "%s/%s", PATH_CGROUP_UNITS, unit);
		if (s.sent == 0)
			return 0;
	}
	return err_setx(e, "%s/%s: processes are made faster than they are killed",
		PATH_CGROUP_UNITS, unit);
}

int cgroup_kill(int base, const char *unit, struct err *e)
{
	int dir cleanup_fd = openat(base, unit, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd cleanup_fd = -1;

	if (dir < 0)
		return errno == ENOENT ? 0 : err_set(e, "%s/%s", PATH_CGROUP_UNITS, unit);
	fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return kill_by_signal(base, unit, e);
	if (fd < 0 || write(fd, "1", 1) < 0)
		return err_set(e, "%s/%s/cgroup.kill", PATH_CGROUP_UNITS, unit);
	return 0;
}

static int visit_remove(int parent, const char *name, void *data)
{
	(void)data;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -1 : 0;
}

int cgroup_remove(int base, const char *unit, struct err *e)
{
	return walk(base, unit, 0, visit_remove, NULL) < 0
		? err_set(e, "%s/%s", PATH_CGROUP_UNITS, unit)
		: 0;
}
