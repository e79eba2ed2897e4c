/*
 * Ports of the host that lead into containers: which of them meet, and the text of who has which, a line each of unit, protocol,
 * address and port. Pure.
 */
#ifndef CORE_NET_PORTS_H
#define CORE_NET_PORTS_H

#include "supervisor/core/arena.h"
#include "supervisor/core/net/ip.h"

struct text;

struct port { /* PublishPort=[[ip:][hostPort]:]containerPort[/proto], ranges expanded */
	struct ip host_addr; /* none: any; 0.0.0.0: any of IPv4 */
	uint16_t host, inside;
	uint8_t protocol; /* enum port_protocol */
};
#define PORT_PROTOCOLS(X) X(TCP, "tcp", 6) X(UDP, "udp", 17) X(SCTP, "sctp", 132)
#define PORT_MEMBER(NAME, text, number) PORT_##NAME,
enum port_protocol { PORT_PROTOCOLS(PORT_MEMBER) PORT_PROTOCOL_COUNT };
struct ports {
	struct port *v;
	size_t n;
};

const char *port_protocol_name(uint8_t protocol);
/* As PublishPort= has it. */
void port_put(struct text *t, const struct port *p);
/* Both cannot be published: one protocol and number, and addresses that overlap (any covers all). */
bool ports_meet(const struct port *a, const struct port *b);
/* One of them meets it. */
bool ports_taken(const struct ports *list, const struct port *p);
/* The very same, whatever it leads to. */
bool ports_have(const struct ports *list, const struct port *p);

struct port_holder {
	const char *unit;
	const struct ports *ports;
};

/* Never empty: nobody has one is not the same as nobody knows. */
const char *port_table_print(const struct port_holder *holders, size_t n, struct arena *a);
/* The next line that makes sense; false: there is none. `text` is cut up, `unit` points into it. */
bool port_table_next(char **text, const char **unit, struct port *port);

#endif
