#include "supervisor/core/net/wiring.h"

#include "common/util.h"
#include "supervisor/core/net/loan.h"
#include "supervisor/core/text.h"

#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

/* A bridge that exists before IPv6 does must hold its packets too; the most is the kernel's for a veth. */
#define MTU_MIN 576u
#define MTU_MAX 65535u

/* Locally administered, unicast. */
static void mac_make(uint8_t mac[MAC_LEN], const char *machine_id, const char *unit,
	const char *what)
{
	uint64_t h = ipam_hash(ipam_hash(ipam_hash(IPAM_HASH_START, machine_id), unit), what);
	int i;

	mac[0] = 0x02;
	for (i = 1; i < MAC_LEN; i++)
		mac[i] = (uint8_t)(h >> (8 * (i + 2)));
}

static size_t stem_length(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	return dot != NULL ? (size_t)(dot - unit) : strlen(unit);
}

/* The start of the stem for people, a hash for uniqueness: 15 characters at most. */
static void if_name_hashed(char out[IF_NAME_MAX], const char *prefix, const char *unit,
	const char *network)
{
	uint64_t h = ipam_hash(ipam_hash(IPAM_HASH_START, unit), network);
	size_t i, keep = stem_length(unit), most = IF_NAME_MAX - 10 - strlen(prefix);

	if (keep > most)
		keep = most;
	(void)snprintf(out, IF_NAME_MAX, "%s%.*s-%08x", prefix, (int)keep, unit,
		(unsigned int)(uint32_t)(h ^ h >> 32));
	for (i = 0; out[i += strspn(out + i, ALPHANUMERIC)] != '\0'; i++)
		if (out[i] != '-')
			out[i] = '_';
}

static void bridge_name(struct bridge_plan *p, const struct unit *network)
{
	const struct network_section *n = &network->network;
	const char *name = n->driver != DRIVER_BRIDGE ? n->interfaces.v[0] : n->interface_name;
	size_t len = stem_length(network->name);

	if (n->driver != DRIVER_BRIDGE && n->vlan != 0)
		loan_vlan_name(p->name, name, n->vlan);
	else if (name != NULL)
		text_copy(p->name, sizeof(p->name), name);
	else if (if_name_ok(network->name, len))
		memcpy(p->name, network->name, len);
	else
		if_name_hashed(p->name, "", network->name, "");
}

static int parse_mtu(uint32_t *mtu, const char *text, struct err *e)
{
	uint32_t value = 0;
	const char *c;

	for (c = text; *c >= '0' && *c <= '9' && value <= MTU_MAX; c++)
		value = 10 * value + (uint32_t)(*c - '0');
	if (*c != '\0' || value < MTU_MIN || value > MTU_MAX)
		return err_setx(e, "Options=mtu=%s: not a number from %u to %u", text, MTU_MIN,
			MTU_MAX);
	*mtu = value;
	return 0;
}

/* "true" and "false" are Podman's, and say of other networks what is so in any case here. */
static int parse_isolate(struct bridge_plan *p, const char *text, struct err *e)
{
	p->strict = strcmp(text, "strict") == 0;
	if (!p->strict && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_setx(e, "Options=isolate=%s: none of true, false, strict", text);
	return 0;
}

static int parse_mode(struct bridge_plan *p, const char *text, struct err *e)
{
	static const struct {
		uint8_t driver, mode;
		char name[9];
	} modes[] = {
		{ DRIVER_MACVLAN, MACVLAN_MODE_BRIDGE, "bridge" },
		{ DRIVER_MACVLAN, MACVLAN_MODE_PRIVATE, "private" },
		{ DRIVER_MACVLAN, MACVLAN_MODE_VEPA, "vepa" },
		{ DRIVER_MACVLAN, MACVLAN_MODE_PASSTHRU, "passthru" },
		{ DRIVER_IPVLAN, IPVLAN_MODE_L2, "l2" },
		{ DRIVER_IPVLAN, IPVLAN_MODE_L3, "l3" },
		{ DRIVER_IPVLAN, IPVLAN_MODE_L3S, "l3s" },
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (modes[i].driver == p->driver && strcmp(modes[i].name, text) == 0) {
			p->mode = modes[i].mode;
			return 0;
		}
	return err_setx(e, "Options=mode=%s: no mode of this Driver=", text);
}

static int option_set(struct bridge_plan *p, const struct setting *option, struct err *e)
{
	switch (option->name[1]) {
	case 't': /* mtu */
		return parse_mtu(&p->mtu, option->value, e);
	case 's': /* isolate */
		return parse_isolate(p, option->value, e);
	case 'o': /* mode */
		return parse_mode(p, option->value, e);
	default: /* parent, vlan: in their keys already */
		return 0;
	}
}

int bridge_options(struct bridge_plan *p, const struct settings *options, struct err *e)
{
	p->mode = p->driver == DRIVER_MACVLAN ? MACVLAN_MODE_BRIDGE : IPVLAN_MODE_L2;
	for (size_t i = 0; i < options->n; i++)
		if (option_set(p, &options->v[i], e) < 0)
			return -1;
	return 0;
}

void bridge_plan_make(struct bridge_plan *p, const struct unit *network,
	const struct pool pools[FAMILY_COUNT], const char *machine_id)
{
	struct err ignored;
	bool bridge = network->network.driver == DRIVER_BRIDGE;

	*p = (struct bridge_plan){
		.unit = network->name,
		.internal = network->network.internal,
		.uplink = network->network.uplink,
		.host_access = network->network.host_access,
		.guarded = network->network.port_security && bridge,
		.driver = (uint8_t)network->network.driver,
		.resolver = !network->network.disable_dns && bridge,
	};
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		p->at[f].addr = bridge ? pools[f].gateway : network->network.gateway[f];
		p->at[f].prefix = pools[f].subnet.prefix;
	}
	mac_make(p->mac, machine_id, network->name, "bridge");
	bridge_name(p, network);
	(void)bridge_options(p, &network->network.options, &ignored);
}

/* As its file says, where it says so. */
static void use_apply(struct attach_plan *p, const struct network_use *use)
{
	static const uint8_t none[MAC_LEN];

	if (use->interface_name != NULL)
		text_copy(p->inside_if, sizeof(p->inside_if), use->interface_name);
	if (memcmp(use->mac, none, sizeof(none)) != 0)
		memcpy(p->mac, use->mac, sizeof(p->mac));
}

void attach_plan_make(struct attach_plan *p, const char *unit, size_t nth,
	const struct network_use *use, const struct bridge_plan *bridge,
	const struct ip addr[FAMILY_COUNT], const char *machine_id)
{
	*p = (struct attach_plan){
		.unit = unit,
		.mtu = bridge->mtu,
		.nth = (uint32_t)nth,
		.driver = bridge->driver,
		.mode = bridge->mode,
		.strict = bridge->strict,
		.guarded = bridge->guarded,
	};
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (!ip_is_set(addr[f]))
			continue;
		p->at[f].addr = addr[f];
		p->at[f].prefix = bridge->at[f].prefix;
		if (!bridge->internal)
			p->at[f].gateway = bridge->at[f].addr;
	}
	memcpy(p->bridge, bridge->name, sizeof(p->bridge));
	(void)snprintf(p->inside_if, sizeof(p->inside_if), "eth%u", (unsigned int)nth);
	if_name_hashed(p->host_if, "v", unit, bridge->unit);
	mac_make(p->mac, machine_id, unit, bridge->unit);
	use_apply(p, use);
}
