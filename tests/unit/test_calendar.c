/* Calendar expressions: what they are read as, and when they come, against a look at every minute of years. */
#include "supervisor/core/calendar.h"

#include "common/util.h"
#include "supervisor/core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DAY 86400

static struct calendar read_one(const char *text)
{
	struct calendar c;
	char why[200] = "";
	size_t at = 0;

	if (calendar_parse(text, &c, why, sizeof(why), &at) < 0)
		fail_msg("%s: at %zu: %s", text, at, why);
	return c;
}

static const char *print_one(const struct calendar *c, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	calendar_print(&t, c);
	assert_true(t.len < size);
	return buf;
}

/* ---- text */

static const struct {
	const char *text, *normal;
} forms[] = {
	{ "Sat,Thu,Mon..Wed,Sat..Sun", "Mon..Thu,Sat..Sun *-*-* 00:00:00" },
	{ "Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01..02:23:00" },
	{ "Wed *-1", "Wed *-*-01 00:00:00" },
	{ "Wed..Wed,Wed *-1", NULL },
	{ "Wed, 17:48", NULL },
	{ "Wednesday 17:48", "Wed *-*-* 17:48:00" },
	{ "Wed..Sat,Tue 12-10-15 1:2:3", "Tue..Sat 2012-10-15 01:02:03" },
	{ "*-*-7 0:0:0", "*-*-07 00:00:00" },
	{ "10-15", "*-10-15 00:00:00" },
	{ "monday *-12-* 17:00", "Mon *-12-* 17:00:00" },
	{ "Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01..03 *:30:45" },
	{ "12,14,13,12:20,10,30", "*-*-* 12..14:10..30/10:00" },
	{ "12..14:10,20,30", "*-*-* 12..14:10..30/10:00" },
	{ "mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45" },
	{ "03-05 08:05:40", "*-03-05 08:05:40" },
	{ "08:05:40", "*-*-* 08:05:40" },
	{ "05:40", "*-*-* 05:40:00" },
	{ "5", "*-*-* 05:00:00" },
	{ "Sat,Sun 12-05 08:05:40", "Sat..Sun *-12-05 08:05:40" },
	{ "Mon-Fri 9", "Mon..Fri *-*-* 09:00:00" },
	{ "2003-03-05 05:40 UTC", "2003-03-05 05:40:00 UTC" },
	{ "2003-03-05T05:40 utc", "2003-03-05 05:40:00 UTC" },
	{ "2003-02..04-05", "2003-02..04-05 00:00:00" },
	{ "2003-03-05", "2003-03-05 00:00:00" },
	{ "Thu 2003-03-06 UTC", "Thu 2003-03-06 00:00:00 UTC" },
	{ "*-*~1", "*-*~01 00:00:00" },
	{ "*-02~03", "*-02~03 00:00:00" },
	{ "Mon *-05~07/1", "Mon *-05~01..07 00:00:00" },
	{ "*-*~1..5/2", "*-*~01..05/2 00:00:00" },
	{ "05~03", "*-05~03 00:00:00" },
	{ "*~*", "*-*-* 00:00:00" },
	{ "*-*~*", "*-*-* 00:00:00" },
	{ "*:0/15", "*-*-* *:00/15:00" },
	{ "*:*:0/20", "*-*-* *:*:00/20" },
	{ "*:*:*", "*-*-* *:*:*" },
	{ "8..18/2:30", "*-*-* 08..18/2:30:00" },
	{ "2020/5-01-01", "2020/5-01-01 00:00:00" },
	{ "70,69,1999-1-1", "1970,1999,2069-01-01 00:00:00" },
	{ "minutely", "*-*-* *:*:00" },
	{ "Hourly", "*-*-* *:00:00" },
	{ "daily UTC", "*-*-* 00:00:00 UTC" },
	{ "weekly", "Mon *-*-* 00:00:00" },
	{ "monthly", "*-*-01 00:00:00" },
	{ "quarterly", "*-01/3-01 00:00:00" },
	{ "semi-annually", "*-01,07-01 00:00:00" },
	{ "biannually", "*-01,07-01 00:00:00" },
	{ "annually", "*-01-01 00:00:00" },
	{ "@1395716396", "2014-03-25 02:59:56 UTC" },
	{ "Mon..Sun", "*-*-* 00:00:00" },
	{ "UTC", "*-*-* 00:00:00 UTC" },
};

static void test_forms(void **state)
{
	char text[CALENDAR_TEXT_MAX], again[CALENDAR_TEXT_MAX], why[200];
	struct calendar c, d;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (forms[i].normal == NULL) {
			assert_int_equal(calendar_parse(forms[i].text, &c, why, sizeof(why), &at),
				-1);
			continue;
		}
		c = read_one(forms[i].text);
		assert_string_equal(print_one(&c, text, sizeof(text)), forms[i].normal);
		d = read_one(text);
		assert_string_equal(print_one(&d, again, sizeof(again)), text);
		assert_memory_equal(c.years, d.years, sizeof(c.years));
		assert_true(c.months == d.months && c.days == d.days && c.hours == d.hours &&
			c.minutes == d.minutes && c.seconds == d.seconds &&
			c.weekdays == d.weekdays && c.utc == d.utc && c.from_end == d.from_end);
	}
}

static const struct {
	const char *text;
	size_t at;
	const char *why;
} faults[] = {
	{ "", 0, "it is empty" },
	{ "Foo 12:00", 0, "neither a day" },
	{ "Mon..Foo", 5, "neither a day" },
	{ "Sun..Mon", 0, "from Monday to Sunday" },
	{ "24:00", 0, "the hour is outside of 0 to 23" },
	{ "12:60", 3, "the minute is outside" },
	{ "*-13-01", 2, "the month is outside" },
	{ "*-*-32", 4, "the day is outside of 1 to 31" },
	{ "*-*~29", 4, "the day from the end is outside of 1 to 28" },
	{ "1969-01-01", 0, "the year is outside" },
	{ "2200-01-01", 0, "the year is outside" },
	{ "20001-01-01", 4, "too many digits" },
	{ "*:*/5", 2, "* takes no step; write 0/" },
	{ "*:0/60", 2, "too long" },
	{ "*:0/0", 2, "a step of 0" },
	{ "*:5..5", 2, "this range" },
	{ "*:5..", 5, "is missing" },
	{ "*:*:0.5", 5, "fractions" },
	{ "12:00 Europe/Berlin", 6, "only UTC" },
	{ "12:00 UTC x", 10, "does not belong" },
	{ "12:00 13:00", 6, "does not belong" },
	{ "1:2:3:4", 5, "does not belong" },
	{ "1-2-3-4", 5, "does not belong" },
	{ "*~01-01", 1, "\"-\" is expected" },
	{ "Mon,", 4, "neither a day" },
	{ "@99999999999", 12, "after the year 2199" },
	{ "@x", 1, "does not belong" },
	{ "daily noon", 6, "only UTC" },
};

static void test_faults(void **state)
{
	struct calendar c;
	char why[200];
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		why[0] = '\0';
		assert_int_equal(calendar_parse(faults[i].text, &c, why, sizeof(why), &at), -1);
		if (at != faults[i].at || strstr(why, faults[i].why) == NULL)
			fail_msg("\"%s\": at %zu: %s", faults[i].text, at, why);
	}
}

/* ---- when */

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
	struct tm tm = { .tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second };

	return timegm(&tm);
}

static void test_civil(void **state)
{
	(void)state;
	for (int64_t t = -DAY; t < 230 * INT64_C(366) * DAY; t += 86399 * 3) {
		struct civil c = civil_of(t);
		time_t clock = (time_t)t;
		struct tm tm;

		gmtime_r(&clock, &tm);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.weekday, (tm.tm_wday + 6) % 7);
		assert_int_equal(c.hour * 3600 + c.minute * 60 + c.second,
			tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
		assert_int_equal(civil_seconds(&c), t);
	}
}

static void test_next(void **state)
{
	static const struct {
		const char *text, *after, *next;
	} cases[] = {
		{ "2016-03-27 03:17:00", "2015-01-01 00:00:00", "2016-03-27 03:17:00" },
		{ "2016-03-27 03:17:00", "2016-03-27 03:17:00", NULL },
		{ "*-02-29", "2097-01-01 00:00:00", "2104-02-29 00:00:00" },
		{ "*-02-30", "1970-01-01 00:00:00", NULL },
		{ "Mon *-02-29", "2000-01-01 00:00:00", "2016-02-29 00:00:00" },
		{ "*-*~01 23:59:59", "2024-02-01 00:00:00", "2024-02-29 23:59:59" },
		{ "*-02~03", "2023-01-01 00:00:00", "2023-02-26 00:00:00" },
		{ "Mon *-05~07/1", "2024-01-01 00:00:00", "2024-05-27 00:00:00" },
		{ "*:0/15", "2024-12-31 23:45:00", "2025-01-01 00:00:00" },
		{ "*:*:0/20", "2024-12-31 23:45:59", "2024-12-31 23:46:00" },
		{ "Fri *-*-13", "2026-01-01 00:00:00", "2026-02-13 00:00:00" },
		{ "2199-12-31 23:59:59", "2024-01-01 00:00:00", "2199-12-31 23:59:59" },
		{ "*:*:*", "2199-12-31 23:59:59", NULL },
	};
	struct calendar_zone zone = { .utc_offset = NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct calendar c = read_one(cases[i].text), exact = read_one(cases[i].after);
		int64_t after, next = 0, expected;

		assert_true(calendar_next(&exact, &zone, -1, &after));
		if (cases[i].next == NULL) {
			assert_false(calendar_next(&c, &zone, after, &next));
			continue;
		}
		exact = read_one(cases[i].next);
		assert_true(calendar_next(&exact, &zone, -1, &expected));
		assert_true(calendar_next(&c, &zone, after, &next));
		assert_int_equal(next, expected);
	}
}

/* ---- the oracle: each minute of years is looked at */

struct jumps { /* the offset from each of these on; 0 before */
	struct {
		int64_t at;
		int32_t offset;
	} v[8];
	size_t n;
};

static int32_t jump_offset(void *data, int64_t at)
{
	const struct jumps *jumps = data;
	int32_t offset = jumps->v[0].offset;

	for (size_t i = 1; i < jumps->n && jumps->v[i].at <= at; i++)
		offset = jumps->v[i].offset;
	return offset;
}

static bool shows(const struct calendar *c, int64_t local)
{
	static const int8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	time_t clock = (time_t)local;
	struct tm tm;
	int length, day;

	gmtime_r(&clock, &tm);
	length = lengths[tm.tm_mon] + (tm.tm_mon == 1 && tm.tm_year % 4 == 0);
	day = c->from_end ? length - tm.tm_mday + 1 : tm.tm_mday;
	return (c->years[(tm.tm_year - 70) / 64] >> (tm.tm_year - 70) % 64 & 1) != 0 &&
		(c->months >> (tm.tm_mon + 1) & 1) != 0 && (c->days >> day & 1) != 0 &&
		(c->weekdays >> (tm.tm_wday + 6) % 7 & 1) != 0 &&
		(c->hours >> tm.tm_hour & 1) != 0 && (c->minutes >> tm.tm_min & 1) != 0 &&
		(c->seconds >> tm.tm_sec & 1) != 0;
}

/* Whether the expression names this very minute, by the words of calendar.h. */
static bool comes_at(const struct calendar *c, struct jumps *jumps, int64_t at)
{
	bool flows = c->hours == (1u << 24) - 1;
	int32_t offset = jump_offset(jumps, at), before = jump_offset(jumps, at - 1);

	if (shows(c, at + offset)) {
		/* Was it shown before, by an offset that was in force then? */
		for (size_t i = 0; i < jumps->n && !flows; i++)
			if (jumps->v[i].offset > offset) {
				int64_t first = at + offset - jumps->v[i].offset;

				if (jump_offset(jumps, first) == jumps->v[i].offset &&
					at - first < DAY / 2)
					return false;
			}
		return true;
	}
	for (int64_t skipped = at + before; !flows && skipped < at + offset; skipped += 60)
		if (shows(c, skipped))
			return true;
	return false;
}

static uint32_t roll(uint64_t *seed, uint32_t sides)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % sides;
}

static void random_field(char *s, size_t size, uint64_t *seed, int min, int max)
{
	int from = min + (int)roll(seed, (uint32_t)(max - min)), to;

	to = from + 1 + (int)roll(seed, (uint32_t)(max - from));
	switch (roll(seed, 5)) {
	case 0:
	case 1:
		snprintf(s, size, "*");
		break;
	case 2:
		snprintf(s, size, "%d", from);
		break;
	case 3:
		snprintf(s, size, "%d,%d", from, to);
		break;
	case 4:
		snprintf(s, size, "%d..%d/%d", from, to, to - from > 3 ? 3 : 1);
		break;
	}
}

static struct calendar random_calendar(uint64_t *seed, char *text, size_t size)
{
	static const char *const weekdays[] = { "", "", "Mon ", "Tue..Thu ", "Sat,Sun " };
	char month[32], day[32], hour[32], minute[32];
	bool from_end = roll(seed, 4) == 0;

	random_field(month, sizeof(month), seed, 1, 12);
	random_field(day, sizeof(day), seed, 1, from_end ? 28 : 31);
	random_field(hour, sizeof(hour), seed, 0, 4);
	random_field(minute, sizeof(minute), seed, 0, 59);
	snprintf(text, size, "%s*-%s%s%s %s:%s", weekdays[roll(seed, ARRAY_LEN(weekdays))], month,
		from_end ? "~" : "-", day, hour, minute);
	return read_one(text);
}

/* From one elapse to the next, and no minute between them that should have been one. */
static void check_years(struct jumps *jumps, int64_t from, int64_t to, uint64_t seed)
{
	struct calendar_zone zone = { .utc_offset = jump_offset, .data = jumps };
	char text[200];
	struct calendar c = random_calendar(&seed, text, sizeof(text));
	int64_t next, after = from;

	for (int64_t at = from + 60; at < to; at += 60) {
		if (!comes_at(&c, jumps, at))
			continue;
		if (!calendar_next(&c, &zone, after, &next) || next != at)
			fail_msg("%s after %lld: %lld, should be %lld", text, (long long)after,
				(long long)next, (long long)at);
		after = at;
	}
	assert_true(!calendar_next(&c, &zone, after, &next) || next >= to);
}

static void test_oracle_utc(void **state)
{
	struct jumps none = { .n = 1 };

	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++)
		check_years(&none, utc(2023, 1, 1, 0, 0, 0), utc(2024, 4, 1, 0, 0, 0), seed);
}

static void test_oracle_summer_time(void **state)
{
	struct jumps berlin = { .v = { { 0, 3600 }, { utc(2024, 3, 31, 1, 0, 0), 7200 },
					{ utc(2024, 10, 27, 1, 0, 0), 3600 } },
		.n = 3 };
	struct jumps lord_howe = { .v = { { 0, 39600 }, { utc(2024, 4, 6, 15, 0, 0), 37800 },
					   { utc(2024, 10, 5, 15, 30, 0), 39600 } },
		.n = 3 };
	struct jumps west = { .v = { { 0, -18000 }, { utc(2024, 3, 10, 7, 0, 0), -14400 },
				      { utc(2024, 11, 3, 6, 0, 0), -18000 } },
		.n = 3 };

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		check_years(&berlin, utc(2024, 3, 30, 0, 0, 0), utc(2024, 4, 2, 0, 0, 0), seed);
		check_years(&berlin, utc(2024, 10, 26, 0, 0, 0), utc(2024, 10, 29, 0, 0, 0), seed);
		check_years(&lord_howe, utc(2024, 4, 5, 0, 0, 0), utc(2024, 4, 8, 0, 0, 0), seed);
		check_years(&lord_howe, utc(2024, 10, 4, 0, 0, 0), utc(2024, 10, 7, 0, 0, 0), seed);
		check_years(&west, utc(2024, 3, 9, 0, 0, 0), utc(2024, 3, 12, 0, 0, 0), seed);
		check_years(&west, utc(2024, 11, 2, 0, 0, 0), utc(2024, 11, 5, 0, 0, 0), seed);
	}
}

static void test_jumps(void **state)
{
	struct jumps berlin = { .v = { { 0, 3600 }, { utc(2024, 3, 31, 1, 0, 0), 7200 },
					{ utc(2024, 10, 27, 1, 0, 0), 3600 } },
		.n = 3 };
	struct calendar_zone zone = { .utc_offset = jump_offset, .data = &berlin };
	struct calendar nightly = read_one("02:30"), half = read_one("*:0/30");
	int64_t next;

	(void)state;
	/* Half past two is skipped: it is done when the clock jumps. */
	assert_true(calendar_next(&nightly, &zone, utc(2024, 3, 30, 12, 0, 0), &next));
	assert_int_equal(next, utc(2024, 3, 31, 1, 0, 0));
	assert_true(calendar_next(&nightly, &zone, next, &next));
	assert_int_equal(next, utc(2024, 4, 1, 0, 30, 0));
	/* It comes twice: it is done once. */
	assert_true(calendar_next(&nightly, &zone, utc(2024, 10, 26, 12, 0, 0), &next));
	assert_int_equal(next, utc(2024, 10, 27, 0, 30, 0));
	assert_true(calendar_next(&nightly, &zone, next, &next));
	assert_int_equal(next, utc(2024, 10, 28, 1, 30, 0));
	/* Every half hour stays every half hour. */
	next = utc(2024, 10, 26, 22, 0, 0);
	for (int i = 1; i <= 16; i++) {
		assert_true(calendar_next(&half, &zone, next, &next));
		assert_int_equal(next, utc(2024, 10, 26, 22, 0, 0) + i * 1800);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_civil),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_oracle_utc),
		cmocka_unit_test(test_oracle_summer_time),
		cmocka_unit_test(test_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
