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

/*
 * What outlives this step, besides 0 to 2 and the pipe of NotifyFD=: the report pipe, which an init goes on using, and the
 * init itself, which its exec closes. They get the first two numbers that are free.
 */
#define FIRST_FD 3
#define LAST_FD 5
#define CLEAR_OF_FDS 10

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
	return isatty(c->tty) ? 0 : fail(f, path);
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

/* Out of the way of the numbers that are given out. */
static int lift(int *fd, int notify)
{
	int higher;

	if (*fd < 0 || (*fd > LAST_FD && *fd != notify))
		return 0;
	higher = fcntl(*fd, F_DUPFD_CLOEXEC, CLEAR_OF_FDS);
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
	unsigned int notify = (unsigned int)c->plan->notify_fd;
	int report = notify == FIRST_FD ? FIRST_FD + 1 : FIRST_FD;
	int init = (int)notify == report + 1 ? report + 2 : report + 1;
	int last = c->plan->run_init ? init : report;

	if (dup3(c->fd.report, report, c->plan->run_init ? 0 : O_CLOEXEC) < 0)
		return -1;
	c->fd.report = report;
	if (c->plan->run_init && dup3(c->fd.init, init, O_CLOEXEC) < 0)
		return -1;
	c->fd.init = init;
	if (notify == 0)
		return close_range_of((unsigned int)last + 1, ~0U);
	if (dup2(c->fd.notify, (int)notify) < 0)
		return -1;
	if (close_range_of((unsigned int)last + 1, notify - 1) < 0)
		return -1;
	return close_range_of((notify > (unsigned int)last ? notify : (unsigned int)last) + 1, ~0U);
}

int step_stdio(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	int *const lifted[] = { &c->fd.in, &c->fd.out, &c->fd.err, &c->fd.report, &c->fd.init,
		&c->fd.notify, &c->tty };

	for (size_t i = 0; i < ARRAY_LEN(lifted); i++)
		if (lift(lifted[i], p->notify_fd) < 0)
			return fail(f, "descriptors");
	if (put(c, STDIN_FILENO, p->in, c->fd.in) < 0)
		return fail(f, "StandardInput");
	if (put(c, STDOUT_FILENO, p->out, c->fd.out) < 0)
		return fail(f, "StandardOutput");
	if (put(c, STDERR_FILENO, p->err, c->fd.err) < 0)
		return fail(f, "StandardError");
	if (close_others(c) < 0)
		return fail(f, "descriptors");
	/* 1: taken from a session that has it, as a getty does for a console */
	if ((p->terminal || p->in == PLAN_STDIO_TTY) && ioctl(STDIN_FILENO, TIOCSCTTY, 1) < 0)
		return fail(f, p->terminal ? "terminal" : p->tty);
	return 0;
}
