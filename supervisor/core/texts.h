/*
 * Which files make a unit, as in systemd.unit(5): its main file, or that of its template, then the drop-ins of all
 * folders that are for it. Inside of the unit set.
 *
 * For foo-bar@1.service these are foo-bar@1.service.d, foo-bar@.service.d, foo-@1.service.d, foo-@.service.d and
 * service.d. Drop-ins are read in the order of their file names, whichever folder they are in. Of one name the folder earlier
 * in the search path wins, then the one earlier in this list; a folder for the whole kind comes last in any case.
 */
#ifndef CORE_TEXTS_H
#define CORE_TEXTS_H

#include "supervisor/core/unit/unitset.h"

/* All texts that give the same name. */
struct text_group {
	const char *name;
	const struct unit_text *const *v;
	size_t n;
};

struct text_index {
	struct text_group *v; /* sorted by name */
	size_t n;
};

struct text_list {
	const struct unit_text **v;
	size_t n;
};

/* What makes one unit. A main file that is masked stands alone. */
struct unit_files {
	const struct unit_text *main; /* NULL: none */
	struct text_list drop_ins;    /* in the order in which they are read */
};

void texts_index(struct arena *a, const struct unit_text *texts, size_t n,
	struct text_index *index);
/* NULL: no text gives that name. */
const struct text_group *texts_find(const struct text_index *index, const char *name);
/* The first of the group that is a unit file, not a drop-in or a link; NULL. */
const struct unit_text *texts_main(const struct text_group *group);
/* The template of an instance, when there is a file of it, or it is built in. */
const struct unit_text *texts_template(const struct text_index *index, const char *instance);
struct unit_files texts_of_unit(struct arena *a, const struct text_index *index, const char *unit);

bool text_is_drop_in(const struct unit_text *text);
/* "foo-.service", "service": a folder of this name is for many units. */
bool text_is_for_many(const char *name);

#endif
