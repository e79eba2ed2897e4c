#include "supervisor/core/engine/kept.h"

#include <stdio.h>
#include <string.h>

void kept_pack(const struct kept_layout *layout, const void *from, uint8_t *to)
{
	for (size_t i = 0; i < layout->n; i++) {
		const struct kept_field *f = &layout->v[i];

		memcpy(to, (const uint8_t *)from + f->offset, f->size);
		to += f->size;
	}
}

size_t kept_describe(const struct kept_layout *layout, char *to, size_t room)
{
	size_t size = 0;

	for (size_t i = 0; i < layout->n; i++) {
		char line[KEPT_NAME_MAX + 16];
		size_t n = (size_t)snprintf(line, sizeof(line), "%s %u\n", layout->v[i].name,
			layout->v[i].size);

		if (size < room)
			memcpy(to + size, line, n < room - size ? n : room - size);
		size += n;
	}
	return size;
}

/* ---- what another version has written */

struct line { /* of a description */
	const char *name;
	size_t name_len;
	uint32_t size;
};

/* A number that ends with the line; false when it is none. */
static bool take_size(const char **at, const char *end, uint32_t *size)
{
	const char *s = *at;

	*size = 0;
	while (s < end && *s >= '0' && *s <= '9' && *size <= KEPT_RECORD_MAX)
		*size = *size * 10 + (uint32_t)(*s++ - '0');
	if (s == *at || s == end || *s != '\n' || *size == 0 || *size > KEPT_RECORD_MAX)
		return false;
	*at = s + 1;
	return true;
}

static bool take_line(const char **at, const char *end, struct line *line)
{
	const char *space = memchr(*at, ' ', (size_t)(end - *at));

	if (space == NULL || space == *at || space - *at >= (ptrdiff_t)KEPT_NAME_MAX)
		return false;
	line->name = *at;
	line->name_len = (size_t)(space - *at);
	*at = space + 1;
	return take_size(at, end, &line->size);
}

static const struct kept_field *find(const struct kept_layout *layout, const struct line *line)
{
	for (size_t i = 0; i < layout->n; i++)
		if (strlen(layout->v[i].name) == line->name_len &&
			memcmp(layout->v[i].name, line->name, line->name_len) == 0)
			return &layout->v[i];
	return NULL;
}

static bool has(const struct kept_map *map, const struct kept_field *f)
{
	for (size_t i = 0; i < map->n; i++)
		if (map->v[i].to == f->offset)
			return true;
	return false;
}

int kept_map_make(struct kept_map *map, const struct kept_layout *ours, const char *description,
	size_t n)
{
	const char *at = description, *end = description + n;
	struct line line;

	map->n = 0;
	map->size = 0;
	while (at < end) {
		const struct kept_field *f;

		if (!take_line(&at, end, &line) || map->size + line.size > KEPT_RECORD_MAX)
			return -1;
		f = find(ours, &line);
		if (f != NULL && has(map, f))
			return -1;
		if (f != NULL && f->size == line.size && map->n < KEPT_FIELDS_MAX)
			map->v[map->n++] = (struct kept_move){
				.from = (uint16_t)map->size, .to = f->offset, .size = f->size
			};
		map->size += line.size;
	}
	return map->n > 0 ? 0 : -1;
}

void kept_unpack(const struct kept_map *map, const uint8_t *from, void *to)
{
	for (size_t i = 0; i < map->n; i++)
		memcpy((uint8_t *)to + map->v[i].to, from + map->v[i].from, map->v[i].size);
}

/* ---- values */

static bool is_sound(const struct kept_field *f, const uint8_t *at, uint32_t indices)
{
	uint32_t number = 0;

	if (f->size == sizeof(number))
		memcpy(&number, at, sizeof(number));
	switch ((enum kept_kind)f->kind) {
	case KEPT_ANY:
		return true;
	case KEPT_BOOL:
		return *at <= 1;
	case KEPT_BELOW:
		return number < f->below;
	case KEPT_INDEX:
		return number < indices || number >= UINT32_MAX - 1;
	case KEPT_TEXT:
		return memchr(at, '\0', f->size) != NULL;
	}
	return false;
}

bool kept_sound(const struct kept_layout *layout, const void *record, uint32_t indices)
{
	for (size_t i = 0; i < layout->n; i++) {
		const struct kept_field *f = &layout->v[i];

		if (!is_sound(f, (const uint8_t *)record + f->offset, indices))
			return false;
	}
	return true;
}
