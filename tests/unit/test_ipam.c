/* Subnets of networks, addresses of containers, and that both stay. */
#include "common/util.h"
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/net/wiring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct leases leases;
	struct err e;
};

static const struct ip none = { 0 };

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	return 0;
}

static struct subnet net(const char *text)
{
	struct subnet s;

	assert_int_equal(subnet_parse(&s, text), 0);
	return s;
}

static struct ip addr(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(&ip, text), 0);
	return ip;
}

static struct unit network(const char *name, const char *subnet)
{
	struct unit u = { .name = name, .kind = KIND_NETWORK };

	if (subnet != NULL)
		u.network.subnet[FAMILY_V4] = net(subnet);
	return u;
}

static const struct taken nothing = { 0 };

static struct pool pool_of(struct fixture *f, const struct unit *u)
{
	struct pool p;

	assert_int_equal(ipam_pool(&p, u, FAMILY_V4, "machine", &f->leases, &f->arena, &nothing,
				 &f->e),
		0);
	return p;
}

static void expect_subnet(const struct pool *p, const char *text)
{
	char buf[IP_TEXT_MAX];

	assert_string_equal(subnet_text(buf, &p->subnet), text);
}

/* The address given out, as text, or the error. */
static const char *assign(struct fixture *f, const struct pool *p, const char *unit, const char *ip)
{
	struct ip at;

	if (ipam_assign(&f->leases, &f->arena, p, unit, ip != NULL ? addr(ip) : none, &at, &f->e) <
		0)
		return f->e.msg;
	return ip_text(arena_alloc(&f->arena, IP_TEXT_MAX), at);
}

static void networks_without_subnet_get_podmans(void **state)
{
	struct fixture *f = *state;
	struct unit sup0 = network("sup0.network", NULL), a = network("a.network", NULL),
		    b = network("b.network", NULL);
	struct pool p;

	p = pool_of(f, &sup0);
	expect_subnet(&p, "10.88.0.0/21");
	assert_true(ip_same(p.gateway, ip_v4(0x0a580001)));
	p = pool_of(f, &a);
	expect_subnet(&p, "10.89.0.0/24");
	p = pool_of(f, &b);
	expect_subnet(&p, "10.89.1.0/24");
	p = pool_of(f, &a);
	expect_subnet(&p, "10.89.0.0/24");
}

static void taken_subnets_are_avoided_even_when_leased(void **state)
{
	struct fixture *f = *state;
	struct unit sup0 = network("sup0.network", NULL), a = network("a.network", NULL);
	struct subnet some[] = { net("10.88.3.0/24"), net("10.89.0.0/23") },
		      all = net("10.89.0.0/16");
	const struct taken taken = { some, 2, false }, everything = { &all, 1, false };
	struct pool p;

	p = pool_of(f, &a);
	assert_int_equal(ipam_pool(&p, &a, FAMILY_V4, "machine", &f->leases, &f->arena, &taken,
				 &f->e),
		0);
	expect_subnet(&p, "10.89.2.0/24");
	assert_int_equal(f->leases.n, 1);
	assert_int_equal(ipam_pool(&p, &sup0, FAMILY_V4, "machine", &f->leases, &f->arena, &taken,
				 &f->e),
		0);
	expect_subnet(&p, "10.89.3.0/24");
	assert_int_equal(ipam_pool(&p, &a, FAMILY_V4, "machine", &f->leases, &f->arena, &everything,
				 &f->e),
		-1);
	assert_string_equal(f->e.msg,
		"a.network: no free subnet is left in 10.89.0.0/16, give it Subnet=");
}

/* A bridge that is there has the address it was given, whoever has come to it since. */
static void what_stands_keeps_its_subnet(void **state)
{
	struct fixture *f = *state;
	struct unit sup0 = network("sup0.network", NULL);
	struct subnet some[] = { net("10.88.3.0/24"), net("10.89.0.0/24") };
	struct taken taken = { some, 1, false };
	struct pool p;

	assert_int_equal(ipam_pool(&p, &sup0, FAMILY_V4, "machine", &f->leases, &f->arena, &taken,
				 &f->e),
		0);
	expect_subnet(&p, "10.89.0.0/24");
	/* 10.88.0.0/21 is free again, and what it has is not */
	taken = (struct taken){ some + 1, 1, true };
	assert_int_equal(ipam_pool(&p, &sup0, FAMILY_V4, "machine", &f->leases, &f->arena, &taken,
				 &f->e),
		0);
	expect_subnet(&p, "10.89.0.0/24");
	f->leases.changed = false;
	p = pool_of(f, &sup0);
	expect_subnet(&p, "10.88.0.0/21");
	assert_true(f->leases.changed);
	assert_int_equal(f->leases.n, 1);
	/* The same again is nothing new. */
	f->leases.changed = false;
	p = pool_of(f, &sup0);
	assert_false(f->leases.changed);
}

/* Of the host's subnets: one that leaves nothing to choose cannot be kept clear of. */
static void wide_subnets_are_not_avoided(void **state)
{
	static const struct {
		const char *text;
		bool avoids;
	} rows[] = { { "10.89.7.1/24", true }, { "10.88.0.1/16", true }, { "10.89.128.0/17", true },
		{ "10.89.0.1/16", false }, { "10.0.0.5/8", false }, { "192.168.0.0/16", true },
		{ "fd00::1/8", false }, { "fd01::1/48", true }, { "fd01::1/47", false },
		{ "fd01::1/64", true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subnet s = net(rows[i].text);

		assert_int_equal(ipam_avoids(&s), rows[i].avoids);
	}
}

static struct pool pool6_of(struct fixture *f, const struct unit *u, const char *machine)
{
	struct pool p;

	assert_int_equal(ipam_pool(&p, u, FAMILY_V6, machine, &f->leases, &f->arena, &nothing,
				 &f->e),
		0);
	return p;
}

/* RFC 4193: of fd00::/8, by machine and name, and the same as long as there is a lease. */
static void ipv6_subnet_is_derived_and_stays(void **state)
{
	struct fixture *f = *state;
	struct unit a = network("a.network", NULL), b = network("b.network", NULL);
	const struct subnet local = { { .hi = 0xfdULL << 56 }, 8 };
	const struct subnet other = { { .hi = 0xfd4fb2e7b21d2cba }, 64 };
	struct pool p, q;

	p = pool6_of(f, &a, "machine");
	expect_subnet(&p, "fd4f:b2e7:b21d:2cba::/64");
	assert_true(subnet_has(&local, p.subnet.addr));
	q = pool6_of(f, &b, "machine");
	assert_false(subnet_overlap(&p.subnet, &q.subnet));
	f->leases.n = 0;
	q = pool6_of(f, &a, "other machine");
	assert_false(subnet_overlap(&p.subnet, &q.subnet));
	/* A machine that gets another id keeps what it has. */
	p = pool6_of(f, &a, "machine");
	assert_true(ip_same(p.subnet.addr, q.subnet.addr));
	/* One that another has is not given again. */
	f->leases.n = 0;
	assert_int_equal(ipam_pool(&q, &a, FAMILY_V6, "machine", &f->leases, &f->arena,
				 &(struct taken){ &other, 1, false }, &f->e),
		0);
	expect_subnet(&q, "fd4f:b2e7:b21d:2cbb::/64");
}

static void families_have_leases_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", "10.1.0.0/24");
	struct leases again = { 0 };
	struct pool p, q;
	const char *text;

	u.network.subnet[FAMILY_V6] = net("fd01::/64");
	p = pool_of(f, &u);
	q = pool6_of(f, &u, "machine");
	assert_string_equal(assign(f, &p, "a.container", NULL), "10.1.0.2");
	assert_string_equal(assign(f, &q, "a.container", NULL), "fd01::2");
	assert_string_equal(assign(f, &q, "b.container", "fd01::7:1"), "fd01::7:1");
	assert_string_equal(assign(f, &q, "a.container", NULL), "fd01::2");
	assert_string_equal(assign(f, &q, "c.container", "fd01::"),
		"IP6=fd01:: is not an address of a host in the subnet fd01::/64 of lan.network");
	assert_string_equal(assign(f, &q, "c.container", "fd01::1"),
		"IP6=fd01::1 is the gateway of lan.network");
	text = ipam_print(&f->leases, &f->arena);
	assert_string_equal(text,
		"# Addresses given out by sup: unit, network, address. Kept so that they stay.\n"
		"a.container lan.network 10.1.0.2/32\na.container lan.network fd01::2/128\n"
		"b.container lan.network fd01::7:1/128\n");
	ipam_parse(&again, text, &f->arena);
	assert_string_equal(ipam_print(&again, &f->arena), text);
}

static void addresses_are_the_lowest_free_and_stay(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", "10.1.0.0/29");
	struct pool p = pool_of(f, &u);

	assert_string_equal(assign(f, &p, "a.container", NULL), "10.1.0.2");
	assert_string_equal(assign(f, &p, "b.container", NULL), "10.1.0.3");
	assert_string_equal(assign(f, &p, "a.container", NULL), "10.1.0.2");
	assert_string_equal(assign(f, &p, "c.container", NULL), "10.1.0.4");
	assert_string_equal(assign(f, &p, "d.container", NULL), "10.1.0.5");
	assert_string_equal(assign(f, &p, "e.container", NULL), "10.1.0.6");
	assert_string_equal(assign(f, &p, "f.container", NULL),
		"lan.network: no free address is left in 10.1.0.0/29");
	assert_string_equal(assign(f, &p, "b.container", NULL), "10.1.0.3");
}

static void range_and_gateway_are_honoured(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", "10.1.0.0/24");
	struct pool p;

	u.network.gateway[FAMILY_V4] = addr("10.1.0.129");
	u.network.ip_range[FAMILY_V4] = net("10.1.0.128/30");
	p = pool_of(f, &u);
	assert_string_equal(assign(f, &p, "a.container", NULL), "10.1.0.128");
	assert_string_equal(assign(f, &p, "b.container", NULL), "10.1.0.130");
	assert_string_equal(assign(f, &p, "c.container", NULL), "10.1.0.131");
	assert_string_equal(assign(f, &p, "d.container", NULL),
		"lan.network: no free address is left in 10.1.0.0/24");
	/* A fixed one need not be in the range. */
	assert_string_equal(assign(f, &p, "d.container", "10.1.0.9"), "10.1.0.9");
}

static void fixed_address_is_checked(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", "10.1.0.0/24");
	struct pool p = pool_of(f, &u);

	assert_string_equal(assign(f, &p, "a.container", "10.2.0.1"),
		"IP=10.2.0.1 is not an address of a host in the subnet 10.1.0.0/24 of lan.network");
	assert_string_equal(assign(f, &p, "a.container", "10.1.0.1"),
		"IP=10.1.0.1 is the gateway of lan.network");
	assert_string_equal(assign(f, &p, "a.container", "10.1.0.255"),
		"IP=10.1.0.255 is not an address of a host in the subnet 10.1.0.0/24 of lan.network");
	assert_string_equal(assign(f, &p, "a.container", "10.1.0.7"), "10.1.0.7");
	assert_string_equal(assign(f, &p, "a.container", "10.1.0.8"), "10.1.0.8");
	assert_int_equal(f->leases.n, 1);
}

static void fixed_address_moves_a_lease_that_is_not_used(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", "10.1.0.0/24");
	struct pool p = pool_of(f, &u);

	assert_string_equal(assign(f, &p, "a.container", NULL), "10.1.0.2");
	ipam_find(&f->leases, "a.container", "lan.network", FAMILY_V4)->used = true;
	assert_string_equal(assign(f, &p, "b.container", "10.1.0.2"),
		"IP=10.1.0.2 is in use by a.container");
	ipam_find(&f->leases, "a.container", "lan.network", FAMILY_V4)->used = false;
	assert_string_equal(assign(f, &p, "b.container", "10.1.0.2"), "10.1.0.2");
	assert_string_equal(assign(f, &p, "a.container", NULL), "10.1.0.3");
}

static void assert_same_lease(const struct lease *a, const struct lease *b)
{
	assert_string_equal(a->unit, b->unit);
	assert_string_equal(a->network, b->network);
	assert_true(ip_same(a->at.addr, b->at.addr));
	assert_int_equal(a->at.prefix, b->at.prefix);
}

static void text_keeps_all_and_survives_damage(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", NULL);
	struct pool p = pool_of(f, &u);
	struct leases again = { 0 };
	const char *text;
	char cut[512];
	size_t len;

	assert_string_equal(assign(f, &p, "a.container", NULL), "10.89.0.2");
	assert_string_equal(assign(f, &p, "b.container", "10.89.0.200"), "10.89.0.200");
	text = ipam_print(&f->leases, &f->arena);
	assert_string_equal(text,
		"# Addresses given out by sup: unit, network, address. Kept so that they stay.\n"
		"lan.network lan.network 10.89.0.0/24\n"
		"a.container lan.network 10.89.0.2/32\n"
		"b.container lan.network 10.89.0.200/32\n");
	ipam_parse(&again, text, &f->arena);
	assert_string_equal(ipam_print(&again, &f->arena), text);
	/* Cut anywhere: whole lines count, and never half an address. */
	for (len = 0; len <= strlen(text); len++) {
		memcpy(cut, text, len);
		cut[len] = '\0';
		again = (struct leases){ 0 };
		ipam_parse(&again, cut, &f->arena);
		assert_true(again.n <= 3);
		for (size_t i = 0; i < again.n; i++)
			assert_same_lease(&again.v[i], &f->leases.v[i]);
	}
}

static void lines_that_are_no_leases_are_skipped(void **state)
{
	struct fixture *f = *state;

	ipam_parse(&f->leases,
		"\n# x y 1.2.3.4/32\na.container lan.network\na.container lan.network 1.2.3.256/32\n"
		"a.container lan.network 1.2.3.4/33\na.container lan.network 1.2.3.4/32 more\n"
		"a/b lan.network 1.2.3.4/32\na.container lan.network 1.2.3/32\n"
		"a.container lan.network 1.2.3.4/32\na.container lan.network 1.2.3.5/32\n",
		&f->arena);
	assert_int_equal(f->leases.n, 1);
	assert_true(ip_same(f->leases.v[0].at.addr, ip_v4(0x01020305)));
}

static bool not_a(const void *ctx, const char *unit)
{
	(void)ctx;
	return strcmp(unit, "a.container") != 0;
}

/* A configuration that changed: what was given out before and no longer fits is given up. */
static void lease_outside_of_the_range_is_given_up(void **state)
{
	static const struct {
		const char *range, *gateway, *leased, *now;
	} rows[] = {
		{ NULL, NULL, "10.1.0.200", "10.1.0.200" },
		{ "10.1.0.128/30", NULL, "10.1.0.2", "10.1.0.128" },
		{ "10.1.0.0/30", NULL, "10.1.0.200", "10.1.0.2" },
		{ NULL, "10.1.0.200", "10.1.0.200", "10.1.0.1" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct unit u = network("lan.network", "10.1.0.0/24");
		struct pool p;

		f->leases.n = 0;
		p = pool_of(f, &u);
		(void)assign(f, &p, "a.container", rows[i].leased);
		if (rows[i].range != NULL)
			u.network.ip_range[FAMILY_V4] = net(rows[i].range);
		if (rows[i].gateway != NULL)
			u.network.gateway[FAMILY_V4] = addr(rows[i].gateway);
		p = pool_of(f, &u);
		assert_string_equal(assign(f, &p, "a.container", NULL), rows[i].now);
		assert_int_equal(f->leases.n, 1);
	}
}

static void unit_has_an_address_in_each_of_its_networks(void **state)
{
	struct fixture *f = *state;
	struct unit one = network("one.network", NULL), two = network("two.network", NULL);
	struct pool p = pool_of(f, &one), q = pool_of(f, &two);

	assert_string_equal(assign(f, &p, "a.container", NULL), "10.89.0.2");
	assert_string_equal(assign(f, &q, "a.container", NULL), "10.89.1.2");
	assert_string_equal(assign(f, &p, "a.container", NULL), "10.89.0.2");
	/* its own, asked for by number, is no one else's */
	ipam_find(&f->leases, "a.container", "two.network", FAMILY_V4)->used = true;
	assert_string_equal(assign(f, &q, "a.container", "10.89.1.2"), "10.89.1.2");
	assert_string_equal(assign(f, &q, "a.container", "10.89.1.0"),
		"IP=10.89.1.0 is not an address of a host in the subnet 10.89.1.0/24 of two.network");
}

static void name_that_no_file_holds_is_refused(void **state)
{
	struct fixture *f = *state;
	char name[UNIT_NAME_MAX + 1];
	struct unit u = network("lan.network", NULL), longest = network(name, NULL);
	struct pool p = pool_of(f, &u), q;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_non_null(strstr(assign(f, &p, name, NULL), "name too long"));
	assert_int_equal(ipam_pool(&q, &longest, FAMILY_V4, "machine", &f->leases, &f->arena,
				 &nothing, &f->e),
		-1);
	assert_non_null(strstr(f->e.msg, "name too long"));
	assert_int_equal(f->leases.n, 1);
}

static void lease_of_a_running_unit_is_kept(void **state)
{
	struct fixture *f = *state;
	struct leases *l = &f->leases;

	ipam_parse(l,
		"a.container a.network 10.89.0.2/32\nb.container a.container 10.89.0.3/32\n"
		"a.container b.network 10.89.0.4/32\n",
		&f->arena);
	assert_int_equal(l->n, 3);
	ipam_find(l, "a.container", "b.network", FAMILY_V4)->used = true;
	ipam_prune(l, not_a, NULL);
	assert_int_equal(l->n, 1);
	assert_non_null(ipam_find(l, "a.container", "b.network", FAMILY_V4));
}

static void leases_of_units_that_are_gone_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", NULL);
	struct pool p = pool_of(f, &u);

	(void)assign(f, &p, "a.container", NULL);
	(void)assign(f, &p, "b.container", NULL);
	ipam_prune(&f->leases, not_a, NULL);
	assert_null(ipam_find(&f->leases, "a.container", "lan.network", FAMILY_V4));
	assert_non_null(ipam_find(&f->leases, "b.container", "lan.network", FAMILY_V4));
	assert_int_equal(f->leases.n, 2);
	assert_string_equal(assign(f, &p, "c.container", NULL), "10.89.0.2");
}

static void plans_have_stable_names(void **state)
{
	struct fixture *f = *state;
	struct unit u = network("lan.network", "10.1.0.0/24"),
		    longest = network("a:very-long_name-of-a-net.network", "10.2.0.0/24");
	struct setting mtu = { "mtu", "1400" };
	static const struct ip at[FAMILY_COUNT] = { [FAMILY_V4] = IP_V4(0x0a010002) };
	struct pool p[FAMILY_COUNT] = { pool_of(f, &u) };
	struct network_use use = { 0 };
	struct bridge_plan b, c;
	struct attach_plan x, y;

	u.network.options.v = &mtu;
	u.network.options.n = 1;
	bridge_plan_make(&b, &u, p, "machine");
	assert_string_equal(b.name, "lan");
	assert_int_equal(b.mtu, 1400);
	assert_int_equal(b.mac[0] & 3, 2);
	p[FAMILY_V4] = pool_of(f, &longest);
	bridge_plan_make(&c, &longest, p, "machine");
	assert_int_equal(strlen(c.name), 15);
	assert_memory_equal(c.name, "a_very-", 6);
	attach_plan_make(&x, "web.container", 0, &use, &b, at, "machine");
	attach_plan_make(&y, "web.container", 1, &use, &b, at, "other");
	assert_string_equal(x.host_if, y.host_if);
	assert_string_equal(x.host_if, "vweb-e32a8f65");
	assert_memory_not_equal(x.mac, y.mac, MAC_LEN);
	assert_string_equal(y.inside_if, "eth1");
	assert_true(ip_same(x.at[FAMILY_V4].gateway, ip_v4(0x0a010001)));
	assert_int_equal(x.at[FAMILY_V6].prefix, 0);
	use.interface_name = "lan0";
	use.mac[0] = 2;
	attach_plan_make(&y, "web.container", 1, &use, &b, at, "machine");
	assert_string_equal(y.inside_if, "lan0");
	assert_memory_equal(y.mac, "\2\0\0\0\0\0", MAC_LEN);
	use = (struct network_use){ 0 };
	b.internal = true;
	attach_plan_make(&x, "web.container", 0, &use, &b, at, "machine");
	assert_false(ip_is_set(x.at[FAMILY_V4].gateway));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(networks_without_subnet_get_podmans),
		TEST(taken_subnets_are_avoided_even_when_leased),
		TEST(what_stands_keeps_its_subnet),
		TEST(wide_subnets_are_not_avoided),
		TEST(ipv6_subnet_is_derived_and_stays),
		TEST(families_have_leases_of_their_own),
		TEST(addresses_are_the_lowest_free_and_stay),
		TEST(range_and_gateway_are_honoured),
		TEST(fixed_address_is_checked),
		TEST(fixed_address_moves_a_lease_that_is_not_used),
		TEST(text_keeps_all_and_survives_damage),
		TEST(lines_that_are_no_leases_are_skipped),
		TEST(leases_of_units_that_are_gone_are_dropped),
		TEST(lease_outside_of_the_range_is_given_up),
		TEST(unit_has_an_address_in_each_of_its_networks),
		TEST(name_that_no_file_holds_is_refused),
		TEST(lease_of_a_running_unit_is_kept),
		TEST(plans_have_stable_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
