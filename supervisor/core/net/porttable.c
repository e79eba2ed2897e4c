#include "supervisor/core/net/porttable.h"

#include "supervisor/core/net/ip.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <string.h>

static void print(struct text *t, const struct port_holder *holders, size_t n)
{
	char ip[IP_TEXT_MAX];

	text_puts(t,
		"# Ports of the host that lead into containers: unit, protocol, address, port.\n");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < holders[i].ports->n; k++) {
			const struct port *p = &holders[i].ports->v[k];

			text_printf(t, "%s %s %s %u\n", holders[i].unit,
				port_protocol_name(p->protocol), ip_text(ip, p->host_addr),
				p->host);
		}
}

const char *port_table_print(const struct port_holder *holders, size_t n, struct arena *a)
{
	struct text t = { 0 };

	print(&t, holders, n);
	t = (struct text){ .buf = arena_alloc(a, t.len + 1), .size = t.len + 1 };
	print(&t, holders, n);
	return t.buf;
}

static bool parse(char *line, const char **unit, struct port *port)
{
	const char *protocol, *addr, *number;
	uint64_t host;

	*unit = strtok_r(line, " ", &line);
	protocol = strtok_r(NULL, " ", &line);
	addr = strtok_r(NULL, " ", &line);
	number = strtok_r(NULL, " ", &line);
	*port = (struct port){ 0 };
	if (number == NULL || ip_parse(&port->host_addr, addr) < 0 ||
		number_u64(number, &host) < 0 || host > UINT16_MAX)
		return false;
	port->host = (uint16_t)host;
	while (port->protocol < PORT_PROTOCOL_COUNT &&
		strcmp(protocol, port_protocol_name(port->protocol)) != 0)
		port->protocol++;
	return port->protocol < PORT_PROTOCOL_COUNT;
}

bool port_table_next(char **text, const char **unit, struct port *port)
{
	char *line;

	while ((line = strtok_r(*text, "\n", text)) != NULL)
		if (parse(line, unit, port))
			return true;
	return false;
}
