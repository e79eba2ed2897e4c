#include "supervisor/core/net/ipam.h"

#include <string.h>

/* Podman's addresses, so that a unit with a fixed IP= of its default network works unchanged. */
static const struct subnet default_subnet = { .addr = 0x0a580000, .prefix = 16 };  /* 10.88.0.0 */
static const struct subnet pool_of_subnets = { .addr = 0x0a590000, .prefix = 16 }; /* 10.89.0.0 */
#define NEW_PREFIX 24

struct lease *ipam_find(const struct leases *leases, const char *unit, const char *network)
{
	size_t i;

	for (i = 0; i < leases->n; i++) {
		struct lease *l = &leases->v[i];

		if (strcmp(l->unit, unit) == 0 && strcmp(l->network, network) == 0)
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
	return 0;
}

static void lease_drop(struct leases *leases, struct lease *l)
{
	/* The last one takes its place; what is behind the end is zero, as new memory is. */
	*l = leases->v[--leases->n];
	leases->v[leases->n] = (struct lease){ 0 };
}

/* A network's lease is of its own name and is no address. */
static bool is_subnet(const struct lease *l)
{
	return strcmp(l->unit, l->network) == 0;
}

/* ---- subnets ---- */

static bool subnet_free(const struct subnet *s, const char *network, const struct leases *leases,
	const struct subnet *taken, size_t n_taken)
{
	size_t i;

	for (i = 0; i < n_taken; i++)
		if (ip4_overlap(s, &taken[i]))
			return false;
	for (i = 0; i < leases->n; i++) {
		const struct lease *l = &leases->v[i];

		if (is_subnet(l) && strcmp(l->network, network) != 0 && ip4_overlap(s, &l->at))
			return false;
	}
	return true;
}

static int subnet_choose(struct subnet *out, const char *network, struct leases *leases,
	struct arena *a, const struct subnet *taken, size_t n_taken, struct err *e)
{
	struct lease *l = ipam_find(leases, network, network);
	struct subnet s = { .addr = pool_of_subnets.addr, .prefix = NEW_PREFIX };

	if (l != NULL && subnet_free(&l->at, network, leases, taken, n_taken)) {
		*out = l->at;
		return 0;
	}
	if (l != NULL)
		lease_drop(leases, l);
	while (!subnet_free(&s, network, leases, taken, n_taken)) {
		s.addr += 1u << (32 - NEW_PREFIX);
		if (!ip4_inside(&pool_of_subnets, s.addr))
			return err_setx(e,
				"%s: no free subnet is left in 10.89.0.0/16, give it Subnet=",
				network);
	}
	if (lease_add(leases, a, network, network, &s) < 0)
		return err_setx(e, "%s: name too long", network);
	*out = s;
	return 0;
}

/* Without Subnet= the default network has Podman's subnet, if nobody else took it. */
static int subnet_of(struct subnet *out, const struct unit *network, struct leases *leases,
	struct arena *a, const struct subnet *taken, size_t n_taken, struct err *e)
{
	if (network->network.subnet.prefix != 0) {
		*out = network->network.subnet;
		return 0;
	}
	if (strcmp(network->name, IPAM_DEFAULT_NETWORK) == 0 &&
		subnet_free(&default_subnet, network->name, leases, taken, n_taken)) {
		*out = default_subnet;
		return 0;
	}
	return subnet_choose(out, network->name, leases, a, taken, n_taken, e);
}

static int pool_range(struct pool *pool, const struct subnet *range, struct err *e)
{
	const struct subnet *s = &pool->subnet;
	char text[IP4_TEXT_MAX], whole[IP4_TEXT_MAX];
	uint32_t last = s->addr | ~ip4_mask(s->prefix);

	pool->first = s->addr + 1;
	pool->last = last - 1;
	if (range->prefix == 0)
		return 0;
	if (range->prefix < s->prefix || !ip4_inside(s, range->addr))
		return err_setx(e, "%s: IPRange=%s is not inside the subnet %s", pool->network,
			ip4_text(text, range, true), ip4_text(whole, s, true));
	if ((range->addr & ip4_mask(range->prefix)) > pool->first)
		pool->first = range->addr & ip4_mask(range->prefix);
	if ((range->addr | ~ip4_mask(range->prefix)) < pool->last)
		pool->last = range->addr | ~ip4_mask(range->prefix);
	return 0;
}

int ipam_pool(struct pool *pool, const struct unit *network, struct leases *leases, struct arena *a,
	const struct subnet *taken, size_t n_taken, struct err *e)
{
	const struct subnet *gateway = &network->network.gateway;
	char text[IP4_TEXT_MAX], whole[IP4_TEXT_MAX];
	struct subnet s;

	if (subnet_of(&s, network, leases, a, taken, n_taken, e) < 0)
		return -1;
	s.addr &= ip4_mask(s.prefix);
	if (s.prefix < 8 || s.prefix > 30)
		return err_setx(e, "%s: Subnet=%s: the prefix must be from 8 to 30", network->name,
			ip4_text(text, &s, true));
	*pool = (struct pool){ .network = network->name, .subnet = s, .gateway = s.addr + 1 };
	if (gateway->prefix != 0) {
		pool->gateway = gateway->addr;
		if (!ip4_inside(&s, gateway->addr) || gateway->addr == s.addr ||
			gateway->addr == (s.addr | ~ip4_mask(s.prefix)))
			return err_setx(e, "%s: Gateway=%s is no host's address in the subnet %s",
				network->name, ip4_text(text, gateway, false),
				ip4_text(whole, &s, true));
	}
	return pool_range(pool, &network->network.ip_range, e);
}

/* ---- addresses ---- */

/* Who holds the address, in whichever network it was given out. */
static struct lease *holder(const struct leases *leases, uint32_t addr)
{
	size_t i;

	for (i = 0; i < leases->n; i++)
		if (leases->v[i].at.addr == addr && !is_subnet(&leases->v[i]))
			return &leases->v[i];
	return NULL;
}

static int check_fixed(const struct leases *leases, const struct pool *pool, const char *unit,
	const struct subnet *fixed, struct err *e)
{
	const struct subnet *s = &pool->subnet;
	const struct lease *other = holder(leases, fixed->addr);
	char text[IP4_TEXT_MAX], whole[IP4_TEXT_MAX];

	(void)ip4_text(text, fixed, false);
	(void)ip4_text(whole, s, true);
	if (!ip4_inside(s, fixed->addr))
		return err_setx(e, "IP=%s is not in the subnet %s of %s", text, whole,
			pool->network);
	if (fixed->addr == pool->gateway)
		return err_setx(e, "IP=%s is the gateway of %s", text, pool->network);
	if (fixed->addr == s->addr || fixed->addr == (s->addr | ~ip4_mask(s->prefix)))
		return err_setx(e, "IP=%s is the network or broadcast address of %s (%s)", text,
			pool->network, whole);
	if (other != NULL && strcmp(other->unit, unit) != 0 && other->used)
		return err_setx(e, "IP=%s is in use by %s", text, other->unit);
	return 0;
}

/* The lowest address that nobody holds, 0: none. */
static uint32_t lowest_free(const struct leases *leases, const struct pool *pool)
{
	uint32_t addr;

	for (addr = pool->first; addr <= pool->last; addr++)
		if (addr != pool->gateway && holder(leases, addr) == NULL)
			return addr;
	return 0;
}

static bool still_good(const struct pool *pool, uint32_t addr)
{
	return addr >= pool->first && addr <= pool->last && addr != pool->gateway;
}

int ipam_assign(struct leases *leases, struct arena *a, const struct pool *pool, const char *unit,
	const struct subnet *fixed, uint32_t *addr, struct err *e)
{
	struct lease *mine = ipam_find(leases, unit, pool->network), *other;
	struct subnet at = { .prefix = 32 };
	char whole[IP4_TEXT_MAX];

	if (fixed->prefix != 0 && check_fixed(leases, pool, unit, fixed, e) < 0)
		return -1;
	if (fixed->prefix != 0)
		at.addr = fixed->addr;
	else if (mine != NULL && still_good(pool, mine->at.addr))
		at.addr = mine->at.addr;
	else
		at.addr = lowest_free(leases, pool);
	if (at.addr == 0)
		return err_setx(e, "%s: no free address is left in %s", pool->network,
			ip4_text(whole, &pool->subnet, true));
	*addr = at.addr;
	if (mine != NULL && mine->at.addr == at.addr)
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
