#include "supervisor/core/net/rules.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/net/sysctl.h"

#include <linux/netlink.h>

static int replace_table(struct net *n, const struct rule_set *rules, struct err *e)
{
	struct arena arena = { 0 };
	struct nl_buf b;
	int status;

	if (n->filter < 0)
		n->filter = nlsock_open(NETLINK_NETFILTER, e);
	if (n->filter < 0)
		return -1;
	nl_init(&b, arena_alloc(&arena, rules_size(rules)), rules_size(rules));
	rules_build(&b, rules);
	status = nlsock_run(n->filter, &b, NULL, NULL, e);
	arena_free(&arena);
	return status;
}

int net_rules(struct net *n, const struct rule_set *rules, struct err *e)
{
	bool forward = rules->n_ports > 0;
	size_t i;

	if (replace_table(n, rules, e) < 0)
		return err_prefix(e, "nf_tables table " RULES_TABLE);
	for (i = 0; i < rules->n_networks; i++) {
		forward = forward || !rules->networks[i].internal;
		/* Only now: the rules that make it safe are in force. */
		if (rules->n_ports > 0 &&
			sysctl_net("ipv4", rules->networks[i].bridge, "route_localnet", "1", e) < 0)
			return -1;
	}
	return forward ? sysctl_net("ipv4", NULL, "ip_forward", "1", e) : 0;
}
