/*
 * The words that the rules of our nf_tables table are made of (rules.c): each puts the expressions that match, or act, into a
 * message. Pure.
 */
#ifndef CORE_NET_RULES_WORDS_H
#define CORE_NET_RULES_WORDS_H

#include "supervisor/core/net/nft.h"

#define RULE_WORDS(X)         \
	X(v4)                 \
	X(not_from_lo)        \
	X(to_loopback)        \
	X(drop)               \
	X(from_inside)        \
	X(source_loopback)    \
	X(has_too_many)       \
	X(stop)               \
	X(publish)            \
	X(to_published_addr)  \
	X(to_host)            \
	X(to_published_port)  \
	X(v6)                 \
	X(to_loopback6)       \
	X(accept)             \
	X(to_published_addr6) \
	X(to_published_port6) \
	X(answers)            \
	X(related)            \
	X(meddles)            \
	X(meddles6)           \
	X(from_sheltered)     \
	X(ping)               \
	X(ping6)              \
	X(neighbour)          \
	X(from_closed)        \
	X(to_resolver)        \
	X(to_resolver6)       \
	X(reject)             \
	X(friends)            \
	X(from_internal)      \
	X(published)          \
	X(to_sheltered)       \
	X(masquerade)         \
	X(same_bridge) X(shortcut) X(to_internal) X(from_outbound) X(to_outside) X(source_local)
enum rule_word { NO_WORD, RULE_WORDS(NFT_WORD) };
/* By enum rule_word, for nft_sentence(). */
extern void (*const rule_words[])(struct nl_buf *b);

/* Who has no limit of his own, and has as many connections as that: goes on as has_too_many does, and makes its elements itself. */
void rule_over_share(struct nl_buf *b, uint64_t share);

#endif
