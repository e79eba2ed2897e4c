#include "supervisor/sys/listen.h"

int listen_start(uv_loop_t *loop, uv_poll_t *poll, int fd, int events, uv_poll_cb ready)
{
	int rc = uv_poll_init(loop, poll, fd);

	if (rc != 0)
		rc = uv_poll_init(loop, poll, fd);
	return rc != 0 ? rc : uv_poll_start(poll, events, ready);
}
