#include "supervisor/sys/net/events.h"

#include "common/fd.h"
#include "common/util.h"
#include "supervisor/core/net/rules.h"
#include "supervisor/sys/net/nlsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define EVENT_BYTES \
	8192 /* the kernel makes a notification of a page at most, but for a link with many virtual functions */
/* What a boot of many networks says before it is heard; memory that is taken while it is needed. What is lost is looked up. */
#define ROOM_BYTES (1 << 20)
#define GEN_HEADER sizeof(struct nfgenmsg)

/* Of the parts of a message, as a classic filter sees them: numbers are in network order there. */
#define AT_TYPE offsetof(struct nlmsghdr, nlmsg_type)
#define AT_PORT offsetof(struct nlmsghdr, nlmsg_pid)
#define AT_PROTOCOL (NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_protocol))
#define WORD(op, k) BPF_STMT(op, (uint32_t)(k))
#define IS(type, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), yes, no)

static uint32_t port_of(int sock)
{
	struct sockaddr_nl self = { 0 };
	socklen_t len = sizeof(self);

	if (sock >= 0)
		(void)getsockname(sock, (struct sockaddr *)&self, &len);
	return self.nl_pid;
}

static int attach_filter(int sock, struct sock_filter *program, size_t n, struct err *e)
{
	const struct sock_fprog all = { .len = (unsigned short)n, .filter = program };

	if (setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof(all)) < 0)
		return err_set(e, "filter the events of netlink");
	return 0;
}

static int drop_the_rest(int sock, struct err *e)
{
	struct sock_filter program[] = {
		WORD(BPF_LD | BPF_H | BPF_ABS, AT_TYPE),
		IS(RTM_NEWADDR, 5, 0),
		IS(RTM_NEWROUTE, 4, 0),
		IS(RTM_DELROUTE, 0, 2),
		WORD(BPF_LD | BPF_B | BPF_ABS, AT_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_KERNEL, 0, 1),
		WORD(BPF_RET | BPF_K, UINT32_MAX),
		WORD(BPF_RET | BPF_K, 0),
	};

	return attach_filter(sock, program, ARRAY_LEN(program), e);
}

/* Of what we do ourselves the kernel tells all in one go, which may be more than there is room for. */
static int drop_own(int sock, int own, struct err *e)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	uint32_t port = bind(own, (const struct sockaddr *)&any, sizeof(any)) < 0 && errno != EINVAL
		? 0
		: port_of(own);
	struct sock_filter program[] = {
		WORD(BPF_LD | BPF_W | BPF_ABS, AT_PORT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1),
		WORD(BPF_RET | BPF_K, 0),
		WORD(BPF_RET | BPF_K, UINT32_MAX),
	};

	return port != 0 ? attach_filter(sock, program, ARRAY_LEN(program), e) : 0;
}

static int listen_to(int protocol, const uint8_t *groups, size_t n, struct err *e)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	cleanup_fd int sock = nlsock_open(protocol, e);
	static const int room = ROOM_BYTES;

	if (sock < 0 || (protocol == NETLINK_ROUTE && drop_the_rest(sock, e) < 0))
		return -1;
	(void)setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	/* One without a number of its own is taken for the kernel, and is told nothing. */
	if (bind(sock, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return err_set(e, "bind netlink socket %d", protocol);
	for (size_t i = 0; i < n; i++) {
		int group = groups[i];

		/* A kernel without IPv6 has no such group, which says nothing then. */
		if (setsockopt(sock, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
			0)
			return err_set(e, "listen to group %d of netlink %d", group, protocol);
	}
	return fd_take(&sock);
}

int net_events_open_route(struct net_events *v, struct err *e)
{
	static const uint8_t route[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
		RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF,
		RTNLGRP_IPV6_NETCONF };

	if (v->route < 0)
		v->route = listen_to(NETLINK_ROUTE, route, sizeof(route), e);
	return v->route;
}

int net_events_open_filter(struct net_events *v, int own, struct err *e)
{
	static const uint8_t filter[] = { NFNLGRP_NFTABLES };

	if (v->filter >= 0)
		return v->filter;
	v->filter = listen_to(NETLINK_NETFILTER, filter, sizeof(filter), e);
	return v->filter < 0 || drop_own(v->filter, own, e) < 0 ? -1 : v->filter;
}

int net_events_open_gone(struct net_events *v, struct err *e)
{
	static const uint8_t links[] = { RTNLGRP_LINK };
	struct sock_filter program[] = {
		WORD(BPF_LD | BPF_H | BPF_ABS, AT_TYPE),
		IS(RTM_DELLINK, 0, 1),
		WORD(BPF_RET | BPF_K, UINT32_MAX),
		WORD(BPF_RET | BPF_K, 0),
	};
	int on = 1;

	if (v->gone >= 0)
		return v->gone;
	v->gone = listen_to(NETLINK_ROUTE, links, sizeof(links), e);
	if (v->gone < 0 || attach_filter(v->gone, program, ARRAY_LEN(program), e) < 0)
		return -1;
	if (setsockopt(v->gone, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) < 0)
		return err_set(e, "listen to other network namespaces");
	return v->gone;
}

/* ---- what is read */

struct reading {
	struct net_events *v;
	void (*on_event)(void *data, const struct net_event *event);
	void *data;
};

static void tell(const struct reading *in, enum net_event_kind kind)
{
	const struct net_event event = { .kind = kind };

	in->on_event(in->data, &event);
}

static void take_link(const struct reading *in, const struct nl_reply *r)
{
	struct net_event event = { .kind = NET_LINK, .gone = r->type == RTM_DELLINK };
	struct nl_reply as_new = *r;

	as_new.type = RTM_NEWLINK;
	/* A bridge tells of its ports by messages of its own family; that a port has left comes as a link, too. */
	if (r->size > 0 && r->data[0] == AF_UNSPEC && rt_link_read(&event.link, &as_new))
		in->on_event(in->data, &event);
}

static void take_netconf(const struct reading *in, const struct nl_reply *r)
{
	const size_t head = NLMSG_ALIGN(sizeof(struct netconfmsg));
	size_t n_index = 0, n_value = 0;
	const void *index, *value;
	int32_t all = NETCONFA_IFINDEX_ALL, off = 0;

	if (r->size < head)
		return;
	index = nl_find(r->data + head, r->size - head, NETCONFA_IFINDEX, &n_index);
	value = nl_find(r->data + head, r->size - head, NETCONFA_FORWARDING, &n_value);
	if (index != NULL && value != NULL && n_index == sizeof(all) && n_value == sizeof(off) &&
		memcmp(index, &all, sizeof(all)) == 0 && memcmp(value, &off, sizeof(off)) == 0)
		tell(in, NET_FORWARDING);
}

/* All that one transaction did is told first, then who did it. */
static void take_rules(const struct reading *in, const struct nl_reply *r)
{
	struct net_event event = { .kind = NET_RULES };
	const char *table;

	if (r->size < GEN_HEADER)
		return;
	if ((r->type & 0xff) != NFT_MSG_NEWGEN) {
		/* The table is the first attribute of each of them. */
		table = nl_find_str(r->data + GEN_HEADER, r->size - GEN_HEADER, NFTA_TABLE_NAME);
		if (table != NULL && strcmp(table, RULES_TABLE) == 0)
			in->v->touched = true;
		return;
	}
	if (!in->v->touched)
		return;
	in->v->touched = false;
	event.who = nl_find_str(r->data + GEN_HEADER, r->size - GEN_HEADER, NFTA_GEN_PROC_NAME);
	event.who = event.who != NULL ? event.who : "";
	in->on_event(in->data, &event);
}

static void take(const struct reading *in, bool rules, const uint8_t *data, size_t size)
{
	struct nl_reply r;
	size_t at = 0;

	while (nl_next(&r, data, size, &at)) {
		if (rules)
			take_rules(in, &r);
		else if (r.type == RTM_NEWLINK || r.type == RTM_DELLINK)
			take_link(in, &r);
		else if (r.type == RTM_DELADDR || r.type == RTM_DELROUTE)
			tell(in, NET_UNPLUGGED);
		else if (r.type == RTM_NEWNETCONF)
			take_netconf(in, &r);
	}
}

void net_events_read(struct net_events *v, int sock,
	void (*on_event)(void *data, const struct net_event *event), void *data)
{
	const struct reading in = { .v = v, .on_event = on_event, .data = data };
	_Alignas(8) uint8_t bytes[EVENT_BYTES];
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof(from);
	bool lost = false;
	ssize_t n;

	for (;;) {
		n = recvfrom(sock, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC,
			(struct sockaddr *)&from, &len);
		if (n >= 0 && n <= (ssize_t)sizeof(bytes) && from.nl_pid == 0)
			take(&in, sock == v->filter, bytes, (size_t)n);
		else if (n > (ssize_t)sizeof(bytes) || (n < 0 && errno == ENOBUFS))
			lost = true;
		else if (n < 0 && errno != EINTR)
			break;
	}
	if (!lost)
		return;
	/* The end of a transaction that had begun may be among it. */
	v->touched = false;
	tell(&in, NET_LOST);
}
