#include "supervisor/core/net/flow.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#define MESSAGE(type) (NFNL_SUBSYS_CTNETLINK << 8 | (type))

const struct flow_question flow_question = {
	.head = {
		.nlmsg_len = sizeof(flow_question),
		.nlmsg_type = MESSAGE(IPCTNL_MSG_CT_GET),
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	},
	.which.nfgen_family = AF_UNSPEC,
};

/* Asked for by all that the kernel has said of it, its number as well. */
void flow_forget(struct nl_buf *b, const struct nl_reply *r)
{
	nl_begin(b, MESSAGE(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, r->data, r->size);
}

/* ---- what is read ---- */

/* Types of attributes within attributes, the outermost is the lowest byte. */
#define PATH(tuple, part, number) ((uint32_t)((tuple) | (part) << 8 | (number) << 16))

/* As long as an address or shorter, in network order; 0: it is not there. */
static struct ip value(const struct nl_reply *r, uint32_t path)
{
	const uint8_t *at = r->data + sizeof(struct nfgenmsg);
	size_t n = r->size - sizeof(struct nfgenmsg);
	struct ip v = { 0 };

	for (; path != 0; path >>= 8) {
		at = nl_find(at, n, path & UINT8_MAX, &n);
		if (at == NULL)
			return v;
	}
	v.lo = n == 4 ? 0xffff : 0; /* of IPv4 */
	for (; n > 0; n--) {
		v.hi = v.hi << 8 | v.lo >> 56;
		v.lo = v.lo << 8 | *at++;
	}
	return v;
}

bool flow_read(struct flow *f, const struct nl_reply *r)
{
	uint32_t ip = PATH(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V4_SRC);
	uint32_t port = PATH(CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT);

	if (r->size < sizeof(struct nfgenmsg) ||
		value(r, PATH(CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_NUM)).lo != IPPROTO_UDP)
		return false;
	if (r->data[offsetof(struct nfgenmsg, nfgen_family)] == AF_INET6)
		ip = PATH(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V6_SRC);
	/* One behind the other, from and to of the first way, then of the other, which is the next tuple. */
	for (int i = 0; i < FLOW_ENDS; i++) {
		uint32_t end = PATH(i / 2, 0, i % 2);

		f->end[i].host_addr = value(r, ip + end);
		f->end[i].host = (uint16_t)value(r, port + end).lo;
		f->end[i].protocol = PORT_UDP;
	}
	return true;
}

/* ---- where it goes ---- */

/* What is sent to one comes from the other: that is where the port leads. */
static bool leads(const struct rule_port *p, const struct port *sent, const struct port *from)
{
	return ports_meet(&p->port, sent) && p->port.inside == from->host &&
		ip_same(p->addr, from->host_addr);
}

enum flow_way flow_way(const struct flow *f, const struct flow_ports *ports)
{
	const struct port *sent = &f->end[FLOW_SENT_TO];
	bool passes = false;

	/* The last that leads there decides. */
	for (size_t i = ports->n; i-- > 0;) {
		const struct rule_port *p = &ports->v[i];
		bool in_force = i >= ports->in_force;

		if (leads(p, sent, &f->end[FLOW_ANSWERER]) ||
			leads(p, &f->end[FLOW_ANSWERED], &f->end[FLOW_OPENER]))
			return in_force ? FLOW_RIGHT : FLOW_ASTRAY;
		passes = passes || (in_force && ports_meet(&p->port, sent));
	}
	return passes ? FLOW_PASSES : FLOW_RIGHT;
}
