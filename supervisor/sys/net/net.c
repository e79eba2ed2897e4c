#include "supervisor/sys/net/net.h"

#include "common/fd.h"
#include "supervisor/sys/net/netns.h"
#include "supervisor/sys/net/nlsock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int net_open(struct net *n, struct err *e)
{
	struct err ignored;

	*n = (struct net){ .route = -1, .filter = -1, .host_ns = -1 };
	n->route = nlsock_open(NETLINK_ROUTE, e);
	if (n->route < 0)
		return -1;
	n->host_ns = netns_of(n->route, e);
	/* That takes CAP_NET_ADMIN, which PID 1 of an unprivileged container has not. */
	if (n->host_ns < 0 && errno == EPERM)
		n->host_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (n->host_ns < 0) {
		net_close(n);
		return -1;
	}
	/* On a device nobody else does it. Where we may not, somebody else has. */
	(void)netns_loopback_up(n->route, &ignored);
	return 0;
}

bool net_has_ipv6(void)
{
	return access("/proc/sys/net/ipv6", F_OK) == 0;
}

void net_close(struct net *n)
{
	fd_close(&n->route);
	fd_close(&n->filter);
	fd_close(&n->host_ns);
}

/* ---- addresses ---- */

static void see_address(void *ctx, const struct nl_reply *r)
{
	struct net_addresses *list = ctx;
	struct subnet at;
	int index = rt_subnet_read(&at, r);
	struct net_address *new;

	if (index == 0)
		return;
	new = LIST_ADD(list->a, list);
	new->at = at;
	new->index = index;
}

int net_addresses(struct net *n, const char *bridge, const struct strv *ports,
	struct net_addresses *list, struct err *e)
{
	_Alignas(8) uint8_t memory[64];
	struct found_link link;
	struct nl_buf b;
	size_t kept = 0;

	nl_init(&b, memory, sizeof(memory));
	rt_addr_dump(&b);
	if (nlsock_run(n->route, &b, see_address, list, e) < 0)
		return -1;
	for (size_t i = 0; i < list->n; i++) {
		if (nlsock_find_index(n->route, list->v[i].index, &link, e) < 0)
			return -1;
		if (strcmp(link.name, bridge) == 0 || strv_find(ports, link.name) != NULL)
			continue;
		list->v[kept] = list->v[i];
		memcpy(list->v[kept++].name, link.name, sizeof(link.name));
	}
	list->n = kept;
	return 0;
}

/* ---- after a crash ---- */

#define SWEEP_AT_ONCE 32

struct sweep {
	bool (*keep)(const void *ctx, const char *unit);
	const void *ctx;
	char names[SWEEP_AT_ONCE][IF_NAME_MAX];
	size_t n;
};

static void see_stray(void *ctx, const struct nl_reply *r)
{
	struct sweep *s = ctx;
	struct rt_link link;

	if (!rt_link_read(&link, r) || link.alias == NULL || s->n == SWEEP_AT_ONCE ||
		strlen(link.name) >= IF_NAME_MAX)
		return;
	if (strncmp(link.alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0 &&
		!s->keep(s->ctx, link.alias + strlen(ALIAS_PREFIX)))
		memcpy(s->names[s->n++], link.name, strlen(link.name) + 1);
}

int net_sweep(struct net *n, bool (*keep)(const void *ctx, const char *unit), const void *ctx,
	struct err *e)
{
	_Alignas(8) uint8_t memory[SWEEP_AT_ONCE * 64];
	struct sweep s;
	struct nl_buf b;
	size_t i;

	do {
		s = (struct sweep){ .keep = keep, .ctx = ctx };
		nl_init(&b, memory, sizeof(memory));
		rt_link_dump(&b);
		if (nlsock_run(n->route, &b, see_stray, &s, e) < 0)
			return -1;
		nl_init(&b, memory, sizeof(memory));
		for (i = 0; i < s.n; i++)
			rt_link_delete(&b, s.names[i]);
		if (nlsock_do(n->route, &b, e) < 0)
			return -1;
	} while (s.n == SWEEP_AT_ONCE);
	return 0;
}
