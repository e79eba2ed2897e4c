/*
 * A reload changes networks while containers run on them: what differs is made as the new texts say, in the namespaces that
 * are there, and nothing else is touched.
 *
 * Before the first thing that is done a file names whose it is. A supervisor that finds it makes the interfaces of those anew,
 * by the texts that are in force then, since nobody knows how far the one before had come.
 */
#ifndef SYS_NETWORK_LIVE_H
#define SYS_NETWORK_LIVE_H

#include <stdbool.h>
#include <stddef.h>

struct attach_plan;
struct bridge_plan;
struct err;
struct instance;
struct supervisor;
struct unit_set;

/* Around the moment in which `to` comes into force. */
void networks_change_begin(struct supervisor *s, const struct unit_set *to);
void networks_change(struct supervisor *s);
/* Of a supervisor before: instances that it had named have `changes` set, their interfaces are gone. */
void networks_change_adopt(struct supervisor *s);
/* It is over. */
void networks_changed(struct supervisor *s);
/* A network has come up: containers that run and want it by now are attached. */
void network_joined(struct instance *network);

/* ---- parts of network.c ---- */
/* anew: as network_pools() has it. */
int network_bridge_plan(struct instance *inst, bool anew, struct bridge_plan *p, struct err *e);
/* Of its nth network, into v[n]; before it are those that come first. adopts: with the addresses that it had. */
int network_plan(struct instance *inst, size_t nth, bool adopts, struct attach_plan *v, size_t n,
	struct err *e);
/* Makes the pair, or what is missing of it. */
int network_wire(const struct instance *inst, const struct attach_plan *p, struct err *e);

#endif
