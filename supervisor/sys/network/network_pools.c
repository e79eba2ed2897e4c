#include "supervisor/sys/network/network_pools.h"

#include "supervisor/sys/network/network_rules.h"
#include "supervisor/sys/supervisor.h"

#include <string.h>

/* Two bridges that share addresses: the host would answer both containers on one of them. */
static int check_overlap(const struct instance *inst, enum family f, struct err *e)
{
	const struct supervisor *s = inst->s;
	const struct subnet *own = &inst->pools[f].subnet;
	char mine[IP_TEXT_MAX], theirs[IP_TEXT_MAX];

	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *other = s->instances[i];

		if (other != NULL && other != inst && network_has_bridge(other) &&
			other->pools[f].subnet.prefix != 0 &&
			subnet_overlap(own, &other->pools[f].subnet))
			return err_setx(e, "%s: its subnet %s overlaps that of %s, %s", inst->unit,
				subnet_text(mine, own), other->unit,
				subnet_text(theirs, &other->pools[f].subnet));
	}
	return 0;
}

/* Of a bridge that is made anew. */
static void tell_overlap(const struct instance *inst, enum family f,
	const struct net_addresses *host)
{
	const struct subnet *own = &inst->pools[f].subnet;
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < host->n; i++)
		if (subnet_overlap(own, &host->v[i].at))
			journal(inst->s, LOG_LEVEL_WARNING, inst->unit,
				"its subnet overlaps %s of %s: some of what is there is not reached",
				subnet_text(text, &host->v[i].at), host->v[i].name);
}

/* Its addresses of one family. */
static int pool_setup(struct instance *inst, enum family f, const struct net_addresses *host,
	bool anew, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	struct subnet *v = arena_array(host->a, s->set->n + host->n, sizeof(*v));
	struct taken taken = { .v = v, .stands = !anew };

	for (size_t i = 0; i < s->set->n; i++)
		if (i != inst->index && s->set->units[i].network.subnet[f].prefix != 0)
			v[taken.n++] = s->set->units[i].network.subnet[f];
	for (size_t i = 0; i < host->n; i++)
		if (ipam_avoids(&host->v[i].at))
			v[taken.n++] = host->v[i].at;
	if (ipam_pool(&inst->pools[f], u, f, s->machine_id, &s->leases, &s->lease_arena, &taken,
		    e) < 0)
		return -1;
	/* The names outlive a reload: they must not point into the old set */
	inst->pools[f].network = inst->unit;
	if (u->network.driver == DRIVER_BRIDGE && check_overlap(inst, f, e) < 0)
		return -1;
	tell_overlap(inst, f, host);
	return 0;
}

int network_pools(struct instance *inst, const char *bridge, bool anew, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	bool lacks = network_has(u, FAMILY_V6) && !net_has_ipv6();
	bool bridged = u->network.driver == DRIVER_BRIDGE;
	struct arena a = { 0 };
	struct net_addresses host = { .a = &a };
	int rc = 0;

	if (lacks && !network_has(u, FAMILY_V4))
		return err_setx(e, "%s: its addresses are of IPv6, which the kernel does not have",
			u->name);
	if (lacks)
		journal(inst->s, LOG_LEVEL_WARNING, inst->unit,
			"going on without IPv6: the kernel does not have it");
	if (anew && bridged)
		rc = net_addresses(&inst->s->net, bridge, &u->network.interfaces, &host, e);
	for (enum family f = 0; f < FAMILY_COUNT && rc == 0; f++)
		/* Without a bridge of ours, the addresses are somebody else's. */
		if (network_has(u, f) && (bridged || u->network.subnet[f].prefix != 0) &&
			!(lacks && f == FAMILY_V6))
			rc = pool_setup(inst, f, &host, anew, e);
	arena_free(&a);
	return rc;
}
