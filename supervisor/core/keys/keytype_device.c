/* AddDevice= of podman-container.unit(5), DeviceAllow= of systemd.resource-control(5). */
#include "supervisor/core/keys/keytype.h"

#include <string.h>

/* ---- AddDevice=[-]HOST[:INSIDE][:rwm] ---- */

static int device_access(struct key_context *c, size_t at, struct device *d, const char *access)
{
	if (*access == '\0' || strspn(access, "rwm") != strlen(access))
		return key_fail(c, at, "\"%s\" is not an access made of r, w and m", access);
	d->read = strchr(access, 'r') != NULL;
	d->write = strchr(access, 'w') != NULL;
	d->mknod = strchr(access, 'm') != NULL;
	return 0;
}

static int device_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value), *part;
	struct device d = { .read = true, .write = true, .mknod = true };
	struct devices *list = c->field;

	d.optional = copy[0] == '-';
	d.host = copy + d.optional;
	d.inside = d.host;
	if (*d.host != '/')
		return key_fail(c, d.optional, "\"%s\" is not an absolute path", d.host);
	part = strchr(copy, ':');
	if (part != NULL) {
		*part++ = '\0';
		if (*part == '/') {
			d.inside = part;
			part = strchr(part, ':');
			if (part != NULL)
				*part++ = '\0';
		}
	}
	if (part != NULL && device_access(c, (size_t)(part - copy), &d, part) < 0)
		return -1;
	if (key_path_up(d.inside) != NULL || key_path_up(d.host) != NULL)
		return key_fail(c, 0, "\"%s\" goes up by \"..\"", c->value);
	*LIST_ADD(c->arena, list) = d;
	return 0;
}

static void put_access(struct text *t, const struct device *d)
{
	text_printf(t, "%s%s%s", d->read ? "r" : "", d->write ? "w" : "", d->mknod ? "m" : "");
}

static size_t device_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct devices *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		const struct device *d = &list->v[i];

		text_separate(&t, "\n");
		text_printf(&t, "%s%s:%s", d->optional ? "-" : "", d->host, d->inside);
		text_puts(&t, ":");
		put_access(&t, d);
	}
	return t.len;
}

const struct key_type key_type_device = {
	.name = "[-]HOST[:INSIDE][:rwm]",
	.list = true,
	.specifiers = true,
	.parse = device_parse,
	.print = device_print,
};

/* ---- DeviceAllow=NODE-OR-CLASS [rwm] ---- */

static int allow_parse(struct key_context *c)
{
	size_t len = strcspn(c->value, " \t");
	const char *access = c->value + len + strspn(c->value + len, " \t");
	struct device d = { .host = arena_strndup(c->arena, c->value, len) };
	struct devices *list = c->field;

	if (d.host[0] != '/' && strncmp(d.host, "char-", 5) != 0 &&
		strncmp(d.host, "block-", 6) != 0)
		return key_fail(c, 0,
			"\"%s\" is neither an absolute path nor a class like \"char-rtc\"", d.host);
	if (key_path_up(d.host) != NULL)
		return key_fail(c, 0, "\"%s\" goes up by \"..\"", d.host);
	if (device_access(c, (size_t)(access - c->value), &d, *access != '\0' ? access : "rwm") < 0)
		return -1;
	*LIST_ADD(c->arena, list) = d;
	return 0;
}

static size_t allow_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct devices *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, "\n");
		text_printf(&t, "%s ", list->v[i].host);
		put_access(&t, &list->v[i]);
	}
	return t.len;
}

const struct key_type key_type_device_allow = {
	.name = "device node or class, and access",
	.list = true,
	.specifiers = true,
	.parse = allow_parse,
	.print = allow_print,
};
