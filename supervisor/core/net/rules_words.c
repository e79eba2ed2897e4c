#include "supervisor/core/net/rules_words.h"

#include "supervisor/core/net/rules_sets.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#define REG(n) ((uint32_t)(NFT_REG32_00 + (n)))
#define IF_REGS (IF_NAME_MAX / 4) /* an interface name fills this many registers */

#define IP_SOURCE 12 /* offsets in the headers */
#define IP_DESTINATION 16
#define IP6_SOURCE 8
#define IP6_DESTINATION 24
#define ETHER_SOURCE 6
#define ICMP4_ECHO 8
#define ICMP6_TYPE 0
#define PORT_DESTINATION 2

static void put_accept(struct nl_buf *b)
{
	nft_verdict(b, NF_ACCEPT, NULL);
}

static void put_drop(struct nl_buf *b)
{
	nft_verdict(b, NF_DROP, NULL);
}

static void put_reject(struct nl_buf *b)
{
	nft_reject(b);
}

static void put_masquerade(struct nl_buf *b)
{
	nft_masquerade(b);
}

static void put_publish(struct nl_buf *b)
{
	nft_verdict(b, NFT_JUMP, "publish");
}

static void from(struct nl_buf *b, enum rule_set_id set)
{
	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_lookup(b, rule_sets[set].name, REG(0), 0, false);
}

static void to(struct nl_buf *b, enum rule_set_id set, bool invert)
{
	nft_meta(b, NFT_META_OIFNAME, REG(0));
	nft_lookup(b, rule_sets[set].name, REG(0), 0, invert);
}

static void put_from_inside(struct nl_buf *b)
{
	from(b, SET_INSIDE);
}

static void put_from_sheltered(struct nl_buf *b)
{
	from(b, SET_SHELTERED);
}

static void put_from_internal(struct nl_buf *b)
{
	from(b, SET_INTERNAL);
}

static void put_from_closed(struct nl_buf *b)
{
	from(b, SET_CLOSED);
}

/* The port stands in the same place for both protocols. */
static void to_port_of_names(struct nl_buf *b, enum rule_set_id set, uint32_t offset)
{
	static const uint8_t port[2] = { 0, 53 };

	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_meta(b, NFT_META_L4PROTO, REG(IF_REGS));
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, offset, (uint32_t)rule_set_addr(set),
		REG(IF_REGS + 1));
	nft_lookup(b, rule_sets[set].name, REG(0), 0, false);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, sizeof(port), REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, port, sizeof(port));
}

static void put_to_resolver(struct nl_buf *b)
{
	to_port_of_names(b, SET_RESOLVER, IP_DESTINATION);
}

static void put_to_resolver6(struct nl_buf *b)
{
	to_port_of_names(b, SET_RESOLVER6, IP6_DESTINATION);
}

static void put_from_outbound(struct nl_buf *b)
{
	from(b, SET_OUTBOUND);
}

static void put_to_sheltered(struct nl_buf *b)
{
	to(b, SET_SHELTERED, false);
}

static void put_to_internal(struct nl_buf *b)
{
	to(b, SET_INTERNAL, false);
}

static void put_to_outside(struct nl_buf *b)
{
	to(b, SET_SHELTERED, true);
}

static void between(struct nl_buf *b, enum rule_set_id set)
{
	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_meta(b, NFT_META_OIFNAME, REG(IF_REGS));
	nft_lookup(b, rule_sets[set].name, REG(0), 0, false);
}

static void put_same_bridge(struct nl_buf *b)
{
	between(b, SET_SAME);
}

static void put_shortcut(struct nl_buf *b)
{
	between(b, SET_SHORTCUTS);
}

static void put_friends(struct nl_buf *b)
{
	between(b, SET_FRIENDS);
}

static void put_not_from_lo(struct nl_buf *b)
{
	static const char lo[IF_NAME_MAX] = "lo";

	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_cmp(b, REG(0), NFT_CMP_NEQ, lo, sizeof(lo));
}

/* Offsets in the header of the network's layer mean nothing without one of these two before them. */
static void is_byte(struct nl_buf *b, uint32_t meta, uint8_t value)
{
	nft_meta(b, meta, REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, &value, sizeof(value));
}

static void put_v4(struct nl_buf *b)
{
	is_byte(b, NFT_META_NFPROTO, NFPROTO_IPV4);
}

static void put_v6(struct nl_buf *b)
{
	is_byte(b, NFT_META_NFPROTO, NFPROTO_IPV6);
}

/* One byte of a packet is one of these. */
static void byte_from_to(struct nl_buf *b, uint32_t base, uint32_t offset, uint8_t first,
	uint8_t last)
{
	nft_payload(b, base, offset, 1, REG(0));
	if (first == last) {
		nft_cmp(b, REG(0), NFT_CMP_EQ, &first, sizeof(first));
		return;
	}
	nft_cmp(b, REG(0), NFT_CMP_GTE, &first, sizeof(first));
	nft_cmp(b, REG(0), NFT_CMP_LTE, &last, sizeof(last));
}

static void icmp6_from_to(struct nl_buf *b, uint8_t first, uint8_t last)
{
	is_byte(b, NFT_META_L4PROTO, IPPROTO_ICMPV6);
	byte_from_to(b, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP6_TYPE, first, last);
}

static void put_ping(struct nl_buf *b)
{
	is_byte(b, NFT_META_L4PROTO, IPPROTO_ICMP);
	byte_from_to(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, ICMP4_ECHO, ICMP4_ECHO);
}

static void put_ping6(struct nl_buf *b)
{
	icmp6_from_to(b, ICMP6_ECHO, ICMP6_ECHO);
}

/* Solicitation and advertisement of a neighbour: what ARP is for IPv4. */
static void put_neighbour(struct nl_buf *b)
{
	icmp6_from_to(b, ICMP6_NEIGHBOUR_ASKS, ICMP6_NEIGHBOUR_ADVERTISES);
}

/* fc00::/7, RFC 4193: an address that nobody outside has a way to. */
static void put_source_local(struct nl_buf *b)
{
	byte_from_to(b, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, 0xfc, 0xfd);
}

static void put_to_loopback6(struct nl_buf *b)
{
	static const uint8_t loopback[16] = { [15] = 1 };

	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, IP6_DESTINATION, sizeof(loopback), REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, loopback, sizeof(loopback));
}

static void loopback_at(struct nl_buf *b, uint32_t offset)
{
	byte_from_to(b, NFT_PAYLOAD_NETWORK_HEADER, offset, 127, 127);
}

static void put_source_loopback(struct nl_buf *b)
{
	loopback_at(b, IP_SOURCE);
}

static void put_to_loopback(struct nl_buf *b)
{
	loopback_at(b, IP_DESTINATION);
}

/* Any bit of the mask is set in what conntrack says; both are in host order. */
static void ct_has(struct nl_buf *b, uint32_t key, uint32_t mask)
{
	static const uint32_t zero = 0;

	nft_ct(b, key, REG(0));
	nft_mask(b, REG(0), &mask, sizeof(mask));
	nft_cmp(b, REG(0), NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void put_answers(struct nl_buf *b)
{
	ct_has(b, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
}

/* Above all an error of ICMP: what conntrack says of it is of the connection that it is about. */
static void put_related(struct nl_buf *b)
{
	ct_has(b, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_RELATED));
}

static void nobody_at_home(struct nl_buf *b, enum rule_set_id set, uint32_t source,
	uint8_t direction)
{
	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_ct_of(b, source, direction, REG(IF_REGS));
	nft_lookup(b, rule_sets[set].name, REG(0), 0, true);
}

/* Related to a connection in which nobody of the network that it comes from has a part: neither who opened it nor who answers. */
static void meddling(struct nl_buf *b, enum rule_set_id set, uint32_t source)
{
	put_related(b);
	nobody_at_home(b, set, source, IP_CT_DIR_ORIGINAL);
	nobody_at_home(b, set, source, IP_CT_DIR_REPLY);
}

static void put_meddles(struct nl_buf *b)
{
	meddling(b, SET_HOME, NFT_CT_SRC_IP);
}

static void put_meddles6(struct nl_buf *b)
{
	meddling(b, SET_HOME6, NFT_CT_SRC_IP6);
}

static void put_published(struct nl_buf *b)
{
	ct_has(b, NFT_CT_STATUS, IPS_DST_NAT);
}

static void put_to_host(struct nl_buf *b)
{
	static const uint32_t local = RTN_LOCAL;

	nft_fib_daddr_type(b, REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, &local, sizeof(local));
}

/* From the map comes the container's address, and its port in the next register. */
static void translate(struct nl_buf *b, enum rule_set_id map, uint32_t port_reg)
{
	uint8_t family = rule_set_addr(map) == 16 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, 2, port_reg);
	nft_lookup(b, rule_sets[map].name, REG(0), REG(8), false);
	nft_dnat(b, family, REG(8), REG(8 + rule_set_addr(map) / 4));
}

static void put_to_published_addr(struct nl_buf *b)
{
	nft_meta(b, NFT_META_L4PROTO, REG(0));
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, IP_DESTINATION, 4, REG(1));
	translate(b, MAP_ADDR_PORT, REG(2));
}

static void put_to_published_addr6(struct nl_buf *b)
{
	nft_meta(b, NFT_META_L4PROTO, REG(0));
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, IP6_DESTINATION, 16, REG(1));
	translate(b, MAP_ADDR6_PORT, REG(5));
}

static void put_to_published_port(struct nl_buf *b)
{
	nft_meta(b, NFT_META_L4PROTO, REG(0));
	translate(b, MAP_PORT, REG(1));
}

static void put_to_published_port6(struct nl_buf *b)
{
	nft_meta(b, NFT_META_L4PROTO, REG(0));
	translate(b, MAP_PORT6, REG(1));
}

static void is_busy(struct nl_buf *b, bool invert)
{
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, ETHER_SOURCE, MAC_LEN, REG(0));
	nft_lookup(b, rule_sets[SET_BUSY].name, REG(0), 0, invert);
}

static void put_has_too_many(struct nl_buf *b)
{
	is_busy(b, false);
}

/* Whoever is_busy() has looked for. */
static void put_stop(struct nl_buf *b)
{
	nft_grow(b, &rule_sets[SET_STOPPED], REG(0), NULL);
	put_drop(b);
}

void rule_over_share(struct nl_buf *b, uint64_t share)
{
	put_from_inside(b);
	is_busy(b, true);
	nft_grow(b, &rule_sets[SET_SHARE], REG(0), &share);
	put_stop(b);
}

void (*const rule_words[])(struct nl_buf *b) = { NULL, RULE_WORDS(NFT_WORD_PUTS) };
