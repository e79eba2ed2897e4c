#include "supervisor/core/net/rules_sets.h"

#include "common/util.h"
#include "supervisor/core/net/rules.h"

#include <linux/netfilter.h>
#include <string.h>

/* One attribute with elements must stay below 64 kB; an element has this many bytes at most. */
#define ELEMENTS_PER_MESSAGE 512
#define ELEMENT_BYTES 72
#define PER_NETWORK_BYTES (20 * ELEMENT_BYTES + 3 * IF_NAME_MAX)

const struct nft_set rule_sets[RULE_SETS] = {
	/* all our bridges; those behind which is not the outside; those without and those with a way out */
	[SET_INSIDE] = { "inside", NFT_T_IFNAME, IF_NAME_MAX, .each = 0 },
	[SET_SHELTERED] = { "sheltered", NFT_T_IFNAME, IF_NAME_MAX, .each = 0 },
	[SET_INTERNAL] = { "internal", NFT_T_IFNAME, IF_NAME_MAX, .each = 0 },
	[SET_OUTBOUND] = { "outbound", NFT_T_IFNAME, IF_NAME_MAX, .each = 0 },
	/* those whose containers have no business with the host itself */
	[SET_CLOSED] = { "closed", NFT_T_IFNAME, IF_NAME_MAX, .each = 0 },
	/*
	 * Each bridge with itself: no expression compares two registers. Those and all others where who asks on the first is
	 * answered past the host. Those whose containers may meet.
	 */
	[SET_SAME] = { "same", NFT_CONCAT(NFT_T_IFNAME, NFT_T_IFNAME), 2 * IF_NAME_MAX, .each = 0 },
	[SET_SHORTCUTS] = { "shortcuts", NFT_CONCAT(NFT_T_IFNAME, NFT_T_IFNAME), 2 * IF_NAME_MAX,
		.each = 0 },
	[SET_FRIENDS] = { "friends", NFT_CONCAT(NFT_T_IFNAME, NFT_T_IFNAME), 2 * IF_NAME_MAX,
		.each = 0 },
	/* who is behind each bridge: the addresses of its network */
	[SET_HOME] = { "home", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ADDR), IF_NAME_MAX + 4,
		.exact = IF_NAME_MAX },
	[SET_HOME6] = { "home6", NFT_CONCAT(NFT_T_IFNAME, NFT_T_ADDR6), IF_NAME_MAX + 16,
		.exact = IF_NAME_MAX },
	/* containers that have as many connections as they may: by hardware address, so of both families */
	[SET_BUSY] = { "busy", NFT_T_ETHER, MAC_LEN, .each = NFT_EACH_CONNECTIONS },
	/* all others that open some; the kernel takes those out again that have none. Whose were dropped */
	[SET_SHARE] = { "share", NFT_T_ETHER, MAC_LEN, .each = NFT_EACH_CONNECTIONS,
		.grows = true },
	[SET_STOPPED] = { RULES_STOPPED, NFT_T_ETHER, MAC_LEN, .each = NFT_EACH_COUNTS,
		.grows = true },
	/* where the containers of a bridge find their resolver: by UDP and TCP at this address */
	[SET_RESOLVER] = { "resolvers",
		NFT_CONCAT(NFT_CONCAT(NFT_T_IFNAME, NFT_T_PROTO), NFT_T_ADDR), IF_NAME_MAX + 8,
		.each = 0 },
	[SET_RESOLVER6] = { "resolvers6",
		NFT_CONCAT(NFT_CONCAT(NFT_T_IFNAME, NFT_T_PROTO), NFT_T_ADDR6), IF_NAME_MAX + 20,
		.each = 0 },
	/* published ports: of one host address, of all */
	[MAP_ADDR_PORT] = { "addr_ports",
		NFT_CONCAT(NFT_CONCAT(NFT_T_PROTO, NFT_T_ADDR), NFT_T_PORT), 12,
		NFT_CONCAT(NFT_T_ADDR, NFT_T_PORT), 8, .each = 0 },
	[MAP_PORT] = { "ports", NFT_CONCAT(NFT_T_PROTO, NFT_T_PORT), 8,
		NFT_CONCAT(NFT_T_ADDR, NFT_T_PORT), 8, .each = 0 },
	[MAP_ADDR6_PORT] = { "addr_ports6",
		NFT_CONCAT(NFT_CONCAT(NFT_T_PROTO, NFT_T_ADDR6), NFT_T_PORT), 24,
		NFT_CONCAT(NFT_T_ADDR6, NFT_T_PORT), 20, .each = 0 },
	[MAP_PORT6] = { "ports6", NFT_CONCAT(NFT_T_PROTO, NFT_T_PORT), 8,
		NFT_CONCAT(NFT_T_ADDR6, NFT_T_PORT), 20, .each = 0 },
};

static bool in_set(enum rule_set_id set, const struct rule_network *n)
{
	const bool left_out[RULE_SETS] = {
		[SET_SHELTERED] = n->uplink,
		[SET_INTERNAL] = !n->internal,
		[SET_OUTBOUND] = n->internal,
		[SET_CLOSED] = n->host_access,
		[SET_FRIENDS] = n->strict,
	};

	return !left_out[set];
}

/* A set is filled by messages with so many elements each. */
struct filling {
	struct nl_buf *b;
	const struct nft_table *t;
	const struct nft_set *set;
	size_t nest, in;
};

static void fill(struct filling *f, const void *key, const void *data)
{
	if (f->in++ % ELEMENTS_PER_MESSAGE == 0) {
		if (f->in > 1)
			nft_elements_end(f->b, f->nest);
		f->nest = nft_elements_begin(f->b, f->t, f->set);
	}
	nft_element(f->b, f->set, key, data);
}

static void filled(const struct filling *f)
{
	if (f->in > 0)
		nft_elements_end(f->b, f->nest);
}

static void fill_pair(struct filling *f, const char *from, const char *to)
{
	char key[2 * IF_NAME_MAX] = { 0 };

	memcpy(key, from, strnlen(from, IF_NAME_MAX - 1));
	memcpy(key + IF_NAME_MAX, to, strnlen(to, IF_NAME_MAX - 1));
	fill(f, key, NULL);
}

static void fill_set(struct nl_buf *b, const struct nft_table *t, enum rule_set_id set,
	const struct rule_set *rules)
{
	struct filling f = { .b = b, .t = t, .set = &rule_sets[set] };

	for (size_t i = 0; i < rules->n_networks; i++) {
		const struct rule_network *n = &rules->networks[i];

		if (in_set(set, n))
			fill_pair(&f, n->bridge, n->bridge);
	}
	for (size_t i = 0; set == SET_SHORTCUTS && i < rules->n_shortcuts; i++)
		fill_pair(&f, rules->shortcuts[i].from, rules->shortcuts[i].to);
	filled(&f);
}

/* Of IPv4 the last four bytes. Returns behind it. */
static uint8_t *put_addr(uint8_t *at, struct ip addr, size_t size)
{
	uint8_t bytes[16];

	ip_bytes(bytes, addr);
	memcpy(at, bytes + sizeof(bytes) - size, size);
	return at + size;
}

size_t rule_set_addr(enum rule_set_id map)
{
	return map == MAP_ADDR6_PORT || map == MAP_PORT6 || map == SET_RESOLVER6 || map == SET_HOME6
		? 16
		: 4;
}

static void fill_homes(struct nl_buf *b, const struct nft_table *t, enum rule_set_id set,
	const struct rule_set *rules)
{
	enum family family = set == SET_HOME6 ? FAMILY_V6 : FAMILY_V4;
	struct filling f = { .b = b, .t = t, .set = &rule_sets[set] };

	for (size_t i = 0; i < rules->n_networks; i++) {
		const struct rule_network *n = &rules->networks[i];
		uint8_t first[IF_NAME_MAX + 16] = { 0 }, last[sizeof(first)] = { 0 };

		if (n->subnet[family].prefix == 0)
			continue;
		memcpy(first, n->bridge, strnlen(n->bridge, IF_NAME_MAX - 1));
		memcpy(last, first, IF_NAME_MAX);
		(void)put_addr(first + IF_NAME_MAX, subnet_first(&n->subnet[family]),
			rule_set_addr(set));
		(void)put_addr(last + IF_NAME_MAX, subnet_last(&n->subnet[family]),
			rule_set_addr(set));
		fill(&f, first, last);
	}
	filled(&f);
}

static void fill_resolvers(struct nl_buf *b, const struct nft_table *t, enum rule_set_id set,
	const struct rule_set *rules)
{
	static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
	struct filling f = { .b = b, .t = t, .set = &rule_sets[set] };

	for (size_t i = 0; i < rules->n_networks; i++) {
		const struct rule_network *n = &rules->networks[i];
		uint8_t key[IF_NAME_MAX + 20] = { 0 };

		if (!ip_is_set(n->resolver) ||
			(ip_family(n->resolver) == FAMILY_V6) != (rule_set_addr(set) == 16))
			continue;
		memcpy(key, n->bridge, strnlen(n->bridge, IF_NAME_MAX - 1));
		(void)put_addr(key + IF_NAME_MAX + 4, n->resolver, rule_set_addr(set));
		for (size_t k = 0; k < ARRAY_LEN(protocols); k++) {
			key[IF_NAME_MAX] = protocols[k];
			fill(&f, key, NULL);
		}
	}
	filled(&f);
}

static bool in_map(enum rule_set_id map, const struct rule_port *p)
{
	bool one = map == MAP_ADDR_PORT || map == MAP_ADDR6_PORT;

	return ip_is_any(p->port.host_addr) != one &&
		(ip_family(p->addr) == FAMILY_V6) == (rule_set_addr(map) == 16);
}

static void fill_port(struct filling *f, enum rule_set_id map, const struct rule_port *p)
{
#define PORT_NUMBER(NAME, text, number) number,
	static const uint8_t numbers[] = { PORT_PROTOCOLS(PORT_NUMBER) };
	uint8_t key[24] = { numbers[p->port.protocol] }, data[20] = { 0 }, *at = key + 4;

	if (!ip_is_any(p->port.host_addr))
		at = put_addr(at, p->port.host_addr, rule_set_addr(map));
	put_be16(at, p->port.host);
	put_be16(put_addr(data, p->addr, rule_set_addr(map)), p->port.inside);
	fill(f, key, data);
}

static void fill_map(struct nl_buf *b, const struct nft_table *t, enum rule_set_id map,
	const struct rule_set *rules)
{
	struct filling f = { .b = b, .t = t, .set = &rule_sets[map] };

	for (size_t i = 0; i < rules->n_ports; i++)
		if (in_map(map, &rules->ports[i]))
			fill_port(&f, map, &rules->ports[i]);
	filled(&f);
}

static void fill_busy(struct nl_buf *b, const struct nft_table *t, const struct rule_set *rules)
{
	struct filling f = { .b = b, .t = t, .set = &rule_sets[SET_BUSY] };

	for (size_t i = 0; i < rules->n_limits && !rules->unbounded; i++)
		fill(&f, rules->limits[i].mac, &rules->limits[i].connections);
	filled(&f);
}

size_t rule_sets_size(const struct rule_set *rules)
{
	/* A message of elements costs less than two elements. */
	return rules->n_networks * PER_NETWORK_BYTES +
		(rules->n_ports + rules->n_ports / ELEMENTS_PER_MESSAGE * 2 + rules->n_limits +
			rules->n_shortcuts) *
		ELEMENT_BYTES;
}

void rule_sets_build(struct nl_buf *b, const struct nft_table *t, const struct rule_set *rules)
{
	enum rule_set_id id;

	for (id = 0; id < RULE_SETS; id++)
		nft_set_add(b, t, &rule_sets[id], id + 1);
	for (id = SET_INSIDE; id <= SET_FRIENDS; id++)
		fill_set(b, t, id, rules);
	fill_homes(b, t, SET_HOME, rules);
	fill_homes(b, t, SET_HOME6, rules);
	fill_busy(b, t, rules);
	fill_resolvers(b, t, SET_RESOLVER, rules);
	fill_resolvers(b, t, SET_RESOLVER6, rules);
	for (id = MAP_ADDR_PORT; id <= MAP_PORT6; id++)
		fill_map(b, t, id, rules);
}

void rules_ask(struct nl_buf *b, bool v4_only, const uint8_t *mac)
{
	const struct nft_set *set = &rule_sets[SET_STOPPED];
	const struct nft_table t = { RULES_TABLE, v4_only ? NFPROTO_IPV4 : NFPROTO_INET };
	size_t nest = nft_elements_ask(b, &t, set);

	nft_element(b, set, mac, NULL);
	nft_elements_end(b, nest);
}
