#include "supervisor/core/number.h"

#include "common/util.h"
#include "supervisor/core/unit/unit.h"

#include <string.h>
#include <strings.h>

#define FRACTION_DIGITS 9 /* more are read but change nothing */

/* One decimal number with an optional fraction, kept as two integers. */
struct decimal {
	uint64_t whole;
	uint64_t fraction; /* of 10^FRACTION_DIGITS */
};

struct scale {
	const char *name;
	uint64_t factor;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits at *s and moves it behind them. */
static int read_digits(const char **s, uint64_t *value)
{
	const char *p = *s;
	uint64_t v = 0;

	if (!is_digit(*p))
		return -1;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	*s = p;
	*value = v;
	return 0;
}

static int read_decimal(const char **s, struct decimal *d)
{
	uint64_t place = 100000000; /* 10^(FRACTION_DIGITS - 1) */

	d->fraction = 0;
	if (read_digits(s, &d->whole) < 0)
		return -1;
	if (**s != '.')
		return 0;
	if (!is_digit((*s)[1]))
		return -1;
	for ((*s)++; is_digit(**s); (*s)++) {
		d->fraction += place * (uint64_t)(**s - '0');
		place /= 10;
	}
	return 0;
}

/* total += d * factor */
static int add_scaled(uint64_t *total, const struct decimal *d, uint64_t factor)
{
	const uint64_t one = 1000000000; /* 10^FRACTION_DIGITS */
	uint64_t v;

	if (__builtin_mul_overflow(d->whole, factor, &v))
		return -1;
	/* Split, so that a factor of many days or bytes does not overflow. */
	if (__builtin_add_overflow(v, factor / one * d->fraction, &v) ||
		__builtin_add_overflow(v, factor % one * d->fraction / one, &v) ||
		__builtin_add_overflow(*total, v, total))
		return -1;
	return *total < SIZE_UNSET ? 0 : -1; /* the two last values have a meaning */
}

int number_u64(const char *s, uint64_t *value)
{
	return read_digits(&s, value) == 0 && *s == '\0' ? 0 : -1;
}

int number_i64(const char *s, int64_t *value)
{
	bool negative = *s == '-';
	uint64_t v;

	if (*s == '-' || *s == '+')
		s++;
	if (number_u64(s, &v) < 0 || v > INT64_MAX)
		return -1;
	*value = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

int number_bool(const char *s, bool *value)
{
	static const char *const words[2][6] = {
		{ "no", "false", "off", "0", "n", "f" },
		{ "yes", "true", "on", "1", "y", "t" },
	};

	for (size_t truth = 0; truth < 2; truth++)
		for (size_t i = 0; i < ARRAY_LEN(words[truth]); i++)
			if (strcasecmp(s, words[truth][i]) == 0) {
				*value = truth == 1;
				return 0;
			}
	return -1;
}

static const struct scale time_units[] = {
	{ "usec", 1 },
	{ "us", 1 },
	{ "µs", 1 },
	{ "msec", USEC_PER_MSEC },
	{ "ms", USEC_PER_MSEC },
	{ "seconds", USEC_PER_SEC },
	{ "second", USEC_PER_SEC },
	{ "sec", USEC_PER_SEC },
	{ "s", USEC_PER_SEC },
	{ "minutes", 60 * USEC_PER_SEC },
	{ "minute", 60 * USEC_PER_SEC },
	{ "min", 60 * USEC_PER_SEC },
	{ "m", 60 * USEC_PER_SEC },
	{ "hours", 3600 * USEC_PER_SEC },
	{ "hour", 3600 * USEC_PER_SEC },
	{ "hr", 3600 * USEC_PER_SEC },
	{ "h", 3600 * USEC_PER_SEC },
	{ "days", 86400 * USEC_PER_SEC },
	{ "day", 86400 * USEC_PER_SEC },
	{ "d", 86400 * USEC_PER_SEC },
	{ "weeks", 604800 * USEC_PER_SEC },
	{ "week", 604800 * USEC_PER_SEC },
	{ "w", 604800 * USEC_PER_SEC },
	{ "months", 2629800 * USEC_PER_SEC },
	{ "month", 2629800 * USEC_PER_SEC },
	{ "M", 2629800 * USEC_PER_SEC },
	{ "years", 31557600 * USEC_PER_SEC },
	{ "year", 31557600 * USEC_PER_SEC },
	{ "y", 31557600 * USEC_PER_SEC },
};

static uint64_t time_unit(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(time_units); i++)
		if (strlen(time_units[i].name) == len && memcmp(time_units[i].name, name, len) == 0)
			return time_units[i].factor;
	return 0;
}

int number_time(const char *s, uint64_t *usec)
{
	uint64_t total = 0, factor;
	struct decimal d;
	size_t len;

	if (strcmp(s, "infinity") == 0) {
		*usec = TIME_INFINITY;
		return 0;
	}
	for (const char *start = s; *s != '\0' || s == start;) {
		if (read_decimal(&s, &d) < 0)
			return -1;
		s += strspn(s, " \t");
		len = strcspn(s, " \t0123456789.");
		/* A number without a unit means seconds, also behind others: "1min 30". */
		factor = len > 0 ? time_unit(s, len) : USEC_PER_SEC;
		if (factor == 0 || add_scaled(&total, &d, factor) < 0)
			return -1;
		s += len;
		s += strspn(s, " \t");
	}
	*usec = total;
	return 0;
}

/* The power of `base` that a suffix stands for: "", "B", "K", "KB", "KiB", ... */
static int size_power(const char *s, int *power)
{
	static const char letters[] = "KMGTPE";
	const char *letter = NULL;

	if (*s != '\0' && *s != 'B' && *s != 'b') {
		char upper = (char)(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);

		letter = strchr(letters, upper);
		if (letter == NULL)
			return -1;
		s++;
		if (*s == 'i')
			s++;
	}
	if (*s == 'B' || *s == 'b')
		s++;
	*power = letter == NULL ? 0 : (int)(letter - letters) + 1;
	return *s == '\0' ? 0 : -1;
}

int number_size(const char *s, uint32_t base, uint64_t *bytes)
{
	uint64_t total = 0, factor = 1;
	struct decimal d;
	int power;

	if (strcmp(s, "infinity") == 0) {
		*bytes = SIZE_INFINITY;
		return 0;
	}
	if (read_decimal(&s, &d) < 0 || size_power(s, &power) < 0)
		return -1;
	while (power-- > 0)
		factor *= base;
	if (add_scaled(&total, &d, factor) < 0)
		return -1;
	*bytes = total;
	return 0;
}

int number_permille(const char *s, uint32_t *permille)
{
	uint64_t total = 0;
	struct decimal d;

	if (read_decimal(&s, &d) < 0 || strcmp(s, "%") != 0 || add_scaled(&total, &d, 10) < 0)
		return -1;
	if (total > UINT32_MAX)
		return -1;
	*permille = (uint32_t)total;
	return 0;
}

int number_mode(const char *s, uint32_t *mode)
{
	size_t len = strspn(s, "01234567");
	uint32_t value = 0;

	if (len == 0 || len > 5 || s[len] != '\0')
		return -1;
	for (; *s != '\0'; s++)
		value = value << 3 | (uint32_t)(*s - '0');
	if (value > 07777)
		return -1;
	*mode = value;
	return 0;
}

void number_put_time(struct text *t, uint64_t usec)
{
	static const struct scale units[] = {
		{ "d", 86400 * USEC_PER_SEC },
		{ "h", 3600 * USEC_PER_SEC },
		{ "min", 60 * USEC_PER_SEC },
		{ "s", USEC_PER_SEC },
		{ "ms", USEC_PER_MSEC },
		{ "us", 1 },
	};
	const char *gap = "";

	if (usec == TIME_INFINITY || usec == 0) {
		text_puts(t, usec == 0 ? "0" : "infinity");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (usec < units[i].factor)
			continue;
		text_printf(t, "%s%llu%s", gap, (unsigned long long)(usec / units[i].factor),
			units[i].name);
		usec %= units[i].factor;
		gap = " ";
	}
}

void number_put_size(struct text *t, uint64_t bytes, uint32_t base)
{
	static const char letters[] = "KMGTPE";
	char suffix[2] = "";

	if (bytes == SIZE_INFINITY) {
		text_puts(t, "infinity");
		return;
	}
	for (size_t i = 0; letters[i] != '\0' && bytes >= base && bytes % base == 0; i++) {
		bytes /= base;
		suffix[0] = letters[i];
	}
	text_printf(t, "%llu%s", (unsigned long long)bytes, suffix);
}

void number_put_permille(struct text *t, uint32_t permille)
{
	text_printf(t, "%u", permille / 10);
	if (permille % 10 != 0)
		text_printf(t, ".%u", permille % 10);
	text_puts(t, "%");
}
