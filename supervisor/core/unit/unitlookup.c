/* Finding a unit by what an operator calls it. */
#include "supervisor/core/text.h"
#include "supervisor/core/unit/unitset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- instances that could be ---- */

/* The templates of "worker@.KIND" among these kinds: how many, the last one in `found`. */
static size_t find_templates(const struct unit_set *set, const char *name, uint32_t kinds,
	char found[UNIT_NAME_MAX])
{
	const char *at = strchr(name, '@');
	size_t n = 0;

	for (size_t i = 0; i < set->templates.n; i++) {
		const char *template = set->templates.v[i];
		const char *dot = strrchr(template, '.');

		if ((kinds >> unit_kind_of(template) & 1) == 0 ||
			(size_t)(dot - template) != (size_t)(at - name) + 1 ||
			strncmp(template, name, (size_t)(at - name) + 1) != 0)
			continue;
		(void)snprintf(found, UNIT_NAME_MAX, "%s%s", name, dot);
		n += strlen(name) + strlen(dot) < UNIT_NAME_MAX;
	}
	return n;
}

static bool has_template(const struct unit_set *set, const char *instance)
{
	char template[UNIT_NAME_MAX];

	return unit_name_template(instance, template) == 0 &&
		strv_find(&set->templates, template) != NULL;
}

int unit_set_instance(const struct unit_set *set, const char *name, char full[UNIT_NAME_MAX],
	char *why, size_t why_size)
{
	const uint32_t run = 1u << KIND_CONTAINER | 1u << KIND_SERVICE;
	const char *at = strchr(name, '@');
	size_t n;

	if (at == NULL || at == name) {
		(void)snprintf(why, why_size, "no such unit, or several: give its full name");
	} else if (unit_name_check(name) < 0) {
		(void)snprintf(why, why_size,
			"this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -");
	} else if (at[1] == '\0' || unit_name_is_template(name)) {
		(void)snprintf(why, why_size,
			"this is a template; name an instance of it, such as %.*s@1",
			(int)(at - name), name);
	} else if (has_template(set, name)) {
		text_copy(full, UNIT_NAME_MAX, name);
		return 0;
	} else {
		n = find_templates(set, name, run, full);
		if (n == 0)
			n = find_templates(set, name, ~run, full);
		if (n == 1)
			return 0;
		(void)snprintf(why, why_size,
			n == 0 ? "there is no unit and no template of that name"
			       : "there are several templates of that name: give its full name");
	}
	return -1;
}
