/*
 * Addresses of both families in one type, and their text. Pure.
 *
 * An IPv4 address is the IPv6 one that stands for it (::ffff:a.b.c.d, RFC 4291), so nobody has to ask for the family
 * but who talks to the kernel or to people. All zero is none, or any.
 */
#ifndef CORE_NET_IP_H
#define CORE_NET_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip {
	uint64_t hi, lo; /* in host byte order */
};

struct subnet {
	struct ip addr;
	uint8_t prefix; /* of 128 bits: 10.88.0.0/16 has 112; 0: none */
};

enum family { FAMILY_V4, FAMILY_V6, FAMILY_COUNT };

#define IP_TEXT_MAX 50 /* INET6_ADDRSTRLEN and "/128" */
/* As a constant: 0x0a580001 is 10.88.0.1. */
#define IP_V4(a)                           \
	{                                  \
		.lo = 0xffff00000000 | (a) \
	}
#define V4_BITS 96 /* what a prefix of IPv4 has more here than as it is written */

static inline struct ip ip_v4(uint32_t a)
{
	return (struct ip)IP_V4(a);
}

static inline uint32_t ip_to_v4(struct ip a)
{
	return (uint32_t)a.lo;
}

static inline bool ip_is_set(struct ip a)
{
	return (a.hi | a.lo) != 0;
}

static inline bool ip_same(struct ip a, struct ip b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/* None, or 0.0.0.0: any of both families, or of IPv4. */
static inline bool ip_is_any(struct ip a)
{
	return a.hi == 0 && (a.lo == 0 || a.lo == 0xffff00000000);
}

/* ::1 */
static inline bool ip_is_loopback6(struct ip a)
{
	return a.hi == 0 && a.lo == 1;
}

static inline enum family ip_family(struct ip a)
{
	return a.hi == 0 && a.lo >> 32 == 0xffff ? FAMILY_V4 : FAMILY_V6;
}

/* Below, equal, above: -1, 0, 1. */
int ip_compare(struct ip a, struct ip b);
struct ip ip_plus(struct ip a, struct ip b);
/* As it is in a packet; of IPv4 the last four bytes count. */
void ip_bytes(uint8_t out[16], struct ip a);
/* size: 4 or 16. */
struct ip ip_of_bytes(const uint8_t *bytes, size_t size);

/* "10.88.0.1", "fd00::1". Returns buf. */
const char *ip_text(char buf[IP_TEXT_MAX], struct ip a);
/* "10.88.0.0/16" */
const char *subnet_text(char buf[IP_TEXT_MAX], const struct subnet *s);
/* 0, or -1 when it is no address of either family. */
int ip_parse(struct ip *out, const char *text);
/* With its prefix, which is not 0. */
int subnet_parse(struct subnet *out, const char *text);

/* One that no host of a network of ours can have: of this host or net, loopback, link-local of IPv6, multicast, reserved. */
bool ip_is_special(struct ip a);

struct ip subnet_first(const struct subnet *s);
struct ip subnet_last(const struct subnet *s);
bool subnet_has(const struct subnet *s, struct ip a);
/* One that a host may have: neither the first, nor in IPv4 the last. */
bool subnet_has_host(const struct subnet *s, struct ip a);
bool subnet_holds(const struct subnet *outer, const struct subnet *inner);
bool subnet_overlap(const struct subnet *a, const struct subnet *b);

#endif
