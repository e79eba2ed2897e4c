#include "supervisor/sys/unit/mounted.h"

#include "common/mountinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

struct reader {
	FILE *file;
	char *line;
	size_t size;
};

static void reader_close(struct reader *r)
{
	if (r->file != NULL)
		(void)fclose(r->file);
	free(r->line);
}

#define READER(r)                                                  \
	struct reader r __attribute__((cleanup(reader_close))) = { \
		.file = fopen("/proc/self/mountinfo", "re")        \
	}

static bool reader_next(struct reader *r, struct mountinfo *m)
{
	while (r->file != NULL && getline(&r->line, &r->size, r->file) > 0) {
		char *rest = r->line;

		if (mountinfo_next(&rest, m))
			return true;
	}
	return false;
}

static void copy(struct mounted *m, const struct mountinfo *info)
{
	char *end;
	unsigned long number = strtoul(info->device, &end, 10);

	m->device = makedev(number, *end == ':' ? strtoul(end + 1, NULL, 10) : 0);
	(void)snprintf(m->type, sizeof(m->type), "%s", info->type);
	(void)snprintf(m->source, sizeof(m->source), "%s", info->source);
}

bool mounted_at(const char *place, struct mounted *m)
{
	READER(r);
	struct mountinfo info;
	bool found = false;

	while (reader_next(&r, &info)) {
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
	READER(r);
	struct mountinfo info;
	size_t len = strlen(place);

	while (reader_next(&r, &info))
		if (strncmp(info.place, place, len) == 0 && info.place[len] == '/') {
			(void)snprintf(below, size, "%s", info.place);
			return true;
		}
	return false;
}
