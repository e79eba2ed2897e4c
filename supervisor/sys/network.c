/*
 * Networks as units see them: a bridge for a .network; for a container a namespace with an address, its
 * neighbours' names, its published ports. What to do is decided in core/net, done by sys/net; this is the
 * bookkeeping between.
 */
#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEASES "leases"

const char *network_of(const struct unit *u)
{
	if (u->kind == KIND_SERVICE) /* PrivateNetwork=: the loopback device alone */
		return NULL;
	switch (u->container.network.mode) {
	case NETWORK_DEFAULT:
		return IPAM_DEFAULT_NETWORK;
	case NETWORK_UNIT:
		return u->container.network.unit;
	case NETWORK_HOST:
	case NETWORK_NONE:
	case NETWORK_CONTAINER:
		break;
	}
	return NULL;
}

static struct instance *instance_named(struct supervisor *s, const char *unit)
{
	int index = unit != NULL ? unit_set_find(s->set, unit) : -1;

	return index >= 0 ? s->instances[index] : NULL;
}

/* ---- leases ---- */

static void leases_changed(struct supervisor *s)
{
	struct arena a = { 0 };

	(void)table_save(s, LEASES, ipam_print(&s->leases, &a), "addresses");
	arena_free(&a);
}

/* ---- rules ---- */

static size_t count_ports(const struct supervisor *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->set->n; i++)
		if (s->instances[i] != NULL && s->instances[i]->attached)
			n += s->set->units[i].container.ports.n;
	return n;
}

static void collect_rules(const struct supervisor *s, struct rule_set *rules, struct arena *a)
{
	struct rule_network *networks = arena_array(a, s->set->n, sizeof(*networks));
	struct rule_port *ports = arena_array(a, count_ports(s), sizeof(*ports));

	*rules = (struct rule_set){ .networks = networks, .ports = ports };
	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *inst = s->instances[i];
		const struct unit *u = &s->set->units[i];

		if (inst != NULL && inst->bridge_up) {
			struct rule_network *n = &networks[rules->n_networks++];

			memcpy(n->bridge, inst->bridge.name, sizeof(n->bridge));
			n->internal = inst->bridge.internal;
			n->host_access = inst->bridge.host_access;
			n->strict = inst->bridge.strict;
		}
		for (size_t k = 0; inst != NULL && inst->attached && k < u->container.ports.n; k++)
			ports[rules->n_ports++] = (struct rule_port){
				.unit = u->name,
				.port = u->container.ports.v[k],
				.addr = inst->attach.addr,
			};
	}
}

static int apply_rules(struct supervisor *s, struct err *e)
{
	struct arena a = { 0 };
	struct rule_set rules;
	int rc;

	collect_rules(s, &rules, &a);
	rc = net_rules(&s->net, &rules, e);
	arena_free(&a);
	return rc;
}

/* Who is behind which port, of all that are attached. */
static int apply_guard(struct supervisor *s, struct err *e)
{
	struct arena a = { 0 };
	struct guard_member *members = arena_array(&a, s->set->n, sizeof(*members));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *inst = s->instances[i];

		if (inst != NULL && inst->attached && inst->attach.guarded)
			members[n++] = (struct guard_member){
				.port = inst->attach.host_if,
				.mac = inst->attach.mac,
				.addr = inst->attach.addr,
			};
	}
	rc = net_guard(&s->net, members, n, e);
	arena_free(&a);
	return rc;
}

static int check_ports(struct supervisor *s, const struct unit *u, struct err *e)
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
				p->udp ? "udp" : "tcp", taken->unit);
		else if (net_port_free(p->host_addr, p->host, p->udp, e) < 0)
			rc = err_prefix(e, "PublishPort=%u/%s", p->host, p->udp ? "udp" : "tcp");
	}
	arena_free(&a);
	return rc;
}

/* ---- networks ---- */

/* Two bridges that share addresses: the host would answer both containers on one of them. */
static int check_overlap(const struct instance *inst, struct err *e)
{
	const struct supervisor *s = inst->s;
	char mine[IP4_TEXT_MAX], theirs[IP4_TEXT_MAX];

	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *other = s->instances[i];

		if (other != NULL && other != inst && other->bridge_up &&
			ip4_overlap(&inst->pool.subnet, &other->pool.subnet))
			return err_setx(e, "%s: its subnet %s overlaps that of %s, %s", inst->unit,
				ip4_text(mine, &inst->pool.subnet, true), other->unit,
				ip4_text(theirs, &other->pool.subnet, true));
	}
	return 0;
}

static int bridge_setup(struct instance *inst, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	struct arena a = { 0 };
	struct subnet *taken = arena_array(&a, s->set->n, sizeof(*taken));
	size_t n_taken = 0, had = s->leases.n;
	int rc;

	for (size_t i = 0; i < s->set->n; i++)
		if (s->set->units[i].kind == KIND_NETWORK && i != inst->index &&
			s->set->units[i].network.subnet.prefix != 0)
			taken[n_taken++] = s->set->units[i].network.subnet;
	rc = ipam_pool(&inst->pool, u, &s->leases, &s->lease_arena, taken, n_taken, e);
	arena_free(&a);
	if (rc < 0 || check_overlap(inst, e) < 0 ||
		bridge_plan_make(&inst->bridge, u, &inst->pool, s->machine_id, e) < 0)
		return -1;
	if (s->leases.n != had)
		leases_changed(s);
	/* The names outlive a reload: they must not point into the old set */
	inst->bridge.unit = inst->pool.network = inst->unit;
	/* What fails may be done all the same, its answer lost: from here on there is something to undo. */
	inst->bridge_up = true;
	if (net_bridge_up(&s->net, &inst->bridge, e) < 0)
		return -1;
	KILL_POINT("network-bridged");
	return 0;
}

int network_setup(struct instance *inst, struct err *e)
{
	if (bridge_setup(inst, e) == 0 && apply_rules(inst->s, e) == 0)
		return 0;
	network_release(inst);
	return -1;
}

/* At this address, or at any when it is 0. adopts: a supervisor before may have done all of it. */
static int attach_to(struct instance *inst, struct instance *network, const struct subnet *at,
	bool adopts, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	size_t had = s->leases.n;
	struct lease *lease;
	uint32_t addr;
	int alone = 0;

	if (network == NULL || !network->bridge_up)
		return err_setx(e, "network %s is not up", network_of(u));
	if (ipam_assign(&s->leases, &s->lease_arena, &network->pool, u->name, at, &addr, e) < 0)
		return -1;
	KILL_POINT("attach-addressed");
	attach_plan_make(&inst->attach, inst->unit, &network->bridge, addr, s->machine_id);
	inst->attached = true; /* or half, when it fails: see bridge_setup() */
	if (!(adopts && net_is_attached(&s->net, &inst->attach)))
		alone = net_attach(&s->net, inst->netns, &inst->attach, e);
	if (alone < 0)
		return -1;
	KILL_POINT("attach-linked");
	if (alone > 0 && apply_guard(s, e) < 0)
		return -1;
	if (s->net.unguarded && inst->attach.guarded)
		journal(s, LOG_LEVEL_WARNING, inst->unit,
			"going on without: the kernel has no nf_tables for bridges (nft_meta_bridge), so nothing keeps it from posing as a neighbour");
	names_changed(s);
	lease = ipam_find(&s->leases, u->name, network_of(u));
	if (lease != NULL)
		lease->used = true;
	if (s->leases.n != had)
		leases_changed(s);
	KILL_POINT("attach-leased");
	return 0;
}

static int attach_new(struct instance *inst, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);

	if (check_ports(s, u, e) < 0 ||
		attach_to(inst, instance_named(s, network_of(u)), &u->container.ip, false, e) < 0)
		return -1;
	return u->container.ports.n > 0 ? apply_rules(s, e) : 0;
}

int network_attach(struct instance *inst, int *fresh, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	enum network_mode mode = u->container.network.mode;

	if (mode == NETWORK_HOST || mode == NETWORK_CONTAINER || inst->netns >= 0)
		return 0;
	if (*fresh >= 0 && net_ns_up(&s->net, *fresh, e) < 0)
		return err_prefix(e, "network");
	inst->netns = *fresh >= 0 ? fd_take(fresh) : net_ns_make(&s->net, e);
	if (inst->netns < 0)
		return err_prefix(e, "network");
	KILL_POINT("attach-namespace");
	if (network_of(u) != NULL && attach_new(inst, e) < 0) {
		network_release(inst);
		return err_prefix(e, "network");
	}
	KILL_POINT("attach-done");
	if (link_hold(&s->link, "netns", inst->unit, inst->netns, e) == 0)
		return 0;
	network_release(inst);
	return -1;
}

/* What stands is found again, what is half done is completed; the kernel does nothing where nothing is missing. */
static int adopt_one(struct instance *inst, uint32_t address, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	const struct subnet at = { .addr = address, .prefix = address != 0 ? 32 : 0 };

	if (u->kind == KIND_NETWORK && engine_run(s->engine, inst->index)->state == ST_RUNNING)
		return bridge_setup(inst, e);
	if (inst->netns >= 0 && network_of(u) != NULL)
		return attach_to(inst, instance_named(s, network_of(u)), &at, true, e);
	return 0;
}

static void adopt_kind(struct supervisor *s, enum unit_kind kind, network_address_fn *address,
	const void *data)
{
	struct err e;

	for (uint32_t i = 0; i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		if (inst == NULL || unit_at(s, i)->kind != kind)
			continue;
		if (kind != KIND_NETWORK) {
			inst->userns = held_take(s, "userns", inst->unit);
			inst->netns = held_take(s, "netns", inst->unit);
		}
		if (adopt_one(inst, address(data, i), &e) < 0)
			journal(s, LOG_LEVEL_ERROR, inst->unit, "take its network over: %s", e.msg);
	}
}

void networks_adopt(struct supervisor *s, network_address_fn *address, const void *data)
{
	struct err e;

	adopt_kind(s, KIND_NETWORK, address, data);
	adopt_kind(s, KIND_CONTAINER, address, data);
	adopt_kind(s, KIND_SERVICE, address, data);
	if (apply_rules(s, &e) < 0 || apply_guard(s, &e) < 0)
		journal(s, LOG_LEVEL_ERROR, NULL, "%s", e.msg);
}

/* Whose network its processes live in: its own, or that of the container it shares; NULL: that one is not there. */
const struct instance *network_owner(const struct instance *inst)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	if (u->kind != KIND_CONTAINER || u->container.network.mode != NETWORK_CONTAINER)
		return inst;
	return instance_named(inst->s, u->container.network.unit);
}

int network_namespace(const struct instance *inst)
{
	const struct instance *owner = network_owner(inst);

	return owner != NULL ? owner->netns : -1;
}

/* Each is tried once more: nobody comes back for what is left here. */
void network_release(struct instance *inst)
{
	struct supervisor *s = inst->s;
	struct err e;

	if (inst->attached) {
		if (net_detach(&s->net, &inst->attach, &e) < 0 &&
			net_detach(&s->net, &inst->attach, &e) < 0)
			journal(s, LOG_LEVEL_WARNING, inst->unit, "%s", e.msg);
		/* Of any network: its Network= may have become another meanwhile. */
		for (size_t i = 0; i < s->leases.n; i++)
			if (strcmp(s->leases.v[i].unit, inst->unit) == 0)
				s->leases.v[i].used = false;
	}
	KILL_POINT("detach-unlinked");
	if (inst->bridge_up && net_bridge_down(&s->net, &inst->bridge, &e) < 0 &&
		net_bridge_down(&s->net, &inst->bridge, &e) < 0)
		journal(s, LOG_LEVEL_WARNING, inst->unit, "%s", e.msg);
	KILL_POINT("detach-unbridged");
	if (inst->attached || inst->bridge_up) {
		bool in_rules = inst->bridge_up || unit_at(s, inst->index)->container.ports.n > 0;

		inst->attached = inst->bridge_up = false;
		names_changed(s);
		if (in_rules && apply_rules(s, &e) < 0 && apply_rules(s, &e) < 0)
			journal(s, LOG_LEVEL_WARNING, inst->unit, "%s", e.msg);
	}
	KILL_POINT("detach-unruled");
	fd_close(&inst->netns);
}

int networks_open(struct supervisor *s, struct err *e)
{
	struct arena a = { 0 };
	const char *id = names_read(s, &a, "/etc/machine-id");

	(void)snprintf(s->machine_id, sizeof(s->machine_id), "%.*s", (int)strcspn(id, "\n"), id);
	ipam_parse(&s->leases, table_read(s, &a, LEASES), &s->lease_arena);
	arena_free(&a);
	ids_open(s);
	return net_open(&s->net, e);
}
