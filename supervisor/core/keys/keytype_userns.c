/* UserNS=, UIDMap= and GIDMap= of podman-container.unit(5). */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/plan/ids.h"

#include <string.h>

static const char *const modes[] = {
	[USERNS_UNSET] = "",
	[USERNS_AUTO] = "auto",
	[USERNS_HOST] = "host",
	[USERNS_KEEP_ID] = "keep-id",
};

static int auto_size(struct key_context *c, struct userns_use *use, const char *options)
{
	static const char size[] = "size=";
	size_t at = (size_t)(options - c->value);
	uint64_t n;

	if (strncmp(options, size, strlen(size)) != 0)
		return key_fail(c, at,
			"\"%s\" is not done here; after auto there is only size=", options);
	if (number_u64(options + strlen(size), &n) < 0 || n == 0 || n > IDS_SIZE_MAX)
		return key_fail(c, at + strlen(size), "\"%s\" is not a number from 1 to %u",
			options + strlen(size), IDS_SIZE_MAX);
	use->size = (uint32_t)n;
	return 0;
}

/* What follows keep-id is for an engine that is not root: for one that is, Podman takes no notice of it. */
static int userns_parse(struct key_context *c)
{
	struct userns_use *use = c->field;
	const char *colon = strchr(c->value, ':');
	size_t n = strcspn(c->value, ":");

	*use = (struct userns_use){ .mode = USERNS_UNSET };
	if (strcmp(c->value, "nomap") == 0)
		return key_fail(c, 0,
			"\"nomap\" leaves out the user who runs the engine, which here is root; "
			"auto leaves out all of the host's");
	for (size_t i = USERNS_AUTO; i < ARRAY_LEN(modes); i++)
		if (strlen(modes[i]) == n && strncmp(modes[i], c->value, n) == 0)
			use->mode = (enum userns_mode)i;
	if (use->mode == USERNS_UNSET || (use->mode == USERNS_HOST && colon != NULL))
		return key_fail(c, 0, "\"%s\" is none of: auto, auto:size=N, host, keep-id",
			c->value);
	return use->mode == USERNS_AUTO && colon != NULL ? auto_size(c, use, colon + 1) : 0;
}

static size_t userns_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct userns_use *use = field;
	struct text t = { buf, size, 0 };

	(void)key;
	text_puts(&t, modes[use->mode]);
	if (use->size != 0)
		text_printf(&t, ":size=%u", use->size);
	return t.len;
}

const struct key_type key_type_userns = {
	.name = "user namespace",
	.parse = userns_parse,
	.print = userns_print,
};

/* "@" before the number of the host says that it is one, which for an engine that is root it is anyway. */
static int map_parse(struct key_context *c)
{
	struct id_map *map = c->field;
	char *parts[3] = { arena_strdup(c->arena, c->value) };
	uint64_t v[3] = { 0, 0, 1 };
	size_t n = 1;

	for (; n < ARRAY_LEN(parts) && (parts[n] = strchr(parts[n - 1], ':')) != NULL; n++)
		*parts[n]++ = '\0';
	if (n > 1 && *parts[1] == '@')
		parts[1]++;
	for (size_t i = 0; i < n; i++)
		if (number_u64(parts[i], &v[i]) < 0)
			n = 0;
	if (n < 2)
		return key_fail(c, 0, "\"%s\" is not of the form inside:host:amount", c->value);
	if (v[2] == 0 || v[0] + v[2] > ID_NONE || v[1] + v[2] > ID_NONE)
		return key_fail(c, 0, "\"%s\" is beyond the ids that there are", c->value);
	if (map->n == IDS_EXTENTS_MAX)
		return key_fail(c, 0, "more than %u lines", IDS_EXTENTS_MAX);
	*LIST_ADD(c->arena, map) = (struct id_extent){ (uint32_t)v[0], (uint32_t)v[1],
		(uint32_t)v[2] };
	return 0;
}

static size_t map_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct id_map *map = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < map->n; i++) {
		text_separate(&t, "\n");
		text_printf(&t, "%u:%u:%u", map->v[i].inside, map->v[i].host, map->v[i].count);
	}
	return t.len;
}

const struct key_type key_type_id_map = {
	.name = "INSIDE:HOST:AMOUNT",
	.list = true,
	.parse = map_parse,
	.print = map_print,
};
