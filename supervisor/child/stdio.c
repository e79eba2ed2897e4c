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

#define REPORT_FD 3 /* for an init that goes on reporting */
#define INIT_FD 4   /* the init itself, closed by its exec */
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
	return isatty(c->tty) ? 0 : fail(f, path);
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
	if (p->in == PLAN_STDIO_TTY || p->out == PLAN_STDIO_TTY || p->err == PLAN_STDIO_TTY)
		return open_tty(c, f);
	return 0;
}

/* Out of the way of the numbers that are given out. */
static int lift(int *fd)
{
	int higher;

	if (*fd < 0 || *fd > INIT_FD)
		return 0;
	higher = fcntl(*fd, F_DUPFD_CLOEXEC, CLEAR_OF_STDIO);
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

/*
 * All others are closed here, not by exec: a folder of the host that is still open could be the working folder of a
 * hostile image (/proc/self/fd/7).
 */
static int close_others(struct child *c)
{
	bool init = c->plan->run_init;

	if (dup3(c->fd.report, REPORT_FD, init ? 0 : O_CLOEXEC) < 0)
		return -1;
	c->fd.report = REPORT_FD;
	if (init && dup3(c->fd.init, INIT_FD, O_CLOEXEC) < 0)
		return -1;
	c->fd.init = INIT_FD;
	return (int)syscall(SYS_close_range, init ? INIT_FD + 1 : REPORT_FD + 1, ~0U, 0);
}

int step_stdio(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	int *const lifted[] = { &c->fd.in, &c->fd.out, &c->fd.err, &c->fd.report, &c->fd.init,
		&c->tty };

	for (size_t i = 0; i < ARRAY_LEN(lifted); i++)
		if (lift(lifted[i]) < 0)
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
