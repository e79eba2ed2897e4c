#include "supervisor/resolver.h"

#include "common/fd.h"
#include "common/util.h"
#include "supervisor/resolver_parts.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3          /* of sd_listen_fds(3) */
#define IDLE_MS (5 * 60000) /* the socket starts it again */
#define TICK_MS 200         /* how often deadlines are looked at, while there are any */
#define AT_ONCE 64          /* questions that are taken in a row */
#define EACH_MS 2           /* questions of a client in a millisecond, */
#define EACH_MOST 1000      /* and at once */

/* ---- names ---- */

/* A new text has been put in the place of the old one, which stays what it was as long as it is mapped. */
static void look_for_names(struct resolver *r)
{
	struct stat st;
	cleanup_fd int fd = -1;
	void *text;

	if (stat(r->path, &st) < 0 ||
		(st.st_ino == r->file.st_ino && st.st_size == r->file.st_size &&
			memcmp(&st.st_mtim, &r->file.st_mtim, sizeof(st.st_mtim)) == 0))
		return;
	fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (text == MAP_FAILED)
		return;
	if (r->names.size > 0)
		(void)munmap((void *)(uintptr_t)r->names.text, r->names.size);
	r->names = (struct dns_names){ text, (size_t)st.st_size };
	r->file = st;
}

/* ---- clients and servers ---- */

struct ip resolver_ip(const union resolver_address *a)
{
	uint64_t wire[2];

	if (a->any.sa_family == AF_INET)
		return ip_v4(be32toh(a->v4.sin_addr.s_addr));
	memcpy(wire, &a->v6.sin6_addr, sizeof(wire));
	return (struct ip){ .hi = be64toh(wire[0]), .lo = be64toh(wire[1]) };
}

static socklen_t address_of(struct ip ip, union resolver_address *a)
{
	memset(a, 0, sizeof(*a));
	if (ip_family(ip) == FAMILY_V4) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htobe16(DNS_PORT);
		a->v4.sin_addr.s_addr = htobe32(ip_to_v4(ip));
		return sizeof(a->v4);
	}
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htobe16(DNS_PORT);
	ip_bytes(a->v6.sin6_addr.s6_addr, ip);
	return sizeof(a->v6);
}

bool resolver_may(struct resolver *r, struct ip client)
{
	/* in one network those of a family differ in their last bits first */
	size_t source = 2 * client.lo + (ip_family(client) == FAMILY_V6);
	struct resolver_source *s = &r->sources[source % RESOLVER_SOURCES];
	uint64_t left = s->left + (r->now - s->since) * EACH_MS;

	s->since = r->now;
	s->left = left < EACH_MOST ? (uint32_t)left : EACH_MOST;
	if (s->left == 0)
		return false;
	s->left--;
	return true;
}

bool resolver_serves(struct resolver *r, const union resolver_address *from, struct dns_view *view)
{
	struct ip ip = resolver_ip(from);

	if (!resolver_may(r, ip))
		return false;
	dns_view(view, &r->names, ip);
	return view->served;
}

int resolver_find(const struct resolver *r, size_t first, size_t n, struct ip client)
{
	size_t own = 0, unused = 0;
	int found = -1;

	for (size_t i = first; i < first + n; i++) {
		own += r->poll[i].fd != -1 && ip_same(r->client[i], client);
		unused += r->poll[i].fd == -1;
		if (r->poll[i].fd == -1)
			found = (int)i;
	}
	return own < unused ? found : -1;
}

void resolver_close(struct resolver *r, size_t place)
{
	int fd = r->poll[place].fd;

	if (fd != -1)
		(void)close(fd < 0 ? ~fd : fd);
	r->poll[place].fd = -1;
}

int resolver_connect(struct resolver *r, size_t place, struct ip client, int type,
	struct resolver_turn *turn)
{
	union resolver_address to;
	struct dns_view view;

	resolver_close(r, place);
	dns_view(&view, &r->names, client);
	while (turn->tries < view.n_servers) {
		const struct dns_server
			*server = &view.servers[(turn->first + turn->tries++) % view.n_servers];
		socklen_t size = address_of(server->addr, &to);
		int fd = socket(to.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (server->link.n > 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, server->link.s,
				(socklen_t)server->link.n);
		/* Its port is by chance, the kernel's, and only that server's packets come in by it. */
		if (fd >= 0 && (connect(fd, &to.any, size) == 0 || errno == EINPROGRESS)) {
			r->poll[place].fd = fd;
			r->client[place] = client;
			r->deadline[place] = r->now + RESOLVER_WAIT_MS;
			return fd;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	return -1;
}

/* ---- datagrams ---- */

static void answer(const struct resolver *r, const union resolver_address *to, const void *bytes,
	size_t n)
{
	(void)sendto(r->poll[PLACE_DATAGRAMS].fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any,
		sizeof(*to));
}

static void ask(struct resolver *r, size_t place)
{
	struct resolver_asked *q = &r->asked[place - PLACE_ASKED];
	int fd;

	while ((fd = resolver_connect(r, place, r->client[place], SOCK_DGRAM, &q->turn)) >= 0) {
		(void)getrandom(q->question.v, 2, 0);
		if (send(fd, q->question.v, q->question.n, MSG_NOSIGNAL) == (ssize_t)q->question.n)
			return;
	}
	dns_set_id(q->question.v, q->id);
	dns_fail(&q->question, DNS_FAILED);
	answer(r, &q->from, q->question.v, q->question.n);
}

static void pass_on(struct resolver *r, const struct dns_message *m,
	const union resolver_address *from)
{
	struct ip client = resolver_ip(from);
	int place = resolver_find(r, PLACE_ASKED, RESOLVER_ASKED, client);
	struct resolver_asked *q;

	if (place < 0)
		return;
	q = &r->asked[place - PLACE_ASKED];
	*q = (struct resolver_asked){
		.from = *from,
		.id = dns_id(m->v),
		.turn = { .first = r->first },
		.question = { .v = q->bytes, .n = m->n, .size = sizeof(q->bytes) },
	};
	memcpy(q->bytes, m->v, m->n);
	r->client[place] = client;
	ask(r, (size_t)place);
}

static void take_questions(struct resolver *r)
{
	union resolver_address from;
	uint8_t bytes[DNS_MESSAGE_MAX];
	struct dns_message m = { .v = bytes, .size = sizeof(bytes) };
	struct dns_view view;

	for (int i = 0; i < AT_ONCE; i++) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(r->poll[PLACE_DATAGRAMS].fd, bytes, sizeof(bytes),
			MSG_DONTWAIT | MSG_TRUNC, &from.any, &size);
		enum dns_verdict verdict;

		if (n < 0)
			return;
		m.n = (size_t)n;
		/* One that is longer than any question is none. */
		if (m.n > m.size || !resolver_serves(r, &from, &view))
			continue;
		verdict = dns_reply(&view, &r->names, &m);
		if (verdict == DNS_FORWARD)
			pass_on(r, &m, &from);
		else if (verdict == DNS_ANSWER)
			answer(r, &from, m.v, m.n);
	}
}

static void take_answer(struct resolver *r, size_t place)
{
	struct resolver_asked *q = &r->asked[place - PLACE_ASKED];
	ssize_t n = recv(r->poll[place].fd, r->answer, sizeof(r->answer), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0 && !dns_answers(&q->question, r->answer, (size_t)n))
		return;
	if (n < 0 || dns_is_failure(r->answer)) {
		ask(r, place);
		return;
	}
	r->first = (uint8_t)(q->turn.first + q->turn.tries - 1);
	dns_set_id(r->answer, q->id);
	answer(r, &q->from, r->answer, (size_t)n);
	resolver_close(r, place);
}

/* ---- the loop ---- */

static void read_clock(struct resolver *r)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	r->now = (uint64_t)ts.tv_sec * MSEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000000;
}

static void look_for_late(struct resolver *r, bool *busy)
{
	for (size_t i = PLACE_ASKED; i < PLACE_SERVER; i++) {
		if (r->poll[i].fd == -1)
			continue;
		*busy = true;
		if (i < PLACE_CLIENT && r->deadline[i] <= r->now)
			ask(r, i);
		else if (i >= PLACE_CLIENT)
			resolver_late(r, i - PLACE_CLIENT);
	}
}

static void turn(struct resolver *r)
{
	for (size_t i = 0; i < PLACE_COUNT; i++) {
		if (r->poll[i].revents == 0 || r->poll[i].fd < 0)
			continue;
		if (i == PLACE_DATAGRAMS)
			take_questions(r);
		else if (i == PLACE_CONNECTIONS)
			resolver_accept(r);
		else if (i < PLACE_CLIENT)
			take_answer(r, i);
		else
			resolver_go_on(r, (i - PLACE_CLIENT) % RESOLVER_STREAMS);
	}
}

int resolver_main(int argc, char **argv)
{
	struct resolver *r = calloc(1, sizeof(*r));
	const char *fds = getenv("LISTEN_FDS");
	bool busy = false;

	if (r == NULL || argc != 1 || fds == NULL || strcmp(fds, "2") != 0) {
		(void)dprintf(STDERR_FILENO,
			"usage: supervisor resolver FILE (by its socket unit)\n");
		return 2;
	}
	r->path = argv[0];
	for (size_t i = 0; i < PLACE_COUNT; i++)
		r->poll[i] = (struct pollfd){ .fd = i < PLACE_ASKED ? (int)i + FIRST_FD : -1,
			.events = POLLIN };
	while (poll(r->poll, PLACE_COUNT, busy ? TICK_MS : IDLE_MS) != 0 || busy) {
		busy = false;
		read_clock(r);
		look_for_names(r);
		turn(r);
		look_for_late(r, &busy);
	}
	return 0;
}
