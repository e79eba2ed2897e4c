/*
 * Questions by TCP, where the answers are that no datagram holds: one at a time of each connection, its length before it, and
 * what a server says to it is handed through piece by piece.
 */
#include "supervisor/resolver_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNKNOWN UINT32_MAX
#define LENGTH 2
#define STEPS_A_TURN 8 /* poll(2) tells again what is left */

/* Waits for that, and for nothing of the other end. */
static void watch(struct resolver *r, size_t i, size_t place, short events)
{
	const size_t ends[] = { PLACE_CLIENT + i, PLACE_SERVER + i };

	for (size_t k = 0; k < 2; k++) {
		struct pollfd *p = &r->poll[ends[k]];

		if ((p->fd < 0) == (ends[k] == place) && p->fd != -1)
			p->fd = ~p->fd;
		p->events = events;
		p->revents = 0;
	}
}

static void next_phase(struct resolver *r, size_t i, enum resolver_phase phase)
{
	static const struct {
		uint8_t place, events;
	} on[] = {
		[READING] = { PLACE_CLIENT, POLLIN },
		[ASKING] = { PLACE_SERVER, POLLOUT },
		[WAITING] = { PLACE_SERVER, POLLIN },
		[ANSWERING] = { PLACE_CLIENT, POLLOUT },
	};

	r->streams[i].phase = phase;
	watch(r, i, on[phase].place + i, on[phase].events);
}

static void end(struct resolver *r, size_t i)
{
	resolver_close(r, PLACE_CLIENT + i);
	resolver_close(r, PLACE_SERVER + i);
}

static void begin(struct resolver *r, size_t i)
{
	resolver_close(r, PLACE_SERVER + i);
	r->streams[i].had = 0;
	r->deadline[PLACE_CLIENT + i] = r->now + RESOLVER_STREAM_MS;
	next_phase(r, i, READING);
}

/* So many bytes, which stand behind the place of their length. */
static void send_message(struct resolver_stream *s, size_t n)
{
	s->at = 0;
	s->n = LENGTH + n;
	dns_set_id(s->out, (uint16_t)n);
	s->left = 0;
}

static void ask(struct resolver *r, size_t i)
{
	struct resolver_stream *s = &r->streams[i];
	bool asks = resolver_connect(r, PLACE_SERVER + i, r->client[PLACE_CLIENT + i], SOCK_STREAM,
			    &s->turn) >= 0;

	if (!asks)
		dns_fail(&s->question, DNS_FAILED);
	memcpy(s->out + LENGTH, s->bytes, s->question.n);
	send_message(s, s->question.n);
	next_phase(r, i, asks ? ASKING : ANSWERING);
}

/* Bytes of the kernel's; 0: later; -1: never. */
static ssize_t result(ssize_t n)
{
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n > 0 ? n : -1;
}

static int read_question(struct resolver *r, size_t i)
{
	struct resolver_stream *s = &r->streams[i];
	size_t size = s->had < LENGTH ? 0 : dns_id(s->length);
	uint8_t *to = s->had < LENGTH ? s->length + s->had : s->bytes + s->had - LENGTH;
	struct dns_message m = { .v = s->out + LENGTH, .n = size, .size = sizeof(s->out) - LENGTH };
	struct dns_view view;
	ssize_t n;

	if (size > sizeof(s->bytes))
		return -1;
	n = result(recv(r->poll[PLACE_CLIENT + i].fd, to, LENGTH + size - s->had, 0));
	if (n <= 0)
		return (int)n;
	s->had += (size_t)n;
	if (size == 0 || s->had < LENGTH + size)
		return s->had == LENGTH && dns_id(s->length) < DNS_HEADER ? -1 : 1;
	s->question = (struct dns_message){ .v = s->bytes, .n = size, .size = sizeof(s->bytes) };
	memcpy(m.v, s->bytes, size);
	if (!resolver_may(r, r->client[PLACE_CLIENT + i]))
		return -1;
	s->turn = (struct resolver_turn){ .first = r->first };
	dns_view(&view, &r->names, r->client[PLACE_CLIENT + i]);
	switch (dns_reply(&view, &r->names, &m)) {
	case DNS_IGNORE:
		return -1;
	case DNS_FORWARD:
		ask(r, i);
		return 1;
	case DNS_ANSWER:
		break;
	}
	send_message(s, m.n);
	next_phase(r, i, ANSWERING);
	return 1;
}

static int send_out(struct resolver *r, size_t i, size_t place)
{
	struct resolver_stream *s = &r->streams[i];
	ssize_t n = result(send(r->poll[place].fd, s->out + s->at, s->n - s->at, MSG_NOSIGNAL));

	if (n > 0)
		s->at += (size_t)n;
	if (n <= 0 || s->at < s->n)
		return n < 0 ? -1 : 0;
	s->at = s->n = 0;
	if (s->phase == ASKING)
		s->left = UNKNOWN;
	if (s->left > 0)
		next_phase(r, i, WAITING);
	else
		begin(r, i);
	return 1;
}

/* The length first: what follows it is passed on together with it. */
static int read_answer(struct resolver *r, size_t i)
{
	struct resolver_stream *s = &r->streams[i];
	size_t most = s->left == UNKNOWN ? LENGTH - s->n : s->left, room = sizeof(s->out) - s->n;
	ssize_t n = result(recv(r->poll[PLACE_SERVER + i].fd, s->out + s->n,
		most < room ? most : room, 0));

	if (n <= 0)
		return (int)n;
	s->n += (size_t)n;
	if (s->left != UNKNOWN) {
		s->left -= (uint32_t)n;
		r->deadline[PLACE_CLIENT + i] = r->now + RESOLVER_STREAM_MS;
		next_phase(r, i, ANSWERING);
	} else if (s->n == LENGTH) {
		s->left = dns_id(s->out);
		return s->left > 0 ? 1 : -1;
	}
	return 1;
}

static int step(struct resolver *r, size_t i)
{
	switch (r->streams[i].phase) {
	case READING:
		return read_question(r, i);
	case ASKING:
		return send_out(r, i, PLACE_SERVER + i);
	case WAITING:
		return read_answer(r, i);
	case ANSWERING:
		break;
	}
	return send_out(r, i, PLACE_CLIENT + i);
}

/* Whether another server can still be asked: the client has nothing of an answer yet. */
static bool open_to_others(const struct resolver_stream *s)
{
	return s->phase == ASKING || (s->phase == WAITING && s->left == UNKNOWN);
}

void resolver_go_on(struct resolver *r, size_t i)
{
	int rc;

	for (int n = 0;
		n < STEPS_A_TURN && (rc = step(r, i)) != 0 && r->poll[PLACE_CLIENT + i].fd != -1;
		n++) {
		if (rc < 0 && open_to_others(&r->streams[i]))
			ask(r, i);
		else if (rc < 0)
			end(r, i);
	}
}

void resolver_late(struct resolver *r, size_t i)
{
	bool asks = open_to_others(&r->streams[i]);

	if (asks && r->deadline[PLACE_SERVER + i] <= r->now)
		ask(r, i);
	else if (!asks && r->deadline[PLACE_CLIENT + i] <= r->now)
		end(r, i);
}

void resolver_accept(struct resolver *r)
{
	union resolver_address from;
	socklen_t size = sizeof(from);
	struct dns_view view;
	int fd = accept4(r->poll[PLACE_CONNECTIONS].fd, &from.any, &size,
		SOCK_CLOEXEC | SOCK_NONBLOCK);
	int place;

	if (fd < 0)
		return;
	place = resolver_serves(r, &from, &view)
		? resolver_find(r, PLACE_CLIENT, RESOLVER_STREAMS, resolver_ip(&from))
		: -1;
	if (place < 0) {
		(void)close(fd);
		return;
	}
	r->poll[place].fd = fd;
	r->client[place] = resolver_ip(&from);
	begin(r, (size_t)place - PLACE_CLIENT);
}
