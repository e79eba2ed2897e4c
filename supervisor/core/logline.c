#include "supervisor/core/logline.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>

#define DAYS_PER_400_YEARS 146097
#define SECONDS_PER_DAY 86400

static const char *const stream_names[LOG_STREAM_COUNT] = {
	[LOG_OUT] = "out",
	[LOG_ERR] = "err",
	[LOG_SUP] = "sup",
};

const char *log_stream_name(enum log_stream stream)
{
	return stream_names[stream];
}

/*
 * Days since 1970-01-01 to a date, in the calendar that begins each year on 1 March, where the leap day comes
 * last; gmtime(3) is no option in a pure function (it reads the zone on some systems).
 */
static void civil_date(uint64_t days, unsigned int *year, unsigned int *month, unsigned int *day)
{
	uint64_t d = days + 719468; /* from 0000-03-01 */
	uint64_t era = d / DAYS_PER_400_YEARS;
	uint64_t doe = d % DAYS_PER_400_YEARS;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;

	*day = (unsigned int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (unsigned int)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

void log_stamp(uint64_t wall_us, char stamp[LOG_STAMP_SIZE])
{
	uint64_t seconds = wall_us / USEC_PER_SEC;
	unsigned int of_day = (unsigned int)(seconds % SECONDS_PER_DAY);
	unsigned int year, month, day;

	civil_date(seconds / SECONDS_PER_DAY, &year, &month, &day);
	(void)snprintf(stamp, LOG_STAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", year % 10000,
		month % 100, day % 100, of_day / 3600, of_day / 60 % 60, of_day % 60,
		(unsigned int)(wall_us % USEC_PER_SEC));
}

size_t log_record(char *out, uint64_t wall_us, enum log_stream stream, bool goes_on,
	const char *text, size_t n)
{
	char stamp[LOG_STAMP_SIZE];

	log_stamp(wall_us, stamp);
	return log_record_stamped(out, stamp, stream, goes_on, text, n);
}

size_t log_record_stamped(char *out, const char stamp[LOG_STAMP_SIZE], enum log_stream stream,
	bool goes_on, const char *text, size_t n)
{
	size_t used = LOG_STAMP_SIZE - 1;

	memcpy(out, stamp, used);
	out[used++] = ' ';
	memcpy(out + used, stream_names[stream], 3);
	used += 3;
	if (goes_on)
		out[used++] = '+';
	out[used++] = ' ';
	memcpy(out + used, text, n);
	used += n;
	out[used++] = '\n';
	return used;
}

size_t log_next(const char *data, size_t n, size_t *text_n, bool *goes_on)
{
	size_t most = n < LOG_LINE_MAX ? n : LOG_LINE_MAX;
	const char *newline = most > 0 ? memchr(data, '\n', most) : NULL;

	*goes_on = false;
	if (newline != NULL) {
		*text_n = (size_t)(newline - data);
		return *text_n + 1;
	}
	if (n > LOG_LINE_MAX && data[LOG_LINE_MAX] == '\n') {
		*text_n = LOG_LINE_MAX;
		return LOG_LINE_MAX + 1;
	}
	if (n <= LOG_LINE_MAX)
		return 0;
	*goes_on = true;
	*text_n = LOG_LINE_MAX;
	return LOG_LINE_MAX;
}

bool log_parse(struct log_view *view, const char *line, size_t n)
{
	const char *end = line + n, *p = line + LOG_STAMP_SIZE - 1, *space;

	if (n < LOG_STAMP_SIZE + 4 || line[10] != 'T' || p[-1] != 'Z' || *p != ' ')
		return false;
	p++;
	space = memchr(p, ' ', (size_t)(end - p));
	if (space == NULL || space - p < 3 || space - p > 4)
		return false;
	view->stamp = line;
	view->stream = p;
	view->stream_n = (size_t)(space - p);
	view->text = space + 1;
	view->text_n = (size_t)(end - view->text);
	return true;
}
