/* Secret= of podman-systemd.unit(5), LoadCredential= and SetCredential= of systemd.exec(5): where bytes come from and go. */
#include "common/paths.h"
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

#define SECRET_MODE 0400u
#define NAME_LONGEST 253u /* Podman's */

/* What can be the name of a file in a folder of secrets: nothing leads out of it, nothing is hidden. */
static int check_name(struct key_context *c, size_t at, const char *name, const char *what)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_LONGEST || name[0] == '.' || strspn(name, "@_.-" ALPHANUMERIC) != n)
		return key_fail(c, at, "\"%s\" is not the name of a %s", name, what);
	return 0;
}

/* The last one of a name and kind counts. */
static int add(struct key_context *c, const struct secret *s)
{
	struct secrets *list = c->field;

	for (size_t i = 0; i < list->n && s->kind >= CREDENTIAL_LOAD; i++)
		if (list->v[i].kind == s->kind && strcmp(list->v[i].name, s->name) == 0) {
			list->v[i] = *s;
			return 0;
		}
	if (list->n >= SECRETS_MAX)
		return key_fail(c, 0, "more than %u of them", SECRETS_MAX);
	*LIST_ADD(c->arena, list) = *s;
	return 0;
}

/* ---- Secret=NAME[,type=mount|env][,target=...][,uid=][,gid=][,mode=] ---- */

static int secret_number(const char *value, uint32_t *to)
{
	uint64_t n;

	if (number_u64(value, &n) < 0 || n >= SECRET_ID_UNSET)
		return -1;
	*to = (uint32_t)n;
	return 0;
}

static int secret_option(struct key_context *c, size_t at, struct secret *s, char *option)
{
	char *value = strchr(option, '=');
	int done = -1;

	if (value == NULL)
		return key_fail(c, at, "\"%s\" is not an option such as mode=0400", option);
	*value++ = '\0';
	if (strcmp(option, "type") == 0) {
		s->kind = strcmp(value, "env") == 0 ? SECRET_ENV : SECRET_MOUNT;
		done = s->kind == SECRET_ENV || strcmp(value, "mount") == 0 ? 0 : -1;
	} else if (strcmp(option, "target") == 0) {
		s->target = value;
		done = *value != '\0' ? 0 : -1;
	} else if (strcmp(option, "mode") == 0) {
		done = number_mode(value, &s->mode);
	} else if (strcmp(option, "uid") == 0) {
		done = secret_number(value, &s->uid);
	} else if (strcmp(option, "gid") == 0) {
		done = secret_number(value, &s->gid);
	}
	if (done < 0)
		return key_fail(c, at, "\"%s=%s\" is not an option of a secret", option, value);
	return 0;
}

/* A name stands for a file in PATH_SECRETS_INSIDE, as in podman-run(1). */
static int secret_target(struct key_context *c, struct secret *s)
{
	if (s->target == NULL)
		s->target = s->name;
	if (s->kind == SECRET_ENV) {
		if (strspn(s->target, "_" ALPHANUMERIC) == strlen(s->target) &&
			(s->target[0] < '0' || s->target[0] > '9'))
			return 0;
		return key_fail(c, 0,
			"\"%s\" is not the name of a variable; give it by target=", s->target);
	}
	if (s->target[0] != '/') {
		if (check_name(c, 0, s->target, "file for a secret") < 0)
			return -1;
		s->target = arena_printf(c->arena, PATH_SECRETS_INSIDE "/%s", s->target);
	} else if (strstr(s->target, "/..") != NULL || s->target[1] == '\0') {
		return key_fail(c, 0, "\"%s\" is not the path of a file", s->target);
	}
	return 0;
}

static int secret_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value);
	struct secret s = {
		.name = copy, .uid = SECRET_ID_UNSET, .gid = SECRET_ID_UNSET, .mode = SECRET_MODE
	};

	for (char *at = strchr(copy, ','); at != NULL;) {
		char *option = at + 1;

		*at = '\0';
		at = strchr(option, ',');
		if (at != NULL)
			*at = '\0';
		if (secret_option(c, (size_t)(option - copy), &s, option) < 0)
			return -1;
	}
	if (check_name(c, 0, s.name, "secret") < 0 || secret_target(c, &s) < 0)
		return -1;
	return add(c, &s);
}

static size_t secret_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct secrets *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		const struct secret *s = &list->v[i];

		text_separate(&t, "\n");
		text_printf(&t, "%s,type=%s,target=%s", s->name,
			s->kind == SECRET_ENV ? "env" : "mount", s->target);
		if (s->uid != SECRET_ID_UNSET)
			text_printf(&t, ",uid=%u", s->uid);
		if (s->gid != SECRET_ID_UNSET)
			text_printf(&t, ",gid=%u", s->gid);
		if (s->mode != SECRET_MODE)
			text_printf(&t, ",mode=%04o", s->mode);
	}
	return t.len;
}

const struct key_type key_type_secret = {
	.name = "NAME[,type=mount|env][,target=...][,uid=...][,gid=...][,mode=...]",
	.list = true,
	.specifiers = true,
	.parse = secret_parse,
	.print = secret_print,
};

/* ---- LoadCredential=ID[:PATH] and SetCredential=ID:VALUE, which share a list: key->arg says which it is ---- */

static int check_source(struct key_context *c, size_t at, const struct secret *s)
{
	if (s->kind == CREDENTIAL_SET)
		return text_unescape(c->arena, s->source) != NULL
			? 0
			: key_fail(c, at, "an escape gives a NUL byte");
	if (s->source[0] != '/')
		return check_name(c, at, s->source, "secret");
	return strstr(s->source, "/..") == NULL
		? 0
		: key_fail(c, at, "\"%s\" goes up by \"..\"", s->source);
}

static int credential_parse(struct key_context *c)
{
	char *id = arena_strdup(c->arena, c->value), *source = strchr(id, ':');
	struct secret s = { .kind = (enum secret_kind)c->key->arg,
		.name = id,
		.source = id,
		.uid = SECRET_ID_UNSET,
		.gid = SECRET_ID_UNSET,
		.mode = SECRET_MODE };

	if (source != NULL) {
		*source++ = '\0';
		s.source = source;
	} else if (s.kind == CREDENTIAL_SET) {
		return key_fail(c, strlen(id), "after the name comes \":\" and the value");
	}
	if (check_name(c, 0, id, "credential") < 0 ||
		check_source(c, (size_t)(s.source - id), &s) < 0)
		return -1;
	return add(c, &s);
}

static size_t credential_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct secrets *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].kind == (enum secret_kind)key->arg) {
			text_separate(&t, "\n");
			text_printf(&t, "%s:%s", list->v[i].name, list->v[i].source);
		}
	return t.len;
}

/* An empty value drops those of its own key. */
static void credential_reset(const struct key *key, void *field)
{
	struct secrets *list = field;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].kind != (enum secret_kind)key->arg)
			list->v[kept++] = list->v[i];
	list->n = kept;
}

const struct key_type key_type_load_credential = {
	.name = "ID[:PATH]",
	.list = true,
	.specifiers = true,
	.reset = credential_reset,
	.parse = credential_parse,
	.print = credential_print,
};

const struct key_type key_type_set_credential = {
	.name = "ID:VALUE",
	.list = true,
	.specifiers = true,
	.quoted = true,
	.reset = credential_reset,
	.parse = credential_parse,
	.print = credential_print,
};
