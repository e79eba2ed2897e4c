#include "supervisor/sys/log/logs.h"

#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/clock.h"

#include <string.h>
#include <sys/stat.h>

#define AGAIN_MS 250
#define TELL_AGAIN_SEC 60
/* Records are made and written in pieces of this size, each one write(2). */
#define PIECE_MAX (2 * LOG_RECORD_MAX)

enum folder { FOLDER_UNKNOWN, FOLDER_KEPT, FOLDER_VOLATILE };

static struct spool_unit *slot_of(const struct log *log)
{
	return &log->logs->spool.units[log->slot];
}

/* ---- storing ---- */

static int open_file(struct log *log)
{
	struct spool_unit *u = slot_of(log);
	struct logs *l = log->logs;

	if (l->dir < 0)
		l->dir = logfile_folder(l->path, false);
	if (l->dir < 0 ||
		logfile_open(&log->file, l->dir, log->unit, u->torn ? u->whole : UINT64_MAX) < 0)
		return -1;
	u->torn = false;
	return 0;
}

/* Within a turn: whole records or none. `took` bytes of the text are in them; lost: the count of records then. */
static int put(struct log *log, const char *data, size_t n, size_t took, uint64_t lost)
{
	struct spool *sp = &log->logs->spool;
	bool torn;

	if ((log->file.fd < 0 && open_file(log) < 0) ||
		(logfile_is_full(&log->file, n) &&
			logfile_rotate(&log->file, log->logs->dir, log->unit) < 0)) {
		log->error = errno;
		return -1;
	}
	spool_write(sp, log->file.size, n, took, lost);
	if (logfile_append(&log->file, data, n, &torn) == 0) {
		spool_written(sp, true);
		return 0;
	}
	log->error = errno;
	slot_of(log)->whole = log->file.size;
	slot_of(log)->torn = torn;
	spool_written(sp, false);
	fd_close(
		&log->file
			 .fd); /* opened again when it is tried again: the disk may be another then */
	return -1;
}

static void lose(struct log *log, uint64_t records)
{
	struct spool_unit *u = slot_of(log);

	log_loss_note(log, u->lost, SPOOL_FAILED);
	u->lost += records;
}

static void show(struct log *log, const char *records, size_t n)
{
	for (struct log_watcher *w = log->watchers, *next; w != NULL; w = next) {
		next = w->next;
		w->records(w, records, n);
	}
}

struct piece {
	size_t used;
	size_t took; /* of the text */
	uint64_t records;
	char data[PIECE_MAX];
};

/* log_next(), and at the end of a stream what is left. */
static size_t next_line(const char *text, size_t n, bool flush, size_t *text_n, bool *goes_on)
{
	size_t step = log_next(text, n, text_n, goes_on);

	if (step == 0 && flush)
		step = *text_n = n;
	return step;
}

static void compose(struct piece *piece, enum log_stream stream, const char *text, size_t n,
	bool flush, uint32_t most)
{
	char stamp[LOG_STAMP_SIZE];
	size_t step, text_n;
	bool goes_on;

	piece->used = piece->took = piece->records = 0;
	log_stamp(wall_us(), stamp);
	while (piece->used + LOG_RECORD_MAX <= sizeof(piece->data) && piece->records < most) {
		text += step = next_line(text, n, flush, &text_n, &goes_on);
		if (step == 0)
			break;
		n -= step;
		piece->used += log_record_stamped(piece->data + piece->used, stamp, stream, goes_on,
			text - step, text_n);
		piece->took += step;
		piece->records++;
	}
}

static void show_console(const struct log *log, const char *text, size_t n, bool flush)
{
	size_t step, text_n;
	bool goes_on;

	if (log->logs->console == NULL)
		return;
	for (; n > 0 && (step = next_line(text, n, flush, &text_n, &goes_on)) > 0; n -= step) {
		log->logs->console(log->logs->data, log->unit, text, text_n);
		text += step;
	}
}

/* Counted, and told when the log can be written, or at the end of the interval of its limit. */
static void drop(struct log *log, const struct piece *piece, enum spool_loss why)
{
	struct spool *sp = &log->logs->spool;

	log_loss_note(log, sp->turn.lost, why);
	spool_skip(sp, piece->took, piece->records);
	if (why == SPOOL_LIMITED)
		log_loss_tell_later(log);
}

/* Within a turn: all whole lines of its text. -1: it cannot be written. */
static int record(struct log *log, enum log_stream stream, const struct log_pipe *p, bool flush)
{
	struct spool *sp = &log->logs->spool;
	struct piece piece;
	const char *text;
	size_t n;

	for (;;) {
		uint64_t now = now_us();
		uint32_t room = log_limit_room(&log->limit, now);

		text = spool_text(sp, &n);
		compose(&piece, stream, text, n, flush, room > 0 ? room : LOG_LIMIT_NONE);
		if (piece.took == 0)
			return 0;
		log->logs->written += piece.used;
		if (room == 0) {
			drop(log, &piece, SPOOL_LIMITED);
			continue;
		}
		if (p != NULL && p->dropping)
			drop(log, &piece, SPOOL_FAILED);
		else if (put(log, piece.data, piece.used, piece.took, sp->turn.lost) < 0)
			return -1;
		log_limit_count(&log->limit, now, (uint32_t)piece.records);
		show(log, piece.data, piece.used);
		if (p != NULL && p->console)
			show_console(log, text, piece.took, flush);
	}
}

/* ---- a log that cannot be written ---- */

static void on_again(uv_timer_t *timer);

/* A disk that is full fails again and again. */
static void tell_trouble(struct log *log)
{
	struct logs *l = log->logs;
	uint64_t now = now_us();

	if (l->trouble == NULL || log->error == 0 ||
		(l->told > 0 && now - l->told < TELL_AGAIN_SEC * USEC_PER_SEC))
		return;
	l->told = now;
	l->trouble(l->data, log->unit, log->error);
}

static void fail(struct log *log)
{
	struct logs *l = log->logs;

	if (log->failing)
		return;
	log->failing = true;
	log->next_failing = l->failing;
	l->failing = log;
	log_pipes_pause(log);
	/* of an open handle it cannot fail */
	(void)uv_timer_start(&l->again, on_again, AGAIN_MS, AGAIN_MS);
	tell_trouble(log);
}

static void rest_if_well(struct logs *l)
{
	if (l->failing == NULL && !l->orphans)
		(void)uv_timer_stop(&l->again);
}

static void recovered(struct log *log)
{
	struct log **at = &log->logs->failing;

	while (*at != NULL && *at != log)
		at = &(*at)->next_failing;
	if (*at != NULL)
		*at = log->next_failing;
	log->failing = false;
	rest_if_well(log->logs);
}

ssize_t log_turn(struct log *log, enum log_stream stream, struct log_pipe *p, bool flush)
{
	struct spool *sp = &log->logs->spool;
	ssize_t taken = 0;
	bool at_end = p == NULL;
	int stored;

	if (!spool_begin(sp, log->slot, stream))
		return -1;
	if (p != NULL && sp->turn.had <= LOG_LINE_MAX) {
		taken = spool_take(sp, p->read_end);
		at_end = taken < 0 ? errno == EAGAIN : taken < SPOOL_CHUNK;
		flush = p->ends;
	}
	stored = record(log, stream, p, flush && at_end);
	if (p != NULL && stored == 0 && at_end)
		p->ends = false;
	if (!spool_end(sp))
		taken = -1;
	if (stored < 0)
		fail(log);
	return taken;
}

static bool report_gap(struct log *log)
{
	const struct spool_unit *u = slot_of(log);
	char text[LOG_LOSS_MAX], line[LOG_RECORD_MAX];
	size_t size;
	int rc;

	if (u->lost == 0)
		return true;
	log_loss_text(u, log->error, text);
	size = log_record(line, wall_us(), LOG_SUP, false, text, strlen(text));
	if (!spool_begin_word(&log->logs->spool, log->slot))
		return false;
	rc = put(log, line, size, 0, 0);
	spool_end_word(&log->logs->spool);
	if (rc == 0)
		show(log, line, size);
	return rc == 0;
}

/* The gap first, then what waited. */
static bool try_again(struct log *log)
{
	if (!report_gap(log))
		return false;
	recovered(log);
	for (int stream = 0; stream < LOG_STREAM_COUNT && !log->failing; stream++) {
		struct log_pipe *p = stream < LOG_SUP ? log->pipes[stream] : NULL;

		if (p != NULL)
			p->dropping = false;
		(void)log_turn(log, (enum log_stream)stream, p, false);
		if (p != NULL && p->ends && !log->failing)
			log_pipe_drain(p);
	}
	if (!log->failing)
		log_pipes_go_on(log);
	return !log->failing;
}

void log_tell_loss(struct log *log)
{
	/* else what the spool keeps of it is told later */
	if (!log->failing && log->logs->spool.turn.state == SPOOL_IDLE && !report_gap(log))
		fail(log);
}

static void on_again(uv_timer_t *timer)
{
	struct logs *l = timer->data;
	struct log *next;

	if (l->orphans)
		logs_sweep(l);
	for (struct log *log = l->failing; log != NULL; log = next) {
		next = log->next_failing;
		if (try_again(log))
			continue;
		for (size_t i = 0; i < LOG_SUP; i++)
			if (log->pipes[i] != NULL && log_pipe_is_full(log->pipes[i]))
				log_pipe_drop(log->pipes[i]);
	}
}

/* ---- logs ---- */

/* As log_open(), while a turn may be under way. */
static void attach(struct log *log, struct logs *l, const char *unit)
{
	*log = (struct log){ .logs = l, .file.fd = -1 };
	text_copy(log->unit, sizeof(log->unit), unit);
	log->slot = spool_unit(&l->spool, log->unit);
}

void log_open(struct log *log, struct logs *l, const char *unit)
{
	const struct spool_unit *u;

	attach(log, l, unit);
	u = slot_of(log);
	if (u->lost == 0 && u->kept[LOG_SUP] == 0)
		return;
	fail(log); /* it did when the supervisor before ended */
	(void)try_again(log);
}

void log_close(struct log *log)
{
	log_loss_tell_now(log);
	while (log->watchers != NULL) {
		struct log_watcher *w = log->watchers;

		log->watchers = w->next;
		w->closed(w);
	}
	fd_close(&log->file.fd);
	if (!spool_release(&log->logs->spool, log->slot)) {
		log->logs->orphans = true;
		(void)uv_timer_start(&log->logs->again, on_again, AGAIN_MS, AGAIN_MS);
	}
	recovered(log);
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

/* It waits like the text of a service. */
static void keep_word(struct log *log, const char *text, size_t n)
{
	char line[LOG_LINE_MAX + 1];

	memcpy(line, text, n);
	line[n] = '\n';
	if (!spool_keep(&log->logs->spool, log->slot, LOG_SUP, line, n + 1))
		lose(log, 1);
}

void log_write(struct log *log, const char *text)
{
	struct spool *sp = &log->logs->spool;
	char line[LOG_RECORD_MAX];
	size_t n = strlen(text), size;
	int rc = -1;

	if (n > LOG_LINE_MAX)
		n = LOG_LINE_MAX;
	/* a watcher may be the cause, in the middle of a turn */
	if (!log->failing && sp->turn.state == SPOOL_IDLE && spool_begin_word(sp, log->slot)) {
		size = log_record(line, wall_us(), LOG_SUP, false, text, n);
		rc = put(log, line, size, 0, sp->turn.lost);
		spool_end_word(sp);
		if (rc == 0)
			show(log, line, size);
	}
	if (rc < 0) {
		fail(log);
		keep_word(log, text, n);
	}
}

char *log_tail(const struct logs *l, const char *unit, size_t lines, size_t *n)
{
	return logfile_tail(l->dir, unit, lines, n);
}

/* ---- all of them ---- */

/*
 * Where the supervisor before had them, so that a disk that is full now does not make a second place. If the folder cannot
 * be opened, it is tried again with the logs.
 */
static int open_folder(struct logs *l, struct err *e)
{
	uint32_t folder = spool_folder(&l->spool);

	if (folder == FOLDER_UNKNOWN) {
		l->path = PATH_LOG;
		l->dir = logfile_folder(l->path, true);
		folder = l->dir >= 0 ? FOLDER_KEPT : FOLDER_VOLATILE;
		spool_set_folder(&l->spool, folder);
		if (l->dir >= 0)
			return 0;
		(void)mkdir("/run/log", 0755);
	}
	l->path = folder == FOLDER_KEPT ? PATH_LOG : PATH_LOG_VOLATILE;
	l->dir = logfile_folder(l->path, false);
	if (l->dir < 0 && l->spool.fresh)
		return err_set(e, "%s, %s: open for the logs", PATH_LOG, l->path);
	return 0;
}

/* Did the write happen, in whose course the supervisor before ended? */
static void settle_write(struct log *log)
{
	struct spool *sp = &log->logs->spool;
	uint64_t size = logfile_size(log->logs->dir, log->unit);
	bool whole = size >= sp->turn.before + sp->turn.bytes;

	if (!whole && size > sp->turn.before) {
		slot_of(log)->whole = sp->turn.before;
		slot_of(log)->torn = true;
	}
	spool_written(sp, whole);
}

static void finish_turn(struct logs *l)
{
	struct spool *sp = &l->spool;
	enum spool_state state = (enum spool_state)sp->turn.state;
	struct log log;

	if (state == SPOOL_IDLE)
		return;
	attach(&log, l, sp->units[sp->turn.unit].name);
	log.slot = sp->turn.unit;
	if (sp->turn.bytes > 0)
		settle_write(&log);
	if (state == SPOOL_TEXT) {
		(void)record(&log, (enum log_stream)sp->turn.stream, NULL, false);
		(void)spool_end(sp);
	} else {
		spool_end_word(sp);
	}
	log_close(&log);
}

int logs_open(struct logs *l, uv_loop_t *loop, int old_spool, struct err *e)
{
	l->loop = loop;
	l->failing = NULL;
	l->flooding = NULL;
	if (spool_open(&l->spool, old_spool, e) < 0 || open_folder(l, e) < 0 ||
		log_pipes_open(l, e) < 0)
		return -1;
	(void)uv_timer_init(loop, &l->again); /* of a loop that is there it cannot fail */
	l->again.data = l;
	log_loss_open(l);
	finish_turn(l);
	return 0;
}

void logs_sweep(struct logs *l)
{
	l->orphans = false;
	for (uint32_t at = 0; spool_orphan(&l->spool, &at); at++) {
		struct log log;

		attach(&log, l, l->spool.units[at].name);
		for (int stream = 0; stream < LOG_STREAM_COUNT && report_gap(&log); stream++)
			(void)log_turn(&log, (enum log_stream)stream, NULL, true);
		log_close(&log);
	}
	rest_if_well(l);
}
