#include "supervisor/core/net/ip.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

int ip_compare(struct ip a, struct ip b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

struct ip ip_plus(struct ip a, struct ip b)
{
	struct ip sum = { .hi = a.hi + b.hi, .lo = a.lo + b.lo };

	sum.hi += sum.lo < a.lo;
	return sum;
}

void ip_bytes(uint8_t out[16], struct ip a)
{
	uint64_t wire[2] = { htobe64(a.hi), htobe64(a.lo) };

	memcpy(out, wire, sizeof(wire));
}

struct ip ip_of_bytes(const uint8_t *bytes, size_t size)
{
	struct ip a = {
		.lo = 0xffff
	}; /* what is before an IPv4 address; one of IPv6 leaves no room for it */

	while (size-- > 0)
		a = (struct ip){ a.hi << 8 | a.lo >> 56, a.lo << 8 | *bytes++ };
	return a;
}

/* ---- text ---- */

const char *ip_text(char buf[IP_TEXT_MAX], struct ip a)
{
	bool v4 = ip_family(a) == FAMILY_V4;
	uint8_t bytes[16];

	ip_bytes(bytes, a);
	(void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, buf, IP_TEXT_MAX);
	return buf;
}

static unsigned int family_bits(struct ip a)
{
	return ip_family(a) == FAMILY_V4 ? V4_BITS : 0;
}

const char *subnet_text(char buf[IP_TEXT_MAX], const struct subnet *s)
{
	unsigned int bits = s->prefix - family_bits(s->addr);
	char *end = strchr(ip_text(buf, s->addr), '\0');

	*end++ = '/';
	for (unsigned int unit = bits >= 100 ? 100 : bits >= 10 ? 10 : 1; unit > 0; unit /= 10)
		*end++ = (char)('0' + bits / unit % 10);
	*end = '\0';
	return buf;
}

int ip_parse(struct ip *out, const char *text)
{
	bool v6 = strchr(text, ':') != NULL;
	uint8_t bytes[16];

	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return -1;
	*out = ip_of_bytes(bytes, v6 ? 16 : 4);
	return 0;
}

int subnet_parse(struct subnet *out, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : IP_TEXT_MAX;
	unsigned int bits = 0, more;
	char addr[IP_TEXT_MAX];
	struct ip ip;

	if (len >= sizeof(addr))
		return -1;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (ip_parse(&ip, addr) < 0)
		return -1;
	/* Without a sign or a leading zero; so it is not 0 either. */
	if (slash[1] == '0')
		return -1;
	for (text = slash + 1; *text >= '0' && *text <= '9' && bits <= 128; text++)
		bits = 10 * bits + (unsigned int)(*text - '0');
	more = family_bits(ip);
	if (*text != '\0' || bits == 0 || bits + more > 128)
		return -1;
	*out = (struct subnet){ .addr = ip, .prefix = (uint8_t)(bits + more) };
	return 0;
}

bool ip_is_special(struct ip a)
{
	unsigned int top = ip_to_v4(a) >> 24;

	if (ip_family(a) == FAMILY_V4)
		return top == 0 || top == 127 || top >= 224;
	top = (unsigned int)(a.hi >> 48);
	return top < 0x100 || (top & 0xffc0) == 0xfe80 || top >= 0xff00;
}

/* ---- subnets ---- */

static struct ip mask(uint8_t prefix)
{
	if (prefix <= 64)
		return (struct ip){ .hi = prefix == 0 ? 0 : UINT64_MAX << (64 - prefix) };
	return (struct ip){ .hi = UINT64_MAX, .lo = UINT64_MAX << (128 - prefix) };
}

struct ip subnet_first(const struct subnet *s)
{
	struct ip m = mask(s->prefix);

	return (struct ip){ .hi = s->addr.hi & m.hi, .lo = s->addr.lo & m.lo };
}

struct ip subnet_last(const struct subnet *s)
{
	struct ip m = mask(s->prefix);

	return (struct ip){ .hi = s->addr.hi | ~m.hi, .lo = s->addr.lo | ~m.lo };
}

bool subnet_has(const struct subnet *s, struct ip a)
{
	struct subnet other = { .addr = a, .prefix = s->prefix };

	return ip_same(subnet_first(s), subnet_first(&other));
}

bool subnet_has_host(const struct subnet *s, struct ip a)
{
	return subnet_has(s, a) && !ip_same(a, subnet_first(s)) &&
		(ip_family(a) == FAMILY_V6 || !ip_same(a, subnet_last(s)));
}

bool subnet_holds(const struct subnet *outer, const struct subnet *inner)
{
	return inner->prefix >= outer->prefix && subnet_has(outer, inner->addr);
}

bool subnet_overlap(const struct subnet *a, const struct subnet *b)
{
	return a->prefix <= b->prefix ? subnet_has(a, b->addr) : subnet_has(b, a->addr);
}
