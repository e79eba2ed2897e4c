#include "supervisor/sys/recover/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TRIES 8

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
	if (copied <= 0)
		return copied;
	for (int i = 0; i < TRIES; i++)
		if (read(p->pipe[0], to, (size_t)copied) == copied)
			return copied;
	/* What stays in ours would be taken for what the next pipe holds. */
	abort();
}
