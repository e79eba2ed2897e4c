/* The texts of a container's /etc/hosts and /etc/resolv.conf. */
#include "supervisor/core/net/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
#define WEB                                     \
	{                                       \
		[FAMILY_V4] = IP_V4(0x0a590102) \
	}
#define DB                                      \
	{                                       \
		[FAMILY_V4] = IP_V4(0x0a590103) \
	}
#define GATEWAY                                 \
	{                                       \
		[FAMILY_V4] = IP_V4(0x0a590101) \
	}

static const struct host_entry web = { .addr = WEB, .unit = "web.container" };

static void is_hosts(const struct hosts *h, const char *wanted)
{
	struct arena a = { 0 };

	assert_string_equal(hosts_text(h, &a), wanted);
	arena_free(&a);
}

static void own_name_comes_with_the_address(void **state)
{
	struct hosts h = { .self = web };

	(void)state;
	is_hosts(&h, HEAD "10.89.1.2 web\n");
}

static void without_an_address_the_name_is_of_nobody_else(void **state)
{
	struct hosts h = { .self = { .unit = "web.container", .host_name = "den" } };

	(void)state;
	is_hosts(&h, HEAD "127.0.1.1 den web\n");
}

static void each_name_stands_once(void **state)
{
	struct hosts same = { .self = { WEB, "web.container", "web", "web", NULL } };
	struct hosts other = { .self = { WEB, "web.container", "shop", "shop", NULL } };
	struct hosts all = { .self = { WEB, "web.container", "shop", "den", NULL } };

	(void)state;
	is_hosts(&same, HEAD "10.89.1.2 web\n");
	is_hosts(&other, HEAD "10.89.1.2 shop web\n");
	is_hosts(&all, HEAD "10.89.1.2 den web shop\n");
}

static void neighbours_are_found_by_unit_and_container_name(void **state)
{
	const struct host_entry neighbours[] = {
		web,
		/* HostName= is what a container calls itself: its neighbours do not. */
		{ DB, "db.container", "store", "secret", NULL, NULL },
		/* Not attached: nowhere to be found. */
		{ { { 0 } }, "late.container", NULL, NULL, NULL, NULL },
		{ { [FAMILY_V4] = IP_V4(0x0a5901fe) }, "a.b.container", NULL, NULL, NULL, NULL },
	};
	struct hosts h = { .self = web, .neighbours = neighbours, .n_neighbours = 4 };

	(void)state;
	is_hosts(&h, HEAD "10.89.1.2 web\n10.89.1.3 db store\n10.89.1.254 a.b\n");
}

static void added_hosts_come_first(void **state)
{
	struct setting list[] = {
		{ "db", "192.0.2.7" },
		{ "gate", "host-gateway" },
	};
	struct settings add = { .v = list, .n = 2 };
	struct hosts h = { .self = web, .add_host = &add, .gateway = GATEWAY };

	(void)state;
	is_hosts(&h, HEAD "192.0.2.7 db\n10.89.1.1 gate\n10.89.1.2 web\n");
	/* No way to the host: no name for it either. */
	memset(h.gateway, 0, sizeof(h.gateway));
	is_hosts(&h, HEAD "192.0.2.7 db\n10.89.1.2 web\n");
}

static void many_neighbours_fit(void **state)
{
	struct host_entry many[500];
	struct hosts h = { .self = web, .neighbours = many, .n_neighbours = 500 };
	struct arena a = { 0 };
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < 500; i++)
		many[i] = (struct host_entry){ { [FAMILY_V4] = IP_V4(0x0a000001) },
			"neighbour.container", NULL, NULL, NULL, NULL };
	text = hosts_text(&h, &a);
	assert_int_equal(strlen(text),
		strlen(HEAD "10.89.1.2 web\n") + 500 * strlen("10.0.0.1 neighbour\n"));
	arena_free(&a);
}

/* ---- resolv.conf ---- */

#define HOST_FILE                                                                                   \
	"# by udhcpc\nsearch lan example\nnameserver 10.0.2.3\nnameserver 127.0.0.53\n"             \
	"nameserver\t192.0.2.53 \r\nnameserver fe80::1\n; no\noptions ndots:2\nsortlist 10.0.0.0\n" \
	"  domain d\nnameserver"

static void is_resolv(const char *container, const char *network, const char *host, bool shares,
	const char *wanted)
{
	const struct resolv_own none = { NULL, NULL, false };
	struct strv c = { 0 }, n = { 0 };
	struct arena a = { 0 };

	if (container != NULL)
		strv_add(&a, &c, container);
	if (network != NULL)
		strv_add(&a, &n, network);
	assert_string_equal(resolv_text(&c, &n, &none, host, shares, &a), wanted);
	arena_free(&a);
}

static void own_servers_come_before_the_networks_and_the_hosts(void **state)
{
	(void)state;
	is_resolv("192.0.2.1", "192.0.2.2", "nameserver 192.0.2.3\n", false,
		"nameserver 192.0.2.1\n");
	is_resolv(NULL, "192.0.2.2", "nameserver 192.0.2.3\n", false, "nameserver 192.0.2.2\n");
	is_resolv(NULL, NULL, "nameserver 192.0.2.3\n", false, "nameserver 192.0.2.3\n");
}

static void of_the_hosts_file_only_what_is_of_use_inside(void **state)
{
	(void)state;
	is_resolv(NULL, NULL, HOST_FILE, false,
		"search lan example\nnameserver 10.0.2.3\nnameserver\t192.0.2.53 \r\n"
		"options ndots:2\ndomain d\n");
	is_resolv("192.0.2.1", NULL, HOST_FILE, false,
		"search lan example\noptions ndots:2\ndomain d\nnameserver 192.0.2.1\n");
}

static void in_the_hosts_network_its_file_is_taken_whole(void **state)
{
	(void)state;
	is_resolv(NULL, NULL, HOST_FILE, true, HOST_FILE);
	is_resolv(NULL, NULL, NULL, true, "");
	is_resolv("192.0.2.1", NULL, "nameserver 127.0.0.53\n", true, "nameserver 192.0.2.1\n");
}

static void no_file_and_no_servers_is_an_empty_file(void **state)
{
	struct arena a = { 0 };

	(void)state;
	is_resolv(NULL, NULL, NULL, false, "");
	is_resolv(NULL, NULL, "", false, "");
	assert_string_equal(resolv_text(NULL, NULL, &(struct resolv_own){ NULL, NULL, false }, NULL,
				    false, &a),
		"");
	arena_free(&a);
}

static void servers_of_ipv6_are_for_who_has_ipv6(void **state)
{
	static const char host[] = "nameserver 2001:db8::53\nnameserver fe80::1%eth0\n"
				   "nameserver ::1\nnameserver 192.0.2.53\n";
	const struct resolv_own v4 = { .ipv6 = false }, both = { .ipv6 = true };
	struct arena a = { 0 };

	(void)state;
	assert_string_equal(resolv_text(NULL, NULL, &both, host, false, &a),
		"nameserver 2001:db8::53\nnameserver 192.0.2.53\n");
	assert_string_equal(resolv_text(NULL, NULL, &v4, host, false, &a),
		"nameserver 192.0.2.53\n");
	arena_free(&a);
}

/* ---- with a resolver ---- */

static void the_networks_own_resolver_is_the_only_one(void **state)
{
	const struct resolv_own own = { .server = "10.89.1.1", .network = "lan.network" };
	struct strv dns = { 0 };
	struct arena a = { 0 };

	(void)state;
	strv_add(&a, &dns, "192.0.2.1");
	assert_string_equal(resolv_text(&dns, &dns, &own, "nameserver 10.0.2.3\n", false, &a),
		"search lan.internal\nnameserver 10.89.1.1\n");
	/* the host's list goes on behind the network's domain; the last one of the file counts */
	assert_string_equal(resolv_text(NULL, NULL, &own,
				    "domain old\nsearch corp.example example\nnameserver 10.0.2.3\n"
				    "options ndots:2\n",
				    false, &a),
		"options ndots:2\nsearch lan.internal corp.example example\nnameserver 10.89.1.1\n");
	arena_free(&a);
}

static void the_resolver_is_told_all(void **state)
{
	struct strv alias = { 0 }, own_dns = { 0 }, none = { 0 }, own = { 0 }, others = { 0 };
	struct arena a = { 0 };
	const struct host_entry members[] = {
		{ WEB, "web.container", "shop", "den", &alias, NULL },
		{ DB, "db.container", NULL, NULL, &none, NULL },
	};
	const struct host_entry far = { { [FAMILY_V4] = IP_V4(0x0a5a0007) }, "far.container", NULL,
		NULL, &alias, "vault.network" };
	const struct names_client client = {
		.addr = WEB, .dns = &own_dns, .far = &far, .n_far = 1
	};
	struct names names = {
		.network = "lan.network",
		.subnet = { [FAMILY_V4] = { IP_V4(0x0a590100), 120 } },
		.dns = &none,
		.host_text = "# x\nsearch example\nnameserver 10.89.2.1\nnameserver 127.0.0.53\n"
			     "nameserver fe80::1\n",
		.own = &own,
		.others = &others,
		.members = members,
		.n_members = 2,
		.clients = &client,
		.n_clients = 1,
	};

	(void)state;
	strv_add(&a, &alias, "www");
	strv_add(&a, &alias, "www.example.com");
	strv_add(&a, &own_dns, "192.0.2.9");
	/* the host's own servers are reached from the host, whatever they are, but for us */
	strv_add(&a, &own, "10.89.1.1");
	strv_add(&a, &own, "10.89.2.1");
	strv_add(&a, &others, "vault.network");
	assert_string_equal(names_text(&names, &a),
		"domain lan.internal\nsubnet 10.89.1.0/24\nelsewhere vault.internal\n"
		"server 127.0.0.53\nserver fe80::1\n"
		"10.89.1.2 den web shop www www.example.com\n10.89.1.3 db\n"
		"client 10.89.1.2\nserver 192.0.2.9\n10.90.0.7 far far.vault.internal "
		"www www.vault.internal www.example.com www.example.com.vault.internal\n");
	names.others = NULL;
	names.dns = &own_dns;
	names.n_members = names.n_clients = 0;
	assert_string_equal(names_text(&names, &a),
		"domain lan.internal\nsubnet 10.89.1.0/24\nserver 192.0.2.9\n");
	names.internal = true;
	assert_string_equal(names_text(&names, &a),
		"domain lan.internal\ninternal\nsubnet 10.89.1.0/24\n");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_networks_own_resolver_is_the_only_one),
		cmocka_unit_test(the_resolver_is_told_all),
		cmocka_unit_test(own_name_comes_with_the_address),
		cmocka_unit_test(without_an_address_the_name_is_of_nobody_else),
		cmocka_unit_test(each_name_stands_once),
		cmocka_unit_test(neighbours_are_found_by_unit_and_container_name),
		cmocka_unit_test(added_hosts_come_first),
		cmocka_unit_test(many_neighbours_fit),
		cmocka_unit_test(own_servers_come_before_the_networks_and_the_hosts),
		cmocka_unit_test(of_the_hosts_file_only_what_is_of_use_inside),
		cmocka_unit_test(in_the_hosts_network_its_file_is_taken_whole),
		cmocka_unit_test(servers_of_ipv6_are_for_who_has_ipv6),
		cmocka_unit_test(no_file_and_no_servers_is_an_empty_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
