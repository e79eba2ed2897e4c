/* A Varlink client on a blocking Unix socket (varlink.org). */
#ifndef SUPCTL_CLIENT_H
#define SUPCTL_CLIENT_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct client {
	int fd;
	bool lost; /* the last failure: the other side has ended the connection */
	char *in;  /* malloc'd: what came beyond the last message */
	size_t in_n, in_room;
};

struct call {
	const char *method; /* of io.sup.Control */
	json_t *parameters; /* borrowed, or NULL */
	bool more;          /* several replies are welcome */
	const int *fds;     /* sent along */
	size_t n_fds;
};

enum reply_kind { REPLY_FINAL, REPLY_CONTINUES, REPLY_ERROR };

struct reply {
	enum reply_kind kind;
	const char *error;  /* ERROR: its full name, inside `message` */
	json_t *parameters; /* inside `message` */
	json_t *message;    /* owned by the receiver: json_decref */
};

/*
 * A supervisor that is being started again is there within a fraction of a second: so long it is waited for. Where none has
 * ever run the answer is at once.
 */
int client_open(struct client *c, const char *path, unsigned int patience_ms, struct err *e);
int client_send(struct client *c, const struct call *call, struct err *e);
/* Waits for the next reply. */
int client_receive(struct client *c, struct reply *reply, struct err *e);
void client_close(struct client *c);

#endif
