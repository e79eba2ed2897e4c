#include "supervisor/sys/link.h"

#include "common/fd.h"
#include "common/passing.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/listen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* init answers at once; one that does not for this long is not there. */
#define LINK_TIMEOUT_MS 5000
/* The kernel may have no memory for a moment. */
#define TRIES 8

static int send_packet(struct link *l, const struct wire_msg *m, int fd, struct err *e)
{
	for (int failed = 0, waited = 0;;) {
		struct pollfd ready = { .fd = l->fd, .events = POLLOUT };

		if (passing_send(l->fd, m, sizeof(*m), &fd, fd >= 0, MSG_DONTWAIT) ==
			(ssize_t)sizeof(*m))
			return 0;
		/* unix(7): as many descriptors as we may have are on their way already, until init takes them */
		if (errno == ETOOMANYREFS && waited++ < LINK_TIMEOUT_MS) {
			(void)poll(NULL, 0, 1);
			continue;
		}
		if (errno != EAGAIN && ++failed == TRIES)
			return err_set(e, "tell init");
		if (errno == EAGAIN && poll(&ready, 1, LINK_TIMEOUT_MS) == 0)
			return err_set_no(e, ETIMEDOUT, "tell init");
	}
}

/* 1: a packet of ours, its descriptor (or -1) in *fd. 0: nothing there. -1: init is gone. */
static int receive_packet(int sock, struct wire_msg *m, int *fd)
{
	struct passed passed = { .fds = fd, .room = 1 };
	ssize_t n = -1;

	*fd = -1;
	for (int i = 0; i < TRIES; i++) {
		n = passing_receive(sock, m, sizeof(*m), &passed, MSG_DONTWAIT);
		if (n >= 0 || errno == EAGAIN)
			break;
	}
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0) {
		errno = EPIPE;
		return -1;
	}
	if (n != (ssize_t)sizeof(*m) || m->version != WIRE_VERSION) {
		fd_close(fd);
		m->kind = 0;
		return 1;
	}
	m->name[sizeof(m->name) - 1] = '\0';
	return 1;
}

/* What may come at any time. */
static void tell(const struct link *l, const struct wire_msg *m)
{
	if (m->kind == WIRE_REQUEST)
		l->on.request(l->on.data, m->arg);
	if (m->kind == WIRE_RESUMED)
		l->on.resumed(l->on.data, (unsigned int)m->arg, m->arg2);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct link *l = poll->data;
	struct wire_msg m;
	int fd, got;

	(void)status;
	(void)events;
	while ((got = receive_packet(l->fd, &m, &fd)) == 1) {
		fd_close(&fd);
		tell(l, &m);
	}
	/* Without it nothing is seen to end any more; the next supervisor has a new one. */
	if (got < 0 && errno != EPIPE)
		abort();
	l->on.reaped(l->on.data);
	if (got < 0)
		(void)uv_poll_stop(poll); /* the machine ends */
}

static int take_held(struct link *l, link_held_cb held, struct err *e)
{
	struct wire_msg m = { .version = WIRE_VERSION, .kind = WIRE_TAKE };
	struct pollfd ready = { .fd = l->fd, .events = POLLIN };
	int fd, got;

	if (send_packet(l, &m, -1, e) < 0)
		return -1;
	for (;;) {
		got = receive_packet(l->fd, &m, &fd);
		if (got < 0)
			return err_set(e, "take the held descriptors from init");
		if (got == 0) {
			if (poll(&ready, 1, LINK_TIMEOUT_MS) == 0)
				return err_set_no(e, ETIMEDOUT,
					"take the held descriptors from init");
			continue;
		}
		if (m.kind == WIRE_HELD && fd >= 0)
			held(l->on.data, m.name, fd_take(&fd));
		fd_close(&fd);
		tell(l, &m);
		if (m.kind == WIRE_HELD_END)
			return 0;
	}
}

int link_open(struct link *l, uv_loop_t *loop, int fd, const struct link_events *on,
	link_held_cb held, struct err *e)
{
	int rc;

	l->fd = fd;
	l->on = *on;
	l->poll.data = l;
	if (take_held(l, held, e) < 0)
		return -1;
	rc = listen_start(loop, &l->poll, fd, UV_READABLE, on_readable);
	return rc == 0 ? 0 : err_set_no(e, -rc, "listen to init");
}

static int name_packet(struct wire_msg *m, const char *kind, const char *unit, struct err *e)
{
	int n = snprintf(m->name, sizeof(m->name), "%s:%s", kind, unit);

	if (n < 0 || (size_t)n >= sizeof(m->name))
		return err_setx(e, "%s:%s: name is too long for init to hold", kind, unit);
	return 0;
}

int link_hold(struct link *l, const char *kind, const char *unit, int fd, struct err *e)
{
	struct wire_msg m = { .version = WIRE_VERSION, .kind = WIRE_HOLD };

	if (name_packet(&m, kind, unit, e) < 0)
		return -1;
	return send_packet(l, &m, fd, e);
}

void link_drop(struct link *l, const char *kind, const char *unit)
{
	struct wire_msg m = { .version = WIRE_VERSION, .kind = WIRE_DROP };
	struct err ignored;

	if (name_packet(&m, kind, unit, &ignored) == 0)
		(void)send_packet(l, &m, -1, &ignored);
}

void link_well(struct link *l)
{
	struct wire_msg m = { .version = WIRE_VERSION, .kind = WIRE_WELL };
	struct err ignored;

	(void)send_packet(l, &m, -1, &ignored);
}

void link_watchdog(struct link *l, int runtime, int reboot, const char *device)
{
	struct wire_msg m = {
		.version = WIRE_VERSION, .kind = WIRE_WATCHDOG, .arg = runtime, .arg2 = reboot
	};
	struct err ignored;

	if (device != NULL)
		text_copy(m.name, sizeof(m.name), device);
	(void)send_packet(l, &m, -1, &ignored);
}

void link_health(struct link *l, bool well, int promise, const char *why)
{
	struct wire_msg m = {
		.version = WIRE_VERSION, .kind = WIRE_HEALTH, .arg = well, .arg2 = promise
	};
	struct err ignored;

	text_copy(m.name, sizeof(m.name), why);
	(void)send_packet(l, &m, -1, &ignored);
}

int link_reexec(struct link *l, enum wire_reexec what, struct err *e)
{
	struct wire_msg m = { .version = WIRE_VERSION, .kind = WIRE_REEXEC, .arg = what };

	return send_packet(l, &m, -1, e);
}

int link_end(struct link *l, int end, int status, struct err *e)
{
	struct wire_msg m = {
		.version = WIRE_VERSION, .kind = WIRE_END, .arg = end, .arg2 = status
	};

	return send_packet(l, &m, -1, e);
}
