#include "init/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/util.h"
#include "init/clock.h"
#include "init/init.h"

#define PACKETS_A_TURN 64
#define BREATH_NS 10000000L
#define FDS_MAX 4 /* a packet may carry one; room to close a few more */

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int wire_open(struct wire *w, int *peer)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	/* One from before a crash that left no supervisor. */
	fd_close(&w->fd);
	memset(w, 0, sizeof(*w));
	w->fd = pair[0];
	*peer = pair[1];
	return 0;
}

bool wire_wants_out(const struct wire *w)
{
	return w->poke || w->request || w->taking || w->resumed;
}

/*
 * The packet's descriptor, -1 when it has none; further ones are closed. The kernel makes one control
 * message of all that came.
 */
static int take_fd(struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fds[FDS_MAX];
	size_t count;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (count == 0 || count > FDS_MAX)
		return -1;
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	while (count > 1)
		fd_close(&fds[--count]);
	return fds[0];
}

static void handle_hold(struct init *init, const struct wire_msg *msg, int *fd)
{
	if (*fd < 0 || msg->name[0] == '\0')
		return;
	if (hold_put(&init->hold, msg->name, fd_take(fd)) == 0 || init->hold.full_said)
		return;
	init->hold.full_said = true;
	console_say(&init->console, "%d descriptors are held, %s is the first that is not",
		HOLD_MAX, msg->name);
}

static void handle_drop(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)fd;
	hold_drop(&init->hold, msg->name);
}

static void handle_take(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)msg, (void)fd;
	init->wire.taking = true;
	init->wire.next = 0;
}

static void handle_well(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)msg, (void)fd;
	init->supervise.well = true;
}

static void handle_end(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)fd;
	if (!wire_end_is_known(msg->arg))
		return;
	init->wire.end = (enum wire_end)msg->arg;
	init->wire.end_status = msg->arg2;
}

static void handle_watchdog(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)fd;
	watchdog_configure(init, msg);
}

static void handle_health(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)fd;
	watchdog_told(init, msg, clock_now_ns());
}

static void handle_reexec(struct init *init, const struct wire_msg *msg, int *fd)
{
	(void)fd;
	if (msg->arg == REEXEC_INIT)
		init->reexec.wanted = true;
	else if (msg->arg == REEXEC_SUPERVISOR)
		init->supervise.planned = true;
}

static void handle(struct init *init, const struct wire_msg *msg, int *fd)
{
	static void (*const handlers[])(struct init *, const struct wire_msg *, int *) = {
		[WIRE_HOLD] = handle_hold,
		[WIRE_DROP] = handle_drop,
		[WIRE_TAKE] = handle_take,
		[WIRE_WELL] = handle_well,
		[WIRE_END] = handle_end,
		[WIRE_WATCHDOG] = handle_watchdog,
		[WIRE_HEALTH] = handle_health,
		[WIRE_REEXEC] = handle_reexec,
	};

	if (msg->version != WIRE_VERSION || msg->kind >= ARRAY_LEN(handlers) ||
		handlers[msg->kind] == NULL || memchr(msg->name, '\0', sizeof(msg->name)) == NULL)
		return;
	handlers[msg->kind](init, msg, fd);
}

/*
 * One packet. It is looked at, acted upon and only then taken off the queue: init may crash in between, and
 * whatever it did then is done once more, which changes nothing.
 *
 * 1: taken, 0: none there, -1: the other end is closed. */
static int receive(struct init *init)
{
	struct wire_msg msg;
	union control control;
	struct iovec iov = { .iov_base = &msg, .iov_len = sizeof(msg) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	ssize_t len = recvmsg(init->wire.fd, &h, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	cleanup_fd int fd = -1;
	char taken;

	/* It died before it had read all of ours: the error comes first, once, what it said after it. */
	if (len < 0 && errno == ECONNRESET)
		return 1;
	if (len < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOMEM ? 0 : -1;
	fd = take_fd(&h);
	/* An empty packet reads like the end of the line; the supervisor sends none. */
	if (len == 0)
		return -1;
	if (len == sizeof(msg) && (h.msg_flags & MSG_TRUNC) == 0)
		handle(init, &msg, &fd);
	(void)recv(init->wire.fd, &taken, sizeof(taken), MSG_DONTWAIT);
	return 1;
}

void wire_receive(struct init *init)
{
	int got = 1;

	for (int i = 0; init->wire.fd >= 0 && got > 0 && i < PACKETS_A_TURN; i++)
		got = receive(init);
	if (got >= 0)
		return;
	/*
	 * It is ending and will be reaped in a moment, or it has closed the line and is no use any more.
	 * Its pid cannot belong to another: it is not reaped yet.
	 */
	fd_close(&init->wire.fd);
	supervise_kill(&init->supervise);
}

/* The other end is closed, or the packet can never be: all else passes. */
static bool is_final(int no)
{
	return no == EPIPE || no == ECONNRESET || no == ENOTCONN || no == EBADF || no == EMSGSIZE ||
		no == EINVAL;
}

/* 0: sent, or never to be; -1: not now. */
static int send_msg(struct wire *w, struct wire_msg *msg, int fd)
{
	struct timespec breath = { .tv_nsec = BREATH_NS };
	union control control = { 0 };
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	msg->version = WIRE_VERSION;
	if (fd >= 0) {
		h.msg_control = control.buf;
		h.msg_controllen = CMSG_SPACE(sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	if (sendmsg(w->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || is_final(errno))
		return 0;
	/* For want of kernel memory: the line is writable all the while, and the loop must not spin. */
	if (errno != EAGAIN && errno != EINTR)
		(void)nanosleep(&breath, NULL);
	return -1;
}

static int send_held(struct init *init)
{
	struct wire *w = &init->wire;
	const struct held *held;

	while ((held = hold_next(&init->hold, &w->next)) != NULL) {
		struct wire_msg msg = { .kind = WIRE_HELD };

		memcpy(msg.name, held->name, sizeof(msg.name));
		if (send_msg(w, &msg, held->fd) < 0)
			return -1;
		w->next++;
	}
	return send_msg(w, &(struct wire_msg){ .kind = WIRE_HELD_END }, -1);
}

void wire_send(struct init *init)
{
	struct wire *w = &init->wire;

	if (w->fd < 0)
		return;
	if (w->request) {
		struct wire_msg msg = { .kind = WIRE_REQUEST, .arg = (int32_t)init->request.end };

		w->request = send_msg(w, &msg, -1) < 0;
	}
	if (w->resumed) {
		struct wire_msg msg = { .kind = WIRE_RESUMED,
			.arg = (int32_t)init->crash.crashes,
			.arg2 = w->resumed_error };

		w->resumed = send_msg(w, &msg, -1) < 0;
	}
	if (w->taking)
		w->taking = send_held(init) < 0;
	if (w->poke)
		w->poke = send_msg(w, &(struct wire_msg){ .kind = WIRE_REAPED }, -1) < 0;
}

void wire_close(struct init *init)
{
	while (init->wire.fd >= 0 && receive(init) > 0)
		;
	fd_close(&init->wire.fd);
}

void wire_resume(struct init *init)
{
	struct wire *w = &init->wire;
	struct wire before;
	socklen_t len = sizeof(int);
	int type = 0;

	(void)state_read(init, STATE_WIRE, 0, &before, sizeof(before));
	if (wire_end_is_known((int)before.end)) {
		w->end = before.end;
		w->end_status = before.end_status;
	}
	if (state_claim(before.fd))
		w->fd = before.fd;
	if (getsockopt(w->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET ||
		init->roster.at == NULL) {
		fd_close(&w->fd);
		supervise_kill(&init->supervise);
		return;
	}
	/* REAPED may have been dropped with the state; one too many costs a look. */
	w->poke = true;
	w->request = state_flag(&before.request);
	w->taking = state_flag(&before.taking);
	w->next = state_at_most(before.next, HOLD_MAX);
	w->resumed = true;
}
