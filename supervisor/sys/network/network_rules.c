#include "supervisor/sys/network/network_rules.h"

#include "supervisor/sys/supervisor.h"

#include <string.h>

bool network_has_bridge(const struct instance *inst)
{
	return inst->bridge_up && inst->bridge.driver == DRIVER_BRIDGE;
}

static size_t count_ports(const struct supervisor *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->set->n; i++)
		if (s->instances[i] != NULL && s->instances[i]->n_attached > 0)
			n += FAMILY_COUNT * s->instances[i]->ports.n;
	return n;
}

struct shortcuts {
	struct rule_shortcut *v;
	size_t n;
};

/* Its ports lead to its first address of each family, and those of its other networks are its neighbours, too. */
static void collect_ports(const struct instance *inst, struct rule_port *ports, size_t *n,
	struct shortcuts *shortcuts, struct arena *a)
{
	const struct attach_plan *at = inst->attachments;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t k = 0;

		while (k < inst->n_attached &&
			(!ip_is_set(at[k].at[f].addr) || at[k].driver != DRIVER_BRIDGE))
			k++;
		if (k == inst->n_attached || inst->ports.n == 0)
			continue;
		for (size_t i = k + 1; i < inst->n_attached; i++)
			if (at[i].driver == DRIVER_BRIDGE)
				*LIST_ADD(a, shortcuts) = (struct rule_shortcut){ at[i].bridge,
					at[k].bridge };
		for (size_t i = 0; i < inst->ports.n; i++) {
			const struct port *p = &inst->ports.v[i];

			if (!ip_is_set(p->host_addr) || ip_family(p->host_addr) == f)
				ports[(*n)++] = (struct rule_port){
					.port = *p,
					.addr = at[k].at[f].addr,
				};
		}
	}
}

static bool resolver_of(const struct instance *inst)
{
	return inst->bridge.resolver && names_has_resolver(inst->s, inst);
}

static void collect_rules(const struct supervisor *s, struct rule_set *rules, struct arena *a)
{
	struct rule_network *networks = arena_array(a, s->set->n, sizeof(*networks));
	struct rule_port *ports = arena_array(a, count_ports(s), sizeof(*ports));

	struct {
		struct rule_limit *v;
		size_t n;
	} limits = { 0 };
	struct shortcuts shortcuts = { 0 };

	*rules = (struct rule_set){ .networks = networks, .ports = ports };
	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *inst = s->instances[i];

		if (inst != NULL && network_has_bridge(inst)) {
			struct rule_network *n = &networks[rules->n_networks++];

			memcpy(n->bridge, inst->bridge.name, sizeof(n->bridge));
			n->internal = inst->bridge.internal;
			n->uplink = inst->bridge.uplink;
			n->host_access = inst->bridge.host_access;
			n->strict = inst->bridge.strict;
			n->v6 = inst->bridge.at[FAMILY_V6].prefix != 0;
			for (enum family f = 0; f < FAMILY_COUNT; f++)
				n->subnet[f] = (struct subnet){ inst->bridge.at[f].addr,
					inst->bridge.at[f].prefix };
			if (resolver_of(inst))
				n->resolver = network_address(inst);
		}
		if (inst != NULL)
			collect_ports(inst, ports, &rules->n_ports, &shortcuts, a);
		for (size_t k = 0; inst != NULL && k < inst->n_attached; k++)
			if (inst->attachments[k].connections != 0)
				*LIST_ADD(a, &limits) = (struct rule_limit){
					inst->attachments[k].mac, inst->attachments[k].connections
				};
	}
	rules->shortcuts = shortcuts.v;
	rules->n_shortcuts = shortcuts.n;
	rules->limits = limits.v;
	rules->n_limits = limits.n;
}

bool network_has_rules(const struct unit *u)
{
	return u->container.ports.n > 0 || u->container.connections != 0;
}

int network_rules(struct supervisor *s, struct err *e)
{
	struct arena a = { 0 };
	struct rule_set rules;
	int rc;

	collect_rules(s, &rules, &a);
	rc = net_rules(&s->net, &rules, e);
	if (rc == 0)
		flows_follow(s, &rules);
	for (size_t i = 0; i < s->set->n; i++)
		if (s->instances[i] != NULL && network_has_bridge(s->instances[i])) {
			s->instances[i]->resolver_open = rc == 0 && resolver_of(s->instances[i]);
			watch_bridge(s->instances[i]);
		}
	arena_free(&a);
	return rc;
}

int network_guard(struct supervisor *s, struct err *e)
{
	struct arena a = { 0 };
	struct {
		struct guard_member *v;
		size_t n;
	} members = { 0 };
	int rc;

	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *inst = s->instances[i];

		for (size_t k = 0; inst != NULL && k < inst->n_attached; k++)
			*LIST_ADD(&a, &members) = net_guard_member(&s->net, &inst->attachments[k]);
	}
	rc = net_guard(&s->net, members.v, members.n, e);
	arena_free(&a);
	return rc;
}

int network_rules_mend(struct supervisor *s, struct err *e)
{
	return network_rules(s, e) < 0 || network_guard(s, e) < 0 ? -1 : 0;
}
