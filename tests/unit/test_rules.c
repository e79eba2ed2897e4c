/*
 * Our nf_tables table as a batch: what is in it, and that the memory for it is enough. That the rules do what
 * they say is tried with packets in the ns ring.
 */
#include "supervisor/core/net/rules.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES_MAX 256

struct batch {
	uint8_t *memory;
	struct nl_buf b;
	struct nl_reply message[MESSAGES_MAX];
	uint16_t flags[MESSAGES_MAX];
	size_t n;
};

/* Memory of exactly rules_size, so that a sanitizer sees a byte too much. */
static void build(struct batch *t, const struct rule_set *rules)
{
	size_t size = rules_size(rules), at = 0;
	struct nlmsghdr h;

	*t = (struct batch){ .memory = malloc(size) };
	assert_non_null(t->memory);
	nl_init(&t->b, t->memory, size);
	rules_build(&t->b, rules);
	assert_false(t->b.overflow);
	while (at < t->b.used) {
		assert_true(t->n < MESSAGES_MAX);
		memcpy(&h, t->memory + at, sizeof(h));
		t->flags[t->n] = h.nlmsg_flags;
		assert_true(nl_next(&t->message[t->n++], t->memory, t->b.used, &at));
	}
	assert_int_equal(at, t->b.used);
}

static size_t count(const struct batch *t, uint16_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->message[i].type == (NFNL_SUBSYS_NFTABLES << 8 | type);
	return n;
}

static const uint8_t *attributes(const struct nl_reply *r, size_t *size)
{
	*size = r->size - sizeof(struct nfgenmsg);
	return r->data + sizeof(struct nfgenmsg);
}

/* Elements of all messages that fill this set. */
static size_t elements(const struct batch *t, const char *set)
{
	size_t n = 0, size, list_size;

	for (size_t i = 0; i < t->n; i++) {
		const uint8_t *a = attributes(&t->message[i], &size), *list;

		if (t->message[i].type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) ||
			strcmp(nl_find_str(a, size, NFTA_SET_ELEM_LIST_SET), set) != 0)
			continue;
		list = nl_find(a, size, NFTA_SET_ELEM_LIST_ELEMENTS, &list_size);
		for (size_t at = 0; at < list_size; n++) {
			struct nlattr e;

			memcpy(&e, list + at, sizeof(e));
			at += NLA_ALIGN(e.nla_len);
		}
	}
	return n;
}

/* Key and data of the first element of a set. */
static const uint8_t *first_element(const struct batch *t, const char *set, uint16_t what,
	size_t *size)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t len;
		const uint8_t *a = attributes(&t->message[i], &len);

		if (t->message[i].type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) ||
			strcmp(nl_find_str(a, len, NFTA_SET_ELEM_LIST_SET), set) != 0)
			continue;
		a = nl_find(a, len, NFTA_SET_ELEM_LIST_ELEMENTS, &len);
		a = nl_find(a, len, NFTA_LIST_ELEM, &len);
		a = nl_find(a, len, what, &len);
		return nl_find(a, len, NFTA_DATA_VALUE, size);
	}
	return NULL;
}

static void drop(struct batch *t)
{
	free(t->memory);
}

static const struct rule_network lan = { .bridge = "br-lan" };
static const struct rule_network vault = { .bridge = "vault", .internal = true };

static void is_one_transaction_with_one_answer(void **state)
{
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	struct batch t;
	size_t asked = 0;

	(void)state;
	build(&t, &rules);
	assert_int_equal(t.message[0].type, NFNL_MSG_BATCH_BEGIN);
	assert_int_equal(t.message[t.n - 1].type, NFNL_MSG_BATCH_END);
	for (size_t i = 0; i < t.n; i++) {
		assert_int_equal(t.message[i].seq, i + 1);
		asked += (t.flags[i] & NLM_F_ACK) != 0;
	}
	assert_int_equal(asked, 1);
	assert_true((t.flags[t.n - 2] & NLM_F_ACK) != 0);
	drop(&t);
}

static void no_networks_remove_the_table(void **state)
{
	struct rule_set rules = { 0 };
	struct batch t;

	(void)state;
	build(&t, &rules);
	/* Made first, so that its removal cannot fail. */
	assert_int_equal(t.n, 4);
	assert_int_equal(t.message[1].type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE);
	assert_int_equal(t.message[2].type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE);
	drop(&t);
}

static void networks_are_elements_not_rules(void **state)
{
	struct rule_network both[] = { lan, vault };
	struct rule_set one = { .networks = &lan, .n_networks = 1 };
	struct rule_set two = { .networks = both, .n_networks = 2 };
	struct batch a, b;

	(void)state;
	build(&a, &one);
	build(&b, &two);
	assert_int_equal(count(&a, NFT_MSG_NEWRULE), count(&b, NFT_MSG_NEWRULE));
	assert_int_equal(elements(&b, "inside"), 2);
	assert_int_equal(elements(&b, "same"), 2);
	assert_int_equal(elements(&b, "internal"), 1);
	assert_int_equal(elements(&b, "outbound"), 1);
	assert_int_equal(elements(&a, "internal"), 0);
	assert_int_equal(elements(&b, "closed"), 2);
	assert_int_equal(elements(&b, "friends"), 2);
	assert_int_equal(elements(&b, "sheltered"), 2);
	both[0].host_access = both[1].strict = both[0].uplink = true;
	drop(&b);
	build(&b, &two);
	assert_int_equal(count(&a, NFT_MSG_NEWRULE), count(&b, NFT_MSG_NEWRULE));
	assert_int_equal(elements(&b, "sheltered"), 1);
	assert_int_equal(elements(&b, "inside"), 2);
	assert_int_equal(elements(&b, "outbound"), 1);
	assert_int_equal(elements(&b, "closed"), 1);
	assert_int_equal(elements(&b, "friends"), 1);
	assert_int_equal(elements(&b, "same"), 2);
	drop(&a);
	drop(&b);
}

static void a_bridge_is_a_name_of_sixteen_bytes(void **state)
{
	static const char key[32] = "br-lan\0\0\0\0\0\0\0\0\0\0br-lan";
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	const uint8_t *found;
	struct batch t;
	size_t size;

	(void)state;
	build(&t, &rules);
	found = first_element(&t, "inside", NFTA_SET_ELEM_KEY, &size);
	assert_int_equal(size, 16);
	assert_memory_equal(found, key, 16);
	found = first_element(&t, "same", NFTA_SET_ELEM_KEY, &size);
	assert_int_equal(size, 32);
	assert_memory_equal(found, key, 32);
	drop(&t);
}

/* From the first address of a network to its last, of each family that it has. */
static void who_is_at_home_is_a_range(void **state)
{
	static const uint8_t first[] = "br-lan\0\0\0\0\0\0\0\0\0\0\x0a\x59\x01\0";
	static const uint8_t last[] = "br-lan\0\0\0\0\0\0\0\0\0\0\x0a\x59\x01\xff";
	struct rule_network both[] = { lan, lan };
	struct rule_set rules = { .networks = both, .n_networks = 2 };
	struct batch t;
	size_t size;

	(void)state;
	both[0].subnet[FAMILY_V4] = (struct subnet){ IP_V4(0x0a590101), V4_BITS + 24 };
	both[1].subnet[FAMILY_V6] = (struct subnet){ { 0xfd00000000000000, 1 }, 64 };
	build(&t, &rules);
	assert_int_equal(elements(&t, "home"), 1);
	assert_int_equal(elements(&t, "home6"), 1);
	assert_memory_equal(first_element(&t, "home", NFTA_SET_ELEM_KEY, &size), first, 20);
	assert_memory_equal(first_element(&t, "home", NFTA_SET_ELEM_KEY_END, &size), last, 20);
	assert_int_equal(size, 20);
	assert_int_equal(first_element(&t, "home6", NFTA_SET_ELEM_KEY_END, &size)[16 + 15], 0xff);
	assert_int_equal(size, 32);
	drop(&t);
}

static void ports_go_to_the_map_of_their_address(void **state)
{
	static const uint8_t any_key[] = { 17, 0, 0, 0, 0x14, 0xe9, 0, 0 };
	static const uint8_t one_key[] = { 6, 0, 0, 0, 127, 0, 0, 1, 0x1f, 0x90, 0, 0 };
	static const uint8_t data[] = { 10, 89, 1, 2, 0, 80, 0, 0 };
	const struct rule_port ports[] = {
		{ { .host_addr = IP_V4(0x7f000001), .host = 8080, .inside = 80 },
			IP_V4(0x0a590102) },
		{ { .host = 5353, .inside = 53, .protocol = PORT_UDP }, IP_V4(0x0a590102) },
	};
	struct rule_set rules = { .networks = &lan, .n_networks = 1, .ports = ports, .n_ports = 2 };
	const uint8_t *found;
	struct batch t;
	size_t size;

	(void)state;
	build(&t, &rules);
	assert_int_equal(elements(&t, "ports"), 1);
	assert_int_equal(elements(&t, "addr_ports"), 1);
	found = first_element(&t, "ports", NFTA_SET_ELEM_KEY, &size);
	assert_int_equal(size, sizeof(any_key));
	assert_memory_equal(found, any_key, size);
	found = first_element(&t, "addr_ports", NFTA_SET_ELEM_KEY, &size);
	assert_int_equal(size, sizeof(one_key));
	assert_memory_equal(found, one_key, size);
	found = first_element(&t, "addr_ports", NFTA_SET_ELEM_DATA, &size);
	assert_int_equal(size, sizeof(data));
	assert_memory_equal(found, data, size);
	drop(&t);
}

/* Of a port without an address there is one for each family that the container has. */
static void ports_of_ipv6_have_maps_of_their_own(void **state)
{
	static const uint8_t one_key[] = { 132, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 9, 0x1f, 0x90, 0, 0 };
	static const uint8_t data[] = { 0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 80, 0,
		0 };
	const struct ip host = { 0xfd00000000000000, 9 }, inside = { 0xfd01000000000000, 2 };
	const struct rule_port ports[] = {
		{ { .host_addr = host, .host = 8080, .inside = 80, .protocol = PORT_SCTP },
			inside },
		{ { .host = 53, .inside = 53 }, inside },
		{ { .host = 53, .inside = 53 }, IP_V4(0x0a590102) },
		{ { .host_addr = IP_V4(0), .host = 54, .inside = 53 }, IP_V4(0x0a590102) },
	};
	struct rule_set rules = { .networks = &lan, .n_networks = 1, .ports = ports, .n_ports = 4 };
	const uint8_t *found;
	struct batch t;
	size_t size;

	(void)state;
	build(&t, &rules);
	assert_int_equal(elements(&t, "ports"), 2);
	assert_int_equal(elements(&t, "addr_ports"), 0);
	assert_int_equal(elements(&t, "ports6"), 1);
	assert_int_equal(elements(&t, "addr_ports6"), 1);
	found = first_element(&t, "addr_ports6", NFTA_SET_ELEM_KEY, &size);
	assert_int_equal(size, sizeof(one_key));
	assert_memory_equal(found, one_key, size);
	found = first_element(&t, "addr_ports6", NFTA_SET_ELEM_DATA, &size);
	assert_int_equal(size, sizeof(data));
	assert_memory_equal(found, data, size);
	drop(&t);
}

/* A kernel that has no table of both: those of IPv4, with no word of what only the other knows. */
static void without_tables_of_both_families_there_is_one_of_ipv4(void **state)
{
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	struct batch both, one;

	(void)state;
	build(&both, &rules);
	assert_int_equal(both.message[1].data[0], NFPROTO_INET);
	rules.v4_only = true;
	build(&one, &rules);
	assert_int_equal(one.message[1].data[0], NFPROTO_IPV4);
	assert_true(count(&one, NFT_MSG_NEWRULE) < count(&both, NFT_MSG_NEWRULE));
	assert_null(memmem(one.memory, one.b.used, "reject", 7));
	drop(&both);
	drop(&one);
}

static void who_may_have_so_many_connections(void **state)
{
	static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
	static struct rule_limit limits[1025];
	struct rule_set rules = { .networks = &lan, .n_networks = 1, .limits = limits };
	struct batch t;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		limits[i] = (struct rule_limit){ mac, i + 1 };
	for (rules.n_limits = 0; rules.n_limits <= 1025; rules.n_limits += 205) {
		build(&t, &rules);
		assert_int_equal(elements(&t, "busy"), rules.n_limits);
		if (rules.n_limits > 0)
			assert_memory_equal(first_element(&t, "busy", NFTA_SET_ELEM_KEY, &size),
				mac, 6);
		drop(&t);
	}
}

/* The names of a rule's expressions, in their order; and the nth of them. */
static const uint8_t *expressions(const struct nl_reply *rule, char names[256], size_t nth,
	size_t *size)
{
	size_t list_size, len, at = 0;
	const uint8_t *a = attributes(rule, &len), *found = NULL;
	const uint8_t *list = nl_find(a, len, NFTA_RULE_EXPRESSIONS, &list_size);

	names[0] = '\0';
	for (size_t i = 0; at < list_size; i++) {
		struct nlattr e;

		memcpy(&e, list + at, sizeof(e));
		a = list + at + sizeof(e);
		len = e.nla_len - sizeof(e);
		(void)snprintf(names + strlen(names), 256 - strlen(names), "%s%s", i > 0 ? " " : "",
			nl_find_str(a, len, NFTA_EXPR_NAME));
		if (i == nth)
			found = nl_find(a, len, NFTA_EXPR_DATA, size);
		at += NLA_ALIGN(e.nla_len);
	}
	return found;
}

static const struct nl_reply *first_rule(const struct batch *t, const char *chain)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t size;
		const uint8_t *a = attributes(&t->message[i], &size);

		if (t->message[i].type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) &&
			strcmp(nl_find_str(a, size, NFTA_RULE_CHAIN), chain) == 0)
			return &t->message[i];
	}
	return NULL;
}

static uint32_t flags_of_set(const struct batch *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t size;
		const uint8_t *a = attributes(&t->message[i], &size), *flags;

		if (t->message[i].type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET) &&
			strcmp(nl_find_str(a, size, NFTA_SET_NAME), name) == 0) {
			flags = nl_find(a, size, NFTA_SET_FLAGS, &size);
			return flags != NULL ? flags[3] : 0;
		}
	}
	return UINT32_MAX;
}

static void is_set_expression(const uint8_t *dynset, size_t size, const char *set, const char *each,
	uint32_t most)
{
	static const uint8_t first_register[4] = { 0, 0, 0, NFT_REG32_00 };
	uint8_t count[4];
	size_t len;

	put_be32(count, most);
	assert_string_equal(nl_find_str(dynset, size, NFTA_DYNSET_SET_NAME), set);
	assert_memory_equal(nl_find(dynset, size, NFTA_DYNSET_SREG_KEY, &len), first_register, 4);
	dynset = nl_find(dynset, size, NFTA_DYNSET_EXPR, &size);
	assert_string_equal(nl_find_str(dynset, size, NFTA_EXPR_NAME), each);
	if (most != 0) {
		dynset = nl_find(dynset, size, NFTA_EXPR_DATA, &size);
		assert_memory_equal(nl_find(dynset, size, NFTA_CONNLIMIT_COUNT, &len), count, 4);
	}
}

/* Before all others, as one of them may accept; who has a limit of its own is not in it. Both count whom they stop. */
static void who_has_no_limit_has_a_share(void **state)
{
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	struct batch without, with;
	const uint8_t *found;
	char names[256];
	size_t size;

	(void)state;
	build(&without, &rules);
	(void)expressions(first_rule(&without, "prerouting"), names, 0, &size);
	assert_string_equal(names, "meta lookup payload lookup dynset immediate");
	rules.share = 0x1234;
	build(&with, &rules);
	assert_int_equal(count(&with, NFT_MSG_NEWRULE), count(&without, NFT_MSG_NEWRULE) + 1);
	found = expressions(first_rule(&with, "prerouting"), names, 3, &size);
	assert_string_equal(names, "meta lookup payload lookup dynset dynset immediate");
	assert_string_equal(nl_find_str(found, size, NFTA_LOOKUP_SET), "busy");
	assert_non_null(nl_find(found, size, NFTA_LOOKUP_FLAGS, &size));
	found = expressions(first_rule(&with, "prerouting"), names, 4, &size);
	is_set_expression(found, size, "share", "connlimit", 0x1234);
	found = expressions(first_rule(&with, "prerouting"), names, 5, &size);
	is_set_expression(found, size, "stopped", "counter", 0);
	assert_int_equal(flags_of_set(&with, "share"), NFT_SET_EVAL);
	assert_int_equal(flags_of_set(&with, "stopped"), NFT_SET_EVAL);
	assert_int_equal(flags_of_set(&with, "busy"), 0);
	drop(&without);
	drop(&with);
}

/* Without nft_connlimit the table is the same, but for what needs it. */
static void a_kernel_that_cannot_count_connections_does_not(void **state)
{
	static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
	static const struct rule_limit limit = { mac, 5 };
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	struct batch plain, t;

	(void)state;
	build(&plain, &rules);
	rules.limits = &limit;
	rules.n_limits = 1;
	rules.share = 4096;
	build(&t, &rules);
	assert_non_null(memmem(t.memory, t.b.used, "connlimit", 9));
	drop(&t);
	rules.unbounded = true;
	build(&t, &rules);
	assert_null(memmem(t.memory, t.b.used, "connlimit", 9));
	assert_int_equal(t.b.used, plain.b.used);
	drop(&t);
	drop(&plain);
}

static void who_was_stopped_is_asked_for_in_the_table_that_there_is(void **state)
{
	static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
	_Alignas(8) uint8_t memory[256];
	const uint8_t *a;
	struct nl_reply r;
	struct nl_buf b;

	(void)state;
	for (int v4_only = 0; v4_only < 2; v4_only++) {
		size_t at = 0, size;

		nl_init(&b, memory, sizeof(memory));
		rules_ask(&b, v4_only != 0, mac);
		assert_false(b.overflow);
		assert_int_equal(b.notes[0].accept, ENOENT);
		assert_true(nl_next(&r, memory, b.used, &at));
		assert_int_equal(r.type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM);
		assert_int_equal(r.data[0], v4_only != 0 ? NFPROTO_IPV4 : NFPROTO_INET);
		a = attributes(&r, &size);
		assert_string_equal(nl_find_str(a, size, NFTA_SET_ELEM_LIST_SET), "stopped");
		assert_non_null(memmem(memory, b.used, mac, sizeof(mac)));
	}
}

/* Longest names and most elements: the size that is promised holds, at each edge of a message too. */
static void memory_is_enough_for_any_number(void **state)
{
	static const size_t numbers[] = { 1, 2, 511, 512, 513, 1023, 1024, 1025, 3000 };
	static struct rule_network networks[3000];
	static struct rule_port ports[3000];
	struct rule_set rules = { .networks = networks, .ports = ports };
	struct batch t;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		(void)snprintf(networks[i].bridge, IF_NAME_MAX, "longest-is-%04zu", i);
		networks[i].internal = i % 2 == 0;
		networks[i].subnet[FAMILY_V4] = (struct subnet){ IP_V4(1), V4_BITS + 24 };
		networks[i].subnet[FAMILY_V6] = (struct subnet){ { 1, 1 }, 64 };
		ports[i].port = (struct port){ .host_addr = IP_V4(1), .host = (uint16_t)(i + 1) };
		ports[i].addr = ip_v4(2);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		rules.n_networks = rules.n_ports = numbers[i];
		build(&t, &rules);
		assert_int_equal(elements(&t, "inside"), numbers[i]);
		assert_int_equal(elements(&t, "home6"), numbers[i]);
		assert_int_equal(elements(&t, "addr_ports"), numbers[i]);
		drop(&t);
		rules.n_networks = 1;
		build(&t, &rules);
		drop(&t);
	}
	for (size_t i = 0; i < 3000; i++) {
		ports[i].port.host_addr = (struct ip){ 1, 1 };
		ports[i].addr = (struct ip){ 1, 2 };
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		rules.n_ports = numbers[i];
		build(&t, &rules);
		assert_int_equal(elements(&t, "addr_ports6"), numbers[i]);
		drop(&t);
	}
}

static void too_little_memory_is_said_and_not_overrun(void **state)
{
	const struct rule_port port = { { .host = 1, .inside = 1 }, IP_V4(1) };
	struct rule_set rules = { .networks = &lan, .n_networks = 1, .ports = &port, .n_ports = 1 };
	struct batch whole;

	(void)state;
	build(&whole, &rules);
	for (size_t size = 0; size < whole.b.used; size += 37) {
		uint8_t *memory = malloc(size > 0 ? size : 1);
		struct nl_buf b;

		nl_init(&b, memory, size);
		rules_build(&b, &rules);
		assert_true(b.overflow);
		free(memory);
	}
	drop(&whole);
}

/* With as many rules: one of them drops where it would say that it is not allowed. */
static void a_kernel_that_cannot_refuse_drops(void **state)
{
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	struct batch a, b;

	(void)state;
	build(&a, &rules);
	rules.silent = true;
	build(&b, &rules);
	assert_int_equal(count(&a, NFT_MSG_NEWRULE), count(&b, NFT_MSG_NEWRULE));
	assert_non_null(memmem(a.memory, a.b.used, "reject", 7));
	assert_null(memmem(b.memory, b.b.used, "reject", 7));
	drop(&a);
	drop(&b);
}

/* Every message says what it is for, so that no refusal is a mere number. */
static void every_message_has_a_note(void **state)
{
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	struct batch t;

	(void)state;
	build(&t, &rules);
	assert_true(t.n <= NL_NOTES);
	for (size_t i = 0; i < t.n; i++) {
		assert_non_null(t.b.notes[i].what);
		assert_non_null(t.b.notes[i].object);
	}
	drop(&t);
}

/* Every chain that a rule stands in or jumps to, and every set it looks into, is made before it. */
static void nothing_is_used_before_it_is_made(void **state)
{
	struct rule_set rules = { .networks = &lan, .n_networks = 1 };
	size_t size, last_made = 0, first_rule = SIZE_MAX;
	struct batch t;

	(void)state;
	build(&t, &rules);
	for (size_t i = 0; i < t.n; i++) {
		uint16_t type = t.message[i].type & 0xff;
		const uint8_t *a = attributes(&t.message[i], &size);

		if ((t.message[i].type >> 8) != NFNL_SUBSYS_NFTABLES)
			continue;
		/* The table is the first attribute of all of them, and always ours. */
		assert_string_equal(nl_find_str(a, size, NFTA_TABLE_NAME), RULES_TABLE);
		if (type == NFT_MSG_NEWSET || type == NFT_MSG_NEWCHAIN)
			last_made = i;
		if (type == NFT_MSG_NEWRULE && first_rule == SIZE_MAX)
			first_rule = i;
	}
	assert_true(last_made < first_rule);
	drop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_one_transaction_with_one_answer),
		cmocka_unit_test(no_networks_remove_the_table),
		cmocka_unit_test(networks_are_elements_not_rules),
		cmocka_unit_test(a_bridge_is_a_name_of_sixteen_bytes),
		cmocka_unit_test(who_is_at_home_is_a_range),
		cmocka_unit_test(ports_go_to_the_map_of_their_address),
		cmocka_unit_test(ports_of_ipv6_have_maps_of_their_own),
		cmocka_unit_test(without_tables_of_both_families_there_is_one_of_ipv4),
		cmocka_unit_test(who_may_have_so_many_connections),
		cmocka_unit_test(who_has_no_limit_has_a_share),
		cmocka_unit_test(a_kernel_that_cannot_count_connections_does_not),
		cmocka_unit_test(who_was_stopped_is_asked_for_in_the_table_that_there_is),
		cmocka_unit_test(memory_is_enough_for_any_number),
		cmocka_unit_test(too_little_memory_is_said_and_not_overrun),
		cmocka_unit_test(a_kernel_that_cannot_refuse_drops),
		cmocka_unit_test(every_message_has_a_note),
		cmocka_unit_test(nothing_is_used_before_it_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
