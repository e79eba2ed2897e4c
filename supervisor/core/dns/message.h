/*
 * Messages of DNS (RFC 1035), in as much as a resolver of a few names of its own needs: a question is read, and answered by
 * what the network's names say, or it is one for somebody else. Pure. No name is read that a pointer leads to: a question
 * has none, and of another's answer the question alone is looked at.
 */
#ifndef CORE_DNS_MESSAGE_H
#define CORE_DNS_MESSAGE_H

#include "supervisor/core/dns/names.h"

#define DNS_PORT 53
#define DNS_HEADER 12
#define DNS_MESSAGE_MAX 512 /* of a question, and of an answer of our own by UDP */

enum dns_code {
	DNS_OK,
	DNS_MALFORMED,
	DNS_FAILED,
	DNS_NO_NAME,
	DNS_NOT_DONE,
	DNS_REFUSED,
};

/* In memory of the caller, which has room for more. */
struct dns_message {
	uint8_t *v;
	size_t n, size;
};

enum dns_verdict {
	DNS_IGNORE,  /* no question at all: nobody is told */
	DNS_ANSWER,  /* the answer is made */
	DNS_FORWARD, /* the servers are to be asked */
};

/* The question becomes its answer, unless it is for somebody else; one that has no room for all of it says so. */
enum dns_verdict dns_reply(const struct dns_view *view, const struct dns_names *names,
	struct dns_message *m);
/* It becomes the answer that there is none. */
void dns_fail(struct dns_message *m, enum dns_code code);

uint16_t dns_id(const uint8_t *m);
void dns_set_id(uint8_t *m, uint16_t id);
/* Whether n bytes are an answer to that question, whose id counts. */
bool dns_answers(const struct dns_message *question, const uint8_t *m, size_t n);
/* An answer that says that the server cannot: another one may. */
bool dns_is_failure(const uint8_t *m);

#endif
