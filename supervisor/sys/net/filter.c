#include "supervisor/core/net/rules.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/net/sysctl.h"

#include <errno.h>
#include <linux/netlink.h>

static int send_batch(struct net *n, struct nl_buf *b, struct err *e)
{
	if (n->filter < 0)
		n->filter = nlsock_open(NETLINK_NETFILTER, e);
	return n->filter >= 0 ? nlsock_run(n->filter, b, NULL, NULL, e) : -1;
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

int net_guard(struct net *n, const struct guard_member *members, size_t count, struct err *e)
{
	struct arena arena = { 0 };
	struct nl_buf b;
	int status;

	nl_init(&b, arena_alloc(&arena, guard_size(count)), guard_size(count));
	guard_build(&b, members, count);
	status = send_batch(n, &b, e);
	arena_free(&arena);
	if (status == 0)
		return 0;
	/* The family, or one of its expressions, is a module that is not there. */
	n->unguarded = e->no == EOPNOTSUPP || e->no == ENOENT;
	return n->unguarded ? 0 : err_prefix(e, "nf_tables table bridge " RULES_TABLE);
}

static int change_guard(struct net *n, const struct guard_member *member, bool comes, struct err *e)
{
	struct arena arena = { 0 };
	struct nl_buf b;
	int status;

	nl_init(&b, arena_alloc(&arena, guard_size(1)), guard_size(1));
	guard_change(&b, member, comes);
	status = send_batch(n, &b, e);
	arena_free(&arena);
	return status;
}

struct guard_member net_guard_member(const struct attach_plan *p)
{
	struct guard_member member = { .port = p->host_if, .mac = p->mac };

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		member.addr[f] = p->at[f].addr;
	return member;
}

int net_guard_add(struct net *n, const struct attach_plan *p, struct err *e)
{
	const struct guard_member member = net_guard_member(p);

	if (n->unguarded || !p->guarded || change_guard(n, &member, true, e) == 0)
		return 0;
	/* The first one, or somebody has removed the table, or nf_tables is not there. */
	if ((e->no != ENOENT && e->no != EOPNOTSUPP) || net_guard(n, &member, 1, e) < 0)
		return -1;
	return n->unguarded ? 0 : 1;
}

int net_guard_remove(struct net *n, const struct attach_plan *p, struct err *e)
{
	const struct guard_member member = net_guard_member(p);

	if (n->unguarded || !p->guarded || change_guard(n, &member, false, e) == 0 ||
		e->no == ENOENT)
		return 0;
	return -1;
}

/* A kernel without nft_reject drops what it cannot refuse; one without tables of both families has those of IPv4. */
static int replace_rules(struct net *n, const struct rule_set *rules, struct err *e)
{
	struct rule_set last = *rules;

	last.silent = n->silent;
	last.v4_only = n->v4_only;
	while (replace_table(n, &last, e) < 0) {
		if (e->no == ENOENT && !last.silent)
			last.silent = true;
		else if (e->no == EOPNOTSUPP && !last.v4_only)
			last.v4_only = true;
		else
			return -1;
	}
	n->silent = last.silent;
	n->v4_only = last.v4_only;
	return 0;
}

static int switch_on(struct net *n, const char *bridge, const char *key, struct err *e)
{
	int rc = sysctl_net("ipv4", bridge, key, "1", e);

	n->switched = n->switched || rc > 0;
	return rc < 0 ? -1 : 0;
}

int net_rules(struct net *n, const struct rule_set *rules, struct err *e)
{
	bool forward = rules->n_ports > 0;
	size_t i;

	if (replace_rules(n, rules, e) < 0)
		return err_prefix(e, "nf_tables table inet " RULES_TABLE);
	if (rules->n_networks == 0 && net_guard(n, NULL, 0, e) < 0)
		return -1;
	for (i = 0; i < rules->n_networks; i++) {
		forward = forward || !rules->networks[i].internal;
		/* Only now: the rules that make it safe are in force. */
		if (rules->n_ports > 0 &&
			switch_on(n, rules->networks[i].bridge, "route_localnet", e) < 0)
			return -1;
	}
	return forward ? switch_on(n, NULL, "ip_forward", e) : 0;
}
