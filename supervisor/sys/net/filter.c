#include "supervisor/core/net/rules.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/net/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>

#define TABLE "nf_conntrack_max"
#define SHARE_MOST 16384

int net_filter(struct net *n, struct err *e)
{
	if (n->filter < 0)
		n->filter = nlsock_open(NETLINK_NETFILTER, e);
	return n->filter;
}

static int send_batch(struct net *n, struct nl_buf *b, struct err *e)
{
	return net_filter(n, e) >= 0 ? nlsock_run(n->filter, b, NULL, NULL, e) : -1;
}

static int replace_table(struct net *n, const struct rule_set *rules, struct err *e)
{
	struct arena arena = { 0 };
	struct nl_buf b;
	int status;

	nl_init(&b, arena_alloc(&arena, rules_size(rules)), rules_size(rules));
	rules_build(&b, rules);
	status = send_batch(n, &b, e);
	arena_free(&arena);
	return status;
}

static int replace_guard(struct net *n, const struct guard_member *members, size_t count,
	struct err *e)
{
	struct arena arena = { 0 };
	struct nl_buf b;
	int status;

	nl_init(&b, arena_alloc(&arena, guard_size(count)), guard_size(count));
	guard_build(&b, members, count);
	status = send_batch(n, &b, e);
	arena_free(&arena);
	return status;
}

int net_guard(struct net *n, struct guard_member *members, size_t count, struct err *e)
{
	if (replace_guard(n, members, count, e) == 0)
		return 0;
	/* One of its expressions is a module that is not there: first of all, that of limits. */
	for (size_t i = 0; i < count && e->no == ENOENT; i++) {
		n->unlimited = n->unlimited || (members[i].sent_most | members[i].given_most) != 0;
		members[i].sent_most = members[i].given_most = 0;
	}
	if (n->unlimited && replace_guard(n, members, count, e) == 0)
		return 0;
	n->unguarded = e->no == EOPNOTSUPP || e->no == ENOENT;
	return n->unguarded ? 0 : err_prefix(e, "nf_tables table bridge " RULES_TABLE);
}

struct guard_member net_guard_member(const struct net *n, const struct attach_plan *p)
{
	struct guard_member member = {
		.port = p->host_if,
		.mac = p->mac,
		.guarded = p->guarded,
		.sent_most = n->unlimited ? 0 : p->sent_most,
		.given_most = n->unlimited ? 0 : p->given_most,
	};

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		member.addr[f] = p->at[f].addr;
	return member;
}

static int change_guard(struct net *n, const struct guard_member *member, bool comes, struct err *e)
{
	struct arena arena = { 0 };
	struct nl_buf b;
	int status = 0;

	if (n->unguarded || !guard_knows(member))
		return 0;
	nl_init(&b, arena_alloc(&arena, guard_size(1)), guard_size(1));
	guard_change(&b, member, comes);
	status = send_batch(n, &b, e);
	arena_free(&arena);
	return status;
}

int net_guard_add(struct net *n, const struct attach_plan *p, struct err *e)
{
	struct guard_member member = net_guard_member(n, p);

	if (change_guard(n, &member, true, e) == 0)
		return 0;
	/* The first one, or somebody has removed the table, or nf_tables is not there. */
	if ((e->no != ENOENT && e->no != EOPNOTSUPP) || net_guard(n, &member, 1, e) < 0)
		return -1;
	return n->unguarded ? 0 : 1;
}

int net_guard_remove(struct net *n, const struct attach_plan *p, struct err *e)
{
	const struct guard_member member = net_guard_member(n, p);

	return change_guard(n, &member, false, e) == 0 || e->no == ENOENT ? 0 : -1;
}

static void see_traffic(void *ctx, const struct nl_reply *r)
{
	struct net_traffic *t = ctx;

	if (!rt_traffic_read(&t->passed, r))
		guard_read(r, &t->refused, &t->limited, &t->stopped);
}

/* What one end gets, the other has sent. */
void net_traffic(const struct net *n, const struct attach_plan *p, struct net_traffic *t)
{
	_Alignas(8) uint8_t memory[512];
	struct err ignored;
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	rt_link_get(&b, 0, p->host_if);
	nl_flag(&b, NLM_F_ACK);
	(void)nlsock_run(n->route, &b, see_traffic, t, &ignored);
	nl_init(&b, memory, sizeof(memory));
	guard_ask(&b, p->host_if);
	rules_ask(&b, n->v4_only, p->mac);
	nl_flag(&b, NLM_F_ACK);
	if (n->filter >= 0)
		(void)nlsock_run(n->filter, &b, see_traffic, t, &ignored);
}

/*
 * One table for the host and all containers: it fits what a small machine has to do, for some 5 MB, and nobody has so much of it
 * that others have none. As the kernel goes through all that somebody has with a new one, there is an end where it is large. 0: there is
 * no network, or conntrack is not loaded.
 */
static uint32_t share_of_connections(const struct rule_set *rules)
{
	struct arena a = { 0 };
	unsigned long share;

	if (rules->n_networks == 0)
		return 0;
	sysctl_net_raise("netfilter", TABLE, "16384");
	share = strtoul(file_text(AT_FDCWD, "/proc/sys/net/netfilter/" TABLE, 16, &a), NULL, 10) /
		4;
	arena_free(&a);
	return share < SHARE_MOST ? (uint32_t)share : SHARE_MOST;
}

/* A kernel without nft_reject drops what it cannot refuse; one without tables of both families has those of IPv4. */
static int replace_rules(struct net *n, const struct rule_set *rules, struct err *e)
{
	struct rule_set last = *rules;

	last.silent = n->silent;
	last.v4_only = n->v4_only;
	last.unbounded = n->unbounded;
	while (replace_table(n, &last, e) < 0) {
		if (e->no == ENOENT && !last.unbounded)
			last.unbounded = true;
		else if (e->no == ENOENT && !last.silent) {
			last.silent = true;
			/* it may have been that alone */
			last.unbounded = n->unbounded;
		} else if (e->no == EOPNOTSUPP && !last.v4_only)
			last.v4_only = true;
		else
			return -1;
	}
	n->silent = last.silent;
	n->v4_only = last.v4_only;
	n->unbounded = last.unbounded;
	return 0;
}

/* Conntrack, and with it its table, is there with the first rules at the latest: then they are made a second time. */
static int replace_with_share(struct net *n, const struct rule_set *rules, struct err *e)
{
	struct rule_set with = *rules;

	do {
		with.share = share_of_connections(rules);
		if (replace_rules(n, &with, e) < 0)
			return -1;
	} while (with.share == 0 && share_of_connections(rules) > 0);
	return 0;
}

static int switch_on(struct net *n, const char *family, const char *name, const char *key,
	struct err *e)
{
	int rc = sysctl_net(family, name, key, "1", e);

	n->switched = n->switched || rc > 0;
	return rc < 0 ? -1 : 0;
}

/*
 * To forward is to be a router, who does not listen to other routers: a NIC that has its address or its way out from one goes
 * on to listen (accept_ra 2).
 */
static int forward_v6(struct net *n, struct err *e)
{
	static const char all[] = "/proc/sys/net/ipv6/conf";
	const struct dirent *entry;
	struct err ignored;
	DIR *dir;

	if (sysctl_net_is("ipv6", "all", "forwarding", "1", e))
		return 0;
	dir = opendir(all);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (sysctl_net_is("ipv6", entry->d_name, "accept_ra", "1", &ignored))
			(void)sysctl_net("ipv6", entry->d_name, "accept_ra", "2", &ignored);
	if (dir != NULL)
		(void)closedir(dir);
	return switch_on(n, "ipv6", "all", "forwarding", e);
}

/*
 * Of neighbours the kernel knows 1,024 in all namespaces together (arp(7)), which a bridge full of containers exceeds as soon as
 * each has met a few: then nobody finds another any more. An entry takes some 400 bytes.
 */
static void make_room(struct net *n)
{
	static const char families[FAMILY_COUNT][5] = { "ipv4", "ipv6" };

	for (enum family f = 0; f < FAMILY_COUNT && !n->roomy; f++) {
		sysctl_net_raise(families[f], "neigh/default/gc_thresh3", "8192");
		sysctl_net_raise(families[f], "neigh/default/gc_thresh2", "4096");
	}
	n->roomy = true;
}

/* What the kernel may lack that this says. */
static const char *lacking(const struct err *e)
{
	if (e->no == ENOENT)
		return " (CONFIG_NFT_CT, _NAT, _MASQ, _FIB_INET?)";
	return e->no == EOPNOTSUPP || e->no == EPROTONOSUPPORT ? " (CONFIG_NF_TABLES?)" : "";
}

int net_rules(struct net *n, const struct rule_set *rules, struct err *e)
{
	bool forward = rules->n_ports > 0, v6 = false;
	size_t i;

	if (replace_with_share(n, rules, e) < 0)
		return err_prefix(e, "nf_tables table inet " RULES_TABLE "%s", lacking(e));
	if (rules->n_networks == 0 && net_guard(n, NULL, 0, e) < 0)
		return -1;
	if (rules->n_networks > 0)
		make_room(n);
	for (i = 0; i < rules->n_networks; i++) {
		forward = forward || !rules->networks[i].internal;
		v6 = v6 || rules->networks[i].v6;
		/* Only now: the rules that make it safe are in force. */
		if (rules->n_ports > 0 &&
			switch_on(n, "ipv4", rules->networks[i].bridge, "route_localnet", e) < 0)
			return -1;
	}
	if (v6 && n->v4_only)
		return err_setx(e,
			"a network with IPv6 would be open: the kernel has no CONFIG_NF_TABLES_INET");
	if (forward && v6 && forward_v6(n, e) < 0)
		return -1;
	return forward ? switch_on(n, "ipv4", NULL, "ip_forward", e) : 0;
}
