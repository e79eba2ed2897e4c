/* IPv4 addresses in host byte order and their text. Pure. */
#ifndef CORE_NET_IP4_H
#define CORE_NET_IP4_H

#include "supervisor/core/unit/unit.h"

#define IP4_TEXT_MAX 19 /* "255.255.255.255/32" */

/* "10.88.0.1"; with_prefix: "10.88.0.0/16". Returns buf. */
const char *ip4_text(char buf[IP4_TEXT_MAX], const struct subnet *s, bool with_prefix);
/* 0, or -1 when it is not a dotted quad, with "/N" when the prefix is wanted (else it becomes 32). */
int ip4_parse(struct subnet *out, const char *text, bool with_prefix);
uint32_t ip4_mask(uint8_t prefix);
bool ip4_inside(const struct subnet *s, uint32_t addr);
bool ip4_overlap(const struct subnet *a, const struct subnet *b);

#endif
