/*
 * Which devices the unit may use. A container has the engines' default list and what AddDevice= and DeviceAllow= add; a
 * service is free until DeviceAllow= or DevicePolicy= says otherwise, as in systemd.resource-control(5).
 *
 * All processes of a unit share its cgroup, and one program holds that: what runs beside the container (ExecReload=) is
 * held to the container's list, what runs before and after it is not.
 */
#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"

#include <string.h>

#define RTC "char-rtc" /* ProtectClock=yes */

/* Of a process with DevicePolicy=closed. */
static const struct {
	char name[8];
	struct device_rule rule;
} pseudo[] = {
	{ "null", { false, DEVICE_ALL, 1, 3 } }, { "zero", { false, DEVICE_ALL, 1, 5 } },
	{ "full", { false, DEVICE_ALL, 1, 7 } }, { "random", { false, DEVICE_ALL, 1, 8 } },
	{ "urandom", { false, DEVICE_ALL, 1, 9 } }, { "tty", { false, DEVICE_ALL, 5, 0 } },
	{ "ptmx", { false, DEVICE_ALL, 5, 2 } },
	{ "pts", { false, DEVICE_READ | DEVICE_WRITE, 136, DEVICE_ANY } },
	{ "console", { false, DEVICE_READ | DEVICE_WRITE, 5, 1 } }, /* of a container alone */
};
static const struct device_rule null = { false, DEVICE_READ | DEVICE_WRITE, 1, 3 };

static void add(struct planner *pl, struct device_rule rule)
{
	device_rules_add(pl->arena, &pl->p->devices, rule);
}

static void add_named(struct planner *pl, const char *name, uint8_t access)
{
	const struct facts *facts = pl->facts;

	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct device_number *d = &facts->devices[i];

		if (strcmp(d->name, name) == 0)
			add(pl, (struct device_rule){ d->block, access, d->major, d->minor });
	}
}

static void add_list(struct planner *pl, const struct devices *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct device *d = &list->v[i];

		add_named(pl, d->host,
			(uint8_t)((d->read ? DEVICE_READ : 0) | (d->write ? DEVICE_WRITE : 0) |
				(d->mknod ? DEVICE_MKNOD : 0)));
	}
}

static void add_pseudo(struct planner *pl)
{
	size_t n = ARRAY_LEN(pseudo) - (pl->u->kind != KIND_CONTAINER);

	for (size_t i = 0; i < n; i++)
		add(pl, pseudo[i].rule);
}

const char *plan_device_usual(const struct device_rule *rule)
{
	for (size_t i = 0; i < ARRAY_LEN(pseudo); i++) {
		const struct device_rule *r = &pseudo[i].rule;

		if (rule->block == r->block && rule->major == r->major && rule->minor == r->minor)
			return pseudo[i].name;
	}
	return NULL;
}

/* What the start itself opens in the cgroup: /dev/null, and the terminal of TTYPath=. */
static void add_own(struct planner *pl)
{
	const struct plan *p = pl->p;

	add(pl, null);
	if (p->in == PLAN_STDIO_TTY || p->out == PLAN_STDIO_TTY || p->err == PLAN_STDIO_TTY)
		add_named(pl, p->tty, DEVICE_READ | DEVICE_WRITE);
}

/* The host's side of a container's start: its main process is not there yet, or no more. */
static bool is_before_or_after(enum role role)
{
	return role == ROLE_CONDITION || role == ROLE_START_PRE || role == ROLE_STOP_POST;
}

void plan_devices(struct planner *pl)
{
	const struct service_section *s = &pl->u->service;
	struct plan *p = pl->p;

	p->devices_asked = s->device_policy != DEVICE_POLICY_AUTO || s->device_allow.n > 0 ||
		s->sandbox.private_devices || s->sandbox.protect_clock;
	if (pl->u->kind == KIND_CONTAINER && p->role != ROLE_MAIN) {
		p->device_control = is_before_or_after(p->role) ? DEVICES_FREE : DEVICES_KEPT;
		return;
	}
	if (pl->u->kind != KIND_CONTAINER && !p->devices_asked) {
		p->device_control = DEVICES_FREE;
		return;
	}
	p->device_control = DEVICES_LISTED;
	if (s->device_policy != DEVICE_POLICY_STRICT)
		add_pseudo(pl);
	add_own(pl);
	if (pl->u->kind == KIND_CONTAINER)
		add_list(pl, &pl->u->container.devices);
	add_list(pl, &s->device_allow);
	if (s->sandbox.protect_clock)
		add_named(pl, RTC, DEVICE_READ);
}

static void add_names(struct arena *a, struct strv *names, const struct devices *list)
{
	for (size_t i = 0; i < list->n; i++)
		strv_add(a, names, list->v[i].host);
}

struct strv plan_device_names(const struct unit *u, struct arena *arena)
{
	const struct service_section *s = &u->service;
	struct strv names = { 0 };

	add_names(arena, &names, &u->container.devices);
	add_names(arena, &names, &s->device_allow);
	if (s->sandbox.protect_clock)
		strv_add(arena, &names, RTC);
	if (s->stdin_kind == STDIO_TTY || s->out.kind == STDIO_TTY || s->err.kind == STDIO_TTY)
		strv_add(arena, &names, s->tty_path != NULL ? s->tty_path : "/dev/console");
	return names;
}
