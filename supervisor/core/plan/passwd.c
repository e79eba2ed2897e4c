#include "supervisor/core/plan/passwd.h"

#include <stdbool.h>
#include <string.h>

#define FIELDS_MAX 7

/* A piece of a text that is not ended by a NUL. */
struct slice {
	const char *s;
	size_t n;
};

struct reader {
	const char *at, *end;
};

/* The next line split at ':', without its newline; a last line needs none. False at the end. */
static bool next_line(struct reader *r, struct slice field[FIELDS_MAX], size_t *n)
{
	const char *stop;

	if (r->at == r->end)
		return false;
	stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
	if (stop == NULL)
		stop = r->end;
	for (*n = 0; *n < FIELDS_MAX; (*n)++) {
		const char *colon = memchr(r->at, ':', (size_t)(stop - r->at));
		const char *end = colon != NULL ? colon : stop;

		field[*n] = (struct slice){ r->at, (size_t)(end - r->at) };
		r->at = end;
		if (colon == NULL) {
			(*n)++;
			break;
		}
		r->at++;
	}
	r->at = stop < r->end ? stop + 1 : r->end;
	return true;
}

static bool is_text(struct slice a, struct slice b)
{
	return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

/* 4294967295 is no id: the kernel takes it for "leave as it is". */
static bool read_id(struct slice s, uint32_t *id)
{
	uint64_t value = 0;

	if (s.n == 0 || s.n > 10)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(s.s[i] - '0');
	}
	if (value >= UINT32_MAX)
		return false;
	*id = (uint32_t)value;
	return true;
}

static void set_home(struct identity *id, struct slice home)
{
	/* A home that does not fit, or is no path, counts as unknown. */
	if (home.n == 0 || home.n >= sizeof(id->home) || home.s[0] != '/' ||
		memchr(home.s, '\0', home.n) != NULL)
		return;
	memcpy(id->home, home.s, home.n);
	id->home[home.n] = '\0';
}

/* name:password:uid:gid:comment:home:shell. Fills uid, gid, home; `name` becomes that line's, or empty. */
static bool find_user(struct identity *id, struct slice *name, const char *passwd, size_t size)
{
	struct reader r = { passwd, passwd + size };
	struct slice f[FIELDS_MAX];
	uint32_t wanted = 0, uid, gid;
	bool numeric = read_id(*name, &wanted);
	size_t n;

	while (next_line(&r, f, &n)) {
		if (n < 6 || f[0].n == 0 || !read_id(f[2], &uid) || !read_id(f[3], &gid))
			continue;
		if (numeric ? uid != wanted : !is_text(f[0], *name))
			continue;
		id->uid = uid;
		id->gid = gid;
		set_home(id, f[5]);
		*name = f[0];
		return true;
	}
	id->uid = wanted;
	name->n = 0;
	return numeric;
}

static bool find_group(uint32_t *gid, struct slice name, const char *groups, size_t size)
{
	struct reader r = { groups, groups + size };
	struct slice f[FIELDS_MAX];
	size_t n;

	if (read_id(name, gid))
		return true;
	while (next_line(&r, f, &n))
		if (n >= 3 && f[0].n > 0 && is_text(f[0], name) && read_id(f[2], gid))
			return true;
	return false;
}

static bool is_member(struct slice list, struct slice name)
{
	while (list.n > 0) {
		const char *comma = memchr(list.s, ',', list.n);
		size_t n = comma != NULL ? (size_t)(comma - list.s) : list.n;

		if (is_text((struct slice){ list.s, n }, name))
			return true;
		if (comma == NULL)
			return false;
		list = (struct slice){ comma + 1, list.n - n - 1 };
	}
	return false;
}

static void add_group(struct identity *id, uint32_t gid)
{
	for (size_t i = 0; i < id->n_groups; i++)
		if (id->groups[i] == gid)
			return;
	if (id->n_groups < SUPPLEMENTARY_MAX)
		id->groups[id->n_groups++] = gid;
}

static void find_memberships(struct identity *id, struct slice name, const char *groups,
	size_t size)
{
	struct reader r = { groups, groups + size };
	struct slice f[FIELDS_MAX];
	uint32_t gid;
	size_t n;

	while (next_line(&r, f, &n))
		if (n >= 4 && read_id(f[2], &gid) && is_member(f[3], name))
			add_group(id, gid);
}

const char *identity_resolve(struct identity *id, const char *user, const char *group,
	const char *passwd, size_t passwd_size, const char *groups, size_t groups_size)
{
	const char *colon = user != NULL ? strchr(user, ':') : NULL;
	struct slice name = { "0", 1 };
	bool known;

	memset(id, 0, sizeof(*id));
	id->home[0] = '/';
	if (user != NULL && *user != '\0')
		name = (struct slice){ user,
			colon != NULL ? (size_t)(colon - user) : strlen(user) };
	known = find_user(id, &name, passwd, passwd_size);
	if (!known)
		return user;
	/* Like the other engines: a group that is asked for replaces the memberships too. */
	if (group == NULL && colon != NULL)
		group = colon + 1;
	if (group == NULL && name.n == 0)
		return NULL;
	if (group == NULL)
		find_memberships(id, name, groups, groups_size);
	else if (!find_group(&id->gid, (struct slice){ group, strlen(group) }, groups, groups_size))
		return group;
	return NULL;
}
