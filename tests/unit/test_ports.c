/* Who has which port of the host: what meets, and the text of it. */
#include "supervisor/core/net/ports.h"

#include "common/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LOOPBACK IP_V4(0x7f000001)
#define ANY_V4 IP_V4(0)
#define V6                            \
	{                             \
		0xfd00000000000000, 1 \
	}

static struct port of_web[] = {
	{ .host = 80, .inside = 8080 },
	{ .host_addr = LOOPBACK, .host = 81 },
	{ .host_addr = V6, .host = 82, .protocol = PORT_SCTP },
};
static struct port of_dns[] = { { .host_addr = ANY_V4, .host = 53, .protocol = PORT_UDP } };
static const struct ports web = { of_web, ARRAY_LEN(of_web) }, dns = { of_dns, ARRAY_LEN(of_dns) };
static const struct port_holder holders[] = { { "web.container", &web },
	{ "dns.container", &dns } };

static void what_meets_is_taken(void **state)
{
	static const struct {
		struct port port;
		bool web, dns;
	} cases[] = {
		{ { .host = 80 }, true, false },
		{ { .host_addr = LOOPBACK, .host = 80 }, true, false },
		{ { .host_addr = V6, .host = 80 }, true, false },
		{ { .host = 80, .protocol = PORT_UDP }, false, false },
		{ { .host_addr = LOOPBACK, .host = 81 }, true, false },
		{ { .host_addr = ANY_V4, .host = 81 }, true, false },
		{ { .host = 81 }, true, false },
		{ { .host_addr = IP_V4(0x0a000001), .host = 81 }, false, false },
		{ { .host_addr = V6, .host = 81 }, false, false },
		{ { .host = 82, .protocol = PORT_SCTP }, true, false },
		{ { .host_addr = ANY_V4, .host = 82, .protocol = PORT_SCTP }, false, false },
		{ { .host = 82 }, false, false },
		{ { .host = 53, .protocol = PORT_UDP }, false, true },
		{ { .host_addr = LOOPBACK, .host = 53, .protocol = PORT_UDP }, false, true },
		{ { .host_addr = V6, .host = 53, .protocol = PORT_UDP }, false, false },
		{ { .host = 53 }, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ports_taken(&web, &cases[i].port), cases[i].web);
		assert_int_equal(ports_taken(&dns, &cases[i].port), cases[i].dns);
	}
}

static void what_is_printed_is_read(void **state)
{
	struct arena a = { 0 };
	char *text = arena_strdup(&a, port_table_print(holders, ARRAY_LEN(holders), &a));
	const char *unit;
	struct port p;

	(void)state;
	assert_non_null(strstr(text,
		"web.container tcp :: 80\nweb.container tcp 127.0.0.1 81\nweb.container sctp fd00::1 82\n"
		"dns.container udp 0.0.0.0 53\n"));
	for (size_t h = 0; h < ARRAY_LEN(holders); h++)
		for (size_t i = 0; i < holders[h].ports->n; i++) {
			const struct ports one = { &p, 1 };

			assert_true(port_table_next(&text, &unit, &p));
			assert_string_equal(unit, holders[h].unit);
			assert_true(ports_have(&one, &holders[h].ports->v[i]));
		}
	assert_false(port_table_next(&text, &unit, &p));
	assert_false(port_table_next(&text, &unit, &p));
	arena_free(&a);
}

/* That nobody has a port is not what no file says. */
static void none_is_a_text_too(void **state)
{
	struct arena a = { 0 };
	char *text = arena_strdup(&a, port_table_print(NULL, 0, &a));
	const char *unit;
	struct port p;

	(void)state;
	assert_true(text[0] != '\0');
	assert_false(port_table_next(&text, &unit, &p));
	arena_free(&a);
}

static void what_makes_no_sense_is_passed_over(void **state)
{
	static const char *const lines[] = { "", " ", "a", "a tcp",
		"a tcp ::", "a tcp :: ", "a tcp :: x", "a tcp :: 65536", "a tcp :: -1",
		"a tcp :: 99999999999999999999", "a icmp :: 1", "a tcp 1.2.3 1", "# a tcp :: 1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct arena a = { 0 };
		char *text = arena_printf(&a, "%s\n\nb udp 10.0.0.1 7", lines[i]);
		const char *unit;
		struct port p;

		assert_true(port_table_next(&text, &unit, &p));
		assert_string_equal(unit, "b");
		assert_true(p.host == 7 && p.protocol == PORT_UDP &&
			ip_same(p.host_addr, ip_v4(0x0a000001)));
		assert_false(port_table_next(&text, &unit, &p));
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_meets_is_taken),
		cmocka_unit_test(what_is_printed_is_read),
		cmocka_unit_test(none_is_a_text_too),
		cmocka_unit_test(what_makes_no_sense_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
