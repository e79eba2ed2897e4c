/*
 * What the tables of nf_tables say, of all networks and containers that are up: gathered here, built by core/net, replaced as
 * a whole by sys/net.
 */
#ifndef SYS_NETWORK_RULES_H
#define SYS_NETWORK_RULES_H

#include <stdbool.h>

struct err;
struct instance;
struct supervisor;
struct unit;

/* It stands, and is one of the host's bridges. */
bool network_has_bridge(const struct instance *inst);
/* What a container has in the rules besides its network. */
bool network_has_rules(const struct unit *u);
/* Who reaches whom, who goes out, what is published. */
int network_rules(struct supervisor *s, struct err *e);
/* Who is behind which port, of all that are attached. */
int network_guard(struct supervisor *s, struct err *e);

#endif
