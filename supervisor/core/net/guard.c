#include "supervisor/core/net/guard.h"

#include "common/util.h"
#include "supervisor/core/net/nft.h"
#include "supervisor/core/net/rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/ethernet.h>
#include <string.h>

#define FIXED_BYTES 12288
#define MEMBER_BYTES 512
#define MEMBERS_PER_MESSAGE 400 /* an attribute has 64 KiB */

#define REG(n) ((uint32_t)(NFT_REG32_00 + (n)))
#define IF_REGS (IF_NAME_MAX / 4)
#define MAC_REGS 2 /* the second is filled up with zeros */
#define ADDR6_LEN 16
/* Where it stands in the key of a container's port and both its addresses. */
#define AT_ADDR (IF_NAME_MAX + MAC_REGS * 4)

/* Offsets in the headers. */
#define ETHER_SOURCE 6
#define ETHER_TYPE 12
#define IP_SOURCE 12
#define IP6_SOURCE 8
#define ARP_SENDER_MAC 8
#define ARP_SENDER_IP 14
#define ICMP6_TYPE 0
#define ICMP6_TARGET 8
#define PORT_SOURCE 0

#define DHCP6_SERVER 547

static const struct nft_table table = { RULES_TABLE, NFPROTO_BRIDGE };
/*
 * NF_BR_PRE_ROUTING at NF_BR_PRI_NAT_DST_BRIDGED, NF_BR_POST_ROUTING at NF_BR_PRI_NAT_SRC: linux/netfilter_bridge.h and the libc's
 * headers exclude each other.
 */
static const struct nft_chain sent = { "sent", "filter", 0, -300 };
static const struct nft_chain given = { "given", "filter", 4, 300 };

enum set_id { SET_PORTS, SET_OWN, SET_OWN6, SET_LIMITED, SET_SENT_OVER, SET_GIVEN_OVER, SET_COUNT };

static const struct nft_set sets[SET_COUNT] = {
	/* Of each the drops are counted; those who have limits are not the same as those who are guarded. */
	[SET_PORTS] = { "ports", NFT_T_IFNAME, IF_NAME_MAX, .each = NFT_EACH_COUNTS },
	[SET_OWN] = { "own", NFT_CONCAT(NFT_CONCAT(NFT_T_IFNAME, NFT_T_ETHER), NFT_T_ADDR),
		AT_ADDR + 4, .each = 0 },
	[SET_OWN6] = { "own6", NFT_CONCAT(NFT_CONCAT(NFT_T_IFNAME, NFT_T_ETHER), NFT_T_ADDR6),
		AT_ADDR + ADDR6_LEN, .each = 0 },
	[SET_LIMITED] = { "limited", NFT_T_IFNAME, IF_NAME_MAX, .each = NFT_EACH_COUNTS },
	[SET_SENT_OVER] = { "sent_over", NFT_T_IFNAME, IF_NAME_MAX, .each = NFT_EACH_RATE },
	[SET_GIVEN_OVER] = { "given_over", NFT_T_IFNAME, IF_NAME_MAX, .each = NFT_EACH_RATE },
};

static bool limited(const struct guard_member *m)
{
	return m->sent_most != 0 || m->given_most != 0;
}

bool guard_knows(const struct guard_member *m)
{
	return m->guarded || limited(m);
}

/* In IPv6 it has three: none, when it asks whether another has its own already, and the one of the link (RFC 4291, appendix A). */
static void put_addrs6(struct nl_buf *b, uint8_t *key, const struct guard_member *m)
{
	const struct nft_set *set = &sets[SET_OWN6];
	uint8_t *addr = key + AT_ADDR;

	nft_element(b, set, key, NULL);
	ip_bytes(addr, m->addr[FAMILY_V6]);
	nft_element(b, set, key, NULL);
	memset(addr, 0, ADDR6_LEN);
	addr[0] = 0xfe;
	addr[1] = 0x80;
	memcpy(addr + 8, m->mac, 3);
	addr[8] ^= 2;
	addr[11] = 0xff;
	addr[12] = 0xfe;
	memcpy(addr + 13, m->mac + 3, 3);
	nft_element(b, set, key, NULL);
}

static bool in_set(enum set_id set, const struct guard_member *m)
{
	switch (set) {
	case SET_OWN:
		return m->guarded && ip_is_set(m->addr[FAMILY_V4]);
	case SET_OWN6:
		return m->guarded && ip_is_set(m->addr[FAMILY_V6]);
	case SET_LIMITED:
		return limited(m);
	case SET_SENT_OVER:
		return m->sent_most != 0;
	case SET_GIVEN_OVER:
		return m->given_most != 0;
	case SET_PORTS:
	case SET_COUNT:
		break;
	}
	return m->guarded;
}

static void put_member(struct nl_buf *b, enum set_id set, const struct guard_member *m)
{
	uint8_t key[AT_ADDR + ADDR6_LEN] = { 0 };

	if (!in_set(set, m))
		return;
	memcpy(key, m->port, strnlen(m->port, IF_NAME_MAX - 1));
	if (set == SET_OWN || set == SET_OWN6)
		memcpy(key + IF_NAME_MAX, m->mac, MAC_LEN);
	if (set == SET_OWN6) {
		put_addrs6(b, key, m);
		return;
	}
	if (set == SET_OWN)
		put_be32(key + AT_ADDR, ip_to_v4(m->addr[FAMILY_V4]));
	nft_element(b, &sets[set], key, set == SET_SENT_OVER ? &m->sent_most : &m->given_most);
}

static void put_members(struct nl_buf *b, enum set_id set, const struct guard_member *members,
	size_t n)
{
	for (size_t done = 0; done < n;) {
		size_t nest = nft_elements_begin(b, &table, &sets[set]);

		for (size_t i = 0; i < MEMBERS_PER_MESSAGE && done < n; i++)
			put_member(b, set, &members[done++]);
		nft_elements_end(b, nest);
	}
}

/* ---- the words that rules are made of ---- */

static void put_drop(struct nl_buf *b)
{
	nft_verdict(b, NF_DROP, NULL);
}

static void put_pass(struct nl_buf *b)
{
	nft_verdict(b, NF_ACCEPT, NULL);
}

static void port_in(struct nl_buf *b, uint32_t meta, enum set_id set, bool invert)
{
	nft_meta(b, meta, REG(0));
	nft_lookup(b, sets[set].name, REG(0), 0, invert);
}

static void put_not_ours(struct nl_buf *b)
{
	port_in(b, NFT_META_IIFNAME, SET_PORTS, true);
}

/* What is found is counted. */
static void put_refuse(struct nl_buf *b)
{
	port_in(b, NFT_META_IIFNAME, SET_PORTS, false);
	put_drop(b);
}

static void put_sends_too_much(struct nl_buf *b)
{
	port_in(b, NFT_META_IIFNAME, SET_SENT_OVER, false);
	port_in(b, NFT_META_IIFNAME, SET_LIMITED, false);
}

static void put_gets_too_much(struct nl_buf *b)
{
	port_in(b, NFT_META_OIFNAME, SET_GIVEN_OVER, false);
	port_in(b, NFT_META_OIFNAME, SET_LIMITED, false);
}

/* What the frame itself says: of a tagged one that is the tag (802.1Q), though the kernel has taken it off and speaks of what is in it. */
static void protocol(struct nl_buf *b, uint16_t ethertype)
{
	uint8_t wire[2];

	put_be16(wire, ethertype);
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, ETHER_TYPE, sizeof(wire), REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, wire, sizeof(wire));
}

static void put_is_ip(struct nl_buf *b)
{
	protocol(b, ETHERTYPE_IP);
}

static void put_is_ip6(struct nl_buf *b)
{
	protocol(b, ETHERTYPE_IPV6);
}

static void put_is_arp(struct nl_buf *b)
{
	protocol(b, ETHERTYPE_ARP);
}

static void is(struct nl_buf *b, uint8_t l4_protocol)
{
	nft_meta(b, NFT_META_L4PROTO, REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, &l4_protocol, sizeof(l4_protocol));
}

static void put_tcp(struct nl_buf *b)
{
	is(b, IPPROTO_TCP);
}

static void icmp6(struct nl_buf *b, uint8_t type)
{
	is(b, IPPROTO_ICMPV6);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP6_TYPE, 1, REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, &type, sizeof(type));
}

static void put_advertises(struct nl_buf *b)
{
	icmp6(b, ICMP6_NEIGHBOUR_ADVERTISES);
}

/* Whether somebody has an address that it is about to take. */
static void put_claims(struct nl_buf *b)
{
	static const uint8_t nobody[ADDR6_LEN] = { 0 };

	icmp6(b, ICMP6_NEIGHBOUR_ASKS);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, sizeof(nobody), REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, nobody, sizeof(nobody));
}

static void put_routes(struct nl_buf *b)
{
	icmp6(b, ICMP6_ROUTER_ADVERTISES);
}

static void put_redirects(struct nl_buf *b)
{
	icmp6(b, ICMP6_REDIRECTS);
}

static void put_gives_addresses(struct nl_buf *b)
{
	uint8_t port[2];

	put_be16(port, DHCP6_SERVER);
	is(b, IPPROTO_UDP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_SOURCE, sizeof(port), REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, port, sizeof(port));
}

static void is_not(struct nl_buf *b, uint8_t l4_protocol)
{
	nft_meta(b, NFT_META_L4PROTO, REG(0));
	nft_cmp(b, REG(0), NFT_CMP_NEQ, &l4_protocol, sizeof(l4_protocol));
}

/* A payload that is not there matches nothing: these two say that the header is there to be judged. */
static void put_udp_header(struct nl_buf *b)
{
	is(b, IPPROTO_UDP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_SOURCE, 2, REG(0));
}

static void put_icmp6_header(struct nl_buf *b)
{
	is(b, IPPROTO_ICMPV6);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP6_TYPE, 1, REG(0));
}

static void put_other_header(struct nl_buf *b)
{
	is_not(b, IPPROTO_UDP);
	is_not(b, IPPROTO_ICMPV6);
}

static void put_fragment(struct nl_buf *b)
{
	nft_fragment_offset(b, REG(0));
}

/* Nothing comes of it without the first one (RFC 7113). */
static void put_later_fragment(struct nl_buf *b)
{
	static const uint8_t offset[2] = { 0xff, 0xf8 }, zero[2] = { 0 };

	nft_fragment_offset(b, REG(0));
	nft_mask(b, REG(0), offset, sizeof(offset));
	nft_cmp(b, REG(0), NFT_CMP_NEQ, zero, sizeof(zero));
}

/* What neighbours and routers say of themselves: never in fragments (RFC 6980). */
static void put_discovers(struct nl_buf *b)
{
	static const uint8_t first = ICMP6_ROUTER_ASKS, last = ICMP6_REDIRECTS;

	put_icmp6_header(b);
	nft_cmp(b, REG(0), NFT_CMP_GTE, &first, sizeof(first));
	nft_cmp(b, REG(0), NFT_CMP_LTE, &last, sizeof(last));
}

struct place {
	uint32_t base, offset;
};

/* A hardware address and one of the IP's, each from its place, are those of the container behind the port it comes from. */
static void own(struct nl_buf *b, enum set_id set, const struct place *mac,
	const struct place *addr, bool invert)
{
	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_payload(b, mac->base, mac->offset, MAC_LEN, REG(IF_REGS));
	nft_payload(b, addr->base, addr->offset, set == SET_OWN ? 4 : ADDR6_LEN,
		REG(IF_REGS + MAC_REGS));
	nft_lookup(b, sets[set].name, REG(0), 0, invert);
}

static const struct place ether_source = { NFT_PAYLOAD_LL_HEADER, ETHER_SOURCE };
static const struct place ip_source = { NFT_PAYLOAD_NETWORK_HEADER, IP_SOURCE };
static const struct place ip6_source = { NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE };
static const struct place arp_mac = { NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_MAC };
static const struct place arp_ip = { NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_IP };
static const struct place icmp6_target = { NFT_PAYLOAD_TRANSPORT_HEADER, ICMP6_TARGET };

static void put_own_ip(struct nl_buf *b)
{
	own(b, SET_OWN, &ether_source, &ip_source, false);
}

static void put_own_ip6(struct nl_buf *b)
{
	own(b, SET_OWN6, &ether_source, &ip6_source, false);
}

static void put_foreign_ip6(struct nl_buf *b)
{
	own(b, SET_OWN6, &ether_source, &ip6_source, true);
}

static void put_foreign_target(struct nl_buf *b)
{
	own(b, SET_OWN6, &ether_source, &icmp6_target, true);
}

static void put_own_arp(struct nl_buf *b)
{
	own(b, SET_OWN, &ether_source, &arp_ip, false);
	own(b, SET_OWN, &arp_mac, &arp_ip, false);
}

/* A network without IPv6: the kernel inside says something all the same, and nobody is told of that. */
static void put_has_none(struct nl_buf *b)
{
	static const uint8_t nobody[ADDR6_LEN] = { 0 };

	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, ETHER_SOURCE, MAC_LEN, REG(IF_REGS));
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, sizeof(nobody),
		REG(IF_REGS + MAC_REGS));
	nft_mask(b, REG(IF_REGS + MAC_REGS), nobody, sizeof(nobody));
	nft_lookup(b, sets[SET_OWN6].name, REG(0), 0, true);
}

#define WORDS(X)          \
	X(sends_too_much) \
	X(drop)           \
	X(is_ip)          \
	X(own_ip)         \
	X(pass)           \
	X(is_ip6)         \
	X(own_ip6)        \
	X(tcp)            \
	X(not_ours)       \
	X(is_arp)         \
	X(own_arp)        \
	X(has_none)       \
	X(foreign_ip6)    \
	X(refuse)         \
	X(advertises)     \
	X(udp_header)     \
	X(later_fragment) \
	X(fragment)       \
	X(discovers)      \
	X(icmp6_header)   \
	X(other_header)   \
	X(foreign_target) X(claims) X(routes) X(redirects) X(gives_addresses) X(gets_too_much)
enum word { NO_WORD, WORDS(NFT_WORD) };
static void (*const words[])(struct nl_buf *b) = { NULL, WORDS(NFT_WORD_PUTS) };

/* A rule reads as a sentence: all words match, then the last one acts. */
static const uint8_t rules[][4] = {
	{ sends_too_much, drop },
	/* nearly all there is */
	{ is_ip, own_ip, pass },
	{ is_ip6, tcp, own_ip6, pass },

	{ not_ours, pass },
	{ is_arp, own_arp, pass },
	{ is_ip6, has_none, drop },
	{ is_ip6, foreign_ip6, refuse },
	{ is_ip6, advertises, foreign_target, refuse },
	{ is_ip6, claims, foreign_target, refuse },
	{ is_ip6, routes, refuse },
	{ is_ip6, redirects, refuse },
	{ is_ip6, gives_addresses, refuse },
	/* A first fragment that ends before what is judged here is not let out. */
	{ is_ip6, udp_header, pass },
	{ is_ip6, later_fragment, pass },
	{ is_ip6, fragment, discovers, refuse },
	{ is_ip6, icmp6_header, pass },
	{ is_ip6, other_header, pass },
	{ refuse },
	{ drop },
	/* The one of the other chain. */
	{ gets_too_much, drop },
};

static void put_rule(struct nl_buf *b, size_t i)
{
	const struct nft_chain *c = i == ARRAY_LEN(rules) - 1 ? &given : &sent;

	nft_sentence(b, &table, c->name, rules[i], ARRAY_LEN(rules[i]), words);
}

size_t guard_size(size_t n)
{
	return FIXED_BYTES + n * MEMBER_BYTES;
}

void guard_build(struct nl_buf *b, const struct guard_member *members, size_t n)
{
	nft_begin(b);
	nft_table_renew(b, &table, n == 0);
	if (n > 0) {
		for (uint32_t id = 0; id < SET_COUNT; id++) {
			nft_set_add(b, &table, &sets[id], id + 1);
			put_members(b, id, members, n);
		}
		nft_chain_add(b, &table, &sent);
		nft_chain_add(b, &table, &given);
		for (size_t i = 0; i < ARRAY_LEN(rules); i++)
			put_rule(b, i);
	}
	nft_commit(b);
}

void guard_change(struct nl_buf *b, const struct guard_member *member, bool comes)
{
	nft_begin(b);
	for (enum set_id id = 0; id < SET_COUNT; id++) {
		size_t nest;

		/* Putting in what is there already is no error; taking out what is not there is one. */
		if (!comes)
			put_members(b, id, member, 1);
		nest = comes ? nft_elements_begin(b, &table, &sets[id])
			     : nft_elements_gone(b, &table, &sets[id]);
		put_member(b, id, member);
		nft_elements_end(b, nest);
	}
	nft_commit(b);
}

void guard_ask(struct nl_buf *b, const char *port)
{
	static const enum set_id counted[] = { SET_PORTS, SET_LIMITED };
	char key[IF_NAME_MAX] = { 0 };

	memcpy(key, port, strnlen(port, sizeof(key) - 1));
	for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
		size_t nest = nft_elements_ask(b, &table, &sets[counted[i]]);

		nft_element(b, &sets[counted[i]], key, NULL);
		nft_elements_end(b, nest);
	}
}

void guard_read(const struct nl_reply *r, uint64_t *refused, uint64_t *limited, uint64_t *stopped)
{
	uint64_t packets;
	const char *set = nft_count_read(r, &packets);

	if (set == NULL)
		return;
	if (strcmp(set, RULES_STOPPED) == 0)
		limited = stopped;
	*(strcmp(set, sets[SET_PORTS].name) == 0 ? refused : limited) = packets;
}
