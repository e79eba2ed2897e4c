#include "supervisor/core/texts.h"

#include "supervisor/core/text.h"
#include "supervisor/core/unit/builtin.h"

#include <stdlib.h>
#include <string.h>

/* ---- the index ---- */

static int compare_texts(const void *left, const void *right)
{
	const struct unit_text *const *a = left, *const *b = right;
	int order = strcmp((*a)->unit, (*b)->unit);

	/* Of one name, in the order in which they were given. */
	return order != 0 ? order : (*a > *b) - (*a < *b);
}

void texts_index(struct arena *a, const struct unit_text *texts, size_t n, struct text_index *index)
{
	const struct unit_text **sorted = arena_array(a, n + 1, sizeof(*sorted));
	size_t used = 0;

	*index = (struct text_index){ .v = arena_array(a, n + 1, sizeof(*index->v)) };
	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i].unit, MANAGER_FILE) != 0)
			sorted[used++] = &texts[i];
	n = used;
	if (n > 1)
		qsort(sorted, n, sizeof(*sorted), compare_texts);
	for (size_t i = 0; i < n; i++) {
		struct text_group *last = index->n > 0 ? &index->v[index->n - 1] : NULL;

		if (last != NULL && strcmp(last->name, sorted[i]->unit) == 0)
			last->n++;
		else
			index->v[index->n++] = (struct text_group){ sorted[i]->unit, &sorted[i],
				1 };
	}
}

static int compare_group(const void *name, const void *group)
{
	return strcmp(name, ((const struct text_group *)group)->name);
}

const struct text_group *texts_find(const struct text_index *index, const char *name)
{
	return index->n > 0 ? bsearch(name, index->v, index->n, sizeof(*index->v), compare_group)
			    : NULL;
}

bool text_is_drop_in(const struct unit_text *text)
{
	size_t len = strlen(text->path);

	return text->role == TEXT_FILE && len > 5 && strcmp(text->path + len - 5, ".conf") == 0;
}

const struct unit_text *texts_main(const struct text_group *group)
{
	for (size_t i = 0; group != NULL && i < group->n; i++)
		if (group->v[i]->role == TEXT_FILE && !text_is_drop_in(group->v[i]))
			return group->v[i];
	return NULL;
}

const struct unit_text *texts_template(const struct text_index *index, const char *instance)
{
	char template[UNIT_NAME_MAX];
	const struct unit_text *main;

	if (unit_name_template(instance, template) < 0)
		return NULL;
	main = texts_main(texts_find(index, template));
	return main != NULL ? main : builtin_text(template);
}

bool text_is_for_many(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *end = dot != NULL ? memchr(name, '@', (size_t)(dot - name)) : NULL;

	if (dot == NULL)
		return true;
	end = end != NULL ? end : dot;
	return end - name > 1 && end[-1] == '-';
}

/* ---- the drop-ins of one unit ---- */

struct candidate {
	const struct unit_text *text;
	const char *name; /* of the file */
	size_t folder;    /* 0: the most special */
	bool of_kind;
};

struct candidates {
	struct candidate *v;
	size_t n, folders;
};

static void add_folder(struct arena *a, const struct text_index *index, const char *folder,
	struct candidates *list)
{
	const struct text_group *group = texts_find(index, folder);

	list->folders++;
	for (size_t i = 0; group != NULL && i < group->n; i++) {
		const char *slash = strrchr(group->v[i]->path, '/');

		if (!text_is_drop_in(group->v[i]))
			continue;
		*LIST_ADD(a, list) = (struct candidate){
			.text = group->v[i],
			.name = slash != NULL ? slash + 1 : group->v[i]->path,
			.folder = list->folders,
			.of_kind = strchr(folder, '.') == NULL,
		};
	}
}

/* "foo-bar@1.service" with its first `prefix` characters in the place of "foo-bar", and as that template. */
static void add_prefix(struct arena *a, const struct text_index *index, const char *unit,
	size_t prefix, struct candidates *list)
{
	const char *dot = strrchr(unit, '.');
	const char *at = memchr(unit, '@', (size_t)(dot - unit));
	const char *rest = at != NULL ? at : dot;
	char folder[UNIT_NAME_MAX];
	struct text t = { folder, sizeof(folder), 0 };

	text_put(&t, unit, prefix);
	text_puts(&t, rest);
	add_folder(a, index, folder, list);
	if (at == NULL || at + 1 == dot)
		return;
	t.len = prefix;
	text_puts(&t, "@");
	text_puts(&t, dot);
	add_folder(a, index, folder, list);
}

static int compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	if (order == 0)
		order = a->of_kind - b->of_kind;
	if (order == 0)
		order = (a->text->rank > b->text->rank) - (a->text->rank < b->text->rank);
	return order != 0 ? order : (a->folder > b->folder) - (a->folder < b->folder);
}

static void find_drop_ins(struct arena *a, const struct text_index *index, const char *unit,
	struct text_list *found)
{
	size_t stem = (size_t)(strrchr(unit, '.') - unit);
	const char *at = memchr(unit, '@', stem);
	size_t prefix = at != NULL ? (size_t)(at - unit) : stem;
	struct candidates list = { 0 };

	add_prefix(a, index, unit, prefix, &list);
	/* "foo-bar" is also of "foo-"; a dash at the end is of that prefix itself */
	for (size_t i = prefix - 1; i > 0 && prefix > 0; i--)
		if (unit[i] == '-' && i + 1 < prefix)
			add_prefix(a, index, unit, i + 1, &list);
	add_folder(a, index, unit + stem + 1, &list);
	if (list.n > 1)
		qsort(list.v, list.n, sizeof(*list.v), compare_candidates);
	for (size_t i = 0; i < list.n; i++)
		if ((i == 0 || strcmp(list.v[i - 1].name, list.v[i].name) != 0) &&
			!list.v[i].text->masked)
			*LIST_ADD(a, found) = list.v[i].text;
}

struct unit_files texts_of_unit(struct arena *a, const struct text_index *index, const char *unit)
{
	const struct text_group *own = texts_find(index, unit);
	struct unit_files files = { .main = texts_main(own) };

	if (files.main == NULL)
		files.main = texts_template(index, unit);
	/* a link to a template that is not in the search path: what it leads to */
	for (size_t i = 0; files.main == NULL && own != NULL && i < own->n; i++)
		if (own->v[i]->role == TEXT_INSTANCE && own->v[i]->text != NULL)
			files.main = own->v[i];
	if (files.main == NULL || !files.main->masked)
		find_drop_ins(a, index, unit, &files.drop_ins);
	return files;
}
