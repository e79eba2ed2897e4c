/*
 * Logs: the pipes of the services into bounded, rotating files, one set per unit (logfile.h).
 *
 * In PATH_LOG, or in PATH_LOG_VOLATILE where that cannot be written at the first start. What has left a pipe is in the
 * spool (spool.h) until it is in the file, so a log is exact over the death of the supervisor: no line is lost, doubled or
 * torn.
 *
 * A log that cannot be written (disk full, read-only, failing) is *failing* and tried again four times a second.
 * Meanwhile the text of a service waits in its pipe, and blocks nobody; when that is full, what comes is read, counted
 * and dropped. When writing works again, one record says how many were lost and since when.
 *
 * Of a log with a limit (LogRateLimitBurst=) what comes beyond it is read, counted and dropped likewise; one record says
 * how much it was at the end of each interval in which there was some.
 *
 * A service that writes without end is read a pipe's worth at a time, and waits in between: the longer the more of them
 * there are, but less than half a second.
 */
#ifndef SYS_LOGS_H
#define SYS_LOGS_H

#include "common/err.h"
#include "common/roster.h"
#include "supervisor/core/loglimit.h"
#include "supervisor/core/logline.h"
#include "supervisor/sys/log/logfile.h"
#include "supervisor/sys/log/spool.h"

#include <stdbool.h>
#include <uv.h>

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
	struct log *log;
	struct log_pipe *next_flood;
	enum log_stream stream;
	int read_end;
	int write_end; /* while it is needed, else -1: see log_pipe_writable() */
	bool console;  /* its lines go to the console as well */
	bool open;
	bool listening;
	bool flooding; /* in the list of logs, until the next tick */
	bool ends; /* who wrote is gone: what is left at its end is a line, once it can be written */
	bool dropping; /* its log fails and the pipe was full: its records are counted, not kept */
};

struct log { /* of one unit */
	struct logs *logs;
	char unit[UNIT_NAME_MAX];
	uint32_t slot; /* in the spool */
	struct logfile file;
	struct log_watcher *watchers;
	struct log_pipe *pipes[LOG_SUP]; /* those that are open, by stream */
	struct log *next_failing, *next_limited;
	struct log_limit limit;
	bool limited; /* in the list of logs: what is dropped will be told at the end of an interval */
	bool failing;
	int error; /* why: errno */
};

struct logs {
	uv_loop_t *loop;
	/* One line of a service for the console, not ended by a NUL; set by who opens. */
	void (*console)(void *data, const char *unit, const char *text, size_t n);
	/* Some log cannot be written; told of the first of them, at most once in a while. Or NULL. */
	void (*trouble)(void *data, const char *unit, int error);
	void *data; /* of both */
	int dir;
	const char *path; /* PATH_LOG or PATH_LOG_VOLATILE */
	struct spool spool;
	struct log *failing, *limited;
	bool orphans; /* the spool has text of logs that were closed while they failed */
	struct log_pipe *flooding;
	uint32_t floods;  /* streams that had to wait the last time */
	uint64_t written; /* bytes of records, ever */
	uint64_t told;    /* of trouble, at this time */
	uv_timer_t again, flood, limit;
	int epoll; /* of all pipes that are listened to */
	uv_poll_t poll;
	bool closed; /* a pipe, since logs_attend() has asked */
};

/*
 * old_spool: of the supervisor before, or -1; owned from here on. What it left half done is finished here. When
 * spool.fresh is set, init must be given spool.fd before the first pipe is opened.
 */
int logs_open(struct logs *l, uv_loop_t *loop, int old_spool, struct err *e);
/* When all units that go on have opened their logs: what the spool holds of others goes to their files. */
void logs_sweep(struct logs *l);
/* Takes what is in the pipes now: in the loop, and for whoever keeps the loop from it for long. */
void logs_attend(struct logs *l);

void log_open(struct log *log, struct logs *l, const char *unit);
/* From now on so many records of its streams in that time; what was told in this interval counts. 0: no limit. */
void log_set_limit(struct log *log, uint64_t interval, uint32_t burst);
void log_close(struct log *log);
void log_watch(struct log *log, struct log_watcher *w);
void log_unwatch(struct log *log, struct log_watcher *w);
/* A word of the supervisor about this unit. */
void log_write(struct log *log, const char *text);

/* Makes the pipe and listens, unless it does already. On -1 there is no pipe. */
int log_pipe_open(struct log_pipe *p, struct log *log, enum log_stream stream, struct err *e);
/* The same with a pipe that init held; read_end is owned from here on. */
int log_pipe_adopt(struct log_pipe *p, struct log *log, enum log_stream stream, int read_end,
	struct err *e);
/* Sees to write_end, which is close-on-exec. */
int log_pipe_writable(struct log_pipe *p, struct err *e);
/* The last words in a pipe that init held and that nobody goes on with; read_end stays the caller's. */
void log_pipe_rest(struct logs *l, const char *unit, enum log_stream stream, int read_end);
/* Reads what is left, then closes. */
void log_pipe_close(struct log_pipe *p);
/* Reads all that is in the pipe now, an unfinished line too, so that a unit's last words precede its exit line. */
void log_pipe_drain(struct log_pipe *p);

/*
 * The last `lines` records of a unit, old files included, oldest first, as malloc'd text; NULL when it has none.
 */
char *log_tail(const struct logs *l, const char *unit, size_t lines, size_t *n);

/* ---- between logs.c and logpipe.c ---- */

/*
 * One turn of a stream: what is kept of it and, of a pipe, at most a chunk that is there. As splice(2). flush: without a
 * pipe, what is left is a line.
 */
ssize_t log_turn(struct log *log, enum log_stream stream, struct log_pipe *p, bool flush);
int log_pipes_open(struct logs *l, struct err *e);
/* Stops listening to what would have to wait. */
void log_pipes_pause(struct log *log);
void log_pipes_go_on(struct log *log);
/* The service cannot write into the pipe now. */
bool log_pipe_is_full(struct log_pipe *p);
void log_pipe_drop(struct log_pipe *p);
/* What was lost is told now, or when the log can be written. */
void log_tell_loss(struct log *log);

/* ---- logloss.c ---- */

#define LOG_LOSS_MAX 240

void log_loss_open(struct logs *l);
/* More than the `lost` of before will be. */
void log_loss_note(struct log *log, uint64_t lost, enum spool_loss why);
void log_loss_text(const struct spool_unit *u, int error, char text[LOG_LOSS_MAX]);
/* At the end of the interval that is under way; or now, as the log will not come to that. */
void log_loss_tell_later(struct log *log);
void log_loss_tell_now(struct log *log);

#endif
