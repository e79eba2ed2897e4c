/*
 * A user namespace, and with it the network namespace that belongs to it: inside, root has its rights over that network.
 *
 * Both are made by a child that lives for that moment, since who enters a user namespace cannot come back. Linux 3.8.
 */
#ifndef SYS_USERNS_H
#define SYS_USERNS_H

#include "supervisor/core/plan/plan.h"

struct userns {
	int user; /* -1: none */
	int net;  /* -1: none was asked for */
};

int userns_make(const struct ids *ids, bool net, struct userns *made, struct err *e);
void userns_close(struct userns *u);
/* -1 with the place: its owners cannot be mapped. That something is not there is the start's to say. */
int userns_can_mount(int userns, const struct mount_op *ops, size_t n, struct err *e);
/* The same ids as the supervisor has itself, for a namespace that changes none. */
int userns_own_ids(const struct ids **ids, struct arena *a, struct err *e);
/*
 * The user namespace of a process and its maps, in the arena. *ids NULL and -1: it is in ours. -2: e says what is wrong.
 */
#define USERNS_UNKNOWN (-2)
int userns_of(int pid, const struct ids **ids, struct arena *a, struct err *e);

#endif
