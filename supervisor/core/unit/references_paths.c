/*
 * RequiresMountsFor=, WantsMountsFor= and the paths of other keys that must be there: from them to the units that mount
 * something there or above. Inside of the unit set. A kind of unit that mounts takes part by one row of `places`.
 */
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/unit/references.h"

#include <stdlib.h>
#include <string.h>

static const char *place_of_volume(struct arena *a, const struct unit *u)
{
	size_t stem = strlen(u->name) - strlen(".volume");

	return arena_printf(a, "%s/%.*s", PATH_VOLUMES, (int)stem, u->name);
}

static const char *place_of_mount(struct arena *a, const struct unit *u)
{
	(void)a;
	return u->mount.where;
}

/* Where a unit of the kind mounts; NULL: nowhere. */
static const struct place_row {
	enum unit_kind kind;
	const char *(*place)(struct arena *a, const struct unit *u);
} places[] = {
	{ KIND_VOLUME, place_of_volume },
	{ KIND_MOUNT, place_of_mount },
};

struct place {
	const char *path; /* without a "/" at its end */
	uint32_t unit;
};

struct place_list {
	struct place *v;
	size_t n;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	return order != 0 ? order : (a->unit > b->unit) - (a->unit < b->unit);
}

static void collect(struct builder *b, struct place_list *list)
{
	for (uint32_t i = 0; i < b->set->n; i++)
		for (size_t k = 0; k < ARRAY_LEN(places); k++) {
			const struct unit *u = &b->set->units[i];
			const char *path = NULL;

			if (places[k].kind == u->kind)
				path = places[k].place(&b->scratch, u);
			if (path != NULL)
				*LIST_ADD(&b->scratch, list) = (struct place){ path, i };
		}
	if (list->n > 1)
		qsort(list->v, list->n, sizeof(*list->v), compare_places);
}

/* The first of those at this path, or the end of the list. */
static size_t first_at(const struct place_list *list, const char *path)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(list->v[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void tie(struct builder *b, const struct place_list *list, uint32_t unit,
	enum dependency dep, const char *at)
{
	for (size_t i = first_at(list, at); i < list->n && strcmp(list->v[i].path, at) == 0; i++) {
		if (list->v[i].unit == unit)
			continue;
		graph_add(&b->scratch, &b->edges, unit, dep, list->v[i].unit, false);
		graph_add(&b->scratch, &b->edges, unit, DEP_AFTER, list->v[i].unit, false);
	}
}

/* The path itself, then each folder above it. */
static void resolve_path(struct builder *b, const struct place_list *list, uint32_t unit,
	enum dependency dep, const char *given)
{
	char *path = arena_strdup(&b->scratch, given);
	size_t len = strlen(path);

	while (len > 0) {
		while (len > 0 && path[len - 1] == '/')
			path[--len] = '\0';
		tie(b, list, unit, dep, len > 0 ? path : "/");
		while (len > 0 && path[len - 1] != '/')
			path[--len] = '\0';
	}
}

static void resolve(struct builder *b, const struct place_list *list, uint32_t unit,
	enum dependency dep, const struct strv *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		resolve_path(b, list, unit, dep, paths->v[i]);
}

static void need_path(struct builder *b, const struct place_list *list, uint32_t unit,
	const char *path)
{
	if (path != NULL && path[0] == '/')
		resolve_path(b, list, unit, DEP_REQUIRES, path);
}

/* The paths of other keys: a folder that something is to be mounted on later must not be taken for what it will be. */
static void resolve_keys(struct builder *b, const struct place_list *list, uint32_t unit)
{
	const struct unit *u = &b->set->units[unit];
	const struct container_section *c = &u->container;
	const char *dir = u->service.working_directory;

	for (size_t i = 0; i < c->mounts.n; i++)
		if (c->mounts.v[i].kind == MOUNT_BIND)
			need_path(b, list, unit, c->mounts.v[i].source);
	if (c->rootfs != NULL)
		need_path(b, list, unit,
			arena_strndup(&b->scratch, c->rootfs, strcspn(c->rootfs, ":")));
	if (dir != NULL)
		need_path(b, list, unit, dir + (dir[0] == '-'));
	need_path(b, list, unit, u->volume.device);
	need_path(b, list, unit, u->mount.what);
	for (size_t k = 0; k < ARRAY_LEN(places); k++)
		if (places[k].kind == u->kind)
			need_path(b, list, unit, places[k].place(&b->scratch, u));
}

void mounts_for_resolve(struct builder *b)
{
	struct place_list list = { 0 };

	collect(b, &list);
	for (uint32_t i = 0; i < b->set->n && list.n > 0; i++) {
		const struct unit_section *u = &b->set->units[i].unit;

		resolve(b, &list, i, DEP_REQUIRES, &u->requires_mounts_for);
		resolve(b, &list, i, DEP_WANTS, &u->wants_mounts_for);
		resolve_keys(b, &list, i);
	}
}
