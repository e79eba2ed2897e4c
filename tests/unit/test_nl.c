/* Netlink messages as bytes: what is built, and what is read of what the kernel may send. */
#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/rt.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t *attribute(const uint8_t *data, size_t size, uint16_t type, size_t wanted)
{
	size_t found = 0;
	const uint8_t *p = nl_find(data, size, type, &found);

	assert_non_null(p);
	assert_int_equal(found, wanted);
	return p;
}

static void message_has_header_attributes_and_length(void **state)
{
	static const uint8_t wanted[] = {
		40, 0, 0, 0, 7, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0,
		0,                          /* length, type, flags, seq, port */
		0xaa, 0xbb, 0, 0,           /* header, padded */
		7, 0, 1, 0, 'u', 'p', 0, 0, /* string */
		8, 0, 2, 0, 10, 88, 0, 1,   /* big endian */
	};
	_Alignas(8) uint8_t memory[64];
	struct nl_buf b;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	nl_begin(&b, 7, NLM_F_ACK, "\xaa\xbb", 2);
	nl_str(&b, 1, "up");
	nl_be32(&b, 2, 0x0a580001);
	assert_false(b.overflow);
	assert_int_equal(b.used, 36);
	assert_int_equal(memory[0], 36);
	assert_memory_equal(memory + 4, wanted + 4, 32);
}

static void second_message_starts_aligned_with_the_next_number(void **state)
{
	_Alignas(8) uint8_t memory[128];
	struct nl_reply r;
	struct nl_buf b;
	size_t at = 0, nest;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	nl_begin(&b, 20, 0, "", 0);
	nl_note(&b, "first", "one", EEXIST);
	nl_put(&b, 1, "x", 1);
	nl_begin(&b, 21, 0, "", 0);
	nl_note(&b, "second", "two", 0);
	nest = nl_nest(&b, 3);
	nl_u32(&b, 4, 77);
	nl_nest_end(&b, nest);
	nl_flag(&b, NLM_F_ACK);
	assert_string_equal(b.notes[1].object, "two");
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_int_equal(r.type, 20);
	assert_int_equal(r.seq, 1);
	assert_int_equal(at, 24);
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_int_equal(r.seq, 2);
	assert_int_equal(*(const uint32_t *)(const void *)attribute(attribute(r.data, r.size, 3, 8),
				 8, 4, 4),
		77);
	assert_false(nl_next(&r, memory, b.used, &at));
}

static void too_small_a_buffer_overflows_at_every_size(void **state)
{
	static const struct attach_plan p = {
		.host_if = "vweb-1", .inside_if = "eth0", .mtu = 1500
	};
	_Alignas(8) uint8_t memory[256];
	struct nl_buf b;
	size_t size, whole;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	rt_veth_add(&b, &p, 5);
	whole = b.used;
	assert_false(b.overflow);
	for (size = 0; size < whole; size++) {
		memory[size] = 0x5a;
		nl_init(&b, memory, size);
		rt_veth_add(&b, &p, 5);
		nl_flag(&b, NLM_F_ACK);
		assert_true(b.overflow);
		assert_int_equal(memory[size], 0x5a);
	}
}

static void attribute_that_is_too_long_overflows(void **state)
{
	static uint8_t memory[200000];
	struct nl_buf b;
	size_t nest, i;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	nl_begin(&b, 1, 0, "", 0);
	nl_put(&b, 1, memory + 100000, 65532);
	assert_true(b.overflow);
	nl_init(&b, memory, sizeof(memory));
	nl_begin(&b, 1, 0, "", 0);
	nest = nl_nest(&b, 1);
	for (i = 0; i < 10000; i++)
		nl_u32(&b, 1, 1);
	nl_nest_end(&b, nest);
	assert_true(b.overflow);
}

static void refusal_is_read_with_its_explanation(void **state)
{
	static const char text[] = "Peer is gone";
	_Alignas(8) uint8_t memory[128] = { 0 };
	struct nlmsghdr h = {
		.nlmsg_len = 16 + 20 + 4 + 4 + 13,
		.nlmsg_type = NLMSG_ERROR,
		.nlmsg_flags = NLM_F_ACK_TLVS,
		.nlmsg_seq = 3,
	};
	/* Not capped: the refused message's 4 bytes of payload stand between. */
	struct nlmsgerr inner = { .error = -EBUSY, .msg.nlmsg_len = 20 };
	struct nlattr a = { .nla_len = 4 + sizeof(text), .nla_type = NLMSGERR_ATTR_MSG };
	struct nl_reply r;
	size_t at = 0, cut;

	(void)state;
	memcpy(memory, &h, sizeof(h));
	memcpy(memory + 16, &inner, sizeof(inner));
	memcpy(memory + 40, &a, sizeof(a));
	memcpy(memory + 44, text, sizeof(text));
	assert_true(nl_next(&r, memory, h.nlmsg_len, &at));
	assert_int_equal(r.error, EBUSY);
	assert_int_equal(r.seq, 3);
	assert_string_equal(r.text, text);
	/* Any shorter: no message, or one without the text, and no byte is read behind the end. */
	for (cut = 0; cut < h.nlmsg_len; cut++) {
		uint32_t len = (uint32_t)cut;

		at = 0;
		assert_false(nl_next(&r, memory, cut, &at));
		memcpy(memory, &len, sizeof(len));
		at = 0;
		if (nl_next(&r, memory, cut, &at))
			assert_null(r.text);
		memcpy(memory, &h, sizeof(h));
	}
}

static void string_without_end_is_none(void **state)
{
	_Alignas(4) static const uint8_t attrs[] = { 6, 0, 1, 0, 'a', 'b', 0, 0, 3, 0, 2, 0 };
	size_t found;

	(void)state;
	assert_null(nl_find_str(attrs, sizeof(attrs), 1));
	/* The second says it is shorter than its own head. */
	assert_null(nl_find(attrs, sizeof(attrs), 2, &found));
}

static void veth_has_its_peer_in_the_namespace(void **state)
{
	static const struct attach_plan p = {
		.host_if = "vweb-1", .inside_if = "eth0", .mac = { 2, 1, 2, 3, 4, 5 }, .mtu = 1400
	};
	_Alignas(8) uint8_t memory[256];
	const uint8_t *info, *data, *peer;
	size_t size = 0, at = 0;
	struct nl_reply r;
	struct nl_buf b;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	rt_veth_add(&b, &p, 9);
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_int_equal(r.type, RTM_NEWLINK);
	assert_string_equal(nl_find_str(r.data + 16, r.size - 16, IFLA_IFNAME), "vweb-1");
	info = nl_find(r.data + 16, r.size - 16, IFLA_LINKINFO, &size);
	assert_string_equal(nl_find_str(info, size, IFLA_INFO_KIND), "veth");
	data = nl_find(info, size, IFLA_INFO_DATA, &size);
	peer = nl_find(data, size, 1, &size);
	assert_string_equal(nl_find_str(peer + 16, size - 16, IFLA_IFNAME), "eth0");
	assert_memory_equal(attribute(peer + 16, size - 16, IFLA_NET_NS_FD, 4), "\x09\0\0\0", 4);
	assert_memory_equal(attribute(peer + 16, size - 16, IFLA_ADDRESS, 6), p.mac, 6);
	assert_memory_equal(attribute(peer + 16, size - 16, IFLA_MTU, 4), "\x78\x05\0\0", 4);
}

static void address_has_its_broadcast(void **state)
{
	_Alignas(8) uint8_t memory[128];
	size_t at = 0, found;
	struct nl_reply r;
	struct nl_buf b;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	rt_addr_add(&b, 4, "lan", ip_v4(0x0a590101), V4_BITS + 24);
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_memory_equal(attribute(r.data + 8, r.size - 8, IFA_LOCAL, 4), "\x0a\x59\x01\x01", 4);
	assert_memory_equal(attribute(r.data + 8, r.size - 8, IFA_BROADCAST, 4), "\x0a\x59\x01\xff",
		4);
	nl_init(&b, memory, sizeof(memory));
	at = 0;
	rt_addr_add(&b, 4, "lan", ip_v4(0x0a590101), V4_BITS + 32);
	assert_true(nl_next(&r, memory, b.used, &at));
	assert_null(nl_find(r.data + 8, r.size - 8, IFA_BROADCAST, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_has_header_attributes_and_length),
		cmocka_unit_test(second_message_starts_aligned_with_the_next_number),
		cmocka_unit_test(too_small_a_buffer_overflows_at_every_size),
		cmocka_unit_test(attribute_that_is_too_long_overflows),
		cmocka_unit_test(refusal_is_read_with_its_explanation),
		cmocka_unit_test(string_without_end_is_none),
		cmocka_unit_test(veth_has_its_peer_in_the_namespace),
		cmocka_unit_test(address_has_its_broadcast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
