/*
 * The sets and maps of our nf_tables table: what differs from machine to machine, where the rules themselves are a fixed list
 * (rules.c). Pure.
 */
#ifndef CORE_NET_RULES_SETS_H
#define CORE_NET_RULES_SETS_H

#include "supervisor/core/net/nft.h"
#include "supervisor/core/net/wiring.h"

enum rule_set_id {
	SET_INSIDE,
	SET_SHELTERED,
	SET_INTERNAL,
	SET_OUTBOUND,
	SET_CLOSED,
	SET_SAME,
	SET_SHORTCUTS,
	SET_FRIENDS,
	SET_HOME,
	SET_HOME6,
	SET_BUSY,
	SET_SHARE,
	SET_STOPPED,
	SET_RESOLVER,
	SET_RESOLVER6,
	MAP_ADDR_PORT,
	MAP_PORT,
	MAP_ADDR6_PORT,
	MAP_PORT6,
	RULE_SETS
};

/* By id. */
extern const struct nft_set rule_sets[];

/* How many bytes an address has in the keys of this one. */
size_t rule_set_addr(enum rule_set_id set);
/* Memory that is enough for rule_sets_build, but for the sets themselves. */
size_t rule_sets_size(const struct rule_set *rules);
/* All of them, with what is in them. */
void rule_sets_build(struct nl_buf *b, const struct nft_table *t, const struct rule_set *rules);

#endif
