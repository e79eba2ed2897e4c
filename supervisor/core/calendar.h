/*
 * Calendar expressions as in systemd.time(7), "Calendar events": "Mon..Fri *-*-* 04:00", "daily", "*-*~01".
 *
 * Pure: what the clock on the wall shows at a moment is asked of the caller. Whole seconds only, years 1970 to 2199
 * as systemd has it. A field is a set of numbers, so its canonical text does not depend on how it was written.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALENDAR_TEXT_MAX 1200

struct calendar {
	uint64_t years[4]; /* bit n: 1970 + n */
	uint64_t minutes, seconds;
	uint32_t days; /* bit n: day n, or the n-th last one */
	uint32_t hours;
	uint16_t months;  /* bit n: month n */
	uint8_t weekdays; /* bit 0: Monday */
	bool from_end;    /* "~": days are counted from the end of the month */
	bool utc;         /* else local time */
};

/* What the local clock shows is UTC plus this many seconds, at a moment in seconds since 1970. */
struct calendar_zone {
	int32_t (*utc_offset)(void *data, int64_t utc);
	void *data;
};

struct text;

struct civil {
	int year, month, day; /* month and day from 1 */
	int hour, minute, second;
	int weekday; /* 0: Monday */
};

/* 0, or -1 with the reason in why and the offset of the fault in *at. */
int calendar_parse(const char *text, struct calendar *c, char *why, size_t why_size, size_t *at);
/* parse(print(c)) is c again. */
void calendar_print(struct text *t, const struct calendar *c);

/*
 * The first moment after `after` that the expression names; false: it never comes again. Local time that
 * is skipped when clocks go forward counts as the moment of the jump; of local time that comes twice the first one
 * counts. Where every hour matches, neither is wanted: such an expression goes by the time that passes.
 */
bool calendar_next(const struct calendar *c, const struct calendar_zone *zone, int64_t after,
	int64_t *next);

/* Seconds since 1970 as a date and time of day, and back; no zone. */
struct civil civil_of(int64_t seconds);
int64_t civil_seconds(const struct civil *t);

#endif
