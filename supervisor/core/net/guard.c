#include "supervisor/core/net/guard.h"

#include "common/util.h"
#include "supervisor/core/net/nft.h"
#include "supervisor/core/net/rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/ethernet.h>
#include <string.h>

#define FIXED_BYTES 4096
#define MEMBER_BYTES (3 * 64)
#define MEMBERS_PER_MESSAGE 512

#define REG(n) ((uint32_t)(NFT_REG32_00 + (n)))
#define IF_REGS (IF_NAME_MAX / 4)

/* Offsets in the headers. */
#define ETHER_SOURCE 6
#define ETHER_TYPE 12
#define IP_SOURCE 12
#define ARP_SENDER_MAC 8
#define ARP_SENDER_IP 14

static const struct nft_table table = { RULES_TABLE, NFPROTO_BRIDGE };
/* NF_BR_PRE_ROUTING and NF_BR_PRI_NAT_DST_BRIDGED: linux/netfilter_bridge.h and the libc's headers exclude each other. */
static const struct nft_chain chain = { "sent", "filter", 0, -300 };

enum set_id { SET_PORTS, SET_MACS, SET_ADDRS, SET_COUNT };

static const struct nft_set sets[SET_COUNT] = {
	[SET_PORTS] = { "ports", NFT_T_IFNAME, IF_NAME_MAX, 0, 0 },
	/* A hardware address fills two registers of four bytes. */
	[SET_MACS] = { "macs", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ETHER), IF_NAME_MAX + 8, 0, 0 },
	[SET_ADDRS] = { "addrs", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ADDR), IF_NAME_MAX + 4, 0, 0 },
};

static void put_member(struct nl_buf *b, enum set_id set, const struct guard_member *m)
{
	uint8_t key[IF_NAME_MAX + 8] = { 0 };

	memcpy(key, m->port, strnlen(m->port, IF_NAME_MAX - 1));
	if (set == SET_MACS)
		memcpy(key + IF_NAME_MAX, m->mac, MAC_LEN);
	if (set == SET_ADDRS)
		put_be32(key + IF_NAME_MAX, ip_to_v4(m->addr[FAMILY_V4]));
	nft_element(b, &sets[set], key, NULL);
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

static void drop(struct nl_buf *b)
{
	nft_verdict(b, NF_DROP, NULL);
}

static void pass(struct nl_buf *b)
{
	nft_verdict(b, NF_ACCEPT, NULL);
}

static void not_ours(struct nl_buf *b)
{
	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_lookup(b, sets[SET_PORTS].name, REG(0), 0, true);
}

/* What the frame itself says: of a tagged one that is the tag (802.1Q), though the kernel has taken it off and speaks of what is in it. */
static void protocol(struct nl_buf *b, uint16_t ethertype)
{
	uint8_t wire[2];

	put_be16(wire, ethertype);
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, ETHER_TYPE, sizeof(wire), REG(0));
	nft_cmp(b, REG(0), NFT_CMP_EQ, wire, sizeof(wire));
}

static void is_ip(struct nl_buf *b)
{
	protocol(b, ETHERTYPE_IP);
}

static void is_arp(struct nl_buf *b)
{
	protocol(b, ETHERTYPE_ARP);
}

/* Of the port it comes from is not what the header has there. */
static void not_its_own(struct nl_buf *b, enum set_id set, uint32_t base, uint32_t offset)
{
	nft_meta(b, NFT_META_IIFNAME, REG(0));
	nft_payload(b, base, offset, set == SET_MACS ? MAC_LEN : 4, REG(IF_REGS));
	nft_lookup(b, sets[set].name, REG(0), 0, true);
}

static void foreign_mac(struct nl_buf *b)
{
	not_its_own(b, SET_MACS, NFT_PAYLOAD_LL_HEADER, ETHER_SOURCE);
}

static void foreign_ip(struct nl_buf *b)
{
	not_its_own(b, SET_ADDRS, NFT_PAYLOAD_NETWORK_HEADER, IP_SOURCE);
}

static void foreign_arp_mac(struct nl_buf *b)
{
	not_its_own(b, SET_MACS, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_MAC);
}

static void foreign_arp_ip(struct nl_buf *b)
{
	not_its_own(b, SET_ADDRS, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER_IP);
}

/* A rule reads as a sentence: all words match, then the last one acts. */
static void (*const rules[][3])(struct nl_buf *b) = {
	{ not_ours, pass },
	{ foreign_mac, drop },
	{ is_ip, foreign_ip, drop },
	{ is_ip, pass },
	{ is_arp, foreign_arp_mac, drop },
	{ is_arp, foreign_arp_ip, drop },
	{ is_arp, pass },
	{ drop },
};

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
		nft_chain_add(b, &table, &chain);
		for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
			size_t nest = nft_rule_begin(b, &table, chain.name);

			for (size_t k = 0; k < ARRAY_LEN(rules[i]) && rules[i][k] != NULL; k++)
				rules[i][k](b);
			nft_rule_end(b, nest);
		}
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
