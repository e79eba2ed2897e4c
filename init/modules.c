#include "init/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/module.h>

#include "common/fd.h"
#include "common/util.h"
#include "init/file.h"
#include "init/text.h"

#define LIST_FOLDER "/etc/modules-load.d"
#define LIST_MAX 8192
#define PATH_SIZE 512
#define LINE_SIZE 8192 /* the longest line of a modules.dep by far: 2 KB */

struct loader {
	const struct console *console;
	char folder[PATH_SIZE]; /* /lib/modules/RELEASE/ */
	struct file_map dep;    /* modules.dep; len 0 when there is none */
	struct file_map builtin;
};

/* What linux_dirent64 of getdents64(2) looks like; libc's readdir(3) would need the heap. */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Is this file ("kernel/drivers/net/veth.ko.xz") the module of that name? `-` and `_` are one. */
static bool is_module_file(const char *file, size_t len, const char *name)
{
	size_t i = 0;

	for (size_t at = len; at > 0; at--) {
		if (file[at - 1] == '/') {
			file += at;
			len -= at;
			break;
		}
	}
	for (; i < len && name[i] != '\0'; i++) {
		char a = file[i] == '-' ? '_' : file[i];
		char b = name[i] == '-' ? '_' : name[i];

		if (a != b)
			return false;
	}
	return name[i] == '\0' && len - i >= 3 && memcmp(file + i, ".ko", 3) == 0;
}

/* The line of the map whose first file is that module; NULL when there is none. */
static const char *find_line(const struct file_map *m, const char *name, size_t *len)
{
	const char *end = m->at + m->len;

	for (const char *line = m->at, *next; line < end; line = next) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *colon;

		if (stop == NULL)
			stop = end;
		next = stop + 1;
		*len = (size_t)(stop - line);
		colon = memchr(line, ':', *len);
		if (is_module_file(line, colon == NULL ? *len : (size_t)(colon - line), name))
			return line;
	}
	return NULL;
}

static void insert_file(const struct loader *l, const char *file)
{
	cleanup_fd int fd = -1;
	char path[PATH_SIZE];
	const char *dot = strrchr(file, '.');
	int flags = 0;
	struct text t;

	text_init(&t, path, sizeof(path));
	text_format(&t, "%s%s", l->folder, file);
	if (dot != NULL && strcmp(dot, ".ko") != 0)
		flags = MODULE_INIT_COMPRESSED_FILE;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST))
		console_say(l->console, "module %s: %m", path);
}

/* "FILE: NEEDED NEEDED'S-OWN-NEEDED ...": what is needed most stands last, so load from the end. */
static void insert_line(const struct loader *l, const char *text, size_t len)
{
	char line[LINE_SIZE];
	char *last;
	struct text t;

	text_init(&t, line, sizeof(line));
	text_add(&t, text, len);
	while ((last = strrchr(line, ' ')) != NULL) {
		if (last[1] != '\0')
			insert_file(l, last + 1);
		*last = '\0';
	}
	last = strchr(line, ':');
	if (last != NULL)
		*last = '\0';
	insert_file(l, line);
}

static void load_module(const struct loader *l, const char *name)
{
	size_t len;
	const char *line = find_line(&l->dep, name, &len);

	if (line != NULL)
		insert_line(l, line, len);
	else if (find_line(&l->builtin, name, &len) == NULL)
		console_say(l->console, "module %s: neither in %smodules.dep nor built in", name,
			l->folder);
}

static void load_list(const struct loader *l, const char *file)
{
	char path[PATH_SIZE];
	char list[LIST_MAX];
	char *rest = list;
	char *line;
	struct text t;

	text_init(&t, path, sizeof(path));
	text_format(&t, LIST_FOLDER "/%s", file);
	if (file_read(path, list, sizeof(list)) < 0) {
		console_say(l->console, "%s: %m, its modules are not loaded", path);
		return;
	}
	while ((line = text_line(&rest)) != NULL) {
		char *name = text_word(&line);

		if (name != NULL && name[0] != '#' && name[0] != ';')
			load_module(l, name);
	}
}

static bool is_list(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static void map_index(struct loader *l, const char *name, struct file_map *out)
{
	char path[PATH_SIZE];
	struct text t;

	text_init(&t, path, sizeof(path));
	text_format(&t, "%s%s", l->folder, name);
	(void)file_map(path, out);
}

static void load_folder(struct loader *l, int folder)
{
	char buf[2048] __attribute__((aligned(8)));
	long got;

	while ((got = syscall(SYS_getdents64, folder, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *e = (const struct entry *)(const void *)(buf + at);

			if (is_list(e->name))
				load_list(l, e->name);
			at += e->size;
		}
	}
}

void modules_load(const struct console *c)
{
	cleanup_fd int folder = open(LIST_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct loader l = { .console = c };
	struct utsname kernel;
	struct text t;

	if (folder < 0 || uname(&kernel) < 0)
		return;
	text_init(&t, l.folder, sizeof(l.folder));
	text_format(&t, "/lib/modules/%s/", kernel.release);
	map_index(&l, "modules.dep", &l.dep);
	map_index(&l, "modules.builtin", &l.builtin);
	load_folder(&l, folder);
	file_unmap(&l.dep);
	file_unmap(&l.builtin);
}
