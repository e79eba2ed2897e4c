/* NAME.KIND.wants/ and NAME.KIND.requires/, as `systemctl enable` makes them: each name in there is a Wants= or Requires=. */
#include "supervisor/core/unit/references.h"

#include "supervisor/core/keys/known.h"

#include <stdlib.h>
#include <string.h>

static int compare_links(const void *left, const void *right)
{
	const struct unit_text *const *a = left, *const *b = right;
	int order = (*a)->role == (*b)->role ? strcmp((*a)->target, (*b)->target)
					     : ((*a)->role > (*b)->role ? 1 : -1);

	return order != 0 ? order : ((*a)->rank > (*b)->rank) - ((*a)->rank < (*b)->rank);
}

/* Sorted by name; the first in the search path hides the others of its name, and itself when it is masked. */
static struct text_list links_of(struct builder *b, const struct text_group *group)
{
	struct text_list all = { 0 }, links = { 0 };

	for (size_t i = 0; i < group->n; i++)
		if (group->v[i]->role == TEXT_WANTS || group->v[i]->role == TEXT_REQUIRES)
			*LIST_ADD(&b->scratch, &all) = group->v[i];
	if (all.n > 1)
		qsort(all.v, all.n, sizeof(*all.v), compare_links);
	for (size_t i = 0; i < all.n; i++)
		if ((i == 0 || all.v[i - 1]->role != all.v[i]->role ||
			    strcmp(all.v[i - 1]->target, all.v[i]->target) != 0) &&
			!all.v[i]->masked)
			*LIST_ADD(&b->scratch, &links) = all.v[i];
	return links;
}

void links_wish(struct builder *b)
{
	for (size_t i = 0; i < b->texts.n; i++) {
		struct text_list links = links_of(b, &b->texts.v[i]);

		for (size_t k = 0; k < links.n; k++)
			instances_wish(b, links.v[k]->target);
	}
}

static void resolve(struct builder *b, uint32_t unit, const struct text_list *links)
{
	for (size_t i = 0; i < links->n; i++) {
		const struct unit_text *link = links->v[i];
		const struct origin origin = { .path = arena_strdup(&b->set->arena, link->path) };
		bool required = link->role == TEXT_REQUIRES;
		int to = references_find(b->set, link->target);

		if (to >= 0 && (uint32_t)to != unit)
			references_edge(b, unit, required ? DEP_REQUIRES : DEP_WANTS, (uint32_t)to);
		else if (to < 0 && !target_is_always_reached(link->target))
			references_missing(b, unit, required ? FAULT_ERROR : FAULT_WARNING, &origin,
				required ? "Requires" : "Wants", link->target);
	}
}

static void say_no_unit(struct builder *b, const struct unit_text *link)
{
	struct unit_fault f = {
		.level = FAULT_WARNING,
		.path = arena_strdup(&b->set->arena, link->path),
		.message = "there is no unit that this adds to",
	};

	unit_fault_add(&b->set->arena, &b->faults, NULL, &f);
}

void links_resolve(struct builder *b)
{
	for (size_t i = 0; i < b->texts.n; i++) {
		const struct text_group *group = &b->texts.v[i];
		struct text_list links = links_of(b, group);
		int unit = links.n > 0 ? references_find(b->set, group->name) : -1;

		if (unit >= 0)
			resolve(b, (uint32_t)unit, &links);
		else if (links.n > 0 && !unit_name_is_template(group->name) &&
			!target_is_always_reached(group->name))
			say_no_unit(b, links.v[0]);
	}
	for (uint32_t u = 0; u < b->set->n; u++) {
		char template[UNIT_NAME_MAX];
		const struct text_group *group = NULL;
		struct text_list links;

		if (unit_name_template(b->set->units[u].name, template) == 0)
			group = texts_find(&b->texts, template);
		if (group == NULL)
			continue;
		links = links_of(b, group);
		resolve(b, u, &links);
	}
}
