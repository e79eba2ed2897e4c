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
			n += FAMILY_COUNT * s->set->units[i].container.ports.n;
	return n;
}

/* Its ports lead to its first address of each family. */
static void collect_ports(const struct instance *inst, struct rule_port *ports, size_t *n)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t k = 0;

		while (k < inst->n_attached &&
			(!ip_is_set(inst->attachments[k].at[f].addr) ||
				inst->attachments[k].driver != DRIVER_BRIDGE))
			k++;
		for (size_t i = 0; k < inst->n_attached && i < u->container.ports.n; i++) {
			const struct port *p = &u->container.ports.v[i];
			const struct rule_port *taken = rule_port_taken(ports, *n, p);

			if ((taken != NULL && strcmp(taken->unit, u->name) != 0) ||
				ports_have(&inst->refused, p))
				continue; /* said by network_live.c */
			if (!ip_is_set(p->host_addr) || ip_family(p->host_addr) == f)
				ports[(*n)++] = (struct rule_port){
					.unit = u->name,
					.port = *p,
					.addr = inst->attachments[k].at[f].addr,
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
			if (resolver_of(inst))
				n->resolver = network_address(inst);
		}
		for (size_t k = 0; inst != NULL && k < inst->n_attached; k++)
			if (inst->attachments[k].connections != 0)
				*LIST_ADD(a, &limits) = (struct rule_limit){
					inst->attachments[k].mac, inst->attachments[k].connections
				};
	}
	/* Who has a port already keeps it. */
	for (int late = 0; late <= 1; late++)
		for (size_t i = 0; i < s->set->n; i++)
			if (s->instances[i] != NULL && s->instances[i]->late == (late != 0))
				collect_ports(s->instances[i], ports, &rules->n_ports);
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

int network_port_given(struct supervisor *s, const struct unit *u, const struct port *port,
	struct err *e)
{
	struct arena a = { 0 };
	struct rule_set rules;
	const struct rule_port *taken;
	int rc = 0;

	collect_rules(s, &rules, &a);
	taken = rule_port_taken(rules.ports, rules.n_ports, port);
	if (taken != NULL && strcmp(taken->unit, u->name) != 0)
		rc = err_setx(e, "PublishPort=%u/%s: the port is taken by %s", port->host,
			port_protocol_name(port->protocol), taken->unit);
	arena_free(&a);
	return rc;
}

int network_ports_free(struct supervisor *s, const struct unit *u, struct err *e)
{
	struct arena a = { 0 };
	struct rule_set rules;
	int rc = 0;

	collect_rules(s, &rules, &a);
	for (size_t i = 0; i < u->container.ports.n && rc == 0; i++) {
		const struct port *p = &u->container.ports.v[i];
		const struct rule_port *taken = rule_port_taken(rules.ports, rules.n_ports, p);

		if (taken != NULL)
			rc = err_setx(e, "PublishPort=%u/%s: the port is taken by %s", p->host,
				port_protocol_name(p->protocol), taken->unit);
		else if (net_port_free(p, e) < 0)
			rc = err_prefix(e, "PublishPort=%u/%s", p->host,
				port_protocol_name(p->protocol));
	}
	arena_free(&a);
	return rc;
}

int network_rules_mend(struct supervisor *s, struct err *e)
{
	return network_rules(s, e) < 0 || network_guard(s, e) < 0 ? -1 : 0;
}
