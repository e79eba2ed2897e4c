/*
 * Devices of the host that units have: Interface= of containers and networks. What a device was is on file before it is
 * touched, and the record goes when it is that again; so whoever of us comes last puts it right.
 *
 * All of this is for units that are up: a container's devices follow its namespace (network.c), a network's its bridge. One
 * that is not there yet, or is plugged in again, is taken when the kernel tells of it.
 */
#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/net/nic.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS "nics"
#define RECORDS_MAX (1u << 20)

/* ---- records ---- */

static int save(struct supervisor *s, struct err *e)
{
	const uint32_t each = sizeof(struct loan);
	size_t size = sizeof(each) + s->loans.n * each;
	char *text = malloc(size);
	int rc;

	if (text == NULL)
		return err_set_no(e, ENOMEM, "keep what devices were");
	memcpy(text, &each, sizeof(each));
	memcpy(text + sizeof(each), s->loans.v, s->loans.n * each);
	rc = file_write(PATH_STATE, RECORDS, text, size, 0600, e);
	free(text);
	return rc;
}

static struct loan *add(struct supervisor *s, const struct loan *l)
{
	struct loan *v = realloc(s->loans.v, (s->loans.n + 1) * sizeof(*v));

	if (v == NULL)
		abort(); /* init starts us again */
	s->loans.v = v;
	v[s->loans.n] = *l;
	return &v[s->loans.n++];
}

static void drop(struct supervisor *s, struct loan *l)
{
	struct err e;

	*l = s->loans.v[--s->loans.n];
	if (save(s, &e) < 0)
		journal_err(s, LOG_LEVEL_ERROR, NULL, &e);
}

/* ---- taking and giving back ---- */

struct wanted {
	char name[IF_NAME_MAX], there[IF_NAME_MAX];
};

static void split(const char *text, struct wanted *w)
{
	size_t len = strcspn(text, ":");

	(void)snprintf(w->name, sizeof(w->name), "%.*s", (int)len, text);
	text_copy(w->there, sizeof(w->there), text[len] == ':' ? text + len + 1 : text);
}

/* name: NULL, any. */
static bool names(const struct strv *list, const char *name)
{
	struct wanted w;

	for (size_t i = 0; i < list->n; i++) {
		split(list->v[i], &w);
		if (name == NULL || strcmp(w.name, name) == 0)
			return true;
	}
	return false;
}

/* The device of the record, and not another that has come under its name. A port of ours has been it all the time. */
static bool is_same(const struct instance *inst, const struct loan *l, const struct loan *now)
{
	return memcmp(l->mac, now->mac, sizeof(l->mac)) == 0 ||
		(inst->bridge_up && strcmp(now->master, inst->bridge.name) == 0);
}

/* 1: it is there and ours, by a record of what it was; 0: it is not there. */
static int take(struct instance *inst, enum loan_use use, const struct wanted *w, struct loan **out,
	struct err *e)
{
	struct supervisor *s = inst->s;
	const struct loan *other = loan_refused(&s->loans, w->name, inst->unit, use);
	struct loan now = { .use = use }, *had;
	int rc;

	if (other != NULL)
		return err_setx(e, "%s has it", other->unit);
	memcpy(now.unit, inst->unit, sizeof(now.unit));
	memcpy(now.name, w->name, sizeof(now.name));
	memcpy(now.there, w->there, sizeof(now.there));
	rc = nic_look(&s->net, &now, e);
	*out = had = loan_find(&s->loans, w->name, inst->unit);
	if (rc <= 0)
		return rc;
	/* that one, perhaps plugged in again: what it was stays what it is to be again */
	if (had != NULL && is_same(inst, had, &now)) {
		had->made = now.made;
		return 1;
	}
	other = loan_other(&s->loans, had != NULL ? had : &now);
	if (other != NULL)
		now.up = other->up;
	if (had != NULL)
		*had = now;
	else
		*out = add(s, &now);
	reconcile_listen(s);
	if (save(s, e) < 0) {
		s->loans.n -= had == NULL;
		return -1;
	}
	KILL_POINT("nic-noted");
	return 1;
}

static void give_back(struct supervisor *s, struct loan *l, int netns)
{
	struct err e;

	if (l->use == LOAN_MOVED && nic_fetch(&s->net, netns, l, &e) < 0)
		journal(s, LOG_LEVEL_ERROR, l->unit, "give %s back: %s", l->name, e.msg);
	KILL_POINT("nic-fetched");
	if (l->use == LOAN_PARENT && nic_remove(&s->net, l->there, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, l->unit, &e);
	if (nic_restore(&s->net, l, loan_other(&s->loans, l) != NULL, &e) < 0)
		journal(s, LOG_LEVEL_WARNING, l->unit, "give %s back: %s", l->name, e.msg);
	KILL_POINT("nic-restored");
	drop(s, l);
	KILL_POINT("nic-forgotten");
}

void nics_release(const struct instance *inst)
{
	struct supervisor *s = inst->s;

	for (size_t i = s->loans.n; i-- > 0;)
		if (strcmp(s->loans.v[i].unit, inst->unit) == 0)
			give_back(s, &s->loans.v[i], inst->netns);
}

/* Of units that hold nothing any more: a supervisor before was on its way. */
void nics_sweep(struct supervisor *s)
{
	for (size_t i = s->loans.n; i-- > 0;) {
		struct loan *l = &s->loans.v[i];
		int at = unit_set_find(s->set, l->unit);
		cleanup_fd int netns = -1;

		if (at >= 0 && s->instances[at] != NULL)
			continue;
		netns = held_take(s, "netns", l->unit);
		give_back(s, l, netns);
	}
}

/* ---- containers ---- */

/* Before it is looked whether they are there. */
static void listen_to(struct supervisor *s, const struct strv *list)
{
	if (list->n > 0)
		reconcile_listen(s);
}

/* Those that its file names no longer. */
static void give_back_rest(const struct instance *inst, const struct strv *list)
{
	struct loans *loans = &inst->s->loans;

	for (size_t i = loans->n; i-- > 0;)
		if (strcmp(loans->v[i].unit, inst->unit) == 0 && !names(list, loans->v[i].name))
			give_back(inst->s, &loans->v[i], inst->netns);
}

/* 1: the container has it, 0: it is not there. */
static int attach(struct instance *inst, const struct wanted *w, struct err *e)
{
	struct supervisor *s = inst->s;
	struct loan *l = loan_find(&s->loans, w->name, inst->unit);
	bool away = l != NULL && nic_is_away(&s->net, inst->netns, l);
	int rc;

	if (away && l->index != 0)
		return 1;
	/* away, and as it arrived: who has sent it has come no further */
	rc = away ? 1 : take(inst, LOAN_MOVED, w, &l, e);
	if (rc == 0 && l != NULL && l->index != 0) {
		journal(s, LOG_LEVEL_WARNING, inst->unit, "Interface=%s: it is gone", w->name);
		l->index = 0; /* that is said once */
	}
	if (rc <= 0)
		return rc;
	l->index = 0;
	if (nic_send(&s->net, inst->netns, l, e) < 0) {
		if (l->index == 0)
			return -1;
		journal(s, LOG_LEVEL_WARNING, inst->unit, "Interface=%s: %s", w->name, e->msg);
	}
	KILL_POINT("nic-there");
	return save(s, e) < 0 ? -1 : 1;
}

#define WAITING "waiting for interface "

/* name: "", it waits no longer. */
static void tell(struct instance *inst, const char *name)
{
	char text[48] = "";
	const struct notify n = {
		.watchdog_usec = UINT64_MAX, .access = ACCESS_UNSET, .status = text
	};
	const struct event event = { .kind = EV_NOTIFY, .unit = inst->index, .notify = &n };

	if (name[0] != '\0')
		(void)snprintf(text, sizeof(text), WAITING "%s", name);
	engine_event(inst->s->engine, &event, now_us());
}

/* Those that are there. What it says of itself is left alone by that. */
int nics_attach(struct instance *inst, struct err *e)
{
	const struct strv *list = &unit_at(inst->s, inst->index)->container.interfaces;
	const char *said = engine_run(inst->s->engine, inst->index)->status_text;
	struct wanted w, missing = { .name = "" };

	listen_to(inst->s, list);
	give_back_rest(inst, list);
	for (size_t i = 0; i < list->n; i++) {
		int rc;

		split(list->v[i], &w);
		rc = attach(inst, &w, e);
		if (rc < 0)
			return err_prefix(e, "Interface=%s", w.name);
		if (rc == 0)
			missing = w;
	}
	if (missing.name[0] != '\0' || strncmp(said, WAITING, strlen(WAITING)) == 0)
		tell(inst, missing.name);
	return 0;
}

static bool is_absent(struct supervisor *s, const char *name)
{
	struct found_link found;
	struct err ignored;

	return nlsock_find(s->net.route, name, &found, &ignored) == 0 && found.index == 0;
}

/* Neither here, nor in its container, nor somebody else's. inst: NULL, it holds nothing so far. */
static bool is_missing(struct supervisor *s, const struct instance *inst, const char *unit,
	const struct wanted *w)
{
	const struct loan *l = inst != NULL ? loan_find(&s->loans, w->name, unit) : NULL;

	return is_absent(s, w->name) &&
		loan_refused(&s->loans, w->name, unit, LOAN_MOVED) == NULL &&
		(l == NULL || !nic_is_away(&s->net, inst->netns, l));
}

/* What its containers' links stand on is not there. */
static bool lacks_parent(const struct instance *network)
{
	return network->bridge_up && network->bridge.driver != DRIVER_BRIDGE &&
		is_absent(network->s, network->bridge.name);
}

/* The first that is missing, in w->name; false: none is. */
static bool find_missing(struct supervisor *s, const struct unit *u, const struct instance *inst,
	struct wanted *w)
{
	const struct strv *list = &u->container.interfaces;
	const char *network;

	for (size_t i = 0; i < list->n; i++) {
		split(list->v[i], w);
		if (is_missing(s, inst, u->name, w))
			return true;
	}
	for (size_t i = 0; (network = network_of(u, i)) != NULL; i++) {
		int at = unit_set_find(s->set, network);
		const struct instance *other = at >= 0 ? s->instances[at] : NULL;

		if (other == NULL || !lacks_parent(other))
			continue;
		memcpy(w->name, other->bridge.name, sizeof(w->name));
		return true;
	}
	return false;
}

bool nics_await(struct supervisor *s, uint32_t index)
{
	const struct unit *u = unit_at(s, index);
	struct instance *inst = s->instances[index];
	struct wanted w;

	listen_to(s, &u->container.interfaces);
	if (find_missing(s, u, inst, &w)) {
		inst = instance_get(s, index);
		if (inst == NULL)
			return false;
		tell(inst, w.name);
		return inst->awaits = s->awaiting = true;
	}
	if (inst != NULL && inst->awaits) {
		inst->awaits = false;
		tell(inst, "");
	}
	return false;
}

void nics_look(struct supervisor *s)
{
	bool any = false;

	for (uint32_t i = 0; s->awaiting && i < s->set->n; i++) {
		const struct event event = {
			.kind = EV_SPAWN_FAILED,
			.unit = i,
			.role = ROLE_MAIN,
			.text = "ended while it waited for a device",
		};
		struct instance *inst = s->instances[i];

		if (inst == NULL || !inst->awaits)
			continue;
		inst->awaits = engine_run(s->engine, i)->state == ST_START;
		any = any || inst->awaits;
		if (!inst->awaits)
			engine_event(s->engine, &event, now_us());
	}
	s->awaiting = any;
}

/* ---- networks ---- */

/* 1: it is a port now, or what links stand on; 0: it is not there. */
static int join(struct instance *inst, const struct wanted *w, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct network_section *n = &unit_at(s, inst->index)->network;
	bool port = n->driver == DRIVER_BRIDGE;
	struct loan *l;
	int rc = take(inst, n->vlan == 0 && port ? LOAN_PORT : LOAN_PARENT, w, &l, e);

	if (rc <= 0)
		return rc;
	if (l->use == LOAN_PARENT && nic_raise(&s->net, l, n->vlan, e) < 0)
		return -1;
	KILL_POINT("nic-raised");
	return port && nic_join(&s->net, l->there, inst->bridge.name, e) < 0 ? -1 : 1;
}

void nics_join(struct instance *inst)
{
	const struct strv *list = &unit_at(inst->s, inst->index)->network.interfaces;
	uint32_t vlan = unit_at(inst->s, inst->index)->network.vlan;
	int driver = unit_at(inst->s, inst->index)->network.driver;
	const char *missing = "";
	struct wanted w;
	struct err e;

	if (list->n == 0)
		return;
	reconcile_listen(inst->s);
	for (size_t i = 0; i < list->n; i++) {
		int rc;

		split(list->v[i], &w);
		if (vlan != 0)
			loan_vlan_name(w.there, w.name, vlan);
		else if (driver != DRIVER_BRIDGE)
			w.there[0] = '\0';
		rc = join(inst, &w, &e);
		if (rc == 0)
			missing = list->v[i];
		if (rc < 0)
			journal(inst->s, LOG_LEVEL_ERROR, inst->unit, "Interface=%s: %s", w.name,
				e.msg);
	}
	tell(inst, missing);
	KILL_POINT("nic-joined");
}

/* ---- as they come ---- */

/* name: NULL, of any. gone: it is not on the host any more, but what is gone from a container is not told by its name. */
static void look_again(struct instance *inst, const char *name, bool gone)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	struct err e;

	if (!gone)
		network_parent_came(inst, name);
	if (inst->awaits) {
		if (!gone)
			spawn_awaited(s, inst->index);
	} else if (inst->netns >= 0 && (!gone || name == NULL) &&
		names(&u->container.interfaces, name)) {
		if (nics_attach(inst, &e) < 0)
			journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	} else if (inst->bridge_up && names(&u->network.interfaces, name)) {
		nics_join(inst);
	}
}

void nics_hear(struct supervisor *s, const char *name, bool gone)
{
	for (size_t i = 0; i < s->set->n; i++)
		if (s->instances[i] != NULL)
			look_again(s->instances[i], name, gone);
	perform_all(s);
}

void nics_open(struct supervisor *s)
{
	struct arena a = { 0 };
	struct err e;
	struct loan l;
	size_t n = 0;
	const char *text = file_read(&a, "", PATH_STATE "/" RECORDS, 0, RECORDS_MAX, &n, &e);

	for (size_t i = 0; text != NULL && loan_read(&l, text, n, i); i++)
		(void)add(s, &l);
	arena_free(&a);
}
