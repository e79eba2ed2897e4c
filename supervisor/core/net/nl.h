/*
 * Netlink messages: built into a buffer of fixed size, read from a received one. Pure.
 *
 * Many messages go out in one buffer. Each carries a note, what it is for and on which object, so that the
 * kernel's refusal of it becomes a sentence. A buffer that is too small sets `overflow` and takes nothing
 * more; it is looked at once, when the buffer is sent. Lengths are kept right by every put, so that there is
 * no end of a message to forget; a nest is ended by nl_nest_end.
 */
#ifndef CORE_NET_NL_H
#define CORE_NET_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_NOTES 80

struct nl_note {
	const char *what;   /* "make bridge"; NULL: none */
	const char *object; /* "sup0" */
	int accept;         /* errno value that is as good as success, 0: none */
};

struct nl_buf {
	uint8_t *data;
	size_t size, used;
	size_t msg;   /* offset of the message being built */
	uint32_t seq; /* messages so far: the sequence numbers are 1, 2, ... */
	bool overflow;
	struct nl_note notes[NL_NOTES]; /* of message seq at [seq - 1] */
};

void nl_init(struct nl_buf *b, void *memory, size_t size);

/* Starts a message; `header` is the family's fixed part. NLM_F_REQUEST is always set. */
void nl_begin(struct nl_buf *b, uint16_t type, uint16_t flags, const void *header, size_t size);
/* What the message just begun is for; the strings must live as long as the buffer. */
void nl_note(struct nl_buf *b, const char *what, const char *object, int accept);
/* Sets more flags on the last message. */
void nl_flag(struct nl_buf *b, uint16_t flags);

void nl_put(struct nl_buf *b, uint16_t type, const void *data, size_t size);
void nl_str(struct nl_buf *b, uint16_t type, const char *s);
void nl_u32(struct nl_buf *b, uint16_t type, uint32_t v);
void nl_be32(struct nl_buf *b, uint16_t type, uint32_t v);
/* Bytes that are no attribute, such as the header inside a veth's peer. */
void nl_raw(struct nl_buf *b, const void *data, size_t size);
size_t nl_nest(struct nl_buf *b, uint16_t type);
void nl_nest_end(struct nl_buf *b, size_t nest);

void put_be32(uint8_t *p, uint32_t v);
void put_be16(uint8_t *p, uint16_t v);

/* One message of a received buffer. */
struct nl_reply {
	uint16_t type;
	uint32_t seq;
	uint32_t port;       /* of a notification: the socket whose request did it, 0: the kernel */
	int error;           /* NLMSG_ERROR: errno value, 0 is an ACK; others: 0 */
	const char *text;    /* NLMSG_ERROR: the kernel's explanation, or NULL */
	const uint8_t *data; /* after the netlink header */
	size_t size;
};

/* Moves *at over the next message; false at the end or on a broken one. */
bool nl_next(struct nl_reply *r, const uint8_t *data, size_t size, size_t *at);
/* The attribute's data and its size, or NULL. `data` must be aligned to 4. */
const void *nl_find(const uint8_t *data, size_t size, uint16_t type, size_t *found);
/* Same, a string that is NULL-terminated inside its attribute, or NULL. */
const char *nl_find_str(const uint8_t *data, size_t size, uint16_t type);

#endif
