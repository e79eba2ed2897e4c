/* The rtnetlink requests we make, and what we read of a link. Pure; see rtnetlink(7), linux/if_link.h. */
#ifndef CORE_NET_RT_H
#define CORE_NET_RT_H

#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/wiring.h"

#include <net/if.h>

#define LOOPBACK_INDEX 1 /* in every network namespace */
/* How a device listens: netdevice(7). */
#define RT_MODES ((uint32_t)(IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP))

/* What is known of an interface. Strings point into the reply. */
struct rt_link {
	int index;
	int peer;   /* of a veth: the index of the other end, in its own namespace; 0: none */
	int master; /* index of the bridge it is a port of; 0: none */
	bool up;
	uint32_t mtu, modes; /* modes: of RT_MODES */
	const char *name;
	const char *kind;     /* "bridge", "veth"; NULL: a device */
	const char *alias;    /* NULL: none */
	uint8_t mac[MAC_LEN]; /* 0: none that is so long */
};

/* What to change; a zero member is left as it is. */
struct rt_change {
	int master; /* index of the bridge */
	const char *alias;
	const uint8_t *mac;
	uint32_t mtu;
	uint32_t modes, modes_of; /* as they are to be, and those of RT_MODES that are meant */
	bool up, down;
	bool freed; /* of its bridge */
};

#define RT_ADDRESS_MAX 16
/* An address of an interface, as the kernel has it. */
struct rt_address {
	uint8_t family, prefix, scope;
	uint8_t size; /* of `bytes`: 4, 16 */
	uint8_t bytes[RT_ADDRESS_MAX];
	uint8_t broadcast; /* 1: that of its network is given beside it */
};

/* A link on top of another: a VLAN of a trunk, a container's part of a NIC. */
enum upper_kind { UPPER_VLAN, UPPER_MACVLAN, UPPER_IPVLAN };
struct rt_upper {
	enum upper_kind kind;
	const char *name;
	int parent;         /* index, in the socket's namespace */
	int netns;          /* where it is made; -1: there, too */
	uint32_t value;     /* the number of the VLAN, or MACVLAN_MODE_*, IPVLAN_MODE_* */
	const uint8_t *mac; /* NULL: the kernel's choice */
	uint32_t mtu;       /* 0: the parent's */
};

/* index 0: by its name. */
void rt_link_get(struct nl_buf *b, int index, const char *name);
void rt_link_dump(struct nl_buf *b);
void rt_link_delete(struct nl_buf *b, const char *name);
void rt_link_change(struct nl_buf *b, int index, const char *name, const struct rt_change *c);
/*
 * Into another network namespace, under that name; it comes down, and its addresses, routes and its bridge are gone.
 * netns -1: it stays, is down already, and gets that name.
 */
void rt_link_move(struct nl_buf *b, int index, const char *name, int netns, const char *there);
/*
 * Sets up a port that is in its bridge (linux/if_link.h, kernel 4.18); alone: it reaches the bridge itself and no other such port.
 * What is sent to 01:80:c2:00:00:0X is passed on like all else: what the bridge does not pass on, it gives to the host as if it
 * had come from the port, behind which are no rules.
 */
void rt_port_up(struct nl_buf *b, const char *name, bool alone);
void rt_bridge_add(struct nl_buf *b, const struct bridge_plan *p);
/* Both ends at once, the inside one made directly in the namespace of descriptor netns. */
void rt_veth_add(struct nl_buf *b, const struct attach_plan *p, int netns);
void rt_upper_add(struct nl_buf *b, const struct rt_upper *u);
void rt_addr_add(struct nl_buf *b, int index, const char *name, struct ip addr, uint8_t prefix);
/* The route to the interface's own neighbours, as the kernel makes it with the address; EEXIST: it is there. */
void rt_route_link(struct nl_buf *b, int index, const char *name, const struct subnet *to,
	struct ip from);
/* Of all interfaces. */
void rt_addr_dump(struct nl_buf *b);
/* Gives an address back that was read. */
void rt_addr_put(struct nl_buf *b, int index, const char *name, const struct rt_address *a);
/* One that is not there is no error. */
void rt_addr_delete(struct nl_buf *b, int index, const char *name, struct ip addr, uint8_t prefix);
/* Sets the default route of its family, whichever was there before. */
void rt_route_default(struct nl_buf *b, int index, const char *name, struct ip gateway);
void rt_route_default_delete(struct nl_buf *b, int index, const char *name, struct ip gateway);

/* What has passed an interface, from its own side. */
struct rt_traffic {
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
};
bool rt_traffic_read(struct rt_traffic *t, const struct nl_reply *r);

/* Reads an RTM_NEWLINK; false when the reply is none. */
bool rt_link_read(struct rt_link *link, const struct nl_reply *r);
/* Reads an RTM_NEWADDR of the interface; false when the reply is none, or of an address that has not been given for good. */
bool rt_addr_read(struct rt_address *a, int index, const struct nl_reply *r);
/* Reads one of any interface and for however long, with its prefix; gives the interface's index, 0 when the reply is none. */
int rt_subnet_read(struct subnet *s, const struct nl_reply *r);

#endif
