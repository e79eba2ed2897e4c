#include "supervisor/sys/network/network_live.h"

#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/core/unit/change.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/network/network_ports.h"
#include "supervisor/sys/network/network_rules.h"
#include "supervisor/sys/supervisor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANGE "network-change"

static void complain(const struct instance *inst, const struct err *e)
{
	journal(inst->s, LOG_LEVEL_ERROR, inst->unit, "change it while it runs: %s", e->msg);
}

/* Units by name, a line each: what the next supervisor should know of. */
static void keep_names(struct supervisor *s, const char *file, const char *text)
{
	struct err e;

	if (text[0] != '\0' && file_write(PATH_STATE, file, text, strlen(text), 0600, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, NULL, &e);
}

/* ---- whose ---- */

static bool is_changed(const struct instance *inst, const struct unit_set *to)
{
	int at = unit_set_find(to, inst->unit);

	return at >= 0 && (inst->bridge_up || inst->netns >= 0) &&
		unit_change(unit_at(inst->s, inst->index), &to->units[at], NULL, NULL) ==
		CHANGE_LIVE;
}

/* On a network that changes. */
static bool is_under(const struct instance *inst)
{
	const struct supervisor *s = inst->s;

	for (size_t k = 0; k < inst->n_attached; k++)
		for (size_t i = 0; i < s->set->n; i++) {
			const struct instance *network = s->instances[i];

			if (network != NULL && network->bridge_up && network->changes &&
				strcmp(network->bridge.name, inst->attachments[k].bridge) == 0)
				return true;
		}
	return false;
}

void networks_change_begin(struct supervisor *s, const struct unit_set *to)
{
	struct arena a = { 0 };
	const char *text = "";

	for (size_t i = 0; i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		if (inst != NULL)
			inst->changes = is_changed(inst, to);
	}
	for (size_t i = 0; i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		if (inst == NULL || (!inst->changes && !is_under(inst)))
			continue;
		inst->changes = true;
		text = arena_printf(&a, "%s%s\n", text, inst->unit);
	}
	keep_names(s, CHANGE, text);
	arena_free(&a);
	KILL_POINT("change-named");
}

/* ---- what is done ---- */

static int rebridge(struct instance *inst, struct err *e)
{
	struct supervisor *s = inst->s;
	struct bridge_plan plan;

	if (network_bridge_plan(inst, false, &plan, e) < 0 ||
		net_bridge_change(&s->net, &inst->bridge, &plan, e) < 0)
		return -1;
	KILL_POINT("change-unbridged");
	inst->bridge = plan;
	return net_bridge_up(&s->net, &inst->bridge, e);
}

/* The same pair, whatever else became different. */
static const struct attach_plan *find_pair(const struct attach_plan *v, size_t n,
	const struct attach_plan *p)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].host_if, p->host_if) == 0 &&
			strcmp(v[i].inside_if, p->inside_if) == 0 &&
			strcmp(v[i].bridge, p->bridge) == 0)
			return &v[i];
	return NULL;
}

/* One that is not up yet is joined when it is. */
static int plan_networks(struct instance *inst, struct attach_plan **v, size_t *n, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	size_t all = 0;

	while (network_of(u, all) != NULL)
		all++;
	*n = 0;
	*v = calloc(all + 1, sizeof(**v));
	if (*v == NULL)
		return err_setx(e, "no memory for %zu networks", all);
	for (size_t nth = 0; nth < all; nth++) {
		const struct instance *network = network_instance(s, network_of(u, nth));

		if (network == NULL || !network->bridge_up)
			continue;
		if (network_plan(inst, nth, false, *v, *n, e) < 0) {
			free(*v);
			return -1;
		}
		++*n;
	}
	return 0;
}

static int rewire_one(struct instance *inst, const struct attach_plan *was,
	const struct attach_plan *p, struct err *e)
{
	if (was != NULL && memcmp(was, p, sizeof(*p)) == 0)
		return 0;
	if (was != NULL && net_change(&inst->s->net, inst->netns, was, p, e) < 0)
		return -1;
	KILL_POINT("change-unwired");
	return network_wire(inst, p, e);
}

static void rewire(struct instance *inst)
{
	struct attach_plan *was = inst->attachments, *v;
	size_t n_was = inst->n_attached, n;
	struct err e;

	if (plan_networks(inst, &v, &n, &e) < 0) {
		complain(inst, &e);
		return;
	}
	inst->attachments = v;
	inst->n_attached = n;
	for (size_t i = 0; i < n_was; i++)
		if (find_pair(v, n, &was[i]) == NULL &&
			net_unplug(&inst->s->net, inst->netns, &was[i], &e) < 0)
			complain(inst, &e);
	KILL_POINT("change-unplugged");
	for (size_t i = 0; i < n; i++)
		if (rewire_one(inst, find_pair(was, n_was, &v[i]), &v[i], &e) < 0)
			complain(inst, &e);
	free(was);
	ipam_use(&inst->s->leases, inst->unit, true);
	names_changed(inst->s);
}

static void change(struct instance *inst)
{
	struct err e;

	if (inst->bridge_up) {
		if (rebridge(inst, &e) < 0)
			complain(inst, &e);
		return;
	}
	if (inst->netns >= 0)
		rewire(inst);
}

void networks_change(struct supervisor *s)
{
	bool any = false;
	struct err e;

	for (int bridges = 1; bridges >= 0; bridges--)
		for (size_t i = 0; i < s->set->n; i++) {
			struct instance *inst = s->instances[i];

			if (inst == NULL || !inst->changes || inst->bridge_up != (bridges != 0))
				continue;
			any = true;
			change(inst);
			KILL_POINT("change-done");
		}
	any = ports_settle(s, true) || any;
	if (any && network_rules_mend(s, &e) < 0)
		journal_err(s, LOG_LEVEL_ERROR, NULL, &e);
	KILL_POINT("change-ruled");
	if (any)
		networks_changed(s);
}

void networks_changed(struct supervisor *s)
{
	for (size_t i = 0; i < s->set->n; i++)
		if (s->instances[i] != NULL)
			s->instances[i]->changes = false;
	(void)unlink(PATH_STATE "/" CHANGE);
}

static bool wants(const struct unit *u, const char *network)
{
	for (size_t nth = 0; network_of(u, nth) != NULL; nth++)
		if (strcmp(network_of(u, nth), network) == 0)
			return true;
	return false;
}

void network_joined(struct instance *network)
{
	struct supervisor *s = network->s;
	bool any = false;
	struct err e;

	for (size_t i = 0; i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		if (inst == NULL || inst->netns < 0 ||
			!wants(unit_at(s, inst->index), network->unit))
			continue;
		any = true;
		rewire(inst);
	}
	if (any && network_rules_mend(s, &e) < 0)
		journal_err(s, LOG_LEVEL_ERROR, NULL, &e);
}

/* ---- after a crash ---- */

static bool is_not_named(const void *ctx, const char *unit)
{
	const char *line = ctx;
	size_t n = strlen(unit);

	while (*line != '\0') {
		if (strncmp(line, unit, n) == 0 && line[n] == '\n')
			return false;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return true;
}

void networks_change_adopt(struct supervisor *s)
{
	struct arena a = { 0 };
	const char *text = names_read(s, &a, PATH_STATE "/" CHANGE);
	struct err e;

	for (size_t i = 0; i < s->set->n && text[0] != '\0'; i++)
		if (s->instances[i] != NULL)
			s->instances[i]->changes = !is_not_named(text, s->instances[i]->unit);
	if (text[0] != '\0' && net_sweep(&s->net, is_not_named, text, &e) < 0)
		journal_err(s, LOG_LEVEL_ERROR, NULL, &e);
	arena_free(&a);
	KILL_POINT("change-adopted");
}
