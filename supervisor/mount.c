/*
 * What the processes of a .mount do, in place of mount(8) and umount(8): wait for the device, make the folder, mount. It
 * may hang in the kernel as long as it likes; the supervisor waits for it as for any process. The last line of what
 * it prints is what the operator is told, its exit status whether it went well.
 */
#include "supervisor/mount.h"

#include "common/err.h"
#include "common/fd.h"
#include "supervisor/core/unit/mountoptions.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/loop.h"
#include "supervisor/sys/unit/mounted.h"
#include "supervisor/sys/unit/waitpath.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define DATA_MAX 4096 /* a page is what mount(2) takes */

struct job {
	const char *what, *where, *type; /* type "auto": found out */
	struct mount_options options;
	char data[DATA_MAX];
	mode_t mode;
	int wait_ms; /* -1: for ever */
	bool read_write_only;
	/* what mount(2) is given */
	const char *source;
	char device[LOOP_NAME_MAX];
	int loop;
	bool read_only; /* against its will */
};

static int answer(int rc, const char *text)
{
	(void)printf("%s\n", text);
	return rc == 0 ? 0 : 1;
}

/* ---- the place */

/* The folders above it, too. A file is mounted over a file. */
static int make_place(const struct job *j, bool file, struct err *e)
{
	char path[PATH_MAX];

	if (strlen(j->where) >= sizeof(path))
		return err_set_no(e, ENAMETOOLONG, "%s", j->where);
	memcpy(path, j->where, strlen(j->where) + 1);
	for (char *p = path; (p = strchr(p + 1, '/')) != NULL;) {
		*p = '\0';
		if (mkdir(path, j->mode) < 0 && errno != EEXIST && errno != EROFS)
			return err_set(e, "mkdir %s", path);
		*p = '/';
	}
	if (file ? mknod(path, S_IFREG | 0644, 0) < 0 : mkdir(path, j->mode) < 0) {
		struct stat st;

		if (stat(path, &st) < 0)
			return err_set(e, "make %s", path);
	}
	return 0;
}

/* A link would put it elsewhere than its unit says, and nobody would find it there. */
static int check_place(const struct job *j, struct err *e)
{
	char real[PATH_MAX];

	if (realpath(j->where, real) == NULL)
		return err_set(e, "%s", j->where);
	if (strcmp(real, j->where) != 0)
		return err_setx(e, "%s is %s in truth, by a symbolic link: let Where= say that",
			j->where, real);
	return 0;
}

/* ---- what is there already */

static bool is_same(const struct job *j, const struct mounted *m)
{
	char file[PATH_MAX], real[PATH_MAX];
	struct stat what, where;
	bool there = stat(j->what, &what) == 0;

	if (j->options.bind)
		return there && stat(j->where, &where) == 0 && what.st_dev == where.st_dev &&
			what.st_ino == where.st_ino;
	if (strcmp(j->type, "auto") != 0 && strcmp(j->type, m->type) != 0)
		return false;
	if (strcmp(j->what, m->source) == 0)
		return true;
	if (!there || j->what[0] != '/')
		return false;
	if (S_ISBLK(what.st_mode))
		return what.st_rdev == m->device;
	return S_ISREG(what.st_mode) && realpath(j->what, real) != NULL &&
		loop_file(m->device, file, sizeof(file)) && strcmp(real, file) == 0;
}

/* ---- mounting */

static int mount_as(struct job *j, const char *type)
{
	unsigned long flags = j->options.flags | (j->read_only ? MS_RDONLY : 0);

	if (mount(j->source, j->where, type, flags, j->data) == 0)
		return 0;
	/* as mount(8): what is write-protected can still be read */
	if ((errno != EROFS && errno != EACCES) || j->read_write_only || (flags & MS_RDONLY) != 0)
		return -1;
	if (mount(j->source, j->where, type, flags | MS_RDONLY, j->data) < 0)
		return -1;
	j->read_only = true;
	return 0;
}

/* Each that the kernel has now and that needs a device. */
static int mount_auto(struct job *j, struct err *e)
{
	char *text = file_read_made(open("/proc/filesystems", O_RDONLY | O_CLOEXEC));
	char *rest = text, *line;
	int rc = -1;

	while (rc < 0 && (line = strsep(&rest, "\n")) != NULL)
		if (line[0] == '\t')
			rc = mount_as(j, line + 1);
	free(text);
	if (rc < 0)
		(void)err_setx(e,
			"%s: none of the file systems that the kernel has now is on it; name it by "
			"Type=, and load its module",
			j->what);
	return rc;
}

/* mount(2) hears only some of the flags with MS_BIND; the others are for the mount that is there then. */
static int bind_again(const struct job *j, struct err *e)
{
	unsigned long others = j->options.flags & ~(unsigned long)(MS_BIND | MS_REC);

	if (others == 0)
		return 0;
	if (mount(NULL, j->where, NULL, MS_BIND | MS_REMOUNT | others, NULL) == 0)
		return 0;
	return err_set(e, "%s: its options", j->where);
}

static int finish(const struct job *j, struct err *e)
{
	sigset_t pending;

	if (j->options.bind && bind_again(j, e) < 0)
		return -1;
	if (j->options.propagation != 0 &&
		mount(NULL, j->where, NULL, j->options.propagation, NULL) < 0)
		return err_set(e, "%s: its propagation", j->where);
	/* nobody wants it any more: as if it had never been */
	(void)sigemptyset(&pending);
	(void)sigpending(&pending);
	if (sigismember(&pending, SIGTERM) == 1)
		return err_setx(e, "stopped while it was mounted");
	return 0;
}

static int put_on_loop(struct job *j, struct err *e)
{
	bool writable = (j->options.flags & MS_RDONLY) == 0;

	j->loop = loop_open(j->what, writable, j->device, e);
	if (j->loop < 0 && writable && !j->read_write_only) {
		j->loop = loop_open(j->what, false, j->device, e);
		j->read_only = j->loop >= 0;
	}
	j->source = j->device;
	return j->loop < 0 ? -1 : 0;
}

static int mount_it(struct job *j, struct err *e)
{
	bool known = strcmp(j->type, "auto") != 0;

	if (!known && j->what[0] != '/')
		return err_setx(e, "%s is no device: Type= has to say what it is", j->what);
	if (!known && mount_auto(j, e) < 0)
		return -1;
	if (known && mount_as(j, j->options.bind ? NULL : j->type) < 0)
		return errno == ENODEV
			? err_setx(e, "the kernel has no file system %s; load its module", j->type)
			: err_set(e, "mount %s at %s", j->what, j->where);
	if (finish(j, e) == 0)
		return 0;
	(void)umount2(j->where, MNT_DETACH | UMOUNT_NOFOLLOW);
	return -1;
}

/* Words that are no paths, such as tmpfs or server:/folder, are the file system's own affair. */
static int look_at_source(struct job *j, struct stat *st, struct err *e)
{
	*st = (struct stat){ .st_mode = 0 };
	if (j->what[0] != '/')
		return 0;
	if (strncmp(j->what, "/dev/", 5) == 0 && wait_for_path(j->what, j->wait_ms, e) < 0)
		return -1;
	if (stat(j->what, st) == 0)
		return 0;
	/* "mount a,b on /": some file systems take a path that is none, as overlay */
	return j->options.bind || errno != ENOENT ? err_set(e, "%s", j->what) : 0;
}

static int do_mount(struct job *j, char *text, size_t size, struct err *e)
{
	struct mounted m;
	struct stat st;

	if (look_at_source(j, &st, e) < 0 ||
		make_place(j, j->options.bind && st.st_mode != 0 && !S_ISDIR(st.st_mode), e) < 0 ||
		check_place(j, e) < 0)
		return -1;
	if (mounted_at(j->where, &m)) {
		if (!is_same(j, &m))
			return err_setx(e, "%s (%s) is mounted at %s already", m.source, m.type,
				j->where);
		(void)snprintf(text, size, "was mounted already");
		return 0;
	}
	if (S_ISREG(st.st_mode) && !j->options.bind && put_on_loop(j, e) < 0)
		return -1;
	if (mount_it(j, e) < 0)
		return -1;
	(void)snprintf(text, size, "mounted%s",
		j->read_only ? " read-only: it cannot be written to" : "");
	return 0;
}

int mount_main(int argc, char **argv)
{
	struct job j = { .loop = -1 };
	struct text data = { j.data, sizeof(j.data), 0 };
	char text[64];
	struct err e;
	sigset_t term;
	int rc;

	if (argc != 7) {
		(void)fprintf(stderr, "supervisor mount is for the supervisor\n");
		return 2;
	}
	/* half a mount is none: who stops it waits until it is whole, and takes it away */
	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, NULL);
	(void)umask(0);
	j.what = j.source = argv[0];
	j.where = argv[1];
	j.type = argv[2];
	mount_options_read(&j.options, argv[3], &data);
	j.mode = (mode_t)strtoul(argv[4], NULL, 8);
	j.wait_ms = (int)strtol(argv[5], NULL, 10);
	j.read_write_only = strcmp(argv[6], "rw") == 0;
	if (data.len >= sizeof(j.data))
		return answer(-1, "Options= is too long");
	rc = do_mount(&j, text, sizeof(text), &e);
	fd_close(&j.loop);
	return answer(rc, rc == 0 ? text : e.msg);
}

/* ---- and back */

static int unmount_error(const char *where, struct err *e)
{
	char below[PATH_MAX];

	if (errno != EBUSY)
		return err_set(e, "unmount %s", where);
	if (mounted_below(where, below, sizeof(below)))
		return err_setx(e, "unmount %s: busy, %s is mounted below it", where, below);
	return err_setx(e,
		"unmount %s: busy, a process has files open there; LazyUnmount=yes does not wait",
		where);
}

int unmount_main(int argc, char **argv)
{
	int flags = UMOUNT_NOFOLLOW;
	struct err e;

	if (argc != 3) {
		(void)fprintf(stderr, "supervisor unmount is for the supervisor\n");
		return 2;
	}
	flags |= strcmp(argv[1], "lazy") == 0 ? MNT_DETACH : 0;
	flags |= strcmp(argv[2], "force") == 0 ? MNT_FORCE : 0;
	/* whatever somebody has put over it, too */
	while (mounted_at(argv[0], NULL))
		if (umount2(argv[0], flags) < 0 && errno != EINVAL)
			return answer(unmount_error(argv[0], &e), e.msg);
	return answer(0, "unmounted");
}
