/* Standard input, output and error; nothing above them outlives exec but what is planned. */
#include "supervisor/child/kernel.h"
#include "supervisor/child/steps.h"

#include "common/fd.h"
#include "common/passing.h"
#include "common/util.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#define CLEAR_OF_STDIO 10

/* TIOCGPTPEER needs no path to the slave, which could be another's in a container that plays tricks. */
static int open_pty(struct child *c, int *master, struct fault *f)
{
	static const char path[] = "/dev/pts/ptmx";
	int unlock = 0;
	struct statfs fs;

	*master = kernel_openat2(AT_FDCWD, path, O_RDWR | O_NOCTTY | O_NONBLOCK,
		RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (*master < 0 || fstatfs(*master, &fs) < 0)
		return fail(f, path);
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return fail_text(f, path, "is not of devpts");
	if (ioctl(*master, TIOCSPTLCK, &unlock) < 0)
		return fail(f, path);
	c->tty = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return c->tty < 0 ? fail(f, path) : 0;
}

/* The host's tty by its host path: it must be opened before that path means something else. */
static int open_tty(struct child *c, struct fault *f)
{
	const char *path = c->plan->tty;

	/* O_NONBLOCK: a serial line would wait for its carrier */
	c->tty = path != NULL ? open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (path == NULL)
		return fail_no(f, EINVAL, "TTYPath");
	if (c->tty < 0 || fcntl(c->tty, F_SETFL, 0) < 0)
		return fail(f, path);
	if (!isatty(c->tty))
		return fail(f, path);
	/* as a login does: it can be opened by its name */
	if (c->plan->ids != NULL && fchown(c->tty, host_uid(c, 0), (gid_t)-1) < 0)
		return fail(f, path);
	return 0;
}

/* O_NONBLOCK: a FIFO that nobody reads is an error and not a wait. 0: this kind is no file. */
static int file_flags(enum plan_stdio kind)
{
	if (kind == PLAN_STDIO_FILE)
		return O_WRONLY | O_CREAT;
	if (kind == PLAN_STDIO_APPEND)
		return O_WRONLY | O_CREAT | O_APPEND;
	return kind == PLAN_STDIO_TRUNCATE ? O_WRONLY | O_CREAT | O_TRUNC : 0;
}

static int open_file(enum plan_stdio kind, const char *path, int *fd, struct fault *f)
{
	int flags = file_flags(kind);

	if (flags == 0)
		return 0;
	*fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (*fd < 0 || fcntl(*fd, F_SETFL, flags & O_APPEND) < 0)
		return fail(f, path);
	return 0;
}

/* By their host paths. One file for both is opened once, so that they share its offset. */
static int open_files(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;

	if (open_file(p->out, p->out_path, &c->fd.out, f) < 0)
		return -1;
	if (file_flags(p->err) != 0 && p->err == p->out && strcmp(p->err_path, p->out_path) == 0) {
		c->fd.err = c->fd.out;
		return 0;
	}
	return open_file(p->err, p->err_path, &c->fd.err, f);
}

int step_terminal(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	int master cleanup_fd = -1;

	/* what is made from here on is the host's, or made by the container itself */
	kernel_files_of(0, 0);
	if (p->terminal) {
		if (open_pty(c, &master, f) < 0)
			return -1;
		return passing_send(c->fd.terminal, "", 1, &master, 1, 0) < 0
			? fail(f, "send the terminal")
			: 0;
	}
	if (open_files(c, f) < 0)
		return -1;
	if (p->in == PLAN_STDIO_TTY || p->out == PLAN_STDIO_TTY || p->err == PLAN_STDIO_TTY)
		return open_tty(c, f);
	return 0;
}

/* The last number that is given out. */
static int last_fd(const struct child *c)
{
	return secrets_fd(c->plan);
}

/* Out of the way of the numbers that are given out. */
static int lift(const struct child *c, int *fd)
{
	int notify = c->plan->notify_fd, higher;
	int clear = last_fd(c) < CLEAR_OF_STDIO ? CLEAR_OF_STDIO : last_fd(c) + 1;

	if (*fd < 0 || (*fd > last_fd(c) && *fd != notify))
		return 0;
	higher = fcntl(*fd, F_DUPFD_CLOEXEC, clear);
	if (higher == notify && higher >= 0)
		higher = fcntl(*fd, F_DUPFD_CLOEXEC, notify + 1);
	if (higher < 0)
		return -1;
	*fd = higher;
	return 0;
}

/* Makes `fd` what the plan says; the lower ones are made already. */
static int put(const struct child *c, int fd, enum plan_stdio kind, int given)
{
	int null cleanup_fd = -1;
	int from = given;

	if (kind == PLAN_STDIO_TTY || c->plan->terminal)
		from = c->tty;
	else if (kind == PLAN_STDIO_INHERIT && fd > STDIN_FILENO)
		from = fd - 1;
	else if (kind == PLAN_STDIO_NULL)
		from = -1;
	if (from < 0) {
		null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (null < 0)
			return -1;
		if (null == fd)
			return fcntl(fd_take(&null), F_SETFD, 0);
		from = null;
	}
	return dup2(from, fd) < 0 ? -1 : 0;
}

static int close_range_of(unsigned int first, unsigned int last)
{
	return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
}

/*
 * All others are closed here, not by exec: a folder of the host that is still open could be the working folder of a
 * hostile image (/proc/self/fd/7).
 */
static int close_others(struct child *c)
{
	const struct plan *p = c->plan;
	unsigned int notify = (unsigned int)p->notify_fd;
	bool with_secrets = c->secrets >= 0, with_init = p->run_init || with_secrets;
	unsigned int last = (unsigned int)(with_secrets ? secrets_fd(p)
			: with_init                     ? init_fd(p)
			: p->ids != NULL                ? userns_fd(p)
							: report_fd(p));

	if (dup3(c->fd.report, report_fd(p), p->run_init ? 0 : O_CLOEXEC) < 0)
		return -1;
	c->fd.report = report_fd(p);
	if (p->ids != NULL && dup3(c->fd.userns, userns_fd(p), O_CLOEXEC) < 0)
		return -1;
	c->fd.userns = p->ids != NULL ? userns_fd(p) : -1;
	if (with_init && dup3(c->fd.init, init_fd(p), O_CLOEXEC) < 0)
		return -1;
	c->fd.init = init_fd(p);
	if (with_secrets && dup3(c->secrets, secrets_fd(p), O_CLOEXEC) < 0)
		return -1;
	if (with_secrets)
		c->secrets = secrets_fd(p);
	if (notify == 0)
		return close_range_of(last + 1, ~0U);
	if (dup2(c->fd.notify, (int)notify) < 0)
		return -1;
	if (close_range_of(last + 1, notify - 1) < 0)
		return -1;
	return close_range_of((notify > last ? notify : last) + 1, ~0U);
}

/* The open file is the supervisor's too, which watches it only while no service has it. */
static int set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int pass(struct child *c)
{
	for (size_t i = 0; i < c->plan->n_passed; i++) {
		int fd = FIRST_PASSED_FD + (int)i;

		if (dup2(c->passed[i], fd) < 0 || set_blocking(fd, !c->plan->non_blocking) < 0)
			return -1;
	}
	return 0;
}

/* Programs open /dev/stderr anew: a pipe belongs to the container's root, as one that it had made. */
static void own_pipe(const struct child *c, int fd)
{
	struct statfs fs;

	if (c->plan->ids != NULL && fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC)
		(void)!fchown(fd, host_uid(c, 0), host_gid(c, 0));
}

int step_stdio(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	int *const lifted[] = { &c->fd.in, &c->fd.out, &c->fd.err, &c->fd.report, &c->fd.init,
		&c->fd.userns, &c->fd.notify, &c->tty, &c->secrets };

	own_pipe(c, c->fd.in);
	own_pipe(c, c->fd.out);
	own_pipe(c, c->fd.err);
	for (size_t i = 0; i < ARRAY_LEN(lifted); i++)
		if (lift(c, lifted[i]) < 0)
			return fail(f, "descriptors");
	for (size_t i = 0; i < p->n_passed; i++)
		if (lift(c, &c->passed[i]) < 0)
			return fail(f, "descriptors");
	if (put(c, STDIN_FILENO, p->in, c->fd.in) < 0)
		return fail(f, "StandardInput");
	if (put(c, STDOUT_FILENO, p->out, c->fd.out) < 0)
		return fail(f, "StandardOutput");
	if (put(c, STDERR_FILENO, p->err, c->fd.err) < 0)
		return fail(f, "StandardError");
	if (pass(c) < 0)
		return fail(f, "descriptors of sockets");
	if (close_others(c) < 0)
		return fail(f, "close_range");
	/* 1: taken from a session that has it, as a getty does for a console */
	if ((p->terminal || p->in == PLAN_STDIO_TTY) && ioctl(STDIN_FILENO, TIOCSCTTY, 1) < 0)
		return fail(f, p->terminal ? "terminal" : p->tty);
	return 0;
}
