/*
 * The text of who has which port of the host: a line each, of unit, protocol, address and port. Pure.
 */
#ifndef CORE_NET_PORTTABLE_H
#define CORE_NET_PORTTABLE_H

#include "supervisor/core/unit/unit.h"

struct port_holder {
	const char *unit;
	const struct ports *ports;
};

/* Never empty: nobody has one is not the same as nobody knows. */
const char *port_table_print(const struct port_holder *holders, size_t n, struct arena *a);
/* The next line that makes sense; false: there is none. `text` is cut up, `unit` points into it. */
bool port_table_next(char **text, const char **unit, struct port *port);

#endif
