/* Generic netlink as bytes: what moves a radio, and what is read of the answers. */
#include "supervisor/core/net/genl.h"

#include <linux/nl80211.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void messages_are_these(void **state)
{
	/* length, type, flags, number, port; command, version; attributes */
	static const char wanted[] = "\x20\0\0\0\x10\0\x05\0\x01\0\0\0\0\0\0\0\x03\0\0\0"
				     "\x0c\0\x02\0nl80211\0"
				     "\x1c\0\0\0\x22\x01\x05\0\x02\0\0\0\0\0\0\0\x05\0\0\0"
				     "\x08\0\x03\0\x04\x03\0\0"
				     "\x24\0\0\0\x22\x01\x05\0\x03\0\0\0\0\0\0\0\x31\0\0\0"
				     "\x08\0\x01\0\x07\0\0\0\x08\0\xdb\0\x0b\0\0";
	_Alignas(8) uint8_t memory[128];
	struct nl_buf b;

	(void)state;
	nl_init(&b, memory, sizeof(memory));
	genl_family_get(&b, NL80211_GENL_NAME);
	genl_radio_get(&b, 0x122, 0x304);
	genl_radio_move(&b, 0x122, 7, "wlan0", 11);
	assert_false(b.overflow);
	assert_int_equal(b.used, sizeof(wanted));
	assert_memory_equal(memory, wanted, sizeof(wanted));
	assert_string_equal(b.notes[2].object, "wlan0");
}

static void numbers_are_read(void **state)
{
	_Alignas(4) static const uint8_t answer[] = "\x01\x02\0\0"
						    "\x06\0\x01\0\x22\x01\0\0"
						    "\x08\0\x02\0\x04\x03\x02\x01"
						    "\x05\0\x03\0\x09\0\0";
	struct nl_reply r = { .data = answer, .size = sizeof(answer) };
	uint32_t value = 5;

	(void)state;
	assert_true(genl_read(&value, 1, &r));
	assert_int_equal(value, 0x122);
	assert_true(genl_read(&value, 2, &r));
	assert_int_equal(value, 0x1020304);
	/* of another size; not there; and no byte behind the end */
	assert_false(genl_read(&value, 3, &r));
	assert_false(genl_read(&value, 4, &r));
	for (r.size = 0; r.size < 20; r.size++)
		assert_false(genl_read(&value, 2, &r));
	assert_int_equal(value, 0x1020304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_these),
		cmocka_unit_test(numbers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
