/* Units, faults and plans as JSON. */
#include "common/jsontext.h"
#include "common/util.h"
#include "supervisor/core/unit/change.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/control/control.h"
#include "supervisor/sys/load.h"
#include "supervisor/sys/network/network_rules.h"
#include "supervisor/sys/unit/learn.h"
#include "supervisor/sys/unit/mounted.h"

#include <stdio.h>
#include <string.h>

/* Members that have nothing to say are left out. */
static void set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		(void)json_object_set_new(object, name, json_text(text));
}

static void set_number(json_t *object, const char *name, uint64_t value)
{
	(void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void view_usage(const struct supervisor *s, const struct instance *inst, json_t *object)
{
	struct cgroup_usage usage;
	struct err ignored;

	if (s->launcher.cgroup_fd < 0 ||
		cgroup_usage(s->launcher.cgroup_fd, inst->unit, &usage, &ignored) < 0)
		return;
	set_number(object, "memory", usage.memory);
	set_number(object, "memory_peak", usage.memory_peak);
	set_number(object, "cpu", usage.cpu_usec);
	set_number(object, "tasks", usage.tasks);
	set_number(object, "oom_kills", inst->oom_past + usage.oom_kills);
}

static void add_text(json_t *list, const char *text)
{
	(void)json_array_append_new(list, json_string(text));
}

/* "address" and "bridge" are the first ones, for who knows of one alone. */
static void view_network(const struct instance *inst, json_t *object)
{
	json_t *list = json_array();
	char text[IP_TEXT_MAX];

	for (enum family f = 0; inst->bridge_up && f < FAMILY_COUNT; f++) {
		const struct subnet at = { inst->bridge.at[f].addr, inst->bridge.at[f].prefix };

		if (at.prefix != 0)
			add_text(list, subnet_text(text, &at));
	}
	if (network_has_bridge(inst))
		set_text(object, "bridge", inst->bridge.name);
	for (size_t i = inst->n_attached; i-- > 0;)
		if (inst->attachments[i].driver == DRIVER_BRIDGE)
			set_text(object, "bridge", inst->attachments[i].bridge);
	for (size_t i = 0; i < inst->n_attached; i++)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (ip_is_set(inst->attachments[i].at[f].addr))
				add_text(list, ip_text(text, inst->attachments[i].at[f].addr));
	if (json_array_size(list) > 0) {
		(void)json_object_set(object, "address", json_array_get(list, 0));
		(void)json_object_set(object, "addresses", list);
	}
	json_decref(list);
}

/* From the container's side, over all its networks; where there is no bridge, nobody counts. */
static void view_traffic(const struct supervisor *s, const struct instance *inst, json_t *object)
{
	static const char *const names[] = { "packets_out", "packets_in", "bytes_out", "bytes_in",
		"refused", "limited", "stopped" };
	uint64_t sum[ARRAY_LEN(names)] = { 0 };
	json_t *traffic;

	if (inst->n_attached == 0 || json_object_get(object, "bridge") == NULL)
		return;
	for (size_t i = 0; i < inst->n_attached; i++) {
		struct net_traffic t = { 0 };
		uint64_t one[ARRAY_LEN(names)];

		net_traffic(&s->net, &inst->attachments[i], &t);
		memcpy(one, &t, sizeof(one));
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			sum[k] += one[k];
	}
	traffic = json_object();
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		set_number(traffic, names[k], sum[k]);
	(void)json_object_set_new(object, "traffic", traffic);
}

/* Those that it has, and under which name. */
static json_t *view_interfaces(const struct supervisor *s, const struct unit *u)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->loans.n; i++) {
		const struct loan *l = &s->loans.v[i];

		if (l->index != 0 && strcmp(l->unit, u->name) == 0)
			(void)json_array_append_new(list,
				json_sprintf("%s->%s", l->name, l->there));
	}
	return list;
}

static json_t *view_ports(const struct unit *u)
{
	json_t *list = json_array();

	for (size_t i = 0; i < u->container.ports.n; i++) {
		const struct port *p = &u->container.ports.v[i];
		bool v6 = ip_is_set(p->host_addr) && ip_family(p->host_addr) == FAMILY_V6;
		char addr[IP_TEXT_MAX], text[IP_TEXT_MAX + 24];

		(void)snprintf(text, sizeof(text), v6 ? "[%s]:%u->%u/%s" : "%s:%u->%u/%s",
			ip_is_set(p->host_addr) ? ip_text(addr, p->host_addr) : "*", p->host,
			p->inside, port_protocol_name(p->protocol));
		add_text(list, text);
	}
	return list;
}

static void view_timer(const struct supervisor *s, uint32_t index, json_t *object)
{
	struct timer_view view = engine_timer(s->engine, index);
	char why[256];

	set_text(object, "status", engine_why(s->engine, index, why, sizeof(why)));
	if (view.next != TIME_INFINITY)
		set_number(object, "next", (uint64_t)((int64_t)view.next + s->wall_minus_now));
	if (view.last_wall != 0)
		set_number(object, "last", view.last_wall);
	if (view.starts < s->set->n)
		set_text(object, "activates", unit_at(s, view.starts)->name);
}

static void view_health(const struct supervisor *s, uint32_t index, json_t *object)
{
	const struct health *h = engine_health(s->engine, index);
	json_t *health;

	if (h->state == HEALTH_NONE)
		return;
	health = json_object();
	set_text(health, "state", health_name(h->state));
	(void)json_object_set_new(health, "startup", json_boolean(h->state == HEALTH_STARTUP));
	set_number(health, "since", wall_us() - (now_us() - h->since));
	set_number(health, "failures", h->failures);
	set_number(health, "retries", h->retries);
	set_text(health, "last", h->last);
	(void)json_object_set_new(object, "health", health);
}

/* "tcp 127.0.0.1:80", "unix /run/web.sock", "fifo /run/in" ... */
static json_t *view_listens(const struct unit *u)
{
	static const char *const inet[] = { "tcp", "udp", "", "" };
	static const char *const files[] = { "stream", "datagram", "packet", "fifo" };
	json_t *list = json_array();

	for (size_t i = 0; i < u->socket.listen.n; i++) {
		const struct listen *l = &u->socket.listen.v[i];
		bool file = l->family == LISTEN_PATH || l->family == LISTEN_ABSTRACT;

		(void)json_array_append_new(list,
			json_build("{so}", "address",
				json_sprintf("%s%s", l->family == LISTEN_PORT ? "*:" : "",
					l->text)));
		(void)json_object_set_new(json_array_get(list, i), "type",
			json_string(file ? files[l->kind] : inet[l->kind]));
	}
	return list;
}

/* What it starts, or by what it is started. */
static void view_triggers(const struct supervisor *s, uint32_t index, json_t *object)
{
	const struct node *node = &s->set->nodes[index];
	json_t *by = json_array();

	if (node->out[DEP_TRIGGERS].n > 0)
		set_text(object, "activates", unit_at(s, node->out[DEP_TRIGGERS].v[0])->name);
	for (size_t i = 0; i < node->in[DEP_TRIGGERS].n; i++) {
		uint32_t socket = node->in[DEP_TRIGGERS].v[i];

		if (engine_run(s->engine, socket)->state == ST_RUNNING)
			(void)json_array_append_new(by, json_string(unit_at(s, socket)->name));
	}
	(void)json_object_set_new(object, "activated_by", by);
}

static const char *state_text(const struct unit *u, const struct run *run)
{
	return u->kind == KIND_SOCKET && run->state == ST_RUNNING ? "listening"
								  : state_name(run->state);
}

static void view_mount(const struct unit *u, json_t *object)
{
	struct mounted m;

	set_text(object, "what", u->mount.what);
	set_text(object, "where", u->mount.where);
	if (mounted_at(u->mount.where, &m))
		set_text(object, "type", m.type);
}

/* What protects by default, and is not there. After a supervisor's end, the log knows why. */
static void view_lacks(const struct unit *u, const struct run *run, const struct instance *inst,
	json_t *object)
{
	json_t *lacks = json_array();
	const char *why;

	if (u->kind == KIND_CONTAINER && run->main_pid != 0 && ids_namespace(inst) < 0 &&
		ids_mode(u, &why) != USERNS_HOST)
		(void)json_array_append_new(lacks,
			json_sprintf("user namespace%s%s", inst->unmapped != NULL ? ": " : "",
				inst->unmapped != NULL ? inst->unmapped : ", its log says why"));
	why = u->service.learn && run->main_pid != 0 ? learn_lacks(u->name) : NULL;
	if (why != NULL)
		(void)json_array_append_new(lacks, json_string(why));
	if ((inst->s->net.unlimited || inst->s->net.unbounded) && inst->n_attached > 0)
		(void)json_array_append_new(lacks,
			json_string(inst->s->net.unlimited
					? "nft_limit: no limit of its traffic holds"
					: "nft_connlimit: no limit of its connections holds"));
	if (json_array_size(lacks) > 0)
		(void)json_object_set(object, "lacks", lacks);
	json_decref(lacks);
}

static json_t *view_unit(const struct supervisor *s, uint32_t index)
{
	const struct unit *u = unit_at(s, index);
	const struct run *run = engine_run(s->engine, index);
	const struct instance *inst = s->instances[index];
	json_t *object = json_object();
	char why[256];

	set_text(object, "name", u->name);
	set_text(object, "kind", unit_kind_name(u->kind));
	set_text(object, "description", u->unit.description);
	set_text(object, "file", u->file);
	set_text(object, "state",
		u->masked && run->state == ST_INACTIVE ? "masked" : state_text(u, run));
	(void)json_object_set_new(object, "wanted", json_boolean(run->wanted));
	(void)json_object_set_new(object, "failed", json_boolean(run->failed));
	/* since is kept on a clock that never jumps, and shown on the one people read */
	if (run->since != 0)
		set_number(object, "since", wall_us() - (now_us() - run->since));
	if (run->main_pid != 0)
		set_number(object, "pid", (uint64_t)run->main_pid);
	set_number(object, "restarts", run->restarts);
	set_text(object, "cause", run->cause);
	set_text(object, "status", run->status_text);
	if (run->error != 0)
		set_text(object, "error", strerror(run->error));
	view_health(s, index, object);
	if (run->state == ST_WAITING || run->state == ST_BACKOFF || run->state == ST_FAILED ||
		u->broken != NULL)
		set_text(object, "why", engine_why(s->engine, index, why, sizeof(why)));
	if (u->kind == KIND_TIMER && run->state == ST_RUNNING)
		view_timer(s, index, object);
	if (u->kind == KIND_MOUNT && u->mount.where != NULL)
		view_mount(u, object);
	if (inst != NULL) {
		view_usage(s, inst, object);
		view_network(inst, object);
		view_traffic(s, inst, object);
		view_lacks(u, run, inst, object);
	}
	(void)json_object_set_new(object, "interfaces", view_interfaces(s, u));
	(void)json_object_set_new(object, "ports", view_ports(u));
	(void)json_object_set_new(object, "listens", view_listens(u));
	if (u->kind == KIND_SOCKET)
		set_number(object, "triggers", run->triggers);
	view_triggers(s, index, object);
	return object;
}

void control_status(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	json_t *units = json_array();
	int index;

	rest_soon(s);
	if (json_is_string(json_object_get(parameters, "unit"))) {
		index = control_unit(c, s, parameters);
		if (index < 0) {
			json_decref(units);
			return;
		}
		(void)json_array_append_new(units, view_unit(s, (uint32_t)index));
	} else {
		for (size_t i = 0; i < s->set->n; i++)
			(void)json_array_append_new(units, view_unit(s, (uint32_t)i));
	}
	varlink_reply(c, json_build("{sosb}", "units", units, "safe", (int)s->boot.count.safe),
		false);
}

void control_faults(struct connection *c, void *data, json_t *parameters)
{
	const struct supervisor *s = data;
	json_t *faults = json_array();

	(void)parameters;
	for (size_t i = 0; i < s->set->n_faults; i++) {
		const struct unit_fault *f = &s->set->faults[i];
		json_t *object = json_object();

		set_text(object, "level", f->level == FAULT_ERROR ? "error" : "warning");
		set_text(object, "unit", f->unit);
		set_text(object, "path", f->path);
		set_number(object, "line", f->line);
		set_number(object, "column", f->column);
		set_text(object, "message", f->message);
		(void)json_array_append_new(faults, object);
	}
	varlink_reply(c, json_build("{so}", "faults", faults), false);
}

static void add_change(json_t *changes, const char *unit, const char *how, const char *lines)
{
	(void)json_array_append_new(changes,
		json_build("{ssssss}", "unit", unit, "how", how, "lines", lines));
}

static void add_present(json_t *changes, const struct supervisor *s, const struct unit_set *to,
	uint32_t index, bool stops, struct arena *a)
{
	const struct unit *u = unit_at(s, index);
	int at = unit_set_find(to, u->name);
	const char *lines = "";

	if (at < 0)
		add_change(changes, u->name, "removed", lines);
	else if (unit_change(u, &to->units[at], a, &lines) != CHANGE_NONE || stops)
		add_change(changes, u->name, stops ? "restart" : "live", lines);
}

static void list_changes(json_t *changes, const struct supervisor *s, const struct unit_set *to,
	const uint32_t *stopped, size_t n, struct arena *a)
{
	for (uint32_t i = 0; i < s->set->n; i++) {
		bool stops = false;

		for (size_t k = 0; k < n && !stops; k++)
			stops = stopped[k] == i;
		add_present(changes, s, to, i, stops, a);
	}
	for (size_t i = 0; i < to->n; i++)
		if (unit_set_find(s->set, to->units[i].name) < 0)
			add_change(changes, to->units[i].name, "added", "");
}

void control_changes(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	struct unit_set *to = load_units();
	struct arena a = { 0 };
	uint32_t *stopped = arena_array(&a, s->set->n, sizeof(*stopped));
	json_t *changes;
	size_t n;

	(void)parameters;
	rest_soon(s);
	if (to == NULL) {
		varlink_error(c, "Failed",
			json_build("{ss}", "reason", "no memory to read the units"));
		arena_free(&a);
		return;
	}
	unit_changes_carry(s->set, to);
	n = engine_reload_plan(s->engine, to, stopped);
	if (n == SIZE_MAX) {
		varlink_error(c, "Failed", json_build("{ss}", "reason", "a reload is under way"));
	} else {
		changes = json_array();
		list_changes(changes, s, to, stopped, n, &a);
		varlink_reply(c, json_build("{so}", "changes", changes), false);
	}
	load_free(to);
	arena_free(&a);
}

void control_plan(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	int index = control_unit(c, s, parameters);
	struct arena a = { 0 };
	const char *text;
	struct err e;

	rest_soon(s);
	if (index < 0)
		return;
	text = plan_text(s, (uint32_t)index, &a, &e);
	if (text != NULL)
		varlink_reply(c, json_build("{ss}", "plan", text), false);
	else
		varlink_error(c, "Failed", json_build("{ss}", "reason", e.msg));
	arena_free(&a);
}
