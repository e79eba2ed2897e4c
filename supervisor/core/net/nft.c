#include "supervisor/core/net/nft.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

static void message(struct nl_buf *b, const struct nft_table *t, uint16_t type, uint16_t flags,
	const char *what, const char *object)
{
	struct nfgenmsg m = { .nfgen_family = t->family, .version = NFNETLINK_V0 };

	nl_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &m, sizeof(m));
	nl_note(b, what, object, 0);
}

static void batch_mark(struct nl_buf *b, uint16_t type)
{
	/* The resource id, in network order, is the subsystem the batch is for. */
	struct nfgenmsg m = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
	uint8_t subsystem[2];

	put_be16(subsystem, NFNL_SUBSYS_NFTABLES);
	memcpy(&m.res_id, subsystem, sizeof(subsystem));
	nl_begin(b, type, 0, &m, sizeof(m));
	nl_note(b, "change", "packet filter", 0);
}

void nft_begin(struct nl_buf *b)
{
	batch_mark(b, NFNL_MSG_BATCH_BEGIN);
}

void nft_commit(struct nl_buf *b)
{
	nl_flag(b, NLM_F_ACK);
	batch_mark(b, NFNL_MSG_BATCH_END);
}

void nft_table_renew(struct nl_buf *b, const struct nft_table *t, bool gone)
{
	message(b, t, NFT_MSG_NEWTABLE, NLM_F_CREATE, "make table", t->name);
	nl_str(b, NFTA_TABLE_NAME, t->name);
	message(b, t, NFT_MSG_DELTABLE, 0, "remove table", t->name);
	nl_str(b, NFTA_TABLE_NAME, t->name);
	if (gone)
		return;
	message(b, t, NFT_MSG_NEWTABLE, NLM_F_CREATE, "make table", t->name);
	nl_str(b, NFTA_TABLE_NAME, t->name);
}

void nft_chain_add(struct nl_buf *b, const struct nft_table *t, const struct nft_chain *c)
{
	size_t hook;

	message(b, t, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "make chain", c->name);
	nl_str(b, NFTA_CHAIN_TABLE, t->name);
	nl_str(b, NFTA_CHAIN_NAME, c->name);
	if (c->type == NULL)
		return;
	hook = nl_nest(b, NFTA_CHAIN_HOOK);
	nl_be32(b, NFTA_HOOK_HOOKNUM, c->hook);
	nl_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	nl_nest_end(b, hook);
	nl_be32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nl_str(b, NFTA_CHAIN_TYPE, c->type);
}

/*
 * For nft(8) alone, whose listing would show names as empty: the key's byte order (type 0) is, in 4 bytes,
 * the host's (1).
 */
static const uint8_t host_order[] = {
	0,
	4,
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	0,
	0,
	0,
	1,
#else
	1,
	0,
	0,
	0,
#endif
};

/* An expression has a name and a nest of data, in a nest of its own: two of them to end. */
struct expr {
	size_t element, data;
};

static struct expr expr_begin_in(struct nl_buf *b, uint16_t type, const char *name)
{
	struct expr e;

	e.element = nl_nest(b, type);
	nl_str(b, NFTA_EXPR_NAME, name);
	e.data = nl_nest(b, NFTA_EXPR_DATA);
	return e;
}

static struct expr expr_begin(struct nl_buf *b, const char *name)
{
	return expr_begin_in(b, NFTA_LIST_ELEM, name);
}

static void expr_end(struct nl_buf *b, struct expr e)
{
	nl_nest_end(b, e.data);
	nl_nest_end(b, e.element);
}

static void attr_be64(struct nl_buf *b, uint16_t type, uint64_t v)
{
	uint8_t wire[8];

	put_be32(wire, (uint32_t)(v >> 32));
	put_be32(wire + 4, (uint32_t)v);
	nl_put(b, type, wire, sizeof(wire));
}

static void put_field(struct nl_buf *b, uint32_t size)
{
	size_t nest = nl_nest(b, NFTA_LIST_ELEM);

	nl_be32(b, NFTA_SET_FIELD_LEN, size);
	nl_nest_end(b, nest);
}

static void put_ranges(struct nl_buf *b, const struct nft_set *s)
{
	size_t description, fields;

	nl_be32(b, NFTA_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_CONCAT);
	description = nl_nest(b, NFTA_SET_DESC);
	fields = nl_nest(b, NFTA_SET_DESC_CONCAT);
	put_field(b, s->exact);
	put_field(b, s->key_size - s->exact);
	nl_nest_end(b, fields);
	nl_nest_end(b, description);
}

void nft_set_add(struct nl_buf *b, const struct nft_table *t, const struct nft_set *s, uint32_t id)
{
	message(b, t, NFT_MSG_NEWSET, NLM_F_CREATE, "make set", s->name);
	nl_str(b, NFTA_SET_TABLE, t->name);
	nl_str(b, NFTA_SET_NAME, s->name);
	nl_be32(b, NFTA_SET_ID, id);
	nl_be32(b, NFTA_SET_KEY_TYPE, s->key_type);
	nl_be32(b, NFTA_SET_KEY_LEN, s->key_size);
	if (s->key_type == NFT_T_IFNAME)
		nl_put(b, NFTA_SET_USERDATA, host_order, sizeof(host_order));
	if (s->each == NFT_EACH_COUNTS)
		expr_end(b, expr_begin_in(b, NFTA_SET_EXPR, "counter"));
	if (s->exact != 0)
		put_ranges(b, s);
	if (s->grows)
		nl_be32(b, NFTA_SET_FLAGS, NFT_SET_EVAL);
	if (s->data_size == 0)
		return;
	nl_be32(b, NFTA_SET_FLAGS, NFT_SET_MAP);
	nl_be32(b, NFTA_SET_DATA_TYPE, s->data_type);
	nl_be32(b, NFTA_SET_DATA_LEN, s->data_size);
}

static size_t elements(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set)
{
	nl_str(b, NFTA_SET_ELEM_LIST_TABLE, t->name);
	nl_str(b, NFTA_SET_ELEM_LIST_SET, set->name);
	return nl_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
}

size_t nft_elements_begin(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set)
{
	message(b, t, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "fill set", set->name);
	return elements(b, t, set);
}

/* In a batch a refusal is that of the whole, so each of them is in before it goes. */
size_t nft_elements_gone(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set)
{
	message(b, t, NFT_MSG_DELSETELEM, 0, "empty set", set->name);
	return elements(b, t, set);
}

size_t nft_elements_ask(struct nl_buf *b, const struct nft_table *t, const struct nft_set *set)
{
	message(b, t, NFT_MSG_GETSETELEM, 0, "read set", set->name);
	nl_note(b, "read set", set->name, ENOENT);
	return elements(b, t, set);
}

const char *nft_count_read(const struct nl_reply *r, uint64_t *packets)
{
	static const uint16_t path[] = { NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_LIST_ELEM,
		NFTA_SET_ELEM_EXPR, NFTA_EXPR_DATA, NFTA_COUNTER_PACKETS };
	const uint8_t *at = r->data + sizeof(struct nfgenmsg);
	size_t size = r->size - sizeof(struct nfgenmsg);
	const char *set;

	if (r->type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) ||
		r->size < sizeof(struct nfgenmsg))
		return NULL;
	set = nl_find_str(at, size, NFTA_SET_ELEM_LIST_SET);
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		at = nl_find(at, size, path[i], &size);
		if (at == NULL)
			return NULL;
	}
	*packets = 0;
	for (size_t i = 0; i < size; i++)
		*packets = *packets << 8 | at[i];
	return set;
}

static void put_value(struct nl_buf *b, uint16_t type, const void *value, size_t size)
{
	size_t nest = nl_nest(b, type);

	nl_put(b, NFTA_DATA_VALUE, value, size);
	nl_nest_end(b, nest);
}

/* Of a second, and what may come at once besides: more than the greatest packet that a veth hands over as one. */
static void put_rate(struct nl_buf *b, uint64_t most)
{
	struct expr e = expr_begin_in(b, NFTA_SET_ELEM_EXPR, "limit");

	attr_be64(b, NFTA_LIMIT_RATE, most);
	attr_be64(b, NFTA_LIMIT_UNIT, 1);
	nl_be32(b, NFTA_LIMIT_BURST, 2 * 65536);
	nl_be32(b, NFTA_LIMIT_TYPE, NFT_LIMIT_PKT_BYTES);
	nl_be32(b, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	expr_end(b, e);
}

static void put_connections(struct nl_buf *b, uint16_t type, uint64_t most)
{
	struct expr e = expr_begin_in(b, type, "connlimit");

	nl_be32(b, NFTA_CONNLIMIT_COUNT, (uint32_t)most);
	nl_be32(b, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	expr_end(b, e);
}

void nft_element(struct nl_buf *b, const struct nft_set *set, const void *key, const void *data)
{
	size_t element = nl_nest(b, NFTA_LIST_ELEM);

	put_value(b, NFTA_SET_ELEM_KEY, key, set->key_size);
	if (set->exact != 0)
		put_value(b, NFTA_SET_ELEM_KEY_END, data, set->key_size);
	if (set->each == NFT_EACH_RATE)
		put_rate(b, *(const uint64_t *)data);
	if (set->each == NFT_EACH_CONNECTIONS)
		put_connections(b, NFTA_SET_ELEM_EXPR, *(const uint64_t *)data);
	if (set->data_size != 0)
		put_value(b, NFTA_SET_ELEM_DATA, data, set->data_size);
	nl_nest_end(b, element);
}

void nft_elements_end(struct nl_buf *b, size_t nest)
{
	nl_nest_end(b, nest);
}

size_t nft_rule_begin(struct nl_buf *b, const struct nft_table *t, const char *chain)
{
	message(b, t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "add a rule to chain", chain);
	nl_str(b, NFTA_RULE_TABLE, t->name);
	nl_str(b, NFTA_RULE_CHAIN, chain);
	return nl_nest(b, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nl_buf *b, size_t nest)
{
	nl_nest_end(b, nest);
}

void nft_sentence(struct nl_buf *b, const struct nft_table *t, const char *chain,
	const uint8_t *word, size_t most, void (*const words[])(struct nl_buf *b))
{
	size_t nest = nft_rule_begin(b, t, chain);

	for (size_t i = 0; i < most && word[i] != 0; i++)
		words[word[i]](b);
	nft_rule_end(b, nest);
}

void nft_meta(struct nl_buf *b, uint32_t key, uint32_t reg)
{
	struct expr e = expr_begin(b, "meta");

	nl_be32(b, NFTA_META_KEY, key);
	nl_be32(b, NFTA_META_DREG, reg);
	expr_end(b, e);
}

void nft_ct(struct nl_buf *b, uint32_t key, uint32_t reg)
{
	struct expr e = expr_begin(b, "ct");

	nl_be32(b, NFTA_CT_KEY, key);
	nl_be32(b, NFTA_CT_DREG, reg);
	expr_end(b, e);
}

void nft_ct_of(struct nl_buf *b, uint32_t key, uint8_t direction, uint32_t reg)
{
	struct expr e = expr_begin(b, "ct");

	nl_be32(b, NFTA_CT_KEY, key);
	nl_be32(b, NFTA_CT_DREG, reg);
	nl_put(b, NFTA_CT_DIRECTION, &direction, sizeof(direction));
	expr_end(b, e);
}

void nft_payload(struct nl_buf *b, uint32_t base, uint32_t offset, uint32_t size, uint32_t reg)
{
	struct expr e = expr_begin(b, "payload");

	nl_be32(b, NFTA_PAYLOAD_DREG, reg);
	nl_be32(b, NFTA_PAYLOAD_BASE, base);
	nl_be32(b, NFTA_PAYLOAD_OFFSET, offset);
	nl_be32(b, NFTA_PAYLOAD_LEN, size);
	expr_end(b, e);
}

void nft_fragment_offset(struct nl_buf *b, uint32_t reg)
{
	static const uint8_t header =
		44; /* IPPROTO_FRAGMENT: the headers that have it exclude each other */
	struct expr e = expr_begin(b, "exthdr");

	nl_be32(b, NFTA_EXTHDR_DREG, reg);
	nl_put(b, NFTA_EXTHDR_TYPE, &header, sizeof(header));
	nl_be32(b, NFTA_EXTHDR_OFFSET, 2);
	nl_be32(b, NFTA_EXTHDR_LEN, 2);
	expr_end(b, e);
}

void nft_fib_daddr_type(struct nl_buf *b, uint32_t reg)
{
	struct expr e = expr_begin(b, "fib");

	nl_be32(b, NFTA_FIB_DREG, reg);
	nl_be32(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_be32(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expr_end(b, e);
}

void nft_cmp(struct nl_buf *b, uint32_t reg, uint32_t op, const void *data, size_t size)
{
	struct expr e = expr_begin(b, "cmp");

	nl_be32(b, NFTA_CMP_SREG, reg);
	nl_be32(b, NFTA_CMP_OP, op);
	put_value(b, NFTA_CMP_DATA, data, size);
	expr_end(b, e);
}

void nft_mask(struct nl_buf *b, uint32_t reg, const void *mask, size_t size)
{
	static const uint8_t zero[16] = { 0 };
	struct expr e = expr_begin(b, "bitwise");

	nl_be32(b, NFTA_BITWISE_SREG, reg);
	nl_be32(b, NFTA_BITWISE_DREG, reg);
	nl_be32(b, NFTA_BITWISE_LEN, (uint32_t)size);
	put_value(b, NFTA_BITWISE_MASK, mask, size);
	put_value(b, NFTA_BITWISE_XOR, zero, size);
	expr_end(b, e);
}

void nft_lookup(struct nl_buf *b, const char *set, uint32_t reg, uint32_t into_reg, bool invert)
{
	struct expr e = expr_begin(b, "lookup");

	nl_str(b, NFTA_LOOKUP_SET, set);
	nl_be32(b, NFTA_LOOKUP_SREG, reg);
	if (into_reg != 0)
		nl_be32(b, NFTA_LOOKUP_DREG, into_reg);
	if (invert)
		nl_be32(b, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	expr_end(b, e);
}

void nft_grow(struct nl_buf *b, const struct nft_set *set, uint32_t reg, const uint64_t *most)
{
	struct expr e = expr_begin(b, "dynset");

	nl_str(b, NFTA_DYNSET_SET_NAME, set->name);
	nl_be32(b, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nl_be32(b, NFTA_DYNSET_SREG_KEY, reg);
	if (set->each == NFT_EACH_CONNECTIONS)
		put_connections(b, NFTA_DYNSET_EXPR, *most);
	else
		expr_end(b, expr_begin_in(b, NFTA_DYNSET_EXPR, "counter"));
	expr_end(b, e);
}

void nft_dnat(struct nl_buf *b, uint8_t family, uint32_t addr_reg, uint32_t port_reg)
{
	struct expr e = expr_begin(b, "nat");

	nl_be32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_be32(b, NFTA_NAT_FAMILY, family);
	nl_be32(b, NFTA_NAT_REG_ADDR_MIN, addr_reg);
	nl_be32(b, NFTA_NAT_REG_PROTO_MIN, port_reg);
	expr_end(b, e);
}

void nft_masquerade(struct nl_buf *b)
{
	expr_end(b, expr_begin(b, "masq"));
}

void nft_reject(struct nl_buf *b)
{
	static const uint8_t filtered = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
	struct expr e = expr_begin(b, "reject");

	nl_be32(b, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	nl_put(b, NFTA_REJECT_ICMP_CODE, &filtered, sizeof(filtered));
	expr_end(b, e);
}

void nft_verdict(struct nl_buf *b, int32_t verdict, const char *chain)
{
	struct expr e = expr_begin(b, "immediate");
	size_t data, code;

	nl_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(b, NFTA_IMMEDIATE_DATA);
	code = nl_nest(b, NFTA_DATA_VERDICT);
	nl_be32(b, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain != NULL)
		nl_str(b, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(b, code);
	nl_nest_end(b, data);
	expr_end(b, e);
}
