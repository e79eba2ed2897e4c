/* The sidecar of an image: one section, the first fault is enough. */
#include "common/err.h"
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/unit/ini.h"
#include "supervisor/core/unit/unitset.h"

#include <string.h>

struct reading {
	struct arena *arena;
	const char *path;
	struct image_section *image;
	const struct ini_file *ini;
	struct err *e;
	bool failed;
};

static void fail(struct reading *r, struct ini_place at, const char *what, const char *why)
{
	if (!r->failed)
		(void)err_setx(r->e, "%s:%u:%u: %s%s", r->path, at.line, at.column, what, why);
	r->failed = true;
}

static void on_section(void *user, const char *name, struct ini_place at)
{
	if (strncmp(name, "X-", 2) != 0 && strcmp(name, "Image") != 0)
		fail(user, at, "an image has no section ", name);
}

static void on_entry(void *user, const char *section, const char *name, const char *value,
	struct ini_place at)
{
	struct reading *r = user;
	const struct key *key;
	char why[200] = "";
	size_t offset;

	if (strncmp(section, "X-", 2) == 0 || strncmp(name, "X-", 2) == 0 || r->failed)
		return;
	key = key_find(KIND_IMAGE_FILE, section, name);
	if (key == NULL)
		fail(r, at, "an image has no key ", name);
	else if (*value == '\0')
		key_reset(r->arena, key, r->image);
	else if (key_set(r->arena, key, r->image, value, why, sizeof(why), &offset) < 0)
		fail(r, ini_value_place(r->ini, at.line, offset), "", why);
}

static void on_fault(void *user, struct ini_place at, const char *message)
{
	fail(user, at, "", message);
}

int image_file_parse(struct arena *a, const char *path, const char *text, size_t size,
	struct image_section *image, struct err *e)
{
	struct reading r = { .arena = a, .path = path, .image = image, .e = e };
	const struct ini_events events = { &r, on_section, on_entry, on_fault };

	memset(image, 0, sizeof(*image));
	ini_read(text, size, &events, &r.ini);
	return r.failed ? -1 : 0;
}
