/* The rtnetlink requests we make, and what we read of a link. Pure; see rtnetlink(7), linux/if_link.h. */
#ifndef CORE_NET_RT_H
#define CORE_NET_RT_H

#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/wiring.h"

#define LOOPBACK_INDEX 1 /* in every network namespace */

/* What is known of an interface. Strings point into the reply. */
struct rt_link {
	int index;
	int peer;   /* of a veth: the index of the other end, in its own namespace; 0: none */
	int master; /* index of the bridge it is a port of; 0: none */
	bool up;
	const char *name;
	const char *kind;  /* "bridge", "veth"; NULL: a device */
	const char *alias; /* NULL: none */
};

/* What to change; a zero member is left as it is. */
struct rt_change {
	int master; /* index of the bridge */
	const char *alias;
	const uint8_t *mac;
	uint32_t mtu;
	bool up, down;
};

void rt_link_get(struct nl_buf *b, const char *name);
void rt_link_dump(struct nl_buf *b);
void rt_link_delete(struct nl_buf *b, const char *name);
void rt_link_change(struct nl_buf *b, int index, const char *name, const struct rt_change *c);
/* A port of a bridge that reaches the bridge itself and no other such port (linux/if_link.h, kernel 4.18). */
void rt_port_isolate(struct nl_buf *b, int index, const char *name);
void rt_bridge_add(struct nl_buf *b, const struct bridge_plan *p);
/* Both ends at once, the inside one made directly in the namespace of descriptor netns. */
void rt_veth_add(struct nl_buf *b, const struct attach_plan *p, int netns);
void rt_addr_add(struct nl_buf *b, int index, const char *name, struct ip addr, uint8_t prefix);
/* The route to the interface's own neighbours, as the kernel makes it with the address; EEXIST: it is there. */
void rt_route_link(struct nl_buf *b, int index, const char *name, const struct subnet *to,
	struct ip from);
/* Sets the default route of its family, whichever was there before. */
void rt_route_default(struct nl_buf *b, int index, const char *name, struct ip gateway);

/* Reads an RTM_NEWLINK; false when the reply is none. */
bool rt_link_read(struct rt_link *link, const struct nl_reply *r);

#endif
