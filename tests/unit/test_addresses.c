/* A fixed address of a container against the subnet of its network; a gateway against its own. */
#include "common/util.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *network, *ip;
	bool good;
} addresses[] = {
	{ "Subnet=10.1.0.0/24\n", "10.1.0.2", true },
	{ "Subnet=10.1.0.0/24\n", "10.1.0.254", true },
	{ "Subnet=10.1.0.0/24\n", "10.1.0.0", false },
	{ "Subnet=10.1.0.0/24\n", "10.1.0.255", false },
	{ "Subnet=10.1.0.0/24\n", "10.1.1.2", false }, { "Subnet=10.0.0.0/8\n", "10.1.0.0", true },
	{ "Subnet=fd01::/64\nSubnet=10.1.0.0/24\n", "10.1.0.7", true },
	{ "Subnet=fd01::/64\n", "10.1.0.7", false }, /* it has no IPv4 */
	{ "", "10.1.0.0", true },                    /* not known before it is chosen */
};

static void test_fixed_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		char network[100], container[200];
		struct unit_text texts[] = {
			{ .unit = "a.container", .path = "a.container", .text = container },
			{ .unit = "lan.network", .path = "lan.network", .text = network },
		};
		struct unit_set set;
		char *faults;

		(void)snprintf(network, sizeof(network), "[Network]\n%s", addresses[i].network);
		(void)snprintf(container, sizeof(container),
			"[Container]\nImage=a\nNetwork=lan.network\nIP=%s\n", addresses[i].ip);
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			texts[k].size = strlen(texts[k].text);
		unit_set_build(&set, texts, ARRAY_LEN(texts));
		faults = fixture_faults(&set);
		assert_string_equal(faults,
			addresses[i].good
				? ""
				: "a.container:4:1: error: IP= is not an address of a host in "
				  "Subnet= of lan.network\n");
		free(faults);
		unit_set_free(&set);
	}
}

static const struct {
	const char *networks, *faults;
} uses[] = {
	{ "Network=a.network:ip=10.1.0.7,ip6=fd01::7\nNetwork=b.network\n", "" },
	{ "Network=a.network\nIP6=fd01::7\n", "" },
	{ "Network=a.network:ip6=fd01::\n",
		"c.container:3:1: error: IP6= is not an address of a host in Subnet= of a.network\n" },
	{ "Network=b.network\nNetwork=a.network:ip=10.2.0.7\n",
		"c.container:4:1: error: IP= is not an address of a host in Subnet= of a.network\n" },
	{ "Network=b.network:ip6=fd01::7\n",
		"c.container:3:1: error: IP6= is not an address of a host in Subnet= of b.network\n" },
	{ "Network=a.network\nNetwork=b.network\nIP=10.1.0.7\n",
		"c.container:5:1: error: IP= is for one network; with several of them write "
		"Network=a.network:ip=...\n" },
};

static void test_addresses_of_several_networks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		char container[200];
		struct unit_text texts[] = {
			{ .unit = "a.network",
				.path = "a.network",
				.text = "[Network]\nSubnet=10.1.0.0/24\nSubnet=fd01::/64\n" },
			{ .unit = "b.network", .path = "b.network", .text = "[Network]\n" },
			{ .unit = "c.container", .path = "c.container", .text = container },
		};
		struct unit_set set;
		char *faults;

		(void)snprintf(container, sizeof(container), "[Container]\nImage=a\n%s",
			uses[i].networks);
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			texts[k].size = strlen(texts[k].text);
		unit_set_build(&set, texts, ARRAY_LEN(texts));
		faults = fixture_faults(&set);
		assert_string_equal(faults, uses[i].faults);
		free(faults);
		unit_set_free(&set);
	}
}

/* One that is refused for its size is looked at all the same: a shift by all bits once went wrong. */
static void test_smallest_subnets(void **state)
{
	static const char *const prefixes[] = { "/30", "/31", "/32" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		char network[100];
		static const char container[] =
			"[Container]\nImage=a\nNetwork=lan.network\nIP=10.1.1.4\n";
		struct unit_text texts[] = {
			{ .unit = "a.container", .path = "a.container", .text = container },
			{ .unit = "lan.network", .path = "lan.network", .text = network },
		};
		struct unit_set set;
		char *faults;

		(void)snprintf(network, sizeof(network),
			"[Network]\nSubnet=10.1.0.4%s\nGateway=10.1.0.9\n", prefixes[i]);
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			texts[k].size = strlen(texts[k].text);
		unit_set_build(&set, texts, ARRAY_LEN(texts));
		faults = fixture_faults(&set);
		assert_non_null(strstr(faults, "a.container:4:1: error: IP= is not"));
		assert_non_null(strstr(faults, "lan.network:3:1: error: Gateway="));
		free(faults);
		unit_set_free(&set);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_addresses),
		cmocka_unit_test(test_addresses_of_several_networks),
		cmocka_unit_test(test_smallest_subnets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
