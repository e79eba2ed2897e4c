#include "init/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/seccomp.h>

#include "init/signals.h"
#include "init/text.h"

/* execvpe(3) builds a path on the stack: PATH_MAX and a name. */
#define STACK_SIZE 16384

struct child {
	const struct spawn *order;
	int error; /* errno of exec, written by the child: the memory is shared */
};

static void reset_signals(const struct spawn *s)
{
	struct sigaction as_made = { .sa_handler = SIG_DFL };

	for (int signo = 1; signo <= SIGNAL_LAST; signo++)
		if (signo == SIGCHLD || s->default_signals)
			(void)sigaction(signo, &as_made, NULL);
}

#ifndef AT_RECURSIVE /* linux/fcntl.h, which does not go together with fcntl.h */
#define AT_RECURSIVE 0x8000
#endif

/* By its folder, so that the kernel gives the process the name of the program. Returns when that cannot be. */
static void exec_read_only(const struct spawn *s)
{
	static const struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	const char *slash = strrchr(s->path, '/');
	char folder[PATH_MAX];
	long fd;

	if (slash == NULL || (size_t)(slash - s->path) + 1 >= sizeof(folder))
		return;
	memcpy(folder, s->path, (size_t)(slash - s->path) + 1);
	folder[slash - s->path + 1] = '\0';
	fd = syscall(SYS_open_tree, AT_FDCWD, folder,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return;
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) ==
		0)
		(void)syscall(SYS_execveat, fd, slash + 1, s->argv,
			s->env != NULL ? s->env : environ, 0);
	(void)close((int)fd);
}

/* Where execvpe(3) has found it; "" where nothing is. */
static void find(const char *name, char *path, size_t size)
{
	const char *folder = strchr(name, '/') == NULL ? getenv("PATH") : NULL;
	struct text t;

	text_init(&t, path, size);
	text_format(&t, "%s", name);
	while (folder != NULL && *folder != '\0') {
		size_t len = strcspn(folder, ":");

		text_init(&t, path, size);
		text_add(&t, folder, len);
		text_format(&t, "%s%s", len > 0 ? "/" : "", name);
		if (access(path, X_OK) == 0)
			return;
		folder += len + (folder[len] == ':');
	}
}

static void run_by_shell(const struct spawn *s)
{
	char path[PATH_MAX];
	char **argv = (char **)s->argv - 1;

	find(s->path, path, sizeof(path));
	argv[0] = (char *)"/bin/sh";
	argv[1] = path;
	(void)execve(argv[0], argv, s->env != NULL ? s->env : environ);
	errno = ENOEXEC;
}

static int load_filter(const struct sock_fprog *filter)
{
	if (filter == NULL || filter->len == 0)
		return 0;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter);
}

static int child_main(void *arg)
{
	struct child *child = arg;
	const struct spawn *s = child->order;

	reset_signals(s);
	if (s->prepare != NULL)
		s->prepare(s->arg);
	signals_unblock();
	if (s->read_only)
		exec_read_only(s);
	if (load_filter(s->filter) == 0)
		(void)execvpe(s->path, s->argv, s->env != NULL ? s->env : environ);
	if (s->shell && errno == ENOEXEC)
		run_by_shell(s);
	child->error = errno;
	_exit(127);
}

pid_t spawn(const struct spawn *s)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	struct child child = { .order = s };
	/* The child may have changed them: the memory is one. */
	char *before[] = { s->shell ? s->argv[-1] : NULL, s->argv[0] };
	pid_t unused;
	pid_t *told = s->pid != NULL ? s->pid : &unused;
	pid_t pid = clone(child_main, stack + sizeof(stack),
		CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, &child, told);

	if (s->shell)
		memcpy((char **)s->argv - 1, before, sizeof(before));
	if (pid >= 0 && child.error == 0)
		return pid;
	*told = 0;
	if (pid < 0)
		return pid;
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	errno = child.error;
	return -1;
}
