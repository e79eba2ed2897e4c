/*
 * nf_tables messages, one function per thing: table, chain, set, elements, and the expressions of a rule in
 * the order the kernel runs them. Pure. See linux/netfilter/nf_tables.h.
 *
 * Everything is between nft_begin and nft_commit: the kernel takes all or nothing. Registers are the 4-byte
 * ones (NFT_REG32_00 + n), so that a key of several fields is just registers side by side.
 */
#ifndef CORE_NET_NFT_H
#define CORE_NET_NFT_H

#include "supervisor/core/net/nl.h"

#define NFT_HOOK_NONE UINT32_MAX

/* Types of ICMPv6 (RFC 4443, 4861): no header of the kernel has them all, and the libc's exclude those of netfilter. */
enum icmp6_type {
	ICMP6_ECHO = 128,
	ICMP6_ROUTER_ASKS = 133,
	ICMP6_ROUTER_ADVERTISES = 134,
	ICMP6_NEIGHBOUR_ASKS = 135,
	ICMP6_NEIGHBOUR_ADVERTISES = 136,
	ICMP6_REDIRECTS = 137
};

struct nft_table {
	const char *name;
	uint8_t family; /* NFPROTO_INET, NFPROTO_BRIDGE: tables of two families may have one name */
};

struct nft_chain {
	const char *name;
	const char *type; /* "filter", "nat"; NULL: jumped to only */
	uint32_t hook;    /* NF_INET_* */
	int priority;
};

/* Types are nft's own numbers, which only its listing reads; fields of a concatenation are 6 bits each. */
enum nft_type {
	NFT_T_ADDR = 7,
	NFT_T_ADDR6 = 8,
	NFT_T_ETHER = 9,
	NFT_T_PROTO = 12,
	NFT_T_PORT = 13,
	NFT_T_IFNAME = 41
};
#define NFT_CONCAT(a, b) ((a) << 6 | (b))

/* What each element of a set does when it is found (kernel 5.7). */
enum nft_each {
	NFT_EACH_NOTHING,
	NFT_EACH_COUNTS,     /* packets and bytes */
	NFT_EACH_RATE,       /* is a match only above so many bytes in a second */
	NFT_EACH_CONNECTIONS /* ... above so many connections at once */
};

struct nft_set {
	const char *name;
	uint32_t key_type;
	uint8_t key_size;
	uint16_t data_type;
	uint8_t data_size; /* 0: a set, else a map */
	uint8_t each;      /* enum nft_each */
	bool grows; /* by what nft_grow() meets, up to 65,535 elements: the kernel's word for no size */
	uint8_t exact; /* 0, or of a key of two fields the bytes of the first: of the second an element is a range (kernel 5.6) */
};

void nft_begin(struct nl_buf *b);
/* Asks for one ACK, of the last message before the end. */
void nft_commit(struct nl_buf *b);

/* Makes the table if it is missing, removes it with all in it, and makes it again unless `gone`. */
void nft_table_renew(struct nl_buf *b, const struct nft_table *t, bool gone);
void nft_chain_add(struct nl_buf *b, const struct nft_table *t, const struct nft_chain *c);
void nft_set_add(struct nl_buf *b, const struct nft_table *t, const struct nft_set *s, uint32_t id);

/*
 * Elements go between these two; `set` says how long key and data are. data: NULL in a set; of NFT_EACH_RATE and _CONNECTIONS the
 * uint64_t that is the most; of ranges the last key.
 */
size_t nft_elements_begin(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set);
/* Those that are to go; one that is not there is no error. */
size_t nft_elements_gone(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set);
void nft_element(struct nl_buf *b, const struct nft_set *set, const void *key, const void *data);
void nft_elements_end(struct nl_buf *b, size_t nest);
/* Not in a batch: those that are asked for, one a message; none there is no error. */
size_t nft_elements_ask(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set);
/* Of the answer, the packets of an NFT_EACH_COUNTS; returns the set's name, NULL when the reply is another. */
const char *nft_count_read(const struct nl_reply *r, uint64_t *packets);

/*
 * A rule reads as a sentence: all its words match, then the last one acts. A word is a number, and what it stands for a row of
 * words[]: a table of addresses would be eight times as long. Of a list X(drop) these two make `drop` and put_drop; 0 is none.
 */
#define NFT_WORD(word) word,
#define NFT_WORD_PUTS(word) put_##word,
/* Ends with the first 0, or after `most`. */
void nft_sentence(struct nl_buf *b, const struct nft_table *t, const char *chain,
	const uint8_t *word, size_t most, void (*const words[])(struct nl_buf *b));

/* One whose words are not all in a list: expressions go between these two. */
size_t nft_rule_begin(struct nl_buf *b, const struct nft_table *t, const char *chain);
void nft_rule_end(struct nl_buf *b, size_t nest);

/* Expressions. They end the rule's evaluation when they do not match. */
void nft_meta(struct nl_buf *b, uint32_t key, uint32_t reg);
void nft_ct(struct nl_buf *b, uint32_t key, uint32_t reg);
/* What differs with the direction, IP_CT_DIR_*. */
void nft_ct_of(struct nl_buf *b, uint32_t key, uint8_t direction, uint32_t reg);
void nft_payload(struct nl_buf *b, uint32_t base, uint32_t offset, uint32_t size, uint32_t reg);
/* Where its part begins, in the header of IPv6 that a fragment has (RFC 8200); matches nothing else. */
void nft_fragment_offset(struct nl_buf *b, uint32_t reg);
/* Type of the destination address (RTN_LOCAL ...). */
void nft_fib_daddr_type(struct nl_buf *b, uint32_t reg);
void nft_cmp(struct nl_buf *b, uint32_t reg, uint32_t op, const void *data, size_t size);
/* reg &= mask */
void nft_mask(struct nl_buf *b, uint32_t reg, const void *mask, size_t size);
/* Is the key at reg in the set? With into_reg the map's data goes there (0: a set). */
void nft_lookup(struct nl_buf *b, const char *set, uint32_t reg, uint32_t into_reg, bool invert);
/* Puts the key at reg into a set that grows, if it is not there; then the element does what `each` says. most: as of nft_element(). */
void nft_grow(struct nl_buf *b, const struct nft_set *set, uint32_t reg, const uint64_t *most);
/* family: of the address, NFPROTO_IPV4 or _IPV6. */
void nft_dnat(struct nl_buf *b, uint8_t family, uint32_t addr_reg, uint32_t port_reg);
void nft_masquerade(struct nl_buf *b);
/*
 * Says to the sender that it is not allowed (ICMP, RFC 1812 and 4443): a connect(2) fails at once with EHOSTUNREACH, in IPv6 with
 * EACCES. In a table of both families only.
 */
void nft_reject(struct nl_buf *b);
/* NF_ACCEPT, NF_DROP, or NFT_JUMP with a chain. */
void nft_verdict(struct nl_buf *b, int32_t verdict, const char *chain);

#endif
