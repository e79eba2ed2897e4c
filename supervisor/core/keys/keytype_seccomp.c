/* System calls, families of sockets, namespaces: what a seccomp filter is made of, as systemd.exec(5) writes it. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/seccomp/calls.h"

#include <string.h>

#define BLANKS " \t"

/* What becomes of one word: 1: taken, 0: left out with a warning, -1: it is wrong. */
typedef int check_word(struct key_context *c, char *word, size_t at);

/* Lines add up; each word remembers whether its line began with "~". */
static int list_parse(struct key_context *c, check_word *check)
{
	const char *invert = c->value[0] == '~' ? "~" : "";
	size_t at = strlen(invert), n;

	for (at += strspn(c->value + at, BLANKS); c->value[at] != '\0';
		at += n + strspn(c->value + at + n, BLANKS)) {
		char *word;
		int got;

		n = strcspn(c->value + at, BLANKS);
		word = arena_printf(c->arena, "%s%.*s", invert, (int)n, c->value + at);
		got = check(c, word + strlen(invert), at);
		if (got < 0)
			return -1;
		if (got > 0)
			strv_add(c->arena, c->field, word);
	}
	return 0;
}

/* Words with the same beginning share a line. */
static size_t list_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct strv *list = field;
	struct text t = { buf, size, 0 };
	bool last = false;

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		bool inverted = list->v[i][0] == '~';

		if (i > 0)
			text_puts(&t, inverted == last ? " " : "\n");
		text_puts(&t, list->v[i] + (inverted && i > 0 && last));
		last = inverted;
	}
	return t.len;
}

/* ---- system calls ---- */

static void ignore(void *data, unsigned int number)
{
	(void)data;
	(void)number;
}

/* As systemd does: a kernel or a machine may have it that this one has not. */
static void unknown_call(struct key_context *c, const char *name, size_t at)
{
	struct text t = { c->why, c->why_size, strlen(c->why) };

	if (t.len == 0) {
		c->at = at;
		text_puts(&t, "left out, since this machine has no such system call: ");
	} else {
		text_puts(&t, ", ");
	}
	text_puts(&t, name);
}

static int check_call(struct key_context *c, char *word, size_t at)
{
	const char *colon = strchr(word, ':');
	const char *name = colon != NULL ? arena_strndup(c->arena, word, (size_t)(colon - word))
					 : word;

	if (colon != NULL &&
		(c->key->arg == 0 || (strcmp(colon, ":kill") != 0 && error_number(colon + 1) < 0)))
		return key_fail(c, at, "\"%s\" does not end with an error such as \":EPERM\"",
			word);
	if (name[0] == '@' ? call_group(name, ignore, NULL) == 0 : call_number(name) >= 0)
		return 1;
	unknown_call(c, name, at);
	return 0;
}

static int calls_parse(struct key_context *c)
{
	return list_parse(c, check_call);
}

const struct key_type key_type_system_calls = {
	.name = "list of system calls",
	.list = true,
	.parse = calls_parse,
	.print = list_print,
};

/* ---- errors ---- */

static int error_parse(struct key_context *c)
{
	int number = strcmp(c->value, "kill") == 0 ? 0 : error_number(c->value);

	if (number < 0)
		return key_fail(c, 0, "\"%s\" is not an error such as EPERM, 1 to 4095, or kill",
			c->value);
	*(int *)c->field = number;
	return 0;
}

static size_t error_print(const struct key *key, const void *field, char *buf, size_t size)
{
	int number = *(const int *)field;
	struct text t = { buf, size, 0 };
	const char *name = error_name(number);

	(void)key;
	if (name != NULL)
		text_printf(&t, "E%s", name);
	else if (number != 0)
		text_printf(&t, "%d", number);
	return t.len;
}

const struct key_type key_type_error = {
	.name = "error",
	.parse = error_parse,
	.print = error_print,
};

/* ---- machines, families, namespaces ---- */

static int check_machine(struct key_context *c, char *word, size_t at)
{
	if (strcmp(word, "native") != 0 || c->value[0] == '~')
		return key_fail(c, at, "\"%s\" is not done here; write native", word);
	return 1;
}

static int machines_parse(struct key_context *c)
{
	return list_parse(c, check_machine);
}

const struct key_type key_type_machines = {
	.name = "native",
	.list = true,
	.parse = machines_parse,
	.print = list_print,
};

static int check_family(struct key_context *c, char *word, size_t at)
{
	if (strcmp(word, "none") != 0 && family_number(word) < 0)
		return key_fail(c, at, "\"%s\" is not a family such as AF_INET", word);
	return 1;
}

static int families_parse(struct key_context *c)
{
	return list_parse(c, check_family);
}

const struct key_type key_type_families = {
	.name = "list of address families",
	.list = true,
	.parse = families_parse,
	.print = list_print,
};

static int check_namespace(struct key_context *c, char *word, size_t at)
{
	if (namespace_flag(word) == 0)
		return key_fail(c, at,
			"\"%s\" is not yes, no or a namespace, of cgroup ipc net mnt pid time user uts",
			word);
	return 1;
}

/* A truth replaces what was said before: it is the list of none or of all that is refused. */
static int namespaces_parse(struct key_context *c)
{
	struct strv *list = c->field;
	bool all;

	if (number_bool(c->value, &all) < 0)
		return list_parse(c, check_namespace);
	*list = (struct strv){ 0 };
	if (all)
		strv_add(c->arena, list, "yes");
	return 0;
}

const struct key_type key_type_namespaces = {
	.name = "truth, or list of namespaces",
	.list = true,
	.parse = namespaces_parse,
	.print = list_print,
};

/* ---- profiles ---- */

static int profile_parse(struct key_context *c)
{
	if (c->value[0] != '/' && strcmp(c->value, "unconfined") != 0)
		return key_fail(c, 0, "\"%s\" is neither an absolute path nor unconfined",
			c->value);
	*(const char **)c->field = arena_strdup(c->arena, c->value);
	return 0;
}

static size_t profile_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const char *value = *(const char *const *)field;
	struct text t = { buf, size, 0 };

	(void)key;
	if (value != NULL)
		text_puts(&t, value);
	return t.len;
}

const struct key_type key_type_profile = {
	.name = "path, or unconfined",
	.specifiers = true,
	.parse = profile_parse,
	.print = profile_print,
};
