/*
 * What containers and networks say of each other: whose is which port, address, bridge and subnet. What two of them claim is told at
 * the file of the second one, by name.
 */
#include "supervisor/core/net/wiring.h"
#include "supervisor/core/unit/references.h"

#include <stdlib.h>
#include <string.h>

/* Started in turn, they may have the same. */
static bool exclude(const struct builder *b, uint32_t one, uint32_t other)
{
	return graph_has(&b->edges, one, DEP_CONFLICTS, other) ||
		graph_has(&b->edges, other, DEP_CONFLICTS, one);
}

/* ---- ports of the host ---- */

struct published {
	struct port port;
	uint32_t unit;
};

static int compare_published(const void *left, const void *right)
{
	const struct published *a = left, *b = right;
	uint32_t x = (uint32_t)a->port.protocol << 16 | a->port.host;
	uint32_t y = (uint32_t)b->port.protocol << 16 | b->port.host;

	if (x != y)
		return x < y ? -1 : 1;
	if (!ip_same(a->port.host_addr, b->port.host_addr))
		return ip_compare(a->port.host_addr, b->port.host_addr);
	return (a->unit > b->unit) - (a->unit < b->unit);
}

static bool same_port(const struct published *a, const struct published *b)
{
	return a->port.host == b->port.host && a->port.protocol == b->port.protocol;
}

static bool is_refused(const struct builder *b, const struct published *p,
	const struct published *before)
{
	return p->unit != before->unit && ports_meet(&p->port, &before->port) &&
		!exclude(b, p->unit, before->unit);
}

static void check_published(struct builder *b)
{
	struct {
		struct published *v;
		size_t n;
	} all = { 0 };
	size_t first = 0;

	for (size_t i = 0; i < b->set->n; i++)
		for (size_t k = 0; k < b->set->units[i].container.ports.n; k++)
			*LIST_ADD(&b->scratch, &all) = (struct published){
				b->set->units[i].container.ports.v[k], (uint32_t)i
			};
	if (all.n > 1)
		qsort(all.v, all.n, sizeof(*all.v), compare_published);
	for (size_t i = 1; i < all.n; i++) {
		const struct published *p = &all.v[i];
		size_t k;

		if (!same_port(p, &all.v[first]))
			first = i;
		for (k = first; k < i && !is_refused(b, p, &all.v[k]); k++)
			;
		if (k < i)
			references_complain(b, p->unit, FAULT_WARNING,
				&b->references[p->unit].bridge_keys[BRIDGE_PublishPort],
				"port %u of the host is also published by %s; only one of them can run",
				p->port.host, b->set->units[all.v[k].unit].name);
	}
}

/* ---- bridges, subnets, addresses ---- */

enum claimed { BRIDGE, SUBNET, ADDRESS };

struct claim {
	enum claimed what;
	uint32_t unit;
	const char *name; /* of the bridge; of the network that an address is in */
	struct subnet at; /* of a bridge: none, which is in all */
	const struct origin *origin;
};

struct claims {
	struct claim *v;
	size_t n;
};

static bool collide(const struct builder *b, const struct claim *one, const struct claim *other)
{
	return one->what == other->what && one->unit != other->unit &&
		subnet_overlap(&one->at, &other->at) && strcmp(one->name, other->name) == 0 &&
		!exclude(b, one->unit, other->unit);
}

static void claim(struct builder *b, struct claims *all, const struct claim *new)
{
	static const struct {
		enum fault_level level;
		char name[12];
		const char *todo;
	} rows[] = {
		[BRIDGE] = { FAULT_ERROR, "bridge ", "give it another InterfaceName=" },
		[SUBNET] = { FAULT_ERROR, "subnet", "give it another Subnet=" },
		[ADDRESS] = { FAULT_WARNING, "address in ", "only one of them can run" },
	};
	const struct unit *u;
	size_t i;

	for (i = 0; i < all->n && !collide(b, new, &all->v[i]); i++)
		;
	if (i < all->n) {
		u = &b->set->units[all->v[i].unit];
		references_complain(b, new->unit, rows[new->what].level, new->origin,
			"its %s%s collides with that of %s, %s; %s", rows[new->what].name,
			new->name, u->name, u->file != NULL ? u->file : "which is made here",
			rows[new->what].todo);
	}
	*LIST_ADD(&b->scratch, all) = *new;
}

static void claim_network(struct builder *b, struct claims *all, uint32_t unit)
{
	const struct pool none[FAMILY_COUNT] = { 0 };
	const struct unit *u = &b->set->units[unit];
	struct claim c = { .what = BRIDGE, .unit = unit, .origin = &b->references[unit].bridge };
	struct bridge_plan *p = arena_alloc(&b->scratch, sizeof(*p));

	if (u->broken != NULL || u->network.driver != DRIVER_BRIDGE)
		return;
	bridge_plan_make(p, u, none, "");
	c.name = p->name;
	claim(b, all, &c);
	c.what = SUBNET;
	c.name = "";
	c.origin = &b->references[unit].subnet;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		c.at = u->network.subnet[f];
		if (c.at.prefix != 0)
			claim(b, all, &c);
	}
}

/* ---- containers ---- */

/* NULL: it has none of ours, or there is no such unit, which is told elsewhere. */
static const struct unit *network_of(const struct builder *b, const struct network_use *use)
{
	const char *name = use->mode == NETWORK_DEFAULT ? b->default_network : use->unit;
	int at = name != NULL ? unit_set_find(b->set, name) : -1;

	return at >= 0 && use->mode != NETWORK_CONTAINER ? &b->set->units[at] : NULL;
}

static void check_address(struct builder *b, struct claims *all, uint32_t unit,
	const struct network_use *use)
{
	const struct container_section *c = &b->set->units[unit].container;
	const struct unit *n = network_of(b, use);

	for (enum family f = 0; n != NULL && f < FAMILY_COUNT; f++) {
		const struct subnet *subnet = &n->network.subnet[f];
		bool here = ip_is_set(use->ip[f]);
		struct claim ip = {
			.what = ADDRESS,
			.unit = unit,
			.name = n->name,
			.at = { here ? use->ip[f] : c->ip[f], 128 },
			.origin = here ? &b->references[unit].network : &b->references[unit].ip[f],
		};

		if (!ip_is_set(ip.at.addr))
			continue;
		claim(b, all, &ip);
		if (!network_has(n, f) ||
			(subnet->prefix != 0 && !subnet_has_host(subnet, ip.at.addr)))
			references_complain(b, unit, FAULT_ERROR, ip.origin,
				"%s= is not an address of a host in Subnet= of %s",
				f == FAMILY_V4 ? "IP" : "IP6", n->name);
	}
}

/* A bit for each family that it has behind a bridge; of a network without one the host sees nothing. */
static unsigned int bridged(const struct builder *b, const struct network_use *use)
{
	const struct unit *n = network_of(b, use);
	unsigned int families = 0;

	if ((use->mode != NETWORK_DEFAULT && use->mode != NETWORK_UNIT) ||
		(n != NULL && n->network.driver != DRIVER_BRIDGE))
		return 0;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (n == NULL || network_has(n, f))
			families |= 1u << f;
	return families;
}

/* A port of an address leads to the container's address of that family. */
static void check_families(struct builder *b, uint32_t unit, unsigned int families)
{
	const struct ports *ports = &b->set->units[unit].container.ports;

	for (size_t i = 0; i < ports->n; i++) {
		const struct port *p = &ports->v[i];
		const enum family f = ip_family(p->host_addr);

		if (!ip_is_set(p->host_addr) || (families >> f & 1) != 0)
			continue;
		references_complain(b, unit, FAULT_ERROR,
			&b->references[unit].bridge_keys[BRIDGE_PublishPort],
			"port %u of the host is of IPv%c, which none of its networks has", p->host,
			f == FAMILY_V4 ? '4' : '6');
		return;
	}
}

static void check_container(struct builder *b, struct claims *all, uint32_t unit)
{
	const struct network_use *use;
	unsigned int families = 0;

	for (size_t i = 0; (use = unit_network(&b->set->units[unit], i)) != NULL; i++) {
		check_address(b, all, unit, use);
		families |= bridged(b, use);
	}
	for (size_t i = 0; i < BRIDGE_KEY_COUNT && families == 0; i++)
		if (b->references[unit].bridge_keys[i].path != NULL)
			references_complain(b, unit, FAULT_ERROR,
				&b->references[unit].bridge_keys[i],
				"%s= needs a network with a bridge, see Network=",
				bridge_keys[i].name);
	if (families != 0)
		check_families(b, unit, families);
}

void references_check_networks(struct builder *b)
{
	struct claims all = { 0 };

	for (uint32_t i = 0; i < b->set->n; i++)
		if (b->set->units[i].kind == KIND_NETWORK)
			claim_network(b, &all, i);
		else if (b->set->units[i].kind == KIND_CONTAINER)
			check_container(b, &all, i);
	check_published(b);
}
