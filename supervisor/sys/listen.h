/* A descriptor in the loop. */
#ifndef SYS_LISTEN_H
#define SYS_LISTEN_H

#include <uv.h>

/*
 * poll calls `ready` when there are these events at fd; poll->data is the caller's. 0, or an error of libuv's with the handle
 * as it was before. What fails once is tried again: the kernel may have had no memory for a moment, and of some descriptors
 * nobody would ever hear again.
 */
int listen_start(uv_loop_t *loop, uv_poll_t *poll, int fd, int events, uv_poll_cb ready);

#endif
