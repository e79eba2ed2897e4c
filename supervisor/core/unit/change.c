#include "supervisor/core/unit/change.h"

#include "supervisor/core/keys/keys.h"

#include <stddef.h>
#include <string.h>

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
		was = key_print(&scratch, key, before);
		is = key_print(&scratch, key, after);
		if (strcmp(was, is) == 0)
			continue;
		if (!is_live(key, before, after))
			change = CHANGE_RESTART;
		else if (change == CHANGE_NONE)
			change = CHANGE_LIVE;
		if (lines == NULL)
			continue;
		*lines = key_lines(a, *lines, "-", key, was);
		*lines = key_lines(a, *lines, "+", key, is);
	}
	arena_free(&scratch);
	return change;
}

/* Whether a socket listens at the host's address in a network that has another one now. */
static bool moves(const struct unit_set *before, const struct unit_set *after, const struct unit *u)
{
	for (size_t i = 0; i < u->socket.listen.n; i++) {
		const char *network = u->socket.listen.v[i].network;
		int was = network != NULL ? unit_set_find(before, network) : -1;
		int is = network != NULL ? unit_set_find(after, network) : -1;

		if (was >= 0 && is >= 0 &&
			memcmp(before->units[was].network.gateway, after->units[is].network.gateway,
				sizeof(before->units[was].network.gateway)) != 0)
			return true;
	}
	return false;
}

void unit_changes_carry(const struct unit_set *before, struct unit_set *after)
{
	for (size_t i = 0; i < after->n; i++) {
		struct unit *u = &after->units[i];
		int at = unit_set_find(before, u->name);
		const struct unit *was = at >= 0 ? &before->units[at] : NULL;

		if (was != NULL && strcmp(was->name, u->name) == 0 &&
			unit_change(was, u, NULL, NULL) != CHANGE_RESTART)
			u->digest = moves(before, after, u) ? ~was->digest : was->digest;
	}
}
