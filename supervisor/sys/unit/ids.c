/*
 * Which ids a container has: the table of ranges, and the user namespace that one of them is for. It is made before the
 * first start, together with the network namespace, and stays while the unit holds anything.
 *
 * Who shares the network of another container shares its user namespace, unless it says otherwise: its rights over that
 * network would be none. Where the kernel, a file system or the supervisor's own rights do not allow one, the container
 * runs without, which is said in its log and its status.
 */
#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/unit/userns.h"

#include <stdlib.h>
#include <string.h>

#define RANGES "ids"

void ids_open(struct supervisor *s)
{
	struct arena a = { 0 };

	id_ranges_read(&s->ranges, table_read(s, &a, RANGES), &s->lease_arena);
	arena_free(&a);
}

static bool shares(const struct unit *u)
{
	const struct container_section *c = &u->container;

	return unit_network_mode(u) == NETWORK_CONTAINER && c->userns.mode == USERNS_UNSET &&
		c->uid_map.n == 0 && c->gid_map.n == 0;
}

/* ---- the maps */

static struct ids *same_for_both(struct arena *a, struct id_extent extent)
{
	struct ids *ids = arena_alloc(a, sizeof(*ids));

	*LIST_ADD(a, &ids->uid) = extent;
	ids->gid = ids->uid;
	return ids;
}

static bool is_no_unit(const struct supervisor *s, const char *name)
{
	return unit_set_find(s->set, name) < 0;
}

/* Ranges of units that are no more are given again when there is no other. */
static void forget_units(struct supervisor *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->ranges.n; i++)
		if (!is_no_unit(s, s->ranges.v[i].unit))
			s->ranges.v[kept++] = s->ranges.v[i];
	s->ranges.n = kept;
}

static const struct id_range *range_for(struct supervisor *s, const struct unit *u, uint32_t count,
	struct err *e)
{
	const struct id_range *had = id_range_of(&s->ranges, u->name), *r;
	struct arena a = { 0 };
	int rc = 0;

	if (had != NULL && had->count == count)
		return had;
	r = id_range_give(&s->ranges, u->name, count, &s->lease_arena);
	if (r == NULL) {
		forget_units(s);
		r = id_range_give(&s->ranges, u->name, count, &s->lease_arena);
	}
	if (r == NULL)
		(void)err_setx(e,
			"UserNS=auto: no range of %u ids is left: %zu containers have theirs; use UserNS=host",
			count, s->ranges.n);
	else
		rc = table_save(s, RANGES, id_ranges_print(&s->ranges, &a), "ids");
	arena_free(&a);
	if (r != NULL && rc < 0)
		(void)err_setx(e, "UserNS=auto: its range of ids can be written nowhere");
	return rc == 0 ? r : NULL;
}

/* For people only: the range that would be given now. */
static const struct id_range *range_to_show(const struct supervisor *s, const struct unit *u,
	uint32_t count, struct arena *a)
{
	struct id_ranges copy = { arena_array(a, s->ranges.n + 1, sizeof(*copy.v)), s->ranges.n };

	if (copy.n > 0)
		memcpy(copy.v, s->ranges.v, copy.n * sizeof(*copy.v));
	return id_range_give(&copy, u->name, count, a);
}

static int ids_auto(struct supervisor *s, const struct unit *u, bool gives, const struct ids **ids,
	struct arena *a, struct err *e)
{
	uint32_t count = u->container.userns.size != 0 ? u->container.userns.size : IDS_SIZE;
	const struct id_range *r = gives ? range_for(s, u, count, e)
					 : range_to_show(s, u, count, a);

	if (r != NULL)
		*ids = same_for_both(a, (struct id_extent){ 0, r->base, r->count });
	return r != NULL || !gives ? 0 : -1;
}

static int ids_of_lines(const struct unit *u, const struct ids **out, struct arena *a,
	struct err *e)
{
	const struct container_section *c = &u->container;
	struct ids *ids = arena_alloc(a, sizeof(*ids));

	ids->uid = c->uid_map.n > 0 ? c->uid_map : c->gid_map;
	ids->gid = c->gid_map.n > 0 ? c->gid_map : c->uid_map;
	*out = ids;
	return ids_check(ids, e);
}

/* What the unit is to have; NULL with *why: none. gives: a range is given to it, and not only shown. */
static int wanted(struct supervisor *s, const struct unit *u, bool gives, const struct ids **ids,
	const char **why, struct arena *a, struct err *e)
{
	*ids = NULL;
	switch (ids_mode(u, why)) {
	case USERNS_HOST:
		break;
	case USERNS_AUTO:
		return ids_auto(s, u, gives, ids, a, e);
	case USERNS_KEEP_ID:
		return userns_own_ids(ids, a, e);
	case USERNS_UNSET:
		return ids_of_lines(u, ids, a, e);
	}
	return 0;
}

/* ---- the namespace */

static const struct instance *owner_of(const struct instance *inst)
{
	return shares(unit_at(inst->s, inst->index)) ? network_owner(inst) : inst;
}

int ids_namespace(const struct instance *inst)
{
	const struct instance *owner = owner_of(inst);

	return owner != NULL ? owner->userns : -1;
}

static bool has_own_network(const struct unit *u)
{
	return unit_network_mode(u) != NETWORK_HOST && unit_network_mode(u) != NETWORK_CONTAINER;
}

static void go_without(struct instance *inst, const struct err *why)
{
	free(inst->unmapped);
	inst->unmapped = strdup(why->msg);
	journal(inst->s, LOG_LEVEL_WARNING, inst->unit, "runs without a user namespace: %s",
		why->msg);
}

static int make(struct instance *inst, const struct ids *ids, const struct facts *f,
	struct arena *a, int *fresh, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	struct userns made __attribute__((cleanup(userns_close))) = { -1, -1 };
	struct facts mapped = *f;
	const struct mount_op *ops;
	struct err why;
	size_t n = 0;

	fd_close(&inst->userns); /* its network namespace is not there any more */
	mapped.ids = ids;
	ops = plan_mounts_of(u, &mapped, a, &n);
	if (userns_make(ids, has_own_network(u), &made, &why) < 0 ||
		userns_can_mount(made.user, ops, n, &why) < 0) {
		go_without(inst, &why);
		return 0;
	}
	KILL_POINT("userns-made");
	free(inst->unmapped);
	inst->unmapped = NULL;
	inst->userns = fd_take(&made.user);
	*fresh = fd_take(&made.net);
	/* before the other one: who has a network namespace and no user namespace is to have none */
	return link_hold(&inst->s->link, "userns", inst->unit, inst->userns, e);
}

int ids_attach(struct instance *inst, struct facts *f, struct arena *a, int *fresh, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct instance *owner = owner_of(inst);
	const struct unit *u = unit_at(s, inst->index);
	const struct ids *ids;

	if (owner == NULL)
		return 0;
	if (wanted(s, unit_at(s, owner->index), true, &ids, &f->ids_why, a, e) < 0)
		return -1;
	if (ids == NULL)
		return 0;
	if (owner == inst && inst->netns < 0 && (inst->userns < 0 || has_own_network(u)) &&
		make(inst, ids, f, a, fresh, e) < 0)
		return -1;
	if (owner->userns >= 0)
		f->ids = ids;
	else
		f->ids_why = owner->unmapped != NULL ? owner->unmapped : "its log says why";
	return 0;
}

int ids_facts(const struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	int at = shares(u) ? unit_set_find(s->set, unit_network(u, 0)->unit) : (int)inst->index;

	if (at < 0 || wanted(s, unit_at(s, (uint32_t)at), false, &f->ids, &f->ids_why, a, e) < 0)
		return at < 0 ? 0 : -1;
	if (inst->unmapped != NULL) {
		f->ids = NULL;
		f->ids_why = inst->unmapped;
	}
	return 0;
}

void ids_give(const struct instance *inst, const struct facts *f)
{
	uint32_t uid, gid;

	if (f->ids == NULL)
		return;
	uid = id_host(&f->ids->uid, 0);
	gid = id_host(&f->ids->gid, 0);
	names_give(inst, uid, gid);
	if (f->notify_socket != NULL)
		(void)!chown(f->notify_socket, uid, gid);
}
