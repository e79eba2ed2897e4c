/* Places of the file tree: the sandbox of systemd.exec(5) for services, and Landlock for all. One list for several keys. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

#define PATH_LONGEST 4095

static struct spot *place_add(struct key_context *c)
{
	struct spot *place = LIST_ADD(c->arena, (struct spots *)c->field);

	place->kind = (uint8_t)c->key->arg;
	return place;
}

static int check_path(struct key_context *c, size_t at, const char *path)
{
	if (path[0] != '/')
		return key_fail(c, at, "\"%s\" is not an absolute path", path);
	if (key_path_up(path) != NULL)
		return key_fail(c, at, "\"%s\" goes up by \"..\"", path);
	if (strlen(path) > PATH_LONGEST)
		return key_fail(c, at, "a path has at most %d characters", PATH_LONGEST);
	return 0;
}

/* Cuts the next part at a colon that no backslash precedes; NULL: the last one. */
static char *cut_part(char *part)
{
	char *to = part;

	for (; *part != '\0' && *part != ':'; *to++ = *part++)
		if (*part == '\\' && part[1] == ':')
			part++;
	if (*part == '\0') {
		*to = '\0';
		return NULL;
	}
	*to = '\0';
	return part + 1;
}

/* SOURCE[:TARGET[:rbind|norbind]] */
static int parse_bind(struct key_context *c, size_t at, char *text, struct spot *place)
{
	char *target = cut_part(text), *options = target != NULL ? cut_part(target) : NULL;

	place->source = text;
	place->path = target != NULL && *target != '\0' ? target : text;
	place->shallow = options != NULL && strcmp(options, "norbind") == 0;
	if (options != NULL && !place->shallow && strcmp(options, "rbind") != 0)
		return key_fail(c, at, "\"%s\" is neither rbind nor norbind", options);
	return check_path(c, at, place->source) < 0 ? -1 : check_path(c, at, place->path);
}

static int parse_tmpfs(struct key_context *c, size_t at, char *text, struct spot *place)
{
	place->path = text;
	place->options = cut_part(text);
	return check_path(c, at, place->path);
}

/* "+" would make it relative to RootDirectory=, which is "/" here. */
static int parse_plain(struct key_context *c, size_t at, char *text, struct spot *place)
{
	place->path = text + (text[0] == '+');
	return check_path(c, at, place->path);
}

static int parse_places(struct key_context *c,
	int (*parse)(struct key_context *c, size_t at, char *text, struct spot *place))
{
	struct word word;
	size_t pos = 0;
	int got;

	while ((got = word_next(c->arena, c->value, &pos, &word)) > 0) {
		struct spot *place = place_add(c);
		char *text = arena_strdup(c->arena, word.text);

		place->optional = text[0] == '-';
		if (parse(c, word.at, text + place->optional, place) < 0)
			return -1;
		if (c->key->type != KEY_TYPE_landlock_path && place->kind > SANDBOX_READ_ONLY &&
			place->path[strspn(place->path, "/")] == '\0')
			return key_fail(c, word.at, "\"/\" cannot be something else");
	}
	return got < 0 ? key_fail(c, word.at, "the quote that opens here is not closed") : 0;
}

static int plain_parse(struct key_context *c)
{
	return parse_places(c, parse_plain);
}

static int bind_parse(struct key_context *c)
{
	return parse_places(c, parse_bind);
}

static int tmpfs_parse(struct key_context *c)
{
	return parse_places(c, parse_tmpfs);
}

/* A port, "none" or "any". */
static int port_parse(struct key_context *c)
{
	struct word word;
	size_t pos = 0;

	while (word_next(c->arena, c->value, &pos, &word) > 0) {
		uint64_t port = 0;

		if (strcmp(word.text, "any") == 0) {
			place_add(c)->port = PORT_ANY;
			continue;
		}
		if (strcmp(word.text, "none") != 0 &&
			(number_u64(word.text, &port) < 0 || port == 0 || port > UINT16_MAX))
			return key_fail(c, word.at,
				"\"%s\" is not a port, 1 to 65535, \"none\" or \"any\"", word.text);
		place_add(c)->port = (int32_t)port;
	}
	return 0;
}

/* ---- print: a word a line ---- */

static void put_part(struct text *t, const char *part)
{
	for (; *part != '\0'; part++)
		text_printf(t, "%s%c", *part == ':' ? "\\" : "", *part);
}

static void put_word(struct text *t, const struct spot *place)
{
	char word[2 * PATH_LONGEST + 64];
	struct text w = { word, sizeof(word), 0 };

	text_puts(&w, place->optional ? "-" : "");
	if (place->source != NULL) {
		put_part(&w, place->source);
		text_puts(&w, ":");
	}
	if (place->source != NULL || place->options != NULL)
		put_part(&w, place->path);
	else
		text_puts(&w, place->path);
	if (place->shallow || place->options != NULL)
		text_printf(&w, ":%s", place->shallow ? "norbind" : place->options);
	word_put(t, word);
}

static size_t place_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct spots *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++) {
		const struct spot *place = &list->v[i];

		if (place->kind != key->arg)
			continue;
		text_separate(&t, "\n");
		if (place->path != NULL)
			put_word(&t, place);
		else if (place->port > 0)
			text_printf(&t, "%d", place->port);
		else
			text_puts(&t, place->port == PORT_ANY ? "any" : "none");
	}
	return t.len;
}

static void place_reset(const struct key *key, void *field)
{
	struct spots *list = field;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].kind != key->arg)
			list->v[kept++] = list->v[i];
	list->n = kept;
	if (kept == 0)
		list->v = NULL;
}

#define PLACE_TYPE(id, text, parser)            \
	const struct key_type key_type_##id = { \
		.name = text,                   \
		.list = true,                   \
		.specifiers = true,             \
		.quoted = true,                 \
		.reset = place_reset,           \
		.parse = parser,                \
		.print = place_print,           \
	}

PLACE_TYPE(place, "list of paths, \"-\" and \"+\" before them", plain_parse);
PLACE_TYPE(bind_place, "list of [-]SOURCE[:TARGET[:rbind|norbind]]", bind_parse);
PLACE_TYPE(tmpfs_place, "list of PATH[:options]", tmpfs_parse);
PLACE_TYPE(landlock_path, "list of paths, \"-\" before them", plain_parse);
PLACE_TYPE(landlock_port, "list of ports", port_parse);
