/*
 * From texts to units and edges: the texts are sorted by unit, each unit is read, the units that are always
 * there are added, then the names between units are looked up.
 */
#include "supervisor/core/unitset.h"

#include "common/util.h"
#include "supervisor/core/references.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TARGET "default.target"
#define BOOT_TARGET "multi-user.target"
#define DEFAULT_NETWORK "sup0.network"
#define IMPLICIT_MAX 3

/* ---- looking up ---- */

static int compare_unit_names(const void *name, const void *unit)
{
	return strcmp(name, ((const struct unit *)unit)->name);
}

static int compare_aliases(const void *name, const void *alias)
{
	return strcmp(name, ((const struct unit_alias *)alias)->name);
}

int unit_set_find(const struct unit_set *set, const char *name)
{
	const struct unit_alias *alias = NULL;
	const struct unit *u = NULL;

	if (set->n > 0)
		u = bsearch(name, set->units, set->n, sizeof(*set->units), compare_unit_names);
	if (u != NULL)
		return (int)(u - set->units);
	if (set->n_aliases > 0)
		alias = bsearch(name, set->aliases, set->n_aliases, sizeof(*set->aliases),
			compare_aliases);
	return alias != NULL ? (int)alias->unit : -1;
}

/* The one unit of these kinds with that stem: -1 when there is none, -2 when there are several. */
static int find_stem(const struct unit_set *set, const char *name, uint32_t kinds)
{
	int found = -1;

	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		char full[UNIT_NAME_MAX];
		struct text t = { full, sizeof(full), 0 };
		int index;

		text_printf(&t, "%s.%s", name, unit_kind_name((enum unit_kind)kind));
		if ((kinds >> kind & 1) == 0 || t.len >= sizeof(full))
			continue;
		index = unit_set_find(set, full);
		if (index >= 0)
			found = found == -1 ? index : -2;
	}
	return found;
}

int unit_set_find_loose(const struct unit_set *set, const char *name)
{
	const uint32_t run = 1u << KIND_CONTAINER | 1u << KIND_SERVICE;
	int found = unit_set_find(set, name);

	/* "redis" is the service before it is the volume of that name */
	if (found < 0)
		found = find_stem(set, name, run);
	if (found == -1)
		found = find_stem(set, name, ~run);
	return found >= 0 ? found : -1;
}

/* ---- reading ---- */

static int compare_texts(const void *left, const void *right)
{
	const struct unit_text *const *a = left, *const *b = right;
	int order = strcmp((*a)->unit, (*b)->unit);

	/* Of one unit, in the order in which they were given. */
	return order != 0 ? order : (*a > *b) - (*a < *b);
}

static bool is_drop_in(const struct unit_text *text)
{
	size_t len = strlen(text->path);

	return len > 5 && strcmp(text->path + len - 5, ".conf") == 0;
}

/* Units that exist without a file, so a drop-in is all they need. */
static bool is_implicit(const char *name)
{
	return strcmp(name, DEFAULT_TARGET) == 0 || strcmp(name, BOOT_TARGET) == 0 ||
		strcmp(name, DEFAULT_NETWORK) == 0;
}

static void file_fault(struct builder *b, enum fault_level level, struct unit *unit,
	const struct unit_text *text, const char *message)
{
	struct unit_fault f = {
		.level = level,
		.path = arena_strdup(&b->set->arena, text->path),
		.message = message,
	};

	unit_fault_add(&b->set->arena, &b->faults, unit, &f);
}

static struct unit *new_unit(struct builder *b, const char *name)
{
	enum unit_kind kind = unit_kind_of(name);
	struct unit *u = &b->set->units[b->set->n++];

	*u = b->defaults[kind];
	u->name = arena_strdup(&b->set->arena, name);
	return u;
}

static struct origin origin_of(const struct builder *b, size_t member)
{
	const struct origin *origin = loader_origin(&b->loader, member);

	return origin != NULL ? *origin : (struct origin){ .path = NULL };
}

static void keep_origins(struct builder *b, const struct unit *u)
{
	struct references *r = &b->references[u - b->set->units];

	for (size_t tie = 0; tie < TIE_COUNT; tie++)
		r->ties[tie] = origin_of(b, tie_members[tie]);
	r->alias = origin_of(b, offsetof(struct unit, install.alias));
	r->network = origin_of(b, offsetof(struct unit, container.network));
	r->mounts = origin_of(b, offsetof(struct unit, container.mounts));
	r->ports = origin_of(b, offsetof(struct unit, container.ports));
	r->ip = origin_of(b, offsetof(struct unit, container.ip));
}

static void read_unit(struct builder *b, const struct unit_text *const *texts, size_t n)
{
	struct unit *u = new_unit(b, texts[0]->unit);

	b->loader.unit = u;
	memset(b->loader.origins, 0, n_keys * sizeof(*b->loader.origins));
	u->digest = UINT64_C(0xcbf29ce484222325);
	if (!is_drop_in(texts[0]))
		u->file = arena_strdup(&b->set->arena, texts[0]->path);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && !is_drop_in(texts[i])) {
			file_fault(b, FAULT_ERROR, u, texts[i], "another file defines this unit");
			continue;
		}
		unit_file_read(&b->loader, texts[i]);
	}
	unit_file_finish(&b->loader);
	keep_origins(b, u);
}

/* One group of texts that name the same unit. */
static void read_group(struct builder *b, const struct unit_text *const *texts, size_t n)
{
	const char *name = texts[0]->unit;

	if (unit_kind_of(name) == KIND_COUNT)
		file_fault(b, FAULT_ERROR, NULL, texts[0],
			"the name does not end like a unit: .container, .service, .network, .volume, "
			".target");
	else if (unit_name_check(name) < 0)
		file_fault(b, FAULT_ERROR, NULL, texts[0],
			"this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -");
	else if (is_drop_in(texts[0]) && !is_implicit(name))
		file_fault(b, FAULT_WARNING, NULL, texts[0], "there is no unit that this adds to");
	else
		read_unit(b, texts, n);
}

static void read_all(struct builder *b, const struct unit_text *texts, size_t n)
{
	const struct unit_text **sorted = arena_array(&b->scratch, n + 1, sizeof(*sorted));
	size_t groups = 0, n_units = 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i].unit, MANAGER_FILE) != 0)
			sorted[n_units++] = &texts[i];
	n = n_units;
	qsort(sorted, n, sizeof(*sorted), compare_texts);
	for (size_t i = 0; i < n; i++)
		groups += i == 0 || strcmp(sorted[i - 1]->unit, sorted[i]->unit) != 0;
	b->set->units = arena_array(&b->set->arena, groups + IMPLICIT_MAX, sizeof(*b->set->units));
	b->references = arena_array(&b->scratch, groups + IMPLICIT_MAX, sizeof(*b->references));
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && strcmp(sorted[i]->unit, sorted[end]->unit) == 0; end++)
			;
		read_group(b, sorted + i, end - i);
	}
}

/* ---- units without a file ---- */

static void add_implicit(struct builder *b, const char *name, const char *description)
{
	struct unit_set *set = b->set;
	struct unit *u;
	size_t at = 0;

	if (unit_set_find(set, name) >= 0)
		return;
	while (at < set->n && strcmp(set->units[at].name, name) < 0)
		at++;
	u = &set->units[at];
	memmove(u + 1, u, (set->n - at) * sizeof(*u));
	memmove(&b->references[at + 1], &b->references[at], (set->n - at) * sizeof(*b->references));
	memset(&b->references[at], 0, sizeof(*b->references));
	for (size_t i = 0; i < set->n_aliases; i++)
		set->aliases[i].unit += set->aliases[i].unit >= at;
	set->n++;
	*u = b->defaults[unit_kind_of(name)];
	u->name = arena_strdup(&set->arena, name);
	u->unit.description = description;
}

static bool uses_default_network(const struct unit_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->units[i].kind == KIND_CONTAINER &&
			set->units[i].container.network.mode == NETWORK_DEFAULT)
			return true;
	return false;
}

static void add_implicit_units(struct builder *b)
{
	add_implicit(b, DEFAULT_TARGET, "What is started at boot");
	add_implicit(b, BOOT_TARGET, "The services of the appliance");
	if (uses_default_network(b->set))
		add_implicit(b, DEFAULT_NETWORK, "The network of containers that name none");
}

/* The first file of the manager counts, as of anything in the search path. */
static void read_manager(struct builder *b, const struct unit_text *texts, size_t n)
{
	struct unit_set *set = b->set;
	size_t at = 0;

	manager_defaults(&set->arena, &set->manager);
	while (at < n && strcmp(texts[at].unit, MANAGER_FILE) != 0)
		at++;
	if (at < n)
		manager_file_read(&set->arena, &texts[at], &set->manager, &b->faults);
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		unit_defaults(&set->arena, (enum unit_kind)kind, &b->defaults[kind]);
		manager_apply(&set->manager, &b->defaults[kind]);
	}
}

void unit_set_build(struct unit_set *set, const struct unit_text *texts, size_t n)
{
	struct builder b = { .set = set };

	memset(set, 0, sizeof(*set));
	b.loader.arena = &set->arena;
	b.loader.faults = &b.faults;
	b.loader.origins = arena_array(&b.scratch, n_keys, sizeof(*b.loader.origins));
	read_manager(&b, texts, n);
	read_all(&b, texts, n);
	aliases_resolve(&b);
	add_implicit_units(&b);
	set->nodes = arena_array(&set->arena, set->n, sizeof(*set->nodes));
	references_resolve(&b, DEFAULT_TARGET, BOOT_TARGET, DEFAULT_NETWORK);
	set->faults = b.faults.v;
	set->n_faults = b.faults.n;
	arena_free(&b.scratch);
}

void unit_set_free(struct unit_set *set)
{
	arena_free(&set->arena);
	memset(set, 0, sizeof(*set));
}
