/* supctl timers: what comes when, the next one first. */
#include "common/jsontext.h"
#include "supctl/supctl.h"
#include "supctl/text.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_MIN 5
#define NAME_MAX_WIDTH 18

static uint64_t now_on_wall(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
}

/* Within half a year no year is needed. */
static const char *moment(uint64_t at, uint64_t now, char *buf, size_t size)
{
	const uint64_t half_a_year = 180 * 86400 * USEC_PER_SEC;
	bool near = at < now + half_a_year && now < at + half_a_year;
	time_t clock = (time_t)(at / USEC_PER_SEC);
	struct tm tm;

	if (at == 0 || localtime_r(&clock, &tm) == NULL)
		return "-";
	if (near)
		(void)snprintf(buf, size, "%02d-%02d %02d:%02d:%02d", tm.tm_mon + 1, tm.tm_mday,
			tm.tm_hour, tm.tm_min, tm.tm_sec);
	else
		(void)snprintf(buf, size, "%d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday);
	return buf;
}

static const char *span(uint64_t from, uint64_t to, char buf[HUMAN_MAX])
{
	return from == 0 || to == 0 ? "-" : human_time(to > from ? to - from : 0, buf);
}

static bool comes_before(const json_t *a, const json_t *b)
{
	uint64_t left = number_of(a, "next"), right = number_of(b, "next");

	return left != 0 && (right == 0 || left < right);
}

/* The timers among the units, in the order in which they come. */
static json_t *sorted_timers(const json_t *units)
{
	json_t *timers = json_array(), *unit;
	size_t i;

	json_array_foreach(units, i, unit)
	{
		size_t at = 0;

		if (strcmp(text_of(unit, "kind"), "timer") != 0)
			continue;
		while (at < json_array_size(timers) &&
			!comes_before(unit, json_array_get(timers, at)))
			at++;
		(void)json_array_insert(timers, at, unit);
	}
	return timers;
}

static size_t name_width_of(const json_t *timers)
{
	size_t widest = NAME_MIN, i;
	const json_t *timer;

	json_array_foreach(timers, i, timer)
	{
		size_t n = text_width(text_of(timer, "name"));

		widest = n > widest && n <= NAME_MAX_WIDTH ? n : widest;
	}
	return widest;
}

static void print_row(const json_t *timer, size_t name_width, size_t width, uint64_t now)
{
	uint64_t next = number_of(timer, "next"), last = number_of(timer, "last");
	char when[32], was[32], left[HUMAN_MAX], passed[HUMAN_MAX];
	const char *name = text_of(timer, "name");
	size_t used = text_width(name);

	put_safe(stdout, name);
	if (used > name_width)
		(void)putchar('\n');
	(void)printf("%*s", (int)(used > name_width ? name_width : name_width - used), "");
	used = name_width +
		(size_t)printf(" %-14s %6s %-14s %6s ", moment(next, now, when, sizeof(when)),
			span(next != 0 ? now : 0, next, left), moment(last, now, was, sizeof(was)),
			span(last, now, passed));
	(void)put_cut(text_of(timer, "activates"), width > used ? width - used : 1);
	(void)putchar('\n');
}

static int run(struct context *c, int argc, char **argv)
{
	size_t width = terminal_width(), name_width, i;
	uint64_t now = now_on_wall();
	json_t *answer, *timers, *timer;
	int status;

	(void)argv;
	if (argc > 1)
		return usage_of(&command_timers);
	answer = ask(c, "Status", NULL, &status);
	if (answer == NULL)
		return status;
	timers = sorted_timers(json_object_get(answer, "units"));
	json_decref(answer);
	if (c->json)
		return print_json(json_build("{so}", "timers", timers));
	name_width = name_width_of(timers);
	(void)printf("%-*s %-14s %6s %-14s %6s %s\n", (int)name_width, "TIMER", "NEXT", "LEFT",
		"LAST", "PASSED", "STARTS");
	json_array_foreach(timers, i, timer) print_row(timer, name_width, width, now);
	json_decref(timers);
	return EXIT_DONE;
}

const struct command command_timers = { "timers", "", "what the timers start, and when", run };
