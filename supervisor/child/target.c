#include "supervisor/child/target.h"

#include "common/fd.h"
#include "supervisor/child/kernel.h"

#include <string.h>
#include <sys/stat.h>

#define RACE_TRIES 32

/* -1 with errno alone. */
static int resolve(const struct child *c, const char *path, bool folder, bool no_links)
{
	uint64_t rules = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	int fd = -1;

	if (no_links)
		rules |= RESOLVE_NO_SYMLINKS;
	errno = EAGAIN;
	/* EAGAIN: something was renamed at the same time, which only matters with ".." */
	for (int i = 0; fd < 0 && errno == EAGAIN && i < RACE_TRIES; i++)
		fd = kernel_openat2(c->root, path, O_PATH | (folder ? O_DIRECTORY : 0), rules);
	return fd;
}

static int fail_resolve(const struct target *t, struct fault *f)
{
	if (errno == ELOOP && t->no_links)
		return fail_text(f, t->path, "is a symbolic link in the image");
	if (errno == ELOOP)
		return fail_text(f, t->path, "leads through links without end, or one of procfs");
	return fail(f, t->path);
}

int target_open(const struct child *c, const struct target *t, struct fault *f)
{
	int fd = resolve(c, t->path, t->folder, t->no_links);

	return fd < 0 ? fail_resolve(t, f) : fd;
}

/* Length of the path without its last component; 0 for a child of the root. */
static size_t parent_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t)(slash - path) : 0;
}

/*
 * mkdir -p: each component is opened, made when missing, and opened again, always from the root. What is there already, as
 * mostly, takes one step.
 */
static int make_folders(const struct child *c, const struct target *t, size_t length,
	struct fault *f)
{
	size_t whole = length > 0 ? length : 1;
	char path[PATH_MAX];
	int parent cleanup_fd = -1;

	memcpy(path, t->path, whole);
	path[whole] = '\0';
	parent = resolve(c, path, true, t->no_links);
	if (parent >= 0)
		return fd_take(&parent);
	parent = resolve(c, "/", true, false);
	if (parent < 0)
		return fail(f, "/");
	for (size_t at = 1, end; at < length; at = end + 1) {
		int fd;

		for (end = at; end < length && t->path[end] != '/'; end++)
			continue;
		memcpy(path, t->path, end);
		path[end] = '\0';
		fd = resolve(c, path, true, t->no_links);
		if (fd < 0 && errno == ENOENT && mkdirat(parent, path + at, 0755) == 0)
			fd = resolve(c, path, true, t->no_links);
		if (fd < 0 && errno == EEXIST) /* it is there and leads nowhere */
			return fail_text(f, path, "is a dangling symbolic link in the image");
		if (fd < 0)
			return fail_resolve(t, f);
		fd_close(&parent);
		parent = fd;
	}
	return fd_take(&parent);
}

int target_parent(const struct child *c, const struct target *t, const char **name, struct fault *f)
{
	size_t length = parent_length(t->path);

	if (t->path[0] != '/' || strlen(t->path) >= PATH_MAX)
		return fail_no(f, EINVAL, t->path);
	*name = t->path + length + 1;
	return make_folders(c, t, length, f);
}

static int make_file(const struct child *c, const struct target *t, struct fault *f)
{
	const char *name;
	int parent cleanup_fd = target_parent(c, t, &name, f);
	int fd cleanup_fd = -1;

	if (parent < 0)
		return -1;
	fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return fail_text(f, t->path, "is a dangling symbolic link in the image");
	if (fd < 0)
		return fail(f, t->path);
	return target_open(c, t, f);
}

int target_make(const struct child *c, const struct target *t, struct fault *f)
{
	int fd = resolve(c, t->path, t->folder, t->no_links);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return fail_resolve(t, f);
	if (t->path[0] != '/' || strlen(t->path) >= PATH_MAX)
		return fail_no(f, EINVAL, t->path);
	return t->folder ? make_folders(c, t, strlen(t->path), f) : make_file(c, t, f);
}
