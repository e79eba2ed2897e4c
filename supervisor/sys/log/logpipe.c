/* The pipes of the services, as far as logs.c lets them flow. */
#include "supervisor/sys/log/logs.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/listen.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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
/* As many pipes are asked for at once; the others' turn is the next. */
#define LOG_READY_MAX 64

/*
 * All pipes are in one epoll of our own, which libuv sees as one descriptor: a call for each pipe instead of the five of
 * uv_poll, since services wait for them while a supervisor begins; and it can be asked outside the loop.
 */
static int watch(struct log_pipe *p, int op)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = p };

	return epoll_ctl(p->log->logs->epoll, op, p->read_end, &event);
}

static void stop_listening(struct log_pipe *p)
{
	/* it would go on telling of what may be freed by then */
	if (p->listening && watch(p, EPOLL_CTL_DEL) < 0)
		abort();
	p->listening = false;
}

static void flood(struct log_pipe *p);

static void go_on(struct log_pipe *p)
{
	if (p->listening || p->flooding)
		return;
	p->listening = watch(p, EPOLL_CTL_ADD) == 0;
	if (!p->listening)
		flood(p);
}

static void on_flood_tick(uv_timer_t *timer);

static void flood(struct log_pipe *p)
{
	struct logs *l = p->log->logs;
	uint64_t wait;

	if (p->flooding)
		return;
	stop_listening(p);
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
		if (!p->log->failing || p->dropping)
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

/* As long as nobody else has a writing end we do: the pipe would be at its end, and say so without end. */
static void on_output(struct log_pipe *p, uint32_t events)
{
	struct err ignored;
	bool ended = (events & EPOLLHUP) != 0 && log_pipe_writable(p, &ignored) < 0;
	const struct logs *l = p->log->logs;
	uint64_t before = l->written;
	ssize_t taken = SPOOL_CHUNK;

	for (int i = 0; i < CHUNKS_PER_TURN && taken == SPOOL_CHUNK && !waits(p) &&
		l->written - before < BYTES_PER_TURN;
		i++)
		taken = log_turn(p->log, p->stream, p, false);
	/* there is more, or no memory to take it */
	if (ended || taken == SPOOL_CHUNK || (taken < 0 && errno != EAGAIN))
		flood(p);
}

void logs_attend(struct logs *l)
{
	struct epoll_event ready[LOG_READY_MAX];
	int n = epoll_wait(l->epoll, ready, LOG_READY_MAX, 0);

	l->closed = false;
	for (int i = 0; i < n && !l->closed; i++)
		on_output(ready[i].data.ptr, ready[i].events);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	logs_attend(poll->data);
}

int log_pipes_open(struct logs *l, struct err *e)
{
	int rc;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return err_set(e, "epoll for the logs");
	(void)uv_timer_init(l->loop, &l->flood); /* of a loop that is there it cannot fail */
	l->flood.data = l->poll.data = l;
	rc = listen_start(l->loop, &l->poll, l->epoll, UV_READABLE, on_ready);
	return rc == 0 ? 0 : err_set_no(e, -rc, "listen to the logs");
}

void log_pipes_pause(struct log *log)
{
	for (size_t i = 0; i < LOG_SUP; i++)
		if (log->pipes[i] != NULL && !log->pipes[i]->dropping)
			stop_listening(log->pipes[i]);
}

void log_pipes_go_on(struct log *log)
{
	for (size_t i = 0; i < LOG_SUP; i++)
		if (log->pipes[i] != NULL)
			go_on(log->pipes[i]);
}

int log_pipe_writable(struct log_pipe *p, struct err *e)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", p->read_end);
	if (p->write_end < 0)
		p->write_end = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
	return p->write_end < 0 ? err_set(e, "open the log pipe of %s again", p->log->unit) : 0;
}

bool log_pipe_is_full(struct log_pipe *p)
{
	struct pollfd room = { .events = POLLOUT };
	struct err ignored;

	if (log_pipe_writable(p, &ignored) < 0)
		return false;
	room.fd = p->write_end;
	return poll(&room, 1, 0) == 0;
}

void log_pipe_drop(struct log_pipe *p)
{
	p->dropping = true;
	go_on(p);
}

static int listen_to(struct log_pipe *p, struct err *e)
{
	if (watch(p, EPOLL_CTL_ADD) < 0) {
		(void)err_set(e, "listen to the log of %s", p->log->unit);
		fd_close(&p->read_end);
		fd_close(&p->write_end);
		return -1;
	}
	p->open = p->listening = true;
	p->log->pipes[p->stream] = p;
	if (p->log->failing)
		stop_listening(p);
	return 0;
}

static int refuse(const struct log *log, struct err *e)
{
	return err_setx(e, "%s: more than %d units have logs", log->unit, SPOOL_UNITS);
}

int log_pipe_open(struct log_pipe *p, struct log *log, enum log_stream stream, struct err *e)
{
	int ends[2];

	if (p->open)
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
	*p = (struct log_pipe){
		.log = log, .stream = stream, .read_end = read_end, .write_end = -1
	};
	if (log->slot == SPOOL_UNITS) {
		fd_close(&p->read_end);
		return refuse(log, e);
	}
	if (listen_to(p, e) < 0)
		return -1;
	/* whole lines that waited, should no more come */
	if (!log->failing && log->logs->spool.units[log->slot].kept[stream] > 0)
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
	drain_or_drop(&p);
	log_close(&log);
}

void log_pipe_close(struct log_pipe *p)
{
	if (p->log != NULL) {
		drain_or_drop(p);
		forget_flood(p);
		stop_listening(p);
		p->log->logs->closed = true;
		p->log->pipes[p->stream] = NULL;
	}
	fd_close(&p->read_end);
	fd_close(&p->write_end);
}
