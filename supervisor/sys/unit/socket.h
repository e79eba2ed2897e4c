/*
 * The sockets of a .socket unit: bound in the host, held by init under "listen:UNIT:N", watched while their service is
 * down, given to its main process. Inside of sys/.
 */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include "supervisor/core/plan/plan.h"

#include <uv.h>

struct instance;
struct supervisor;
struct unit;

/* One descriptor of the unit; its number in the array is that of its Listen= line. */
struct listener {
	int fd;
	uv_poll_t poll;
	bool polled; /* libuv has the handle */
};

struct listeners {
	struct listener *v; /* malloc'd; NULL: closed */
	size_t n;
	bool bound; /* all of them: the files are ours to remove */
};

/*
 * socket_open.c: makes, binds and listens as the unit says, and takes only what comes in by that device, or by any when it
 * is NULL; the caller owns it. -1 with the address in e.
 */
int socket_open(const struct unit *u, const struct listen *l, const char *device, struct err *e);
/* True when the descriptor is one of that address, so that it can be taken back. */
bool socket_is(int fd, const struct listen *l);
/* Links of Symlinks=; what is in their place and no link stays. */
int socket_links(const struct unit *u, struct err *e);
void socket_unlink(const struct unit *u);

/* ---- socket.c */
int socket_setup(struct instance *inst, struct err *e);
/* Until the next connection or datagram, which becomes EV_TRIGGER. */
void socket_watch(struct instance *inst);
/* Closes it all, and removes its files when the unit says so. */
void socket_release(struct instance *inst);
/*
 * The descriptors for the main process of a unit, of all its sockets that are up, in the arena. `all`: of those that
 * are not up, too, with fd -1, to show them.
 */
void socket_facts(struct supervisor *s, uint32_t index, bool all, struct facts *f, struct arena *a);
/* "listen:UNIT:N" of a unit that is wanted, and will take it back when it comes up. */
bool socket_is_awaited(const struct supervisor *s, const char *held);

#endif
