#include "supervisor/core/net/rules.h"

#include "common/util.h"
#include "supervisor/core/net/rules_sets.h"
#include "supervisor/core/net/rules_words.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

#define FIXED_BYTES 16384 /* everything but elements; the unit test knows how much it is */

/* The second for a kernel that has none of both families in one, which is one without IPv6 in most cases. */
static const struct nft_table both = { RULES_TABLE, NFPROTO_INET };
static const struct nft_table only_v4 = { RULES_TABLE, NFPROTO_IPV4 };

enum chain_id {
	CHAIN_GUARD,
	CHAIN_PUBLISH,
	CHAIN_PREROUTING,
	CHAIN_OUTPUT,
	CHAIN_INPUT,
	CHAIN_FORWARD,
	CHAIN_POSTROUTING
};

static const struct nft_chain chains[] = {
	[CHAIN_GUARD] = { "guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW },
	[CHAIN_PUBLISH] = { "publish", NULL, NFT_HOOK_NONE, 0 },
	[CHAIN_PREROUTING] = { "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
	[CHAIN_OUTPUT] = { "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
	[CHAIN_INPUT] = { "input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER },
	[CHAIN_FORWARD] = { "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
	[CHAIN_POSTROUTING] = { "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
};

/* A rule reads as a sentence: all words match, then the last one acts. */
static const struct rule {
	uint8_t chain; /* enum chain_id */
	uint8_t word[5];
} rules_of_table[] = {
	/*
	 * The kernel drops these by itself, but after prerouting, where a port published on 127.0.0.1 would
	 * have been translated already; and on our bridges route_localnet makes it let them in. Those of ::1 it
	 * drops before.
	 */
	{ CHAIN_GUARD, { v4, to_loopback, not_from_lo, drop } },
	{ CHAIN_GUARD, { v4, source_loopback, from_inside, drop } },

	/* Here the first packet of a connection comes by, and no other. */
	{ CHAIN_PREROUTING, { from_inside, has_too_many, stop } },
	/* Whoever publishes port 53 on all addresses does not become the resolver of other networks. */
	{ CHAIN_PREROUTING, { v4, to_resolver, accept } },
	{ CHAIN_PREROUTING, { v6, to_resolver6, accept } },
	{ CHAIN_PREROUTING, { publish } },
	{ CHAIN_OUTPUT, { publish } },
	{ CHAIN_PUBLISH, { v4, to_published_addr } },
	{ CHAIN_PUBLISH, { v4, to_host, to_published_port } },
	/* The kernel takes no answer to ::1 from an interface but lo; who is refused tries 127.0.0.1 next. */
	{ CHAIN_PUBLISH, { v6, to_loopback6, accept } },
	{ CHAIN_PUBLISH, { v6, to_published_addr6 } },
	{ CHAIN_PUBLISH, { v6, to_host, to_published_port6 } },

	/* What the host asked for comes back, and an operator may ask whether it is there. */
	{ CHAIN_INPUT, { answers, accept } },
	/* But an error that a container tells is about connections of its own network. */
	{ CHAIN_INPUT, { meddles, from_sheltered, from_closed, drop } },
	{ CHAIN_INPUT, { v6, meddles6, from_sheltered, from_closed, drop } },
	{ CHAIN_INPUT, { related, accept } },
	{ CHAIN_INPUT, { v4, ping, accept } },
	{ CHAIN_INPUT, { v6, ping6, accept } },
	{ CHAIN_INPUT, { v6, neighbour, accept } },
	{ CHAIN_INPUT, { v4, to_resolver, accept } },
	{ CHAIN_INPUT, { v6, to_resolver6, accept } },
	{ CHAIN_INPUT, { from_closed, reject } },

	{ CHAIN_FORWARD, { answers, accept } },
	{ CHAIN_FORWARD, { friends, accept } },
	{ CHAIN_FORWARD, { meddles, from_sheltered, drop } },
	{ CHAIN_FORWARD, { v6, meddles6, from_sheltered, drop } },
	/* Who is no friend of a neighbour has nothing to tell of its connections. */
	{ CHAIN_FORWARD, { related, same_bridge, from_sheltered, drop } },
	{ CHAIN_FORWARD, { related, accept } },
	{ CHAIN_FORWARD, { from_internal, drop } },
	{ CHAIN_FORWARD, { published, accept } },
	{ CHAIN_FORWARD, { to_sheltered, drop } },

	/* The container must answer to us: it cannot reach 127.0.0.1, who is its neighbour in any network it would answer directly, ... */
	{ CHAIN_POSTROUTING, { published, v4, source_loopback, masquerade } },
	{ CHAIN_POSTROUTING, { published, shortcut, masquerade } },
	/* ... and in an internal network it has no route to anyone else. */
	{ CHAIN_POSTROUTING, { published, to_internal, masquerade } },
	{ CHAIN_POSTROUTING, { v4, from_outbound, to_outside, masquerade } },
	{ CHAIN_POSTROUTING, { v6, source_local, from_outbound, to_outside, masquerade } },
};

static void build_rule(struct nl_buf *b, const struct nft_table *t, const struct rule *r,
	bool silent)
{
	uint8_t word[ARRAY_LEN(r->word)];

	for (size_t i = 0; i < ARRAY_LEN(word); i++)
		word[i] = silent && r->word[i] == reject ? drop : r->word[i];
	nft_sentence(b, t, chains[r->chain].name, word, ARRAY_LEN(word), rule_words);
}

static void build_share(struct nl_buf *b, const struct nft_table *t, const struct rule_set *rules)
{
	size_t nest;

	if (rules->share == 0 || rules->unbounded)
		return;
	nest = nft_rule_begin(b, t, chains[CHAIN_PREROUTING].name);
	rule_over_share(b, rules->share);
	nft_rule_end(b, nest);
}

size_t rules_size(const struct rule_set *rules)
{
	return FIXED_BYTES + rule_sets_size(rules);
}

void rules_build(struct nl_buf *b, const struct rule_set *rules)
{
	const struct nft_table *t = rules->v4_only ? &only_v4 : &both;
	size_t i;

	nft_begin(b);
	nft_table_renew(b, t, rules->n_networks == 0);
	if (rules->n_networks > 0) {
		rule_sets_build(b, t, rules);
		for (i = 0; i < ARRAY_LEN(chains); i++)
			nft_chain_add(b, t, &chains[i]);
		build_share(b, t, rules);
		for (i = 0; i < ARRAY_LEN(rules_of_table); i++)
			if (!rules->v4_only || rules_of_table[i].word[0] != v6)
				build_rule(b, t, &rules_of_table[i],
					rules->silent || rules->v4_only);
	}
	nft_commit(b);
}
