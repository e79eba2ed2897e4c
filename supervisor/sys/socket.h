/*
 * The sockets of a .socket unit: bound in the host, held by init under "listen:UNIT:N", watched while their service is
 * down, given to its main process. Inside of sys/.
 */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include "supervisor/core/plan.h"

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

/* What a supervisor before this one listened on, until a unit takes it back. */
struct inherited {
	struct inherited *next;
	int fd;
	char name[]; /* "UNIT:N" */
};

/* socket_open.c: makes, binds and listens as the unit says; the caller owns it. -1 with the address in e. */
int socket_open(const struct unit *u, const struct listen *l, struct err *e);
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
/* Takes ownership of what init has held. */
void socket_inherit(struct supervisor *s, const char *name, int fd);
/* Drops what no unit that is wanted up will take back. */
void socket_inherit_done(struct supervisor *s);

#endif
