/*
 * A netlink socket and the carrying out of a buffer of messages on it.
 *
 * The kernel handles a request inside sendmsg(2), so all answers are there when it returns and are read
 * without waiting. A refusal becomes an error from the message's note, with the extended ACK's text.
 */
#ifndef SYS_NET_NLSOCK_H
#define SYS_NET_NLSOCK_H

#include "common/err.h"
#include "supervisor/core/net/nl.h"
#include "supervisor/core/net/rt.h"

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER. Returns a close-on-exec descriptor. */
int nlsock_open(int protocol, struct err *e);

/*
 * Sends all messages and gives what is neither ACK nor refusal to `visit` (may be NULL). At least one of them
 * must ask for an answer: NLM_F_ACK or a dump.
 * The first refusal that its note does not accept is the error; rtnetlink carries out the messages
 * behind it all the same, nf_tables none at all.
 */
int nlsock_run(int sock, struct nl_buf *b, void (*visit)(void *ctx, const struct nl_reply *r),
	void *ctx, struct err *e);

/* Changes alone, the last of which is acknowledged; there may be none. */
int nlsock_do(int sock, struct nl_buf *b, struct err *e);

/*
 * Reads what is there, for nothing; some at a time. What an exchange could not read would be taken for an answer to the
 * next one.
 */
void nlsock_drain(int sock);

/*
 * Of a dump that was sent by hand, with number 0, the next part: 1 there is more, 0 that was the end. Nothing is waited for: the
 * kernel makes it in here.
 */
int nlsock_next(int sock, void (*visit)(void *ctx, const struct nl_reply *r), void *ctx,
	struct err *e);

/* What there is under that name, index 0: nothing. */
struct found_link {
	int index, peer, master; /* as in struct rt_link */
	bool up, bridge, ours;
	bool made; /* by somebody: it is no device */
	char name[IF_NAME_MAX];
	char owner[UNIT_NAME_MAX]; /* the unit in the alias of what is ours */
	uint8_t mac[MAC_LEN];
	uint32_t mtu, modes;
};
int nlsock_find(int sock, const char *name, struct found_link *found, struct err *e);
int nlsock_find_index(int sock, int index, struct found_link *found, struct err *e);

#define ALIAS_PREFIX "sup:"
#define ALIAS_MAX 80 /* prefix and a unit's name */

#endif
