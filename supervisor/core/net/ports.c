#include "supervisor/core/net/ports.h"

#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <string.h>

const char *port_protocol_name(uint8_t protocol)
{
#define PORT_NAME(NAME, text, number) text,
	static const char names[][5] = { PORT_PROTOCOLS(PORT_NAME) };

	return names[protocol];
}

void port_put(struct text *t, const struct port *p)
{
	char ip[IP_TEXT_MAX];

	if (ip_is_set(p->host_addr))
		text_printf(t, ip_family(p->host_addr) == FAMILY_V6 ? "[%s]:" : "%s:",
			ip_text(ip, p->host_addr));
	text_printf(t, "%u:%u", p->host, p->inside);
	if (p->protocol != PORT_TCP)
		text_printf(t, "/%s", port_protocol_name(p->protocol));
}

bool ports_meet(const struct port *a, const struct port *b)
{
	return a->host == b->host && a->protocol == b->protocol &&
		(ip_same(a->host_addr, b->host_addr) || !ip_is_set(a->host_addr) ||
			!ip_is_set(b->host_addr) ||
			((ip_is_any(a->host_addr) || ip_is_any(b->host_addr)) &&
				ip_family(a->host_addr) == ip_family(b->host_addr)));
}

bool ports_taken(const struct ports *list, const struct port *p)
{
	for (size_t i = 0; i < list->n; i++)
		if (ports_meet(&list->v[i], p))
			return true;
	return false;
}

bool ports_have(const struct ports *list, const struct port *p)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].host == p->host && list->v[i].protocol == p->protocol &&
			ip_same(list->v[i].host_addr, p->host_addr))
			return true;
	return false;
}

/* ---- the table ---- */

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
