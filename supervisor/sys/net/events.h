/*
 * What the kernel tells of what others did to the host's network: links that come, change and go, addresses and routes of
 * the kernel's own that are removed, forwarding that is switched, nf_tables rules that somebody changes.
 *
 * Both descriptors are for who waits: nothing is read before they are readable, and an idle device reads nothing. What
 * nobody needs (routes of a routing daemon, addresses that are refreshed) is dropped in the kernel.
 */
#ifndef SYS_NET_EVENTS_H
#define SYS_NET_EVENTS_H

#include "common/err.h"
#include "supervisor/core/net/rt.h"

enum net_event_kind {
	NET_LINK,       /* link: as it is now, or was when `gone` */
	NET_UNPLUGGED,  /* an address or a route of the kernel's own is gone */
	NET_FORWARDING, /* the host forwards no longer, by IPv4 or by IPv6 */
	NET_RULES,      /* somebody else has changed our table; `who`: the program's name, or "" */
	NET_LOST        /* more happened than the socket could hold: any of the above */
};

struct net_event {
	enum net_event_kind kind;
	bool gone;
	struct rt_link link; /* strings as long as the call */
	const char *who;
};

struct net_events {
	int route, filter, gone; /* non-blocking sockets; -1: not open */
	bool touched;            /* by others, in the transaction that is being told */
};

/* Each gives its descriptor; one that is open already stays. Of links, addresses and routes; of nf_tables. */
int net_events_open_route(struct net_events *v, struct err *e);
/* own: the socket that our own rules are changed by, of which nothing is told; -1: none. */
int net_events_open_filter(struct net_events *v, int own, struct err *e);
/*
 * Readable when a link is gone, in whichever network namespace that the kernel has a number for here: it gives one to each
 * into which a device moves. That is all it tells; nlsock_drain() reads it.
 */
int net_events_open_gone(struct net_events *v, struct err *e);
/* Gives all that is there. */
void net_events_read(struct net_events *v, int sock,
	void (*on_event)(void *data, const struct net_event *event), void *data);

#endif
