/* Lines of quoted words: arguments, environments, commands, settings. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

/* As word_next, with a message. */
static int next_word(struct key_context *c, size_t *pos, struct word *word)
{
	int got = word_next(c->arena, c->value, pos, word);

	if (got < 0)
		return key_fail(c, word->at,
			c->value[word->at] == '\\'
				? "an escape gives a NUL byte, which no argument can hold"
				: "the quote that opens here is not closed");
	return got;
}

/* ---- arguments ---- */

/* The JSON form of an entry point: ["/bin/sh", "-c", "x"]. Its strings are escaped as C strings are. */
int key_json_words(struct key_context *c)
{
	size_t pos = 1;

	for (;;) {
		size_t end;
		char *item;
		struct word word;

		pos += strspn(c->value + pos, " \t");
		if (c->value[pos] != '"')
			return key_fail(c, pos, "a list in brackets is [\"word\", \"word\"]");
		for (end = pos + 1; c->value[end] != '\0' && c->value[end] != '"'; end++)
			if (c->value[end] == '\\' && c->value[end + 1] != '\0')
				end++;
		item = arena_strndup(c->arena, c->value + pos, end - pos + (c->value[end] == '"'));
		end = 0;
		if (word_next(c->arena, item, &end, &word) < 0)
			return key_fail(c, pos, "the quote that opens here is not closed");
		strv_add(c->arena, c->field, word.text);
		pos += end + strspn(c->value + pos + end, " \t");
		if (c->value[pos] == ']' && c->value[pos + 1] == '\0')
			return 0;
		if (c->value[pos] != ',')
			return key_fail(c, pos, "a list in brackets is [\"word\", \"word\"]");
		pos++;
	}
}

static int words_parse(struct key_context *c)
{
	struct word word;
	size_t pos = 0;
	int got;

	/* A new line of arguments replaces the one before; it does not add to it. */
	memset(c->field, 0, sizeof(struct strv));
	if (c->value[0] == '[' && c->key->arg != 0)
		return key_json_words(c);
	while ((got = next_word(c, &pos, &word)) > 0)
		strv_add(c->arena, c->field, word.text);
	return got;
}

static void put_words(struct text *t, const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++) {
		if (i > 0)
			text_puts(t, " ");
		word_put(t, words->v[i]);
	}
}

static size_t words_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	(void)key;
	put_words(&t, field);
	return t.len;
}

const struct key_type key_type_words = {
	.name = "words",
	.specifiers = true,
	.quoted = true,
	.parse = words_parse,
	.print = words_print,
};

/* ---- environment ---- */

static size_t variable_length(const char *s)
{
	return *s >= '0' && *s <= '9' ? 0 : strspn(s, "_" ALPHANUMERIC);
}

/* Each is compared with those before it. */
#define LIST_MAX 2048u

/* A later assignment takes the place of an earlier one. */
static void environment_set(struct arena *a, struct strv *list, const char *assignment, size_t name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strncmp(list->v[i], assignment, name + 1) == 0) {
			list->v[i] = assignment;
			return;
		}
	strv_add(a, list, assignment);
}

static int environment_parse(struct key_context *c)
{
	struct word word;
	size_t pos = 0;
	int got;

	while ((got = next_word(c, &pos, &word)) > 0) {
		size_t name = variable_length(word.text);

		if (name == 0 || word.text[name] != '=')
			return key_fail(c, word.at,
				"\"%s\" is not an assignment NAME=value; quote it whole when it has "
				"blanks",
				word.text);
		if (((struct strv *)c->field)->n >= LIST_MAX)
			return key_fail(c, word.at, "more than %u variables", LIST_MAX);
		environment_set(c->arena, c->field, word.text, name);
	}
	return got;
}

static size_t lines_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct strv *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, "\n");
		word_put(&t, list->v[i]);
	}
	return t.len;
}

const struct key_type key_type_environment = {
	.name = "list of NAME=value",
	.list = true,
	.specifiers = true,
	.quoted = true,
	.parse = environment_parse,
	.print = lines_print,
};

static int environment_file_parse(struct key_context *c)
{
	const char *path = c->value + (c->value[0] == '-');

	if (*path != '/')
		return key_fail(c, (size_t)(path - c->value), "\"%s\" is not an absolute path",
			path);
	strv_add(c->arena, c->field, arena_strdup(c->arena, c->value));
	return 0;
}

static size_t plain_lines_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return key_print_list(field, "\n", buf, size);
}

const struct key_type key_type_environment_file = {
	.name = "absolute path, \"-\" before it when the file may be missing",
	.list = true,
	.specifiers = true,
	.parse = environment_file_parse,
	.print = plain_lines_print,
};

/* ---- commands ---- */

/*
 * Prefixes of ExecStart=, in any order; "@" takes the next word as argv[0]. "!!" is "!" where the kernel knows no ambient
 * capabilities, which all that sup runs on do: it changes nothing.
 */
static const char *command_prefixes(struct key_context *c, const struct word *word,
	struct command *command, bool *named)
{
	const char *s = word->text;
	unsigned int full = 0, user = 0;

	for (; *s != '\0' && strchr("-@:+!|", *s) != NULL; s++)
		switch (*s) {
		case '-':
			command->ignore_failure = true;
			break;
		case '@':
			*named = true;
			break;
		case ':':
			command->literal = true;
			break;
		case '+':
			full++;
			break;
		case '!':
			user++;
			break;
		default: /* "|": through the shell of the user, which no image need have */
			(void)key_fail(c, word->at,
				"the prefix \"|\" is not done here; write /bin/sh -c \"...\"");
			return NULL;
		}
	if (user > 2 || full + (user > 0) > 1) {
		(void)key_fail(c, word->at, "of the prefixes + ! !! there may be one");
		return NULL;
	}
	command->privileged = full > 0;
	command->keeps_user = user == 1;
	return s;
}

static int command_begin(struct key_context *c, struct word *word, struct command *command,
	bool *named)
{
	const char *path = command_prefixes(c, word, command, named);

	if (path == NULL)
		return -1;
	if (*path == '\0')
		return key_fail(c, word->at,
			"a prefix stands before the path of the program, not alone");
	if (strchr(path, '/') != NULL && *path != '/')
		return key_fail(c, word->at, "\"%s\" is neither an absolute path nor a plain name",
			path);
	command->path = path;
	return 0;
}

/* "\;" without quotes is how a lone semicolon is written as an argument. */
static bool is_escaped_semicolon(const char *line, size_t end, const struct word *word)
{
	return end - word->at == 2 && memcmp(line + word->at, "\\;", 2) == 0;
}

/* One command up to the end or a lone ";". 1 when another one follows. */
static int command_parse(struct key_context *c, size_t *pos)
{
	struct commands *list = c->field;
	struct command command = { .path = NULL };
	bool named = false;
	struct word word;
	int got;

	while ((got = next_word(c, pos, &word)) > 0) {
		if (command.path != NULL && strcmp(word.text, ";") == 0 && word.plain)
			break;
		if (command.path == NULL) {
			if (command_begin(c, &word, &command, &named) < 0)
				return -1;
			if (!named)
				strv_add(c->arena, &command.argv, command.path);
		} else {
			strv_add(c->arena, &command.argv,
				is_escaped_semicolon(c->value, *pos, &word) ? ";" : word.text);
		}
	}
	if (got < 0)
		return -1;
	if (command.path == NULL)
		return got;
	if (command.argv.n == 0)
		return key_fail(c, 0, "after \"@\" comes the path, then the name the program sees");
	*LIST_ADD(c->arena, list) = command;
	return got;
}

static int commands_parse(struct key_context *c)
{
	size_t pos = 0;
	int more;

	do
		more = command_parse(c, &pos);
	while (more > 0);
	return more;
}

static size_t commands_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct commands *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		const struct command *command = &list->v[i];
		bool named = strcmp(command->argv.v[0], command->path) != 0;

		text_separate(&t, "\n");
		text_puts(&t, command->ignore_failure ? "-" : "");
		text_puts(&t, command->literal ? ":" : "");
		text_puts(&t, command->privileged ? "+" : command->keeps_user ? "!" : "");
		text_puts(&t, named ? "@" : "");
		if (named) {
			word_put(&t, command->path);
			text_puts(&t, " ");
		}
		put_words(&t, &command->argv);
	}
	return t.len;
}

const struct key_type key_type_commands = {
	.name = "command line",
	.list = true,
	.specifiers = true,
	.quoted = true,
	.parse = commands_parse,
	.print = commands_print,
};

/* ---- name=value ---- */

static void setting_set(struct arena *a, struct settings *list, const char *name, const char *value)
{
	struct setting *s = NULL;

	for (size_t i = 0; i < list->n && s == NULL; i++)
		if (strcmp(list->v[i].name, name) == 0)
			s = &list->v[i];
	if (s == NULL)
		s = LIST_ADD(a, list);
	s->name = name;
	s->value = value;
}

/* Some keys take only the names of their choices. */
static int setting_check(struct key_context *c, size_t at, const char *name)
{
	const char *const *known = key_choices(c->key);
	char list[100];
	struct text t = { list, sizeof(list), 0 };

	if (known == NULL)
		return 0;
	for (; *known != NULL; known++) {
		if (strcmp(*known, name) == 0)
			return 0;
		text_separate(&t, ", ");
		text_puts(&t, *known);
	}
	return key_fail(c, at, "\"%s\" is not one of the options: %s", name, list);
}

static int settings_parse(struct key_context *c)
{
	struct word word;
	size_t pos = 0;
	int got;

	while ((got = next_word(c, &pos, &word)) > 0) {
		const char *equals = strchr(word.text, '=');
		const char *name;

		if (equals == NULL || equals == word.text)
			return key_fail(c, word.at, "\"%s\" is not of the form name=value",
				word.text);
		name = arena_strndup(c->arena, word.text, (size_t)(equals - word.text));
		if (setting_check(c, word.at, name) < 0)
			return -1;
		if (((struct settings *)c->field)->n >= LIST_MAX)
			return key_fail(c, word.at, "more than %u settings", LIST_MAX);
		setting_set(c->arena, c->field, name, equals + 1);
	}
	return got;
}

static size_t settings_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct settings *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		char line[WORD_LINE_MAX];
		struct text whole = { line, sizeof(line), 0 };

		text_printf(&whole, "%s=%s", list->v[i].name, list->v[i].value);
		text_separate(&t, "\n");
		word_put(&t, line);
	}
	return t.len;
}

const struct key_type key_type_settings = {
	.name = "list of name=value",
	.list = true,
	.specifiers = true,
	.quoted = true,
	.parse = settings_parse,
	.print = settings_print,
};
