#include "supervisor/sys/unit/userns.h"

#include "common/fd.h"
#include "common/util.h"
#include "supervisor/child/kernel.h"
#include "supervisor/sys/hostfacts.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/limits.h>
#include <linux/sched.h>

#define MAP_MAX 4096 /* user_namespaces(7): a map is written at once and is below a page */

void userns_close(struct userns *u)
{
	fd_close(&u->user);
	fd_close(&u->net);
}

/* ---- the maker */

#define STACK_SIZE 1024

/*
 * It has our memory, so that nothing of it is copied, and makes no call but these two, nor can a signal run a handler in
 * it: what it has beside its stack, errno too, is ours. The kernel ends it with the pipe.
 */
struct maker {
	int until[2];
	int pid; /* 0: none */
	_Alignas(16) char stack[STACK_SIZE];
};

static int lives(void *data)
{
	const struct maker *m = data;
	char byte;

	(void)close(m->until[1]);
	(void)!read(m->until[0], &byte, 1);
	_exit(0);
}

/*
 * What the limits of the kernel are when it is made bounds all that its processes have together, besides what each may
 * have; that is the unit's to say.
 */
static int clone_unlimited(struct maker *m, int flags)
{
	static const int limits[] = { RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING };
	static const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit ours[ARRAY_LEN(limits)];
	bool lifted[ARRAY_LEN(limits)];
	int pid, no;

	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		lifted[i] = prlimit(0, limits[i], &none, &ours[i]) == 0;
	pid = clone(lives, m->stack + STACK_SIZE, flags, m);
	no = errno;
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		if (lifted[i])
			(void)prlimit(0, limits[i], &ours[i], NULL);
	errno = no;
	return pid;
}

static int maker_start(struct maker *m, bool net, struct err *e)
{
	int flags = CLONE_VM | CLONE_NEWUSER | (net ? CLONE_NEWNET : 0), no;
	sigset_t all, old;

	if (pipe2(m->until, O_CLOEXEC) < 0)
		return err_set(e, "pipe");
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	m->pid = clone_unlimited(m, flags);
	no = errno;
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return m->pid >= 0 ? 0 : err_set_no(e, no, "start a process in namespaces of its own");
}

/* No signal tells of its end, so that nobody else waits for it. */
static void maker_end(struct maker *m)
{
	fd_close(&m->until[0]);
	fd_close(&m->until[1]);
	while (m->pid > 0 && waitpid(m->pid, NULL, __WALL) < 0 && errno == EINTR)
		continue;
}

/* ---- its namespaces */

static int open_of(int pid, const char *file, int flags, struct err *e)
{
	char path[48];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd >= 0 ? fd : err_set(e, "%s", path);
}

static int write_map(int pid, const char *file, const struct id_map *map, struct err *e)
{
	struct arena a = { 0 };
	const char *text = id_map_print(map, &a);
	cleanup_fd int fd = open_of(pid, file, O_WRONLY, e);
	int rc = -1;

	if (fd >= 0 && write(fd, text, strlen(text)) >= 0)
		rc = 0;
	else if (fd >= 0)
		rc = err_set(e, "%s of %u ids from %u on%s", file, map->v[0].count, map->v[0].host,
			errno == EPERM ? ", which the supervisor itself has not" : "");
	arena_free(&a);
	return rc;
}

int userns_make(const struct ids *ids, bool net, struct userns *made, struct err *e)
{
	struct maker m __attribute__((cleanup(maker_end)));

	m.until[0] = m.until[1] = -1;
	m.pid = 0;

	*made = (struct userns){ .user = -1, .net = -1 };
	if (maker_start(&m, net, e) < 0 || write_map(m.pid, "gid_map", &ids->gid, e) < 0 ||
		write_map(m.pid, "uid_map", &ids->uid, e) < 0)
		return -1;
	made->user = open_of(m.pid, "ns/user", O_RDONLY, e);
	if (made->user >= 0 && net)
		made->net = open_of(m.pid, "ns/net", O_RDONLY, e);
	if (made->user >= 0 && (!net || made->net >= 0))
		return 0;
	userns_close(made);
	return -1;
}

/* ---- what can be mounted */

/* Linux 5.19 has taught overlayfs that the owners of its layers are mapped. */
static bool overlay_can(void)
{
	struct kernel_version v = kernel_version();

	return v.major > 5 || (v.major == 5 && v.minor >= 19);
}

/* What is not there yet will most likely be of the file system that its nearest folder is of. */
static int open_nearest(const struct mount_op *op)
{
	unsigned int flags = op->recursive ? AT_RECURSIVE : 0;
	int mount = kernel_open_tree(AT_FDCWD, op->source, flags);
	char path[PATH_MAX];

	if (strlen(op->source) >= sizeof(path))
		return mount;
	memcpy(path, op->source, strlen(op->source) + 1);
	while (mount < 0 && errno == ENOENT && !op->optional && strrchr(path, '/') > path) {
		*strrchr(path, '/') = '\0';
		mount = kernel_open_tree(AT_FDCWD, path, 0);
	}
	return mount;
}

int userns_can_mount(int userns, const struct mount_op *ops, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct mount_op *op = &ops[i];
		cleanup_fd int mount = -1;

		if (!op->mapped)
			continue;
		if (op->kind == OP_OVERLAY && !overlay_can())
			return err_setx(e, "overlayfs of this kernel cannot map owners");
		mount = open_nearest(op);
		if (mount >= 0 && kernel_map_ids(mount, op->recursive, userns) < 0)
			return err_set(e, "owners of %s%s cannot be mapped", op->source,
				op->recursive ? ", or below," : "");
	}
	return 0;
}

/* ---- of a process */

static int read_map(int pid, const char *file, struct id_map *map, struct arena *a, struct err *e)
{
	cleanup_fd int fd = open_of(pid, file, O_RDONLY, e);
	char *text = arena_alloc(a, MAP_MAX * 4);
	ssize_t n = fd >= 0 ? read(fd, text, MAP_MAX * 4 - 1) : -1;

	if (n < 0)
		return fd < 0 ? -1 : err_set(e, "%s", file);
	id_map_read(map, text, a);
	return 0;
}

int userns_own_ids(const struct ids **ids, struct arena *a, struct err *e)
{
	struct ids *own = arena_alloc(a, sizeof(*own));

	if (read_map(getpid(), "uid_map", &own->uid, a, e) < 0 ||
		read_map(getpid(), "gid_map", &own->gid, a, e) < 0)
		return -1;
	for (size_t i = 0; i < own->uid.n; i++)
		own->uid.v[i].host = own->uid.v[i].inside;
	for (size_t i = 0; i < own->gid.n; i++)
		own->gid.v[i].host = own->gid.v[i].inside;
	*ids = own;
	return 0;
}

int userns_of(int pid, const struct ids **ids, struct arena *a, struct err *e)
{
	struct ids *maps = arena_alloc(a, sizeof(*maps));
	cleanup_fd int fd = open_of(pid, "ns/user", O_RDONLY, e);
	struct stat its, ours;

	*ids = NULL;
	if (fd < 0)
		return USERNS_UNKNOWN;
	if (fstat(fd, &its) < 0 || stat("/proc/self/ns/user", &ours) < 0) {
		(void)err_set(e, "user namespace of process %d", pid);
		return USERNS_UNKNOWN;
	}
	if (its.st_ino == ours.st_ino)
		return -1;
	if (read_map(pid, "uid_map", &maps->uid, a, e) < 0 ||
		read_map(pid, "gid_map", &maps->gid, a, e) < 0)
		return USERNS_UNKNOWN;
	*ids = maps;
	return fd_take(&fd);
}
