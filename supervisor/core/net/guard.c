#include "supervisor/core/net/guard.h"

#include "common/util.h"
#include "supervisor/core/net/nft.h"
#include "supervisor/core/net/rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/ethernet.h>
#include <string.h>

#define FIXED_BYTES 8192
#define MEMBER_BYTES 512
#define MEMBERS_PER_MESSAGE 480

#define REG(n) ((uint32_t)(NFT_REG32_00 + (n)))
#define IF_REGS (IF_NAME_MAX / 4)
#define ADDR6_LEN 16

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

enum set_id {
	SET_PORTS,
	SET_MACS,
	SET_ADDRS,
	SET_ADDRS6,
	SET_LIMITED,
	SET_SENT_OVER,
	SET_GIVEN_OVER,
	SET_COUNT
};

static const struct nft_set sets[SET_COUNT] = {
	/* Of each the drops are counted; those who have limits are not the same as those who are guarded. */
	[SET_PORTS] = { "ports", NFT_T_IFNAME, IF_NAME_MAX, .each = NFT_EACH_COUNTS },
	/* A hardware address fills two registers of four bytes. */
	[SET_MACS] = { "macs", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ETHER), IF_NAME_MAX + 8, .each = 0 },
	[SET_ADDRS] = { "addrs", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ADDR), IF_NAME_MAX + 4, .each = 0 },
	[SET_ADDRS6] = { "addrs6", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ADDR6), IF_NAME_MAX + ADDR6_LEN,
		.each = 0 },
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
	const struct nft_set *set = &sets[SET_ADDRS6];
	uint8_t *addr = key + IF_NAME_MAX;

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
	case SET_ADDRS:
		return m->guarded && ip_is_set(m->addr[FAMILY_V4]);
	case SET_ADDRS6:
		return m->guarded && ip_is_set(m->addr[FAMILY_V6]);
	case SET_LIMITED:
		return limited(m);
	case SET_SENT_OVER:
		return m->sent_most != 0;
	case SET_GIVEN_OVER:
		return m->given_most != 0;
	case SET_PORTS:
	case SET_MACS:
	case SET_COUNT:
		break;
	}
	return m->guarded;
}

static void put_member(struct nl_buf *b, enum set_id set, const struct guard_member *m)
{
	uint8_t key[IF_NAME_MAX + ADDR6_LEN] = { 0 };

	if (!in_set(set, m))
		return;
	memcpy(key, m->port, strnlen(m->port, IF_NAME_MAX - 1));
	if (set == SET_ADDRS6) {
		put_addrs6(b, key, m);
		return;
	}
	if (set == SET_MACS)
		memcpy(key + IF_NAME_MAX, m->mac, MAC_LEN);
	if (set == SET_ADDRS)
		put_be32(key + IF_NAME_MAX, ip_to_v4(m->addr[FAMILY_V4]));
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

/* Of the port it comes from is not what the header has there. */
static void not_its_own(struct nl_buf *b, enum set_id set, uint32_t base, uint32_t offset)
{
	static const uint8_t lengths[] = {
		[SET_MACS] = MAC_LEN, [SET_ADDRS] = 4, [SET_ADDRS6] = ADDR6_LEN
	};

	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_payload(b, base, offset, lengths[set], REG(IF_REGS));
	nft_lookup(b, sets[set].name, REG(0), 0, true);
}

static void put_foreign_mac(struct nl_buf *b)
{
	not_its_own(b, SET_MACS, NFT_PAYLOAD_LL_HEADER, ETHER_SOURCE);
}

static void put_foreign_ip(struct nl_buf *b)
{
	not_its_own(b, SET_ADDRS, NFT_PAYLOAD_NETWORK_HEADER, IP_SOURCE);
}

static void put_foreign_ip6(struct nl_buf *b)
{
	not_its_own(b, SET_ADDRS6, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE);
}

/* A network without IPv6: the kernel inside says something all the same, and nobody is told of that. */
static void put_has_none(struct nl_buf *b)
{
	static const uint8_t nobody[ADDR6_LEN] = { 0 };

	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, IP6_SOURCE, sizeof(nobody), REG(IF_REGS));
	nft_mask(b, REG(IF_REGS), nobody, sizeof(nobody));
	nft_lookup(b, sets[SET_ADDRS6].name, REG(0), 0, true);
}

static void put_foreign_target(struct nl_buf *b)
{
	not_its_own(b, SET_ADDRS6, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP6_TARGET);
}

static void put_foreign_arp_mac(struct nl_buf *b)
{
	not_its_own(b, SET_MACS, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_MAC);
}

static void put_foreign_arp_ip(struct nl_buf *b)
{
	not_its_own(b, SET_ADDRS, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_IP);
}

#define WORDS(X)           \
	X(sends_too_much)  \
	X(drop)            \
	X(not_ours)        \
	X(pass)            \
	X(foreign_mac)     \
	X(refuse)          \
	X(is_ip)           \
	X(foreign_ip)      \
	X(is_arp)          \
	X(foreign_arp_mac) \
	X(foreign_arp_ip)  \
	X(is_ip6)          \
	X(has_none)        \
	X(foreign_ip6)     \
	X(tcp)             \
	X(advertises)      \
	X(foreign_target) X(claims) X(routes) X(redirects) X(gives_addresses) X(gets_too_much)
enum word { NO_WORD, WORDS(NFT_WORD) };
static void (*const words[])(struct nl_buf *b) = { NULL, WORDS(NFT_WORD_PUTS) };

/* A rule reads as a sentence: all words match, then the last one acts. */
static const uint8_t rules[][4] = {
	{ sends_too_much, drop },
	{ not_ours, pass },
	{ foreign_mac, refuse },
	{ is_ip, foreign_ip, refuse },
	{ is_ip, pass },
	{ is_arp, foreign_arp_mac, refuse },
	{ is_arp, foreign_arp_ip, refuse },
	{ is_arp, pass },
	{ is_ip6, has_none, drop },
	{ is_ip6, foreign_ip6, refuse },
	{ is_ip6, tcp, pass },
	{ is_ip6, advertises, foreign_target, refuse },
	{ is_ip6, claims, foreign_target, refuse },
	{ is_ip6, routes, refuse },
	{ is_ip6, redirects, refuse },
	{ is_ip6, gives_addresses, refuse },
	{ is_ip6, pass },
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

void guard_read(const struct nl_reply *r, uint64_t *refused, uint64_t *limited)
{
	uint64_t packets;
	const char *set = nft_count_read(r, &packets);

	if (set != NULL)
		*(strcmp(set, sets[SET_PORTS].name) == 0 ? refused : limited) = packets;
}
