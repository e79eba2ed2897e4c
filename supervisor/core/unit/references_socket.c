/*
 * Sockets and their services. A socket starts one service, is up before it, and gives it its descriptors; a
 * service may name more sockets whose descriptors it wants. A port of the host has one owner.
 */
#include "supervisor/core/unit/references.h"

#include <string.h>

void references_socket(struct builder *b, uint32_t unit)
{
	const struct unit *u = &b->set->units[unit];
	const struct origin *origin = &b->references[unit].service;
	const char *name = u->socket.service;
	int to;

	if (u->kind != KIND_SOCKET)
		return;
	to = references_find(b->set, references_triggered(&b->scratch, u));
	if (to < 0 && name != NULL) {
		references_missing(b, unit, FAULT_ERROR, origin, "Service", name);
	} else if (to < 0) {
		references_complain(b, unit, FAULT_ERROR, origin,
			"there is no .service or .container of this name to start; name one by "
			"Service=");
	} else if (b->set->units[to].kind != KIND_SERVICE &&
		b->set->units[to].kind != KIND_CONTAINER) {
		references_complain(b, unit, FAULT_ERROR, origin,
			"Service=: %s is neither a service nor a container", name);
	} else {
		references_edge(b, unit, DEP_TRIGGERS, (uint32_t)to);
		references_edge(b, unit, DEP_BEFORE, (uint32_t)to);
		references_edge(b, (uint32_t)to, DEP_SOCKETS, unit);
	}
}

void references_sockets_of(struct builder *b, uint32_t unit)
{
	const struct strv *names = &b->set->units[unit].service.sockets;
	const struct origin *origin = &b->references[unit].sockets;

	for (size_t i = 0; i < names->n; i++) {
		int to = unit_set_find(b->set, names->v[i]);

		if (unit_kind_of(names->v[i]) != KIND_SOCKET) {
			references_complain(b, unit, FAULT_ERROR, origin,
				"Sockets=: %s is no socket", names->v[i]);
			continue;
		}
		if (to < 0) {
			references_missing(b, unit, FAULT_WARNING, origin, "Sockets", names->v[i]);
			continue;
		}
		references_edge(b, unit, DEP_WANTS, (uint32_t)to);
		references_edge(b, unit, DEP_AFTER, (uint32_t)to);
		references_edge(b, unit, DEP_SOCKETS, (uint32_t)to);
	}
}

/* ---- ports ---- */

static bool is_port(const struct listen *l)
{
	return (l->kind == LISTEN_STREAM || l->kind == LISTEN_DATAGRAM) &&
		(l->family == LISTEN_PORT || l->family == LISTEN_IPV4 || l->family == LISTEN_IPV6);
}

static bool takes(const struct port *p, const struct listen *l)
{
	const struct port own = {
		.host_addr = l->family == LISTEN_PORT ? (struct ip){ 0 } : l->ip,
		.host = l->port,
		.protocol = l->kind == LISTEN_DATAGRAM ? PORT_UDP : PORT_TCP,
	};

	/* Nothing is led away from ::1. */
	return !ip_is_loopback6(own.host_addr) && ports_meet(p, &own);
}

/* A published port is led into its container before the host's own sockets see it: nobody would ever come. */
static void check_published(struct builder *b, uint32_t unit, const struct listen *l)
{
	for (uint32_t i = 0; i < b->set->n; i++) {
		const struct ports *ports = &b->set->units[i].container.ports;

		for (size_t k = 0; k < ports->n; k++) {
			if (!takes(&ports->v[k], l))
				continue;
			references_complain(b, unit, FAULT_ERROR, &b->references[unit].listen,
				"port %u of the host is published by %s (PublishPort=), which would "
				"get its connections",
				l->port, b->set->units[i].name);
			return;
		}
	}
}

void references_check_listens(struct builder *b)
{
	for (uint32_t i = 0; i < b->set->n; i++) {
		const struct listens *list = &b->set->units[i].socket.listen;

		for (size_t k = 0; k < list->n; k++)
			if (is_port(&list->v[k]))
				check_published(b, i, &list->v[k]);
	}
}
