/*
 * Reads unit files from the search path into texts; what they say is for core. Nothing here follows a FIFO
 * or device: a unit file is a regular file of a bounded size, or it is reported.
 */
#include "supervisor/sys/load.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/sys/hostfacts.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define UNIT_FILE_MAX (1024 * 1024)
/* Of all files and links together: what somebody has put there by mistake must not take the memory of the device. */
#define TEXTS_MAX 16384u
#define TEXTS_SIZE_MAX (8 * 1024 * 1024)

static const char *const search_path[] = { PATH_UNITS_RUN, PATH_UNITS_ETC, PATH_UNITS_LIB };
static const char *const manager_path[] = { PATH_RUN, "/etc/sup", "/usr/lib/sup" };

/* Kept as long as a set that was made of them is in force. */
struct texts {
	struct arena arena; /* names, paths and texts */
	struct unit_text *v;
	size_t n, room;
	size_t size; /* of all texts */
	const char
		*overfull; /* the first that there was no room for: nothing was read from here on */
	unsigned int sets;
};

struct loaded {
	struct unit_set set; /* first: load_free() gets its address */
	struct texts *texts;
};

static void add_text(struct texts *t, const struct unit_text *text)
{
	if (t->overfull == NULL && (t->n == TEXTS_MAX || t->size + text->size > TEXTS_SIZE_MAX))
		t->overfull = text->path;
	if (t->overfull != NULL)
		return;
	t->size += text->size;
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
	text->masked = (S_ISREG(st.st_mode) && st.st_size == 0) ||
		(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)); /* /dev/null */
	if (text->masked)
		return;
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

/* A link from an instance to its template says only that the instance is to be: systemctl enable makes such. */
static bool is_instance_link(int dir, const char *name)
{
	char template[UNIT_NAME_MAX], target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
	const char *slash;

	if (n < 0 || unit_name_template(name, template) < 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return strcmp(slash != NULL ? slash + 1 : target, template) == 0;
}

static void add_file(struct texts *t, int dir, const char *folder, const char *name,
	const char *unit, size_t rank)
{
	struct unit_text text = {
		.unit = unit,
		.path = arena_printf(&t->arena, "%s/%s", folder, name),
		.rank = (uint32_t)rank,
	};

	if (is_instance_link(dir, name))
		text.role = TEXT_INSTANCE;
	if (t->overfull == NULL)
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

/* ---- folders of a unit: NAME.KIND.d/FILE.conf, NAME.KIND.wants/UNIT, NAME.KIND.requires/UNIT ---- */

static const struct {
	const char *ending;
	enum text_role role;
} folder_forms[] = {
	{ ".d", TEXT_FILE },
	{ ".wants", TEXT_WANTS },
	{ ".requires", TEXT_REQUIRES },
};

/* "foo.service", "foo-.service"; only of drop-ins "service". */
static bool is_unit_or_kind(const char *name, enum text_role role)
{
	char full[NAME_MAX + 3];

	if (unit_kind_of(name) != KIND_COUNT)
		return true;
	(void)snprintf(full, sizeof(full), "x.%s", name);
	return role == TEXT_FILE && strchr(name, '.') == NULL && unit_kind_of(full) != KIND_COUNT;
}

/* Index of its form, and the name before the ending; -1: it is no folder of a unit. */
static int folder_form(const char *name, char unit[NAME_MAX + 1])
{
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(folder_forms) && name[0] != '.'; i++) {
		size_t tail = strlen(folder_forms[i].ending);

		if (n <= tail || n > NAME_MAX ||
			strcmp(name + n - tail, folder_forms[i].ending) != 0)
			continue;
		memcpy(unit, name, n - tail);
		unit[n - tail] = '\0';
		return is_unit_or_kind(unit, folder_forms[i].role) ? (int)i : -1;
	}
	return -1;
}

static bool is_folder_of_unit(const char *name)
{
	char unit[NAME_MAX + 1];

	return folder_form(name, unit) >= 0;
}

/* What a link leads to does not matter, but for /dev/null: its name says which unit is wanted. */
static void add_link(struct texts *t, int dir, const char *folder, const char *name,
	const struct unit_text *as)
{
	struct unit_text text = *as;
	struct stat st;

	text.path = arena_printf(&t->arena, "%s/%s", folder, name);
	text.target = name;
	text.masked = fstatat(dir, name, &st, 0) == 0 && S_ISCHR(st.st_mode);
	add_text(t, &text);
}

static void add_folders(struct texts *t, int dir, const char *path, size_t rank)
{
	struct strv folders = list_folder(t, dir, is_folder_of_unit);

	for (size_t i = 0; i < folders.n; i++) {
		cleanup_fd int below = openat(dir, folders.v[i],
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		const char *folder = arena_printf(&t->arena, "%s/%s", path, folders.v[i]);
		char unit[NAME_MAX + 1];
		int form = folder_form(folders.v[i], unit);
		const struct unit_text as = {
			.unit = arena_strdup(&t->arena, unit),
			.role = folder_forms[form].role,
			.rank = (uint32_t)rank,
		};
		struct strv names = list_folder(t, below,
			as.role == TEXT_FILE ? is_drop_in : is_unit_file);

		for (size_t k = 0; k < names.n; k++)
			if (as.role == TEXT_FILE)
				add_file(t, below, folder, names.v[k], as.unit, rank);
			else
				add_link(t, below, folder, names.v[k], &as);
	}
}

/* ---- unit sets ---- */

static struct texts *new_texts(void)
{
	return calloc(1, sizeof(struct texts));
}

static void drop_texts(struct texts *t)
{
	if (t == NULL || t->sets > 0)
		return;
	arena_free(&t->arena);
	free(t);
}

/* As the last of the faults of the set. */
static void tell_overfull(struct unit_set *set, const char *path)
{
	struct unit_fault *v = arena_array(&set->arena, set->n_faults + 1, sizeof(*v));

	if (set->n_faults > 0)
		memcpy(v, set->faults, set->n_faults * sizeof(*v));
	v[set->n_faults++] = (struct unit_fault){
		.level = FAULT_ERROR,
		.path = arena_strdup(&set->arena, path),
		.message = LOAD_OVERFULL "; this one and those after it are not read",
	};
	set->faults = v;
}

/* The texts are dropped with the last set that is made of them. */
static struct unit_set *build(struct texts *t)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded));
	struct specifier_facts facts;
	struct arena a = { 0 };

	if (loaded == NULL) {
		drop_texts(t);
		return NULL;
	}
	loaded->texts = t;
	t->sets++;
	host_facts(&a, &facts);
	unit_set_build_on(&loaded->set, t->v, t->n, &facts);
	arena_free(&a);
	if (t->overfull != NULL)
		tell_overfull(&loaded->set, t->overfull);
	return &loaded->set;
}

bool load_is_overfull(const struct unit_set *set)
{
	return ((const struct loaded *)(const void *)set)->texts->overfull != NULL;
}

static void add_instance(struct texts *t, const char *name)
{
	const struct unit_text text = {
		.unit = arena_strdup(&t->arena, name),
		.path = arena_printf(&t->arena, "%s/%s", PATH_INSTANCES, name),
		.role = TEXT_INSTANCE,
	};

	add_text(t, &text);
}

/* Those that an operator has started, here or before a supervisor that is gone. */
static void add_instances(struct texts *t)
{
	cleanup_fd int dir = open(PATH_INSTANCES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strv names = { 0 };

	if (dir >= 0)
		names = list_folder(t, dir, is_unit_file);
	for (size_t i = 0; i < names.n; i++)
		add_instance(t, names.v[i]);
}

struct unit_set *load_instances(const struct unit_set *from, const char *const *names, size_t n)
{
	struct texts *t = ((const struct loaded *)(const void *)from)->texts;

	for (size_t i = 0; i < n; i++)
		add_instance(t, names[i]);
	return build(t);
}

struct unit_files load_texts_of(const struct unit_set *set, struct arena *a, const char *name)
{
	const struct texts *t = ((const struct loaded *)(const void *)set)->texts;
	struct text_index index;

	texts_index(a, t->v, t->n, &index);
	return texts_of_unit(a, &index, name);
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
		add_file(t, dir, manager_path[i], MANAGER_FILE, MANAGER_FILE, i);
		return;
	}
}

struct unit_set *load_units(void)
{
	struct texts *t = new_texts();
	struct strv folders[ARRAY_LEN(search_path)] = { 0 };

	if (t == NULL)
		return NULL;
	add_manager(t);
	for (size_t i = 0; i < ARRAY_LEN(search_path); i++) {
		cleanup_fd int dir = open(search_path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			continue;
		folders[i] = list_folder(t, dir, is_unit_file);
		for (size_t k = 0; k < folders[i].n; k++)
			if (!is_hidden(folders, i, folders[i].v[k]))
				add_file(t, dir, search_path[i], folders[i].v[k], folders[i].v[k],
					i);
		add_folders(t, dir, search_path[i], i);
	}
	add_instances(t);
	return build(t);
}

/* A folder brings its drop-ins with it. */
static void add_given(struct texts *t, const char *path, size_t rank)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	const char *folder = slash != NULL ? arena_strndup(&t->arena, path, (size_t)(slash - path))
					   : ".";
	cleanup_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strv names;

	if (dir < 0) {
		cleanup_fd int parent = open(slash == path ? "/" : folder, O_PATH | O_CLOEXEC);

		add_file(t, parent, folder, name, arena_strdup(&t->arena, name), rank);
		return;
	}
	names = list_folder(t, dir, is_given_file);
	for (size_t k = 0; k < names.n; k++)
		add_file(t, dir, path, names.v[k], names.v[k], rank);
	add_folders(t, dir, path, rank);
}

struct unit_set *load_files(char *const *paths, size_t n)
{
	struct texts *t = new_texts();

	for (size_t i = 0; t != NULL && i < n; i++)
		add_given(t, paths[i], i);
	return t != NULL ? build(t) : NULL;
}

size_t load_pack(const struct unit_set *set, uint8_t *to)
{
	const struct texts *t = ((const struct loaded *)(const void *)set)->texts;

	return textpack(t->v, t->n, to);
}

struct unit_set *load_packed(const uint8_t *from, size_t size)
{
	struct texts *t = new_texts();

	if (t == NULL)
		return NULL;
	if (textunpack(&t->arena, from, size, &t->v, &t->n) < 0) {
		drop_texts(t);
		return NULL;
	}
	t->room = t->n;
	return build(t);
}

void load_free(struct unit_set *set)
{
	struct loaded *loaded = (struct loaded *)(void *)set;

	if (set == NULL)
		return;
	unit_set_free(set);
	loaded->texts->sets--;
	drop_texts(loaded->texts);
	free(loaded);
}
