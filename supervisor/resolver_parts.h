/* What the files of the resolver share: all that it has, in one piece and of fixed size. */
#ifndef SUPERVISOR_RESOLVER_PARTS_H
#define SUPERVISOR_RESOLVER_PARTS_H

#include "supervisor/core/dns/message.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/stat.h>

#define RESOLVER_ASKED 64 /* questions that no server has answered yet */
#define RESOLVER_STREAMS 16
#define RESOLVER_SOURCES 2048   /* two for each that a bridge has ports for */
#define RESOLVER_OUT 32768      /* an answer with all that a bridge has ports for */
#define RESOLVER_WAIT_MS 2000   /* for a server, before the next one is asked */
#define RESOLVER_STREAM_MS 8000 /* for a client, to ask and to take its answer */

/*
 * Each descriptor that is waited for has its place. One that is there and not waited for now stands as its complement, which
 * poll(2) skips; -1, so, is none.
 */
enum resolver_place {
	PLACE_DATAGRAMS,
	PLACE_CONNECTIONS,
	PLACE_ASKED,
	PLACE_CLIENT = PLACE_ASKED + RESOLVER_ASKED,
	PLACE_SERVER = PLACE_CLIENT + RESOLVER_STREAMS,
	PLACE_COUNT = PLACE_SERVER + RESOLVER_STREAMS,
};

union resolver_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Which of its servers is asked: the number of the first, and how many were. */
struct resolver_turn {
	uint8_t first, tries;
};

/* Who asked by a datagram, and what. */
struct resolver_asked {
	union resolver_address from;
	uint16_t id; /* the client's; that of the question is by chance */
	struct resolver_turn turn;
	struct dns_message question; /* in `bytes` */
	uint8_t bytes[DNS_MESSAGE_MAX];
};

/* A connection of a client, with the one to a server for its question. */
struct resolver_stream {
	enum resolver_phase { READING, ASKING, WAITING, ANSWERING } phase;
	struct resolver_turn turn;
	uint8_t length[2];           /* of the question, as it was sent */
	size_t had;                  /* of length and question */
	struct dns_message question; /* in `bytes` */
	uint8_t bytes[DNS_MESSAGE_MAX];
	size_t at,
		n; /* what of `out` is to be sent yet: the question to the server, its answer to the client */
	uint32_t left; /* of the answer, still to come from the server */
	uint8_t out[RESOLVER_OUT];
};

/* What a client may still ask now. */
struct resolver_source {
	uint64_t since; /* ms */
	uint32_t left;
};

struct resolver {
	const char *path;
	struct stat file; /* of what is mapped at names.text */
	struct dns_names names;
	uint64_t now;  /* ms */
	uint8_t first; /* of the servers: the one that answered last */
	/* by place */
	struct pollfd poll[PLACE_COUNT];
	struct ip client[PLACE_COUNT];
	uint64_t deadline[PLACE_COUNT];
	struct resolver_source sources[RESOLVER_SOURCES];
	struct resolver_asked asked[RESOLVER_ASKED];
	struct resolver_stream streams[RESOLVER_STREAMS];
	uint8_t answer[65536];
};

struct ip resolver_ip(const union resolver_address *address);
/* It may ask once more now. */
bool resolver_may(struct resolver *r, struct ip client);
/* Who that is, and what the network is to it; false: it may not ask, or not so much. */
bool resolver_serves(struct resolver *r, const union resolver_address *from, struct dns_view *view);
/* A free place from `first` for one more of this client; -1: it has more than are left to others. */
int resolver_find(const struct resolver *r, size_t first, size_t n, struct ip client);
/* To the next server of the client, in that place; -1: there is none any more. */
int resolver_connect(struct resolver *r, size_t place, struct ip client, int type,
	struct resolver_turn *turn);
void resolver_close(struct resolver *r, size_t place);

void resolver_accept(struct resolver *r);
/* As far as it goes, and no farther than leaves the others their time. */
void resolver_go_on(struct resolver *r, size_t i);
/* It took too long. */
void resolver_late(struct resolver *r, size_t i);

#endif
