/*
 * Reads unit files from the search path into texts; what they say is for core. Nothing here follows a FIFO
 * or device: a unit file is a regular file of a bounded size, or it is reported.
 */
#include "supervisor/sys/load.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UNIT_FILE_MAX (1024 * 1024)

static const char *const search_path[] = { PATH_UNITS_RUN, PATH_UNITS_ETC, PATH_UNITS_LIB };
static const char *const manager_path[] = { PATH_RUN, "/etc/sup", "/usr/lib/sup" };

struct texts {
	struct arena arena; /* names, paths and texts; dropped when the set is built */
	struct unit_text *v;
	size_t n, room;
};

static void add_text(struct texts *t, const struct unit_text *text)
{
	if (t->n == t->room) {
		size_t room = t->room == 0 ? 64 : 2 * t->room;
		struct unit_text *v = arena_array(&t->arena, room, sizeof(*v));

		if (t->n > 0)
			memcpy(v, t->v, t->n * sizeof(*v));
		t->v = v;
		t->room = room;
	}
	t->v[t->n++] = *text;
}

/* Fills text and size, or says in `unreadable` why there are none. */
static void read_text(struct texts *t, int dir, const char *name, struct unit_text *text)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *bytes;
	ssize_t got;

	text->text = "";
	if (fd < 0 || fstat(fd, &st) < 0) {
		text->unreadable = arena_strdup(&t->arena, strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		text->unreadable = "not a regular file";
		return;
	}
	if (st.st_size > UNIT_FILE_MAX) {
		text->unreadable = "larger than 1 MiB";
		return;
	}
	bytes = arena_alloc(&t->arena, (size_t)st.st_size + 1);
	got = pread(fd, bytes, (size_t)st.st_size, 0);
	if (got < 0) {
		text->unreadable = arena_strdup(&t->arena, strerror(errno));
		return;
	}
	text->text = bytes;
	text->size = (size_t)got;
}

static void add_file(struct texts *t, int dir, const char *folder, const char *name,
	const char *unit)
{
	struct unit_text text = {
		.unit = unit,
		.path = arena_printf(&t->arena, "%s/%s", folder, name),
	};

	read_text(t, dir, name, &text);
	add_text(t, &text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder that `wanted` accepts, sorted, in the arena. */
static struct strv list_folder(struct texts *t, int dir, bool (*wanted)(const char *name))
{
	struct strv names = { 0 };
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (d == NULL) {
		fd_close(&copy);
		return names;
	}
	while ((entry = readdir(d)) != NULL)
		if (wanted(entry->d_name))
			strv_add(&t->arena, &names, arena_strdup(&t->arena, entry->d_name));
	(void)closedir(d);
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	return names;
}

static bool is_unit_file(const char *name)
{
	return name[0] != '.' && unit_kind_of(name) != KIND_COUNT;
}

/* A folder that is checked may hold the file of the manager, too. */
static bool is_given_file(const char *name)
{
	return is_unit_file(name) || strcmp(name, MANAGER_FILE) == 0;
}

static bool is_drop_in(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

/* ---- drop-ins: NAME.KIND.d/FILE.conf ---- */

struct drop_in {
	const char *unit, *name;
	const char *folder;
	size_t rank; /* of the folder it is below: the first counts most */
};

struct drop_ins {
	struct drop_in *v;
	size_t n;
};

static bool is_drop_in_folder(const char *name)
{
	size_t n = strlen(name);
	char unit[NAME_MAX + 1];

	if (name[0] == '.' || n < 3 || n >= sizeof(unit) || strcmp(name + n - 2, ".d") != 0)
		return false;
	memcpy(unit, name, n - 2);
	unit[n - 2] = '\0';
	return unit_kind_of(unit) != KIND_COUNT;
}

static void find_drop_ins(struct texts *t, int dir, const char *path, size_t rank,
	struct drop_ins *list)
{
	struct strv folders = list_folder(t, dir, is_drop_in_folder);

	for (size_t i = 0; i < folders.n; i++) {
		cleanup_fd int below = openat(dir, folders.v[i],
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct strv names = list_folder(t, below, is_drop_in);

		for (size_t k = 0; k < names.n; k++)
			*LIST_ADD(&t->arena, list) = (struct drop_in){
				.unit = arena_strndup(&t->arena, folders.v[i],
					strlen(folders.v[i]) - 2),
				.name = names.v[k],
				.folder = arena_printf(&t->arena, "%s/%s", path, folders.v[i]),
				.rank = rank,
			};
	}
}

static int by_unit_and_name(const void *left, const void *right)
{
	const struct drop_in *a = left, *b = right;
	int order = strcmp(a->unit, b->unit);

	if (order == 0)
		order = strcmp(a->name, b->name);
	return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

/*
 * As in systemd.unit(5): in the order of their names, whichever folder they are in, and a name in an earlier folder
 * hides it in the later ones.
 */
static void add_drop_ins(struct texts *t, struct drop_ins *list)
{
	if (list->n > 1)
		qsort(list->v, list->n, sizeof(*list->v), by_unit_and_name);
	for (size_t i = 0; i < list->n; i++) {
		const struct drop_in *d = &list->v[i];
		cleanup_fd int dir = -1;

		if (i > 0 && strcmp(d[-1].unit, d->unit) == 0 && strcmp(d[-1].name, d->name) == 0)
			continue;
		dir = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		add_file(t, dir, d->folder, d->name, d->unit);
	}
}

/* ---- unit sets ---- */

static struct unit_set *build(struct texts *t)
{
	struct unit_set *set = calloc(1, sizeof(*set));

	if (set != NULL)
		unit_set_build(set, t->v, t->n);
	arena_free(&t->arena);
	return set;
}

/* A name that a folder before this one has too: the first one wins. */
static bool is_hidden(const struct strv *folders, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (folders[i].n > 0 &&
			bsearch(&name, folders[i].v, folders[i].n, sizeof(*folders[i].v),
				by_name) != NULL)
			return true;
	return false;
}

/* The first of them that is there, readable or not. */
static void add_manager(struct texts *t)
{
	for (size_t i = 0; i < ARRAY_LEN(manager_path); i++) {
		cleanup_fd int dir = open(manager_path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat st;

		if (dir < 0 || fstatat(dir, MANAGER_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		add_file(t, dir, manager_path[i], MANAGER_FILE, MANAGER_FILE);
		return;
	}
}

struct unit_set *load_units(void)
{
	struct texts t = { 0 };
	struct strv folders[ARRAY_LEN(search_path)] = { 0 };
	struct drop_ins drop_ins = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(search_path); i++) {
		cleanup_fd int dir = open(search_path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			folders[i] = list_folder(&t, dir, is_unit_file);
		for (size_t k = 0; k < folders[i].n; k++)
			if (!is_hidden(folders, i, folders[i].v[k]))
				add_file(&t, dir, search_path[i], folders[i].v[k], folders[i].v[k]);
		find_drop_ins(&t, dir, search_path[i], i, &drop_ins);
	}
	add_drop_ins(&t, &drop_ins);
	add_manager(&t);
	return build(&t);
}

/* A folder brings its drop-ins with it. */
static void add_given(struct texts *t, const char *path, size_t rank, struct drop_ins *drop_ins)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	const char *folder = slash != NULL ? arena_strndup(&t->arena, path, (size_t)(slash - path))
					   : ".";
	cleanup_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strv names;

	if (dir < 0) {
		cleanup_fd int parent = open(slash == path ? "/" : folder, O_PATH | O_CLOEXEC);

		add_file(t, parent, folder, name, arena_strdup(&t->arena, name));
		return;
	}
	names = list_folder(t, dir, is_given_file);
	for (size_t k = 0; k < names.n; k++)
		add_file(t, dir, path, names.v[k], names.v[k]);
	find_drop_ins(t, dir, path, rank, drop_ins);
}

struct unit_set *load_files(char *const *paths, size_t n)
{
	struct texts t = { 0 };
	struct drop_ins drop_ins = { 0 };

	for (size_t i = 0; i < n; i++)
		add_given(&t, paths[i], i, &drop_ins);
	add_drop_ins(&t, &drop_ins);
	return build(&t);
}

void load_free(struct unit_set *set)
{
	if (set == NULL)
		return;
	unit_set_free(set);
	free(set);
}
