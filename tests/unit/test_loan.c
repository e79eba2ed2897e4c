/* Who may have a device beside whom, what is kept of it, and the messages that it takes. */
#include "common/util.h"
#include "supervisor/core/net/loan.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct loan v[] = {
	{ .unit = "a.container", .name = "eth1", .there = "lan0", .use = LOAN_MOVED },
	{ .unit = "b.network", .name = "eth2", .there = "eth2", .use = LOAN_PORT },
	{ .unit = "c.network", .name = "eth2", .there = "eth2.7", .use = LOAN_PARENT },
	{ .unit = "d.network", .name = "eth2", .there = "eth2.8", .use = LOAN_PARENT },
};
static const struct loans loans = { v, 4 };

static void one_that_is_moved_is_nobody_elses(void **state)
{
	(void)state;
	assert_ptr_equal(loan_refused(&loans, "eth1", "b.network", LOAN_PARENT), &v[0]);
	assert_ptr_equal(loan_refused(&loans, "eth1", "z.container", LOAN_MOVED), &v[0]);
	assert_null(loan_refused(&loans, "eth1", "a.container", LOAN_MOVED));
	assert_null(loan_refused(&loans, "eth9", "a.container", LOAN_MOVED));
	assert_ptr_equal(loan_refused(&loans, "eth2", "z.container", LOAN_MOVED), &v[1]);
}

static void a_port_may_be_a_trunk_too(void **state)
{
	(void)state;
	assert_null(loan_refused(&loans, "eth2", "e.network", LOAN_PARENT));
	assert_ptr_equal(loan_refused(&loans, "eth2", "e.network", LOAN_PORT), &v[1]);
	assert_ptr_equal(loan_other(&loans, &v[2]), &v[1]);
	assert_null(loan_other(&loans, &v[0]));
	assert_ptr_equal(loan_find(&loans, "eth2", "d.network"), &v[3]);
}

static void records_are_read_as_they_were_written(void **state)
{
	char text[sizeof(uint32_t) + sizeof(v)];
	uint32_t each = sizeof(v[0]);
	struct loan l;

	(void)state;
	memcpy(text, &each, sizeof(each));
	memcpy(text + sizeof(each), v, sizeof(v));
	assert_true(loan_read(&l, text, sizeof(text), 3));
	assert_memory_equal(&l, &v[3], sizeof(l));
	assert_false(loan_read(&l, text, sizeof(text), 4));
	assert_false(loan_read(&l, text, sizeof(text) - 1, 3));
	assert_false(loan_read(&l, text, 3, 0));
	memset(text + sizeof(each), 'x', sizeof(l.unit));
	assert_false(loan_read(&l, text, sizeof(text), 0));
	assert_true(loan_read(&l, text, sizeof(text), 1));
}

/* That of an older program lacks the last members, that of a newer one has more. */
static void records_may_have_another_size(void **state)
{
	uint32_t each = offsetof(struct loan, n_addresses);
	char text[sizeof(each) + 2 * sizeof(v[0])];
	struct loan l;

	(void)state;
	memcpy(text, &each, sizeof(each));
	memcpy(text + sizeof(each), &v[0], each);
	memcpy(text + sizeof(each) + each, &v[1], each);
	assert_true(loan_read(&l, text, sizeof(each) + 2 * each, 1));
	assert_string_equal(l.name, "eth2");
	assert_int_equal(l.n_addresses, 0);
	each = sizeof(v[0]) + 8;
	memcpy(text, &each, sizeof(each));
	memcpy(text + sizeof(each), &v[0], sizeof(v[0]));
	assert_true(loan_read(&l, text, sizeof(each) + each, 0));
	assert_string_equal(l.there, "lan0");
}

static void names_of_vlans_fit(void **state)
{
	char name[IF_NAME_MAX];

	(void)state;
	loan_vlan_name(name, "eth0", 4094);
	assert_string_equal(name, "eth0.4094");
	loan_vlan_name(name, "enx0123456789ab", 7);
	assert_string_equal(name, "23456789ab.7");
}

static const uint8_t *attribute(const uint8_t *data, size_t size, uint16_t type, size_t *found)
{
	const uint8_t *p = nl_find(data, size, type, found);

	assert_non_null(p);
	return p;
}

static void a_link_on_another_says_what_it_is(void **state)
{
	const struct rt_upper uppers[] = {
		{ UPPER_VLAN, "eth0.100", 3, -1, 100, NULL, 0 },
		{ UPPER_IPVLAN, "eth0", 3, 9, IPVLAN_MODE_L3, NULL, 1400 },
		{ UPPER_MACVLAN, "eth0", 3, 9, MACVLAN_MODE_BRIDGE, (const uint8_t *)"\2abcde", 0 },
	};
	static const char *const kinds[] = { "vlan", "ipvlan", "macvlan" };
	static const uint16_t types[] = { IFLA_VLAN_ID, IFLA_IPVLAN_MODE, IFLA_MACVLAN_MODE };
	static const size_t sizes[] = { 2, 2, 4 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		_Alignas(8) uint8_t memory[256];
		const uint8_t *attrs, *info, *data;
		size_t n, at = 0;
		struct nl_reply r;
		struct nl_buf b;

		nl_init(&b, memory, sizeof(memory));
		rt_upper_add(&b, &uppers[i]);
		assert_true(nl_next(&r, memory, b.used, &at));
		assert_int_equal(r.type, RTM_NEWLINK);
		attrs = r.data + sizeof(struct ifinfomsg);
		assert_memory_equal(attribute(attrs, r.size - 16, IFLA_LINK, &n), "\3\0\0\0", 4);
		assert_string_equal(nl_find_str(attrs, r.size - 16, IFLA_IFNAME), uppers[i].name);
		assert_int_equal(nl_find(attrs, r.size - 16, IFLA_NET_NS_FD, &n) != NULL, i > 0);
		assert_int_equal(nl_find(attrs, r.size - 16, IFLA_MTU, &n) != NULL, i == 1);
		assert_int_equal(nl_find(attrs, r.size - 16, IFLA_ADDRESS, &n) != NULL, i == 2);
		info = attribute(attrs, r.size - 16, IFLA_LINKINFO, &n);
		assert_string_equal(nl_find_str(info, n, IFLA_INFO_KIND), kinds[i]);
		data = attribute(info, n, IFLA_INFO_DATA, &n);
		data = attribute(data, n, types[i], &n);
		assert_int_equal(n, sizes[i]);
		assert_memory_equal(data, &uppers[i].value, n);
	}
}

static void an_address_is_given_back_as_it_was_read(void **state)
{
	_Alignas(8) uint8_t memory[256];
	struct rt_address a = { AF_INET, 24, RT_SCOPE_LINK, 4, { 192, 0, 2, 7 }, 1 }, now;
	struct ifaddrmsg m;
	struct nl_reply r;
	struct nl_buf b;
	size_t n, at = 0;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	rt_addr_put(&b, 5, "eth1", &a);
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_memory_equal(attribute(r.data + sizeof(m), r.size - sizeof(m), IFA_BROADCAST, &n),
		"\xc0\0\2\xff", 4);
	assert_false(rt_addr_read(&now, 5, &r)); /* it is not for good */
	memcpy(&m, r.data, sizeof(m));
	m.ifa_flags = IFA_F_PERMANENT;
	memcpy(memory + sizeof(struct nlmsghdr), &m, sizeof(m));
	assert_false(rt_addr_read(&now, 4, &r)); /* another's */
	assert_true(rt_addr_read(&now, 5, &r));
	assert_memory_equal(&now, &a, sizeof(a));
}

static void addresses_of_any_interface_are_read_with_their_prefix(void **state)
{
	static const struct rt_address rows[] = { { AF_INET, 24, RT_SCOPE_UNIVERSE, 4,
							  { 192, 0, 2, 7 }, 0 },
		{ AF_INET6, 64, RT_SCOPE_UNIVERSE, 16, { 0xfd, 1, [15] = 9 }, 0 } };
	static const char *const texts[] = { "192.0.2.7/24", "fd01::9/64" };
	_Alignas(8) uint8_t memory[256];
	char text[IP_TEXT_MAX];
	struct subnet s;
	struct nl_reply r;
	struct nl_buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t at = 0;

		nl_init(&b, memory, sizeof(memory));
		rt_addr_put(&b, 5, "eth1", &rows[i]);
		assert_true(nl_next(&r, memory, b.used, &at));
		assert_int_equal(rt_subnet_read(&s, &r), 5);
		assert_string_equal(subnet_text(text, &s), texts[i]);
		r.type = RTM_NEWLINK;
		assert_int_equal(rt_subnet_read(&s, &r), 0);
	}
}

static void a_move_names_the_namespace_and_the_name_there(void **state)
{
	_Alignas(8) uint8_t memory[128];
	struct nl_reply r;
	struct nl_buf b;
	size_t n, at = 0;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	rt_link_move(&b, 5, "eth1", 9, "lan0");
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_int_equal(r.type, RTM_SETLINK);
	assert_memory_equal(r.data + offsetof(struct ifinfomsg, ifi_index), "\5\0\0\0", 4);
	assert_memory_equal(attribute(r.data + 16, r.size - 16, IFLA_NET_NS_FD, &n), "\11\0\0\0",
		4);
	assert_string_equal(nl_find_str(r.data + 16, r.size - 16, IFLA_IFNAME), "lan0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_moved_is_nobody_elses),
		cmocka_unit_test(a_port_may_be_a_trunk_too),
		cmocka_unit_test(records_are_read_as_they_were_written),
		cmocka_unit_test(records_may_have_another_size),
		cmocka_unit_test(names_of_vlans_fit),
		cmocka_unit_test(a_link_on_another_says_what_it_is),
		cmocka_unit_test(an_address_is_given_back_as_it_was_read),
		cmocka_unit_test(addresses_of_any_interface_are_read_with_their_prefix),
		cmocka_unit_test(a_move_names_the_namespace_and_the_name_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
