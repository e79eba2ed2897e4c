#include "supervisor/core/net/rt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#define GROUP_PAUSE 0x2 /* 01:80:c2:00:00:01, IEEE 802.3x, which no port may pass on */

static void link_begin(struct nl_buf *b, uint16_t type, uint16_t flags, int index)
{
	struct ifinfomsg m = { .ifi_index = index };

	nl_begin(b, type, flags, &m, sizeof(m));
}

void rt_link_get(struct nl_buf *b, int index, const char *name)
{
	link_begin(b, RTM_GETLINK, 0, index);
	nl_note(b, "find interface", name, ENODEV);
	if (index == 0)
		nl_str(b, IFLA_IFNAME, name);
}

void rt_link_dump(struct nl_buf *b)
{
	link_begin(b, RTM_GETLINK, NLM_F_DUMP, 0);
	nl_note(b, "list", "interfaces", 0);
}

void rt_link_delete(struct nl_buf *b, const char *name)
{
	link_begin(b, RTM_DELLINK, 0, 0);
	nl_note(b, "remove interface", name, ENODEV);
	nl_str(b, IFLA_IFNAME, name);
}

void rt_link_change(struct nl_buf *b, int index, const char *name, const struct rt_change *c)
{
	struct ifinfomsg m = {
		.ifi_index = index,
		.ifi_flags = c->modes | (c->up ? IFF_UP : 0),
		.ifi_change = c->modes_of | (c->up || c->down ? IFF_UP : 0),
	};

	nl_begin(b, RTM_SETLINK, 0, &m, sizeof(m));
	nl_note(b, c->master != 0 ? "put into its bridge" : "set up interface", name,
		c->down ? ENODEV : 0);
	if (index == 0)
		nl_str(b, IFLA_IFNAME, name);
	if (c->master != 0 || c->freed)
		nl_u32(b, IFLA_MASTER, (uint32_t)c->master);
	if (c->alias != NULL)
		nl_str(b, IFLA_IFALIAS, c->alias);
	if (c->mac != NULL)
		nl_put(b, IFLA_ADDRESS, c->mac, MAC_LEN);
	if (c->mtu != 0)
		nl_u32(b, IFLA_MTU, c->mtu);
}

void rt_link_move(struct nl_buf *b, int index, const char *name, int netns, const char *there)
{
	link_begin(b, RTM_SETLINK, 0, index);
	nl_note(b, "move interface", name, 0);
	if (netns >= 0)
		nl_u32(b, IFLA_NET_NS_FD, (uint32_t)netns);
	nl_str(b, IFLA_IFNAME, there);
}

void rt_port_up(struct nl_buf *b, const char *name, bool alone)
{
	static const uint16_t all = (uint16_t)~GROUP_PAUSE;
	const struct ifinfomsg m = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	const uint8_t isolated = alone;
	size_t info, port;

	nl_begin(b, RTM_NEWLINK, 0, &m, sizeof(m));
	nl_note(b, "set up the port", name, 0);
	nl_str(b, IFLA_IFNAME, name);
	info = nl_nest(b, IFLA_LINKINFO);
	nl_str(b, IFLA_INFO_SLAVE_KIND, "bridge");
	port = nl_nest(b, IFLA_INFO_SLAVE_DATA);
	nl_put(b, IFLA_BRPORT_ISOLATED, &isolated, sizeof(isolated));
	nl_put(b, IFLA_BRPORT_GROUP_FWD_MASK, &all, sizeof(all));
	nl_nest_end(b, port);
	nl_nest_end(b, info);
}

static void link_size(struct nl_buf *b, uint32_t mtu, const uint8_t *mac)
{
	if (mtu != 0)
		nl_u32(b, IFLA_MTU, mtu);
	if (mac != NULL)
		nl_put(b, IFLA_ADDRESS, mac, MAC_LEN);
}

void rt_bridge_add(struct nl_buf *b, const struct bridge_plan *p)
{
	size_t info;

	link_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	nl_note(b, "make bridge", p->name, 0);
	nl_str(b, IFLA_IFNAME, p->name);
	/* A bridge without an address of its own takes the lowest of its ports', and changes with them. */
	link_size(b, p->mtu, p->mac);
	info = nl_nest(b, IFLA_LINKINFO);
	nl_str(b, IFLA_INFO_KIND, "bridge");
	nl_nest_end(b, info);
}

void rt_veth_add(struct nl_buf *b, const struct attach_plan *p, int netns)
{
	/* Not up yet: a veth has no peer while it is being made, and refuses to open. */
	static const struct ifinfomsg peer_header = { 0 };
	size_t info, data, peer;

	link_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	nl_note(b, "make veth pair", p->host_if, 0);
	nl_str(b, IFLA_IFNAME, p->host_if);
	link_size(b, p->mtu, NULL);
	info = nl_nest(b, IFLA_LINKINFO);
	nl_str(b, IFLA_INFO_KIND, "veth");
	data = nl_nest(b, IFLA_INFO_DATA);
	peer = nl_nest(b, VETH_INFO_PEER);
	nl_raw(b, &peer_header, sizeof(peer_header));
	nl_str(b, IFLA_IFNAME, p->inside_if);
	nl_u32(b, IFLA_NET_NS_FD, (uint32_t)netns);
	link_size(b, p->mtu, p->mac);
	nl_nest_end(b, peer);
	nl_nest_end(b, data);
	nl_nest_end(b, info);
}

void rt_upper_add(struct nl_buf *b, const struct rt_upper *u)
{
	static const struct {
		char name[8];
		uint8_t attribute, size;
	} kinds[] = {
		[UPPER_VLAN] = { "vlan", IFLA_VLAN_ID, 2 },
		[UPPER_MACVLAN] = { "macvlan", IFLA_MACVLAN_MODE, 4 },
		[UPPER_IPVLAN] = { "ipvlan", IFLA_IPVLAN_MODE, 2 },
	};
	const uint16_t half = (uint16_t)u->value;
	bool is_half = kinds[u->kind].size == sizeof(half);
	size_t info, data;

	link_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	nl_note(b, "make interface", u->name, 0);
	nl_str(b, IFLA_IFNAME, u->name);
	nl_u32(b, IFLA_LINK, (uint32_t)u->parent);
	if (u->netns >= 0)
		nl_u32(b, IFLA_NET_NS_FD, (uint32_t)u->netns);
	link_size(b, u->mtu, u->mac);
	info = nl_nest(b, IFLA_LINKINFO);
	nl_str(b, IFLA_INFO_KIND, kinds[u->kind].name);
	data = nl_nest(b, IFLA_INFO_DATA);
	nl_put(b, kinds[u->kind].attribute, is_half ? (const void *)&half : &u->value,
		kinds[u->kind].size);
	nl_nest_end(b, data);
	nl_nest_end(b, info);
}

void rt_addr_dump(struct nl_buf *b)
{
	static const struct ifaddrmsg m = { 0 };

	nl_begin(b, RTM_GETADDR, NLM_F_DUMP, &m, sizeof(m));
	nl_note(b, "list", "addresses", 0);
}

void rt_addr_put(struct nl_buf *b, int index, const char *name, const struct rt_address *a)
{
	struct ifaddrmsg m = {
		.ifa_family = a->family,
		.ifa_prefixlen = a->prefix,
		.ifa_scope = a->scope,
		.ifa_index = (uint32_t)index,
	};
	uint32_t net;

	nl_begin(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &m, sizeof(m));
	nl_note(b, "give an address to", name, 0);
	nl_put(b, IFA_LOCAL, a->bytes, a->size);
	nl_put(b, IFA_ADDRESS, a->bytes, a->size);
	if (a->broadcast == 0 || a->prefix >= 31)
		return;
	memcpy(&net, a->bytes, sizeof(net));
	nl_be32(b, IFA_BROADCAST, ntohl(net) | (UINT32_MAX >> a->prefix));
}

#define IP6_RT_PRIO_ADDRCONF \
	256 /* of the kernel's own; net/ip6_route.h, which is not for programs */
static const uint8_t families[FAMILY_COUNT] = { [FAMILY_V4] = AF_INET, [FAMILY_V6] = AF_INET6 };

static void put_ip(struct nl_buf *b, uint16_t type, struct ip a)
{
	size_t skip = ip_family(a) == FAMILY_V4 ? 12 : 0;
	uint8_t bytes[16];

	ip_bytes(bytes, a);
	nl_put(b, type, bytes + skip, sizeof(bytes) - skip);
}

static void put_addr(struct nl_buf *b, uint16_t type, uint16_t flags, int index, struct ip addr,
	uint8_t prefix)
{
	const struct subnet s = { .addr = addr, .prefix = prefix };
	bool v4 = ip_family(addr) == FAMILY_V4;
	struct ifaddrmsg m = {
		.ifa_family = families[ip_family(addr)],
		.ifa_prefixlen = (uint8_t)(prefix - (v4 ? V4_BITS : 0)),
		/* Nobody else has it, so it need not wait until the whole network was asked. */
		.ifa_flags = v4 ? 0 : IFA_F_NODAD,
		.ifa_index = (uint32_t)index,
	};

	nl_begin(b, type, flags, &m, sizeof(m));
	put_ip(b, IFA_LOCAL, addr);
	put_ip(b, IFA_ADDRESS, addr);
	if (v4 && prefix < V4_BITS + 31)
		put_ip(b, IFA_BROADCAST, subnet_last(&s));
}

void rt_addr_add(struct nl_buf *b, int index, const char *name, struct ip addr, uint8_t prefix)
{
	put_addr(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, addr, prefix);
	nl_note(b, "give an address to", name, 0);
}

void rt_addr_delete(struct nl_buf *b, int index, const char *name, struct ip addr, uint8_t prefix)
{
	put_addr(b, RTM_DELADDR, 0, index, addr, prefix);
	nl_note(b, "take an address from", name, EADDRNOTAVAIL);
}

static void put_default(struct nl_buf *b, uint16_t type, uint16_t flags, int index,
	struct ip gateway)
{
	struct rtmsg m = {
		.rtm_family = families[ip_family(gateway)],
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	nl_begin(b, type, flags, &m, sizeof(m));
	put_ip(b, RTA_GATEWAY, gateway);
	nl_u32(b, RTA_OIF, (uint32_t)index);
}

void rt_route_default(struct nl_buf *b, int index, const char *name, struct ip gateway)
{
	put_default(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, index, gateway);
	nl_note(b, "set the default route of", name, 0);
}

void rt_route_default_delete(struct nl_buf *b, int index, const char *name, struct ip gateway)
{
	put_default(b, RTM_DELROUTE, 0, index, gateway);
	nl_note(b, "remove the default route of", name, ESRCH);
}

void rt_route_link(struct nl_buf *b, int index, const char *name, const struct subnet *to,
	struct ip from)
{
	bool v4 = ip_family(from) == FAMILY_V4;
	struct rtmsg m = {
		.rtm_family = families[ip_family(from)],
		.rtm_dst_len = (uint8_t)(to->prefix - (v4 ? V4_BITS : 0)),
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_KERNEL,
		.rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	nl_begin(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof(m));
	nl_note(b, "set the route to", name, 0);
	put_ip(b, RTA_DST, subnet_first(to));
	nl_u32(b, RTA_OIF, (uint32_t)index);
	if (v4)
		put_ip(b, RTA_PREFSRC, from);
	else
		nl_u32(b, RTA_PRIORITY, IP6_RT_PRIO_ADDRCONF);
}

/* Of another interface; 0: none. */
static int find_index(const uint8_t *attrs, size_t size, uint16_t type)
{
	size_t n;
	const void *found = nl_find(attrs, size, type, &n);
	int index = 0;

	if (found != NULL && n == sizeof(index))
		memcpy(&index, found, sizeof(index));
	return index;
}

/* The first members of struct rtnl_link_stats64 are these. */
bool rt_traffic_read(struct rt_traffic *t, const struct nl_reply *r)
{
	const void *stats = NULL;
	size_t size;

	if (r->type == RTM_NEWLINK && r->size >= sizeof(struct ifinfomsg))
		stats = nl_find(r->data + sizeof(struct ifinfomsg),
			r->size - sizeof(struct ifinfomsg), IFLA_STATS64, &size);
	if (stats == NULL || size < sizeof(*t))
		return false;
	memcpy(t, stats, sizeof(*t));
	return true;
}

bool rt_link_read(struct rt_link *link, const struct nl_reply *r)
{
	const uint8_t *attrs, *info, *mac;
	struct ifinfomsg m;
	size_t size, info_size, mac_size;

	if (r->type != RTM_NEWLINK || r->size < sizeof(m))
		return false;
	memcpy(&m, r->data, sizeof(m));
	attrs = r->data + sizeof(m);
	size = r->size - sizeof(m);
	*link = (struct rt_link){
		.index = m.ifi_index,
		.peer = find_index(attrs, size, IFLA_LINK),
		.master = find_index(attrs, size, IFLA_MASTER),
		.up = (m.ifi_flags & IFF_UP) != 0,
		.mtu = (uint32_t)find_index(attrs, size, IFLA_MTU),
		.modes = m.ifi_flags & RT_MODES,
		.name = nl_find_str(attrs, size, IFLA_IFNAME),
		.alias = nl_find_str(attrs, size, IFLA_IFALIAS),
	};
	mac = nl_find(attrs, size, IFLA_ADDRESS, &mac_size);
	if (mac != NULL && mac_size == sizeof(link->mac))
		memcpy(link->mac, mac, mac_size);
	info = nl_find(attrs, size, IFLA_LINKINFO, &info_size);
	if (info != NULL)
		link->kind = nl_find_str(info, info_size, IFLA_INFO_KIND);
	return link->name != NULL;
}

/* The interface's own, which of a point-to-point one is not that of its peer. NULL: the reply is of no address. */
static const uint8_t *own_address(struct ifaddrmsg *m, const struct nl_reply *r, size_t *size)
{
	const uint8_t *attrs = r->data + sizeof(*m), *found;

	if (r->type != RTM_NEWADDR || r->size < sizeof(*m))
		return NULL;
	memcpy(m, r->data, sizeof(*m));
	found = nl_find(attrs, r->size - sizeof(*m), IFA_LOCAL, size);
	if (found == NULL)
		found = nl_find(attrs, r->size - sizeof(*m), IFA_ADDRESS, size);
	return found;
}

bool rt_addr_read(struct rt_address *a, int index, const struct nl_reply *r)
{
	struct ifaddrmsg m;
	size_t size;
	const uint8_t *found = own_address(&m, r, &size);

	if (found == NULL || size > RT_ADDRESS_MAX || m.ifa_index != (uint32_t)index ||
		(m.ifa_flags & IFA_F_PERMANENT) == 0)
		return false;
	*a = (struct rt_address){
		.family = m.ifa_family,
		.prefix = m.ifa_prefixlen,
		.scope = m.ifa_scope,
		.size = (uint8_t)size,
	};
	memcpy(a->bytes, found, size);
	a->broadcast = nl_find(r->data + sizeof(m), r->size - sizeof(m), IFA_BROADCAST, &size) !=
		NULL;
	return true;
}

int rt_subnet_read(struct subnet *s, const struct nl_reply *r)
{
	struct ifaddrmsg m;
	size_t size;
	const uint8_t *found = own_address(&m, r, &size);

	if (found == NULL || (size != 4 && size != 16))
		return 0;
	s->addr = ip_of_bytes(found, size);
	s->prefix = (uint8_t)(128 - 8 * size + m.ifa_prefixlen);
	return (int)m.ifa_index;
}
