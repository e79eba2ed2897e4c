/* What is made of networks: of a container before its process is there, of a network by its start. */
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/net/wiring.h"
#include "supervisor/core/plan/plan_parts.h"

#include <stddef.h>

/* Its addresses there, or of a network, which has no `use`, its subnets: those that it was given once. */
static const char *add_leased(struct planner *pl, const char *text, const struct network_use *use,
	const char *network)
{
	const struct unit *u = pl->u;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		const struct lease *had = ipam_find(pl->facts->leases, u->name, network, f);
		bool said = use != NULL ? ip_is_set(use->ip[f]) || ip_is_set(u->container.ip[f])
					: u->network.subnet[f].prefix != 0;
		char buf[IP_TEXT_MAX];

		if (had != NULL && !said)
			text = arena_printf(pl->arena, "%s %s", text,
				use != NULL ? ip_text(buf, had->at.addr)
					    : subnet_text(buf, &had->at));
	}
	return arena_printf(pl->arena, "%s\n", text);
}

static const char *add_interfaces(struct planner *pl)
{
	const struct network_use *use;
	const char *text = "";

	for (size_t i = 0; (use = unit_network(pl->u, i)) != NULL; i++) {
		const char *network = use->mode == NETWORK_UNIT ? use->unit : IPAM_DEFAULT_NETWORK;
		const char *name = use->interface_name;

		if (use->mode != NETWORK_DEFAULT && use->mode != NETWORK_UNIT)
			break;
		if (name == NULL)
			name = arena_printf(pl->arena, "eth%zu", i);
		text = arena_printf(pl->arena, "%sinterface     %s on %s", text, name, network);
		text = add_leased(pl, text, use, network);
	}
	return text;
}

static const char *add_link(struct planner *pl)
{
	const struct pool unknown[FAMILY_COUNT] = { 0 };
	struct bridge_plan b;
	const char *text;

	bridge_plan_make(&b, pl->u, unknown, "");
	text = arena_printf(pl->arena, "%-14s%s", b.driver == DRIVER_BRIDGE ? "bridge" : "parent",
		b.name);
	return add_leased(pl, text, NULL, pl->u->name);
}

void plan_network(struct planner *pl)
{
	bool container = pl->u->kind == KIND_CONTAINER;
	size_t from = container ? offsetof(struct unit, container.aliases)
				: offsetof(struct unit, network);
	size_t to = container ? offsetof(struct unit, container.mounts)
			      : from + sizeof(pl->u->network);
	const char *text = container ? add_interfaces(pl) : add_link(pl);

	for (const struct key *k = keys; k < keys + n_keys; k++)
		if ((k->kinds & 1u << pl->u->kind) != 0 && k->offset >= from && k->offset < to &&
			!bytes_are_zero((const char *)pl->u + k->offset, k->size))
			text = key_lines(pl->arena, text, "network       ", k,
				key_print(pl->arena, k, pl->u));
	pl->p->network = text;
}
