/* The pipes of the services, as far as logs.c lets them flow. */
#include "supervisor/sys/log/logs.h"

#include "common/fd.h"
#include "common/killpoint.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* A stream that writes without end gets this many chunks, which is a pipe's worth, or bytes of records at a time, ... */
#define CHUNKS_PER_TURN 4
#define BYTES_PER_TURN (128 * 1024)
/* ... and again after so long for each stream that does: a share of the processor for all of them together. */
#define FLOOD_MS 8
#define FLOOD_MOST_MS 400
/* A process that goes on writing while the last words of its unit are read does not keep the loop. */
#define CHUNKS_PER_DRAIN 16

static void on_output(uv_poll_t *poll, int status, int events);

static bool listens(const struct log_pipe *p)
{
	return p != NULL && p->polled && !uv_is_closing((const uv_handle_t *)&p->poll);
}

/* Of a handle that is not closing it cannot fail. */
static void go_on(struct log_pipe *p)
{
	(void)uv_poll_start(&p->poll, UV_READABLE, on_output);
}

static void on_flood_tick(uv_timer_t *timer);

static void flood(struct log_pipe *p)
{
	struct logs *l = p->log->logs;
	uint64_t wait;

	if (!listens(p) || p->flooding)
		return;
	(void)uv_poll_stop(&p->poll);
	p->flooding = true;
	p->next_flood = l->flooding;
	l->flooding = p;
	if (uv_is_active((const uv_handle_t *)&l->flood))
		return;
	wait = FLOOD_MS * (l->floods > 0 ? l->floods : 1);
	(void)uv_timer_start(&l->flood, on_flood_tick, wait < FLOOD_MOST_MS ? wait : FLOOD_MOST_MS,
		0);
}

static void on_flood_tick(uv_timer_t *timer)
{
	struct logs *l = timer->data;
	struct log_pipe *p;

	l->floods = 0;
	while ((p = l->flooding) != NULL) {
		l->floods++;
		l->flooding = p->next_flood;
		p->flooding = false;
		if (listens(p) && (!p->log->failing || p->dropping))
			go_on(p);
	}
}

static void forget_flood(struct log_pipe *p)
{
	struct log_pipe **at = &p->log->logs->flooding;

	while (*at != NULL && *at != p)
		at = &(*at)->next_flood;
	if (*at != NULL)
		*at = p->next_flood;
	p->flooding = false;
}

static bool waits(const struct log_pipe *p)
{
	return p->log->failing && !p->dropping;
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	struct log_pipe *p = poll->data;
	const struct logs *l = p->log->logs;
	uint64_t before = l->written;
	ssize_t taken = SPOOL_CHUNK;

	(void)status;
	(void)events;
	for (int i = 0; i < CHUNKS_PER_TURN && taken == SPOOL_CHUNK && !waits(p) &&
		l->written - before < BYTES_PER_TURN;
		i++)
		taken = log_turn(p->log, p->stream, p, false);
	/* there is more, or no memory to take it */
	if (taken == SPOOL_CHUNK || (taken < 0 && errno != EAGAIN))
		flood(p);
}

void log_pipes_pause(struct log *log)
{
	for (size_t i = 0; i < LOG_SUP; i++)
		if (listens(log->pipes[i]) && !log->pipes[i]->dropping)
			(void)uv_poll_stop(&log->pipes[i]->poll);
}

void log_pipes_go_on(struct log *log)
{
	for (size_t i = 0; i < LOG_SUP; i++)
		if (listens(log->pipes[i]) && !log->pipes[i]->flooding)
			go_on(log->pipes[i]);
}

bool log_pipe_is_full(const struct log_pipe *p)
{
	struct pollfd room = { .fd = p->write_end, .events = POLLOUT };

	return poll(&room, 1, 0) == 0;
}

void log_pipe_drop(struct log_pipe *p)
{
	p->dropping = true;
	if (listens(p) && !p->flooding)
		go_on(p);
}

static int listen_to(struct log_pipe *p, struct err *e)
{
	int rc = uv_poll_init(p->log->logs->loop, &p->poll, p->read_end);

	if (rc != 0) {
		fd_close(&p->read_end);
		fd_close(&p->write_end);
		return err_set_no(e, -rc, "listen to the log of %s", p->log->unit);
	}
	p->poll.data = p;
	p->polled = true;
	p->log->pipes[p->stream] = p;
	/* only our end: the service's end blocks for a moment rather than lose a line */
	(void)fcntl(p->read_end, F_SETFL, O_NONBLOCK);
	if (!p->log->failing)
		go_on(p);
	return 0;
}

static int refuse(const struct log *log, struct err *e)
{
	return err_setx(e, "%s: more than %d units have logs", log->unit, SPOOL_UNITS);
}

int log_pipe_open(struct log_pipe *p, struct log *log, enum log_stream stream, struct err *e)
{
	int ends[2];

	if (p->polled)
		return 0;
	if (log->slot == SPOOL_UNITS)
		return refuse(log, e);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, "pipe for the log of %s", log->unit);
	/* servers that gave up root open /dev/stderr anew; whoever sees that link is the user who holds the pipe */
	(void)fchmod(ends[1], 0622);
	*p = (struct log_pipe){
		.log = log, .stream = stream, .read_end = ends[0], .write_end = ends[1]
	};
	return listen_to(p, e);
}

int log_pipe_adopt(struct log_pipe *p, struct log *log, enum log_stream stream, int read_end,
	struct err *e)
{
	char path[32];

	*p = (struct log_pipe){
		.log = log, .stream = stream, .read_end = read_end, .write_end = -1
	};
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", read_end);
	if (log->slot != SPOOL_UNITS)
		p->write_end = open(path, O_WRONLY | O_CLOEXEC);
	if (p->write_end < 0) {
		fd_close(&p->read_end);
		return log->slot == SPOOL_UNITS
			? refuse(log, e)
			: err_set(e, "open the log pipe of %s again", log->unit);
	}
	if (listen_to(p, e) < 0)
		return -1;
	/* whole lines that waited, should no more come */
	if (!log->failing)
		(void)log_turn(log, stream, p, false);
	return 0;
}

void log_pipe_drain(struct log_pipe *p)
{
	p->ends = true;
	for (int i = 0; i < CHUNKS_PER_DRAIN && p->ends && !waits(p); i++)
		if (log_turn(p->log, p->stream, p, false) < 0 && errno != EAGAIN)
			break;
}

/* All that is in the pipe has room in the spool. */
static bool fits_spool(const struct log_pipe *p)
{
	const struct spool_unit *u = &p->log->logs->spool.units[p->log->slot];
	int n;

	return u->kept[p->stream] <= LOG_LINE_MAX && ioctl(p->read_end, FIONREAD, &n) == 0 &&
		n < SPOOL_CHUNK;
}

/* What cannot be written now waits in the spool, or, when it is too much, is counted. */
static void drain_or_drop(struct log_pipe *p)
{
	log_pipe_drain(p);
	if (!waits(p))
		return;
	if (fits_spool(p)) {
		(void)log_turn(p->log, p->stream, p, false);
		return;
	}
	p->dropping = true;
	log_pipe_drain(p);
}

void log_pipe_rest(struct logs *l, const char *unit, enum log_stream stream, int read_end)
{
	struct log_pipe p = { .stream = stream, .read_end = read_end, .write_end = -1 };
	struct log log;

	log_open(&log, l, unit);
	p.log = &log;
	(void)fcntl(read_end, F_SETFL, O_NONBLOCK);
	drain_or_drop(&p);
	log_close(&log);
}

void log_pipe_close(struct log_pipe *p)
{
	if (p->log != NULL) {
		drain_or_drop(p);
		forget_flood(p);
		p->log->pipes[p->stream] = NULL;
	}
	fd_close(&p->read_end);
	fd_close(&p->write_end);
}
