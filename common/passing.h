/*
 * Messages on a Unix socket together with descriptors (SCM_RIGHTS) and the sender's credentials (SCM_CREDENTIALS),
 * unix(7). No heap. Interrupted calls are repeated.
 */
#ifndef COMMON_PASSING_H
#define COMMON_PASSING_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define PASSING_FDS_MAX 253 /* SCM_MAX_FD: what one message can carry */

struct passed {
	int *fds; /* in: room for `room` descriptors, which then are the caller's; more are closed */
	size_t room;
	size_t n;
	pid_t sender; /* with SO_PASSCRED; else 0 */
};

/* As sendmsg(2), with n_fds descriptors (at most 3) beside the data. */
ssize_t passing_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds,
	int flags);
/* As recvmsg(2); the descriptors come close-on-exec. A message cut short by `size` returns `size`. */
ssize_t passing_receive(int sock, void *data, size_t size, struct passed *passed, int flags);
/*
 * Closes a descriptor that a stranger has sent. Of a TCP socket with SO_LINGER that nobody else has any more the last close
 * would wait for a peer that never reads, as long as the sender likes.
 */
void passing_drop(int fd);
/*
 * Before a socket is closed that strangers send to: nothing more comes, and descriptors that wait in it are closed by us.
 * The kernel would close them with it, and could be made to wait there.
 */
void passing_end(int sock);

#endif
