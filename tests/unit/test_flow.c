/* Flows as the kernel lists them (6.18), byte for byte: what is read, which way each goes, and how it is forgotten. */
#include "supervisor/core/net/flow.h"

#include "common/util.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE_MAX 256
#define HOST IP_V4(0x7f000001)
#define OTHER IP_V4(0xc0000201)
#define WEB IP_V4(0x7f000005)
#define DB IP_V4(0x7f000006)
#define LOOPBACK6       \
	{               \
		.lo = 1 \
	}
#define WEB6                                      \
	{                                         \
		.hi = 0xfd00000000000000, .lo = 9 \
	}

/* From port 4000 of 127.0.0.1 to its 8080, which is 81 of 127.0.0.5. */
static const char of_v4[] =
	"a400000000010200000000008f5b0000"
	"02000000"
	"34000180"
	"14000180080001007f000001080002007f000001"
	"1c0002800500010011000000060002000fa00000060003001f900000"
	"34000280"
	"14000180080001007f000005080002007f000001"
	"1c00028005000100110000000600020000510000060003000fa00000"
	"08000300000001a8080008000000000008000c0056c6b6b508000b0000000001080007000000001d";
/* From [::1]:4000 to its 8080, which is [fd00::9]:81. */
static const char of_v6[] =
	"d400000000010200000000008f5b0000"
	"0a000000"
	"4c000180"
	"2c0001801400030000000000000000000000000000000001"
	"1400040000000000000000000000000000000001"
	"1c0002800500010011000000060002000fa00000060003001f900000"
	"4c000280"
	"2c00018014000300fd000000000000000000000000000009"
	"1400040000000000000000000000000000000001"
	"1c00028005000100110000000600020000510000060003000fa00000"
	"08000300000001a8080008000000000008000c0096f8c0fe08000b0000000001080007000000001d";
/* A connection of TCP to 127.0.0.1:99. */
static const char of_tcp[] =
	"d400000000010200000000008f5b0000"
	"02000000"
	"34000180"
	"14000180080001007f000001080002007f000001"
	"1c000280050001000600000006000200ca2e00000600030000630000"
	"34000280"
	"14000180080001007f000001080002007f000001"
	"1c0002800500010006000000060002000063000006000300ca2e0000"
	"080003000000018e080008000000000008000c005e34dabb08000b0000000001080007000006977f"
	"300004802c0001800500010003000000050002000a000000050003000a00000006000400230000000600050023000000";

static size_t bytes(uint8_t *out, const char *hex)
{
	size_t n = strlen(hex) / 2;

	assert_true(n <= MESSAGE_MAX);
	for (size_t i = 0; i < n; i++) {
		const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static void message(struct nl_reply *r, uint8_t memory[MESSAGE_MAX], const char *hex)
{
	size_t at = 0, n = bytes(memory, hex);

	assert_true(nl_next(r, memory, n, &at));
	assert_int_equal(at, n);
}

static void is_end(const struct port *end, struct ip addr, uint16_t port)
{
	assert_true(ip_same(end->host_addr, addr));
	assert_int_equal(end->host, port);
	assert_int_equal(end->protocol, PORT_UDP);
}

static void flows_of_both_families_are_read(void **state)
{
	_Alignas(8) uint8_t memory[MESSAGE_MAX];
	struct nl_reply r;
	struct flow f;

	(void)state;
	message(&r, memory, of_v4);
	assert_true(flow_read(&f, &r));
	is_end(&f.end[FLOW_OPENER], (struct ip)HOST, 4000);
	is_end(&f.end[FLOW_SENT_TO], (struct ip)HOST, 8080);
	is_end(&f.end[FLOW_ANSWERER], (struct ip)WEB, 81);
	is_end(&f.end[FLOW_ANSWERED], (struct ip)HOST, 4000);
	message(&r, memory, of_v6);
	assert_true(flow_read(&f, &r));
	is_end(&f.end[FLOW_OPENER], (struct ip)LOOPBACK6, 4000);
	is_end(&f.end[FLOW_SENT_TO], (struct ip)LOOPBACK6, 8080);
	is_end(&f.end[FLOW_ANSWERER], (struct ip)WEB6, 81);
	is_end(&f.end[FLOW_ANSWERED], (struct ip)LOOPBACK6, 4000);
	message(&r, memory, of_tcp);
	assert_false(flow_read(&f, &r));
}

/* In memory of just that size, so that a sanitizer sees a byte too much. */
static void one_that_is_cut_is_no_fault(void **state)
{
	_Alignas(8) uint8_t memory[MESSAGE_MAX];
	struct nl_reply r;
	struct flow f;

	(void)state;
	message(&r, memory, of_v6);
	for (size_t n = 0; n < r.size; n++) {
		uint8_t *cut = malloc(n + 1);
		const struct nl_reply less = { .data = cut, .size = n };

		assert_non_null(cut);
		memcpy(cut, r.data, n);
		/* As much as the first way is needed to know that it is of UDP. */
		assert_int_equal(flow_read(&f, &less), n >= 4 + 0x4c);
		free(cut);
	}
}

#define PORT(addr, from, to)                      \
	{                                         \
		{ addr, from, to, PORT_UDP }, WEB \
	}

static void the_way_is_where_ports_lead(void **state)
{
	static struct rule_port web[] = { PORT({ 0 }, 8080, 81) };
	static struct rule_port moved[] = { PORT({ 0 }, 8080, 81), PORT({ 0 }, 8080, 82) };
	static struct rule_port other[] = { PORT({ 0 }, 8080, 81),
		{ { HOST, 8080, 81, PORT_UDP }, DB } };
	static struct rule_port back[] = { PORT({ 0 }, 8080, 82), PORT({ 0 }, 8080, 81) };
	static struct rule_port elsewhere[] = { PORT({ 0 }, 8080, 81), PORT(OTHER, 8080, 82),
		PORT({ 0 }, 8081, 81) };
	static struct rule_port tcp[] = { { { { 0 }, 8080, 82, PORT_TCP }, WEB } };
	static const struct {
		struct flow_ports ports;
		uint8_t translated, passing, own; /* which way each goes */
	} cases[] = {
		{ { NULL, 0, 0 }, FLOW_RIGHT, FLOW_RIGHT, FLOW_RIGHT },
		{ { web, 0, 1 }, FLOW_RIGHT, FLOW_PASSES, FLOW_RIGHT },
		/* closed */
		{ { web, 1, 1 }, FLOW_ASTRAY, FLOW_RIGHT, FLOW_ASTRAY },
		{ { moved, 1, 2 }, FLOW_ASTRAY, FLOW_PASSES, FLOW_ASTRAY },
		{ { other, 1, 2 }, FLOW_ASTRAY, FLOW_PASSES, FLOW_ASTRAY },
		/* there and back again */
		{ { back, 1, 2 }, FLOW_RIGHT, FLOW_PASSES, FLOW_RIGHT },
		{ { elsewhere, 1, 3 }, FLOW_ASTRAY, FLOW_RIGHT, FLOW_ASTRAY },
		/* moved while nobody looked */
		{ { moved + 1, 0, 1 }, FLOW_PASSES, FLOW_PASSES, FLOW_RIGHT },
		{ { tcp, 0, 1 }, FLOW_RIGHT, FLOW_RIGHT, FLOW_RIGHT },
	};
	_Alignas(8) uint8_t memory[MESSAGE_MAX];
	struct flow f, passing, own;
	struct nl_reply r;

	(void)state;
	message(&r, memory, of_v4);
	assert_true(flow_read(&f, &r));
	passing = own = f;
	passing.end[FLOW_ANSWERER] = f.end[FLOW_SENT_TO];
	/* The container has sent first, from its port, and was translated. */
	for (size_t i = 0; i < FLOW_ENDS; i++)
		own.end[i] = f.end[(i + 2) % FLOW_ENDS];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(flow_way(&f, &cases[i].ports), cases[i].translated);
		assert_int_equal(flow_way(&passing, &cases[i].ports), cases[i].passing);
		assert_int_equal(flow_way(&own, &cases[i].ports), cases[i].own);
	}
}

/* With all that was said of it, so that it is the only one. */
static void it_is_forgotten_by_its_own_message(void **state)
{
	_Alignas(8) uint8_t memory[MESSAGE_MAX], out[MESSAGE_MAX];
	struct nl_buf b;
	struct nl_reply r;

	(void)state;
	message(&r, memory, of_v4);
	nl_init(&b, out, sizeof(out));
	flow_forget(&b, &r);
	assert_false(b.overflow);
	assert_int_equal(b.used, 0xa4);
	assert_memory_equal(out, "\xa4\0\0\0\x02\x01\x05\0\x01\0\0\0\0\0\0\0", 16);
	assert_memory_equal(out + 16, memory + 16, 0xa4 - 16);
	assert_memory_equal(&flow_question, "\x14\0\0\0\x01\x01\x01\x03\0\0\0\0\0\0\0\0\0\0\0\0",
		20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_of_both_families_are_read),
		cmocka_unit_test(one_that_is_cut_is_no_fault),
		cmocka_unit_test(the_way_is_where_ports_lead),
		cmocka_unit_test(it_is_forgotten_by_its_own_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
