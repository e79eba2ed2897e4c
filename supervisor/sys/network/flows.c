#include "supervisor/sys/network/flows.h"

#include "common/fd.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/supervisor.h"

#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FLOW_BYTES 2048 /* the kernel says less of one */
#define NEXT_MS 1       /* between parts of the list */
/*
 * Then it is read again. An answer that a container owed when its flow was forgotten makes a flow of its own, which has the old
 * one's ports if inside and outside the number is the same.
 */
#define OWED_MS 1000

static void see_flow(void *ctx, const struct nl_reply *r)
{
	struct supervisor *s = ctx;
	const struct flows *w = &s->flows;
	_Alignas(8) uint8_t memory[FLOW_BYTES];
	enum flow_way way = FLOW_RIGHT;
	struct err ignored;
	struct nl_buf b;
	struct flow f;

	if (flow_read(&f, r))
		way = flow_way(&f, &w->ports);
	/* Its address is one of the host if some port of it is to be had. */
	f.end[FLOW_SENT_TO].host = 0;
	if (way == FLOW_RIGHT ||
		(way == FLOW_PASSES && net_port_free(&f.end[FLOW_SENT_TO], &ignored) < 0))
		return;
	nl_init(&b, memory, sizeof(memory));
	flow_forget(&b, r);
	/* One that has ended by itself meanwhile is refused. */
	(void)nlsock_run(s->net.filter, &b, NULL, NULL, &ignored);
}

static int read_on(struct supervisor *s, struct err *e)
{
	struct flows *w = &s->flows;

	if (w->list < 0) {
		w->list = nlsock_open(NETLINK_NETFILTER, e);
		if (w->list < 0)
			return -1;
		(void)send(w->list, &flow_question, sizeof(flow_question), 0);
	}
	return nlsock_next(w->list, see_flow, s, e);
}

static void on_time(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;
	struct flows *w = &s->flows;
	struct err e;
	int rc = read_on(s, &e);

	if (rc > 0)
		return;
	fd_close(&w->list);
	if (rc < 0 && !w->said) {
		w->said = true;
		journal(s, LOG_LEVEL_WARNING, NULL,
			"nf_conntrack_netlink: %s: who sends by UDP without a pause stays where the port led",
			strerror(e.no));
	}
	if (w->again) {
		w->again = false;
		(void)uv_timer_start(timer, on_time, OWED_MS, NEXT_MS);
		return;
	}
	(void)uv_timer_stop(timer);
	w->ports.n -= w->ports.in_force;
	memmove(w->ports.v, w->ports.v + w->ports.in_force, w->ports.n * sizeof(*w->ports.v));
	w->ports.in_force = 0;
}

void flows_open(struct supervisor *s)
{
	s->flows.list = -1;
	s->flows.timer.data = s;
	(void)uv_timer_init(&s->loop, &s->flows.timer);
}

void flows_follow(struct supervisor *s, const struct rule_set *rules)
{
	struct flows *w = &s->flows;
	struct flow_ports *p = &w->ports;
	size_t n = p->n;

	p->v = realloc(p->v, (n + rules->n_ports + 1) * sizeof(*p->v));
	if (p->v == NULL)
		abort(); /* init starts us again */
	for (size_t i = 0; i < rules->n_ports; i++)
		if (rules->ports[i].port.protocol == PORT_UDP)
			p->v[n++] = rules->ports[i];
	if (n - p->n == p->n - p->in_force &&
		memcmp(p->v + p->in_force, p->v + p->n, (n - p->n) * sizeof(*p->v)) == 0)
		return;
	p->in_force = p->n;
	p->n = n;
	w->again = true;
	(void)uv_timer_start(&w->timer, on_time, 0, NEXT_MS);
}
