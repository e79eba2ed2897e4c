#include "supervisor/sys/unit/mounted.h"

#include "common/mountinfo.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* The list of mounts, and where the next line of it begins. */
struct list {
	char *text, *rest;
};

static void list_free(struct list *l)
{
	free(l->text);
}

static struct list list_read(void)
{
	char *text = file_read_made(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));

	return (struct list){ text, text };
}

#define LIST(l) struct list l __attribute__((cleanup(list_free))) = list_read()

static void copy(struct mounted *m, const struct mountinfo *info)
{
	char *end;
	unsigned long number = strtoul(info->device, &end, 10);

	m->device = makedev(number, *end == ':' ? strtoul(end + 1, NULL, 10) : 0);
	text_copy(m->type, sizeof(m->type), info->type);
	text_copy(m->source, sizeof(m->source), info->source);
}

bool mounted_at(const char *place, struct mounted *m)
{
	LIST(list);
	struct mountinfo info;
	bool found = false;

	while (mountinfo_next(&list.rest, &info)) {
		if (strcmp(info.place, place) != 0)
			continue;
		found = true;
		if (m != NULL)
			copy(m, &info);
	}
	return found;
}

bool mounted_below(const char *place, char *below, size_t size)
{
	LIST(list);
	struct mountinfo info;
	size_t len = strlen(place);

	while (mountinfo_next(&list.rest, &info))
		if (strncmp(info.place, place, len) == 0 && info.place[len] == '/') {
			text_copy(below, size, info.place);
			return true;
		}
	return false;
}
