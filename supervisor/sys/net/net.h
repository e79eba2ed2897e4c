/*
 * The kernel's side of networks: bridges, network namespaces, veth pairs and our nf_tables table, by netlink.
 *
 * Every call is done when it returns and is idempotent: the same call after a crash finds what is there and
 * repairs it. Nothing blocks: the kernel handles a netlink request before sendmsg(2) returns. Errors name
 * the interface and carry the kernel's own explanation (extended ACK) where it gives one.
 *
 * The namespace is switched for the length of a system call or two, so the process must have one thread.
 * Ours are: bridges and veths with an alias "sup:UNIT", the tables `inet sup` and `bridge sup`. Nothing else is changed or
 * removed, but net.ipv4.ip_forward, which goes to 1 with the first network that has a way out, the sizes of tables that
 * the kernel has for all namespaces in common, which are raised, and the host's loopback, which is brought up.
 */
#ifndef SYS_NET_NET_H
#define SYS_NET_NET_H

#include "common/err.h"
#include "supervisor/core/net/guard.h"
#include "supervisor/core/net/rt.h"
#include "supervisor/core/net/wiring.h"

struct net {
	int route;  /* rtnetlink socket of the host's namespace */
	int filter; /* nfnetlink socket, opened when it is needed first; -1: not yet */
	int host_ns;
	bool switched; /* net_rules() had to: forwarding, or route_localnet of a bridge, was off */
	bool roomy;    /* its tables have been made large enough for networks */
	bool silent;   /* the kernel has no nft_reject */
	bool v4_only; /* nor tables of IPv4 and IPv6 in one: IPv6 in the kernel is none, or is open */
	bool unlimited; /* it has no nft_limit: who may send how much is not kept to */
	bool unbounded; /* it has no nft_connlimit: nor who may open how many connections */
	bool unguarded; /* the kernel has no nf_tables for bridges: containers can pose as each other */
};

/* Opens what is needed; net_close releases it and leaves the kernel's state as it is. */
int net_open(struct net *n, struct err *e);
void net_close(struct net *n);

bool net_has_ipv6(void);

/*
 * The addresses that the host's interfaces have, with their prefixes; but not of that bridge and what is to be a port of it: there
 * may well be some of its own subnet.
 */
struct net_address {
	struct subnet at;
	int index;
	char name[IF_NAME_MAX];
};
struct net_addresses {
	struct arena *a; /* of v; the caller's */
	struct net_address *v;
	size_t n;
};
int net_addresses(struct net *n, const char *bridge, const struct strv *ports,
	struct net_addresses *list, struct err *e);

/* Makes the bridge, or takes the one that is there: address, mtu, up. An interface of the name that is no bridge is an error. */
int net_bridge_up(struct net *n, const struct bridge_plan *p, struct err *e);
/*
 * The same of one that was up, where it is not so any more; *lacked: what it was, for a sentence ("down"), or NULL when
 * nothing was to be done. Ports are not looked at.
 */
int net_bridge_mend(struct net *n, const struct bridge_plan *p, const char **lacked, struct err *e);
/* The same for a bridge: then net_bridge_up(). */
int net_bridge_change(struct net *n, const struct bridge_plan *was, const struct bridge_plan *p,
	struct err *e);
/* Removes it if we made it; one that is gone already, or was there before us, is left alone. */
int net_bridge_down(struct net *n, const struct bridge_plan *p, struct err *e);

/* A new network namespace with its loopback up; returns a close-on-exec descriptor of it that the caller owns. */
int net_ns_make(struct net *n, struct err *e);
/* One that somebody else has made: its loopback comes up. */
int net_ns_up(struct net *n, int netns, struct err *e);

/*
 * netns stays the caller's. Needs the bridge; a pair of the same name is used or replaced. Before its port is up the
 * guard knows it, unless the kernel has none: n->unguarded then. 1: it is done, and the guard is to be told of all others.
 */
int net_attach(struct net *n, int netns, const struct attach_plan *p, struct err *e);
/*
 * NULL: the whole of what net_attach() does stands, seen from the host's end; else what that end is, for a sentence
 * ("gone"). The namespace must be one that was attached so, if ever.
 */
const char *net_attach_lacks(struct net *n, const struct attach_plan *p);
/*
 * Cuts the container off. The pair itself goes with the namespace, which the kernel removes a moment after its
 * last user; to remove it here would wait some 30 ms for the kernel's readers (rcu_barrier).
 */
int net_detach(struct net *n, const struct attach_plan *p, struct err *e);
/* That of a container that goes on: its interface is removed here. */
int net_unplug(struct net *n, int netns, const struct attach_plan *p, struct err *e);
/*
 * Of a pair that stands as `was` says and shall be as p says: takes away what p has not. net_attach() then gives what was had
 * not. Names, bridge and hardware address are the same in both.
 */
int net_change(struct net *n, int netns, const struct attach_plan *was, const struct attach_plan *p,
	struct err *e);
/*
 * After a crash: removes our interfaces whose unit `keep` does not want (a veth's unit is its container's, a
 * bridge's its network's).
 */
int net_sweep(struct net *n, bool (*keep)(const void *ctx, const char *unit), const void *ctx,
	struct err *e);

/* The socket that our rules are changed by, opened if it is not yet; -1: it cannot be. */
int net_filter(struct net *n, struct err *e);

/*
 * Replaces all our rules by these in one transaction: on error the old ones stand. No networks: the table
 * goes. Then lets the published ports be reached by 127.0.0.1 (route_localnet on our bridges; the rules
 * drop what would abuse it). The share of connections is found out here, and their table is made larger if it is small.
 */
int net_rules(struct net *n, const struct rule_set *rules, struct err *e);

/* As the guard knows it; the names stay those of the plan. */
struct guard_member net_guard_member(const struct net *n, const struct attach_plan *p);
/* Replaces all that is known of who is behind which port: after a crash, what is attached; 0 members: the table goes. */
int net_guard(struct net *n, struct guard_member *members, size_t count, struct err *e);

/* One more port, one less; net_attach() and net_detach() do it. 1: there was no table, and this one alone is in it now. */
int net_guard_add(struct net *n, const struct attach_plan *p, struct err *e);
int net_guard_remove(struct net *n, const struct attach_plan *p, struct err *e);

/* What has passed the host's end of a pair, and what the guard has dropped of it, since it was attached. */
struct net_traffic {
	struct rt_traffic passed;
	uint64_t refused, limited; /* for it posed as another; for it was too much */
	uint64_t stopped; /* for it was of a connection too many; since the rules were made */
};
/* Members of *t that the kernel does not tell stay as they are. */
void net_traffic(const struct net *n, const struct attach_plan *p, struct net_traffic *t);

/*
 * Tries whether a process of the host listens there; 0: free. The answer is of this moment. Rules of
 * other units are not seen here, see network_ports.h.
 */
int net_port_free(const struct port *p, struct err *e);

#endif
