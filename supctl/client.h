/* A Varlink client on a blocking Unix socket (varlink.org). */
#ifndef SUPCTL_CLIENT_H
#define SUPCTL_CLIENT_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct client {
	int fd;
	char *in; /* malloc'd: what came beyond the last message */
	size_t in_n, in_room;
};

struct call {
	const char *method; /* of io.sup.Control */
	json_t *parameters; /* ownership goes to the call */
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

int client_open(struct client *c, const char *path, struct err *e);
int client_send(struct client *c, const struct call *call, struct err *e);
/* Waits for the next reply. */
int client_receive(struct client *c, struct reply *reply, struct err *e);
void client_close(struct client *c);

#endif
