/* Addresses, subnets, ports, and which networks a container is on. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/net/ifname.h"
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

#define PORTS_MAX 4096u /* of one container */

static const char *const families[FAMILY_COUNT] = { "IPv4", "IPv6" };

static int read_address(struct ip *out, enum family family, const char *text)
{
	struct ip ip;

	if (ip_parse(&ip, text) < 0 || ip_family(ip) != family || ip_is_special(ip))
		return -1;
	*out = ip;
	return 0;
}

static int address_parse(struct key_context *c)
{
	enum family family = (enum family)c->key->arg;

	if (read_address(c->field, family, c->value) < 0)
		return key_fail(c, 0, "\"%s\" is not an %s address of a host", c->value,
			families[family]);
	return 0;
}

static size_t address_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct ip *ip = field;
	struct text t = { buf, size, 0 };
	char text[IP_TEXT_MAX];

	(void)key;
	if (ip_is_set(*ip))
		text_puts(&t, ip_text(text, *ip));
	return t.len;
}

const struct key_type key_type_address = {
	.name = "IP address",
	.specifiers = true,
	.parse = address_parse,
	.print = address_print,
};

/* ---- of a network: one of each family ---- */

static int given_twice(struct key_context *c, enum family family)
{
	(void)key_fail(c, 0,
		"\"%s\" is the second one of %s; an empty line before it takes the other away",
		c->value, families[family]);
	return KEY_SECOND;
}

static int gateway_parse(struct key_context *c)
{
	struct ip *list = c->field, ip;

	if (ip_parse(&ip, c->value) < 0)
		return key_fail(c, 0, "\"%s\" is not an IP address", c->value);
	if (ip_is_set(list[ip_family(ip)]))
		return given_twice(c, ip_family(ip));
	list[ip_family(ip)] = ip;
	return 0;
}

static size_t gateway_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct ip *list = field;
	struct text t = { buf, size, 0 };
	char text[IP_TEXT_MAX];

	(void)key;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(list[f])) {
			text_separate(&t, "\n");
			text_puts(&t, ip_text(text, list[f]));
		}
	return t.len;
}

const struct key_type key_type_gateway = {
	.name = "IP address",
	.list = true,
	.specifiers = true,
	.parse = gateway_parse,
	.print = gateway_print,
};

/* The least and the most bits of a network part, as they are written. */
static const struct {
	uint8_t extra, least, most;
} prefixes[FAMILY_COUNT] = { { V4_BITS, 8, 30 }, { 0, 48, 126 } };

static int subnet_value(struct key_context *c)
{
	struct subnet *list = c->field, s;
	enum family family;
	char text[IP_TEXT_MAX];
	int bits;

	if (subnet_parse(&s, c->value) < 0)
		return key_fail(c, 0,
			"\"%s\" is not a subnet; write \"10.1.0.0/24\" or \"fd01::/64\"", c->value);
	family = ip_family(s.addr);
	bits = s.prefix - prefixes[family].extra;
	if (list[family].prefix != 0)
		return given_twice(c, family);
	list[family] = s;
	if (bits < prefixes[family].least || bits > prefixes[family].most)
		return key_fail(c, 0, "an %s subnet here is between /%u and /%u", families[family],
			prefixes[family].least, prefixes[family].most);
	if (ip_is_special(s.addr))
		return key_fail(c, 0, "\"%s\" is reserved: not of hosts", c->value);
	s.addr = subnet_first(&s);
	if (!ip_same(s.addr, list[family].addr))
		return key_fail(c, 0, "\"%s\" is an address inside a subnet; write %s", c->value,
			subnet_text(text, &s));
	return 0;
}

static size_t subnet_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct subnet *list = field;
	struct text t = { buf, size, 0 };
	char text[IP_TEXT_MAX];

	(void)key;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (list[f].prefix != 0) {
			text_separate(&t, "\n");
			text_puts(&t, subnet_text(text, &list[f]));
		}
	return t.len;
}

const struct key_type key_type_subnet = {
	.name = "subnet",
	.list = true,
	.specifiers = true,
	.parse = subnet_value,
	.print = subnet_print,
};

static int addresses_parse(struct key_context *c)
{
	struct word word;
	size_t pos = 0;
	struct ip ip;

	while (word_next(c->arena, c->value, &pos, &word) > 0) {
		if (ip_parse(&ip, word.text) < 0)
			return key_fail(c, word.at, "\"%s\" is not an IP address", word.text);
		strv_add(c->arena, c->field, word.text);
	}
	return 0;
}

static size_t words_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return key_print_list(field, " ", buf, size);
}

const struct key_type key_type_addresses = {
	.name = "list of IP addresses",
	.list = true,
	.specifiers = true,
	.parse = addresses_parse,
	.print = words_print,
};

/* ---- names ---- */

#define ALIAS_CHARS_MAX 63 /* a label of a name, RFC 1035 */

/* Letters, digits and "_.-", as in the names of units but for what has a meaning elsewhere. */
static bool is_plain(const char *s, size_t most)
{
	return unit_name_check(s) == 0 && strpbrk(s, ":@\\") == NULL && s[0] != '-' &&
		strlen(s) <= most;
}

/* ---- PublishPort=[[ip:][hostPort]:]containerPort[/proto] ---- */

struct range {
	uint32_t first, last;
};

static int range_parse(char *s, struct range *r)
{
	char *dash = strchr(s, '-');
	uint64_t first, last;

	if (dash != NULL)
		*dash++ = '\0';
	if (number_u64(s, &first) < 0 || number_u64(dash != NULL ? dash : s, &last) < 0)
		return -1;
	if (first < 1 || last > UINT16_MAX || first > last)
		return -1;
	r->first = (uint32_t)first;
	r->last = (uint32_t)last;
	return 0;
}

static int port_fail(struct key_context *c, char *part, const char *copy)
{
	return key_fail(c, (size_t)(part - copy),
		"\"%s\" is not a port or range of ports 1 to 65535", c->value + (part - copy));
}

/* Cuts "/udp" off. */
static int port_protocol(struct key_context *c, char *copy, uint8_t *protocol)
{
	char *slash = strchr(copy, '/');

	if (slash == NULL)
		return 0;
	*slash++ = '\0';
	for (*protocol = 0; *protocol < PORT_PROTOCOL_COUNT; ++*protocol)
		if (strcmp(slash, port_protocol_name(*protocol)) == 0)
			return 0;
	return key_fail(c, (size_t)(slash - copy), "\"%s\" is none of tcp, udp, sctp", slash);
}

static int ports_add(struct key_context *c, struct port port, struct range host,
	struct range inside)
{
	struct ports *list = c->field;

	if (inside.last - inside.first != host.last - host.first)
		return key_fail(c, 0, "the ranges in \"%s\" are not of the same length", c->value);
	if (list->n + (inside.last - inside.first) >= PORTS_MAX)
		return key_fail(c, 0, "more than %u ports", PORTS_MAX);
	for (uint32_t i = 0; i <= inside.last - inside.first; i++) {
		port.host = (uint16_t)(host.first + i);
		port.inside = (uint16_t)(inside.first + i);
		*LIST_ADD(c->arena, list) = port;
	}
	return 0;
}

/* Cuts the address off, which in IPv6 stands in brackets; moves *rest behind it. Without one it is none. */
static int port_address(struct key_context *c, char *copy, char **rest, struct ip *ip)
{
	bool v6 = copy[0] == '[', bare;
	char *end = v6 ? strstr(copy, "]:") : strchr(copy, ':');

	*rest = copy;
	/* Of two numbers, the first is a port of the host. */
	if (!v6 && (end == NULL || strchr(end + 1, ':') == NULL))
		return 0;
	/* An IPv6 address without its brackets. */
	bare = !v6 && memchr(copy, '.', (size_t)(end - copy)) == NULL && strstr(copy, "::") != NULL;
	if (end == NULL || bare || (v6 && strchr(end + 2, ':') == NULL))
		return key_fail(c, 0, "\"%s\" is not of the form [IPV6]:PORT:PORT", c->value);
	*end = '\0';
	*rest = end + (v6 ? 2 : 1);
	if (ip_parse(ip, copy + v6) < 0 || (ip_family(*ip) == FAMILY_V6) != v6)
		return key_fail(c, v6, "\"%s\" is not an IPv%c address", copy + v6, v6 ? '6' : '4');
	if (ip_is_loopback6(*ip))
		return key_fail(c, v6,
			"the kernel leads nothing that was sent to ::1 into a container; 127.0.0.1 it does");
	return 0;
}

static int ports_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value), *rest, *colon;
	struct port port = { 0 };
	struct range host, inside;

	if (port_protocol(c, copy, &port.protocol) < 0 ||
		port_address(c, copy, &rest, &port.host_addr) < 0)
		return -1;
	colon = strchr(rest, ':');
	if (colon != NULL)
		*colon++ = '\0';
	if (range_parse(colon != NULL ? colon : rest, &inside) < 0)
		return port_fail(c, colon != NULL ? colon : rest, copy);
	/* With no port of the host, podman takes any free one: here it is the same number. */
	host = inside;
	if (colon != NULL && *rest != '\0' && range_parse(rest, &host) < 0)
		return port_fail(c, rest, copy);
	return ports_add(c, port, host, inside);
}

static size_t ports_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct ports *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, "\n");
		port_put(&t, &list->v[i]);
	}
	return t.len;
}

const struct key_type key_type_ports = {
	.name = "[[IP:][HOSTPORT]:]PORT[/PROTOCOL]",
	.list = true,
	.specifiers = true,
	.parse = ports_parse,
	.print = ports_print,
};

/* ---- Network= ---- */

static const char *const modes[] = {
	[NETWORK_DEFAULT] = "bridge",
	[NETWORK_HOST] = "host",
	[NETWORK_NONE] = "none",
};

static bool is_bridge(enum network_mode mode)
{
	return mode == NETWORK_DEFAULT || mode == NETWORK_UNIT;
}

static int network_unit(struct key_context *c, struct network_use *use, const char *name)
{
	enum unit_kind kind = unit_kind_of(name);

	if (kind != KIND_NETWORK && kind != KIND_CONTAINER)
		return key_fail(c, 0,
			"\"%s\" is none of: host, none, bridge, NAME.network, NAME.container",
			name);
	if (unit_name_check(name) < 0)
		return key_fail(c, 0, "\"%s\" is not the name of a unit", name);
	use->mode = kind == KIND_NETWORK ? NETWORK_UNIT : NETWORK_CONTAINER;
	use->unit = name;
	return 0;
}

/* Of one interface: not of a group, and not zero. */
static int mac_parse(uint8_t mac[6], const char *s)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t i;

	for (i = 0; i < 17 && s[i] != '\0'; i++) {
		const char *digit = strchr(digits, s[i]);
		size_t value = digit != NULL ? (size_t)(digit - digits) : 0;

		if (i % 3 == 2 ? s[i] != ':' : digit == NULL)
			return -1;
		if (i % 3 != 2)
			mac[i / 3] = (uint8_t)(mac[i / 3] << 4 | (value < 16 ? value : value - 6));
	}
	return i == 17 && s[i] == '\0' && (mac[0] & 1) == 0 && (mac[0] | mac[3] | mac[5]) != 0 ? 0
											       : -1;
}

static void put_mac(struct text *t, const uint8_t mac[6])
{
	for (size_t i = 0; i < 6; i++)
		text_printf(t, "%s%02x", i == 0 ? ",mac=" : ":", mac[i]);
}

static bool take_ip(struct key_context *c, struct network_use *use, const char *value)
{
	(void)c;
	return read_address(&use->ip[FAMILY_V4], FAMILY_V4, value) == 0;
}

static bool take_ip6(struct key_context *c, struct network_use *use, const char *value)
{
	(void)c;
	return read_address(&use->ip[FAMILY_V6], FAMILY_V6, value) == 0;
}

static bool take_mac(struct key_context *c, struct network_use *use, const char *value)
{
	(void)c;
	return mac_parse(use->mac, value) == 0;
}

static bool take_interface(struct key_context *c, struct network_use *use, const char *value)
{
	(void)c;
	use->interface_name = value;
	return if_name_ok(value, strlen(value));
}

static bool take_alias(struct key_context *c, struct network_use *use, const char *value)
{
	strv_add(c->arena, &use->aliases, value);
	return is_plain(value, ALIAS_CHARS_MAX);
}

/* Podman's, of one network. */
static const struct {
	const char *name, *wants;
	bool (*take)(struct key_context *c, struct network_use *use, const char *value);
} use_options[] = {
	{ "ip", "an IPv4 address of a host", take_ip },
	{ "ip6", "an IPv6 address of a host", take_ip6 },
	{ "mac", "the hardware address of one interface, as 02:00:5e:00:53:01", take_mac },
	{ "interface_name",
		"a name for an interface: at most 15 characters, and none of all, default, lo",
		take_interface },
	{ "alias", "a host name", take_alias },
};

static int use_option(struct key_context *c, size_t at, struct network_use *use, const char *option)
{
	size_t len = strcspn(option, "=");
	const char *value = option + len + 1;

	for (size_t i = 0; option[len] == '=' && i < sizeof(use_options) / sizeof(use_options[0]);
		i++) {
		if (strlen(use_options[i].name) != len ||
			strncmp(use_options[i].name, option, len) != 0)
			continue;
		return use_options[i].take(c, use, value)
			? 0
			: key_fail(c, at + len + 1, "\"%s\" is not %s", value,
				  use_options[i].wants);
	}
	return key_fail(c, at,
		"\"%s\" is none of: ip=, ip6=, mac=, interface_name=, alias=", option);
}

/* Behind "NAME.network:" or "bridge:"; a unit's name may have a colon, too. */
static char *cut_options(char *value)
{
	static const char *const before[] = { ".network:", "bridge:" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = strstr(value, before[i]);

		if (at == NULL)
			continue;
		at += strlen(before[i]);
		at[-1] = '\0';
		return at;
	}
	return NULL;
}

static const char *network_name(const struct network_use *use)
{
	return use->unit != NULL ? use->unit : IPAM_DEFAULT_NETWORK;
}

/* host, none and another container's take no other beside them. */
static int check_beside(struct key_context *c, const struct network_uses *list,
	const struct network_use *use)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct network_use *other = &list->v[i];

		if (!is_bridge(other->mode) || !is_bridge(use->mode))
			return key_fail(c, 0, "only networks with a bridge can be several");
		if (strcmp(network_name(other), network_name(use)) == 0)
			return key_fail(c, 0, "the container is on this network already");
	}
	return 0;
}

static int network_use_parse(struct key_context *c)
{
	struct network_use use = { .mode = NETWORK_CONTAINER };
	char *name = arena_strdup(c->arena, c->value), *rest = cut_options(name), *option;
	struct network_uses *list = c->field;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], name) == 0)
			use.mode = (enum network_mode)i;
	if (use.mode == NETWORK_CONTAINER && network_unit(c, &use, name) < 0)
		return -1;
	while ((option = rest) != NULL) {
		rest = strchr(option, ',');
		if (rest != NULL)
			*rest++ = '\0';
		if (use_option(c, (size_t)(option - name), &use, option) < 0)
			return -1;
	}
	if (check_beside(c, list, &use) < 0)
		return -1;
	*LIST_ADD(c->arena, list) = use;
	return 0;
}

static void put_use(struct text *t, const struct network_use *use)
{
	static const char *const ip_options[FAMILY_COUNT] = { "ip", "ip6" };
	static const uint8_t none[6];
	char text[IP_TEXT_MAX];
	size_t begin;

	text_puts(t, use->unit != NULL ? use->unit : modes[use->mode]);
	begin = t->len;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(use->ip[f]))
			text_printf(t, ",%s=%s", ip_options[f], ip_text(text, use->ip[f]));
	if (memcmp(use->mac, none, sizeof(none)) != 0)
		put_mac(t, use->mac);
	if (use->interface_name != NULL)
		text_printf(t, ",interface_name=%s", use->interface_name);
	for (size_t i = 0; i < use->aliases.n; i++)
		text_printf(t, ",alias=%s", use->aliases.v[i]);
	if (begin < t->len && begin < t->size)
		t->buf[begin] = ':';
}

static size_t network_use_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct network_uses *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, "\n");
		put_use(&t, &list->v[i]);
	}
	return t.len;
}

const struct key_type key_type_network_use = {
	.name = "network",
	.list = true,
	.specifiers = true,
	.parse = network_use_parse,
	.print = network_use_print,
};

/* ---- AddHost=name:address ---- */

static int hosts_parse(struct key_context *c)
{
	struct settings *list = c->field;
	const char *colon = strchr(c->value, ':');
	struct setting *s;
	struct ip addr;

	if (colon == NULL || colon == c->value)
		return key_fail(c, 0, "\"%s\" is not of the form name:address", c->value);
	if (strcspn(c->value, " \t") < (size_t)(colon - c->value))
		return key_fail(c, 0, "a host name has no blanks");
	if (strcmp(colon + 1, "host-gateway") != 0 && ip_parse(&addr, colon + 1) < 0)
		return key_fail(c, (size_t)(colon + 1 - c->value), "\"%s\" is not an IP address",
			colon + 1);
	s = LIST_ADD(c->arena, list);
	s->name = arena_strndup(c->arena, c->value, (size_t)(colon - c->value));
	s->value = arena_strdup(c->arena, colon + 1);
	return 0;
}

static size_t hosts_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct settings *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, "\n");
		text_printf(&t, "%s:%s", list->v[i].name, list->v[i].value);
	}
	return t.len;
}

const struct key_type key_type_hosts = {
	.name = "NAME:ADDRESS",
	.list = true,
	.specifiers = true,
	.parse = hosts_parse,
	.print = hosts_print,
};
