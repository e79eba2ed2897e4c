/*
 * What others take away of our networks comes back: an interface that is deleted, down or out of its bridge, an address, a
 * route, rules, forwarding. The kernel tells it (sys/net/events.h), and what it is about is looked at a moment later, all
 * that came together at once; who has nothing to be told of is not looked at, and nothing is looked at by the clock.
 *
 * Each thing that was mended is said. Somebody who takes away again and again is followed later each time.
 */
#ifndef SYS_RECONCILE_H
#define SYS_RECONCILE_H

#include "supervisor/sys/net/events.h"

#include <uv.h>

struct supervisor;

struct ear {
	uv_poll_t poll;
	bool deaf; /* which is said once */
};

struct reconcile {
	struct net_events events;
	struct ear route, filter, gone;
	uv_timer_t timer;
	bool all, unplugged, rules, forwarding; /* what is to be looked at */
	bool anew;      /* ... and the rules put in force again, of which nothing is said */
	char who[16];   /* changed the rules */
	uint8_t mended; /* looks in a row in which something was */
	uint64_t last;  /* when, us */
};

void reconcile_open(struct supervisor *s);
/*
 * From now on the host's links, addresses, routes and our rules are listened to; with a device that is lent, links that go
 * from containers, too. May be called again. What the kernel does not tell of is said once; it is gone on without, as a
 * network that nobody disturbs needs none of it.
 */
void reconcile_listen(struct supervisor *s);
/* Somebody may have switched forwarding off where netlink does not tell it. */
void reconcile_forwarding(struct supervisor *s);
/* The rules will be set again: something that they are about is there now. */
void reconcile_rules(struct supervisor *s);

#endif
