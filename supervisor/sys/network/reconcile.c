#include "supervisor/sys/network/reconcile.h"

#include "common/util.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/supervisor.h"

#include <stdio.h>
#include <string.h>

#define LOOK_MS 20       /* after the first that is heard */
#define MENDED_OFTEN 8   /* looks in a row; from then on it is doubled each time ... */
#define MENDED_MAX 19    /* ... to 41 s */
#define QUIET_US 2000000 /* between two looks: they are not of one row */

static void on_look(uv_timer_t *timer);

static unsigned int delay_ms(const struct reconcile *r)
{
	return LOOK_MS << (r->mended > MENDED_OFTEN ? r->mended - MENDED_OFTEN : 0);
}

static void look_soon(struct supervisor *s)
{
	struct reconcile *r = &s->reconcile;

	if (uv_is_active((const uv_handle_t *)&r->timer))
		return;
	if (now_us() - r->last > QUIET_US + 2 * delay_ms(r) * USEC_PER_MSEC)
		r->mended = 0;
	uv_update_time(&s->loop);
	(void)uv_timer_start(&r->timer, on_look, delay_ms(r), 0);
}

/* ---- what is heard */

static bool has_network(const struct instance *inst)
{
	return inst != NULL && (inst->n_attached > 0 || inst->bridge_up);
}

/* By the alias that our links have; a bridge that was there before us has none. */
static struct instance *owner_of(struct supervisor *s, const struct rt_link *link)
{
	int at = -1;

	if (link->alias != NULL && strncmp(link->alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0)
		at = unit_set_find(s->set, link->alias + strlen(ALIAS_PREFIX));
	for (size_t i = 0; i < s->set->n && at < 0; i++)
		if (s->instances[i] != NULL && s->instances[i]->bridge_up &&
			strcmp(s->instances[i]->bridge.name, link->name) == 0)
			at = (int)i;
	return at >= 0 ? s->instances[at] : NULL;
}

/* A container's end that is up and in some bridge, or a bridge that is up, has lost nothing that a link tells. */
static void hear_link(struct supervisor *s, const struct net_event *event)
{
	struct instance *inst = owner_of(s, &event->link);

	if (!has_network(inst) ||
		(!event->gone && event->link.up && (inst->bridge_up || event->link.master != 0)))
		return;
	inst->look = true;
	look_soon(s);
}

static void on_event(void *data, const struct net_event *event)
{
	struct supervisor *s = data;
	struct reconcile *r = &s->reconcile;

	switch (event->kind) {
	case NET_LINK:
		hear_link(s, event);
		nics_hear(s, event->link.name, event->gone);
		return;
	case NET_UNPLUGGED:
		r->unplugged = true;
		break;
	case NET_FORWARDING:
		r->forwarding = true;
		break;
	case NET_RULES:
		r->rules = true;
		text_copy(r->who, sizeof(r->who), event->who);
		break;
	case NET_LOST:
		r->all = r->anew = true;
		nics_hear(s, NULL, false);
		break;
	}
	look_soon(s);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct supervisor *s = poll->data;
	struct net_events *v = &s->reconcile.events;

	(void)events;
	if (poll == &s->reconcile.gone.poll) {
		nlsock_drain(v->gone);
		nics_hear(s, NULL, true);
	} else {
		net_events_read(v, poll == &s->reconcile.filter.poll ? v->filter : v->route,
			on_event, s);
	}
	/* libuv does not listen further after an error; that something was lost is one, and is over with reading */
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_readable);
	rest_soon(s);
}

/* ---- what is done */

static void say(struct supervisor *s, const char *unit, const char *what, const char *lacked)
{
	struct reconcile *r = &s->reconcile;

	journal(s, LOG_LEVEL_WARNING, unit, "%s was %s: mended%s", what, lacked,
		r->mended < MENDED_OFTEN
			? ""
			: ". Somebody does this again and again, and is followed later each time");
	r->last = now_us();
}

static void failed(struct supervisor *s, const char *unit, const struct err *e)
{
	journal(s, LOG_LEVEL_ERROR, unit, "mend its network: %s", e->msg);
	s->reconcile.last = now_us();
}

/* With a bridge go its ports, and what the rules had set of it. */
static void bridge_is_new(struct supervisor *s, const struct instance *network)
{
	for (size_t i = 0; i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		for (size_t k = 0; inst != NULL && k < inst->n_attached; k++)
			inst->look = inst->look ||
				strcmp(inst->attachments[k].bridge, network->bridge.name) == 0;
	}
	s->reconcile.anew = true;
}

static void look_at(struct supervisor *s, struct instance *inst)
{
	const char *what, *lacked;
	struct err e;
	int rc = 1;

	inst->look = false;
	for (size_t i = 0; i <= inst->n_attached && rc > 0; i++) {
		rc = network_mend(inst, &what, &lacked, &e);
		if (rc > 0)
			say(s, inst->unit, what, lacked);
		if (rc > 0 && inst->bridge_up)
			bridge_is_new(s, inst);
	}
	if (rc < 0) {
		failed(s, inst->unit, &e);
		inst->look = true; /* later */
	} else if (inst->bridge_up) {
		nics_join(inst);
	}
}

static void look_at_all(struct supervisor *s, bool bridges)
{
	const struct reconcile *r = &s->reconcile;

	for (size_t i = 0; i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		if (has_network(inst) && inst->bridge_up == bridges &&
			(inst->look || r->all || (bridges && r->unplugged)))
			look_at(s, inst);
	}
}

static void look_at_rules(struct supervisor *s)
{
	struct reconcile *r = &s->reconcile;
	bool rules = r->rules, forwarding = r->forwarding;
	char lacked[48];
	struct err e;

	if (!rules && !forwarding && !r->anew)
		return;
	r->rules = r->forwarding = r->anew = s->net.switched = false;
	if (network_rules_mend(s, &e) < 0) {
		failed(s, NULL, &e);
		r->anew = true; /* later */
		return;
	}
	(void)snprintf(lacked, sizeof(lacked), "changed by %s",
		r->who[0] != '\0' ? r->who : "somebody");
	if (rules)
		say(s, NULL, "the table sup of nf_tables", lacked);
	if (forwarding && s->net.switched)
		say(s, NULL, "forwarding", "off");
}

static bool is_left(const struct supervisor *s)
{
	bool left = s->reconcile.anew;

	for (size_t i = 0; i < s->set->n && !left; i++)
		left = s->instances[i] != NULL && s->instances[i]->look;
	return left;
}

static void on_look(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;
	struct reconcile *r = &s->reconcile;
	uint64_t before = r->last;

	/* To look at everything costs the most: whoever brings it about again and again is followed later, too. */
	if (r->all)
		r->last = now_us();
	look_at_all(s, true);
	look_at_all(s, false);
	r->all = r->unplugged = false;
	look_at_rules(s);
	if (r->last != before && r->mended < MENDED_MAX)
		r->mended++;
	if (is_left(s))
		look_soon(s);
	rest_soon(s);
}

/* ---- */

void reconcile_open(struct supervisor *s)
{
	struct reconcile *r = &s->reconcile;

	r->events = (struct net_events){ .route = -1, .filter = -1, .gone = -1 };
	r->route.poll.data = r->filter.poll.data = r->gone.poll.data = r->timer.data = s;
	(void)uv_timer_init(&s->loop, &r->timer);
}

void reconcile_forwarding(struct supervisor *s)
{
	s->reconcile.forwarding = true;
	look_soon(s);
}

void reconcile_rules(struct supervisor *s)
{
	s->reconcile.anew = true;
	look_soon(s);
}

/* lost: what is not noticed when there is no socket. */
static void attend(struct supervisor *s, struct ear *ear, int sock, const char *lost, struct err *e)
{
	int rc = sock < 0;

	if (sock >= 0 && !uv_is_active((const uv_handle_t *)&ear->poll)) {
		rc = uv_poll_init(&s->loop, &ear->poll, sock);
		if (rc == 0)
			rc = uv_poll_start(&ear->poll, UV_READABLE, on_readable);
		if (rc != 0)
			(void)err_set_no(e, -rc, "listen to netlink");
	}
	if (rc != 0 && !ear->deaf)
		journal(s, LOG_LEVEL_WARNING, NULL,
			"going on without: %s: it is not noticed when %s", e->msg, lost);
	ear->deaf = ear->deaf || rc != 0;
}

void reconcile_listen(struct supervisor *s)
{
	struct reconcile *r = &s->reconcile;
	struct err e;

	attend(s, &r->route, net_events_open_route(&r->events, &e),
		"a device comes, or what others change of interfaces, addresses and routes", &e);
	attend(s, &r->filter, net_events_open_filter(&r->events, net_filter(&s->net, &e), &e),
		"others change the rules of the networks", &e);
	if (s->loans.n > 0)
		attend(s, &r->gone, net_events_open_gone(&r->events, &e),
			"a device of a container goes", &e);
}
