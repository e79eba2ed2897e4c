/* The rules between the keys of one unit. Each says one clear line at the key that breaks it. */
#include "common/util.h"
#include "supervisor/core/loglimit.h"
#include "supervisor/core/net/wiring.h"
#include "supervisor/core/number.h"
#include "supervisor/core/plan/ids.h"
#include "supervisor/core/seccomp/profile.h"
#include "supervisor/core/unit/unitfile.h"

#include <string.h>

#define MEMBER(m) offsetof(struct unit, m)
#define IPV6_MTU 1280u /* RFC 8200; below it the kernel switches IPv6 off */

/* ---- .container ---- */

static void check_image(struct unit_loader *l)
{
	const struct container_section *c = &l->unit->container;

	if (c->image == NULL && c->rootfs == NULL &&
		loader_origin(l, MEMBER(container.image)) == NULL &&
		loader_origin(l, MEMBER(container.rootfs)) == NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(container.image),
			"there is neither Image= nor Rootfs= in [Container]");
	if (c->image != NULL && c->rootfs != NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(container.rootfs),
			"Image= and Rootfs= exclude each other");
}

const struct bridge_key_row bridge_keys[BRIDGE_KEY_COUNT] = {
#define X(key, member) [BRIDGE_##key] = { #key, MEMBER(container.member) },
	BRIDGE_KEYS(X)
#undef X
};

static void check_network(struct unit_loader *l)
{
	static const char *const ip_keys[FAMILY_COUNT] = { "IP", "IP6" };
	const struct container_section *c = &l->unit->container;
	const struct network_use *use = unit_network(l->unit, 0);
	bool bridge = use->mode == NETWORK_DEFAULT || use->mode == NETWORK_UNIT;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(c->ip[f]) && !bridge)
			loader_complain(l, FAULT_ERROR, MEMBER(container.ip[f]),
				"%s= needs a network with a bridge, see Network=", ip_keys[f]);
		else if (ip_is_set(c->ip[f]) && c->networks.n > 1)
			loader_complain(l, FAULT_ERROR, MEMBER(container.ip[f]),
				"%s= is for one network; with several of them write Network=%s:%s=...",
				ip_keys[f], use->unit != NULL ? use->unit : "bridge",
				f == FAMILY_V4 ? "ip" : "ip6");
	if (use->mode == NETWORK_CONTAINER && strcmp(use->unit, l->unit->name) == 0)
		loader_complain(l, FAULT_ERROR, MEMBER(container.networks),
			"a container cannot share its own network");
}

static void take_name(struct unit_loader *l, struct strv *names, const char *name, size_t member,
	const char *todo)
{
	if (strv_find(names, name) != NULL)
		loader_complain(l, FAULT_ERROR, member, "%s is there twice%s", name, todo);
	strv_add(l->arena, names, name);
}

/* On the host each is one device, and in the container no two have the same name. */
static void check_interfaces(struct unit_loader *l)
{
	static const char inside[] = " in the container";
	const struct strv *list = &l->unit->container.interfaces;
	enum network_mode mode = unit_network_mode(l->unit);
	struct strv names = { 0 }, devices = { 0 };
	const struct network_use *use;

	if (list->n > 0 && (mode == NETWORK_HOST || mode == NETWORK_CONTAINER))
		loader_complain(l, FAULT_ERROR, MEMBER(container.interfaces),
			"Interface= needs a network of the container's own, see Network=");
	for (size_t i = 0; mode != NETWORK_NONE && (use = unit_network(l->unit, i)) != NULL; i++)
		take_name(l, &names,
			use->interface_name != NULL ? use->interface_name
						    : arena_printf(l->arena, "eth%zu", i),
			MEMBER(container.networks), inside);
	for (size_t i = 0; i < list->n; i++) {
		const char *name = list->v[i];
		size_t len = strcspn(name, ":");

		take_name(l, &devices, arena_strndup(l->arena, name, len),
			MEMBER(container.interfaces), "");
		take_name(l, &names, name[len] == ':' ? name + len + 1 : name,
			MEMBER(container.interfaces), inside);
	}
}

static void check_ports(struct unit_loader *l)
{
	const struct ports *ports = &l->unit->container.ports;
	uint8_t seen[PORT_PROTOCOL_COUNT][(UINT16_MAX + 1) / 8] = { 0 };

	/* Only a port that comes again is compared with the others. */
	for (size_t i = 0; i < ports->n; i++) {
		const struct port *p = &ports->v[i];
		uint8_t *byte = &seen[p->protocol][p->host / 8], bit = (uint8_t)(1u << p->host % 8);

		for (size_t k = 0; (*byte & bit) != 0 && k < i; k++)
			if (ports_meet(p, &ports->v[k])) {
				loader_complain(l, FAULT_ERROR, MEMBER(container.ports),
					"port %u of the host is published twice", p->host);
				return;
			}
		*byte |= bit;
	}
}

static void check_mounts(struct unit_loader *l)
{
	const struct mounts *mounts = &l->unit->container.mounts;

	for (size_t i = 0; i < mounts->n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(mounts->v[i].target, mounts->v[k].target) == 0) {
				loader_complain(l, FAULT_ERROR, MEMBER(container.mounts),
					"%s is mounted twice", mounts->v[i].target);
				return;
			}
}

static void check_container(struct unit_loader *l)
{
	const struct container_section *c = &l->unit->container;

	if (c->group != NULL && c->user == NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(container.group),
			"Group= needs User= beside it");
	if (c->group != NULL && c->user != NULL && strchr(c->user, ':') != NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(container.group),
			"User= has a group already, so Group= is one too many");
}

static void check_ids(struct unit_loader *l)
{
	const struct container_section *c = &l->unit->container;
	const struct ids ids = { c->uid_map.n > 0 ? c->uid_map : c->gid_map,
		c->gid_map.n > 0 ? c->gid_map : c->uid_map };
	size_t member = c->uid_map.n > 0 ? MEMBER(container.uid_map) : MEMBER(container.gid_map);
	struct err e;

	if (ids.uid.n == 0)
		return;
	if (c->userns.mode != USERNS_UNSET)
		loader_complain(l, FAULT_ERROR, member, "UserNS= and %sIDMap= exclude each other",
			c->uid_map.n > 0 ? "U" : "G");
	else if (ids_check(&ids, &e) < 0)
		loader_complain(l, FAULT_ERROR, member, "%s", e.msg);
}

/* The container's init loads the filter for its command, and has no right to without. */
static void check_filter(struct unit_loader *l)
{
	const struct container_section *c = &l->unit->container;

	if (seccomp_has_keys(&l->unit->service) && c->run_init && !c->no_new_privileges)
		loader_complain(l, FAULT_ERROR, MEMBER(container.no_new_privileges),
			"with NoNewPrivileges=no a filter of system calls needs RunInit=no");
}

static void check_reload(struct unit_loader *l)
{
	const struct container_section *c = &l->unit->container;

	if (c->reload_cmd.n > 0 && c->reload_signal != 0)
		loader_complain(l, FAULT_ERROR, MEMBER(container.reload_signal),
			"ReloadCmd= and ReloadSignal= exclude each other");
}

/* An image may have a check of its own, which is not known here. */
static bool has_no_check(struct unit_loader *l)
{
	const struct health_check *h = &l->unit->container.health;

	if (h->interval == TIME_INFINITY)
		return true;
	if (h->cmd.n == 1)
		return strcmp(h->cmd.v[0], HEALTH_OFF) == 0;
	return h->cmd.n == 0 && l->unit->container.image == NULL &&
		loader_origin(l, MEMBER(container.health.cmd)) == NULL;
}

static void check_health(struct unit_loader *l)
{
	static const struct {
		size_t member;
		const char *key;
	} of_startup[] = {
		{ MEMBER(container.startup.interval), "HealthStartupInterval" },
		{ MEMBER(container.startup.timeout), "HealthStartupTimeout" },
		{ MEMBER(container.startup.retries), "HealthStartupRetries" },
		{ MEMBER(container.startup.success), "HealthStartupSuccess" },
	};
	const struct container_section *c = &l->unit->container;

	if (c->notify == NOTIFY_HEALTHY && has_no_check(l))
		loader_complain(l, FAULT_ERROR, MEMBER(container.notify),
			"Notify=healthy needs a health check: write HealthCmd=, and no "
			"HealthInterval=disable");
	if (c->startup.cmd.n > 0 && has_no_check(l))
		loader_complain(l, FAULT_ERROR, MEMBER(container.startup.cmd),
			"HealthStartupCmd= comes before HealthCmd=, and there is none");
	if (c->health_on_failure != HEALTH_NO_ACTION && has_no_check(l))
		loader_complain(l, FAULT_WARNING, MEMBER(container.health_on_failure),
			"HealthOnFailure= does nothing without HealthCmd=");
	for (size_t i = 0; i < ARRAY_LEN(of_startup); i++)
		if (loader_origin(l, of_startup[i].member) != NULL &&
			loader_origin(l, MEMBER(container.startup.cmd)) == NULL)
			loader_complain(l, FAULT_WARNING, of_startup[i].member,
				"%s= does nothing without HealthStartupCmd=", of_startup[i].key);
}

/* ---- [Service] ---- */

static void check_commands(struct unit_loader *l)
{
	const struct service_section *s = &l->unit->service;

	if (s->exec_start.n == 0 && loader_origin(l, MEMBER(service.exec_start)) == NULL &&
		!(s->type == TYPE_ONESHOT && s->exec_stop.n > 0))
		loader_complain(l, FAULT_ERROR, MEMBER(service.exec_start),
			"there is no ExecStart= in [Service]");
	if (s->exec_start.n > 1 && s->type != TYPE_ONESHOT)
		loader_complain(l, FAULT_ERROR, MEMBER(service.exec_start),
			"more than one ExecStart= needs Type=oneshot");
}

static void check_restart(struct unit_loader *l)
{
	const struct service_section *s = &l->unit->service;

	if (s->type == TYPE_ONESHOT &&
		(s->restart == RESTART_ALWAYS || s->restart == RESTART_ON_SUCCESS))
		loader_complain(l, FAULT_ERROR, MEMBER(service.restart),
			"Type=oneshot ends when it is done, so Restart= cannot be always or "
			"on-success; use on-failure");
	if (s->restart_extra == TIME_INFINITY)
		loader_complain(l, FAULT_ERROR, MEMBER(service.restart_extra),
			"RestartRandomizedDelaySec= cannot be infinity");
	if (s->restart_steps > 0 && s->restart_max_delay == TIME_INFINITY)
		loader_complain(l, FAULT_WARNING, MEMBER(service.restart_steps),
			"RestartSteps= does nothing without RestartMaxDelaySec=");
	if (s->restart_steps == 0 && s->restart_max_delay != TIME_INFINITY)
		loader_complain(l, FAULT_WARNING, MEMBER(service.restart_max_delay),
			"RestartMaxDelaySec= does nothing without RestartSteps=");
	if (s->restart_max_delay < s->restart_sec)
		loader_complain(l, FAULT_WARNING, MEMBER(service.restart_max_delay),
			"RestartMaxDelaySec= is shorter than RestartSec=");
	if (s->restart_sec == TIME_INFINITY)
		loader_complain(l, FAULT_ERROR, MEMBER(service.restart_sec),
			"RestartSec= cannot be infinity");
}

static void check_notify_fd(struct unit_loader *l)
{
	const struct service_section *s = &l->unit->service;

	if (s->notify_fd != 0 && s->type == TYPE_ONESHOT)
		loader_complain(l, FAULT_ERROR, MEMBER(service.notify_fd),
			"Type=oneshot is ready when it has ended, so NotifyFD= has no use");
	if (s->notify_fd != 0 && l->unit->container.notify == NOTIFY_HEALTHY)
		loader_complain(l, FAULT_ERROR, MEMBER(service.notify_fd),
			"NotifyFD= and Notify=healthy exclude each other");
}

static void check_run(struct unit_loader *l)
{
	const struct service_section *s = &l->unit->service;

	if (s->type == TYPE_ONESHOT && s->runtime_max != TIME_INFINITY)
		loader_complain(l, FAULT_WARNING, MEMBER(service.runtime_max),
			"RuntimeMaxSec= does nothing with Type=oneshot; use TimeoutStartSec=");
	if (s->runtime_extra != 0 && s->runtime_max == TIME_INFINITY)
		loader_complain(l, FAULT_WARNING, MEMBER(service.runtime_extra),
			"RuntimeRandomizedExtraSec= does nothing without RuntimeMaxSec=");
	if (s->type == TYPE_ONESHOT && s->exit_type == EXIT_TYPE_CGROUP)
		loader_complain(l, FAULT_ERROR, MEMBER(service.exit_type),
			"Type=oneshot ends with its program, so ExitType= cannot be cgroup");
	if (s->kill_mode == KILL_NONE)
		loader_complain(l, FAULT_WARNING, MEMBER(service.kill_mode),
			"KillMode=none leaves processes behind that nobody minds");
}

static void check_notify(struct unit_loader *l)
{
	const struct service_section *s = &l->unit->service;
	bool speaks = s->type == TYPE_NOTIFY || s->type == TYPE_NOTIFY_RELOAD;

	if (speaks && s->notify_access == ACCESS_NONE)
		loader_complain(l, FAULT_ERROR, MEMBER(service.notify_access),
			"Type=%s needs to hear the service, so NotifyAccess= cannot be none",
			s->type == TYPE_NOTIFY ? "notify" : "notify-reload");
	if (speaks && l->unit->kind == KIND_CONTAINER && l->unit->container.notify == NOTIFY_FALSE)
		loader_complain(l, FAULT_ERROR, MEMBER(service.type),
			"Type=%s in a .container needs Notify=true in [Container]",
			s->type == TYPE_NOTIFY ? "notify" : "notify-reload");
}

/* ---- .network and .volume ---- */

static void check_subnet_of(struct unit_loader *l, enum family f)
{
	const struct network_section *n = &l->unit->network;
	const struct subnet *subnet = &n->subnet[f], *range = &n->ip_range[f];

	if (ip_is_set(n->gateway[f]) && subnet->prefix == 0)
		loader_complain(l, FAULT_ERROR, MEMBER(network.gateway), "Gateway= needs Subnet=");
	else if (ip_is_set(n->gateway[f]) && !subnet_has_host(subnet, n->gateway[f]))
		loader_complain(l, FAULT_ERROR, MEMBER(network.gateway),
			"Gateway= is not an address of a host in Subnet=");
	if (range->prefix != 0 && subnet->prefix == 0)
		loader_complain(l, FAULT_ERROR, MEMBER(network.ip_range), "IPRange= needs Subnet=");
	else if (range->prefix != 0 && !subnet_holds(subnet, range))
		loader_complain(l, FAULT_ERROR, MEMBER(network.ip_range),
			"IPRange= is not inside of Subnet=");
}

static void check_subnet(struct unit_loader *l)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		check_subnet_of(l, f);
}

/* Podman's words for the keys that say it here. */
static void take_words(struct unit_loader *l)
{
	struct network_section *n = &l->unit->network;
	uint64_t vlan;

	if (n->driver != DRIVER_BRIDGE && n->interface_name != NULL && n->interfaces.n == 0)
		strv_add(l->arena, &n->interfaces, n->interface_name);
	for (size_t i = 0; i < n->options.n; i++) {
		const struct setting *o = &n->options.v[i];

		if (strcmp(o->name, "parent") == 0 && n->interfaces.n == 0)
			strv_add(l->arena, &n->interfaces, o->value);
		if (strcmp(o->name, "parent") == 0 && !if_name_ok(o->value, strlen(o->value)))
			loader_complain(l, FAULT_ERROR, MEMBER(network.options),
				"Options=parent=%s: not the name of an interface", o->value);
		if (strcmp(o->name, "vlan") != 0)
			continue;
		if (number_u64(o->value, &vlan) == 0 && vlan >= 1 && vlan <= 4094)
			n->vlan = (uint32_t)vlan;
		else
			loader_complain(l, FAULT_ERROR, MEMBER(network.options),
				"Options=vlan=%s: not a number from 1 to 4094", o->value);
	}
}

/* What is of a bridge does nothing without one. */
static void check_unbridged(struct unit_loader *l)
{
	static const struct {
		size_t member;
		const char *key;
	} of_bridge[] = {
		{ MEMBER(network.host_access), "HostAccess" },
		{ MEMBER(network.port_security), "PortSecurity" },
	};

	if (l->unit->network.interfaces.n != 1)
		loader_complain(l, FAULT_ERROR, MEMBER(network.driver),
			"this Driver= is for one device, write its Interface= beside it");
	for (size_t i = 0; i < ARRAY_LEN(of_bridge); i++)
		if (loader_origin(l, of_bridge[i].member) != NULL)
			loader_complain(l, FAULT_WARNING, of_bridge[i].member,
				"%s= does nothing without Driver=bridge", of_bridge[i].key);
}

/* A strict one would lead from neighbour to neighbour by way of the host, which is its way out as well. */
static void check_uplink(struct unit_loader *l, bool strict)
{
	const struct network_section *n = &l->unit->network;
	const struct {
		bool lacks;
		const char *what;
	} needs[] = {
		{ n->driver != DRIVER_BRIDGE, "Driver=bridge" },
		{ n->interfaces.n == 0,
			"the device that leads outside, write its Interface= beside it" },
		{ n->internal, "a way out, which Internal=yes takes away" },
		{ strict, "neighbours that reach each other, which isolate=strict forbids" },
	};

	for (size_t i = 0; n->uplink && i < ARRAY_LEN(needs); i++)
		if (needs[i].lacks)
			loader_complain(l, FAULT_ERROR, MEMBER(network.uplink),
				"Uplink=yes needs %s", needs[i].what);
}

static void check_network_options(struct unit_loader *l)
{
	struct bridge_plan options = { .driver = (uint8_t)l->unit->network.driver };
	struct err e;

	take_words(l);
	if (bridge_options(&options, &l->unit->network.options, &e) < 0)
		loader_complain(l, FAULT_ERROR, MEMBER(network.options), "%s", e.msg);
	if (l->unit->network.driver != DRIVER_BRIDGE)
		check_unbridged(l);
	else if (l->unit->network.vlan != 0 && l->unit->network.interfaces.n == 0)
		loader_complain(l, FAULT_ERROR,
			loader_origin(l, MEMBER(network.vlan)) != NULL ? MEMBER(network.vlan)
								       : MEMBER(network.options),
			"VLAN= is one of a device, write its Interface= beside it");
	if (options.mtu != 0 && options.mtu < IPV6_MTU && network_has(l->unit, FAMILY_V6))
		loader_complain(l, FAULT_ERROR, MEMBER(network.options),
			"Options=mtu=%u: IPv6 needs %u", options.mtu, IPV6_MTU);
	check_uplink(l, options.strict);
}

static void check_device(struct unit_loader *l)
{
	const struct volume_section *v = &l->unit->volume;

	if (v->device == NULL && v->type != NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(volume.type), "Type= needs Device=");
	if (v->device == NULL && v->options != NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(volume.options), "Options= needs Device=");
}

/* ---- .timer */

static void check_timer(struct unit_loader *l)
{
	const struct timer_section *s = &l->unit->timer;
	bool calendar = false;

	for (size_t i = 0; i < s->triggers.n; i++)
		calendar = calendar || s->triggers.v[i].base == ON_CALENDAR;
	if (s->triggers.n == 0 && !s->on_clock_change && !s->on_timezone_change &&
		loader_origin(l, MEMBER(timer.triggers)) == NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(timer.triggers),
			"there is nothing in [Timer] that makes it elapse, like OnCalendar=");
	if (s->unit != NULL && unit_kind_of(s->unit) == KIND_TIMER)
		loader_complain(l, FAULT_ERROR, MEMBER(timer.unit), "a timer cannot start a timer");
	if (s->persistent && !calendar)
		loader_complain(l, FAULT_WARNING, MEMBER(timer.persistent),
			"Persistent= does nothing without OnCalendar=");
}

/* ---- .socket ---- */

static size_t n_files(const struct listens *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += list->v[i].family == LISTEN_PATH;
	return n;
}

static void check_socket(struct unit_loader *l)
{
	const struct socket_section *s = &l->unit->socket;

	if (s->listen.n == 0 && loader_origin(l, MEMBER(socket.listen)) == NULL)
		loader_complain(l, FAULT_ERROR, MEMBER(socket.listen),
			"there is nothing to listen on in [Socket]; use ListenStream=");
	if (s->listen.n > SOCKET_LISTEN_MAX)
		loader_complain(l, FAULT_ERROR, MEMBER(socket.listen), "more than %u to listen on",
			SOCKET_LISTEN_MAX);
	if (s->accept)
		loader_complain(l, FAULT_ERROR, MEMBER(socket.accept),
			"Accept=yes is refused: a process for each connection is not done here; with Accept=no "
			"the service gets the listening socket (sd_listen_fds(3)) and accepts itself");
	if (s->symlinks.n > 0 && n_files(&s->listen) != 1)
		loader_complain(l, FAULT_ERROR, MEMBER(socket.symlinks),
			"Symlinks= needs one Unix socket or FIFO with a path, not more");
}

/* Who says an interval wants a limit: journald's. */
static void check_log_limit(struct unit_loader *l)
{
	struct service_section *s = &l->unit->service;

	if (loader_origin(l, MEMBER(service.log_interval)) != NULL &&
		loader_origin(l, MEMBER(service.log_burst)) == NULL)
		s->log_burst = LOG_LIMIT_BURST;
}

static const struct {
	uint32_t kinds;
	void (*check)(struct unit_loader *l);
} rules[] = {
	{ KINDS(CONTAINER), check_image },
	{ KINDS(CONTAINER), check_container },
	{ KINDS(CONTAINER), check_ids },
	{ KINDS(CONTAINER), check_filter },
	{ KINDS(CONTAINER), check_reload },
	{ KINDS(CONTAINER), check_health },
	{ KINDS(CONTAINER), check_network },
	{ KINDS(CONTAINER), check_interfaces },
	{ KINDS(CONTAINER), check_ports },
	{ KINDS(CONTAINER), check_mounts },
	{ KINDS(SERVICE), check_commands },
	{ KINDS(CONTAINER) | KINDS(SERVICE), check_restart },
	{ KINDS(CONTAINER) | KINDS(SERVICE), check_notify_fd },
	{ KINDS(CONTAINER) | KINDS(SERVICE), check_run },
	{ KINDS(CONTAINER) | KINDS(SERVICE), check_notify },
	{ KINDS(CONTAINER) | KINDS(SERVICE), check_log_limit },
	{ KINDS(NETWORK), check_subnet },
	{ KINDS(NETWORK), check_network_options },
	{ KINDS(VOLUME), check_device },
	{ KINDS(TIMER), check_timer },
	{ KINDS(SOCKET), check_socket },
};

void unit_check(struct unit_loader *l)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if ((rules[i].kinds & 1u << l->unit->kind) != 0)
			rules[i].check(l);
}
