#include "supervisor/core/net/ipam.h"

#include <string.h>

/* What differs between the families when a network has no Subnet=. */
static const struct {
	struct subnet from; /* whose parts are given out, one step after the other */
	struct ip step;
	uint8_t prefix;
} choice[FAMILY_COUNT] = {
	[FAMILY_V4] = { { IP_V4(0x0a590000), V4_BITS + 16 }, { .lo = 256 },
		V4_BITS + 24 }, /* 10.89.0.0 */
	[FAMILY_V6] = { { { .hi = 0xfdULL << 56 }, 8 }, { .hi = 1 }, 64 },
};
/* Podman's, so that a unit with a fixed IP= of its default network works unchanged. */
/*
 * 10.88.0.0: for as many as a bridge has ports. Each address is one that a container may look for in vain, in a table that is the
 * kernel's for all.
 */
static const struct subnet default_subnet = { IP_V4(0x0a580000), V4_BITS + 21 };

uint64_t ipam_hash(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ULL;
	/* The end counts too: "ab" + "c" is not "a" + "bc". */
	return (h ^ 0xff) * 0x100000001b3ULL;
}

struct lease *ipam_find(const struct leases *leases, const char *unit, const char *network,
	enum family family)
{
	size_t i;

	for (i = 0; i < leases->n; i++) {
		struct lease *l = &leases->v[i];

		if (strcmp(l->unit, unit) == 0 && strcmp(l->network, network) == 0 &&
			ip_family(l->at.addr) == family)
			return l;
	}
	return NULL;
}

static int lease_add(struct leases *leases, struct arena *a, const char *unit, const char *network,
	const struct subnet *at)
{
	struct lease *l;

	if (strlen(unit) >= UNIT_NAME_MAX || strlen(network) >= UNIT_NAME_MAX)
		return -1;
	l = LIST_ADD(a, leases);
	*l = (struct lease){ .at = *at };
	memcpy(l->unit, unit, strlen(unit));
	memcpy(l->network, network, strlen(network));
	leases->changed = true;
	return 0;
}

static void lease_drop(struct leases *leases, struct lease *l)
{
	/* The last one takes its place; what is behind the end is zero, as new memory is. */
	*l = leases->v[--leases->n];
	leases->v[leases->n] = (struct lease){ 0 };
	leases->changed = true;
}

/* A network's lease is of its own name and is no address. */
static bool is_subnet(const struct lease *l)
{
	return strcmp(l->unit, l->network) == 0;
}

void ipam_use(struct leases *leases, const char *unit, bool used)
{
	for (size_t i = 0; i < leases->n; i++)
		if (strcmp(leases->v[i].unit, unit) == 0)
			leases->v[i].used = used;
}

/* ---- subnets ---- */

static bool subnet_free(const struct subnet *s, const char *network, const struct leases *leases,
	const struct taken *taken)
{
	size_t i;

	for (i = 0; i < taken->n; i++)
		if (subnet_overlap(s, &taken->v[i]))
			return false;
	for (i = 0; i < leases->n; i++) {
		const struct lease *l = &leases->v[i];

		if (is_subnet(l) && strcmp(l->network, network) != 0 && subnet_overlap(s, &l->at))
			return false;
	}
	return true;
}

static int subnet_choose(struct subnet *s, const char *network, enum family family,
	const char *machine_id, const struct leases *leases, const struct taken *taken,
	struct err *e)
{
	const struct subnet *from = &choice[family].from;
	char text[IP_TEXT_MAX];

	*s = (struct subnet){ .addr = from->addr, .prefix = choice[family].prefix };
	if (family == FAMILY_V6)
		s->addr.hi |= ipam_hash(ipam_hash(IPAM_HASH_START, machine_id), network) >> 8;
	while (!subnet_free(s, network, leases, taken)) {
		s->addr = ip_plus(s->addr, choice[family].step);
		if (!subnet_has(from, s->addr))
			return err_setx(e,
				"%s: no free subnet is left in %s, give it Subnet=", network,
				subnet_text(text, from));
	}
	return 0;
}

/* Without Subnet= the default network has Podman's subnet, if nobody else took it. */
static int subnet_of(struct subnet *out, const struct unit *network, enum family family,
	const char *machine_id, struct leases *leases, struct arena *a, const struct taken *taken,
	struct err *e)
{
	const char *name = network->name;
	struct lease *l = ipam_find(leases, name, name, family);

	*out = network->network.subnet[family];
	if (out->prefix != 0)
		return 0;
	if (l != NULL && taken->stands) {
		*out = l->at;
		return 0;
	}
	if (family == FAMILY_V4 && strcmp(name, IPAM_DEFAULT_NETWORK) == 0 &&
		subnet_free(&default_subnet, name, leases, taken))
		*out = default_subnet;
	else if (l != NULL && subnet_free(&l->at, name, leases, taken))
		*out = l->at;
	else if (subnet_choose(out, name, family, machine_id, leases, taken, e) < 0)
		return -1;
	if (l != NULL && ip_same(l->at.addr, out->addr))
		return 0;
	if (l != NULL)
		lease_drop(leases, l);
	if (lease_add(leases, a, name, name, out) < 0)
		return err_setx(e, "%s: name too long", name);
	return 0;
}

bool ipam_avoids(const struct subnet *s)
{
	return s->prefix >= 48 && !subnet_holds(s, &choice[FAMILY_V4].from);
}

static const struct ip one = { .lo = 1 }, minus_one = { .hi = UINT64_MAX, .lo = UINT64_MAX };

int ipam_pool(struct pool *pool, const struct unit *network, enum family family,
	const char *machine_id, struct leases *leases, struct arena *a, const struct taken *taken,
	struct err *e)
{
	const struct ip gateway = network->network.gateway[family];
	const struct subnet *range = &network->network.ip_range[family];
	struct subnet s;

	if (subnet_of(&s, network, family, machine_id, leases, a, taken, e) < 0)
		return -1;
	*pool = (struct pool){
		.network = network->name,
		.subnet = s,
		.gateway = ip_is_set(gateway) ? gateway : ip_plus(s.addr, one),
		.first = ip_plus(s.addr, one),
		.last = ip_plus(subnet_last(&s), minus_one),
	};
	if (range->prefix == 0)
		return 0;
	if (ip_compare(range->addr, pool->first) > 0)
		pool->first = range->addr;
	if (ip_compare(subnet_last(range), pool->last) < 0)
		pool->last = subnet_last(range);
	return 0;
}

/* ---- addresses ---- */

/* Who holds the address, in whichever network it was given out. */
static struct lease *holder(const struct leases *leases, struct ip addr)
{
	size_t i;

	for (i = 0; i < leases->n; i++)
		if (ip_same(leases->v[i].at.addr, addr) && !is_subnet(&leases->v[i]))
			return &leases->v[i];
	return NULL;
}

static int check_fixed(const struct leases *leases, const struct pool *pool, const char *unit,
	struct ip fixed, struct err *e)
{
	const struct subnet *s = &pool->subnet;
	const struct lease *other = holder(leases, fixed);
	const char *key = ip_family(s->addr) == FAMILY_V4 ? "IP" : "IP6";
	char text[IP_TEXT_MAX], whole[IP_TEXT_MAX];

	(void)ip_text(text, fixed);
	if (!subnet_has_host(s, fixed))
		return err_setx(e, "%s=%s is not an address of a host in the subnet %s of %s", key,
			text, subnet_text(whole, s), pool->network);
	if (ip_same(fixed, pool->gateway))
		return err_setx(e, "%s=%s is the gateway of %s", key, text, pool->network);
	if (other != NULL && strcmp(other->unit, unit) != 0 && other->used)
		return err_setx(e, "%s=%s is in use by %s", key, text, other->unit);
	return 0;
}

/* The lowest address that nobody holds, or none. */
static struct ip lowest_free(const struct leases *leases, const struct pool *pool)
{
	struct ip addr;

	for (addr = pool->first; ip_compare(addr, pool->last) <= 0; addr = ip_plus(addr, one))
		if (!ip_same(addr, pool->gateway) && holder(leases, addr) == NULL)
			return addr;
	return (struct ip){ 0 };
}

static bool still_good(const struct pool *pool, struct ip addr)
{
	return ip_compare(addr, pool->first) >= 0 && ip_compare(addr, pool->last) <= 0 &&
		!ip_same(addr, pool->gateway);
}

int ipam_assign(struct leases *leases, struct arena *a, const struct pool *pool, const char *unit,
	struct ip fixed, struct ip *addr, struct err *e)
{
	struct lease *mine = ipam_find(leases, unit, pool->network, ip_family(pool->subnet.addr));
	struct lease *other;
	struct subnet at = { .addr = fixed, .prefix = 128 };
	char whole[IP_TEXT_MAX];

	if (ip_is_set(fixed) && check_fixed(leases, pool, unit, fixed, e) < 0)
		return -1;
	if (!ip_is_set(fixed))
		at.addr = mine != NULL && still_good(pool, mine->at.addr)
			? mine->at.addr
			: lowest_free(leases, pool);
	if (!ip_is_set(at.addr))
		return err_setx(e, "%s: no free address is left in %s", pool->network,
			subnet_text(whole, &pool->subnet));
	*addr = at.addr;
	if (mine != NULL && ip_same(mine->at.addr, at.addr))
		return 0;
	if (mine != NULL)
		lease_drop(leases, mine);
	other = holder(leases, at.addr);
	if (other != NULL)
		lease_drop(leases, other);
	if (lease_add(leases, a, unit, pool->network, &at) < 0)
		return err_setx(e, "%s: name too long", unit);
	return 0;
}

void ipam_prune(struct leases *leases, bool (*known)(const void *ctx, const char *unit),
	const void *ctx)
{
	size_t i = 0;

	while (i < leases->n) {
		struct lease *l = &leases->v[i];

		if (l->used || (known(ctx, l->unit) && known(ctx, l->network)))
			i++;
		else
			lease_drop(leases, l);
	}
}
