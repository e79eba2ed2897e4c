/* Strings with a form: paths, names, references, lists of them. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/net/ifname.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

static int store(struct key_context *c)
{
	*(const char **)c->field = arena_strdup(c->arena, c->value);
	return 0;
}

static size_t string_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	const char *s = *(const char *const *)field;

	(void)key;
	if (s != NULL)
		text_puts(&t, s);
	return t.len;
}

/* Fails unless every character is one of `allowed`; `what` goes into the message. */
static int store_of(struct key_context *c, const char *allowed, size_t longest, const char *what)
{
	size_t good = strspn(c->value, allowed), len = strlen(c->value);

	if (good < len)
		return key_fail(c, good, "\"%s\" has a character that %s may not have", c->value,
			what);
	if (len > longest)
		return key_fail(c, longest, "\"%s\" has %zu characters, %s at most %zu", c->value,
			len, what, longest);
	return store(c);
}

const struct key_type key_type_text = {
	.name = "text",
	.specifiers = true,
	.parse = store,
	.print = string_print,
};

#define DIGEST_LENGTH 64

static int digest_parse(struct key_context *c)
{
	if (strspn(c->value, "0123456789abcdef") != DIGEST_LENGTH ||
		c->value[DIGEST_LENGTH] != '\0')
		return key_fail(c, 0, "\"%s\" is not a SHA-256 hash of %d hexadecimal digits",
			c->value, DIGEST_LENGTH);
	return store(c);
}

const struct key_type key_type_digest = {
	.name = "hash",
	.parse = digest_parse,
	.print = string_print,
};

#define PATH_LONGEST 4095 /* PATH_MAX of limits.h, without its NUL: no system call takes more */

const char *key_path_up(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")) != NULL; p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return p + 1;
	return NULL;
}

/* Absolute, and without a ".." that would make it mean something else after a mount. */
static int check_path(struct key_context *c, const char *path)
{
	size_t at = (size_t)(path - c->value);
	const char *up = key_path_up(path);

	if (*path != '/')
		return key_fail(c, at, "\"%s\" is not an absolute path", path);
	if (strlen(path) > PATH_LONGEST)
		return key_fail(c, at + PATH_LONGEST, "a path has at most %d characters",
			PATH_LONGEST);
	if (up != NULL)
		return key_fail(c, (size_t)(up - c->value), "\"%s\" goes up by \"..\"", path);
	return 0;
}

static int path_parse(struct key_context *c)
{
	return check_path(c, c->value) < 0 ? -1 : store(c);
}

const struct key_type key_type_path = {
	.name = "absolute path",
	.specifiers = true,
	.parse = path_parse,
	.print = string_print,
};

/* A user of a container may bring its group: "redis:redis", "1000:1000"; said by key->arg. */
static int user_parse(struct key_context *c)
{
	const char *allowed = "_.-" ALPHANUMERIC;

	if (strchr("-.:", c->value[0]) != NULL)
		return key_fail(c, 0, "\"%s\" is not the name or number of a user or group",
			c->value);
	if (c->key->arg != 0)
		allowed = ":_.-" ALPHANUMERIC;
	return store_of(c, allowed, 128, "a user or group");
}

const struct key_type key_type_user = {
	.name = "name or number",
	.specifiers = true,
	.parse = user_parse,
	.print = string_print,
};

static int host_name_parse(struct key_context *c)
{
	if (strchr("-.", c->value[0]) != NULL)
		return key_fail(c, 0, "a host name does not begin with \"%c\"", c->value[0]);
	return store_of(c, ".-" ALPHANUMERIC, 64, "a host name");
}

const struct key_type key_type_host_name = {
	.name = "host name",
	.specifiers = true,
	.parse = host_name_parse,
	.print = string_print,
};

/* Names of containers, time zones and file system types. */
static int name_parse(struct key_context *c)
{
	if (strstr(c->value, "..") != NULL || strchr("-./", c->value[0]) != NULL)
		return key_fail(c, 0, "\"%s\" is not a name", c->value);
	return store_of(c, "+/_.-" ALPHANUMERIC, 128, "a name");
}

const struct key_type key_type_name = {
	.name = "name",
	.specifiers = true,
	.parse = name_parse,
	.print = string_print,
};

static int instance_parse(struct key_context *c)
{
	return store_of(c, "\\@:_.-" ALPHANUMERIC, UNIT_NAME_MAX - 1, "an instance");
}

const struct key_type key_type_instance = {
	.name = "name of an instance",
	.specifiers = true,
	.parse = instance_parse,
	.print = string_print,
};

/* arg 2: one of the host's that is only looked for, which lo may be. */
static int interface_parse(struct key_context *c)
{
	if (store_of(c, "_.-" ALPHANUMERIC, IF_NAME_MAX - 1, "a network interface") < 0)
		return -1;
	return c->key->arg == 2 || if_name_ok(c->value, strlen(c->value))
		? 0
		: key_fail(c, 0, "\"%s\" cannot be the name of an interface here", c->value);
}

const struct key_type key_type_interface = {
	.name = "interface name",
	.specifiers = true,
	.parse = interface_parse,
	.print = string_print,
};

/* arg 1: "NIC:NAME", another name inside, is one, too. */
static int interfaces_parse(struct key_context *c)
{
	struct key_context part = *c;
	struct word word;
	size_t pos = 0;
	const char *ignored;

	part.field = &ignored;
	while (word_next(c->arena, c->value, &pos, &word) > 0) {
		const char *colon = strchr(word.text, ':');
		bool two = colon != NULL && c->key->arg != 0;

		c->at = word.at;
		if (colon == word.text || (two && colon[1] == '\0'))
			return key_fail(c, word.at, "\"%s\" lacks a name; write \"eth1:lan0\"",
				word.text);
		part.value = two ? arena_strndup(c->arena, word.text, (size_t)(colon - word.text))
				 : word.text;
		if (interface_parse(&part) < 0)
			return -1;
		part.value = two ? colon + 1 : word.text;
		if (interface_parse(&part) < 0)
			return -1;
		strv_add(c->arena, c->field, word.text);
	}
	return 0;
}

static size_t interfaces_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return key_print_list(field, " ", buf, size);
}

const struct key_type key_type_interfaces = {
	.name = "list of interface names",
	.list = true,
	.specifiers = true,
	.parse = interfaces_parse,
	.print = interfaces_print,
};

static int image_parse(struct key_context *c)
{
	const char *dot = strrchr(c->value, '.');

	if (strstr(c->value, "..") != NULL || strchr("-.:", c->value[0]) != NULL)
		return key_fail(c, 0, "\"%s\" is not the name of an image", c->value);
	if (c->value[0] == '/')
		return key_fail(c, 0,
			"\"%s\" is a path; a directory is named by Rootfs=", c->value);
	if (dot != NULL && (strcmp(dot, ".image") == 0 || strcmp(dot, ".build") == 0))
		return key_fail(c, 0,
			"\"%s\" is a unit that sup does not do; name the image itself", c->value);
	return store_of(c, ":@+/_.-" ALPHANUMERIC, 255, "an image");
}

const struct key_type key_type_image = {
	.name = "image",
	.specifiers = true,
	.parse = image_parse,
	.print = string_print,
};

static int rootfs_parse(struct key_context *c)
{
	const char *colon = strchr(c->value, ':');

	/* ":idmap": as every root is */
	if (colon != NULL && strcmp(colon, ":O") != 0 && strcmp(colon, ":idmap") != 0)
		return key_fail(c, (size_t)(colon - c->value),
			"\"%s\" is not an option of a root; there is \":O\"", colon);
	return path_parse(c);
}

const struct key_type key_type_rootfs = {
	.name = "absolute path of a directory",
	.specifiers = true,
	.parse = rootfs_parse,
	.print = string_print,
};

/* "0-3,7", or with blanks; stored with commas, as cgroup v2 takes it. */
static int ranges_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value);
	char *out = arena_alloc(c->arena, strlen(copy) + 1);
	struct text t = { out, strlen(copy) + 1, 0 };

	for (char *p = copy + strspn(copy, " ,\t"); *p != '\0';) {
		size_t len = strcspn(p, " ,\t"), at = (size_t)(p - copy);
		char *next = p + len + strspn(p + len, " ,\t");
		char *dash = memchr(p, '-', len);
		uint64_t low, high;

		p[len] = '\0';
		if (dash != NULL)
			*dash = '\0';
		if (number_u64(p, &low) < 0 || number_u64(dash != NULL ? dash + 1 : p, &high) < 0 ||
			low > high || high > 8191)
			return key_fail(c, at, "\"%s\" is not a list like \"0-3,7\"", c->value);
		text_separate(&t, ",");
		text_printf(&t, dash != NULL ? "%llu-%llu" : "%llu", (unsigned long long)low,
			(unsigned long long)high);
		p = next;
	}
	*(const char **)c->field = out;
	return 0;
}

const struct key_type key_type_ranges = {
	.name = "list of numbers and ranges",
	.parse = ranges_parse,
	.print = string_print,
};

/* ---- lists of words without quotes ---- */

static int list_parse(struct key_context *c, int (*check)(struct key_context *c, const char *item))
{
	char *copy = arena_strdup(c->arena, c->value);

	for (char *p = copy + strspn(copy, " \t"); *p != '\0';) {
		size_t len = strcspn(p, " \t"), at = (size_t)(p - copy);
		char *next = p + len + strspn(p + len, " \t");

		p[len] = '\0';
		c->at = at;
		if (check(c, p) < 0)
			return -1;
		strv_add(c->arena, c->field, p);
		p = next;
	}
	return 0;
}

size_t key_print_list(const struct strv *list, const char *between, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, between);
		text_puts(&t, list->v[i]);
	}
	return t.len;
}

static size_t list_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return key_print_list(field, " ", buf, size);
}

/* Kinds of systemd that a copied unit may name; none of them exists here. */
static bool is_foreign_unit(const char *name)
{
	static const char *const suffixes[] = { ".mount", ".automount", ".path", ".swap", ".slice",
		".scope", ".device", ".pod", ".image", ".build", ".kube", NULL };
	const char *dot = strrchr(name, '.');

	for (const char *const *s = suffixes; *s != NULL; s++)
		if (dot != NULL && strcmp(dot, *s) == 0)
			return true;
	return false;
}

static int check_unit(struct key_context *c, const char *name)
{
	if (unit_kind_of(name) == KIND_COUNT && !is_foreign_unit(name))
		return key_fail(c, c->at, "\"%s\" does not end like a unit (%s)", name,
			unit_endings());
	if (unit_name_check(name) < 0)
		return key_fail(c, c->at, "\"%s\" is not the name of a unit", name);
	return 0;
}

static int unit_name_parse(struct key_context *c)
{
	if (check_unit(c, c->value) < 0)
		return -1;
	*(const char **)c->field = arena_strdup(c->arena, c->value);
	return 0;
}

const struct key_type key_type_unit_name = {
	.name = "unit name",
	.specifiers = true,
	.names_units = true,
	.parse = unit_name_parse,
	.print = string_print,
};

static int units_parse(struct key_context *c)
{
	return list_parse(c, check_unit);
}

const struct key_type key_type_units = {
	.name = "list of unit names",
	.list = true,
	.specifiers = true,
	.names_units = true,
	.parse = units_parse,
	.print = list_print,
};

static int check_host_name(struct key_context *c, const char *name)
{
	if (strchr("-.", name[0]) == NULL && strlen(name) <= 128 &&
		name[strspn(name, "_.-" ALPHANUMERIC)] == '\0')
		return 0;
	return key_fail(c, c->at, "\"%s\" is not a host name", name);
}

static int host_names_parse(struct key_context *c)
{
	return list_parse(c, check_host_name);
}

const struct key_type key_type_host_names = {
	.name = "list of host names",
	.list = true,
	.specifiers = true,
	.parse = host_names_parse,
	.print = list_print,
};

static int check_url(struct key_context *c, const char *url)
{
	static const char *const schemes[] = { "http://", "https://",
		"file:", "info:", "man:", NULL };

	for (const char *const *s = schemes; *s != NULL; s++)
		if (strncmp(url, *s, strlen(*s)) == 0)
			return 0;
	return key_fail(c, c->at,
		"\"%s\" begins with none of http://, https://, file:, info:, man:", url);
}

static int urls_parse(struct key_context *c)
{
	return list_parse(c, check_url);
}

const struct key_type key_type_urls = {
	.name = "list of URIs",
	.list = true,
	.specifiers = true,
	.parse = urls_parse,
	.print = list_print,
};

static int path_list_parse(struct key_context *c)
{
	return list_parse(c, check_path);
}

const struct key_type key_type_path_list = {
	.name = "list of paths",
	.list = true,
	.specifiers = true,
	.parse = path_list_parse,
	.print = list_print,
};

/* Mask= and Unmask= of Quadlet: paths with colons between; Unmask=ALL. */
static int paths_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value);

	for (char *p = copy; p != NULL;) {
		char *next = strchr(p, ':');

		if (next != NULL)
			*next++ = '\0';
		if (c->key->arg == 0 || strcmp(p, "ALL") != 0) {
			c->value = p;
			if (check_path(c, p) < 0) {
				c->at += (size_t)(p - copy);
				return -1;
			}
		}
		strv_add(c->arena, c->field, p);
		p = next;
	}
	return 0;
}

static size_t paths_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return key_print_list(field, ":", buf, size);
}

const struct key_type key_type_paths = {
	.name = "list of paths, with colons",
	.list = true,
	.specifiers = true,
	.parse = paths_parse,
	.print = paths_print,
};
