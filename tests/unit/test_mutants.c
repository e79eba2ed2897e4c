/*
 * Unit files with random damage: reading them never breaks anything, and what is sound after all prints as a
 * file that is sound and prints the same. The seed is fixed: a failure is there again in the next run.
 */
#include "common/util.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 6000
#define TEXT_MAX 2048

static const struct {
	const char *unit, *text;
} seeds[] = {
	{ "a.container",
		"[Unit]\nDescription=%n \\\n  100%%\nAfter=b.service c.network\nConditionPathExists=|!/a\n"
		"[Container]\nImage=a/b:1\nExec=sh -c \"echo \\x41 $A\" 'b c' \\;\nEntrypoint=[\"/a\", \"b\"]\n"
		"Environment=A=1 \"B=c d\"\nPublishPort=127.0.0.1:80-82:90-92/udp\nVolume=a:/b:ro,U\n"
		"Mount=type=tmpfs,dst=/t,tmpfs-size=1M\nTmpfs=/x:mode=0700\nAddDevice=-/dev/a:/b:rw\n"
		"AddCapability=all\nUlimit=nofile=1:2\nMemory=12.5%\nIP=10.0.0.5\n"
		"Notify=yes\nSysctl=a=b\nMask=/a:/b\nUnmask=ALL\nAddHost=a:1.2.3.4\nDNS=1.1.1.1\n" },
	{ "b@x.service",
		"[Service]\nType=oneshot\nExecStart=-@/bin/a b c ; /bin/d\nExecStop=:+/bin/e %i\n"
		"Restart=on-failure\nRestartSec=1min 1.5s\nSuccessExitStatus=1 TEMPFAIL SIGUSR1\n"
		"KillSignal=RTMIN+3\nLimitCPU=5min:infinity\nLimitCORE=1K:2M\nCPUQuota=150%\n"
		"AllowedCPUs=0-3,7\nIOReadBandwidthMax=/dev/vda 5M\nTasksMax=10%\nNice=-5\n"
		"[Install]\nWantedBy=x.target\n" },
	{ "c.network",
		"[Network]\nSubnet=10.0.0.0/24\nGateway=10.0.0.1\nOptions=mtu=1400 isolate=true\n" },
};

/* xorshift, of Marsaglia. */
static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* A byte changed, lost or doubled, or a piece copied over another. */
static size_t damage(char *text, size_t size, uint32_t *state)
{
	static const char often[] = "\n\\\"'%=:;,[]#-/ \t\x80 09aZ";
	size_t at = next_random(state) % size, from = next_random(state) % size;
	size_t n = next_random(state) % 16;

	switch (next_random(state) % 4) {
	case 0:
		text[at] = often[next_random(state) % (sizeof(often) - 1)];
		return size;
	case 1:
		memmove(text + at, text + at + 1, size - at - 1);
		return size > 1 ? size - 1 : size;
	case 2:
		if (size + 1 >= TEXT_MAX)
			return size;
		memmove(text + at + 1, text + at, size - at);
		return size + 1;
	default:
		if (at + n < size && from + n < size)
			memmove(text + at, text + from, n);
		return size;
	}
}

static bool is_sound(const struct unit_set *set, const char *name)
{
	return unit_set_find(set, name) >= 0 && fixture_unit(set, name)->broken == NULL;
}

static void expect_same_again(const char *name, const char *text)
{
	struct unit_set set;
	char *again;

	fixture_one(&set, name, text);
	if (!is_sound(&set, name))
		fail_msg("no longer sound: %s\n%s", fixture_unit(&set, name)->broken, text);
	again = fixture_print(fixture_unit(&set, name));
	assert_string_equal(again, text);
	free(again);
	unit_set_free(&set);
}

static void test_damaged_files(void **state)
{
	uint32_t random = 2463534242u;
	size_t sound = 0;

	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		const char *name = seeds[round % ARRAY_LEN(seeds)].unit;
		const char *from = seeds[round % ARRAY_LEN(seeds)].text;
		char *text = calloc(1, TEXT_MAX);
		struct unit_text t = { .unit = name, .path = name, .text = text };
		struct unit_set set;

		assert_non_null(text);
		t.size = strlen(from);
		memcpy(text, from, t.size);
		for (uint32_t n = next_random(&random) % 4; n > 0; n--)
			t.size = damage(text, t.size, &random);
		unit_set_build(&set, &t, 1);
		if (is_sound(&set, name)) {
			char *printed = fixture_print(fixture_unit(&set, name));

			expect_same_again(name, printed);
			free(printed);
			sound++;
		}
		unit_set_free(&set);
		free(text);
	}
	assert_true(sound > ROUNDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
