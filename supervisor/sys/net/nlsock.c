#include "supervisor/sys/net/nlsock.h"

#include "common/fd.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define REPLY_BYTES 32768 /* the kernel fills a dump's datagrams up to this */

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

static int send_all(int sock, const struct nl_buf *b, struct err *e)
{
	int room = 2 * (int)b->used, now = 0;
	socklen_t len = sizeof(now);

	/* A batch is one datagram, and that must fit the socket's buffer as a whole. */
	if (getsockopt(sock, SOL_SOCKET, SO_SNDBUF, &now, &len) == 0 && now < room)
		(void)setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (send(sock, b->data, b->used, 0) < 0)
		return err_set(e, "send %zu bytes to netlink", b->used);
	return 0;
}

struct outcome {
	bool acked, failed;
};

static void refused(const struct nl_buf *b, const struct nl_reply *r, struct outcome *o,
	struct err *e)
{
	static const struct nl_note unknown = { .what = "change", .object = "network" };
	const struct nl_note *note = &unknown;

	if (r->seq >= 1 && r->seq <= NL_NOTES && b->notes[r->seq - 1].what != NULL)
		note = &b->notes[r->seq - 1];
	if (o->failed || r->error == note->accept)
		return;
	o->failed = true;
	(void)err_set_no(e, r->error, "%s %s%s%s%s", note->what, note->object,
		r->text != NULL ? " (" : "", r->text != NULL ? r->text : "",
		r->text != NULL ? ")" : "");
}

int nlsock_run(int sock, struct nl_buf *b, void (*visit)(void *ctx, const struct nl_reply *r),
	void *ctx, struct err *e)
{
	_Alignas(8) uint8_t data[REPLY_BYTES];
	struct outcome o = { 0 };

	if (b->overflow)
		return err_set_no(e, EMSGSIZE, "build netlink messages");
	if (send_all(sock, b, e) < 0)
		return -1;
	for (;;) {
		ssize_t n = recv(sock, data, sizeof(data), MSG_DONTWAIT);
		struct nl_reply r;
		size_t at = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return o.failed ? -1 : err_set(e, "read from netlink");
		if (n < 0)
			break;
		while (nl_next(&r, data, (size_t)n, &at)) {
			if (r.type == NLMSG_DONE || r.type == NLMSG_ERROR)
				o.acked = true;
			if (r.type == NLMSG_ERROR && r.error != 0)
				refused(b, &r, &o, e);
			else if (r.type != NLMSG_DONE && r.type != NLMSG_ERROR && visit != NULL)
				visit(ctx, &r);
		}
	}
	if (!o.failed && !o.acked)
		return err_setx(e, "netlink gave no answer to a request of %zu bytes", b->used);
	return o.failed ? -1 : 0;
}

static void see_link(void *ctx, const struct nl_reply *r)
{
	struct found_link *found = ctx;
	struct rt_link link;

	if (!rt_link_read(&link, r))
		return;
	found->index = link.index;
	found->bridge = link.kind != NULL && strcmp(link.kind, "bridge") == 0;
	found->ours = link.alias != NULL &&
		strncmp(link.alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0;
}

int nlsock_find(int sock, const char *name, struct found_link *found, struct err *e)
{
	_Alignas(8) uint8_t memory[256];
	struct nl_buf b;

	*found = (struct found_link){ 0 };
	nl_init(&b, memory, sizeof(memory));
	rt_link_get(&b, name);
	nl_flag(&b, NLM_F_ACK);
	return nlsock_run(sock, &b, see_link, found, e);
}
