/*
 * User and groups, by name as the root of the process knows them. /etc/passwd and /etc/group belong to the image:
 * a FIFO, a device or a file of any size there must not stop or fill anything.
 */
#include "supervisor/child/kernel.h"
#include "supervisor/child/steps.h"

#include "common/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifdef SYS_setgroups32 /* 32-bit machines: the plain ones take 16 bits */
#define SET_GROUPS SYS_setgroups32
#else
#define SET_GROUPS SYS_setgroups
#endif

struct text_file {
	const char *text; /* mapped, or "" */
	size_t size;
};

/* Read, not mapped: a file that is cut while it is mapped is a SIGBUS. */
static int read_whole(int fd, const char *path, struct text_file *file, struct fault *f)
{
	char *room = mmap(NULL, PASSWD_SIZE_MAX, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n = 1;

	if (room == MAP_FAILED)
		return fail(f, path);
	file->text = room;
	while (n > 0 && file->size < PASSWD_SIZE_MAX) {
		n = read(fd, room + file->size, PASSWD_SIZE_MAX - file->size);
		if (n < 0)
			return fail(f, path);
		file->size += (size_t)n;
	}
	return 0;
}

/* A file that is missing is an empty one: numbers need none. */
static int load(int root, const char *path, struct text_file *file, struct fault *f)
{
	static const int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
	int fd cleanup_fd = root < 0
		? open(path, flags)
		: kernel_openat2(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	struct stat st;

	file->text = "";
	file->size = 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 && errno == ELOOP)
		return fail_text(f, path, "is a symbolic link");
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(f, path);
	if (!S_ISREG(st.st_mode))
		return fail_text(f, path, "is not a regular file");
	if (st.st_size > PASSWD_SIZE_MAX)
		return fail_no(f, EFBIG, path);
	return read_whole(fd, path, file, f);
}

static void complete_home(const struct child *c)
{
	static const char name[] = "HOME=";

	if (c->plan->home != NULL)
		memcpy(c->plan->home + strlen(name), c->id.home, strlen(c->id.home) + 1);
}

int find_identity(struct child *c, int root, struct fault *f)
{
	const struct plan *p = c->plan;
	struct text_file passwd, group;
	const char *missing;

	c->id.home[0] = '/';
	if (p->user == NULL && p->group == NULL && p->home == NULL)
		return 0;
	if (load(root, "/etc/passwd", &passwd, f) < 0 || load(root, "/etc/group", &group, f) < 0)
		return -1;
	missing = identity_resolve(&c->id, p->user, p->group, passwd.text, passwd.size, group.text,
		group.size);
	if (missing != NULL)
		return fail_text(f, missing,
			"no such user or group in its /etc/passwd or /etc/group");
	complete_home(c);
	return 0;
}

int step_user(struct child *c, struct fault *f)
{
	uint32_t uid;

	if (find_identity(c, -1, f) < 0)
		return -1;
	uid = host_uid(c, c->id.uid);
	if (uid == ID_NONE || host_gid(c, c->id.gid) == ID_NONE)
		return fail_text(f, c->plan->user, "is none of the ids of its user namespace");
	/* it was made for the host's root in the container's devpts */
	if (c->plan->terminal && fchown(STDIN_FILENO, uid, (gid_t)-1) < 0)
		return fail(f, "terminal");
	return 0;
}

int step_groups(struct child *c, struct fault *f)
{
	_Static_assert(sizeof(gid_t) == sizeof(c->id.groups[0]), "groups are passed as they are");

	if (syscall(SET_GROUPS, c->id.n_groups, c->id.groups) == 0)
		return 0;
	/* where it is refused altogether (a user namespace with setgroups denied), having none is well */
	if (errno == EPERM && c->id.n_groups == 0 && syscall(SYS_getgroups, 0, NULL) == 0)
		return 0;
	return fail(f, c->plan->user);
}
