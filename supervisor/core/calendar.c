#include "supervisor/core/calendar.h"

#define SECONDS_PER_DAY 86400
#define FIRST_YEAR 1970
#define LAST_YEAR 2199
#define ALL_HOURS ((UINT32_C(1) << 24) - 1)
/* No two changes of the offset are nearer to each other than twice this. */
#define NEAR (SECONDS_PER_DAY / 2)

/* ---- dates */

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
	static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Leap years before this one, since the year 1. */
static int64_t leaps_before(int64_t year)
{
	year--;
	return year / 4 - year / 100 + year / 400;
}

static int64_t days_before_year(int64_t year)
{
	return 365 * (year - FIRST_YEAR) + leaps_before(year) - leaps_before(FIRST_YEAR);
}

int64_t civil_seconds(const struct civil *t)
{
	int64_t days = days_before_year(t->year) + t->day - 1;

	for (int month = 1; month < t->month; month++)
		days += days_of_month(t->year, month);
	return days * SECONDS_PER_DAY + t->hour * 3600 + t->minute * 60 + t->second;
}

struct civil civil_of(int64_t seconds)
{
	int64_t days = seconds / SECONDS_PER_DAY, rest = seconds % SECONDS_PER_DAY, year;
	struct civil t = { .month = 1 };

	if (rest < 0) {
		rest += SECONDS_PER_DAY;
		days--;
	}
	t.weekday = (int)(((days + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	year = FIRST_YEAR + days / 366;
	while (days_before_year(year + 1) <= days)
		year++;
	while (days_before_year(year) > days)
		year--;
	t.year = (int)year;
	days -= days_before_year(year);
	for (; days >= days_of_month(t.year, t.month); t.month++)
		days -= days_of_month(t.year, t.month);
	t.day = (int)days + 1;
	t.hour = (int)(rest / 3600);
	t.minute = (int)(rest / 60 % 60);
	t.second = (int)(rest % 60);
	return t;
}

/* ---- the next date and time of day that matches, without a zone */

/* The first member that is `from` or more, -1: none. */
static int first_of(uint64_t set, int from)
{
	set = from < 64 ? set >> from << from : 0;
	return set != 0 ? __builtin_ctzll(set) : -1;
}

static bool has_year(const struct calendar *c, int year)
{
	int n = year - FIRST_YEAR;

	return n >= 0 && year <= LAST_YEAR && (c->years[n / 64] >> n % 64 & 1) != 0;
}

static bool day_matches(const struct calendar *c, const struct civil *t)
{
	int n = c->from_end ? days_of_month(t->year, t->month) + 1 - t->day : t->day;

	return has_year(c, t->year) && (c->months >> t->month & 1) != 0 &&
		(c->days >> n & 1) != 0 && (c->weekdays >> t->weekday & 1) != 0;
}

/* The first time of day that is *t or later. */
static bool time_from(const struct calendar *c, struct civil *t)
{
	int second = first_of(c->seconds, t->second);
	int minute = first_of(c->minutes, t->minute + (second < 0));
	int hour = first_of(c->hours, t->hour + (minute < 0));

	if (hour < 0)
		return false;
	if (hour != t->hour || minute < 0)
		minute = first_of(c->minutes, 0);
	if (hour != t->hour || minute != t->minute || second < 0)
		second = first_of(c->seconds, 0);
	t->hour = hour;
	t->minute = minute;
	t->second = second;
	return true;
}

/* The first second of the next day, or of the next month or year where the rest of this one cannot match. */
static void skip_day(const struct calendar *c, struct civil *t)
{
	t->hour = t->minute = t->second = 0;
	t->weekday = (t->weekday + 1) % 7;
	if (++t->day <= days_of_month(t->year, t->month) && (c->months >> t->month & 1) != 0 &&
		has_year(c, t->year))
		return;
	t->day = 1;
	if (++t->month > 12 || !has_year(c, t->year)) {
		t->month = 1;
		t->year++;
	}
	*t = civil_of(civil_seconds(t));
}

/* The first match at `from` or later. */
static bool civil_from(const struct calendar *c, int64_t from, int64_t *found)
{
	struct civil t;

	if (from < 0)
		from = 0;
	for (t = civil_of(from); t.year <= LAST_YEAR; skip_day(c, &t)) {
		if (!day_matches(c, &t) || !time_from(c, &t))
			continue;
		*found = civil_seconds(&t);
		return true;
	}
	return false;
}

/* ---- zones */

static int32_t offset_at(const struct calendar_zone *zone, int64_t utc)
{
	return zone->utc_offset != NULL ? zone->utc_offset(zone->data, utc) : 0;
}

/* The moment between a and b at which the offset becomes that of b. */
static int64_t find_change(const struct calendar_zone *zone, int64_t a, int64_t b)
{
	int32_t before = offset_at(zone, a);

	while (b - a > 1) {
		int64_t middle = a + (b - a) / 2;

		if (offset_at(zone, middle) == before)
			a = middle;
		else
			b = middle;
	}
	return b;
}

enum passes { PASS_NONE, PASS_ONCE, PASS_TWICE };

/* When the local clock shows this: v[0] and, when it does so twice, v[1]. Never: v[0] is when it jumped over it. */
static enum passes moments_of(const struct calendar_zone *zone, int64_t local, int64_t v[2])
{
	int32_t before = offset_at(zone, local - NEAR - SECONDS_PER_DAY / 2);
	int32_t after = offset_at(zone, local + NEAR + SECONDS_PER_DAY / 2);
	bool first = offset_at(zone, local - before) == before;
	bool second = offset_at(zone, local - after) == after;

	v[0] = local - (first ? before : after);
	v[1] = local - after;
	if (first || second)
		return first && second && before != after ? PASS_TWICE : PASS_ONCE;
	v[0] = find_change(zone, local - after, local - before);
	return PASS_NONE;
}

/*
 * An expression of every hour, in the hours before clocks go back: its first match after that, which shows
 * a time of day that was there before.
 */
static bool second_pass(const struct calendar *c, const struct calendar_zone *zone, int64_t after,
	int64_t *next)
{
	int32_t later = offset_at(zone, after + NEAR);
	int64_t change, local;

	if (later >= offset_at(zone, after))
		return false;
	change = find_change(zone, after, after + NEAR);
	if (!civil_from(c, change + later, &local))
		return false;
	*next = local - later;
	return offset_at(zone, *next) == later;
}

static bool next_in_zone(const struct calendar *c, const struct calendar_zone *zone, int64_t after,
	int64_t *next)
{
	bool flows = c->hours == ALL_HOURS;
	int64_t local = after + offset_at(zone, after), v[2], again;

	while (civil_from(c, local + 1, &local)) {
		enum passes passes = moments_of(zone, local, v);

		if (passes == PASS_NONE && flows)
			continue;
		if (passes == PASS_TWICE && flows && v[0] <= after)
			v[0] = v[1];
		if (v[0] <= after)
			continue;
		*next = v[0];
		if (flows && second_pass(c, zone, after, &again) && again < *next)
			*next = again;
		return true;
	}
	return false;
}

bool calendar_next(const struct calendar *c, const struct calendar_zone *zone, int64_t after,
	int64_t *next)
{
	static const struct calendar_zone utc = { .utc_offset = NULL };

	return next_in_zone(c, c->utc ? &utc : zone, after, next);
}
