/* Instances of templates: who names one makes it. */
#include "supervisor/core/unit/references.h"

#include "common/util.h"

#include <string.h>

/* Templates can name each other with ever longer names, so there is an end. */
#define INSTANCES_MAX 16384u

static void too_many(struct builder *b, const char *name)
{
	struct unit_fault f = {
		.level = FAULT_ERROR,
		.message = arena_printf(&b->set->arena,
			"more than %u instances are named; %s and what follows is left out",
			INSTANCES_MAX, name),
	};

	if (b->instances++ == INSTANCES_MAX)
		unit_fault_add(&b->set->arena, &b->faults, NULL, &f);
}

/* Whether there is such a unit now. */
static bool make(struct builder *b, const char *name)
{
	const char *copy;

	if (name_set_has(&b->known, name))
		return true;
	if (texts_template(&b->texts, name) == NULL)
		return false;
	if (b->instances >= INSTANCES_MAX) {
		too_many(b, name);
		return true;
	}
	b->instances++;
	copy = arena_strdup(&b->scratch, name);
	(void)name_set_add(&b->scratch, &b->known, copy);
	strv_add(&b->scratch, &b->to_read, copy);
	return true;
}

void instances_wish(struct builder *b, const char *name)
{
	char other[UNIT_NAME_MAX];
	bool made;

	if (strchr(name, '@') == NULL || unit_name_check(name) < 0)
		return;
	made = make(b, name);
	for (size_t form = 0; !made && form < REFERENCE_FORMS; form++)
		if (references_form(name, form, other))
			made = make(b, other);
}

/* The words of a printed value. */
static void wish_words(struct builder *b, char *words)
{
	for (char *word = words + strspn(words, " \n"); *word != '\0';) {
		size_t len = strcspn(word, " \n");
		char *next = word + len + strspn(word + len, " \n");

		word[len] = '\0';
		instances_wish(b, word);
		word = next;
	}
}

void instances_named_by(struct builder *b, const struct unit *unit)
{
	const struct mounts *mounts = &unit->container.mounts;

	for (size_t i = 0; i < n_keys; i++) {
		if ((keys[i].kinds & 1u << unit->kind) == 0 || !key_type(&keys[i])->names_units)
			continue;
		wish_words(b, key_print(&b->scratch, &keys[i], unit));
	}
	if (unit->kind == KIND_TIMER || unit->kind == KIND_SOCKET)
		instances_wish(b, references_triggered(&b->scratch, unit));
	if (unit->kind != KIND_CONTAINER)
		return;
	for (size_t i = 0; i < unit->container.networks.n; i++)
		if (unit->container.networks.v[i].unit != NULL)
			instances_wish(b, unit->container.networks.v[i].unit);
	for (size_t i = 0; i < mounts->n; i++) {
		const char *name = mounts->v[i].source;

		if (mounts->v[i].kind != MOUNT_VOLUME || strchr(name, '@') == NULL)
			continue;
		/* "data@1" is of the template data@.volume, when there is one */
		if (unit_kind_of(name) != KIND_VOLUME)
			name = arena_printf(&b->scratch, "%s.%s", name,
				unit_kind_name(KIND_VOLUME));
		instances_wish(b, name);
	}
}
