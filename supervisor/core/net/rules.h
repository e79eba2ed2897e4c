/*
 * Our nf_tables table as one batch of messages. Pure. The rules are a fixed list in rules.c; what differs
 * from machine to machine are the elements of sets and maps, so a packet passes as many rules with one
 * network and port as with a thousand.
 *
 * What they say: a container goes out through the host's address, unless its network is internal; nothing comes in but
 * answers and published ports, neither from outside, which an uplink is too, nor from another network; the host's loopback is never
 * reached from a bridge. IPv6 is the same, but that only local addresses (ULA) go out under the host's. Foreign tables are not looked at, and where one drops, it is dropped.
 */
#ifndef CORE_NET_RULES_H
#define CORE_NET_RULES_H

#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/wiring.h"

#define RULES_TABLE "sup"
#define RULES_STOPPED "stopped" /* a set: who had a connection too many, and how often */

/* Memory that is enough for rules_build. */
size_t rules_size(const struct rule_set *rules);
void rules_build(struct nl_buf *b, const struct rule_set *rules);
/* Asks how many packets of who has this hardware address were dropped, as they were of a connection too many; since the rules were made. */
void rules_ask(struct nl_buf *b, bool v4_only, const uint8_t *mac);

#endif
