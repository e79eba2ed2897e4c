#include "init/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/signals.h"

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

static int child_main(void *arg)
{
	struct child *child = arg;
	const struct spawn *s = child->order;

	reset_signals(s);
	if (s->prepare != NULL)
		s->prepare(s->arg);
	signals_unblock();
	(void)execvpe(s->path, s->argv, s->env != NULL ? s->env : environ);
	child->error = errno;
	_exit(127);
}

pid_t spawn(const struct spawn *s)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	struct child child = { .order = s };
	pid_t unused;
	pid_t *told = s->pid != NULL ? s->pid : &unused;
	pid_t pid = clone(child_main, stack + sizeof(stack),
		CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, &child, told);

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
