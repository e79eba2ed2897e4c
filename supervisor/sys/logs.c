#include "supervisor/sys/logs.h"

#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/sys/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A service that writes without end gets at most this many chunks an event, then the others' turn comes. */
#define CHUNKS_PER_EVENT 4
#define LOG_NAME_MAX (UNIT_NAME_MAX + 8)

static void log_file_name(char *name, const char *unit, int old)
{
	if (old == 0)
		(void)snprintf(name, LOG_NAME_MAX, "%s.log", unit);
	else
		(void)snprintf(name, LOG_NAME_MAX, "%s.log.%d", unit, old);
}

static int open_folder(const char *path)
{
	char probe[] = ".probe";
	int dir, fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	fd = openat(dir, probe, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		fd_close(&dir);
		return -1;
	}
	fd_close(&fd);
	(void)unlinkat(dir, probe, 0);
	return dir;
}

int logs_open(struct logs *l, uv_loop_t *loop, struct err *e)
{
	l->loop = loop;
	l->path = PATH_LOG;
	l->dir = open_folder(l->path);
	if (l->dir >= 0)
		return 0;
	(void)mkdir("/run/log", 0755);
	l->path = PATH_LOG_VOLATILE;
	l->dir = open_folder(l->path);
	return l->dir >= 0 ? 0 : err_set(e, "%s, %s: open for the logs", PATH_LOG, l->path);
}

static void open_file(struct log *log)
{
	char name[LOG_NAME_MAX];
	struct stat st;

	log_file_name(name, log->unit, 0);
	/* O_NONBLOCK: whatever lies there under that name, opening it must not stop the loop */
	log->file = openat(log->logs->dir, name,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		0640);
	if (log->file >= 0 && (fstat(log->file, &st) < 0 || !S_ISREG(st.st_mode)))
		fd_close(&log->file);
	log->size = log->file >= 0 ? (uint64_t)st.st_size : 0;
}

void log_open(struct log *log, struct logs *l, const char *unit)
{
	*log = (struct log){ .logs = l, .file = -1 };
	(void)snprintf(log->unit, sizeof(log->unit), "%s", unit);
}

void log_watch(struct log *log, struct log_watcher *w)
{
	w->next = log->watchers;
	log->watchers = w;
}

void log_unwatch(struct log *log, struct log_watcher *w)
{
	struct log_watcher **at = &log->watchers;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
}

void log_close(struct log *log)
{
	while (log->watchers != NULL) {
		struct log_watcher *w = log->watchers;

		log->watchers = w->next;
		w->closed(w);
	}
	fd_close(&log->file);
}

static void rotate(struct log *log)
{
	char from[LOG_NAME_MAX], to[LOG_NAME_MAX];

	for (int old = LOG_OLD; old > 0; old--) {
		log_file_name(from, log->unit, old - 1);
		log_file_name(to, log->unit, old);
		(void)renameat(log->logs->dir, from, log->logs->dir, to);
	}
	fd_close(&log->file);
	open_file(log);
	/* it could not be moved out of the way: its old records go, the bound stays */
	if (log->file >= 0 && log->size > 0 && ftruncate(log->file, 0) == 0)
		log->size = 0;
}

/* Whole records or none: what a full disk cut short is taken back, so that no record is torn. */
static bool append(struct log *log, const char *data, size_t n)
{
	ssize_t written;

	if (log->file >= 0 && log->size + n > LOG_FILE_MAX && log->size > 0)
		rotate(log);
	if (log->file < 0)
		open_file(log);
	if (log->file < 0)
		return false;
	written = write(log->file, data, n);
	if (written == (ssize_t)n) {
		log->size += n;
		return true;
	}
	if (written > 0)
		(void)ftruncate(log->file, (off_t)log->size);
	fd_close(&log->file); /* opened again at the next record: the disk may be another then */
	return false;
}

static void report_gap(struct log *log)
{
	char text[128], record[LOG_RECORD_MAX];
	int n = snprintf(text, sizeof(text),
		"%llu records lost: the log could not be written (disk full or read-only?)",
		(unsigned long long)log->lost);
	size_t size = log_record(record, wall_us(), LOG_SUP, false, text, (size_t)n);

	if (append(log, record, size))
		log->lost = 0;
}

static void store(struct log *log, const char *data, size_t n, uint64_t records)
{
	if (n == 0)
		return;
	if (log->lost > 0)
		report_gap(log);
	if (log->lost > 0 || !append(log, data, n))
		log->lost += records;
	for (struct log_watcher *w = log->watchers, *next; w != NULL; w = next) {
		next = w->next;
		w->records(w, data, n);
	}
}

void log_write(struct log *log, const char *text)
{
	char record[LOG_RECORD_MAX];
	size_t n = strlen(text);

	if (n > LOG_LINE_MAX)
		n = LOG_LINE_MAX;
	store(log, record, log_record(record, wall_us(), LOG_SUP, false, text, n), 1);
}

static size_t record_line(const struct log_pipe *p, char *record, uint64_t now, bool goes_on,
	const char *text, size_t n)
{
	const struct logs *l = p->log->logs;

	if (p->console && l->console != NULL)
		l->console(l->console_data, p->log->unit, text, n);
	return log_record(record, now, p->stream, goes_on, text, n);
}

/* Cuts `data` into records and stores them; returns how many bytes of an unfinished line are left at its end. */
static size_t record_lines(struct log_pipe *p, const char *data, size_t n)
{
	struct logs *l = p->log->logs;
	uint64_t now = wall_us(), records = 0;
	size_t used = 0, step, text_n;
	bool goes_on;

	while ((step = log_next(data, n, &text_n, &goes_on)) > 0) {
		if (used + LOG_RECORD_MAX > sizeof(l->records)) {
			store(p->log, l->records, used, records);
			used = records = 0;
		}
		used += record_line(p, l->records + used, now, goes_on, data, text_n);
		records++;
		data += step;
		n -= step;
	}
	store(p->log, l->records, used, records);
	return n;
}

static void keep_partial(struct log_pipe *p, const char *data, size_t n)
{
	free(p->partial);
	p->partial = n > 0 ? malloc(n) : NULL;
	p->partial_n = p->partial != NULL ? n : 0;
	if (p->partial != NULL)
		memcpy(p->partial, data, n);
	else if (n > 0)
		p->log->lost++;
}

/* Reads once; false when the pipe has no more. */
static bool read_chunk(struct log_pipe *p)
{
	struct logs *l = p->log->logs;
	size_t had = p->partial_n, left;
	ssize_t n;

	if (had > 0)
		memcpy(l->chunk, p->partial, had);
	n = read(p->read_end, l->chunk + had, sizeof(l->chunk) - had);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	left = record_lines(p, l->chunk, had + (size_t)n);
	keep_partial(p, l->chunk + had + (size_t)n - left, left);
	return had + (size_t)n == sizeof(l->chunk);
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	struct log_pipe *p = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < CHUNKS_PER_EVENT && read_chunk(p); i++)
		continue;
}

/* Takes both ends, on -1 too. */
static int listen_to(struct log_pipe *p, struct log *log, enum log_stream stream, const int ends[2],
	struct err *e)
{
	int rc;

	*p = (struct log_pipe){
		.log = log, .stream = stream, .read_end = ends[0], .write_end = ends[1]
	};
	p->poll.data = p;
	rc = uv_poll_init(log->logs->loop, &p->poll, p->read_end);
	if (rc != 0) {
		fd_close(&p->read_end);
		fd_close(&p->write_end);
		return err_set_no(e, -rc, "listen to the log of %s", log->unit);
	}
	p->polled = true;
	/* of a handle that is not closing it cannot fail */
	(void)uv_poll_start(&p->poll, UV_READABLE, on_output);
	return 0;
}

int log_pipe_open(struct log_pipe *p, struct log *log, enum log_stream stream, struct err *e)
{
	int ends[2];

	if (p->polled)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, "pipe for the log of %s", log->unit);
	/* only our end: the service's end blocks for a moment rather than lose a line */
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	/* servers that gave up root open /dev/stderr anew; whoever sees that link is the user who holds the pipe */
	(void)fchmod(ends[1], 0622);
	return listen_to(p, log, stream, ends, e);
}

/* A new write end of a pipe whose first one went with its supervisor; the services' own are open all the time. */
static int open_write_end(int read_end)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", read_end);
	return open(path, O_WRONLY | O_CLOEXEC);
}

int log_pipe_adopt(struct log_pipe *p, struct log *log, enum log_stream stream, int read_end,
	struct err *e)
{
	int ends[2] = { read_end, open_write_end(read_end) };

	if (ends[1] < 0) {
		(void)err_set(e, "open the pipe for the log of %s again", log->unit);
		fd_close(&read_end);
		return -1;
	}
	return listen_to(p, log, stream, ends, e);
}

void log_pipe_drain(struct log_pipe *p)
{
	for (int i = 0; i < CHUNKS_PER_EVENT && read_chunk(p); i++)
		continue;
	if (p->partial_n > 0)
		store(p->log, p->log->logs->records,
			record_line(p, p->log->logs->records, wall_us(), false, p->partial,
				p->partial_n < LOG_LINE_MAX ? p->partial_n : LOG_LINE_MAX),
			1);
	keep_partial(p, NULL, 0);
}

void log_pipe_close(struct log_pipe *p)
{
	log_pipe_drain(p);
	fd_close(&p->read_end);
	fd_close(&p->write_end);
}

static char *read_whole(int dir, const char *name, size_t *n)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
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

char *log_tail(const struct logs *l, const char *unit, size_t lines, size_t *n)
{
	char name[LOG_NAME_MAX], *all = NULL, *text;
	size_t all_n = 0, have = 0, text_n, start;

	for (int old = 0; old <= LOG_OLD && have <= lines; old++) {
		log_file_name(name, unit, old);
		text = read_whole(l->dir, name, &text_n);
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
