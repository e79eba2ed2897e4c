/* Calendar expressions as text: one word of weekdays, one of the date, one of the time of day, one of the zone. */
#include "supervisor/core/calendar.h"

#include "common/util.h"
#include "supervisor/core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FROM_END_MAX 28 /* of which every month has a day */

static const struct field {
	const char *name;
	int base, min, max; /* base: what bit 0 stands for */
} year_field = { "year", 1970, 1970, 2199 }, month_field = { "month", 0, 1, 12 },
  day_field = { "day", 0, 1, 31 }, last_day_field = { "day from the end", 0, 1, FROM_END_MAX },
  hour_field = { "hour", 0, 0, 23 }, minute_field = { "minute", 0, 0, 59 },
  second_field = { "second", 0, 0, 59 };

struct set { /* of the numbers of a field */
	uint64_t v[4];
};

struct reader {
	const char *text, *at, *end; /* the word is from at to end */
	char *why;
	size_t why_size;
	size_t fault;
};

static int refuse(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct reader *r, const char *fmt, ...)
{
	va_list args;

	r->fault = (size_t)(r->at - r->text);
	va_start(args, fmt);
	(void)vsnprintf(r->why, r->why_size, fmt, args);
	va_end(args);
	return -1;
}

/* ---- sets */

static void set_add(struct set *s, const struct field *f, int value)
{
	int n = value - f->base;

	s->v[n / 64] |= UINT64_C(1) << n % 64;
}

static bool set_has(const struct set *s, const struct field *f, int value)
{
	int n = value - f->base;

	return (s->v[n / 64] >> n % 64 & 1) != 0;
}

static void set_add_range(struct set *s, const struct field *f, int from, int to, int step)
{
	for (int value = from; value <= to; value += step)
		set_add(s, f, value);
}

static struct set set_full(const struct field *f)
{
	struct set s = { { 0 } };

	set_add_range(&s, f, f->min, f->max, 1);
	return s;
}

static bool set_is_full(const struct set *s, const struct field *f)
{
	struct set full = set_full(f);

	return memcmp(s, &full, sizeof(full)) == 0;
}

/* ---- numbers */

static bool next_is(const struct reader *r, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, s, n) == 0;
}

static int read_number(struct reader *r, int *value)
{
	const char *start = r->at;
	int v = 0;

	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		if (r->at - start >= 4)
			return refuse(r, "this number has too many digits");
		v = v * 10 + (*r->at - '0');
	}
	if (r->at == start)
		return refuse(r, "a number or * is missing here");
	if (r->at < r->end && *r->at == '.' && !next_is(r, ".."))
		return refuse(r, "fractions are not done here: whole seconds are the least");
	*value = v;
	return 0;
}

static int read_value(struct reader *r, const struct field *f, int *value)
{
	const char *start = r->at;

	if (read_number(r, value) < 0)
		return -1;
	if (f == &year_field && *value < 100)
		*value += *value < 70 ? 2000 : 1900;
	if (*value >= f->min && *value <= f->max)
		return 0;
	r->at = start;
	return refuse(r, "the %s is outside of %d to %d", f->name, f->min, f->max);
}

/* "5", "5..9", "5/10", "5..50/10". Of the last days of a month the earlier one has the larger number. */
static int read_item(struct reader *r, const struct field *f, struct set *s)
{
	int from, to, step = 1;
	const char *start = r->at;
	bool range = false, stepped = false;

	if (read_value(r, f, &from) < 0)
		return -1;
	to = from;
	if (next_is(r, "..")) {
		range = true;
		r->at += 2;
		if (read_value(r, f, &to) < 0)
			return -1;
	}
	if (next_is(r, "/")) {
		stepped = true;
		r->at++;
		if (read_number(r, &step) < 0)
			return -1;
	}
	if (stepped && !range && f == &last_day_field)
		from = f->min;
	else if (stepped && !range)
		to = f->max;
	if ((range || stepped) && (step < 1 || from + step > to)) {
		r->at = start;
		return refuse(r, "%s",
			step < 1        ? "a step of 0 leads nowhere"
				: range ? "this range ends before its first step"
					: "this step is too long to come twice");
	}
	if (f == &last_day_field)
		from = to - (to - from) / step * step;
	set_add_range(s, f, from, to, step);
	return 0;
}

static int read_field(struct reader *r, const struct field *f, struct set *s)
{
	*s = (struct set){ { 0 } };
	if (next_is(r, "*/"))
		return refuse(r, "* takes no step; write %d/ and the step", f->min);
	if (next_is(r, "*")) {
		r->at++;
		*s = set_full(f);
		return 0;
	}
	while (read_item(r, f, s) == 0) {
		if (!next_is(r, ","))
			return 0;
		r->at++;
	}
	return -1;
}

static int expect(struct reader *r, const char *separator)
{
	if (!next_is(r, separator))
		return refuse(r, "\"%s\" is expected here", separator);
	r->at++;
	return 0;
}

static int expect_end(struct reader *r)
{
	return r->at == r->end ? 0 : refuse(r, "this does not belong here");
}

/* ---- words */

static size_t count_of(const struct reader *r, const char *any)
{
	size_t n = 0;

	for (const char *p = r->at; p < r->end; p++)
		n += strchr(any, *p) != NULL;
	return n;
}

static int read_day(struct reader *r, struct calendar *c)
{
	struct set s;

	c->from_end = next_is(r, "~");
	if (!c->from_end && expect(r, "-") < 0)
		return -1;
	r->at += c->from_end;
	/* All days are the same from either end. */
	if (next_is(r, "*"))
		c->from_end = false;
	if (read_field(r, c->from_end ? &last_day_field : &day_field, &s) < 0)
		return -1;
	c->days = (uint32_t)s.v[0];
	return expect_end(r);
}

static int read_date(struct reader *r, struct calendar *c)
{
	struct set s;

	if (count_of(r, "-~") > 1) {
		if (read_field(r, &year_field, &s) < 0 || expect(r, "-") < 0)
			return -1;
		memcpy(c->years, s.v, sizeof(c->years));
	}
	if (read_field(r, &month_field, &s) < 0)
		return -1;
	c->months = (uint16_t)s.v[0];
	return read_day(r, c);
}

static int read_time(struct reader *r, struct calendar *c)
{
	size_t colons = count_of(r, ":");
	struct set s;

	if (read_field(r, &hour_field, &s) < 0)
		return -1;
	c->hours = (uint32_t)s.v[0];
	c->minutes = c->seconds = 1;
	if (colons > 0 && (expect(r, ":") < 0 || read_field(r, &minute_field, &s) < 0))
		return -1;
	if (colons > 0)
		c->minutes = s.v[0];
	if (colons > 1 && (expect(r, ":") < 0 || read_field(r, &second_field, &s) < 0))
		return -1;
	if (colons > 1)
		c->seconds = s.v[0];
	return expect_end(r);
}

static const char *const weekday_names[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
	"Saturday", "Sunday" };

static int read_weekday(struct reader *r, int *day)
{
	size_t n = 0;

	while (r->at + n < r->end && ((r->at[n] | 32) >= 'a' && (r->at[n] | 32) <= 'z'))
		n++;
	for (size_t i = 0; i < ARRAY_LEN(weekday_names); i++)
		if ((n == 3 || n == strlen(weekday_names[i])) &&
			strncasecmp(r->at, weekday_names[i], n) == 0) {
			r->at += n;
			*day = (int)i;
			return 0;
		}
	return refuse(r,
		"this is neither a day of the week nor one of: minutely, hourly, daily, weekly, "
		"monthly, quarterly, semiannually, yearly");
}

static int read_weekdays(struct reader *r, struct calendar *c)
{
	int from, to;

	c->weekdays = 0;
	for (;; r->at++) {
		const char *start = r->at;

		if (read_weekday(r, &from) < 0)
			return -1;
		to = from;
		if (next_is(r, "..") || next_is(r, "-")) {
			r->at += next_is(r, "-") ? 1 : 2;
			if (read_weekday(r, &to) < 0)
				return -1;
			if (to <= from) {
				r->at = start;
				return refuse(r, "a range of weekdays goes from Monday to Sunday");
			}
		}
		for (; from <= to; from++)
			c->weekdays |= (uint8_t)(1 << from);
		if (!next_is(r, ","))
			return expect_end(r);
	}
}

/* A moment as seconds since 1970. */
static int read_epoch(struct reader *r, struct calendar *c)
{
	int64_t seconds = 0;
	struct civil t;

	for (r->at++;
		r->at < r->end && *r->at >= '0' && *r->at <= '9' && seconds < INT64_C(1) << 40;)
		seconds = seconds * 10 + (*r->at++ - '0');
	if (expect_end(r) < 0)
		return -1;
	t = civil_of(seconds);
	if (t.year > year_field.max)
		return refuse(r, "this is after the year %d", year_field.max);
	memset(c->years, 0, sizeof(c->years));
	c->years[(t.year - 1970) / 64] = UINT64_C(1) << (t.year - 1970) % 64;
	c->months = (uint16_t)(1 << t.month);
	c->days = UINT32_C(1) << t.day;
	c->hours = UINT32_C(1) << t.hour;
	c->minutes = UINT64_C(1) << t.minute;
	c->seconds = UINT64_C(1) << t.second;
	c->utc = true;
	return 0;
}

/* The next word; 2012-11-23T11:12 are two. False: there is none. */
static bool next_word(struct reader *r)
{
	r->at = r->end + strspn(r->end, " ");
	r->end = r->at + strcspn(r->at, " ");
	for (const char *p = r->at + 1; r->at < r->end && p < r->end; p++)
		if (*p == 'T' && ((p[-1] >= '0' && p[-1] <= '9') || p[-1] == '*'))
			r->end = p;
	return r->at < r->end;
}

static bool begins_with_letter(const struct reader *r)
{
	return r->at < r->end && (*r->at | 32) >= 'a' && (*r->at | 32) <= 'z';
}

static bool is_utc(const struct reader *r)
{
	return r->end - r->at == 3 && strncasecmp(r->at, "UTC", 3) == 0;
}

/* ---- the whole */

static const struct shorthand {
	const char *name, *means;
} shorthands[] = {
	{ "minutely", "*:*:00" },
	{ "hourly", "*:00:00" },
	{ "daily", "00:00:00" },
	{ "weekly", "Mon 00:00:00" },
	{ "monthly", "*-01 00:00:00" },
	{ "quarterly", "01,04,07,10-01 00:00:00" },
	{ "semiannually", "01,07-01 00:00:00" },
	{ "semi-annually", "01,07-01 00:00:00" },
	{ "biannually", "01,07-01 00:00:00" },
	{ "bi-annually", "01,07-01 00:00:00" },
	{ "yearly", "01-01 00:00:00" },
	{ "annually", "01-01 00:00:00" },
};

static const char *meaning_of(const struct reader *r)
{
	size_t n = (size_t)(r->end - r->at);

	for (size_t i = 0; i < ARRAY_LEN(shorthands); i++)
		if (strlen(shorthands[i].name) == n &&
			strncasecmp(shorthands[i].name, r->at, n) == 0)
			return shorthands[i].means;
	return NULL;
}

static int read_zone(struct reader *r, struct calendar *c)
{
	if (r->at == r->end)
		return 0;
	if (!is_utc(r))
		return refuse(r, "%s",
			begins_with_letter(r)
				? "of time zones only UTC is done here; without one it is local time"
				: "this does not belong here");
	c->utc = true;
	return next_word(r) ? refuse(r, "this does not belong here") : 0;
}

static int read_words(struct reader *r, struct calendar *c)
{
	if (begins_with_letter(r) && !is_utc(r)) {
		if (read_weekdays(r, c) < 0)
			return -1;
		(void)next_word(r);
	}
	if (r->at < r->end && count_of(r, ":") == 0 && count_of(r, "-~") > 0) {
		if (read_date(r, c) < 0)
			return -1;
		if (*r->end == 'T')
			r->end++;
		(void)next_word(r);
	}
	if (r->at < r->end && !begins_with_letter(r)) {
		if (read_time(r, c) < 0)
			return -1;
		(void)next_word(r);
	}
	return read_zone(r, c);
}

static int read_all(struct reader *r, struct calendar *c)
{
	const char *means;

	if (!next_word(r))
		return refuse(r, "it is empty");
	if (*r->at == '@')
		return read_epoch(r, c);
	means = meaning_of(r);
	if (means != NULL) {
		struct reader other = { .text = means,
			.at = means,
			.end = means,
			.why = r->why,
			.why_size = r->why_size };

		(void)next_word(r);
		(void)next_word(&other);
		return read_words(&other, c) < 0 ? -1 : read_zone(r, c);
	}
	return read_words(r, c);
}

int calendar_parse(const char *text, struct calendar *c, char *why, size_t why_size, size_t *at)
{
	struct reader r = {
		.text = text, .at = text, .end = text, .why = why, .why_size = why_size
	};
	struct set years = set_full(&year_field);

	*c = (struct calendar){ .minutes = 1, .seconds = 1, .hours = 1, .weekdays = 0x7f };
	memcpy(c->years, years.v, sizeof(c->years));
	c->months = (uint16_t)set_full(&month_field).v[0];
	c->days = (uint32_t)set_full(&day_field).v[0];
	if (read_all(&r, c) == 0)
		return 0;
	*at = r.fault;
	return -1;
}

/* ---- print */

static void put_number(struct text *t, const struct field *f, int value)
{
	text_printf(t, f == &year_field ? "%04d" : "%02d", value);
}

static void put_runs(struct text *t, const struct field *f, const struct set *s)
{
	const char *gap = "";

	for (int value = f->min; value <= f->max; value++) {
		int last = value;

		if (!set_has(s, f, value))
			continue;
		while (last < f->max && set_has(s, f, last + 1))
			last++;
		text_puts(t, gap);
		put_number(t, f, value);
		if (last > value) {
			text_puts(t, "..");
			put_number(t, f, last);
		}
		value = last;
		gap = ",";
	}
}

/* The members are first, first + step, ... last: the step, or 0. */
static int step_of(const struct field *f, const struct set *s, int *first, int *last)
{
	int step = 0, n = 0;

	for (int value = f->min; value <= f->max; value++) {
		if (!set_has(s, f, value))
			continue;
		if (n == 0)
			*first = value;
		else if (n == 1)
			step = value - *last;
		else if (value - *last != step)
			return 0;
		*last = value;
		n++;
	}
	return n > 2 ? step : 0;
}

static void put_field(struct text *t, const struct field *f, const uint64_t *v, size_t n)
{
	struct set s = { { 0 } };
	int first = 0, last = 0, step;

	memcpy(s.v, v, n * sizeof(*v));
	step = step_of(f, &s, &first, &last);
	if (set_is_full(&s, f) && f != &last_day_field) {
		text_puts(t, "*");
	} else if (step > 1) {
		put_number(t, f, first);
		if (last + step <= f->max || f == &last_day_field) {
			text_puts(t, "..");
			put_number(t, f, last);
		}
		text_printf(t, "/%d", step);
	} else {
		put_runs(t, f, &s);
	}
}

static void put_weekdays(struct text *t, uint8_t days)
{
	const char *gap = "";

	for (int day = 0; day < 7; day++) {
		int last = day;

		if ((days >> day & 1) == 0)
			continue;
		while (last < 6 && (days >> (last + 1) & 1) != 0)
			last++;
		text_printf(t, "%s%.3s", gap, weekday_names[day]);
		if (last > day)
			text_printf(t, "..%.3s", weekday_names[last]);
		day = last;
		gap = ",";
	}
	text_puts(t, " ");
}

void calendar_print(struct text *t, const struct calendar *c)
{
	const uint64_t months = c->months, days = c->days, hours = c->hours;

	if (c->weekdays != 0x7f)
		put_weekdays(t, c->weekdays);
	put_field(t, &year_field, c->years, 4);
	text_puts(t, "-");
	put_field(t, &month_field, &months, 1);
	text_puts(t, c->from_end ? "~" : "-");
	put_field(t, c->from_end ? &last_day_field : &day_field, &days, 1);
	text_puts(t, " ");
	put_field(t, &hour_field, &hours, 1);
	text_puts(t, ":");
	put_field(t, &minute_field, &c->minutes, 1);
	text_puts(t, ":");
	put_field(t, &second_field, &c->seconds, 1);
	if (c->utc)
		text_puts(t, " UTC");
}
