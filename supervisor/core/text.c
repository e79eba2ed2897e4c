#include "supervisor/core/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

void text_put(struct text *t, const char *s, size_t n)
{
	if (t->len < t->size) {
		size_t room = t->size - t->len - 1;
		size_t fits = n < room ? n : room;

		memcpy(t->buf + t->len, s, fits);
		t->buf[t->len + fits] = '\0';
	}
	t->len += n;
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

/* One conversion, and where the arguments are. */
struct conversion {
	va_list ap;
	bool left, zero;
	int width, precision; /* -1: none is given */
	int longs; /* how many "l"; one for "z" and "t", which are as wide, two for "j" */
};

static void fill(struct text *t, char c, int n)
{
	while (n-- > 0)
		text_put(t, &c, 1);
}

static void put_padded(struct text *t, const struct conversion *c, const char *s, size_t n)
{
	int pad = c->width - (int)n;

	if (!c->left)
		fill(t, ' ', pad);
	text_put(t, s, n);
	if (c->left)
		fill(t, ' ', pad);
}

static void put_string(struct text *t, struct conversion *c)
{
	const char *s = va_arg(c->ap, const char *);

	if (s == NULL)
		s = "(null)";
	put_padded(t, c, s, c->precision < 0 ? strlen(s) : strnlen(s, (size_t)c->precision));
}

static uint64_t take_number(struct conversion *c, bool is_signed)
{
	if (c->longs > 1)
		return va_arg(c->ap, uint64_t);
	if (c->longs > 0)
		return is_signed ? (uint64_t)va_arg(c->ap, long) : va_arg(c->ap, unsigned long);
	return is_signed ? (uint64_t)va_arg(c->ap, int) : va_arg(c->ap, unsigned int);
}

static void put_number(struct text *t, struct conversion *c, unsigned int base, const char *digits)
{
	uint64_t v = take_number(c, base == 0);
	bool minus = base == 0 && (int64_t)v < 0;
	char buf[64], *end = buf + sizeof(buf), *at = end;
	int least = c->precision;

	if (base == 0)
		base = 10;
	if (minus)
		v = -v;
	if (c->zero && least < 0)
		least = c->width - minus;
	if (least > (int)sizeof(buf) - 1)
		least = sizeof(buf) - 1;
	for (; v > 0 || end - at < (least < 0 ? 1 : least); v /= base)
		*--at = digits[v % base];
	if (minus)
		*--at = '-';
	put_padded(t, c, at, (size_t)(end - at));
}

/* A number of the format, or the argument that stands for it. */
static const char *read_count(const char *s, struct conversion *c, int *count)
{
	if (*s == '*') {
		*count = va_arg(c->ap, int);
		return s + 1;
	}
	for (*count = 0; *s >= '0' && *s <= '9'; s++)
		*count = *count * 10 + (*s - '0');
	return s;
}

/* All that stands between "%" and the letter of the conversion. */
static const char *read_conversion(const char *s, struct conversion *c)
{
	c->left = c->zero = false;
	c->precision = -1;
	c->longs = 0;
	for (; *s == '-' || *s == '0'; s++)
		*(*s == '-' ? &c->left : &c->zero) = true;
	s = read_count(s, c, &c->width);
	if (c->width < 0) {
		c->left = true;
		c->width = -c->width;
	}
	if (*s == '.')
		s = read_count(s + 1, c, &c->precision);
	for (; *s != '\0' && strchr("hlzjt", *s) != NULL; s++)
		c->longs += *s == 'j' ? 2 : *s != 'h';
	if (*s == 'p')
		c->longs = 1;
	return s;
}

static bool put_conversion(struct text *t, struct conversion *c, char letter)
{
	static const char digits[] = "0123456789abcdef";
	char one;

	switch (letter) {
	case '%':
		text_put(t, "%", 1);
		return true;
	case 'c':
		one = (char)va_arg(c->ap, int);
		put_padded(t, c, &one, 1);
		return true;
	case 's':
		put_string(t, c);
		return true;
	case 'd':
	case 'i':
		put_number(t, c, 0, digits);
		return true;
	case 'u':
		put_number(t, c, 10, digits);
		return true;
	case 'o':
		put_number(t, c, 8, digits);
		return true;
	case 'p':
	case 'x':
		put_number(t, c, 16, digits);
		return true;
	case 'X':
		put_number(t, c, 16, "0123456789ABCDEF");
		return true;
	default:
		return false;
	}
}

void text_vprintf(struct text *t, const char *fmt, va_list ap)
{
	struct conversion c;

	text_puts(t, ""); /* as vsnprintf(3), which ends an empty text, too */
	va_copy(c.ap, ap);
	while (*fmt != '\0') {
		size_t plain = strcspn(fmt, "%");
		const char *letter;

		text_put(t, fmt, plain);
		fmt += plain;
		if (*fmt == '\0')
			break;
		letter = read_conversion(fmt + 1, &c);
		if (put_conversion(t, &c, *letter)) {
			fmt = letter + 1;
		} else {
			text_put(t, fmt, (size_t)(letter - fmt));
			fmt = letter;
		}
	}
	va_end(c.ap);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(t, fmt, ap);
	va_end(ap);
}

void text_separate(struct text *t, const char *separator)
{
	if (t->len > 0)
		text_puts(t, separator);
}

void text_copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

size_t text_utf8_length(const unsigned char *s, size_t left)
{
	uint32_t c, least;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xe0) {
		n = 2;
		c = s[0] & 0x1f;
		least = 0x80;
	} else if (s[0] >= 0xe0 && s[0] < 0xf0) {
		n = 3;
		c = s[0] & 0x0f;
		least = 0x800;
	} else if (s[0] >= 0xf0 && s[0] < 0xf5) {
		n = 4;
		c = s[0] & 0x07;
		least = 0x10000;
	} else {
		return 0;
	}
	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= least && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}
