/* Addresses, subnets, ports, and which network a container is on. IPv4 for now. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

#define PORTS_MAX 4096u /* of one container */

static int address_fail(struct key_context *c, size_t at, const char *text)
{
	const char *colon = strchr(text, ':');

	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return key_fail(c, at, "\"%s\" looks like IPv6, which is not done yet", text);
	return key_fail(c, at, "\"%s\" is not an IPv4 address", text);
}

/* Addresses are of IPv4 here. */
static int read_address(struct ip *ip, const char *text)
{
	return ip_parse(ip, text) == 0 && ip_family(*ip) == FAMILY_V4 ? 0 : -1;
}

static int address_parse(struct key_context *c)
{
	struct ip *list = c->field, ip;

	if (read_address(&ip, c->value) < 0)
		return address_fail(c, 0, c->value);
	list[ip_family(ip)] = ip;
	return 0;
}

static size_t address_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct ip *list = field;
	struct text t = { buf, size, 0 };
	char ip[IP_TEXT_MAX];

	(void)key;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(list[f])) {
			text_separate(&t, "\n");
			text_puts(&t, ip_text(ip, list[f]));
		}
	return t.len;
}

const struct key_type key_type_address = {
	.name = "IPv4 address",
	.specifiers = true,
	.parse = address_parse,
	.print = address_print,
};

static int subnet_parse_key(struct key_context *c)
{
	struct subnet *list = c->field, s;
	char text[IP_TEXT_MAX];

	if (subnet_parse(&s, c->value) < 0 || ip_family(s.addr) != FAMILY_V4)
		return key_fail(c, 0, "\"%s\" is not an IPv4 subnet; write \"10.1.0.0/24\"",
			c->value);
	list[ip_family(s.addr)] = s;
	if (s.prefix > V4_BITS + 30 || s.prefix < V4_BITS + 8)
		return key_fail(c, 0, "a subnet here is between /8 and /30");
	if (ip_same(s.addr, subnet_first(&s)))
		return 0;
	s.addr = subnet_first(&s);
	return key_fail(c, 0, "\"%s\" is an address inside a subnet; write %s", c->value,
		subnet_text(text, &s));
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
	.name = "IPv4 subnet",
	.specifiers = true,
	.parse = subnet_parse_key,
	.print = subnet_print,
};

static int addresses_parse(struct key_context *c)
{
	struct word word;
	size_t pos = 0;
	struct ip addr;

	while (word_next(c->arena, c->value, &pos, &word) > 0) {
		if (read_address(&addr, word.text) < 0)
			return address_fail(c, word.at, word.text);
		strv_add(c->arena, c->field, word.text);
	}
	return 0;
}

static size_t addresses_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return key_print_list(field, " ", buf, size);
}

const struct key_type key_type_addresses = {
	.name = "list of IPv4 addresses",
	.list = true,
	.specifiers = true,
	.parse = addresses_parse,
	.print = addresses_print,
};

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
	bool v6 = copy[0] == '[';
	char *end = v6 ? strstr(copy, "]:") : strchr(copy, ':');

	*rest = copy;
	/* Of two numbers, the first is a port of the host. */
	if (!v6 && (end == NULL || strchr(end + 1, ':') == NULL))
		return 0;
	if (end == NULL || (v6 && strchr(end + 2, ':') == NULL))
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
	char ip[IP_TEXT_MAX];

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		const struct port *p = &list->v[i];

		text_separate(&t, "\n");
		if (ip_is_set(p->host_addr)) {
			bool v6 = ip_family(p->host_addr) == FAMILY_V6;

			text_printf(&t, v6 ? "[%s]:" : "%s:", ip_text(ip, p->host_addr));
		}
		text_printf(&t, "%u:%u", p->host, p->inside);
		if (p->protocol != PORT_TCP)
			text_printf(&t, "/%s", port_protocol_name(p->protocol));
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

static int network_unit(struct key_context *c, struct network_use *use)
{
	enum unit_kind kind = unit_kind_of(c->value);

	if (kind != KIND_NETWORK && kind != KIND_CONTAINER)
		return key_fail(c, 0,
			"\"%s\" is none of: host, none, bridge, NAME.network, NAME.container",
			c->value);
	if (unit_name_check(c->value) < 0)
		return key_fail(c, 0, "\"%s\" is not the name of a unit", c->value);
	use->mode = kind == KIND_NETWORK ? NETWORK_UNIT : NETWORK_CONTAINER;
	use->unit = arena_strdup(c->arena, c->value);
	return 0;
}

/* host, none and another container's take no other beside them; "bridge" is the default network. */
static int network_use_parse(struct key_context *c)
{
	struct network_use use = { .mode = NETWORK_CONTAINER };
	struct network_uses *list = c->field;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], c->value) == 0)
			use.mode = (enum network_mode)i;
	if (use.mode == NETWORK_CONTAINER && network_unit(c, &use) < 0)
		return -1;
	for (size_t i = 0; i < list->n; i++) {
		if (is_bridge(list->v[i].mode) && is_bridge(use.mode))
			continue;
		return key_fail(c, 0, "only networks with a bridge can be several");
	}
	*LIST_ADD(c->arena, list) = use;
	return 0;
}

static size_t network_use_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct network_uses *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		const struct network_use *use = &list->v[i];

		text_separate(&t, "\n");
		text_puts(&t, use->unit != NULL ? use->unit : modes[use->mode]);
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
	if (strcmp(colon + 1, "host-gateway") != 0 && read_address(&addr, colon + 1) < 0)
		return address_fail(c, (size_t)(colon + 1 - c->value), colon + 1);
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
