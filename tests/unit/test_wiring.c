/* The networks' plans (names, addresses, sizes), the requests made of them, and the links that are read. */
#include "common/util.h"
#include "supervisor/core/net/rt.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct pool pools[FAMILY_COUNT] = { [FAMILY_V4] = {
							 .network = "lan.network",
							 .subnet = { IP_V4(0x0a580000),
								 V4_BITS + 24 },
							 .gateway = IP_V4(0x0a580001),
						 } };
static const struct network_use usual = { 0 };
static const struct ip some_addr[FAMILY_COUNT] = { [FAMILY_V4] = IP_V4(9) };

static const struct {
	const char *unit, *wanted, *name; /* name: what it begins with when it ends with '*' */
} names[] = {
	{ "lan.network", NULL, "lan" },
	{ "Lan_1-a.network", NULL, "Lan_1-a" },
	{ "a.b.network", NULL, "a.b" },
	{ "lan.network", "br0.7", "br0.7" },
	{ "lan.network", "Z9", "Z9" },
	{ "lan.network", "fifteenletters1", "fifteenletters1" },
	{ "all.network", NULL, "all-*" },
	{ "default.network", NULL, "defaul-*" },
	{ "lo.network", NULL, "lo-*" },
	{ "loo.network", NULL, "loo" },
	{ "a@b.network", NULL, "a_b-*" },
	{ "a:b.network", NULL, "a_b-*" },
	{ "the-network-of-all.network", NULL, "the-ne-*" },
};

static void test_name_of_a_bridge(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct unit u = {
			.name = (char *)names[i].unit,
			.kind = KIND_NETWORK,
			.network.interface_name = (char *)names[i].wanted,
		};
		struct bridge_plan p;

		bridge_plan_make(&p, &u, pools, "m");
		if (names[i].name[strlen(names[i].name) - 1] != '*') {
			assert_string_equal(p.name, names[i].name);
			continue;
		}
		assert_memory_equal(p.name, names[i].name, strlen(names[i].name) - 1);
		assert_int_equal(strlen(p.name), strlen(names[i].name) - 1 + 8);
	}
}

static void test_names_that_are_none(void **state)
{
	static const char *const none[] = { "sixteen-letters1", "", ".", "..", ".hidden", "a b",
		"a/b", "a{b", "a^b", "a:b", "all", "default", "lo" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_false(if_name_ok(none[i], strlen(none[i])));
	assert_true(if_name_ok("alll", 4));
	assert_true(if_name_ok("defaults", 8));
	assert_true(if_name_ok("al", 2));
}

static const struct {
	const char *text;
	uint32_t mtu; /* 0: refused */
} sizes[] = {
	{ "576", 576 },
	{ "1500", 1500 },
	{ "65535", 65535 },
	{ "575", 0 },
	{ "65536", 0 },
	{ "99999999999999999999", 0 },
	{ "", 0 },
	{ "15 00", 0 },
	{ "1500b", 0 },
	{ "-1", 0 },
};

static void test_size_of_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct setting options[] = {
			{ .name = "isolate", .value = "true" },
			{ .name = "mtu", .value = (char *)sizes[i].text },
		};
		const struct settings given = { options, ARRAY_LEN(options) };
		struct bridge_plan p;
		struct err e = { 0 };

		assert_int_equal(bridge_options(&p, &given, &e), sizes[i].mtu ? 0 : -1);
		if (sizes[i].mtu != 0)
			assert_int_equal(p.mtu, sizes[i].mtu);
		else
			assert_non_null(strstr(e.msg, "not a number from 576 to 65535"));
	}
}

static void test_isolation_of_neighbours(void **state)
{
	static const struct {
		const char *value;
		int rc;
		bool strict;
	} rows[] = { { "true", 0, false }, { "false", 0, false }, { "strict", 0, true },
		{ "", -1, false }, { "yes", -1, false }, { "strictly", -1, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct setting option = { "isolate", rows[i].value };
		struct bridge_plan bridge = { .unit = "lan.network" };
		struct attach_plan port;
		struct err e = { 0 };

		assert_int_equal(bridge_options(&bridge, &(struct settings){ &option, 1 }, &e),
			rows[i].rc);
		if (rows[i].rc < 0)
			assert_non_null(strstr(e.msg, "none of true, false, strict"));
		attach_plan_make(&port, "web.container", 0, &usual, &bridge, some_addr, "m");
		assert_int_equal(port.strict, rows[i].strict);
	}
}

static void test_container_on_an_internal_network_has_no_route(void **state)
{
	static const struct bridge_plan open = {
		.unit = "a.network", .name = "a", .at[FAMILY_V4] = { IP_V4(7), V4_BITS + 24 }
	};
	static const struct bridge_plan closed = { .unit = "b.network",
		.name = "b",
		.at[FAMILY_V4] = { IP_V4(7), V4_BITS + 24 },
		.internal = true };
	struct attach_plan p, q;

	(void)state;
	attach_plan_make(&p, "web.container", 0, &usual, &open, some_addr, "m");
	assert_true(ip_same(p.at[FAMILY_V4].gateway, ip_v4(7)));
	assert_string_equal(p.bridge, "a");
	attach_plan_make(&q, "web.container", 0, &usual, &closed, some_addr, "m");
	assert_false(ip_is_set(q.at[FAMILY_V4].gateway));
	assert_string_not_equal(p.host_if, q.host_if);
	assert_memory_not_equal(p.mac, q.mac, MAC_LEN);
}

static uint32_t number_of(const struct nl_reply *r, uint16_t type)
{
	size_t size = 0;
	const void *at = nl_find(r->data + sizeof(struct ifinfomsg),
		r->size - sizeof(struct ifinfomsg), type, &size);
	uint32_t value = 0;

	if (at != NULL && size == sizeof(value))
		memcpy(&value, at, sizeof(value));
	return value;
}

/* Only what is asked for is said: whatever stands in the message changes the link. */
static void test_change_says_only_what_it_changes(void **state)
{
	static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
	static const struct {
		int index;
		struct rt_change change;
		unsigned int flags, mask;
		int accept;
		const char *what;
	} cases[] = {
		{ 4, { 0 }, 0, 0, 0, "set up interface" },
		{ 4, { .up = true }, IFF_UP, IFF_UP, 0, "set up interface" },
		{ 4, { .down = true }, 0, IFF_UP, ENODEV, "set up interface" },
		{ 0, { .master = 3, .up = true }, IFF_UP, IFF_UP, 0, "put into its bridge" },
		{ 4, { .mtu = 1400 }, 0, 0, 0, "set up interface" },
		{ 4, { .alias = "a", .mac = mac }, 0, 0, 0, "set up interface" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct rt_change *c = &cases[i].change;
		_Alignas(8) uint8_t memory[256];
		struct ifinfomsg m;
		struct nl_reply r;
		struct nl_buf b;
		size_t at = 0, size, attrs;

		nl_init(&b, memory, sizeof(memory));
		rt_link_change(&b, cases[i].index, "eth7", c);
		assert_string_equal(b.notes[0].what, cases[i].what);
		assert_int_equal(b.notes[0].accept, cases[i].accept);
		assert_true(nl_next(&r, memory, b.used, &at));
		assert_int_equal(r.type, RTM_SETLINK);
		memcpy(&m, r.data, sizeof(m));
		assert_int_equal(m.ifi_index, cases[i].index);
		assert_int_equal(m.ifi_flags, cases[i].flags);
		assert_int_equal(m.ifi_change, cases[i].mask);
		assert_int_equal(number_of(&r, IFLA_MASTER), c->master);
		assert_int_equal(number_of(&r, IFLA_MTU), c->mtu);
		attrs = r.size - sizeof(m);
		assert_int_equal(nl_find(r.data + sizeof(m), attrs, IFLA_ADDRESS, &size) != NULL,
			c->mac != NULL);
		assert_int_equal(nl_find_str(r.data + sizeof(m), attrs, IFLA_IFALIAS) != NULL,
			c->alias != NULL);
		assert_int_equal(nl_find_str(r.data + sizeof(m), attrs, IFLA_IFNAME) != NULL,
			cases[i].index == 0);
	}
}

static void begin_link(struct nl_buf *b, void *memory, size_t size)
{
	static const struct ifinfomsg m = { .ifi_index = 12 };

	nl_init(b, memory, size);
	nl_begin(b, RTM_NEWLINK, 0, &m, sizeof(m));
}

static bool read_first(struct rt_link *link, const struct nl_buf *b)
{
	struct nl_reply r;
	size_t at = 0;

	assert_true(nl_next(&r, b->data, b->used, &at));
	return rt_link_read(link, &r);
}

static void test_link_is_read(void **state)
{
	_Alignas(8) uint8_t memory[256];
	struct rt_link link;
	struct nl_buf b;
	size_t nest;

	(void)state;
	begin_link(&b, memory, sizeof(memory));
	nl_str(&b, IFLA_IFNAME, "lan");
	assert_true(read_first(&link, &b));
	assert_int_equal(link.index, 12);
	assert_string_equal(link.name, "lan");
	assert_int_equal(link.peer, 0);
	assert_null(link.kind);
	assert_null(link.alias);

	nl_u32(&b, IFLA_LINK, 31);
	nl_str(&b, IFLA_IFALIAS, "sup");
	nest = nl_nest(&b, IFLA_LINKINFO);
	nl_str(&b, IFLA_INFO_KIND, "veth");
	nl_nest_end(&b, nest);
	assert_true(read_first(&link, &b));
	assert_int_equal(link.peer, 31);
	assert_string_equal(link.kind, "veth");
	assert_string_equal(link.alias, "sup");
}

static void test_what_is_no_link_is_not_read(void **state)
{
	_Alignas(8) uint8_t memory[256];
	struct rt_link link;
	struct nl_buf b;

	(void)state;
	begin_link(&b, memory, sizeof(memory)); /* without a name */
	nl_put(&b, IFLA_LINK, "xx", 2);
	assert_false(read_first(&link, &b));
	assert_int_equal(link.peer, 0);

	nl_init(&b, memory, sizeof(memory)); /* too short */
	nl_begin(&b, RTM_NEWLINK, 0, "abc", 3);
	assert_false(read_first(&link, &b));

	nl_init(&b, memory, sizeof(memory)); /* another message */
	nl_begin(&b, RTM_NEWADDR, 0, memory, 0);
	assert_false(read_first(&link, &b));
}

static void test_link_without_a_size_keeps_that_of_the_kernel(void **state)
{
	static const struct bridge_plan p = { .name = "lan" };
	_Alignas(8) uint8_t memory[256];
	struct nl_reply r;
	struct nl_buf b;
	size_t at = 0, size;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	rt_bridge_add(&b, &p);
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_null(nl_find(r.data + sizeof(struct ifinfomsg), r.size - sizeof(struct ifinfomsg),
		IFLA_MTU, &size));
}

/* More messages than notes: what a later one is for is not known, nothing else is lost. */
static void test_more_messages_than_notes(void **state)
{
	static uint8_t memory[(NL_NOTES + 2) * 64];
	struct nl_buf b;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	nl_flag(&b, NLM_F_ACK); /* no message to flag */
	nl_note(&b, "nothing", "none", 0);
	assert_int_equal(b.used, 0);
	assert_null(b.notes[0].what);
	for (size_t i = 0; i < NL_NOTES + 1; i++)
		rt_link_dump(&b);
	assert_false(b.overflow);
	assert_int_equal(b.seq, NL_NOTES + 1);
	assert_string_equal(b.notes[NL_NOTES - 1].object, "interfaces");
}

static void test_refusal_without_a_text(void **state)
{
	static const struct {
		uint16_t flags;
		int error, wanted;
	} cases[] = {
		{ 0, -EPERM, EPERM },
		{ NLM_F_ACK_TLVS | NLM_F_CAPPED, 0, 0 },
		{ NLM_F_ACK_TLVS, -EBUSY, EBUSY },
		{ 0, 5, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct nlmsgerr inner = { .error = cases[i].error };
		_Alignas(8) uint8_t memory[128];
		struct nl_reply r;
		struct nl_buf b;
		size_t at = 0;

		nl_init(&b, memory, sizeof(memory));
		nl_begin(&b, NLMSG_ERROR, cases[i].flags, &inner, sizeof(inner));
		assert_true(nl_next(&r, memory, b.used, &at));
		assert_int_equal(r.error, cases[i].wanted);
		assert_null(r.text);
		at = sizeof(memory) + 1;
		assert_false(nl_next(&r, memory, sizeof(memory), &at));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_of_a_bridge),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_size_of_packets),
		cmocka_unit_test(test_isolation_of_neighbours),
		cmocka_unit_test(test_container_on_an_internal_network_has_no_route),
		cmocka_unit_test(test_change_says_only_what_it_changes),
		cmocka_unit_test(test_link_is_read),
		cmocka_unit_test(test_what_is_no_link_is_not_read),
		cmocka_unit_test(test_link_without_a_size_keeps_that_of_the_kernel),
		cmocka_unit_test(test_more_messages_than_notes),
		cmocka_unit_test(test_refusal_without_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
