/*
 * Waits for processes that come into the container from outside (supctl exec, health checks), and reaches for what they
 * bring: their program, folders, descriptors and memory, before they have become a program of the container.
 */
#include "tests/helpers/probe/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void found(const char *path, const char *what)
{
	(void)printf("fail lurk: %s %s\n", path, what);
	(void)fflush(stdout);
}

/*
 * A program that has no name in this root is one of outside. It may be there (a container can execute what leads to it), but
 * not writable: ETXTBSY says no more than that somebody executes it now. A file in memory is nobody's, and sealed.
 */
static void look_at_program(const char *pid)
{
	struct stat opened, named;
	char path[320], name[4096];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	name[n > 0 ? n : 0] = '\0';
	if (n > 0 && strncmp(name, "/memfd:", 7) != 0 && fstat(fd, &opened) == 0 &&
		(stat(name, &named) < 0 || named.st_ino != opened.st_ino) &&
		(open(path, O_WRONLY | O_CLOEXEC) >= 0 || errno == ETXTBSY))
		found(name, "can be overwritten");
	(void)close(fd);
}

static void look_at_folder(const char *pid, const char *which)
{
	struct stat root, top;
	char path[384];

	(void)snprintf(path, sizeof(path), "/proc/%s/%s/../../../../../../../../../../..", pid,
		which);
	if (stat("/", &root) < 0 || stat(path, &top) < 0)
		return;
	if (root.st_dev != top.st_dev || root.st_ino != top.st_ino)
		found(path, "is outside of the root");
}

/* A folder or a program that somebody has open is a way out. */
static void look_at_descriptors(const char *pid)
{
	struct dirent *entry;
	char path[320];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;

		if (entry->d_name[0] != '.' && atoi(entry->d_name) > 2 &&
			fstatat(dirfd(dir), entry->d_name, &st, 0) == 0)
			found(path, entry->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static void look_at_memory(const char *pid)
{
	char path[320];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)close(fd);
	/* its own program's, that it has become meanwhile, is no secret of outside: only the two together are */
	look_at_program(pid);
}

_Noreturn void lurk(void)
{
	(void)puts("lurks");
	(void)fflush(stdout);
	for (;;) {
		DIR *dir = opendir("/proc");
		struct dirent *entry;

		while (dir != NULL && (entry = readdir(dir)) != NULL) {
			const char *pid = entry->d_name;

			if (strspn(pid, "0123456789") != strlen(pid) || atoi(pid) == getpid() ||
				atoi(pid) == getppid() || atoi(pid) == 1)
				continue;
			look_at_program(pid);
			look_at_folder(pid, "cwd");
			look_at_folder(pid, "root");
			look_at_descriptors(pid);
			look_at_memory(pid);
		}
		if (dir != NULL)
			(void)closedir(dir);
	}
}
