/* Health checks: the command in its four spellings, the interval that may be off. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/words.h"

#include <string.h>
#include <strings.h>

#define SHELL "/bin/sh"

/* The words before a command that say how it is meant, as in an image's HEALTHCHECK. */
#define WORD_EXEC "CMD"
#define WORD_SHELL "CMD-SHELL"

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static void set_shell(struct key_context *c, const char *line)
{
	strv_add(c->arena, c->field, SHELL);
	strv_add(c->arena, c->field, "-c");
	strv_add(c->arena, c->field, arena_strdup(c->arena, line));
}

static void set_off(struct key_context *c)
{
	strv_add(c->arena, c->field, HEALTH_OFF);
}

/* "CMD a b": words between blanks, no quotes, as podman has it. */
static void set_blank_words(struct key_context *c, const char *rest)
{
	size_t n;

	for (rest += strspn(rest, " \t"); *rest != '\0'; rest += n + strspn(rest + n, " \t")) {
		n = strcspn(rest, " \t");
		strv_add(c->arena, c->field, arena_strndup(c->arena, rest, n));
	}
}

/* A list of one word is a line for the shell. */
static int set_list(struct key_context *c)
{
	struct strv list = { 0 };
	struct key_context inner = *c;
	const char *head;
	size_t len;

	inner.field = &list;
	if (key_json_words(&inner) < 0) {
		c->at = inner.at;
		return -1;
	}
	head = list.v[0];
	len = strlen(head);
	if (is_word(head, len, HEALTH_OFF)) {
		set_off(c);
	} else if (is_word(head, len, WORD_SHELL) && list.n == 2) {
		set_shell(c, list.v[1]);
	} else if (list.n == 1) {
		set_shell(c, head);
	} else {
		for (size_t i = is_word(head, len, WORD_EXEC); i < list.n; i++)
			strv_add(c->arena, c->field, list.v[i]);
	}
	return 0;
}

static int health_cmd_parse(struct key_context *c)
{
	const struct strv *cmd = c->field;
	const char *value = c->value;
	size_t len = strcspn(value, " \t");
	const char *rest = value + len + strspn(value + len, " \t");

	memset(c->field, 0, sizeof(struct strv));
	if (value[0] == '[') {
		if (set_list(c) < 0)
			return -1;
	} else if (is_word(value, len, HEALTH_OFF)) {
		set_off(c);
	} else if (is_word(value, len, WORD_EXEC)) {
		set_blank_words(c, rest);
	} else if (is_word(value, len, WORD_SHELL)) {
		set_shell(c, rest);
	} else {
		set_shell(c, value);
	}
	if (cmd->n == 0 || cmd->v[0][0] == '\0' || (cmd->n == 3 && cmd->v[2][0] == '\0'))
		return key_fail(c, 0,
			"there is no command to run; write a line for /bin/sh, \"CMD\" "
			"with a program and its words, or \"none\"");
	return 0;
}

static void put_quoted(struct text *t, const char *word)
{
	text_puts(t, "\"");
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			text_printf(t, "\\%c", *word);
		else if ((unsigned char)*word < ' ' || *word == 0x7f)
			text_printf(t, "\\x%02x", (unsigned int)(unsigned char)*word);
		else
			text_put(t, word, 1);
	}
	text_puts(t, "\"");
}

/* A line that reads back as what it is: no word of ours in front, no blank at its ends, no control character. */
static bool is_plain_line(const char *line)
{
	size_t len = strlen(line), first = strcspn(line, " \t");

	if (line[0] == '[' || strchr(" \t", line[0]) != NULL ||
		strchr(" \t", line[len - 1]) != NULL)
		return false;
	if (is_word(line, first, HEALTH_OFF) || is_word(line, first, WORD_EXEC) ||
		is_word(line, first, WORD_SHELL))
		return false;
	for (; *line != '\0'; line++)
		if (((unsigned char)*line < ' ' && *line != '\t') || *line == 0x7f)
			return false;
	return true;
}

static size_t health_cmd_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct strv *cmd = field;
	struct text t = { buf, size, 0 };
	bool shell = cmd->n == 3 && strcmp(cmd->v[0], SHELL) == 0 && strcmp(cmd->v[1], "-c") == 0;

	(void)key;
	if (cmd->n == 0)
		return 0;
	if (cmd->n == 1 && strcmp(cmd->v[0], HEALTH_OFF) == 0) {
		text_puts(&t, HEALTH_OFF);
		return t.len;
	}
	if (shell && is_plain_line(cmd->v[2])) {
		text_puts(&t, cmd->v[2]);
		return t.len;
	}
	text_puts(&t, "[\"" WORD_EXEC "\"");
	for (size_t i = 0; i < cmd->n; i++) {
		text_puts(&t, ", ");
		put_quoted(&t, cmd->v[i]);
	}
	text_puts(&t, "]");
	return t.len;
}

const struct key_type key_type_health_cmd = {
	.name = "command line for a shell, or list of words",
	.specifiers = true,
	.parse = health_cmd_parse,
	.print = health_cmd_print,
};

/* ---- the time between two checks */

#define DISABLE "disable"

static int interval_parse(struct key_context *c)
{
	uint64_t usec;

	if (strcmp(c->value, DISABLE) == 0)
		usec = TIME_INFINITY;
	else if (number_time(c->value, &usec) < 0 || usec == TIME_INFINITY)
		return key_fail(c, 0,
			"\"%s\" is neither a time span such as \"30s\" nor \"" DISABLE "\"",
			c->value);
	/* podman's 0 */
	*(uint64_t *)c->field = usec != 0 ? usec : TIME_INFINITY;
	return 0;
}

static size_t interval_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint64_t usec = *(const uint64_t *)field;

	(void)key;
	if (usec == TIME_INFINITY)
		text_puts(&t, DISABLE);
	else if (usec != 0)
		number_put_time(&t, usec);
	return t.len;
}

const struct key_type key_type_interval = {
	.name = "time span or \"" DISABLE "\"",
	.parse = interval_parse,
	.print = interval_print,
};
