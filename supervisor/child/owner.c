/*
 * Volumes with the option U: they, and all in them, get the owner and the group of who runs inside, before anything does. Here
 * and not in the supervisor, whose loop would stand still meanwhile, and the start has its time.
 *
 * The host's tree itself is changed, not what is mounted inside, which may be read-only or have its owners mapped: what the
 * disk has is the number inside. No link is followed, and nothing that is mounted below is touched.
 */
#include "supervisor/child/kernel.h"
#include "supervisor/child/target.h"

#include "common/fd.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 100

struct walk {
	uint32_t uid, gid;
	size_t depth;
	int folders[DEPTH_MAX]; /* from the outermost to the one that is read */
	_Alignas(struct dirent) char entries[4096];
};

/* The mode of what is open by O_PATH, 0 with errno. */
static mode_t give(const struct walk *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return 0;
	/* what is right already is not touched: chown(2) takes set-user-ID bits and capabilities from a file */
	if ((st.st_uid != w->uid || st.st_gid != w->gid) &&
		fchownat(fd, "", w->uid, w->gid, AT_EMPTY_PATH) < 0)
		return 0;
	return st.st_mode;
}

static int enter(struct walk *w, int fd)
{
	errno = ENAMETOOLONG;
	if (w->depth == DEPTH_MAX)
		return -1;
	w->folders[w->depth] = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w->folders[w->depth] < 0 ? -1 : (int)++w->depth;
}

/* 1: it is a folder, which is read next. One that is mounted there, or gone by now, is passed over. */
static int visit(struct walk *w, const char *name)
{
	int fd cleanup_fd = kernel_openat2(w->folders[w->depth - 1], name, O_PATH | O_NOFOLLOW,
		RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
	mode_t mode;

	if (fd < 0)
		return errno == EXDEV || errno == ENOENT ? 0 : -1;
	mode = give(w, fd);
	if (mode == 0)
		return -1;
	return S_ISDIR(mode) ? enter(w, fd) : 0;
}

/* Entries of the innermost folder, up to the first that is a folder; at the end it is left. */
static int read_some(struct walk *w)
{
	int folder = w->folders[w->depth - 1];
	int n = getdents(folder, (struct dirent *)(void *)w->entries, sizeof(w->entries));

	if (n == 0) {
		(void)close(folder);
		w->depth--;
	}
	for (int at = 0; at < n;) {
		const struct dirent *entry = (const struct dirent *)(const void *)(w->entries + at);
		bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		int entered = itself ? 0 : visit(w, entry->d_name);

		if (entered < 0)
			return -1;
		if (entered > 0) /* this one goes on behind it, afterwards */
			return lseek(folder, entry->d_off, SEEK_SET) < 0 ? -1 : 0;
		at += entry->d_reclen;
	}
	return n < 0 ? -1 : 0;
}

static int give_all(struct walk *w, int top)
{
	mode_t mode = give(w, top);
	int rc = mode == 0 ? -1 : 0;

	if (S_ISDIR(mode))
		rc = enter(w, top) < 0 ? -1 : 0;
	while (rc == 0 && w->depth > 0)
		rc = read_some(w);
	while (w->depth > 0)
		fd_close(&w->folders[--w->depth]);
	return rc;
}

int owner_give(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = { .path = op->target };
	bool made = op->source == NULL; /* in memory, by numbers of the host */
	int top cleanup_fd = made
		? target_open(c, &t, f)
		: kernel_openat2(AT_FDCWD, op->source, O_PATH, RESOLVE_NO_SYMLINKS);
	struct walk w = { .uid = made ? host_uid(c, c->id.uid) : c->id.uid,
		.gid = made ? host_gid(c, c->id.gid) : c->id.gid };

	if (top < 0 && made)
		return -1;
	if (top < 0 && errno == ELOOP)
		return fail_text(f, op->source, "option U: leads through a symbolic link");
	if (top < 0)
		return fail(f, op->source);
	if (give_all(&w, top) == 0)
		return 0;
	if (errno == ENAMETOOLONG)
		return fail_text(f, op->source, "option U: more than 100 folders in each other");
	return fail(f, made ? op->target : op->source);
}
