/*
 * Networks as units see them: a bridge for a .network; for a container a namespace with an address, its
 * neighbours' names, its published ports. What to do is decided in core/net, done by sys/net; this is the
 * bookkeeping between.
 */
#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/network/network_live.h"
#include "supervisor/sys/network/network_pools.h"
#include "supervisor/sys/network/network_ports.h"
#include "supervisor/sys/network/network_rules.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEASES "leases"

const char *network_of(const struct unit *u, size_t nth)
{
	const struct network_use *use = u->kind == KIND_CONTAINER ? unit_network(u, nth) : NULL;

	if (use == NULL || use->mode == NETWORK_CONTAINER)
		return NULL;
	return use->mode == NETWORK_DEFAULT ? IPAM_DEFAULT_NETWORK : use->unit;
}

struct instance *network_instance(struct supervisor *s, const char *unit)
{
	int index = unit != NULL ? unit_set_find(s->set, unit) : -1;

	return index >= 0 ? s->instances[index] : NULL;
}

struct ip network_address(const struct instance *network)
{
	const struct ip v4 = network->bridge.at[FAMILY_V4].addr;

	return ip_is_set(v4) ? v4 : network->bridge.at[FAMILY_V6].addr;
}

/* ---- leases ---- */

/* Before what is done with them: a supervisor that goes on from here must find the same. */
static void leases_save(struct supervisor *s)
{
	struct arena a = { 0 };

	if (s->leases.changed)
		(void)table_save(s, LEASES, ipam_print(&s->leases, &a), "addresses");
	s->leases.changed = false;
	arena_free(&a);
}

/* ---- networks ---- */

int network_bridge_plan(struct instance *inst, bool anew, struct bridge_plan *p, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);

	memset(inst->pools, 0, sizeof(inst->pools));
	/* First for its name, by which the pools know the host's addresses from its own. */
	bridge_plan_make(p, u, inst->pools, s->machine_id);
	if (network_pools(inst, p->name, anew, e) < 0)
		return -1;
	bridge_plan_make(p, u, inst->pools, s->machine_id);
	leases_save(s);
	p->unit = inst->unit;
	return 0;
}

static int bridge_setup(struct instance *inst, bool anew, struct err *e)
{
	struct supervisor *s = inst->s;

	if (network_bridge_plan(inst, anew, &inst->bridge, e) < 0)
		return -1;
	reconcile_listen(s);
	/* What fails may be done all the same, its answer lost: from here on there is something to undo. */
	inst->bridge_up = true;
	if (network_has_bridge(inst) && net_bridge_up(&s->net, &inst->bridge, e) < 0)
		return -1;
	KILL_POINT("network-bridged");
	return 0;
}

int network_setup(struct instance *inst, struct err *e)
{
	if (bridge_setup(inst, true, e) == 0) {
		nics_join(inst);
		if (network_rules(inst->s, e) == 0) {
			network_joined(inst);
			names_changed(inst->s); /* its resolver is nobody's server */
			return 0;
		}
	}
	network_release(inst);
	return -1;
}

static bool is_known(const void *ctx, const char *unit)
{
	return unit_set_find(ctx, unit) >= 0;
}

/* A lease stays while its unit exists, and after that until its address is needed. */
static int assign(struct supervisor *s, const struct pool *pool, const char *unit, struct ip fixed,
	struct ip *addr, struct err *e)
{
	if (ipam_assign(&s->leases, &s->lease_arena, pool, unit, fixed, addr, e) == 0)
		return 0;
	ipam_prune(&s->leases, is_known, s->set);
	return ipam_assign(&s->leases, &s->lease_arena, pool, unit, fixed, addr, e);
}

/* Those it had, when a supervisor before has given them, whatever its file says now. */
static int addresses_of(struct instance *inst, const struct network_use *use,
	const struct instance *network, bool adopts, struct ip addr[FAMILY_COUNT], struct err *e)
{
	struct supervisor *s = inst->s;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		const struct lease *had = ipam_find(&s->leases, inst->unit, network->unit, f);
		struct ip fixed = use->ip[f];

		if (!ip_is_set(fixed))
			fixed = unit_at(s, inst->index)->container.ip[f];
		if (adopts && had != NULL)
			fixed = had->at.addr;
		addr[f] = (struct ip){ 0 };
		if (network->pools[f].subnet.prefix != 0 &&
			assign(s, &network->pools[f], inst->unit, fixed, &addr[f], e) < 0)
			return -1;
	}
	KILL_POINT("attach-addressed");
	leases_save(s);
	KILL_POINT("attach-leased");
	return 0;
}

/* The first network with a way out has the route. */
static void route_once(const struct attach_plan *before, size_t n, struct attach_plan *p)
{
	for (size_t i = 0; i < n; i++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (ip_is_set(before[i].at[f].gateway))
				p->at[f].gateway = (struct ip){ 0 };
}

/* From what is written in bits. */
static void limit_attach(struct attach_plan *p, const struct container_section *c)
{
	p->sent_most = c->egress_rate != SIZE_UNSET ? c->egress_rate / 8 : 0;
	p->given_most = c->ingress_rate != SIZE_UNSET ? c->ingress_rate / 8 : 0;
	p->connections = c->connections;
}

int network_plan(struct instance *inst, size_t nth, bool adopts, struct attach_plan *v, size_t n,
	struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	const struct network_use *use = unit_network(u, nth);
	const char *name = network_of(u, nth);
	const struct instance *network = network_instance(s, name);
	struct ip addr[FAMILY_COUNT];

	if (network == NULL || !network->bridge_up)
		return err_setx(e, "network %s is not up", name);
	if (addresses_of(inst, use, network, adopts, addr, e) < 0)
		return -1;
	attach_plan_make(&v[n], inst->unit, nth, use, &network->bridge, addr, s->machine_id);
	route_once(v, n, &v[n]);
	limit_attach(&v[n], &u->container);
	return 0;
}

/* Makes the pair, or what is missing of it. */
int network_wire(const struct instance *inst, const struct attach_plan *p, struct err *e)
{
	struct supervisor *s = inst->s;
	int alone = net_attach(&s->net, inst->netns, p, e);

	if (alone < 0)
		return -1;
	KILL_POINT("attach-linked");
	if (alone > 0 && network_guard(s, e) < 0)
		return -1;
	if (s->net.unguarded && p->guarded)
		journal(s, LOG_LEVEL_WARNING, inst->unit,
			"going on without: the kernel has no nf_tables for bridges (nft_meta_bridge), so nothing keeps it from posing as a neighbour");
	return 0;
}

void network_parent_came(struct instance *inst, const char *name)
{
	struct err e;

	for (size_t i = 0; i < inst->n_attached; i++)
		if (inst->attachments[i].driver != DRIVER_BRIDGE &&
			(name == NULL || strcmp(inst->attachments[i].bridge, name) == 0) &&
			network_wire(inst, &inst->attachments[i], &e) < 0)
			journal_err(inst->s, LOG_LEVEL_WARNING, inst->unit, &e);
}

/* Its addresses and names; nothing is made yet. adopts: with those that a supervisor before has given. */
static int plan_networks(struct instance *inst, bool adopts, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	size_t n = 0;

	while (network_of(u, n) != NULL)
		n++;
	inst->attachments = calloc(n + 1, sizeof(*inst->attachments));
	if (inst->attachments == NULL)
		return err_setx(e, "no memory for %zu networks", n);
	for (; inst->n_attached < n; inst->n_attached++)
		if (network_plan(inst, inst->n_attached, adopts, inst->attachments,
			    inst->n_attached, e) < 0)
			return -1;
	return 0;
}

/* adopts: a supervisor before may have done all of it. */
static int wire_all(struct instance *inst, bool adopts, struct err *e)
{
	struct supervisor *s = inst->s;

	for (size_t i = 0; i < inst->n_attached; i++) {
		const struct attach_plan *p = &inst->attachments[i];

		if ((!adopts || net_attach_lacks(&s->net, p) != NULL) &&
			network_wire(inst, p, e) < 0)
			return -1;
	}
	inst->wired = true;
	if (inst->n_attached == 0)
		return 0;
	ipam_use(&s->leases, inst->unit, true);
	/* Before it runs: its first question may come at once. */
	for (size_t i = 0; i < inst->n_attached; i++)
		names_publish(s,
			network_instance(s,
				network_of(unit_at(s, inst->index), inst->attachments[i].nth)));
	names_changed(s);
	return 0;
}

/* Its socket has come up since the rules were made. */
static bool resolver_is_closed(const struct instance *inst)
{
	bool any = false;

	for (size_t i = 0; i < inst->n_attached; i++) {
		const struct instance *network = network_instance(inst->s,
			network_of(unit_at(inst->s, inst->index), inst->attachments[i].nth));

		any = any ||
			(network->bridge.resolver && !network->resolver_open &&
				names_has_resolver(inst->s, network));
	}
	return any;
}

static int connect_new(struct instance *inst, struct err *e)
{
	struct supervisor *s = inst->s;
	bool has_rules = inst->n_attached > 0 && network_has_rules(unit_at(s, inst->index));

	if (net_ns_up(&s->net, inst->netns, e) < 0 || wire_all(inst, false, e) < 0)
		return -1;
	return has_rules || resolver_is_closed(inst) ? network_rules(s, e) : 0;
}

int network_mend(struct instance *inst, const char **what, const char **lacked, struct err *e)
{
	struct supervisor *s = inst->s;

	*what = inst->bridge.name;
	*lacked = NULL;
	if (network_has_bridge(inst) && net_bridge_mend(&s->net, &inst->bridge, lacked, e) < 0)
		return -1;
	for (size_t i = 0; i < inst->n_attached && *lacked == NULL; i++) {
		if (inst->attachments[i].driver != DRIVER_BRIDGE)
			continue;
		*what = inst->attachments[i].host_if;
		*lacked = net_attach_lacks(&s->net, &inst->attachments[i]);
		if (*lacked != NULL && network_wire(inst, &inst->attachments[i], e) < 0)
			return -1;
	}
	return *lacked != NULL;
}

/* The namespace outlives a restart, with the ports that it has; others it takes as a first start does. */
static int prepare_again(struct instance *inst, struct err *e)
{
	int opened = ports_claim(inst, e);

	if (opened > 0 && network_rules(inst->s, e) < 0) {
		network_release(inst);
		opened = -1;
	}
	return opened < 0 ? err_prefix(e, "network") : 0;
}

int network_prepare(struct instance *inst, int *fresh, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	enum network_mode mode = unit_network_mode(u);

	if (mode == NETWORK_HOST || mode == NETWORK_CONTAINER)
		return 0;
	if (inst->netns >= 0)
		return prepare_again(inst, e);
	inst->netns = *fresh >= 0 ? fd_take(fresh) : net_ns_make(&s->net, e);
	if (inst->netns < 0)
		return err_prefix(e, "network");
	KILL_POINT("attach-namespace");
	if (ports_claim(inst, e) >= 0 && plan_networks(inst, false, e) == 0)
		return 0;
	network_release(inst);
	return err_prefix(e, "network");
}

int network_connect(struct instance *inst, struct err *e)
{
	struct supervisor *s = inst->s;

	if (inst->netns < 0 || inst->wired)
		return inst->netns < 0 ? 0 : nics_attach(inst, e);
	if (connect_new(inst, e) < 0) {
		network_release(inst);
		return err_prefix(e, "network");
	}
	KILL_POINT("attach-done");
	/* held before a device is in it: with its last user a namespace takes some of them along */
	if (link_hold(&s->link, "netns", inst->unit, inst->netns, e) == 0 &&
		nics_attach(inst, e) == 0)
		return 0;
	network_release(inst);
	return -1;
}

/* What stands is found again, what is half done is completed; the kernel does nothing where nothing is missing. */
static int adopt_one(struct instance *inst, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);

	if (u->kind == KIND_NETWORK && engine_run(s->engine, inst->index)->state == ST_RUNNING) {
		if (bridge_setup(inst, false, e) < 0)
			return -1;
		nics_join(inst);
	}
	if (inst->netns >= 0 &&
		(plan_networks(inst, !inst->changes, e) < 0 ||
			wire_all(inst, !inst->changes, e) < 0))
		return -1;
	return inst->netns >= 0 ? nics_attach(inst, e) : 0;
}

static bool is_other(const void *ctx, const char *unit)
{
	return strcmp(ctx, unit) != 0;
}

static void adopt_kind(struct supervisor *s, enum unit_kind kind)
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
		if (adopt_one(inst, &e) == 0)
			continue;
		journal(s, LOG_LEVEL_ERROR, inst->unit, "take its network over: %s", e.msg);
		/* The rules that are made next do not know it: it would be open. */
		if (net_sweep(&s->net, is_other, inst->unit, &e) < 0)
			journal_err(s, LOG_LEVEL_ERROR, inst->unit, &e);
	}
}

void networks_adopt(struct supervisor *s)
{
	struct err e;

	networks_change_adopt(s);
	adopt_kind(s, KIND_NETWORK);
	adopt_kind(s, KIND_CONTAINER);
	adopt_kind(s, KIND_SERVICE);
	ports_adopt(s);
	nics_sweep(s);
	if (network_rules_mend(s, &e) < 0)
		journal_err(s, LOG_LEVEL_ERROR, NULL, &e);
	networks_changed(s);
}

/* Whose network its processes live in: its own, or that of the container it shares; NULL: that one is not there. */
const struct instance *network_owner(const struct instance *inst)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	if (u->kind != KIND_CONTAINER || unit_network_mode(u) != NETWORK_CONTAINER)
		return inst;
	return network_instance(inst->s, unit_network(u, 0)->unit);
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
	bool in_rules;
	struct err e;

	nics_release(inst);
	for (size_t i = 0; i < inst->n_attached; i++)
		if (net_detach(&s->net, &inst->attachments[i], &e) < 0 &&
			net_detach(&s->net, &inst->attachments[i], &e) < 0)
			journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	/* Of any network: its Network= may have become another meanwhile. */
	ipam_use(&s->leases, inst->unit, false);
	KILL_POINT("detach-unlinked");
	if (network_has_bridge(inst) && net_bridge_down(&s->net, &inst->bridge, &e) < 0 &&
		net_bridge_down(&s->net, &inst->bridge, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	KILL_POINT("detach-unbridged");
	if (inst->bridge_up)
		names_unpublish(inst);
	fd_close(&inst->netns);
	in_rules = ports_release(inst) || inst->bridge_up ||
		(inst->n_attached > 0 && network_has_rules(unit_at(s, inst->index)));
	if (inst->n_attached > 0 || inst->bridge_up) {
		inst->n_attached = 0;
		inst->bridge_up = false;
		names_changed(s);
	}
	if (in_rules && network_rules(s, &e) < 0 && network_rules(s, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	KILL_POINT("detach-unruled");
	free(inst->attachments);
	inst->attachments = NULL;
	inst->wired = false;
}

int networks_open(struct supervisor *s, struct err *e)
{
	struct arena a = { 0 };
	const char *id = names_read(s, &a, "/etc/machine-id");

	(void)snprintf(s->machine_id, sizeof(s->machine_id), "%.*s", (int)strcspn(id, "\n"), id);
	ipam_parse(&s->leases, table_read(s, &a, LEASES), &s->lease_arena);
	arena_free(&a);
	ids_open(s);
	reconcile_open(s);
	flows_open(s);
	if (net_open(&s->net, e) < 0)
		return -1;
	nics_open(s);
	return 0;
}
