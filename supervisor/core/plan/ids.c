#include "supervisor/core/plan/ids.h"

#include "common/util.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define SLOTS (0x80000000u / IDS_SIZE) /* some programs take ids for signed numbers */
#define HEADING "# Ids of the users of containers: unit, first, how many. Kept so that they stay.\n"

/* They are rights over the machine, or nothing. */
static const uint64_t of_the_machine = CAP(LINUX_IMMUTABLE) | CAP(IPC_LOCK) | CAP(SYS_MODULE) |
	CAP(SYS_RAWIO) | CAP(SYS_PACCT) | CAP(SYS_BOOT) | CAP(SYS_NICE) | CAP(SYS_RESOURCE) |
	CAP(SYS_TIME) | CAP(SYS_TTY_CONFIG) | CAP(MKNOD) | CAP(AUDIT_CONTROL) | CAP(AUDIT_READ) |
	CAP(MAC_OVERRIDE) | CAP(MAC_ADMIN) | CAP(SYSLOG) | CAP(WAKE_ALARM) | CAP(BLOCK_SUSPEND) |
	CAP(PERFMON) | CAP(BPF);

enum userns_mode ids_mode(const struct unit *u, const char **why)
{
	const struct container_section *c = &u->container;

	*why = NULL;
	if (c->userns.mode != USERNS_UNSET)
		return c->userns.mode;
	if (c->uid_map.n > 0 || c->gid_map.n > 0)
		return USERNS_UNSET;
	if (unit_network_mode(u) == NETWORK_HOST)
		*why = "Network=host";
	else if ((c->add_capability & ~c->drop_capability & of_the_machine) != 0)
		*why = "AddCapability=";
	return *why != NULL ? USERNS_HOST : USERNS_AUTO;
}

uint32_t id_host(const struct id_map *map, uint32_t inside)
{
	for (size_t i = 0; i < map->n; i++)
		if (inside >= map->v[i].inside && inside - map->v[i].inside < map->v[i].count)
			return map->v[i].host + (inside - map->v[i].inside);
	return ID_NONE;
}

static bool is_same(const struct id_map *map)
{
	for (size_t i = 0; i < map->n; i++)
		if (map->v[i].inside != map->v[i].host)
			return false;
	return true;
}

bool ids_are_same(const struct ids *ids)
{
	return is_same(&ids->uid) && is_same(&ids->gid);
}

static bool meet(uint32_t a, uint32_t n_a, uint32_t b, uint32_t n_b)
{
	return a < b ? b - a < n_a : a - b < n_b;
}

static int check_map(const struct id_map *map, const char *key, struct err *e)
{
	for (size_t i = 0; i < map->n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct id_extent *a = &map->v[i], *b = &map->v[k];

			if (meet(a->inside, a->count, b->inside, b->count) ||
				meet(a->host, a->count, b->host, b->count))
				return err_setx(e, "%s=%u:%u:%u has ids of %u:%u:%u", key,
					a->inside, a->host, a->count, b->inside, b->host, b->count);
		}
	return id_host(map, 0) != ID_NONE
		? 0
		: err_setx(e, "%s= has no line for 0, which is root", key);
}

int ids_check(const struct ids *ids, struct err *e)
{
	return check_map(&ids->uid, "UIDMap", e) < 0 ? -1 : check_map(&ids->gid, "GIDMap", e);
}

const char *id_map_print(const struct id_map *map, struct arena *a)
{
	size_t size = map->n * 36 + 1;
	struct text t = { arena_alloc(a, size), size, 0 };

	for (size_t i = 0; i < map->n; i++)
		text_printf(&t, "%u %u %u\n", map->v[i].inside, map->v[i].host, map->v[i].count);
	return t.buf;
}

void id_map_put(struct text *t, const struct id_map *map)
{
	for (size_t i = 0; i < map->n; i++)
		text_printf(t, "%s%u:%u:%u", i > 0 ? " " : "", map->v[i].inside, map->v[i].host,
			map->v[i].count);
}

/* The number at *at, which is moved on behind it; ID_NONE: there is none. */
static uint32_t number(const char **at)
{
	uint64_t value = 0;

	*at += strspn(*at, " ");
	if (**at < '0' || **at > '9')
		return ID_NONE;
	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value < ID_NONE ? value * 10 + (uint64_t)(**at - '0') : ID_NONE;
	return value < ID_NONE ? (uint32_t)value : ID_NONE;
}

void id_map_read(struct id_map *map, const char *text, struct arena *a)
{
	while (*text != '\0') {
		struct id_extent *e = LIST_ADD(a, map);

		e->inside = number(&text);
		e->host = number(&text);
		e->count = number(&text);
		text = strchrnul(text, '\n');
		text += *text != '\0';
	}
}

/* ---- the table */

struct id_range *id_range_of(const struct id_ranges *ranges, const char *unit)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (strcmp(ranges->v[i].unit, unit) == 0)
			return &ranges->v[i];
	return NULL;
}

static bool is_taken(const struct id_ranges *ranges, uint32_t base, uint32_t count,
	const char *unit)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (meet(base, count, ranges->v[i].base, ranges->v[i].count) &&
			strcmp(ranges->v[i].unit, unit) != 0)
			return true;
	return false;
}

void id_ranges_read(struct id_ranges *ranges, const char *text, struct arena *a)
{
	/* No newline: the writing was cut short, perhaps in the middle of a number. */
	for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		const char *unit = arena_strndup(a, text, strcspn(text, " \n"));
		struct id_range r = { .unit = unit };

		text += strlen(unit);
		r.base = number(&text);
		r.count = number(&text);
		if (text != end || unit_name_check(unit) < 0 || r.base < IDS_SIZE ||
			r.base / IDS_SIZE >= SLOTS || r.base % IDS_SIZE != 0 || r.count == 0 ||
			r.count > IDS_SIZE_MAX || is_taken(ranges, r.base, r.count, "") ||
			id_range_of(ranges, unit) != NULL)
			continue;
		*LIST_ADD(a, ranges) = r;
	}
}

const char *id_ranges_print(const struct id_ranges *ranges, struct arena *a)
{
	size_t size = sizeof(HEADING) + ranges->n * (UNIT_NAME_MAX + 24);
	struct text t = { arena_alloc(a, size), size, 0 };

	text_puts(&t, HEADING);
	for (size_t i = 0; i < ranges->n; i++)
		text_printf(&t, "%s %u %u\n", ranges->v[i].unit, ranges->v[i].base,
			ranges->v[i].count);
	return t.buf;
}

struct id_range *id_range_give(struct id_ranges *ranges, const char *unit, uint32_t count,
	struct arena *a)
{
	struct id_range *r = id_range_of(ranges, unit);

	if (r != NULL && r->count == count)
		return r;
	/* Where no unit has gone, the first try is free. */
	for (uint32_t i = 0; i < SLOTS - 1; i++) {
		uint32_t slot = ((uint32_t)ranges->n + i) % (SLOTS - 1) + 1;

		if (slot + (count - 1) / IDS_SIZE >= SLOTS ||
			is_taken(ranges, slot * IDS_SIZE, count, unit))
			continue;
		if (r == NULL)
			r = LIST_ADD(a, ranges);
		*r = (struct id_range){ arena_strdup(a, unit), slot * IDS_SIZE, count };
		return r;
	}
	return NULL;
}
