/*
 * Secrets: read by the child alone, from the host's root, into a file system of its own or into its environment. Until
 * their places are mounted that file system lies over "/" of this new mount namespace, as no clone of a detached
 * mount can be had (before Linux 6.15). ramfs, because tmpfs may be swapped out, and "noswap" came with Linux 6.4.
 */
#include "supervisor/child/fs.h"
#include "supervisor/child/kernel.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/util.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define SECRET_SIZE_MAX 512000        /* Podman's */
#define CREDENTIAL_SIZE_MAX (1 << 20) /* systemd's */
#define DETACH 2                      /* umount2(2), see root.c */

/* ---- where they come from ---- */

/* In the first of the folders that has it; the path goes to `path`. -1 with errno. */
static int open_named(const char *name, char path[PATH_MAX])
{
	static const char *const folders[] = { PATH_SECRETS "/", PATH_SECRETS_VAR "/" };
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < ARRAY_LEN(folders); i++) {
		size_t n = strlen(folders[i]);

		if (i > 0 && errno != ENOENT)
			break;
		memcpy(path, folders[i], n);
		memcpy(path + n, name, strlen(name) + 1);
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	return fd;
}

/* Secrets of the device are root's own; a path is what the unit says it is. */
static int check_source(const char *path, const struct stat *st, bool named, struct fault *f)
{
	if (!S_ISREG(st->st_mode))
		return fail_text(f, path, "is not a regular file");
	if (named && (st->st_uid != 0 || (st->st_mode & 077) != 0))
		return fail_text(f, path, "must belong to root and have mode 0600");
	if (st->st_size > (named ? SECRET_SIZE_MAX : CREDENTIAL_SIZE_MAX))
		return fail_no(f, EFBIG, path);
	return 0;
}

/* A descriptor and its size; -1 with f->no ENOENT when there is none. */
static int open_source(const struct plan_secret *s, size_t *size, struct fault *f)
{
	char found[PATH_MAX] = "";
	bool named = s->source[0] != '/';
	const char *path = named ? found : s->source;
	int fd cleanup_fd = named ? open_named(s->source, found)
				  : open(s->source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT && named) {
		(void)fail_text(f, s->source,
			"no such secret in " PATH_SECRETS " or " PATH_SECRETS_VAR);
		f->no = s->value != NULL ? ENOENT : 0;
		return -1;
	}
	if (fd < 0 && errno == ELOOP)
		return fail_text(f, path, "is a symbolic link");
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(f, path);
	if (check_source(path, &st, named, f) < 0)
		return -1;
	*size = (size_t)st.st_size;
	return fd_take(&fd);
}

/* ---- where they go ---- */

/* No byte of them passes through this process's memory. */
static int copy_file(int from, int to, size_t size)
{
	ssize_t n = 1;

	while (size > 0 && n > 0) {
		n = sendfile(to, from, NULL, size);
		if (n < 0 && errno != EINTR)
			return -1;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int make_file(struct child *c, const struct plan_secret *s, int from, size_t size,
	struct fault *f)
{
	const char *slash = strchr(s->file, '/');
	char folder[16] = "";
	int to cleanup_fd = -1;

	memcpy(folder, s->file,
		(size_t)(slash - s->file)); /* "secrets", "credentials" or a number */
	if (mkdirat(c->secrets, folder, 0755) < 0 && errno != EEXIST)
		return fail(f, s->target);
	to = openat(c->secrets, s->file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		s->mode);
	if (to < 0)
		return fail(f, s->target);
	if (from >= 0 ? copy_file(from, to, size) < 0
		      : write(to, s->value, strlen(s->value)) != (ssize_t)strlen(s->value))
		return fail(f, s->target);
	return 0;
}

/* The memory is this process's own copy, and goes with its exec. */
static int make_variable(const struct plan_secret *s, int from, size_t size, struct fault *f)
{
	size_t n = strlen(*s->variable); /* "NAME=" */
	char *room = mmap(NULL, n + size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	size_t have = 0;
	ssize_t got = 1;

	if (room == MAP_FAILED)
		return fail(f, s->name);
	memcpy(room, *s->variable, n);
	while (have < size && got > 0) {
		got = read(from, room + n + have, size - have);
		if (got < 0 && errno != EINTR)
			return fail(f, s->name);
		have += got > 0 ? (size_t)got : 0;
	}
	if (memchr(room + n, '\0', have) != NULL)
		return fail_text(f, s->name, "has a NUL byte, which no variable can hold");
	*s->variable = room;
	return 0;
}

static int make_secret(struct child *c, const struct plan_secret *s, struct fault *f)
{
	int from cleanup_fd = -1;
	size_t size = 0;

	if (s->file != NULL && !has_mounts(c))
		return 0; /* it is in the container that is entered */
	if (s->source != NULL) {
		from = open_source(s, &size, f);
		if (from < 0 && (f->no != ENOENT || s->value == NULL))
			return -1;
	}
	return s->file != NULL ? make_file(c, s, from, size, f) : make_variable(s, from, size, f);
}

/* ---- the step ---- */

static bool has_files(const struct plan *p)
{
	for (size_t i = 0; i < p->n_secrets; i++)
		if (p->secrets[i].file != NULL)
			return true;
	return false;
}

static int open_store(struct child *c, struct fault *f)
{
	int over cleanup_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	c->secrets = fs_new("ramfs", "mode=0755",
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, f);
	if (c->secrets < 0)
		return -1;
	return over < 0 || kernel_move_mount(c->secrets, over) < 0 ? fail(f, "secrets") : 0;
}

/* Its parts are held as mounts of their own; then it is mounted nowhere, and this process alone can write to it. */
static int take_parts(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	size_t n = 0;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct mount_op *op = &p->mounts[i];

		if (op->kind != OP_SECRET)
			continue;
		c->secret[n] = kernel_open_tree(c->secrets, op->source, AT_SYMLINK_NOFOLLOW);
		if (c->secret[n++] < 0)
			return fail(f, op->target);
	}
	if (fchdir(c->secrets) < 0 || syscall(SYS_umount2, ".", DETACH) < 0 || chdir("/") < 0)
		return fail(f, "secrets");
	return 0;
}

int step_secrets(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	bool files = has_mounts(c) && has_files(p);

	if (files && open_store(c, f) < 0)
		return -1;
	for (size_t i = 0; i < p->n_secrets; i++)
		if (make_secret(c, &p->secrets[i], f) < 0)
			return -1;
	return files ? take_parts(c, f) : 0;
}

/* The numbers are those that the process sees. */
int step_secret_owner(struct child *c, struct fault *f)
{
	for (size_t i = 0; c->secrets >= 0 && i < c->plan->n_secrets; i++) {
		const struct plan_secret *s = &c->plan->secrets[i];
		uint32_t uid = host_uid(c, s->uid != SECRET_ID_UNSET ? s->uid : c->id.uid);
		uint32_t gid = host_gid(c, s->gid != SECRET_ID_UNSET ? s->gid : c->id.gid);

		if (s->file != NULL && (uid == ID_NONE || gid == ID_NONE))
			return fail_text(f, s->target,
				"its owner is none of the ids of the user namespace");
		if (s->file != NULL &&
			fchownat(c->secrets, s->file, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(f, s->target);
	}
	fd_close(&c->secrets);
	return 0;
}
