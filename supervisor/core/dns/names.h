/*
 * What a resolver knows: the text that the supervisor writes for each network, and what it says to one client. Pure; the
 * text is the caller's and outlives what points into it.
 *
 * A line is words with one blank between them:
 *      domain lan.internal     the first line: under which domain the names are found, besides bare
 *      subnet 10.89.0.0/24     who may ask, and whose addresses nobody else can name
 *      internal                what is not known here is known nowhere
 *      elsewhere x.internal    what is not known here under that domain is known nowhere either
 *      server 192.0.2.53       who is asked what is not known here, in this order; fe80::1%eth0: on that link
 *      10.89.0.2 db cache      an address and its names; the first one is its name in reverse
 *      client 10.89.0.2        what follows, to the next such line, is for the questions of that one alone; servers of its
 *                              own are in the place of those of all
 * What makes no sense is skipped: another version may have written it.
 */
#ifndef CORE_DNS_NAMES_H
#define CORE_DNS_NAMES_H

#include "supervisor/core/net/ip.h"

#include <stddef.h>

#define DNS_SERVERS_MAX 3

struct dns_word {
	const char *s;
	size_t n; /* 0: none */
};

struct dns_names {
	const char *text; /* NULL with size 0 */
	size_t size;
};

struct dns_server {
	struct ip addr;
	struct dns_word link; /* by which it is reached; none: the routes know */
};

/* The network as one client has it. */
struct dns_view {
	char client[IP_TEXT_MAX];
	bool served; /* its address is one of the network */
	bool internal;
	struct dns_word domain;
	struct dns_server servers[DNS_SERVERS_MAX];
	size_t n_servers;
};

/* The address lines that are for a client, one after the other. */
struct dns_lines {
	struct dns_word rest;
	const char *client;
	bool own, others; /* in the part of this one, of another one */
};

bool dns_is(struct dns_word word, const char *s, size_t n); /* in whatever case */
/* Takes the next word off a line; without one it has no length. */
struct dns_word dns_word(struct dns_word *line);

void dns_view(struct dns_view *view, const struct dns_names *names, struct ip client);
struct dns_lines dns_lines(const struct dns_names *names, const char *client);
/* The next one that is for the client: its first word, and the others in `line`. */
struct dns_word dns_next(struct dns_lines *lines, struct dns_word *line);
/* Of a word that is an address or a subnet. */
bool dns_subnet(struct dns_word word, struct subnet *subnet);
bool dns_ip(struct dns_word word, struct ip *ip);

#endif
