/*
 * NotifyFD=: a pipe for each start, at whose other end a newline says that the service is ready. An end without one says
 * nothing. init holds the pipe too: a supervisor that dies must not make the service's write a SIGPIPE.
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/killpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define HELD "ready"

struct ready {
	uv_poll_t poll;
	struct instance *instance;
	int read_end;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void ready_close(struct instance *inst)
{
	struct ready *r = inst->ready;

	if (r == NULL)
		return;
	inst->ready = NULL;
	uv_close((uv_handle_t *)&r->poll, on_closed);
	fd_close(&r->read_end);
	link_drop(&inst->s->link, HELD, inst->unit);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct ready *r = poll->data;
	struct instance *inst = r->instance;
	struct supervisor *s = inst->s;
	const struct notify notify = { .ready = true, .watchdog_usec = UINT64_MAX };
	const struct event event = { .kind = EV_NOTIFY, .unit = inst->index, .notify = &notify };
	char data[256];
	ssize_t n = peek_read(&s->peek, r->read_end, data, sizeof(data));
	bool said = n > 0 && memchr(data, '\n', (size_t)n) != NULL;

	(void)status;
	(void)events;
	if (n > 0 && !said)
		(void)!read(r->read_end, data, (size_t)n);
	if ((n < 0 && (errno == EAGAIN || errno == EINTR)) || (n > 0 && !said))
		return;
	if (said)
		supervise_note(s, &event);
	KILL_POINT("ready-told");
	ready_close(inst);
	perform_all(s);
}

static int listen_to(struct instance *inst, struct ready *r, int read_end, struct err *e)
{
	int rc;

	r->poll.data = r;
	rc = uv_poll_init(&inst->s->loop, &r->poll, read_end);
	if (rc != 0)
		return err_set_no(e, -rc, "listen on the pipe of NotifyFD=");
	(void)uv_poll_start(&r->poll, UV_READABLE, on_readable);
	r->instance = inst;
	r->read_end = read_end;
	inst->ready = r;
	return 0;
}

void ready_adopt(struct instance *inst, int read_end)
{
	struct ready *r = calloc(1, sizeof(*r));
	struct err e;

	if (r != NULL && listen_to(inst, r, read_end, &e) == 0)
		return;
	free(r);
	fd_close(&read_end);
}

int ready_open(struct instance *inst, int *write_end, struct err *e)
{
	struct ready *r = calloc(1, sizeof(*r));
	int ends[2];

	ready_close(inst);
	if (r == NULL)
		return err_set_no(e, ENOMEM, "%s: record of NotifyFD=", inst->unit);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		free(r);
		return err_set(e, "pipe");
	}
	/* only our end: a program is not to meet EAGAIN */
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	if (listen_to(inst, r, ends[0], e) < 0) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		free(r);
		return -1;
	}
	*write_end = ends[1];
	return link_hold(&inst->s->link, HELD, inst->unit, ends[0], e);
}
