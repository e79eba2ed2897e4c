/* Volume=, Tmpfs= and Mount= of podman-container.unit(5): one list of mounts for the three. */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"

#include <string.h>
#include <sys/mount.h>

#define TMPFS_MODE 01777u
/* Volume= could not say it. */
#define NO_COLON "\"%s\" has a \":\", which a path of a mount may not have"
#define MOUNTS_MAX 1024u /* of one container: they are compared with each other */

/*
 * Podman mounts with nosuid and nodev unless told otherwise, a bind with all that is mounted below it, and
 * copies what the image has at the place of a new volume into it.
 */
static struct mount mount_default(enum mount_kind kind)
{
	return (struct mount){
		.kind = kind,
		.no_dev = true,
		.no_suid = true,
		.no_exec = kind == MOUNT_TMPFS,
		.recursive = kind == MOUNT_BIND,
		.copy_up = kind != MOUNT_BIND,
		.size = SIZE_UNSET,
		.mode = TMPFS_MODE,
	};
}

/* ---- options ---- */

struct flag {
	const char *name;
	size_t member;
	bool value;
};

#define FLAG(word, m, v)                           \
	{                                          \
		word, offsetof(struct mount, m), v \
	}

static const struct flag flags[] = {
	FLAG("ro", read_only, true),
	FLAG("rw", read_only, false),
	FLAG("readonly", read_only, true),
	FLAG("noexec", no_exec, true),
	FLAG("exec", no_exec, false),
	FLAG("nodev", no_dev, true),
	FLAG("dev", no_dev, false),
	FLAG("nosuid", no_suid, true),
	FLAG("suid", no_suid, false),
	FLAG("rbind", recursive, true),
	FLAG("bind", recursive, false),
	FLAG("copy", copy_up, true),
	FLAG("nocopy", copy_up, false),
	FLAG("tmpcopyup", copy_up, true),
	FLAG("notmpcopyup", copy_up, false),
	FLAG("U", chown, true),
};

static const struct {
	const char *name;
	uint32_t flags;
} propagations[] = {
	{ "private", MS_PRIVATE },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "slave", MS_SLAVE },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "shared", MS_SHARED },
	{ "rshared", MS_SHARED | MS_REC },
};

static int set_flag(struct mount *m, const char *name, bool truth)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (strcmp(flags[i].name, name) == 0) {
			*(bool *)((char *)m + flags[i].member) = flags[i].value == truth;
			return 0;
		}
	return -1;
}

static int set_propagation(struct mount *m, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
		if (strcmp(propagations[i].name, name) == 0) {
			m->propagation = propagations[i].flags;
			return 0;
		}
	return -1;
}

/* Options of tmpfs(5) with a value: 1 when this was one, 0, -1. */
static int tmpfs_option(struct mount *m, const char *name, const char *value)
{
	if (m->kind != MOUNT_TMPFS || value == NULL)
		return 0;
	if (strcmp(name, "size") == 0 || strcmp(name, "tmpfs-size") == 0)
		return number_size(value, 1024, &m->size) < 0 ? -1 : 1;
	if (strcmp(name, "mode") == 0 || strcmp(name, "tmpfs-mode") == 0)
		return number_mode(value, &m->mode) < 0 ? -1 : 1;
	return 0;
}

/* Podman relabels for SELinux, which this system does not have: there is nothing to do. */
static bool is_relabel(const char *name)
{
	return strcmp(name, "z") == 0 || strcmp(name, "Z") == 0 || strcmp(name, "relabel") == 0;
}

static int mount_option(struct key_context *c, size_t at, struct mount *m, char *option)
{
	char *value = strchr(option, '=');
	bool truth = true;
	int done;

	if (value != NULL)
		*value++ = '\0';
	done = tmpfs_option(m, option, value);
	if (done > 0 || is_relabel(option))
		return 0;
	if (done == 0 && value != NULL && number_bool(value, &truth) < 0)
		done = -1;
	if (done == 0 && set_flag(m, option, truth) == 0)
		return 0;
	if (done == 0 && value == NULL && m->kind != MOUNT_TMPFS && set_propagation(m, option) == 0)
		return 0;
	if (strcmp(option, "idmap") == 0 && value == NULL) /* as every mount is */
		return 0;
	if (strcmp(option, "O") == 0 || strcmp(option, "idmap") == 0)
		return key_fail(c, at, "the option \"%s\" is not done here", option);
	return key_fail(c, at, "\"%s%s%s\" is not an option of this mount", option,
		value != NULL ? "=" : "", value != NULL ? value : "");
}

static int mount_options(struct key_context *c, size_t at, struct mount *m, char *list)
{
	while (list != NULL) {
		char *next = strchr(list, ',');
		size_t len = next != NULL ? (size_t)(next - list) + 1 : 0;

		if (next != NULL)
			*next++ = '\0';
		if (*list != '\0' && mount_option(c, at, m, list) < 0)
			return -1;
		at += len;
		list = next;
	}
	return 0;
}

/* ---- source and target ---- */

/* An absolute path of the host, "data.volume", or a plain name. */
static int mount_source(struct key_context *c, size_t at, struct mount *m, const char *source)
{
	m->source = source;
	if (*source == '/') {
		if (key_path_up(source) != NULL)
			return key_fail(c, at, "\"%s\" goes up by \"..\"", source);
		if (strchr(source, ':') != NULL)
			return key_fail(c, at, NO_COLON, source);
		m->kind = MOUNT_BIND;
		return 0;
	}
	m->kind = MOUNT_VOLUME;
	if (unit_name_check(source) < 0)
		return key_fail(c, at,
			"\"%s\" is neither an absolute path nor the name of a volume", source);
	return 0;
}

static int mount_target(struct key_context *c, size_t at, struct mount *m, const char *target)
{
	if (*target != '/' || key_path_up(target) != NULL)
		return key_fail(c, at, "\"%s\" is not an absolute path without \"..\"", target);
	if (target[strspn(target, "/")] == '\0')
		return key_fail(c, at, "\"/\" is the root of the container itself");
	if (strchr(target, ':') != NULL)
		return key_fail(c, at, NO_COLON, target);
	m->target = target;
	return 0;
}

/* The host's own folders: another owner of all in them would be the end of it. As Podman. */
static bool is_of_system(const char *path)
{
	static const char folders[] =
		"/ /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run "
		"/sbin /srv /sys /tmp /usr /var /var/lib /var/log ";
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (const char *s = folders; *s != '\0'; s += strcspn(s, " ") + 1)
		if (strcspn(s, " ") == n && memcmp(s, path, n) == 0)
			return true;
	return false;
}

static int mount_add(struct key_context *c, const struct mount *m)
{
	struct mounts *list = c->field;

	if (m->chown && m->kind == MOUNT_BIND && is_of_system(m->source))
		return key_fail(c, 0, "the option U would give away all of the host's %s",
			m->source);
	if (list->n >= MOUNTS_MAX)
		return key_fail(c, 0, "more than %u mounts", MOUNTS_MAX);
	*LIST_ADD(c->arena, list) = *m;
	return 0;
}

/* ---- Volume=[SOURCE:]TARGET[:options] ---- */

static int volume_parse(struct key_context *c)
{
	char *part[3] = { arena_strdup(c->arena, c->value), NULL, NULL };
	struct mount named = { .kind = MOUNT_ANONYMOUS }, m;
	size_t at[3] = { 0, 0, 0 }, n = 1, target = 0;

	for (char *colon; n < 3 && (colon = strchr(part[n - 1], ':')) != NULL; n++) {
		*colon = '\0';
		part[n] = colon + 1;
		at[n] = (size_t)(part[n] - part[0]);
	}
	/* "/a:ro": the second part begins with no "/", so it is not a place. */
	if (n == 3 || (n == 2 && part[1][0] == '/')) {
		if (mount_source(c, 0, &named, part[0]) < 0)
			return -1;
		target = 1;
	}
	m = mount_default(named.kind);
	m.source = named.source;
	if (mount_target(c, at[target], &m, part[target]) < 0)
		return -1;
	if (mount_options(c, at[n > target + 1 ? target + 1 : 0], &m,
		    n > target + 1 ? part[target + 1] : NULL) < 0)
		return -1;
	return mount_add(c, &m);
}

/* The word of every flag that differs from the default of the kind. */
static void put_options(struct text *t, const struct mount *m, const char *before)
{
	struct mount normal = mount_default(m->kind);
	const char *gap = before;

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		bool ours = *(const bool *)((const char *)m + flags[i].member);
		bool same = ours == *(const bool *)((const char *)&normal + flags[i].member);

		if (same || ours != flags[i].value)
			continue;
		text_printf(t, "%s%s", gap, flags[i].name);
		*(bool *)((char *)&normal + flags[i].member) = ours;
		gap = ",";
	}
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
		if (m->propagation != 0 && propagations[i].flags == m->propagation) {
			text_printf(t, "%s%s", gap, propagations[i].name);
			gap = ",";
		}
	if (m->size != SIZE_UNSET) {
		text_printf(t, "%ssize=", gap);
		number_put_size(t, m->size, 1024);
		gap = ",";
	}
	if (m->mode != TMPFS_MODE)
		text_printf(t, "%smode=%04o", gap, m->mode);
}

static void put_mounts(struct text *t, const struct mounts *list, bool tmpfs)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct mount *m = &list->v[i];

		if ((m->kind == MOUNT_TMPFS) != tmpfs)
			continue;
		text_separate(t, "\n");
		if (m->source != NULL)
			text_printf(t, "%s:", m->source);
		text_puts(t, m->target);
		put_options(t, m, ":");
	}
}

static size_t volume_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	(void)key;
	put_mounts(&t, field, false);
	return t.len;
}

static void keep_mounts(struct mounts *list, bool tmpfs)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if ((list->v[i].kind == MOUNT_TMPFS) == tmpfs)
			list->v[kept++] = list->v[i];
	list->n = kept;
	if (kept == 0)
		list->v = NULL;
}

static void volume_reset(const struct key *key, void *field)
{
	(void)key;
	keep_mounts(field, true);
}

const struct key_type key_type_volume = {
	.name = "[SOURCE:]TARGET[:options]",
	.list = true,
	.specifiers = true,
	.reset = volume_reset,
	.parse = volume_parse,
	.print = volume_print,
};

/* ---- Tmpfs=TARGET[:options] ---- */

static int tmpfs_parse(struct key_context *c)
{
	char *target = arena_strdup(c->arena, c->value), *options = strchr(target, ':');
	struct mount m = mount_default(MOUNT_TMPFS);

	if (options != NULL)
		*options++ = '\0';
	if (mount_target(c, 0, &m, target) < 0 ||
		mount_options(c, strlen(target) + 1, &m, options) < 0)
		return -1;
	return mount_add(c, &m);
}

static size_t tmpfs_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	(void)key;
	put_mounts(&t, field, true);
	return t.len;
}

static void tmpfs_reset(const struct key *key, void *field)
{
	(void)key;
	keep_mounts(field, false);
}

const struct key_type key_type_tmpfs = {
	.name = "TARGET[:options]",
	.list = true,
	.specifiers = true,
	.reset = tmpfs_reset,
	.parse = tmpfs_parse,
	.print = tmpfs_print,
};

/* ---- Mount=type=bind,source=...,destination=...,options ---- */

static char *option_value(char *item, const char *const *names)
{
	size_t len = strcspn(item, "=");

	for (; item[len] == '=' && *names != NULL; names++)
		if (strlen(*names) == len && memcmp(*names, item, len) == 0)
			return item + len + 1;
	return NULL;
}

static int mount_type(struct key_context *c, const char *type, struct mount *m)
{
	static const char *const types[] = {
		[MOUNT_BIND] = "bind",
		[MOUNT_VOLUME] = "volume",
		[MOUNT_TMPFS] = "tmpfs",
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i], type) == 0) {
			*m = mount_default((enum mount_kind)i);
			return 0;
		}
	return key_fail(c, 0, "type=%s is not done here; the types are bind, volume, tmpfs", type);
}

/* One "name=value" of the list, of the second pass: the type is known. */
static int mount_item(struct key_context *c, size_t at, struct mount *m, char *item)
{
	static const char *const sources[] = { "source", "src", NULL };
	static const char *const targets[] = { "destination", "dest", "dst", "target", NULL };
	static const char *const propagation[] = { "bind-propagation", NULL };
	static const char *const type[] = { "type", NULL };
	enum mount_kind kind = m->kind;
	char *value;

	if (option_value(item, type) != NULL || *item == '\0')
		return 0;
	if ((value = option_value(item, targets)) != NULL)
		return mount_target(c, at, m, value);
	if ((value = option_value(item, propagation)) != NULL) {
		if (kind != MOUNT_BIND || set_propagation(m, value) < 0)
			return key_fail(c, at, "\"%s\" is not a propagation of this mount", value);
		return 0;
	}
	if ((value = option_value(item, sources)) != NULL) {
		if (kind == MOUNT_TMPFS)
			return key_fail(c, at, "a tmpfs has no source");
		if (mount_source(c, at, m, value) < 0)
			return -1;
		return m->kind == kind ? 0
				       : key_fail(c, at, "\"%s\" is no source of this type", value);
	}
	if (strcmp(item, "bind-nonrecursive") == 0) {
		m->recursive = false;
		return 0;
	}
	return mount_option(c, at, m, item);
}

static int mount_items(struct key_context *c, struct mount *m)
{
	char *list = arena_strdup(c->arena, c->value);
	size_t at = 0;

	while (list != NULL) {
		char *next = strchr(list, ',');
		size_t len = strcspn(list, ",") + 1;

		if (next != NULL)
			*next++ = '\0';
		if (mount_item(c, at, m, list) < 0)
			return -1;
		at += len;
		list = next;
	}
	return 0;
}

static int mount_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value), *type = NULL;
	static const char *const names[] = { "type", NULL };
	struct mount m;

	for (char *item = copy; item != NULL && type == NULL;) {
		char *next = strchr(item, ',');

		if (next != NULL)
			*next++ = '\0';
		type = option_value(item, names);
		item = next;
	}
	if (type == NULL)
		return key_fail(c, 0,
			"there is no type=; write type=bind,source=/a,destination=/b");
	if (mount_type(c, type, &m) < 0 || mount_items(c, &m) < 0)
		return -1;
	if (m.target == NULL)
		return key_fail(c, 0, "there is no destination=");
	if (m.source == NULL && m.kind == MOUNT_BIND)
		return key_fail(c, 0, "there is no source=");
	if (m.source == NULL && m.kind == MOUNT_VOLUME)
		m.kind = MOUNT_ANONYMOUS;
	return mount_add(c, &m);
}

/* Its canonical form is Volume= or Tmpfs=. */
static size_t mount_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	(void)field;
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

/* As the list is shared, an empty Mount= clears it all. */
const struct key_type key_type_mount = {
	.name = "type=...,source=...,destination=...,options",
	.list = true,
	.specifiers = true,
	.parse = mount_parse,
	.print = mount_print,
};
