#include "supervisor/sys/unit/socket.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELD_KIND "listen"
#define FLUSH_MAX 10000 /* of FlushPending=: more than any backlog */

/* ---- what is held ---- */

static void held_name(char name[UNIT_NAME_MAX + 24], const char *unit, size_t n)
{
	(void)snprintf(name, UNIT_NAME_MAX + 24, "%s:%zu", unit, n);
}

/* The descriptor of that name if it is still what the unit says, -1. */
static int take_back(struct supervisor *s, const char *name, const struct listen *l)
{
	int fd = held_take(s, HELD_KIND, name);

	if (fd >= 0 && !socket_is(fd, l))
		fd_close(&fd);
	return fd;
}

bool socket_is_awaited(const struct supervisor *s, const char *held)
{
	const char *name = strchr(held, ':') + 1, *colon = strrchr(name, ':');
	char unit[UNIT_NAME_MAX];
	int index;

	if (strncmp(held, HELD_KIND ":", sizeof(HELD_KIND)) != 0 || colon == NULL ||
		(size_t)(colon - name) >= sizeof(unit))
		return false;
	memcpy(unit, name, (size_t)(colon - name));
	unit[colon - name] = '\0';
	index = unit_set_find(s->set, unit);
	return index >= 0 && engine_run(s->engine, (uint32_t)index)->wanted;
}

/* ---- up and down ---- */

/* Of one within a network it is known when that is up. */
static int find_address(struct supervisor *s, struct listen *l, const char **device, struct err *e)
{
	const struct instance *network;

	if (l->family != LISTEN_NETWORK)
		return 0;
	network = network_instance(s, l->network);
	if (network == NULL || !network->bridge_up)
		return err_setx(e, "listen on %s: the network is not up", l->text);
	l->ip = network_address(network);
	l->family = ip_family(l->ip) == FAMILY_V4 ? LISTEN_IPV4 : LISTEN_IPV6;
	*device = network->bridge.name;
	return 0;
}

static int open_one(struct instance *inst, size_t n, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	struct listen l = u->socket.listen.v[n];
	const char *device = u->socket.bind_to_device;
	struct listener *listener = &inst->listeners.v[n];
	char name[UNIT_NAME_MAX + 24];
	int rc;

	if (find_address(inst->s, &l, &device, e) < 0)
		return -1;
	held_name(name, inst->unit, n);
	listener->fd = take_back(inst->s, name, &l);
	if (listener->fd < 0)
		listener->fd = socket_open(u, &l, device, e);
	if (listener->fd < 0)
		return -1;
	KILL_POINT("socket-open");
	listener->poll.data = inst;
	rc = uv_poll_init(&inst->s->loop, &listener->poll, listener->fd);
	if (rc != 0)
		return err_set_no(e, -rc, "watch %s", l.text);
	listener->polled = true;
	/* What containers reach as soon as it listens, a resolver: those that were on the network before it, too. */
	if (u->socket.listen.v[n].family == LISTEN_NETWORK)
		reconcile_rules(inst->s);
	return link_hold(&inst->s->link, HELD_KIND, name, listener->fd, e);
}

int socket_setup(struct instance *inst, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	struct listeners *list = &inst->listeners;
	size_t n = u->socket.listen.n;

	if (list->v != NULL) /* restarted by command: it was never closed */
		return 0;
	list->v = calloc(n, sizeof(*list->v));
	if (list->v == NULL)
		return err_set_no(e, ENOMEM, "sockets");
	for (list->n = 0; list->n < n; list->n++)
		list->v[list->n].fd = -1;
	for (size_t i = 0; i < n; i++)
		if (open_one(inst, i, e) < 0)
			return -1; /* the engine tears down what is there */
	KILL_POINT("socket-held");
	list->bound = true;
	return socket_links(u, e);
}

static void on_closed(uv_handle_t *handle)
{
	struct instance *inst = handle->data;

	inst->open_handles--;
	instance_free_if_done(inst);
}

void socket_release(struct instance *inst)
{
	struct listeners *list = &inst->listeners;
	char name[UNIT_NAME_MAX + 24];

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].polled) {
			inst->open_handles++;
			uv_close((uv_handle_t *)&list->v[i].poll, on_closed);
		}
		held_name(name, inst->unit, i);
		link_drop(&inst->s->link, HELD_KIND, name);
		fd_close(&list->v[i].fd);
	}
	KILL_POINT("socket-dropped");
	if (list->bound)
		socket_unlink(unit_at(inst->s, inst->index));
}

/* ---- watching ---- */

static void watch_stop(struct instance *inst)
{
	for (size_t i = 0; i < inst->listeners.n; i++)
		(void)uv_poll_stop(&inst->listeners.v[i].poll);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct instance *inst = poll->data;
	const struct event event = { .kind = EV_TRIGGER, .unit = inst->index };

	(void)events;
	KILL_POINT("socket-ready");
	watch_stop(inst);
	if (status < 0)
		journal(inst->s, LOG_LEVEL_ERROR, inst->unit, "watch: %s", strerror(-status));
	supervise(inst->s, &event);
}

/* FlushPending=: who came while the service ended gets nothing. */
static void flush(int fd, const struct listen *l)
{
	char byte[512];
	int more = 0;

	for (int i = 0; i < FLUSH_MAX && more >= 0; i++) {
		if (l->kind == LISTEN_FIFO) {
			more = (int)read(fd, byte, sizeof(byte));
		} else if (l->kind == LISTEN_DATAGRAM) {
			more = (int)recv(fd, byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);
		} else {
			more = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
			if (more >= 0)
				(void)close(more);
		}
	}
}

void socket_watch(struct instance *inst)
{
	const struct unit *u;

	if (inst == NULL || !inst->listeners.bound) /* not taken over: its end is near */
		return;
	u = unit_at(inst->s, inst->index);
	for (size_t i = 0; i < inst->listeners.n; i++) {
		struct listener *l = &inst->listeners.v[i];
		int flags = fcntl(l->fd, F_GETFL);

		/* the service, which shares it, may have made it blocking */
		if (flags >= 0 && (flags & O_NONBLOCK) == 0)
			(void)fcntl(l->fd, F_SETFL, flags | O_NONBLOCK);
		if (u->socket.flush_pending)
			flush(l->fd, &u->socket.listen.v[i]);
		(void)uv_poll_start(&l->poll, UV_READABLE, on_ready);
	}
}

/* ---- passing ---- */

static void add_facts(const struct supervisor *s, uint32_t socket, bool all, struct facts *f,
	struct passed_fd *list)
{
	const struct instance *inst = s->instances[socket];
	const struct unit *u = unit_at(s, socket);
	bool up = inst != NULL && inst->listeners.v != NULL &&
		engine_run(s->engine, socket)->state == ST_RUNNING;

	if (u->broken != NULL)
		return;
	for (size_t i = 0; (up || all) && i < u->socket.listen.n; i++)
		list[f->n_passed++] = (struct passed_fd){
			.fd = up ? inst->listeners.v[i].fd : -1,
			.unit = u->name,
			.name = u->socket.fd_name != NULL ? u->socket.fd_name : u->name,
			.address = u->socket.listen.v[i].text,
			.any = u->socket.listen.v[i].family == LISTEN_PORT,
		};
}

void socket_facts(struct supervisor *s, uint32_t index, bool all, struct facts *f, struct arena *a)
{
	const struct edges *sockets = &s->set->nodes[index].out[DEP_SOCKETS];
	struct passed_fd *list;
	size_t n = 0;

	for (size_t i = 0; i < sockets->n; i++)
		n += unit_at(s, sockets->v[i])->socket.listen.n;
	list = arena_array(a, n + 1, sizeof(*list));
	for (size_t i = 0; i < sockets->n; i++)
		add_facts(s, sockets->v[i], all, f, list);
	f->passed = list;
}
