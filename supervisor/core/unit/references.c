#include "supervisor/core/unit/references.h"

#include "common/util.h"
#include "supervisor/core/keys/known.h"
#include "supervisor/core/keys/suggest.h"
#include "supervisor/core/unit/builtin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUESSES_MAX 50u

#define NO_EDGE DEP_COUNT
#define SILENT (-1)

static const struct tie_row {
	const char *key;
	unsigned int dep;
	enum { MINE, THEIRS } whose;
	int missing; /* enum fault_level */
} tie_rows[TIE_COUNT] = {
#define X(key, member, dep, whose, missing) [TIE_##key] = { #key, dep, whose, missing },
	TIES(X)
#undef X
};

const size_t tie_members[TIE_COUNT] = {
#define X(key, member, dep, whose, missing) [TIE_##key] = offsetof(struct unit, member),
	TIES(X)
#undef X
};

void references_complain(struct builder *b, uint32_t unit, enum fault_level level,
	const struct origin *origin, const char *fmt, ...)
{
	struct unit *u = &b->set->units[unit];
	struct unit_fault f = { .level = level, .path = u->file };
	char message[400];
	va_list ap;

	if (origin->path != NULL) {
		f.path = origin->path;
		f.line = origin->at.line;
		f.column = origin->at.column;
	}
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	f.message = arena_strdup(&b->set->arena, message);
	unit_fault_add(&b->set->arena, &b->faults, u, &f);
}

/* ---- names ---- */

static int find_as(const struct unit_set *set, const char *stem, size_t len, const char *suffix)
{
	char name[UNIT_NAME_MAX];
	struct text t = { name, sizeof(name), 0 };

	text_put(&t, stem, len);
	text_puts(&t, suffix);
	return t.len < sizeof(name) ? unit_set_find(set, name) : -1;
}

/*
 * Quadlet makes web.service of web.container, lan-network.service of lan.network, data-volume.service of
 * data.volume, and units are written with those names; a real .service of the name goes first.
 */
bool references_form(const char *name, size_t form, char other[UNIT_NAME_MAX])
{
	static const struct {
		const char *ending, *suffix;
	} forms[REFERENCE_FORMS] = {
		{ ".service", ".container" },
		{ "-network.service", ".network" },
		{ "-volume.service", ".volume" },
	};
	struct text t = { other, UNIT_NAME_MAX, 0 };
	size_t len = strlen(name), tail = strlen(forms[form].ending);

	if (len <= tail || strcmp(name + len - tail, forms[form].ending) != 0)
		return false;
	text_put(&t, name, len - tail);
	text_puts(&t, forms[form].suffix);
	return t.len < UNIT_NAME_MAX;
}

int references_find(const struct unit_set *set, const char *name)
{
	int found = unit_set_find(set, name);
	char other[UNIT_NAME_MAX];

	for (size_t form = 0; form < REFERENCE_FORMS && found < 0; form++)
		if (references_form(name, form, other))
			found = unit_set_find(set, other);
	return found;
}

static const char *nearest_unit(struct builder *b, const char *name)
{
	size_t best_distance = suggest_limit(name) + 1;
	const char *best = NULL;

	if (b->guesses++ >= GUESSES_MAX)
		return NULL;
	for (size_t i = 0; i < b->set->n; i++) {
		size_t d = suggest_distance(name, b->set->units[i].name);

		if (d < best_distance) {
			best_distance = d;
			best = b->set->units[i].name;
		}
	}
	return best;
}

void references_missing(struct builder *b, uint32_t unit, enum fault_level level,
	const struct origin *origin, const char *key, const char *name)
{
	const char *nearest = nearest_unit(b, name);

	if (nearest != NULL)
		references_complain(b, unit, level, origin,
			"%s=: there is no unit %s; did you mean %s?", key, name, nearest);
	else
		references_complain(b, unit, level, origin, "%s=: there is no unit %s", key, name);
}

/* ---- the keys that name units ---- */

/* A unit that is masked is as good as not there for who can do without it. */
void references_edge(struct builder *b, uint32_t from, enum dependency dep, uint32_t to)
{
	const uint32_t weak = 1u << DEP_WANTS | 1u << DEP_UPHOLDS | 1u << DEP_ON_FAILURE |
		1u << DEP_ON_SUCCESS;

	if (b->set->units[to].masked && (weak >> dep & 1) != 0)
		return;
	graph_add(&b->scratch, &b->edges, from, dep, to, false);
}

static void need(struct builder *b, uint32_t from, uint32_t to)
{
	references_edge(b, from, DEP_REQUIRES, to);
	references_edge(b, from, DEP_AFTER, to);
}

static void resolve_name(struct builder *b, uint32_t unit, enum tie tie, const char *name)
{
	const struct tie_row *row = &tie_rows[tie];
	const struct origin *origin = &b->references[unit].ties[tie];
	int other = references_find(b->set, name);

	if (other < 0 && row->whose == THEIRS && target_is_reached_at_boot(name))
		other = unit_set_find(b->set, b->default_target);
	if (other < 0) {
		if (row->missing == SILENT ||
			(row->whose == MINE && target_is_always_reached(name)))
			return;
		references_missing(b, unit, (enum fault_level)row->missing, origin, row->key, name);
	} else if (row->dep == NO_EDGE) {
		return;
	} else if ((uint32_t)other == unit) {
		references_complain(b, unit, FAULT_WARNING, origin,
			"%s=: a unit cannot depend on itself", row->key);
	} else if (row->whose == MINE) {
		references_edge(b, unit, (enum dependency)row->dep, (uint32_t)other);
	} else {
		references_edge(b, (uint32_t)other, (enum dependency)row->dep, unit);
	}
}

static void resolve_ties(struct builder *b, uint32_t unit)
{
	for (unsigned int tie = 0; tie < TIE_COUNT; tie++) {
		const struct strv *names = (const void *)((const char *)&b->set->units[unit] +
			tie_members[tie]);

		for (size_t i = 0; i < names->n; i++)
			resolve_name(b, unit, (enum tie)tie, names->v[i]);
	}
}

/* A network has a resolver, whose socket is there, or known not to be, before the first container is. */
static void resolver_edge(struct builder *b, uint32_t from, enum dependency dep, uint32_t network)
{
	char name[UNIT_NAME_MAX];
	int to = builtin_resolver(&b->set->units[network], name) ? unit_set_find(b->set, name) : -1;

	if (to >= 0)
		references_edge(b, from, dep, (uint32_t)to);
}

static void resolve_network(struct builder *b, uint32_t unit, const struct network_use *use)
{
	const char *name = use->mode == NETWORK_DEFAULT ? b->default_network : use->unit;
	int to;

	if (name == NULL)
		return; /* host, none */
	to = unit_set_find(b->set, name);
	if (to < 0)
		references_missing(b, unit, FAULT_ERROR, &b->references[unit].network, "Network",
			name);
	else if ((uint32_t)to != unit)
		need(b, unit, (uint32_t)to);
	if (to >= 0)
		resolver_edge(b, unit, DEP_AFTER, (uint32_t)to);
}

/* A plain name is a volume without a unit, unless there is one. */
static void resolve_volumes(struct builder *b, uint32_t unit)
{
	const struct mounts *mounts = &b->set->units[unit].container.mounts;

	for (size_t i = 0; i < mounts->n; i++) {
		const char *name = mounts->v[i].source;
		int to;

		if (mounts->v[i].kind != MOUNT_VOLUME)
			continue;
		to = unit_set_find(b->set, name);
		if (to < 0)
			to = find_as(b->set, name, strlen(name), ".volume");
		if (to >= 0 && b->set->units[to].kind == KIND_VOLUME)
			need(b, unit, (uint32_t)to);
		else if (unit_kind_of(name) == KIND_VOLUME)
			references_missing(b, unit, FAULT_ERROR, &b->references[unit].mounts,
				"Volume", name);
	}
}

const char *references_triggered(struct arena *a, const struct unit *unit)
{
	const char *name = unit->kind == KIND_SOCKET ? unit->socket.service : unit->timer.unit;
	int stem = (int)(strrchr(unit->name, '.') - unit->name);

	return name != NULL ? name : arena_printf(a, "%.*s.service", stem, unit->name);
}

/* A timer comes before what it starts, as with systemd: else its unit would count as there before it was asked for. */
static void resolve_timer(struct builder *b, uint32_t unit)
{
	const char *name = references_triggered(&b->scratch, &b->set->units[unit]);
	int to = references_find(b->set, name);

	if (to < 0) {
		references_missing(b, unit, FAULT_ERROR, &b->references[unit].timer_unit, "Unit",
			name);
	} else {
		references_edge(b, unit, DEP_TRIGGERS, (uint32_t)to);
		references_edge(b, unit, DEP_BEFORE, (uint32_t)to);
	}
}

static void resolve_networks(struct builder *b, uint32_t unit)
{
	const struct network_use *use;

	for (size_t i = 0; (use = unit_network(&b->set->units[unit], i)) != NULL; i++)
		resolve_network(b, unit, use);
}

/* ---- targets, cycles ---- */

/* A target is reached when all is up that it asks for, unless one of these waits for the target. */
static bool is_asked_for(uint32_t dep)
{
	const uint32_t asking = 1u << DEP_WANTS | 1u << DEP_REQUIRES | 1u << DEP_BINDS_TO |
		1u << DEP_REQUISITE | 1u << DEP_UPHOLDS;

	return (asking >> dep & 1) != 0;
}

static void order_targets(struct builder *b)
{
	const struct unit *units = b->set->units;
	size_t n = b->edges.n;

	graph_sort(&b->edges);
	n = b->edges.n;
	for (size_t i = 0; i < n; i++) {
		struct edge e = b->edges.v[i];
		struct edge_list sorted = { b->edges.v, n };

		if (units[e.from].kind != KIND_TARGET || !is_asked_for(e.dep))
			continue;
		if (!units[e.from].unit.default_dependencies ||
			!units[e.to].unit.default_dependencies)
			continue;
		if (!graph_has(&sorted, e.to, DEP_AFTER, e.from) &&
			!graph_has(&sorted, e.from, DEP_BEFORE, e.to))
			graph_add(&b->scratch, &b->edges, e.from, DEP_AFTER, e.to, true);
	}
	graph_sort(&b->edges);
}

static void on_cycle(void *user, const uint32_t *v, size_t n)
{
	struct builder *b = user;
	struct unit_fault f = { .level = FAULT_WARNING };
	char text[1024];
	struct text t = { text, sizeof(text), 0 };
	size_t smallest = 0;

	if (n == 0) {
		f.message = "more cycles of ordering are broken and not shown";
		unit_fault_add(&b->set->arena, &b->faults, NULL, &f);
		return;
	}
	for (size_t i = 1; i < n; i++)
		if (v[i] < v[smallest])
			smallest = i;
	/* Each is after the one behind it. */
	for (size_t i = 0; i <= n; i++) {
		text_puts(&t, i > 0 ? " -> " : "");
		text_puts(&t, b->set->units[v[(smallest + i) % n]].name);
	}
	f.message = arena_printf(&b->set->arena,
		"a cycle of After= and Before=: %s%s; %s no longer waits for %s", text,
		t.len >= sizeof(text) ? "..." : "", b->set->units[v[0]].name,
		b->set->units[v[1]].name);
	unit_fault_add(&b->set->arena, &b->faults, &b->set->units[v[0]], &f);
}

void references_resolve(struct builder *b, const char *default_target, const char *boot_target,
	const char *default_network)
{
	struct unit_set *set = b->set;
	int first = unit_set_find(set, default_target);

	b->default_target = default_target;
	b->default_network = default_network;
	for (uint32_t i = 0; i < set->n; i++) {
		resolve_ties(b, i);
		references_socket(b, i);
		references_sockets_of(b, i);
		if (set->units[i].kind == KIND_TIMER)
			resolve_timer(b, i);
		resolver_edge(b, i, DEP_WANTS, i);
		if (set->units[i].kind != KIND_CONTAINER)
			continue;
		resolve_networks(b, i);
		resolve_volumes(b, i);
	}
	if (first >= 0 && set->units[first].file == NULL)
		references_edge(b, (uint32_t)first, DEP_WANTS,
			(uint32_t)unit_set_find(set, boot_target));
	links_resolve(b);
	mounts_for_resolve(b);
	references_check_listens(b);
	order_targets(b);
	references_check_networks(b);
	graph_break_cycles(&b->edges, set->n, on_cycle, b);
	graph_layout(&set->arena, &b->edges, set->nodes, set->n);
}
