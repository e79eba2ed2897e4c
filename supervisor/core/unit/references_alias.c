/* [Install] Alias=: more names of a unit, found wherever its own name is. Inside of the unit set. */
#include "common/util.h"
#include "supervisor/core/unit/references.h"

#include <stdlib.h>
#include <string.h>

struct alias_list {
	struct unit_alias *v;
	size_t n;
};

static int compare(const void *left, const void *right)
{
	const struct unit_alias *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : (a->unit > b->unit) - (a->unit < b->unit);
}

/* Quadlet makes a .service of every unit, so that may be the ending too. */
static bool has_right_ending(const struct unit *u, const char *name)
{
	enum unit_kind kind = unit_kind_of(name);

	return kind == u->kind || kind == KIND_SERVICE;
}

static void collect(struct builder *b, uint32_t unit, struct alias_list *list)
{
	const struct unit *u = &b->set->units[unit];
	const struct origin *origin = &b->references[unit].alias;
	int other;

	for (size_t i = 0; i < u->install.alias.n; i++) {
		const char *name = u->install.alias.v[i];

		if (!has_right_ending(u, name)) {
			references_complain(b, unit, FAULT_WARNING, origin,
				"Alias=: %s does not end in .%s as the unit does; ignored", name,
				unit_kind_name(u->kind));
			continue;
		}
		other = unit_set_find(b->set, name);
		if (other >= 0 && (uint32_t)other != unit)
			references_complain(b, unit, FAULT_WARNING, origin,
				"Alias=: there is a unit %s, which keeps its name", name);
		else if (other < 0)
			*LIST_ADD(&b->scratch, list) = (struct unit_alias){ name, unit };
	}
}

void aliases_resolve(struct builder *b)
{
	struct alias_list all = { 0 };
	struct unit_set *set = b->set;

	for (uint32_t unit = 0; unit < set->n; unit++)
		collect(b, unit, &all);
	if (all.n == 0)
		return;
	qsort(all.v, all.n, sizeof(*all.v), compare);
	set->aliases = arena_array(&set->arena, all.n, sizeof(*set->aliases));
	for (size_t i = 0; i < all.n; i++) {
		const struct unit_alias *kept = &set->aliases[set->n_aliases - (i > 0)];

		if (i == 0 || strcmp(kept->name, all.v[i].name) != 0)
			set->aliases[set->n_aliases++] = all.v[i];
		else if (kept->unit != all.v[i].unit)
			references_complain(b, all.v[i].unit, FAULT_WARNING,
				&b->references[all.v[i].unit].alias,
				"Alias=: %s is another name of %s already", kept->name,
				set->units[kept->unit].name);
	}
}
