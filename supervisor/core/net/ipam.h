/*
 * Which subnet a network has and which address a container: decided once, then kept.
 *
 * Pure: the caller reads and writes the text (PATH_STATE_VAR/leases, so that addresses are stable over
 * reboots). A lease belongs to a unit, in one network and one family, and stays while the unit exists, whether it runs
 * or not; only an IP= of another unit may take the address of one that does not run.
 */
#ifndef CORE_NET_IPAM_H
#define CORE_NET_IPAM_H

#include "common/err.h"
#include "supervisor/core/net/ip.h"
#include "supervisor/core/unit/unit.h"

#define IPAM_DEFAULT_NETWORK \
	"sup0.network" /* 10.88.0.0/21, the start of Podman's default; others: 10.89.0.0/24 and up */

struct lease {
	char unit[UNIT_NAME_MAX]; /* "web.container"; of a network: its own name, for its subnet */
	char network[UNIT_NAME_MAX]; /* "lan.network" */
	struct subnet at;            /* prefix 128: an address */
	bool used; /* set by the caller while the unit has a network namespace; not in the text */
};

struct leases {
	struct lease *v; /* in the arena given to each call that adds: always the same one */
	size_t n;
	bool changed; /* since the caller said no the last time */
};

/* A network with everything decided, in one family. */
struct pool {
	const char *network;
	struct subnet subnet; /* prefix 0: it has none of this family */
	struct ip gateway;
	struct ip first, last; /* what may be given out: IPRange=, or all hosts */
};

/* What a new subnet is to keep clear of: Subnet= of the other networks, the host's own. */
struct taken {
	const struct subnet *v;
	size_t n;
	bool stands; /* the network is up: what it has stays, whoever came since */
};

/*
 * Decides the subnet: Subnet=, else the leased one, else the next free /24, which is leased; of IPv6 the /64 that machine
 * and name give (RFC 4193). The file's values fit each other: that was looked at when it was loaded.
 */
int ipam_pool(struct pool *pool, const struct unit *network, enum family family,
	const char *machine_id, struct leases *leases, struct arena *a, const struct taken *taken,
	struct err *e);
/* Can be kept clear of: of a wider one nothing, or not soon, is left to choose from. */
bool ipam_avoids(const struct subnet *s);
/* The address of `unit` there: `fixed` (IP=, or none), else the leased one, else the lowest free. */
int ipam_assign(struct leases *leases, struct arena *a, const struct pool *pool, const char *unit,
	struct ip fixed, struct ip *addr, struct err *e);
struct lease *ipam_find(const struct leases *leases, const char *unit, const char *network,
	enum family family);
/* From now on all that `unit` has is in use, or nothing is. */
void ipam_use(struct leases *leases, const char *unit, bool used);
/* Drops the leases of units that `known` does not know. */
void ipam_prune(struct leases *leases, bool (*known)(const void *ctx, const char *unit),
	const void *ctx);

/* FNV-1a, continued from h, for names and addresses that are derived: it stays as it is for ever. */
#define IPAM_HASH_START 0xcbf29ce484222325ULL
uint64_t ipam_hash(uint64_t h, const char *s);

/* One lease a line. Reading skips lines it does not understand: a torn file costs addresses, not the start. */
const char *ipam_print(const struct leases *leases, struct arena *a);
void ipam_parse(struct leases *leases, const char *text, struct arena *a);

#endif
