/*
 * Logs: the pipes of the services into bounded, rotating files, one per unit.
 *
 * PATH_LOG/NAME.KIND.log and .log.1 to .log.LOG_OLD; each at most LOG_FILE_MAX bytes. Where PATH_LOG cannot be
 * written they are in PATH_LOG_VOLATILE. A service is never blocked by a file: what cannot be written is counted and
 * reported in one line when writing works again.
 */
#ifndef SYS_LOGS_H
#define SYS_LOGS_H

#include "common/err.h"
#include "common/roster.h"
#include "supervisor/core/logline.h"

#include <stdbool.h>
#include <uv.h>

#define LOG_FILE_MAX (256 * 1024)
#define LOG_OLD 3

struct log;

/* Somebody who reads a log as it grows (supctl logs -f): called with whole records. */
struct log_watcher {
	struct log_watcher *next;
	void (*records)(struct log_watcher *w, const char *data, size_t n);
	void (*closed)(struct log_watcher
			*w); /* the log ends; the watcher is no longer in its list */
	void *data;
};

/* One stream of a service: a pipe that init holds too. */
struct log_pipe {
	uv_poll_t poll;
	struct log *log;
	enum log_stream stream;
	int read_end, write_end;
	bool console;  /* its lines go to the console as well */
	bool polled;   /* libuv has the handle: who owns the pipe closes it, then the pipe */
	char *partial; /* an unfinished line, or NULL */
	size_t partial_n;
};

struct log { /* of one unit */
	struct logs *logs;
	char unit[UNIT_NAME_MAX];
	int file;
	uint64_t size;
	uint64_t lost; /* records that could not be written */
	struct log_watcher *watchers;
};

struct logs {
	uv_loop_t *loop;
	/* One line of a service for the console, not ended by a NUL; set by who opens. */
	void (*console)(void *data, const char *unit, const char *text, size_t n);
	void *console_data;
	int dir;
	const char *path;        /* PATH_LOG or PATH_LOG_VOLATILE */
	char chunk[65536];       /* read buffer, shared: nothing is kept in it between two events */
	char records[2 * 65536]; /* what one chunk becomes */
};

int logs_open(struct logs *l, uv_loop_t *loop, struct err *e);
void log_open(struct log *log, struct logs *l, const char *unit);
void log_close(struct log *log);
void log_watch(struct log *log, struct log_watcher *w);
void log_unwatch(struct log *log, struct log_watcher *w);
/* A word of the supervisor about this unit. */
void log_write(struct log *log, const char *text);

/* Makes the pipe and listens, unless it does already. Write end: pipe->write_end, close-on-exec. On -1 there is no pipe. */
int log_pipe_open(struct log_pipe *p, struct log *log, enum log_stream stream, struct err *e);
/* The same with a read end that init held for the supervisor before. Takes it, on -1 too. */
int log_pipe_adopt(struct log_pipe *p, struct log *log, enum log_stream stream, int read_end,
	struct err *e);
/* Reads what is left, then closes. */
void log_pipe_close(struct log_pipe *p);
/* Reads all that is in the pipe now, an unfinished line too, so that a unit's last words precede its exit line. */
void log_pipe_drain(struct log_pipe *p);

/*
 * The last `lines` records of a unit, old files included, oldest first, as malloc'd text; NULL when it has none.
 */
char *log_tail(const struct logs *l, const char *unit, size_t lines, size_t *n);

#endif
