/*
 * A look at what is in a pipe, which stays in it (tee(2)): what leads to an event of the engine is taken out only when
 * the engine's new state is kept. Inside of sys/.
 */
#ifndef SYS_PEEK_H
#define SYS_PEEK_H

#include "common/err.h"

#include <stddef.h>
#include <sys/types.h>

struct peek {
	int pipe[2]; /* empty between two looks */
};

int peek_open(struct peek *p, struct err *e);
/* As read(2) of a descriptor that does not block: 0 at the end, -1 with EAGAIN when there is nothing. */
ssize_t peek_read(struct peek *p, int fd, void *to, size_t n);

#endif
