#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/netns.h"
#include "supervisor/sys/net/nlsock.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>

#define BUFFER_BYTES 1024

static int pair_delete(struct net *n, const char *name, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	rt_link_delete(&b, name);
	return nlsock_do(n->route, &b, e);
}

/* One batch, so that no crash leaves one that we would not know for ours. */
static int pair_make(struct net *n, int netns, const struct attach_plan *p, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	char alias[ALIAS_MAX];
	const struct rt_change c = { .alias = alias };
	struct nl_buf b;

	(void)snprintf(alias, sizeof(alias), ALIAS_PREFIX "%s", p->unit);
	nl_init(&b, memory, sizeof(memory));
	/* One of that name belongs to a namespace that is gone: the kernel removes it a little later. */
	rt_link_delete(&b, p->host_if);
	rt_veth_add(&b, p, netns);
	rt_link_change(&b, 0, p->host_if, &c);
	return nlsock_do(n->route, &b, e);
}

/* Done last: an end that is up in its bridge says that all of it is done, see net_attach_lacks(). */
static int host_end(struct net *n, const struct attach_plan *p, int bridge, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	const struct rt_change join = { .master = bridge };
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, 0, p->host_if, &join);
	rt_port_up(&b, p->host_if, p->strict);
	return nlsock_do(n->route, &b, e);
}

static int inside_end(int sock, const struct attach_plan *p, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct rt_change c = { .up = true };
	struct found_link inside;
	struct nl_buf b;

	KILL_POINT("attach-paired");
	if (nlsock_find(sock, p->inside_if, &inside, e) < 0)
		return -1;
	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, inside.index, p->inside_if, &c);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (p->at[f].prefix != 0)
			rt_addr_add(&b, inside.index, p->inside_if, p->at[f].addr, p->at[f].prefix);
		if (ip_is_set(p->at[f].gateway))
			rt_route_default(&b, inside.index, p->inside_if, p->at[f].gateway);
	}
	return nlsock_do(sock, &b, e);
}

/* Both ends are there and of one pair: that of an earlier start, or of an earlier life of this program. */
static int pair_exists(struct net *n, int sock, const struct attach_plan *p, bool *exists,
	struct err *e)
{
	struct found_link host = { 0 }, inside;

	if (nlsock_find(sock, p->inside_if, &inside, e) < 0)
		return -1;
	if (inside.index != 0 && nlsock_find(n->route, p->host_if, &host, e) < 0)
		return -1;
	*exists = host.index != 0 && inside.peer == host.index;
	return 0;
}

static int attach(struct net *n, int netns, const struct attach_plan *p, struct err *e)
{
	cleanup_fd int sock = -1;
	struct found_link bridge;
	struct err ignored;
	bool exists;
	int alone;

	if (nlsock_find(n->route, p->bridge, &bridge, e) < 0)
		return -1;
	if (!bridge.bridge)
		return err_setx(e, "the bridge %s is missing", p->bridge);
	sock = netns_socket(netns, n->host_ns, p->at[FAMILY_V6].prefix != 0, e);
	if (sock < 0 || pair_exists(n, sock, p, &exists, e) < 0)
		return -1;
	if ((exists || pair_make(n, netns, p, e) == 0) && inside_end(sock, p, e) == 0 &&
		(alone = net_guard_add(n, p, e)) >= 0 && host_end(n, p, bridge.index, e) == 0)
		return alone;
	(void)pair_delete(n, p->host_if, &ignored);
	(void)net_guard_remove(n, p, &ignored);
	if (e->no == EXFULL)
		return err_setx(e,
			"the bridge %s is full: it has 1,023 ports, the most the kernel takes",
			p->bridge);
	return -1;
}

/* Nothing of it is on the host, so it goes with its namespace. */
static int attach_upper(struct net *n, int netns, const struct attach_plan *p, struct err *e)
{
	struct rt_upper u = {
		.kind = p->driver == DRIVER_MACVLAN ? UPPER_MACVLAN : UPPER_IPVLAN,
		.name = p->host_if, /* the kernel takes no name that is one of the host's */
		.netns = netns,
		.value = p->mode,
		.mac = p->driver == DRIVER_MACVLAN ? p->mac : NULL, /* ipvlan: that of the parent */
		.mtu = p->mtu,
	};
	cleanup_fd int sock = netns_socket(netns, n->host_ns, false, e);
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct found_link parent, inside;
	struct nl_buf b;

	if (sock < 0 || nlsock_find(n->route, p->bridge, &parent, e) < 0 ||
		nlsock_find(sock, p->inside_if, &inside, e) < 0)
		return -1;
	if (parent.index == 0)
		return err_setx(e, "the interface %s is missing", p->bridge);
	if (inside.peer == parent.index)
		return inside_end(sock, p, e);
	u.parent = parent.index;
	nl_init(&b, memory, sizeof(memory));
	rt_upper_add(&b, &u);
	if (nlsock_find(sock, u.name, &inside, e) < 0 ||
		(inside.index == 0 && nlsock_do(n->route, &b, e) < 0) ||
		nlsock_find(sock, u.name, &inside, e) < 0)
		return -1;
	nl_init(&b, memory, sizeof(memory));
	rt_link_move(&b, inside.index, u.name, netns, p->inside_if);
	return nlsock_do(sock, &b, e) < 0 ? -1 : inside_end(sock, p, e);
}

int net_attach(struct net *n, int netns, const struct attach_plan *p, struct err *e)
{
	int rc = p->driver == DRIVER_BRIDGE ? attach(n, netns, p, e) : attach_upper(n, netns, p, e);

	return rc < 0 ? err_prefix(e, "%s", p->unit) : rc;
}

const char *net_attach_lacks(struct net *n, const struct attach_plan *p)
{
	struct found_link bridge = { 0 }, host = { 0 };
	struct err ignored;

	(void)nlsock_find(n->route, p->bridge, &bridge, &ignored);
	(void)nlsock_find(n->route, p->host_if, &host, &ignored);
	if (host.index == 0 || !host.ours)
		return "gone";
	if (bridge.index == 0 || host.master != bridge.index)
		return "out of its bridge";
	return host.up ? NULL : "down";
}

int net_detach(struct net *n, const struct attach_plan *p, struct err *e)
{
	static const struct rt_change down = { .down = true };
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct err ignored;
	struct nl_buf b;
	bool cut;

	if (p->driver != DRIVER_BRIDGE)
		return 0;
	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, 0, p->host_if, &down);
	cut = nlsock_do(n->route, &b, e) == 0 || e->no == ENODEV;
	if (net_guard_remove(n, p, cut ? e : &ignored) == 0 && cut)
		return 0;
	return err_prefix(e, "%s", p->unit);
}

#define MTU_USUAL 1500

static uint32_t mtu_of(uint32_t mtu)
{
	return mtu != 0 ? mtu : MTU_USUAL;
}

/* What is to be no more, and what net_attach() leaves as it finds it. */
static int change_inside(int sock, const struct attach_plan *was, const struct attach_plan *p,
	struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	const struct rt_change c = { .mtu = mtu_of(p->mtu) };
	struct found_link inside;
	struct nl_buf b;

	if (nlsock_find(sock, was->inside_if, &inside, e) < 0 || inside.index == 0)
		return inside.index == 0 ? 0 : -1;
	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, inside.index, was->inside_if, &c);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct ip gone = was->at[f].gateway;

		if (ip_is_set(gone) && !ip_is_set(p->at[f].gateway))
			rt_route_default_delete(&b, inside.index, was->inside_if, gone);
		if (ip_is_set(was->at[f].addr) && !ip_same(was->at[f].addr, p->at[f].addr))
			rt_addr_delete(&b, inside.index, was->inside_if, was->at[f].addr,
				was->at[f].prefix);
	}
	return nlsock_do(sock, &b, e);
}

static int change_host(struct net *n, const struct attach_plan *p, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	const struct rt_change c = { .mtu = mtu_of(p->mtu) };
	struct found_link host, bridge;
	struct nl_buf b;

	if (p->driver != DRIVER_BRIDGE)
		return 0;
	if (nlsock_find(n->route, p->host_if, &host, e) < 0 ||
		nlsock_find(n->route, p->bridge, &bridge, e) < 0)
		return -1;
	if (host.index == 0 || host.master != bridge.index)
		return 0;
	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, host.index, p->host_if, &c);
	rt_port_up(&b, p->host_if, p->strict);
	return nlsock_do(n->route, &b, e);
}

int net_change(struct net *n, int netns, const struct attach_plan *was, const struct attach_plan *p,
	struct err *e)
{
	cleanup_fd int sock = netns_socket(netns, n->host_ns, false, e);

	if (sock < 0 || change_inside(sock, was, p, e) < 0 || change_host(n, p, e) < 0)
		return err_prefix(e, "%s", p->unit);
	return 0;
}

int net_unplug(struct net *n, int netns, const struct attach_plan *p, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	cleanup_fd int sock = -1;
	struct nl_buf b;

	if (net_detach(n, p, e) < 0)
		return -1;
	sock = netns_socket(netns, n->host_ns, false, e);
	if (sock < 0)
		return -1;
	/* A pair goes with either of its ends. */
	nl_init(&b, memory, sizeof(memory));
	rt_link_delete(&b, p->inside_if);
	return nlsock_do(sock, &b, e);
}
