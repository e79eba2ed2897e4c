#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/net/sysctl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES 512
#define MTU_USUAL 1500

static int bridge_make(struct net *n, const struct bridge_plan *p, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	char alias[ALIAS_MAX];
	struct rt_change c = { .alias = alias };
	struct nl_buf b;

	(void)snprintf(alias, sizeof(alias), ALIAS_PREFIX "%s", p->unit);
	nl_init(&b, memory, sizeof(memory));
	rt_bridge_add(&b, p);
	/* In the same call, so that no crash leaves a bridge that we would not know for ours. */
	rt_link_change(&b, 0, p->name, &c);
	return nlsock_do(n->route, &b, e);
}

/* The link is there now: what it must have whoever made it. */
static int bridge_set(struct net *n, const struct bridge_plan *p, int index, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct rt_change c = { .up = true, .mtu = p->mtu };
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, index, p->name, &c);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (p->at[f].prefix != 0)
			rt_addr_add(&b, index, p->name, p->at[f].addr, p->at[f].prefix);
	return nlsock_do(n->route, &b, e);
}

/* Its containers would be on one wire with those of that one. */
static bool is_of_another(const struct found_link *found, const struct bridge_plan *p)
{
	return found->ours && strcmp(found->owner, p->unit) != 0;
}

static int find_or_make(struct net *n, const struct bridge_plan *p, struct found_link *found,
	struct err *e)
{
	if (nlsock_find(n->route, p->name, found, e) < 0)
		return -1;
	if (found->index != 0)
		return 0;
	if (bridge_make(n, p, e) < 0)
		return -1;
	return nlsock_find(n->route, p->name, found, e);
}

int net_bridge_up(struct net *n, const struct bridge_plan *p, struct err *e)
{
	bool v6 = p->at[FAMILY_V6].prefix != 0;
	struct found_link found;
	struct err ignored;

	if (find_or_make(n, p, &found, e) < 0)
		return err_prefix(e, "%s", p->unit);
	if (is_of_another(&found, p))
		return err_setx(e,
			"%s: the interface %s is that of %s, give the network another InterfaceName=",
			p->unit, p->name, found.owner);
	if (!found.bridge)
		return err_setx(e,
			"%s: the interface %s is there already and is no bridge, "
			"give the network another InterfaceName=",
			p->unit, p->name);
	/*
	 * Where the network has no IPv6, the bridge has none either: an address that it gave itself would let a container
	 * talk to the host by a way that nobody knows of. To what says that it is a router it does not listen in any case: that
	 * may be a container. A kernel without IPv6 has no such files.
	 */
	if (found.ours || v6) {
		(void)sysctl_net("ipv6", p->name, "accept_ra", "0", &ignored);
		(void)sysctl_net("ipv6", p->name, "disable_ipv6", v6 ? "0" : "1", &ignored);
	}
	if (bridge_set(n, p, found.index, e) < 0)
		return err_prefix(e, "%s", p->unit);
	return 0;
}

/* 1: it was missing, and is there now. */
static int add_missing(struct net *n, struct nl_buf *b, struct err *e)
{
	nl_flag(b, NLM_F_EXCL);
	if (nlsock_do(n->route, b, e) == 0)
		return 1;
	return e->no == EEXIST ? 0 : -1;
}

static int mend_address(struct net *n, const struct bridge_plan *p, int index, enum family f,
	const char **lacked, struct err *e)
{
	const struct subnet subnet = { .addr = p->at[f].addr, .prefix = p->at[f].prefix };
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct nl_buf b;
	int added;

	nl_init(&b, memory, sizeof(memory));
	rt_addr_add(&b, index, p->name, subnet.addr, subnet.prefix);
	added = add_missing(n, &b, e);
	if (added > 0) /* the route comes with it */
		*lacked = "without its address";
	if (added != 0)
		return added < 0 ? -1 : 0;
	nl_init(&b, memory, sizeof(memory));
	rt_route_link(&b, index, p->name, &subnet, subnet.addr);
	added = add_missing(n, &b, e);
	if (added > 0)
		*lacked = "without its route";
	return added < 0 ? -1 : 0;
}

int net_bridge_mend(struct net *n, const struct bridge_plan *p, const char **lacked, struct err *e)
{
	struct found_link found;

	if (nlsock_find(n->route, p->name, &found, e) < 0)
		return -1;
	*lacked = found.index == 0 ? "gone" : !found.up ? "down" : NULL;
	if (*lacked != NULL)
		return net_bridge_up(n, p, e);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (p->at[f].prefix != 0 && mend_address(n, p, found.index, f, lacked, e) < 0)
			return -1;
	return 0;
}

int net_bridge_change(struct net *n, const struct bridge_plan *was, const struct bridge_plan *p,
	struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	const struct rt_change c = { .mtu = MTU_USUAL, .up = true };
	struct found_link found;
	struct nl_buf b;

	if (nlsock_find(n->route, p->name, &found, e) < 0)
		return -1;
	if (found.index == 0)
		return 0;
	nl_init(&b, memory, sizeof(memory));
	if (was->mtu != 0)
		rt_link_change(&b, found.index, p->name, &c);
	/* The new one would go with it, as the second one of its subnet. */
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (was->at[f].prefix != 0 && !ip_same(was->at[f].addr, p->at[f].addr))
			rt_addr_delete(&b, found.index, p->name, was->at[f].addr,
				was->at[f].prefix);
	return nlsock_do(n->route, &b, e);
}

int net_bridge_down(struct net *n, const struct bridge_plan *p, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct found_link found;
	struct err ignored;
	struct nl_buf b;

	if (nlsock_find(n->route, p->name, &found, e) < 0)
		return err_prefix(e, "%s", p->unit);
	if (is_of_another(&found, p))
		return 0;
	if (!found.ours) {
		/* The rules that make this safe are about to go: see net_rules. */
		if (found.bridge)
			(void)sysctl_net("ipv4", p->name, "route_localnet", "0", &ignored);
		return 0;
	}
	nl_init(&b, memory, sizeof(memory));
	rt_link_delete(&b, p->name);
	if (nlsock_do(n->route, &b, e) < 0)
		return err_prefix(e, "%s", p->unit);
	return 0;
}
