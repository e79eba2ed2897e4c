/*
 * What the kernel is to be told about networks, as values: made by pure code, carried out by sys/net/,
 * compared by tests. An address that is none means "none" or "any".
 *
 * Names of host interfaces are derived from unit names alone, so that a supervisor that starts again finds
 * its own; hardware addresses from machine and unit, so that a neighbour's ARP table stays true over reboots.
 */
#ifndef CORE_NET_WIRING_H
#define CORE_NET_WIRING_H

#include "common/err.h"
#include "supervisor/core/net/ifname.h"
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/unit/unit.h"

#define MAC_LEN 6

/* The bridge of one .network. */
struct bridge_plan {
	const char *unit; /* "lan.network" */
	char name
		[IF_NAME_MAX]; /* InterfaceName=, or the unit's stem; without a bridge what its containers' links stand on */
	uint8_t driver; /* enum network_driver */
	uint32_t mode;  /* MACVLAN_MODE_*, IPVLAN_MODE_* */
	struct {
		struct ip
			addr; /* the host's on it: the gateway of the containers; none: not of this family, or no gateway */
		uint8_t prefix; /* of 128 bits */
	} at[FAMILY_COUNT];
	uint8_t mac[MAC_LEN];
	uint32_t mtu; /* 0: the kernel's */
	bool internal;
	bool uplink;      /* behind its ports is the outside */
	bool host_access; /* services of the host may be reached by its address on the bridge */
	bool strict;      /* containers of the network do not reach each other */
	bool guarded;     /* nor pose as each other, see guard.h */
	bool resolver;    /* there is one at the host's address */
};

/* One container on one bridge: a veth pair. */
struct attach_plan {
	const char *unit; /* "web.container" */
	char bridge[IF_NAME_MAX];
	char host_if[IF_NAME_MAX];
	char inside_if[IF_NAME_MAX];
	struct {
		struct ip addr; /* none: not of this family */
		uint8_t prefix;
		struct ip gateway; /* none: no default route here */
	} at[FAMILY_COUNT];
	uint8_t mac[MAC_LEN]; /* of the inside end */
	uint32_t mtu;
	uint32_t nth; /* of the networks of its file: one that is not up has no attachment */
	uint8_t driver;
	uint32_t mode;
	bool strict; /* it reaches the bridge alone */
	bool guarded;
	uint64_t sent_most, given_most; /* by it and to it, in bytes per second; 0: no limit */
	uint64_t connections;           /* that it may have opened at once; 0: no limit */
};

/* Everything that our nf_tables table says. */
struct rule_network {
	char bridge[IF_NAME_MAX];
	bool internal, uplink, host_access, strict; /* as in struct bridge_plan */
	bool v6;                                    /* it has addresses of IPv6 */
	struct subnet subnet[FAMILY_COUNT];         /* none: not of this family */
	struct ip resolver;                         /* where it answers; none: it does not */
};
struct rule_limit {
	const uint8_t *mac; /* of the container */
	uint64_t connections;
};
struct rule_port {
	struct port port;
	struct ip addr; /* of the container: one of these for each family it has */
};
/* Who asks from one bridge is answered by way of it, past the host, though the port leads to the other. */
struct rule_shortcut {
	const char *from, *to;
};
struct rule_set {
	const struct rule_network *networks;
	size_t n_networks;
	const struct rule_port *ports;
	size_t n_ports;
	const struct rule_limit *limits;
	size_t n_limits;
	const struct rule_shortcut *shortcuts;
	size_t n_shortcuts;
	uint64_t share; /* of connections, of who is not in limits; 0: there is no limit then */
	bool unbounded; /* the kernel has no nft_connlimit: nobody's are counted */
	bool silent; /* the kernel has no nft_reject: what is not allowed is dropped without a word */
	bool v4_only; /* it has no table of both families */
};

/* What Options= says, into mtu, strict and mode, for p->driver. Fails on a value that is none. */
int bridge_options(struct bridge_plan *p, const struct settings *options, struct err *e);
/*
 * machine_id: the text of /etc/machine-id, or "" when the machine has none. The plan keeps the unit's name,
 * not a copy. Its file is sound: that was looked at when it was loaded.
 */
void bridge_plan_make(struct bridge_plan *p, const struct unit *network,
	const struct pool pools[FAMILY_COUNT], const char *machine_id);
/* The nth network of a container of this unit, which has these addresses there. */
void attach_plan_make(struct attach_plan *p, const char *unit, size_t nth,
	const struct network_use *use, const struct bridge_plan *bridge,
	const struct ip addr[FAMILY_COUNT], const char *machine_id);

#endif
