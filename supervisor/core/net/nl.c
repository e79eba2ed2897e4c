#include "supervisor/core/net/nl.h"

#include <linux/netlink.h>
#include <string.h>

void nl_init(struct nl_buf *b, void *memory, size_t size)
{
	memset(b, 0, sizeof(*b));
	b->data = memory;
	b->size = size;
}

/* Room for size bytes, padded with zeros to the alignment of 4; NULL when there is none. */
static uint8_t *reserve(struct nl_buf *b, size_t size)
{
	size_t padded = NLMSG_ALIGN(size);
	uint8_t *p = b->data + b->used;

	if (b->overflow || padded > b->size - b->used) {
		b->overflow = true;
		return NULL;
	}
	memset(p, 0, padded);
	b->used += padded;
	return p;
}

static void update_length(struct nl_buf *b)
{
	uint32_t len = (uint32_t)(b->used - b->msg);

	memcpy(b->data + b->msg + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

void nl_begin(struct nl_buf *b, uint16_t type, uint16_t flags, const void *header, size_t size)
{
	struct nlmsghdr h = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
		.nlmsg_seq = ++b->seq,
	};
	size_t start = b->used;
	uint8_t *p = reserve(b, sizeof(h));

	if (p == NULL)
		return;
	b->msg = start;
	memcpy(p, &h, sizeof(h));
	nl_raw(b, header, size);
}

void nl_note(struct nl_buf *b, const char *what, const char *object, int accept)
{
	if (b->seq >= 1 && b->seq <= NL_NOTES)
		b->notes[b->seq - 1] = (struct nl_note){
			.what = what, .object = object, .accept = accept
		};
}

void nl_flag(struct nl_buf *b, uint16_t flags)
{
	uint8_t *at = b->data + b->msg + offsetof(struct nlmsghdr, nlmsg_flags);
	uint16_t all;

	if (b->overflow || b->seq == 0)
		return;
	memcpy(&all, at, sizeof(all));
	all = (uint16_t)(all | flags);
	memcpy(at, &all, sizeof(all));
}

void nl_raw(struct nl_buf *b, const void *data, size_t size)
{
	uint8_t *p = reserve(b, size);

	if (p == NULL)
		return;
	if (size > 0)
		memcpy(p, data, size);
	update_length(b);
}

void nl_put(struct nl_buf *b, uint16_t type, const void *data, size_t size)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type };
	uint8_t *p;

	/* The kernel counts an attribute's length in 16 bits. */
	if (size > UINT16_MAX - NLA_HDRLEN) {
		b->overflow = true;
		return;
	}
	p = reserve(b, NLA_HDRLEN + size);
	if (p == NULL)
		return;
	memcpy(p, &a, sizeof(a));
	if (size > 0)
		memcpy(p + NLA_HDRLEN, data, size);
	update_length(b);
}

void nl_str(struct nl_buf *b, uint16_t type, const char *s)
{
	nl_put(b, type, s, strlen(s) + 1);
}

void nl_u32(struct nl_buf *b, uint16_t type, uint32_t v)
{
	nl_put(b, type, &v, sizeof(v));
}

void nl_be32(struct nl_buf *b, uint16_t type, uint32_t v)
{
	uint8_t bytes[4];

	put_be32(bytes, v);
	nl_put(b, type, bytes, sizeof(bytes));
}

size_t nl_nest(struct nl_buf *b, uint16_t type)
{
	size_t at = b->used;

	nl_put(b, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return at;
}

void nl_nest_end(struct nl_buf *b, size_t nest)
{
	size_t len = b->used - nest;
	uint16_t len16 = (uint16_t)len;

	if (b->overflow)
		return;
	if (len > UINT16_MAX) {
		b->overflow = true;
		return;
	}
	memcpy(b->data + nest + offsetof(struct nlattr, nla_len), &len16, sizeof(len16));
}

void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/*
 * NLMSG_ERROR: the error, the header of the refused message, its payload unless NLM_F_CAPPED says it is left
 * out, then with NLM_F_ACK_TLVS the attributes of the extended ACK (linux/netlink.h, 4.12).
 */
static void read_error(struct nl_reply *r, uint16_t flags)
{
	struct nlmsgerr head;
	size_t skip = sizeof(head);

	if (r->size < sizeof(head))
		return;
	memcpy(&head, r->data, sizeof(head));
	r->error = head.error < 0 ? -head.error : 0;
	if ((flags & NLM_F_ACK_TLVS) == 0)
		return;
	if ((flags & NLM_F_CAPPED) == 0 && head.msg.nlmsg_len > sizeof(head.msg))
		skip += NLMSG_ALIGN(head.msg.nlmsg_len - sizeof(head.msg));
	if (skip < r->size)
		r->text = nl_find_str(r->data + skip, r->size - skip, NLMSGERR_ATTR_MSG);
}

bool nl_next(struct nl_reply *r, const uint8_t *data, size_t size, size_t *at)
{
	struct nlmsghdr h;

	if (*at > size || size - *at < sizeof(h))
		return false;
	memcpy(&h, data + *at, sizeof(h));
	if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size - *at)
		return false;
	*r = (struct nl_reply){
		.type = h.nlmsg_type,
		.seq = h.nlmsg_seq,
		.port = h.nlmsg_pid,
		.data = data + *at + sizeof(h),
		.size = h.nlmsg_len - sizeof(h),
	};
	if (h.nlmsg_type == NLMSG_ERROR)
		read_error(r, h.nlmsg_flags);
	*at += NLMSG_ALIGN(h.nlmsg_len);
	return true;
}

const void *nl_find(const uint8_t *data, size_t size, uint16_t type, size_t *found)
{
	size_t at = 0;

	while (at <= size && size - at >= NLA_HDRLEN) {
		struct nlattr a;

		memcpy(&a, data + at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > size - at)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*found = a.nla_len - NLA_HDRLEN;
			return data + at + NLA_HDRLEN;
		}
		at += NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

const char *nl_find_str(const uint8_t *data, size_t size, uint16_t type)
{
	size_t len = 0;
	const char *s = nl_find(data, size, type, &len);

	return s != NULL && memchr(s, '\0', len) != NULL ? s : NULL;
}
