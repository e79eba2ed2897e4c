#include "supervisor/sys/recover/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int peek_open(struct peek *p, struct err *e)
{
	return pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : err_set(e, "pipe");
}

ssize_t peek_read(struct peek *p, int fd, void *to, size_t n)
{
	ssize_t copied;

	do {
		copied = tee(fd, p->pipe[1], n, SPLICE_F_NONBLOCK);
	} while (copied < 0 && errno == EINTR);
	return copied > 0 ? read(p->pipe[0], to, (size_t)copied) : copied;
}
