/*
 * A Varlink server on a Unix socket: JSON objects, each ended by a NUL byte (varlink.org). Knows nothing of units.
 *
 * A connection is served one call at a time, in order. Every limit closes a connection only:
 *   - a message larger than VARLINK_MESSAGE_MAX;
 *   - a reader that has let VARLINK_OUTPUT_MAX bytes of answers pile up before the next one (a single answer may be larger);
 *   - all together hold more than VARLINK_HELD_MAX bytes of half messages and unread answers: who has made no progress for the
 *     longest time goes;
 *   - places: a newcomer takes that of who has been silent longest, or else of who only listens, who is told "Busy"; when
 *     all wait for something to be done the newcomer is. One user who is not root has a share of the places, and all
 *     of them together leave the rest to root.
 * SO_PEERCRED decides: root may call everything, members of the group of the socket what is not `privileged`.
 */
#ifndef SYS_VARLINK_H
#define SYS_VARLINK_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#define VARLINK_MESSAGE_MAX (64 * 1024)
#define VARLINK_OUTPUT_MAX (256 * 1024)
#define VARLINK_HELD_MAX (1024 * 1024)
#define VARLINK_CLIENTS_MAX 128
#define VARLINK_OTHERS_MAX 96 /* who are not root */
#define VARLINK_USER_MAX 32   /* one of those */
#define VARLINK_FDS_MAX 3

struct varlink;

struct connection {
	struct connection *next;
	struct varlink *server;
	uv_poll_t poll;
	int fd;
	uid_t uid;
	bool busy;         /* a call is being answered */
	bool oneway, more; /* of the call being answered */
	bool closing;
	bool doomed;              /* it held too much, and waits for its event to be closed */
	uint64_t heard;           /* number of the last time that bytes came or went */
	int fds[VARLINK_FDS_MAX]; /* came with the call; the handler may take them */
	size_t n_fds;
	char *in, *out; /* malloc'd, only while something is in them */
	size_t in_n, in_room, out_n, out_sent;
	/* of the handler of the call being answered: told when the client goes away first */
	void (*on_gone)(struct connection *c);
	void *call;
};

struct varlink_method {
	const char *name; /* without the interface */
	bool privileged;  /* for root only */
	/* Answers now or later, by varlink_reply or varlink_error. The parameters are borrowed. */
	void (*run)(struct connection *c, void *data, json_t *parameters);
};

struct varlink_interface {
	const char *name;
	const char *description;              /* in the interface definition language */
	const struct varlink_method *methods; /* ends with a NULL name */
};

struct varlink {
	uv_loop_t *loop;
	uv_poll_t poll;
	int fd;
	gid_t readers; /* group of the socket */
	const struct varlink_interface *interface;
	void *data;
	struct connection *connections;
	size_t n_connections;
	size_t held; /* bytes in all `in` and `out` */
	uint64_t heard;
	int spare; /* given up for a moment when no descriptor is left, see on_client */
};

/* Binds the socket (mode 0660, group `readers`) and serves. */
int varlink_open(struct varlink *v, uv_loop_t *loop, const char *path, gid_t readers,
	const struct varlink_interface *interface, void *data, struct err *e);
/* Takes ownership of parameters. `continues`: more replies to this call follow. */
void varlink_reply(struct connection *c, json_t *parameters, bool continues);
/* error: a name of the interface ("NoSuchUnit") or a full one ("org.varlink.service.InvalidParameter"). */
void varlink_error(struct connection *c, const char *error, json_t *parameters);

/* ---- between varlink.c and varlink_door.c ---- */
void varlink_close(struct connection *c);
/* Waits for what it may do next. */
void varlink_listen(struct connection *c);

#endif
