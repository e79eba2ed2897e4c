/*
 * A flow of UDP as conntrack knows it, and whether it still goes where its port leads. Pure; see
 * linux/netfilter/nfnetlink_conntrack.h.
 *
 * The first packet of a flow decides where all of it goes, for as long as it does not pause. A flow that goes elsewhere than
 * the ports in force lead is forgotten, and its next packet decides again.
 */
#ifndef CORE_NET_FLOW_H
#define CORE_NET_FLOW_H

#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/wiring.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

enum flow_end { FLOW_OPENER, FLOW_SENT_TO, FLOW_ANSWERER, FLOW_ANSWERED, FLOW_ENDS };
struct flow { /* from where to where, as its packets are before anything is translated: of each a port of an address */
	struct port end[FLOW_ENDS];
};

/* Of UDP. Others that were come before those in force: what these led is ours to forget. */
struct flow_ports {
	struct rule_port *v;
	size_t in_force; /* from here on */
	size_t n;
};
enum flow_way {
	FLOW_RIGHT,
	/* By a port in force, and not to where it leads: right only if it is not sent to the host, but on through it. */
	FLOW_PASSES,
	/* Where a port led that is not in force any more, whoever has sent first. */
	FLOW_ASTRAY
};

/* Asks for all flows. */
struct flow_question {
	struct nlmsghdr head;
	struct nfgenmsg which;
};
extern const struct flow_question flow_question;
/* Of an answer; false: not of UDP. */
bool flow_read(struct flow *f, const struct nl_reply *r);
/* Removes the very one that was read, and no other that has come to its addresses and ports since. */
void flow_forget(struct nl_buf *b, const struct nl_reply *r);

enum flow_way flow_way(const struct flow *f, const struct flow_ports *ports);

#endif
