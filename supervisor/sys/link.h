/*
 * The supervisor's end of the wire to init (common/wire.h): held descriptors, wake-ups, requests.
 */
#ifndef SYS_LINK_H
#define SYS_LINK_H

#include "common/err.h"
#include "common/wire.h"

#include <stdbool.h>
#include <uv.h>

struct link_events {
	void (*reaped)(void *data);           /* after every packet: look at the roster */
	void (*request)(void *data, int end); /* enum wire_end: a signal asked init for it */
	/* init has executed itself: it has crashed so often by now; error: the one asked for could not be, errno */
	void (*resumed)(void *data, unsigned int crashes, int error);
	void *data;
};

struct link {
	uv_poll_t poll;
	int fd;
	struct link_events on;
};

/* What init held for the supervisor before this one; the receiver owns the descriptor. */
typedef void (*link_held_cb)(void *data, const char *name, int fd);

/* Takes over what init holds (blocks for at most a few seconds), then listens. */
int link_open(struct link *l, uv_loop_t *loop, int fd, const struct link_events *on,
	link_held_cb held, struct err *e);
/* Names are "KIND:UNIT". The caller keeps its own descriptor. */
int link_hold(struct link *l, const char *kind, const char *unit, int fd, struct err *e);
void link_drop(struct link *l, const char *kind, const char *unit);
void link_well(struct link *l);
/* Seconds, 0: off; device NULL: the usual one. */
void link_watchdog(struct link *l, int runtime, int reboot, const char *device);
/* promise: seconds until it is said again, 0: none. */
void link_health(struct link *l, bool well, int promise, const char *why);
/* What is to start anew from its file; for the supervisor itself: it will end in a moment. */
int link_reexec(struct link *l, enum wire_reexec what, struct err *e);
int link_end(struct link *l, int end, int status, struct err *e);

#endif
