/*
 * Nobody on a bridge poses as another: the nf_tables table `bridge sup`, which sees what a container sends before the
 * bridge does. Pure.
 *
 * From a container's port comes only what bears its own hardware address and its own address, in IPv4 and in what ARP
 * says; nothing else comes, not even a frame of another protocol, so that a router advertisement or a tunnel is no way
 * around. The rules are fixed; who is who are elements of sets, put in before the port is up and taken out with it.
 */
#ifndef CORE_NET_GUARD_H
#define CORE_NET_GUARD_H

#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/wiring.h"

struct guard_member {
	const char *port; /* the host's end of the pair */
	const uint8_t *mac;
	struct ip addr[FAMILY_COUNT];   /* none: not of this family */
	bool guarded;                   /* else it is here for its limits alone */
	uint64_t sent_most, given_most; /* by it and to it, in bytes per second; 0: no limit */
};

/* Whether there is anything to be known of it. */
bool guard_knows(const struct guard_member *m);

/* Memory that is enough for guard_build with n members, and for one change. */
size_t guard_size(size_t n);
/* The whole table, in place of the one that is there; without members none is left. */
void guard_build(struct nl_buf *b, const struct guard_member *members, size_t n);
/* Asks how many packets of a port were dropped. */
void guard_ask(struct nl_buf *b, const char *port);
/*
 * What the answer says, also that to rules_ask(): refused, for they posed; limited, for they were too many; stopped, for they were of
 * a connection too many. What it does not say is left.
 */
void guard_read(const struct nl_reply *r, uint64_t *refused, uint64_t *limited, uint64_t *stopped);
/* One more, or one less. The table must be there, and in it who goes. */
void guard_change(struct nl_buf *b, const struct guard_member *member, bool comes);

#endif
