#include "supervisor/core/net/ip4.h"

#include <stdio.h>

const char *ip4_text(char buf[IP4_TEXT_MAX], const struct subnet *s, bool with_prefix)
{
	uint32_t a = s->addr;

	(void)snprintf(buf, IP4_TEXT_MAX, "%u.%u.%u.%u", a >> 24, a >> 16 & 0xff, a >> 8 & 0xff,
		a & 0xff);
	if (with_prefix) {
		size_t used = 0;

		while (buf[used] != '\0')
			used++;
		(void)snprintf(buf + used, IP4_TEXT_MAX - used, "/%u", (unsigned int)s->prefix);
	}
	return buf;
}

/* A decimal number up to most, moves *text behind it; -1 when there is none. */
static int number(const char **text, int most)
{
	const char *c = *text;
	int value = 0;

	while (*c >= '0' && *c <= '9' && value <= most)
		value = 10 * value + (*c++ - '0');
	if (c == *text || value > most)
		return -1;
	*text = c;
	return value;
}

int ip4_parse(struct subnet *out, const char *text, bool with_prefix)
{
	uint32_t addr = 0;
	int i, part;

	for (i = 0; i < 4; i++) {
		if (i > 0 && *text++ != '.')
			return -1;
		part = number(&text, 255);
		if (part < 0)
			return -1;
		addr = addr << 8 | (uint32_t)part;
	}
	part = 32;
	if (with_prefix) {
		if (*text++ != '/')
			return -1;
		part = number(&text, 32);
	}
	if (*text != '\0' || part < 0)
		return -1;
	*out = (struct subnet){ .addr = addr, .prefix = (uint8_t)part };
	return 0;
}

uint32_t ip4_mask(uint8_t prefix)
{
	return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

bool ip4_inside(const struct subnet *s, uint32_t addr)
{
	return ((addr ^ s->addr) & ip4_mask(s->prefix)) == 0;
}

bool ip4_overlap(const struct subnet *a, const struct subnet *b)
{
	return a->prefix <= b->prefix ? ip4_inside(a, b->addr) : ip4_inside(b, a->addr);
}
