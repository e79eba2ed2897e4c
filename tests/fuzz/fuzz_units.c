/*
 * Unit files and drop-ins. The input is one or more files: a line "=== PATH" begins the next one, and a path that
 * ends in .conf is a drop-in of the unit that is named by its folder ("a.service.d/x.conf").
 *
 * Whatever they say, the set is built; what is sound prints as a file that is sound and prints the same; and a
 * short life of all units in the engine ends with everything down.
 */
#include "supervisor/core/engine/engine.h"
#include "supervisor/core/unit/unitset.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#define FILES_MAX 8
#define NAME_SIZE 80
#define ACTIONS_MAX 300
#define WIRE_END 1

struct files {
	struct unit_text v[FILES_MAX];
	char names[FILES_MAX][NAME_SIZE];
	char paths[FILES_MAX][NAME_SIZE];
	size_t n;
};

static void name_file(struct files *f, const char *path, size_t n)
{
	char *name = f->names[f->n], *copy = f->paths[f->n];
	const char *dir;

	(void)snprintf(copy, NAME_SIZE, "%.*s", n < NAME_SIZE ? (int)n : NAME_SIZE - 1, path);
	(void)snprintf(name, NAME_SIZE, "%s", copy);
	dir = strstr(name, ".d/");
	if (dir != NULL)
		name[dir - name] = '\0';
	f->v[f->n] = (struct unit_text){ .unit = name, .path = copy };
}

static void split(struct files *f, const char *text, size_t size)
{
	const char *end = text + size, *line = text;

	name_file(f, "a.service", 9);
	f->v[0].text = text;
	while (line < end && f->n < FILES_MAX) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		next = next != NULL ? next + 1 : end;
		if (next - line > 5 && memcmp(line, "=== ", 4) == 0) {
			f->v[f->n].size = (size_t)(line - f->v[f->n].text);
			f->n += line > text;
			if (f->n == FILES_MAX)
				return;
			name_file(f, line + 4, (size_t)(next - line) - 4 - (next[-1] == '\n'));
			f->v[f->n].text = next;
		}
		line = next;
	}
	f->v[f->n].size = (size_t)(end - f->v[f->n].text);
	f->n++;
}

/* ---- canonical print */

static char *print(const struct unit *u)
{
	size_t n = unit_print(u, false, NULL, 0);
	char *text = malloc(n + 1);

	FUZZ_ASSERT(text != NULL && unit_print(u, false, text, n + 1) == n);
	return text;
}

static void round_trip(const struct unit *u)
{
	char *text = print(u), *again;
	struct unit_text file = {
		.unit = u->name, .path = u->name, .text = text, .size = strlen(text)
	};
	struct unit_set set;
	int at;

	unit_set_build(&set, &file, 1);
	at = unit_set_find(&set, u->name);
	FUZZ_ASSERT(at >= 0);
	again = print(&set.units[at]);
	FUZZ_ASSERT(strcmp(text, again) == 0);
	unit_set_free(&set);
	free(again);
	free(text);
}

/* ---- a life in the engine: everything is answered at once, as a patient machine would */

static void answer(struct engine *e, const struct action *a, uint64_t now)
{
	struct event event = { .unit = a->unit, .role = a->role, .pid = 2 };

	event.kind = a->kind == ACT_SETUP ? EV_SETUP_DONE : EV_SPAWNED;
	if (a->kind == ACT_SETUP || a->kind == ACT_SPAWN)
		engine_event(e, &event, now);
	if (a->kind == ACT_SPAWN && a->role != ROLE_MAIN) {
		event.kind = EV_EXITED;
		engine_event(e, &event, now);
	}
	if (a->kind == ACT_KILL || a->kind == ACT_SIGNAL || a->kind == ACT_SIGNAL_ALL) {
		event.kind = EV_EXITED;
		event.role = ROLE_MAIN;
		event.status = 15;
		engine_event(e, &event, now);
		event.kind = EV_EMPTY;
		engine_event(e, &event, now);
	}
}

static bool run(struct engine *e, uint64_t *now)
{
	struct action a;

	for (size_t i = 0; i < ACTIONS_MAX; i++) {
		if (engine_next(e, &a)) {
			if (a.kind == ACT_MACHINE)
				return true;
			answer(e, &a, *now);
		} else if (engine_deadline(e) != TIME_INFINITY) {
			*now = engine_deadline(e) > *now ? engine_deadline(e) : *now;
			engine_tick(e, *now);
		} else {
			break;
		}
	}
	return false;
}

static void live(const struct unit_set *set)
{
	struct engine *e = engine_new(set);
	uint64_t now = 1000000;
	char why[256];

	engine_boot(e, now);
	if (!run(e, &now)) {
		for (uint32_t u = 0; u < set->n; u++)
			(void)engine_why(e, u, why, sizeof(why));
		engine_shutdown(e, WIRE_END, now);
		(void)run(e, &now);
	}
	engine_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct files files = { .n = 0 };
	char *text = fuzz_text(data, size);
	struct unit_set set;

	split(&files, text, size);
	unit_set_build(&set, files.v, files.n);
	for (size_t i = 0; i < set.n; i++)
		if (set.units[i].broken == NULL && set.units[i].file != NULL)
			round_trip(&set.units[i]);
	live(&set);
	unit_set_free(&set);
	free(text);
	return 0;
}
