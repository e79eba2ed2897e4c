#include "init/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/util.h"
#include "init/init.h"
#include "init/text.h"

/* Of every descriptor that is to be there afterwards; a number that is none costs an EBADF. */
static void set_flags(const struct init *init, int flags)
{
	const struct hold *h = &init->hold;
	size_t used = h->used < HOLD_MAX ? h->used : HOLD_MAX;
	const int own[] = {
		init->state_fd,
		init->before_fd,
		init->self.exe,
		init->roster.fd,
		init->wire.fd,
		init->watchdog.fd,
	};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (own[i] > STDERR_FILENO)
			(void)fcntl(own[i], F_SETFD, flags);
	for (size_t i = 0; i < used; i++)
		if (h->slot[i].name[0] != '\0' && h->slot[i].fd > STDERR_FILENO)
			(void)fcntl(h->slot[i].fd, F_SETFD, flags);
}

static void execute(struct init *init, int exe)
{
	char option[32];
	char *argv[] = { init->name, option, NULL };
	struct text t;

	text_init(&t, option, sizeof(option));
	/* While a state is being taken over, the one before is the whole one. */
	text_format(&t, REEXEC_OPTION "%d",
		init->before_fd >= 0 ? init->before_fd : init->state_fd);
	if (init->state_fd < 0) {
		errno = ENOSYS;
		return;
	}
	set_flags(init, 0);
	(void)syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
	set_flags(init, FD_CLOEXEC);
}

/* The number of the descriptor may be what was scribbled on. */
void reexec_same(struct init *init)
{
	cleanup_fd int exe = -1;

	execute(init, init->self.exe);
	exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	execute(init, exe);
}

static void refuse(struct init *init)
{
	init->wire.resumed_error = errno;
	init->wire.resumed = true;
	console_say(&init->console, "execute %s: %m, going on as before", init->self.path);
}

void reexec_turn(struct init *init)
{
	cleanup_fd int fd = -1;
	int before = init->self.exe;

	if (!init->reexec.wanted)
		return;
	init->reexec.wanted = false;
	fd = open(init->self.path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		refuse(init);
		return;
	}
	console_note(&init->console, "executing %s, as it was asked to", init->self.path);
	init->self.exe = fd;
	execute(init, fd);
	init->self.exe = before;
	refuse(init);
}
