#include "supctl/text.h"

#include "common/jsontext.h"
#include "common/util.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

const char *human_size(uint64_t bytes, char buf[HUMAN_MAX])
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;
	uint64_t tenths = 0;

	while (bytes >= 1024) {
		tenths = bytes % 1024 * 10 / 1024;
		bytes /= 1024;
		unit++;
	}
	if (unit == 0 || bytes >= 100)
		(void)snprintf(buf, HUMAN_MAX, "%u%c", (unsigned int)bytes, units[unit]);
	else
		(void)snprintf(buf, HUMAN_MAX, "%u.%u%c", (unsigned int)bytes, (unsigned int)tenths,
			units[unit]);
	return buf;
}

const char *human_time(uint64_t usec, char buf[HUMAN_MAX])
{
	unsigned int s = (unsigned int)(usec / USEC_PER_SEC);

	if (s >= 86400)
		(void)snprintf(buf, HUMAN_MAX, "%ud%uh", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		(void)snprintf(buf, HUMAN_MAX, "%uh%um", s / 3600, s / 60 % 60);
	else if (s >= 60)
		(void)snprintf(buf, HUMAN_MAX, "%um%us", s / 60, s % 60);
	else
		(void)snprintf(buf, HUMAN_MAX, "%u.%us", s,
			(unsigned int)(usec % USEC_PER_SEC / (USEC_PER_SEC / 10)));
	return buf;
}

size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 40)
		return 80;
	return size.ws_col;
}

/* One character: how many bytes it takes, and whether it may be shown. */
static size_t look(const char *text, size_t n, bool *fit)
{
	size_t step = utf8_length(text, n);
	unsigned char c = (unsigned char)text[0];

	/* U+0080 to U+009F are the terminal commands of old, which many still obey */
	*fit = step > 0 && (c >= 0x20 || c == '\t') && c != 0x7f &&
		!(step == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0);
	return step > 0 ? step : 1;
}

/* Writes up to `width` characters of n bytes; returns the bytes used. */
static size_t put(FILE *to, const char *text, size_t n, size_t width)
{
	size_t at = 0;
	bool fit;

	for (size_t shown = 0; at < n && shown < width; shown++) {
		size_t step = look(text + at, n - at, &fit);

		if (fit)
			(void)fwrite(text + at, 1, step, to);
		else
			(void)fputc('?', to);
		at += step;
	}
	return at;
}

void put_safe_n(FILE *to, const char *text, size_t n)
{
	(void)put(to, text, n, SIZE_MAX);
}

void put_safe(FILE *to, const char *text)
{
	put_safe_n(to, text, strlen(text));
}

static size_t width_of(const char *text, size_t n)
{
	size_t width = 0;
	bool fit;

	for (size_t at = 0; at < n; width++)
		at += look(text + at, n - at, &fit);
	return width;
}

size_t text_width(const char *text)
{
	return width_of(text, strlen(text));
}

size_t put_cut(const char *text, size_t width)
{
	return width_of(text, put(stdout, text, strlen(text), width));
}

/* Bytes of the words that fit into `width`; at least one character of a word that is longer. */
static size_t fitting(const char *text, size_t width)
{
	size_t at = 0, words = 0;
	bool fit;

	for (size_t shown = 0; text[at] != '\0' && shown < width; shown++) {
		if (text[at] == ' ')
			words = at;
		at += look(text + at, strlen(text + at), &fit);
	}
	return text[at] == '\0' || text[at] == ' ' || words == 0 ? at : words;
}

void put_wrapped(const char *text, size_t indent, size_t width)
{
	while (*text != '\0') {
		size_t n = fitting(text, width > indent + 1 ? width - indent : 1);

		(void)printf("%*s", (int)indent, "");
		put_safe_n(stdout, text, n);
		(void)putchar('\n');
		text += n;
		text += strspn(text, " ");
	}
}

const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : "";
}

uint64_t number_of(const json_t *object, const char *member)
{
	json_int_t n = json_integer_value(json_object_get(object, member));

	return n > 0 ? (uint64_t)n : 0;
}

const char *age_of(const json_t *object, char buf[HUMAN_MAX])
{
	struct timespec now;
	uint64_t us, since = number_of(object, "since");

	if (since == 0)
		return "-";
	(void)clock_gettime(CLOCK_REALTIME, &now);
	us = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
	return human_time(us > since ? us - since : 0, buf);
}

void put_lines(const char *text, const char *before)
{
	for (const char *end; *text != '\0'; text = end) {
		end = text + strcspn(text, "\n");
		(void)fputs(before, stdout);
		put_safe_n(stdout, text, (size_t)(end - text));
		(void)putchar('\n');
		end += *end == '\n';
	}
}

void print_field(const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)printf("%*s: ", FIELD_WIDTH, name);
	put_safe(stdout, text);
	(void)putchar('\n');
}

void print_number(const char *name, uint64_t number)
{
	(void)printf("%*s: %u\n", FIELD_WIDTH, name, (unsigned int)number);
}

static void print_value(const char *name, const json_t *value)
{
	if (json_is_string(value))
		print_field(name, json_string_value(value));
	else if (json_is_integer(value))
		print_number(name, (uint64_t)json_integer_value(value));
	for (size_t i = 0; i < json_array_size(value); i++)
		print_value(name, json_array_get(value, i));
}

void print_members(const json_t *unit, const char *list)
{
	for (const char *member; *list != '\0'; list = member + strlen(member) + 1) {
		member = list + strlen(list) + 1;
		print_value(list, json_object_get(unit, member));
	}
}
