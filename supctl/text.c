#include "supctl/text.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

size_t put_safe(const char *text, size_t width)
{
	size_t n = 0;

	for (; text[n] != '\0' && n < width; n++)
		(void)putchar((unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n]);
	return n;
}

void put_safe_n(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		(void)putchar((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c);
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
