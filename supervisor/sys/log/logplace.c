#include "supervisor/sys/log/logplace.h"

#include "common/fd.h"
#include "common/util.h"
#include "supervisor/sys/log/logs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUM_OF 64 /* bytes */

static int open_log(int dir, const char *name, int old, struct stat *st)
{
	char path[UNIT_NAME_MAX + 16];
	int fd;

	if (old == 0)
		(void)snprintf(path, sizeof(path), "%s.log", name);
	else
		(void)snprintf(path, sizeof(path), "%s.log.%d", name, old);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)))
		fd_close(&fd);
	return fd;
}

/* FNV-1a of the bytes before `at`. */
static uint64_t sum_before(int fd, uint64_t at)
{
	unsigned char bytes[SUM_OF];
	uint64_t sum = 0xcbf29ce484222325u, n = at < SUM_OF ? at : SUM_OF;
	ssize_t got = pread(fd, bytes, (size_t)n, (off_t)(at - n));

	for (ssize_t i = 0; i < got; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

/* What a full disk has cut short is no record yet. */
static uint64_t end_of_records(int fd, uint64_t size)
{
	char tail[LOG_RECORD_MAX];
	uint64_t n = size < sizeof(tail) ? size : sizeof(tail);
	const char *newline;

	if (n == 0 || pread(fd, tail, (size_t)n, (off_t)(size - n)) != (ssize_t)n)
		return size;
	newline = memrchr(tail, '\n', (size_t)n);
	return newline != NULL ? size - n + (uint64_t)(newline - tail) + 1 : size;
}

struct logplace logplace_end(int dir, const char *name)
{
	struct logplace p = { 0 };
	struct stat st;
	cleanup_fd int fd = open_log(dir, name, 0, &st);

	if (fd < 0)
		return p;
	p.file = st.st_ino;
	p.at = end_of_records(fd, (uint64_t)st.st_size);
	p.sum = sum_before(fd, p.at);
	return p;
}

void logplace_print(const struct logplace *p, char text[LOGPLACE_TEXT_MAX])
{
	(void)snprintf(text, LOGPLACE_TEXT_MAX, "%" PRIx64 "-%" PRIx64 "-%" PRIx64, p->file, p->at,
		p->sum);
}

bool logplace_parse(struct logplace *p, const char *text)
{
	uint64_t *const parts[] = { &p->file, &p->at, &p->sum };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		char *end;

		*parts[i] = strtoull(text, &end, 16);
		if (end == text || *end != (i + 1 < ARRAY_LEN(parts) ? '-' : '\0'))
			return false;
		text = end + 1;
	}
	return true;
}

/* Adds what the file has from `from` on. */
static bool add(char **text, size_t *n, int fd, uint64_t from, uint64_t to)
{
	char *more = realloc(*text, *n + (size_t)(to - from) + 1);
	ssize_t got;

	if (more == NULL)
		return false;
	*text = more;
	got = pread(fd, more + *n, (size_t)(to - from), (off_t)from);
	*n += got > 0 ? (size_t)got : 0;
	more[*n] = '\0';
	return true;
}

/* The number of the old file that the place is in, 0: the one that grows; -1: it is gone. */
static int find(int dir, const char *name, const struct logplace *p)
{
	for (int old = 0; old <= LOG_OLD; old++) {
		struct stat st;
		cleanup_fd int fd = open_log(dir, name, old, &st);

		if (fd >= 0 && st.st_ino == p->file && (uint64_t)st.st_size >= p->at &&
			sum_before(fd, p->at) == p->sum)
			return old;
	}
	return -1;
}

char *logplace_after(int dir, const char *name, const struct logplace *p, size_t *n, bool *whole)
{
	int at = find(dir, name, p);
	char *text = NULL;

	*n = 0;
	/* there was no file then */
	*whole = at >= 0 || p->file == 0;
	for (int old = at >= 0 ? at : LOG_OLD; old >= 0; old--) {
		struct stat st;
		cleanup_fd int fd = open_log(dir, name, old, &st);
		uint64_t from = old == at ? p->at : 0;
		uint64_t size = fd >= 0 ? (uint64_t)st.st_size : 0;

		/* one that somebody has made larger is no log of ours */
		if (size > from && size - from <= 2 * LOG_FILE_MAX &&
			!add(&text, n, fd, from, size))
			break;
	}
	return text;
}
