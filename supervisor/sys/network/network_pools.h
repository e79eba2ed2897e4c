/* The addresses of a network: whose they are not yet, told by other networks, by leases and by the host's interfaces. */
#ifndef SYS_NETWORK_POOLS_H
#define SYS_NETWORK_POOLS_H

#include <stdbool.h>

struct err;
struct instance;

/*
 * Fills inst->pools. anew: the bridge of that name is about to be made. Then a subnet that is chosen keeps clear of what the
 * host has, and one that does not is told of; else it stays what it was.
 */
int network_pools(struct instance *inst, const char *bridge, bool anew, struct err *e);

#endif
