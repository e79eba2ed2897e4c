#include "supervisor/core/unit/change.h"

#include "supervisor/core/keys/keys.h"

#include <stddef.h>
#include <string.h>

static const char *value_text(struct arena *a, const struct key *key, const struct unit *unit)
{
	const void *field = (const char *)unit + key->offset;
	size_t len = key_type(key)->print(key, field, NULL, 0);
	char *s = arena_alloc(a, len + 1);

	(void)key_type(key)->print(key, field, s, len + 1);
	return s;
}

/* In a namespace of its own, which outlives a change of what is in it. */
static bool has_own_network(const struct unit *u)
{
	enum network_mode mode = unit_network_mode(u);

	return mode != NETWORK_HOST && mode != NETWORK_CONTAINER;
}

static bool is_live(const struct key *key, const struct unit *before, const struct unit *after)
{
	return key->live && before->network.driver == DRIVER_BRIDGE &&
		(key->offset != offsetof(struct unit, container.networks) ||
			(has_own_network(before) && has_own_network(after)));
}

/* Each line of a value, a key's name before it. */
static void add_lines(struct arena *a, const char **lines, const char *sign, const struct key *key,
	const char *value)
{
	while (*value != '\0') {
		size_t n = strcspn(value, "\n");

		*lines = arena_printf(a, "%s%s%s%s%.*s\n", *lines, sign,
			key_type(key)->prints_names ? "" : key_name(key),
			key_type(key)->prints_names ? "" : "=", (int)n, value);
		value += n + (value[n] == '\n');
	}
}

enum unit_change unit_change(const struct unit *before, const struct unit *after, struct arena *a,
	const char **lines)
{
	enum unit_change change = CHANGE_NONE;
	struct arena scratch = { 0 };

	if (before->text == after->text)
		return CHANGE_NONE;
	if (before->broken != NULL || after->broken != NULL)
		return CHANGE_RESTART;
	for (size_t i = 0; i < n_keys; i++) {
		const struct key *key = &keys[i];
		const char *was, *is;

		if ((key->kinds & 1u << before->kind) == 0)
			continue;
		was = value_text(&scratch, key, before);
		is = value_text(&scratch, key, after);
		if (strcmp(was, is) == 0)
			continue;
		if (!is_live(key, before, after))
			change = CHANGE_RESTART;
		else if (change == CHANGE_NONE)
			change = CHANGE_LIVE;
		if (lines == NULL)
			continue;
		add_lines(a, lines, "-", key, was);
		add_lines(a, lines, "+", key, is);
	}
	arena_free(&scratch);
	return change;
}

void unit_changes_carry(const struct unit_set *before, struct unit_set *after)
{
	for (size_t i = 0; i < after->n; i++) {
		struct unit *u = &after->units[i];
		int at = unit_set_find(before, u->name);
		const struct unit *was = at >= 0 ? &before->units[at] : NULL;

		if (was != NULL && strcmp(was->name, u->name) == 0 &&
			unit_change(was, u, NULL, NULL) != CHANGE_RESTART)
			u->digest = was->digest;
	}
}
