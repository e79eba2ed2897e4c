#include "supervisor/core/net/ipam.h"

#include <string.h>

/* What differs between the families when a network has no Subnet=. */
static const struct {
	struct subnet from; /* whose parts are given out, one step after the other */
	struct ip step;
	uint8_t prefix;
	uint8_t least, most; /* prefixes that Subnet= may have */
} choice[FAMILY_COUNT] = {
	[FAMILY_V4] = { .from = { IP_V4(0x0a590000), V4_BITS + 16 }, /* 10.89.0.0 */
		.step = { .lo = 256 },
		.prefix = V4_BITS + 24,
		.least = V4_BITS + 8,
		.most = V4_BITS + 30 },
};
/* Podman's, so that a unit with a fixed IP= of its default network works unchanged. */
static const struct subnet default_subnet = { IP_V4(0x0a580000), V4_BITS + 16 }; /* 10.88.0.0 */

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
	const struct subnet *taken, size_t n_taken)
{
	size_t i;

	for (i = 0; i < n_taken; i++)
		if (subnet_overlap(s, &taken[i]))
			return false;
	for (i = 0; i < leases->n; i++) {
		const struct lease *l = &leases->v[i];

		if (is_subnet(l) && strcmp(l->network, network) != 0 && subnet_overlap(s, &l->at))
			return false;
	}
	return true;
}

static int subnet_choose(struct subnet *out, const char *network, enum family family,
	struct leases *leases, struct arena *a, const struct subnet *taken, size_t n_taken,
	struct err *e)
{
	struct lease *l = ipam_find(leases, network, network, family);
	const struct subnet *from = &choice[family].from;
	struct subnet s = { .addr = from->addr, .prefix = choice[family].prefix };
	char text[IP_TEXT_MAX];

	if (l != NULL && subnet_free(&l->at, network, leases, taken, n_taken)) {
		*out = l->at;
		return 0;
	}
	if (l != NULL)
		lease_drop(leases, l);
	while (!subnet_free(&s, network, leases, taken, n_taken)) {
		s.addr = ip_plus(s.addr, choice[family].step);
		if (!subnet_has(from, s.addr))
			return err_setx(e,
				"%s: no free subnet is left in %s, give it Subnet=", network,
				subnet_text(text, from));
	}
	if (lease_add(leases, a, network, network, &s) < 0)
		return err_setx(e, "%s: name too long", network);
	*out = s;
	return 0;
}

/* Without Subnet= the default network has Podman's subnet, if nobody else took it. */
static int subnet_of(struct subnet *out, const struct unit *network, enum family family,
	struct leases *leases, struct arena *a, const struct subnet *taken, size_t n_taken,
	struct err *e)
{
	if (network->network.subnet[family].prefix != 0) {
		*out = network->network.subnet[family];
		return 0;
	}
	if (family == FAMILY_V4 && strcmp(network->name, IPAM_DEFAULT_NETWORK) == 0 &&
		subnet_free(&default_subnet, network->name, leases, taken, n_taken)) {
		*out = default_subnet;
		return 0;
	}
	return subnet_choose(out, network->name, family, leases, a, taken, n_taken, e);
}

static const struct ip one = { .lo = 1 }, minus_one = { .hi = UINT64_MAX, .lo = UINT64_MAX };

static int pool_range(struct pool *pool, const struct subnet *range, struct err *e)
{
	const struct subnet *s = &pool->subnet;
	char text[IP_TEXT_MAX], whole[IP_TEXT_MAX];

	pool->first = ip_plus(subnet_first(s), one);
	pool->last = ip_plus(subnet_last(s), minus_one);
	if (range->prefix == 0)
		return 0;
	if (!subnet_holds(s, range))
		return err_setx(e, "%s: IPRange=%s is not inside the subnet %s", pool->network,
			subnet_text(text, range), subnet_text(whole, s));
	if (ip_compare(subnet_first(range), pool->first) > 0)
		pool->first = subnet_first(range);
	if (ip_compare(subnet_last(range), pool->last) < 0)
		pool->last = subnet_last(range);
	return 0;
}

int ipam_pool(struct pool *pool, const struct unit *network, enum family family,
	struct leases *leases, struct arena *a, const struct subnet *taken, size_t n_taken,
	struct err *e)
{
	const struct ip gateway = network->network.gateway[family];
	char text[IP_TEXT_MAX], whole[IP_TEXT_MAX];
	struct subnet s;

	if (subnet_of(&s, network, family, leases, a, taken, n_taken, e) < 0)
		return -1;
	s.addr = subnet_first(&s);
	if (s.prefix < choice[family].least || s.prefix > choice[family].most)
		return err_setx(e, "%s: Subnet=%s: the prefix must be from %u to %u", network->name,
			subnet_text(text, &s), choice[family].least - V4_BITS,
			choice[family].most - V4_BITS);
	*pool = (struct pool){
		.network = network->name,
		.subnet = s,
		.gateway = ip_is_set(gateway) ? gateway : ip_plus(s.addr, one),
	};
	if (!subnet_has_host(&s, pool->gateway))
		return err_setx(e, "%s: Gateway=%s is no host's address in the subnet %s",
			network->name, ip_text(text, gateway), subnet_text(whole, &s));
	return pool_range(pool, &network->network.ip_range[family], e);
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
	char text[IP_TEXT_MAX], whole[IP_TEXT_MAX];

	(void)ip_text(text, fixed);
	(void)subnet_text(whole, s);
	if (!subnet_has(s, fixed))
		return err_setx(e, "IP=%s is not in the subnet %s of %s", text, whole,
			pool->network);
	if (ip_same(fixed, pool->gateway))
		return err_setx(e, "IP=%s is the gateway of %s", text, pool->network);
	if (!subnet_has_host(s, fixed))
		return err_setx(e, "IP=%s is the network or broadcast address of %s (%s)", text,
			pool->network, whole);
	if (other != NULL && strcmp(other->unit, unit) != 0 && other->used)
		return err_setx(e, "IP=%s is in use by %s", text, other->unit);
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
