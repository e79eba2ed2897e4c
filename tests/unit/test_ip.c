/* Addresses of both families, their text, and the subnets they are in. */
#include "common/util.h"
#include "supervisor/core/net/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text, *back; /* back: NULL when it is refused */
} addresses[] = {
	{ "10.88.0.1", "10.88.0.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "fd00::1", "fd00::1" },
	{ "FD00:0:0:0:0:0:0:1", "fd00::1" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "::ffff:10.1.2.3", "10.1.2.3" },
	{ "fe80::1%eth0", NULL },
	{ "10.0.0", NULL },
	{ "10.0.0.256", NULL },
	{ "10.01.0.0", NULL },
	{ "10.1.0.0.0", NULL },
	{ "10.0.0.9999999999999", NULL },
	{ "10..0.1", NULL },
	{ "10.0.0.0/8", NULL },
	{ "1::2::3", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "12345::", NULL },
	{ "", NULL },
}, subnets[] = {
	{ "10.88.0.0/16", "10.88.0.0/16" },
	{ "255.255.255.255/32", "255.255.255.255/32" },
	{ "10.0.0.0/8", "10.0.0.0/8" },
	{ "fd12:3456::/64", "fd12:3456::/64" },
	{ "fd00::1/128", "fd00::1/128" },
	{ "10.0.0.0", NULL },
	{ "0.0.0.0/0", NULL },
	{ "::/0", NULL },
	{ "10.0.0.0/33", NULL },
	{ "10.0.0.0/08", NULL },
	{ "10.0.0.0/4294967304", NULL },
	{ "fd00::/129", NULL },
	{ "10.0.0.0/", NULL },
	{ "10.0.0.0/8x", NULL },
	{ "10.0.0.0/-8", NULL },
	{ "/8", NULL },
	{ "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8", NULL },
};

static void test_text_of_an_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		char buf[IP_TEXT_MAX];
		struct ip ip;
		int got = ip_parse(&ip, addresses[i].text);

		assert_int_equal(got, addresses[i].back != NULL ? 0 : -1);
		if (got == 0)
			assert_string_equal(ip_text(buf, ip), addresses[i].back);
	}
}

static void test_text_of_a_subnet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(subnets); i++) {
		char buf[IP_TEXT_MAX];
		struct subnet s;
		int got = subnet_parse(&s, subnets[i].text);

		assert_int_equal(got, subnets[i].back != NULL ? 0 : -1);
		if (got == 0)
			assert_string_equal(subnet_text(buf, &s), subnets[i].back);
	}
}

static struct ip at(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(&ip, text), 0);
	return ip;
}

static const struct {
	const char *subnet, *first, *last;
	const char *in[4], *out[4], *host[4], *no_host[4];
} members[] = {
	{ "10.1.2.3/24", "10.1.2.0", "10.1.2.255", { "10.1.2.0", "10.1.2.255" },
		{ "10.1.3.0", "10.1.1.255", "::", "fd00::1" }, { "10.1.2.1", "10.1.2.254" },
		{ "10.1.2.0", "10.1.2.255", "10.1.3.1" } },
	{ "10.0.0.0/8", "10.0.0.0", "10.255.255.255", { "10.1.0.0" }, { "11.0.0.0" },
		{ "10.1.0.0" }, { "10.0.0.0" } },
	{ "fd00::/64", "fd00::", "fd00::ffff:ffff:ffff:ffff", { "fd00::1" },
		{ "fd00:0:0:1::", "10.0.0.1" }, { "fd00::1", "fd00::ffff:ffff:ffff:ffff" },
		{ "fd00::" } },
	{ "fd00::/48", "fd00::", "fd00::ffff:ffff:ffff:ffff:ffff", { "fd00:0:0:1::" },
		{ "fd00:0:1::" }, { "fd00::1" }, { "fd00::" } },
	{ "fd00::4/126", "fd00::4", "fd00::7", { "fd00::7" }, { "fd00::8" }, { "fd00::5" },
		{ "fd00::4" } },
};

static void test_what_is_in_a_subnet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct subnet s;

		assert_int_equal(subnet_parse(&s, members[i].subnet), 0);
		assert_true(ip_same(subnet_first(&s), at(members[i].first)));
		assert_true(ip_same(subnet_last(&s), at(members[i].last)));
		for (size_t k = 0; k < 4; k++) {
			if (members[i].in[k] != NULL)
				assert_true(subnet_has(&s, at(members[i].in[k])));
			if (members[i].out[k] != NULL)
				assert_false(subnet_has(&s, at(members[i].out[k])));
			if (members[i].host[k] != NULL)
				assert_true(subnet_has_host(&s, at(members[i].host[k])));
			if (members[i].no_host[k] != NULL)
				assert_false(subnet_has_host(&s, at(members[i].no_host[k])));
		}
	}
}

static const struct {
	const char *a, *b;
	bool overlap, a_holds_b;
} pairs[] = {
	{ "10.0.0.0/8", "10.1.0.0/16", true, true },
	{ "10.1.0.0/16", "10.0.0.0/8", true, false },
	{ "10.1.0.0/24", "10.1.1.0/24", false, false },
	{ "fd00::/48", "fd00:0:0:7::/64", true, true },
	{ "fd00::/64", "fd00:0:0:1::/64", false, false },
	{ "fd00::/64", "10.0.0.0/8", false, false },
};

static void test_subnets_that_overlap(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct subnet a, b;

		assert_int_equal(subnet_parse(&a, pairs[i].a), 0);
		assert_int_equal(subnet_parse(&b, pairs[i].b), 0);
		assert_int_equal(subnet_overlap(&a, &b), pairs[i].overlap);
		assert_int_equal(subnet_overlap(&b, &a), pairs[i].overlap);
		assert_int_equal(subnet_holds(&a, &b), pairs[i].a_holds_b);
	}
}

static void test_order_and_sum(void **state)
{
	static const struct ip one = { .lo = 1 };
	uint8_t bytes[16];

	(void)state;
	assert_int_equal(ip_compare(at("10.0.0.1"), at("10.0.0.1")), 0);
	assert_int_equal(ip_compare(at("10.0.0.1"), at("10.0.0.2")), -1);
	assert_int_equal(ip_compare(at("fd00::"), at("10.0.0.2")), 1);
	assert_true(ip_same(ip_plus(at("10.0.0.255"), one), at("10.0.1.0")));
	assert_true(ip_same(ip_plus(at("fd00::ffff:ffff:ffff:ffff"), one), at("fd00:0:0:1::")));
	ip_bytes(bytes, at("fd00::102"));
	assert_memory_equal(bytes, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\1\2", 16);
	assert_int_equal(ip_to_v4(at("10.88.0.1")), 0x0a580001);
	assert_int_equal(ip_family(at("10.88.0.1")), FAMILY_V4);
	assert_int_equal(ip_family(at("fd00::1")), FAMILY_V6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_of_an_address),
		cmocka_unit_test(test_text_of_a_subnet),
		cmocka_unit_test(test_what_is_in_a_subnet),
		cmocka_unit_test(test_subnets_that_overlap),
		cmocka_unit_test(test_order_and_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
