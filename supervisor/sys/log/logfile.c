#include "supervisor/sys/log/logfile.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/roster.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME_MAX (UNIT_NAME_MAX + 8)

static void file_name(char *path, const char *name, int old)
{
	if (old == 0)
		(void)snprintf(path, FILE_NAME_MAX, "%s.log", name);
	else
		(void)snprintf(path, FILE_NAME_MAX, "%s.log.%d", name, old);
}

int logfile_folder(const char *path, bool probe)
{
	const char file[] = ".probe";
	int dir, fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !probe)
		return dir;
	fd = openat(dir, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		fd_close(&dir);
		return -1;
	}
	fd_close(&fd);
	(void)unlinkat(dir, file, 0);
	return dir;
}

/* Where the last whole line ends. */
static uint64_t end_of_lines(int fd, uint64_t size)
{
	char block[1024];

	while (size > 0) {
		uint64_t n = size < sizeof(block) ? size : sizeof(block);
		const char *newline;

		if (pread(fd, block, n, (off_t)(size - n)) != (ssize_t)n)
			return size;
		newline = memrchr(block, '\n', n);
		if (newline != NULL)
			return size - n + (uint64_t)(newline - block) + 1;
		size -= n;
	}
	return 0;
}

int logfile_open(struct logfile *f, int dir, const char *name, uint64_t whole)
{
	char path[FILE_NAME_MAX];
	struct stat st;
	uint64_t good;

	file_name(path, name, 0);
	/* O_NONBLOCK: whatever lies there under that name, opening it must not stop the loop */
	f->fd = openat(dir, path,
		O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
	if (f->fd < 0)
		return -1;
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		fd_close(&f->fd);
		errno = EINVAL;
		return -1;
	}
	f->size = (uint64_t)st.st_size;
	good = end_of_lines(f->fd, f->size < whole ? f->size : whole);
	if (good < f->size && ftruncate(f->fd, (off_t)good) < 0) {
		fd_close(&f->fd);
		return -1;
	}
	f->size = good;
	return 0;
}

uint64_t logfile_size(int dir, const char *name)
{
	char path[FILE_NAME_MAX];
	struct stat st;

	file_name(path, name, 0);
	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

bool logfile_is_full(const struct logfile *f, size_t n)
{
	return f->fd >= 0 && f->size > 0 && f->size + n > LOG_FILE_MAX;
}

/* The first number that is free, which it is when a rotation was not finished: those after it have been moved. */
static int first_gap(int dir, const char *name)
{
	char path[FILE_NAME_MAX];
	int gap = 1;

	for (; gap < LOG_OLD; gap++) {
		file_name(path, name, gap);
		if (faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? gap : -1;
	}
	return gap;
}

int logfile_rotate(struct logfile *f, int dir, const char *name)
{
	char from[FILE_NAME_MAX], to[FILE_NAME_MAX];
	int gap = first_gap(dir, name);

	if (gap < 0)
		return -1;
	for (int old = gap; old > 0; old--) {
		file_name(from, name, old - 1);
		file_name(to, name, old);
		if (renameat(dir, from, dir, to) < 0 && errno != ENOENT)
			return -1;
		KILL_POINT("log-rotated-one");
	}
	/* Begun, not waited for: at a power cut a file with a name and no data would be all that is left of it. */
	(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	fd_close(&f->fd);
	return logfile_open(f, dir, name, UINT64_MAX);
}

int logfile_append(struct logfile *f, const char *data, size_t n, bool *torn)
{
	ssize_t written = write(f->fd, data, n);
	int error = written < 0 ? errno : ENOSPC;

	*torn = false;
	if (written == (ssize_t)n) {
		f->size += n;
		return 0;
	}
	if (written > 0 && ftruncate(f->fd, (off_t)f->size) < 0)
		*torn = true;
	errno = error;
	return -1;
}

static char *read_whole(int dir, const char *path, size_t *n)
{
	cleanup_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = fd >= 0 ? malloc(LOG_FILE_MAX) : NULL;
	ssize_t got = text != NULL ? pread(fd, text, LOG_FILE_MAX, 0) : -1;

	if (got < 0) {
		free(text);
		return NULL;
	}
	*n = (size_t)got;
	return text;
}

/* Puts `text` in front of *all. Takes ownership of text. */
static void prepend(char **all, size_t *all_n, char *text, size_t n)
{
	char *both = malloc(*all_n + n + 1);

	if (both != NULL) {
		memcpy(both, text, n);
		if (*all_n > 0)
			memcpy(both + n, *all, *all_n);
		both[n + *all_n] = '\0';
		free(*all);
		*all = both;
		*all_n += n;
	}
	free(text);
}

static size_t count_lines(const char *text, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

char *logfile_tail(int dir, const char *name, size_t lines, size_t *n)
{
	char path[FILE_NAME_MAX], *all = NULL, *text;
	size_t all_n = 0, have = 0, text_n, start;

	for (int old = 0; old <= LOG_OLD && have <= lines; old++) {
		file_name(path, name, old);
		text = read_whole(dir, path, &text_n);
		if (text == NULL)
			continue;
		have += count_lines(text, text_n);
		prepend(&all, &all_n, text, text_n);
	}
	if (all == NULL)
		return NULL;
	for (start = 0; have > lines && start < all_n; start++)
		have -= all[start] == '\n';
	memmove(all, all + start, all_n - start + 1);
	*n = all_n - start;
	return all;
}
