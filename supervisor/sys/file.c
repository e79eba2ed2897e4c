#include "supervisor/sys/file.h"

#include "common/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_read(struct arena *a, const char *what, const char *path, int flags, size_t most,
	size_t *n, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	struct stat st;
	ssize_t got;
	char *text;

	e->no = 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)err_set(e, "%s%s", what, path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size > most) {
		(void)err_setx(e, "%s%s: not a regular file of at most %zu KiB", what, path,
			most / 1024);
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	got = pread(fd, text, (size_t)st.st_size, 0);
	if (got < 0) {
		(void)err_set(e, "%s%s: read", what, path);
		return NULL;
	}
	*n = (size_t)got;
	return text;
}

#define NAME_NEW_MAX 32

static int write_all(int fd, const char *text, size_t size)
{
	ssize_t n = write(fd, text, size);

	if (n >= 0 && (size_t)n < size)
		errno = ENOSPC;
	return n == (ssize_t)size ? 0 : -1;
}

int file_write(const char *folder, const char *name, const char *text, size_t size,
	unsigned int mode, struct err *e)
{
	cleanup_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	char fresh[NAME_NEW_MAX];

	(void)snprintf(fresh, sizeof(fresh), "%s.new", name);
	if (dir >= 0)
		fd = openat(dir, fresh,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
	/* the folder, too: a name that is only in memory is lost with the power */
	if (fd < 0 || write_all(fd, text, size) < 0 || fsync(fd) < 0 ||
		renameat(dir, fresh, dir, name) < 0 || fsync(dir) < 0)
		return err_set(e, "write %s/%s", folder, name);
	return 0;
}

char *file_read_made(int fd)
{
	cleanup_fd int own = fd;
	size_t n = 0, size = 0;
	char *text = NULL;
	ssize_t got = own < 0 ? -1 : 1;

	while (got > 0) {
		if (size - n < 2) {
			char *more = realloc(text, size = size * 2 + 4096);

			if (more ==
				NULL) /* as the arena: who reads is not to take it for an unreadable file */
				abort();
			text = more;
		}
		got = read(own, text + n, size - n - 1);
		if (got > 0)
			n += (size_t)got;
	}
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

char *file_text(int dir, const char *path, size_t most, struct arena *a)
{
	cleanup_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = arena_alloc(a, most + 1);
	size_t used = 0;
	ssize_t n = 1;

	while (fd >= 0 && used < most && n > 0) {
		n = read(fd, text + used, most - used);
		used += n > 0 ? (size_t)n : 0;
	}
	while (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return text;
}
