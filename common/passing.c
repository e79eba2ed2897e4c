#include "common/passing.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SEND_FDS_MAX 3

ssize_t passing_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds,
	int flags)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(size_t)data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds > SEND_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

void passing_drop(int fd)
{
	const struct linger none = { 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	(void)close(fd);
}

static void take_fds(struct passed *passed, const struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (passed->n < passed->room)
			passed->fds[passed->n++] = fd;
		else
			passing_drop(fd);
	}
}

/* musl's macro compares a size with a pointer difference, which clang does not like to see. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
static struct cmsghdr *next_header(struct msghdr *msg, struct cmsghdr *c)
{
	return CMSG_NXTHDR(msg, c);
}
#pragma GCC diagnostic pop

static void take_control(struct passed *passed, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = next_header(msg, c)) {
		struct ucred cred;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			take_fds(passed, c);
		if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(sizeof(cred))) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			passed->sender = cred.pid;
		}
	}
}

ssize_t passing_receive(int sock, void *data, size_t size, struct passed *passed, int flags)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred)) +
			CMSG_SPACE(PASSING_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	passed->n = 0;
	passed->sender = 0;
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		take_control(passed, &msg);
	return n;
}

void passing_end(int sock)
{
	struct passed passed = { .room = 0 };
	char data[4096];
	int type = SOCK_STREAM;
	socklen_t size = sizeof(type);
	ssize_t n;

	(void)getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &size);
	(void)shutdown(sock, SHUT_RD);
	do
		n = passing_receive(sock, data, sizeof(data), &passed, MSG_DONTWAIT);
	while (n > 0 || (n == 0 && type == SOCK_DGRAM)); /* a datagram may be empty */
}
