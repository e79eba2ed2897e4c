/* `supervisor calendar EXPRESSION [TIMES]`: how the supervisor reads an OnCalendar=, and when it comes. */
#include "supervisor/calendar.h"

#include "common/jsontext.h"
#include "supervisor/core/calendar.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIMES 3
#define TIMES_MAX 1000

static int32_t local_offset(void *data, int64_t utc)
{
	time_t clock = (time_t)utc;
	struct tm tm;

	(void)data;
	return localtime_r(&clock, &tm) != NULL ? (int32_t)tm.tm_gmtoff : 0;
}

static const char *time_text(int64_t at, bool utc, char *buf, size_t size)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	time_t clock = (time_t)at;
	struct tm tm;

	if ((utc ? gmtime_r(&clock, &tm) : localtime_r(&clock, &tm)) == NULL)
		return "?";
	(void)snprintf(buf, size, "%s %d-%02d-%02d %02d:%02d:%02d %s", days[tm.tm_wday % 7],
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		utc ? "UTC" : tm.tm_zone);
	return buf;
}

static void print_text(const struct calendar *c, const char *normal, uint64_t times)
{
	const struct calendar_zone zone = { .utc_offset = local_offset };
	int64_t at = (int64_t)time(NULL);
	char text[64];

	(void)printf("Normalized: %s\n", normal);
	for (uint64_t i = 0; i < times; i++) {
		bool comes = calendar_next(c, &zone, at, &at);

		if (comes)
			(void)printf("%10s: %s\n", i == 0 ? "Next" : "Then",
				time_text(at, c->utc, text, sizeof(text)));
		else
			(void)printf("%10s: never\n", i == 0 ? "Next" : "Then");
		if (!comes)
			return;
	}
}

static void print_json(const struct calendar *c, const char *normal, uint64_t times)
{
	const struct calendar_zone zone = { .utc_offset = local_offset };
	int64_t at = (int64_t)time(NULL);
	json_t *next = json_array(), *all;

	for (uint64_t i = 0; i < times && calendar_next(c, &zone, at, &at); i++)
		(void)json_array_append_new(next, json_integer((json_int_t)at));
	all = json_build("{ss so}", "normalized", normal, "next", next);
	(void)json_dumpf(all, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(all);
}

int calendar_main(int argc, char **argv)
{
	bool json = argc > 0 && strcmp(argv[0], "--json") == 0;
	char why[200], normal[CALENDAR_TEXT_MAX];
	struct text t = { normal, sizeof(normal), 0 };
	uint64_t times = TIMES;
	struct calendar c;
	size_t at;

	argc -= json;
	argv += json;
	if (argc < 1 || argc > 2 ||
		(argc == 2 && (number_u64(argv[1], &times) < 0 || times > TIMES_MAX))) {
		(void)fprintf(stderr, "usage: supervisor calendar [--json] EXPRESSION [TIMES]\n");
		return 2;
	}
	if (calendar_parse(argv[0], &c, why, sizeof(why), &at) < 0) {
		(void)fprintf(stderr, "%s\n%*s^ %s\n", argv[0], (int)at, "", why);
		return 1;
	}
	calendar_print(&t, &c);
	(json ? print_json : print_text)(&c, normal, times);
	return 0;
}
