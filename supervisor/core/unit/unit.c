#include "supervisor/core/unit/unit.h"

#include "supervisor/core/text.h"

#include <string.h>

static const char *const kind_names[] = {
#define X(id, suffix, section) [KIND_##id] = suffix,
	UNIT_KINDS(X)
#undef X
};

const struct network_use *unit_network(const struct unit *u, size_t nth)
{
	static const struct network_use usual = { .mode = NETWORK_DEFAULT };
	const struct network_uses *list = &u->container.networks;

	if (nth < list->n)
		return &list->v[nth];
	return nth == 0 ? &usual : NULL;
}

bool network_has(const struct unit *network, enum family family)
{
	const struct network_section *n = &network->network;
	bool v6 = n->subnet[FAMILY_V6].prefix != 0;

	if (family == FAMILY_V6)
		return v6 || n->ipv6;
	return !v6 || n->subnet[FAMILY_V4].prefix != 0;
}

enum network_mode unit_network_mode(const struct unit *u)
{
	return unit_network(u, 0)->mode;
}

const char *unit_kind_name(enum unit_kind kind)
{
	return (unsigned int)kind < KIND_COUNT ? kind_names[kind] : "?";
}

const char *unit_endings(void)
{
#define X(id, suffix, section) ", ." suffix
	return &UNIT_KINDS(X)[2];
#undef X
}

enum unit_kind unit_kind_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	unsigned int kind = 0;

	if (dot == NULL || dot == name)
		return KIND_COUNT;
	while (kind < KIND_COUNT && strcmp(dot + 1, kind_names[kind]) != 0)
		kind++;
	return (enum unit_kind)kind;
}

int unit_name_check(const char *name)
{
	size_t len = strlen(name);

	/* A leading dot would be a hidden file, and "." or ".." in a path made of the name. */
	if (len == 0 || len >= UNIT_NAME_MAX || name[0] == '.')
		return -1;
	return strspn(name, "\\@:_.-" ALPHANUMERIC) == len ? 0 : -1;
}

int unit_name_of_path(const char *path, enum unit_kind kind, char name[UNIT_NAME_MAX])
{
	struct text t = { name, UNIT_NAME_MAX, 0 };

	for (const char *p = path; *p != '\0'; p++) {
		bool hidden = *p == '.' && t.len == 0;

		if (*p == '/') {
			/* however many, and none at the ends */
			if (t.len > 0 && p[1] != '/' && p[1] != '\0')
				text_puts(&t, "-");
		} else if (strchr(":._" ALPHANUMERIC, *p) != NULL && !hidden) {
			text_put(&t, p, 1);
		} else {
			text_printf(&t, "\\x%02x", (unsigned char)*p);
		}
	}
	text_printf(&t, "%s.%s", t.len == 0 ? "-" : "", unit_kind_name(kind));
	return t.len < UNIT_NAME_MAX ? 0 : -1;
}

const struct commands *unit_commands(const struct unit *u, enum role role)
{
	static const size_t lists[ROLE_COUNT] = {
		[ROLE_MAIN] = offsetof(struct service_section, exec_start),
		[ROLE_CONDITION] = offsetof(struct service_section, exec_condition),
		[ROLE_START_PRE] = offsetof(struct service_section, exec_start_pre),
		[ROLE_START_POST] = offsetof(struct service_section, exec_start_post),
		[ROLE_RELOAD] = offsetof(struct service_section, exec_reload),
		[ROLE_STOP] = offsetof(struct service_section, exec_stop),
		[ROLE_STOP_POST] = offsetof(struct service_section, exec_stop_post),
	};

	if (role >= ROLE_COUNT || lists[role] == 0)
		return NULL;
	return (const struct commands *)(const void *)((const char *)&u->service + lists[role]);
}

/* Where the instance begins and ends; false when there is none, not even an empty one. */
static bool find_instance(const char *name, size_t *begin, size_t *end)
{
	const char *dot = strrchr(name, '.');
	const char *at = dot != NULL ? memchr(name, '@', (size_t)(dot - name)) : NULL;

	if (at == NULL || at == name)
		return false;
	*begin = (size_t)(at - name) + 1;
	*end = (size_t)(dot - name);
	return true;
}

bool unit_name_is_template(const char *name)
{
	size_t begin, end;

	return find_instance(name, &begin, &end) && begin == end;
}

int unit_name_template(const char *name, char template[UNIT_NAME_MAX])
{
	size_t begin, end;

	if (!find_instance(name, &begin, &end) || begin == end || strlen(name) >= UNIT_NAME_MAX)
		return -1;
	memcpy(template, name, begin);
	memcpy(template + begin, name + end, strlen(name + end) + 1);
	return 0;
}
