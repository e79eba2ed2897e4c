/*
 * The table that keeps containers from posing as each other, as a batch. That it does what it says is tried with frames in
 * the ns ring.
 */
#include "supervisor/core/net/guard.h"

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

#define MEMBERS 3000

static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
static const struct guard_member web = { .guarded = true,
	.port = "vweb-12345678",
	.mac = mac,
	.addr = { [FAMILY_V4] = IP_V4(0x0a590102) } };

struct counts {
	size_t of[NFT_MSG_MAX];
	size_t elements;
};

static size_t count_elements(const struct nl_reply *r)
{
	size_t size, n = 0;
	const uint8_t *list = nl_find(r->data + sizeof(struct nfgenmsg),
		r->size - sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS, &size);

	for (size_t at = 0; at < size; n++) {
		struct nlattr e;

		memcpy(&e, list + at, sizeof(e));
		at += NLA_ALIGN(e.nla_len);
	}
	return n;
}

/* All messages of the batch are of the bridge's family, and have a note. */
static struct counts look(const struct nl_buf *b)
{
	struct counts c = { 0 };
	struct nl_reply r;
	size_t at = 0, n = 0;

	assert_false(b->overflow);
	while (at < b->used) {
		assert_true(nl_next(&r, b->data, b->used, &at));
		if (n++ < NL_NOTES)
			assert_non_null(b->notes[n - 1].what);
		if (r.type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;
		assert_int_equal(r.data[0], NFPROTO_BRIDGE);
		c.of[r.type & 0xff]++;
		if ((r.type & 0xff) == NFT_MSG_NEWSETELEM || (r.type & 0xff) == NFT_MSG_DELSETELEM)
			c.elements += count_elements(&r);
	}
	return c;
}

/* Memory of exactly guard_size, so that a sanitizer sees a byte too much. */
static struct counts build(const struct guard_member *members, size_t n)
{
	void *memory = malloc(guard_size(n));
	struct counts c;
	struct nl_buf b;

	assert_non_null(memory);
	nl_init(&b, memory, guard_size(n));
	guard_build(&b, members, n);
	c = look(&b);
	free(memory);
	return c;
}

static void everybody_is_in_each_set(void **state)
{
	static const size_t numbers[] = { 1, 2, 511, 512, 513, 1024, 1025, MEMBERS };
	static struct guard_member members[MEMBERS];
	static char ports[MEMBERS][IF_NAME_MAX];
	size_t rules = build(&web, 1).of[NFT_MSG_NEWRULE];

	(void)state;
	assert_true(rules > 0);
	for (size_t i = 0; i < MEMBERS; i++) {
		(void)snprintf(ports[i], IF_NAME_MAX, "longest-is-%04zu", i);
		members[i] = (struct guard_member){ ports[i], mac,
			{ [FAMILY_V4] = ip_v4((uint32_t)i) }, true, 0, 0 };
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct counts c = build(members, numbers[i]);

		assert_int_equal(c.elements, 2 * numbers[i]);
		assert_int_equal(c.of[NFT_MSG_NEWRULE], rules);
	}
	/* Of IPv6 three more: none, that of the link, its own. Of limits: the two, and the count of what is too much. */
	for (size_t i = 0; i < MEMBERS; i++) {
		members[i].addr[FAMILY_V6] = (struct ip){ 0xfd00000000000000, i + 2 };
		members[i].sent_most = members[i].given_most = UINT64_MAX;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_int_equal(build(members, numbers[i]).elements, 8 * numbers[i]);
}

static void who_is_not_guarded_has_limits_alone(void **state)
{
	struct guard_member m = web;

	(void)state;
	assert_true(guard_knows(&m));
	m.guarded = false;
	assert_false(guard_knows(&m));
	m.sent_most = 1000;
	assert_true(guard_knows(&m));
	assert_int_equal(build(&m, 1).elements, 2);
}

static void with_nobody_there_is_no_table(void **state)
{
	struct counts c = build(NULL, 0);

	(void)state;
	assert_int_equal(c.of[NFT_MSG_NEWTABLE], 1);
	assert_int_equal(c.of[NFT_MSG_DELTABLE], 1);
	assert_int_equal(c.of[NFT_MSG_NEWCHAIN] + c.of[NFT_MSG_NEWRULE] + c.of[NFT_MSG_NEWSET], 0);
}

static struct counts change(bool comes)
{
	void *memory = malloc(guard_size(1));
	struct counts c;
	struct nl_buf b;

	assert_non_null(memory);
	nl_init(&b, memory, guard_size(1));
	guard_change(&b, &web, comes);
	c = look(&b);
	free(memory);
	return c;
}

static void one_comes_and_goes(void **state)
{
	struct counts comes = change(true), goes = change(false);

	(void)state;
	assert_int_equal(comes.elements, 2);
	assert_int_equal(comes.of[NFT_MSG_DELSETELEM], 0);
	/* Taking out what is not there would be refused, so it is put in before. */
	assert_int_equal(goes.elements, 2 * 2);
	assert_int_equal(goes.of[NFT_MSG_DELSETELEM], goes.of[NFT_MSG_NEWSETELEM]);
	assert_int_equal(comes.of[NFT_MSG_NEWRULE] + goes.of[NFT_MSG_NEWRULE], 0);
}

/* As the kernel compares it: the name in sixteen bytes, the addresses as they are in a packet. */
static void keys_are_as_in_packets(void **state)
{
#define PORT_AND_MAC "vweb-12345678\0\0\0\x02\x01\x02\x03\x04\x05\0\0"
	static const uint8_t addr[] = PORT_AND_MAC "\x0a\x59\x01\x02";
	static const uint8_t addr6[] = PORT_AND_MAC "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07";
	static const uint8_t link[] = PORT_AND_MAC
		"\xfe\x80\0\0\0\0\0\0\x00\x01\x02\xff\xfe\x03\x04\x05";
	struct guard_member both = web;
	uint8_t memory[16384];
	struct nl_buf b;

	(void)state;
	both.addr[FAMILY_V6] = (struct ip){ 0xfd00000000000000, 7 };
	nl_init(&b, memory, sizeof(memory));
	guard_build(&b, &both, 1);
	assert_false(b.overflow);
	assert_non_null(memmem(memory, b.used, addr, sizeof(addr) - 1));
	assert_non_null(memmem(memory, b.used, addr6, sizeof(addr6) - 1));
	assert_non_null(memmem(memory, b.used, link, sizeof(link) - 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_is_in_each_set),
		cmocka_unit_test(who_is_not_guarded_has_limits_alone),
		cmocka_unit_test(with_nobody_there_is_no_table),
		cmocka_unit_test(one_comes_and_goes),
		cmocka_unit_test(keys_are_as_in_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
