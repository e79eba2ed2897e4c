#include "supervisor/sys/net/nlsock.h"

#include "common/fd.h"
#include "supervisor/core/text.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define REPLY_BYTES 32768 /* the kernel fills a dump's datagrams up to this */
#define ODD_MAX 64        /* datagrams that are not the kernel's, and errors, of one exchange */
#define SURE_BYTES 2048   /* fits the smallest buffer that a socket can have (socket(7)) */

int nlsock_open(int protocol, struct err *e)
{
	cleanup_fd int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int on = 1;

	if (sock < 0)
		return err_set(e, "open netlink socket %d", protocol);
	/* Both only make errors better to read and shorter: an older kernel does without. */
	(void)setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(sock, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd_take(&sock);
}

/* A batch is one datagram, and that must fit the socket's buffer as a whole. */
static int send_all(int sock, const struct nl_buf *b, struct err *e)
{
	int room = 2 * (int)b->used;

	if (b->used > SURE_BYTES)
		(void)setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	while (send(sock, b->data, b->used, 0) < 0)
		if (errno != EINTR)
			return err_set(e, "send %zu bytes to netlink", b->used);
	return 0;
}

struct exchange {
	const struct nl_buf *sent;
	void (*visit)(void *ctx, const struct nl_reply *r);
	void *ctx;
	unsigned int odd;
	bool answered, failed;
};

static void refused(struct exchange *x, const struct nl_reply *r, struct err *e)
{
	static const struct nl_note unknown = { .what = "change", .object = "network" };
	const struct nl_note *note = &unknown;

	if (r->seq >= 1 && r->seq <= NL_NOTES && x->sent->notes[r->seq - 1].what != NULL)
		note = &x->sent->notes[r->seq - 1];
	if (x->failed || r->error == note->accept)
		return;
	x->failed = true;
	(void)err_set_no(e, r->error, "%s %s%s%s%s", note->what, note->object,
		r->text != NULL ? " (" : "", r->text != NULL ? r->text : "",
		r->text != NULL ? ")" : "");
}

static void take(struct exchange *x, const uint8_t *data, size_t size, struct err *e)
{
	struct nl_reply r;
	size_t at = 0;

	while (nl_next(&r, data, size, &at)) {
		bool end = r.type == NLMSG_DONE || r.type == NLMSG_ERROR;

		x->answered = x->answered || end;
		if (r.error != 0)
			refused(x, &r, e);
		else if (!end && x->visit != NULL)
			x->visit(x->ctx, &r);
	}
}

/* One datagram of answers; false when there are no more. The kernel has answered before send(2) returns. */
static bool receive(int sock, struct exchange *x, struct err *e)
{
	_Alignas(8) uint8_t data[REPLY_BYTES];
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(sock, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from,
		&len);

	if (n >= 0) {
		/* In a container's namespace its root may write to this socket too; the kernel is port 0. */
		if (from.nl_pid != 0)
			return ++x->odd < ODD_MAX;
		take(x, data, (size_t)n, e);
		return true;
	}
	if (errno == EAGAIN && x->answered)
		return false;
	/* Answers were lost; those that were not must not be left to the next exchange. */
	if (errno == ENOBUFS && !x->failed)
		(void)err_set(e, "read from netlink");
	x->failed = x->failed || errno == ENOBUFS;
	/* Any other error took nothing: what the kernel has said by now is still there. */
	return ++x->odd < ODD_MAX;
}

void nlsock_drain(int sock)
{
	char byte;

	for (int i = 0; i < ODD_MAX && recv(sock, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		;
}

int nlsock_run(int sock, struct nl_buf *b, void (*visit)(void *ctx, const struct nl_reply *r),
	void *ctx, struct err *e)
{
	struct exchange x = { .sent = b, .visit = visit, .ctx = ctx };

	if (b->overflow)
		return err_set_no(e, EMSGSIZE, "build netlink messages");
	nlsock_drain(sock);
	if (send_all(sock, b, e) < 0)
		return -1;
	while (receive(sock, &x, e))
		;
	if (!x.failed && !x.answered)
		return err_set(e, "read from netlink");
	return x.failed ? -1 : 0;
}

int nlsock_do(int sock, struct nl_buf *b, struct err *e)
{
	nl_flag(b, NLM_F_ACK);
	return b->seq > 0 ? nlsock_run(sock, b, NULL, NULL, e) : 0;
}

int nlsock_next(int sock, void (*visit)(void *ctx, const struct nl_reply *r), void *ctx,
	struct err *e)
{
	struct exchange x = { .visit = visit, .ctx = ctx };

	(void)receive(sock, &x, e);
	/* Nothing came, or from somebody else: there will be no more. */
	return x.failed ? -1 : x.odd == 0 && !x.answered;
}

static void see_link(void *ctx, const struct nl_reply *r)
{
	struct found_link *found = ctx;
	struct rt_link link;

	if (!rt_link_read(&link, r))
		return;
	found->index = link.index;
	found->peer = link.peer;
	found->master = link.master;
	found->up = link.up;
	found->mtu = link.mtu;
	found->modes = link.modes;
	found->made = link.kind != NULL;
	memcpy(found->mac, link.mac, sizeof(found->mac));
	text_copy(found->name, sizeof(found->name), link.name);
	found->bridge = link.kind != NULL && strcmp(link.kind, "bridge") == 0;
	found->ours = link.alias != NULL &&
		strncmp(link.alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0;
	if (found->ours)
		text_copy(found->owner, sizeof(found->owner), link.alias + strlen(ALIAS_PREFIX));
}

/* index 0: by its name. */
static int find(int sock, int index, const char *name, struct found_link *found, struct err *e)
{
	_Alignas(8) uint8_t memory[256];
	struct nl_buf b;

	*found = (struct found_link){ 0 };
	nl_init(&b, memory, sizeof(memory));
	rt_link_get(&b, index, name);
	nl_flag(&b, NLM_F_ACK);
	return nlsock_run(sock, &b, see_link, found, e);
}

int nlsock_find(int sock, const char *name, struct found_link *found, struct err *e)
{
	return find(sock, 0, name, found, e);
}

int nlsock_find_index(int sock, int index, struct found_link *found, struct err *e)
{
	return find(sock, index, "by its number", found, e);
}
