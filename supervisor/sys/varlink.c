#include "supervisor/sys/varlink.h"

#include "common/fd.h"
#include "common/passing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SERVICE "org.varlink.service"

static const char service_description[] =
	"# Information about this service\n"
	"interface org.varlink.service\n\n"
	"method GetInfo() -> (vendor: string, product: string, version: string, url: string, "
	"interfaces: []string)\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n";

/* ---- connections ---- */

static void on_event(uv_poll_t *poll, int status, int events);

static void close_fds(struct connection *c)
{
	for (size_t i = 0; i < c->n_fds; i++)
		fd_close(&c->fds[i]);
	c->n_fds = 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	free(c->in);
	free(c->out);
	free(c);
}

static void close_connection(struct connection *c)
{
	struct connection **at = &c->server->connections;

	if (c->closing)
		return;
	c->closing = true;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->server->n_connections--;
	if (c->on_gone != NULL)
		c->on_gone(c);
	close_fds(c);
	uv_close((uv_handle_t *)&c->poll, on_closed);
	fd_close(&c->fd);
}

static bool has_message(const struct connection *c)
{
	return c->in_n > 0 && memchr(c->in, '\0', c->in_n) != NULL;
}

static void listen_for(struct connection *c)
{
	int events = UV_READABLE | UV_DISCONNECT;

	/* a call that came early is served from the loop, not from within the answer before it */
	if (c->out_n > c->out_sent || (!c->busy && has_message(c)))
		events |= UV_WRITABLE;
	/* while a call is answered no further one is read: what a client sends ahead waits in the socket */
	if (c->busy)
		events &= ~UV_READABLE;
	(void)uv_poll_start(&c->poll, events, on_event);
}

static void flush(struct connection *c)
{
	while (c->out_sent < c->out_n) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_n - c->out_sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR) {
			close_connection(c);
			return;
		}
		c->out_sent += n > 0 ? (size_t)n : 0;
	}
	free(c->out);
	c->out = NULL;
	c->out_n = c->out_sent = 0;
}

static void send_text(struct connection *c, const char *text, size_t n)
{
	char *out = NULL;

	if (c->out_sent > 0) {
		c->out_n -= c->out_sent;
		memmove(c->out, c->out + c->out_sent, c->out_n);
		c->out_sent = 0;
	}
	if (c->out_n <= VARLINK_OUTPUT_MAX)
		out = realloc(c->out, c->out_n + n);
	if (out == NULL) {
		close_connection(c); /* does not read what it asked for */
		return;
	}
	memcpy(out + c->out_n, text, n);
	c->out = out;
	c->out_n += n;
	flush(c);
	if (!c->closing)
		listen_for(c);
}

static void send_object(struct connection *c, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	if (text == NULL)
		close_connection(c);
	else
		send_text(c, text, strlen(text) + 1); /* the NUL ends the message */
	free(text);
}

static void end_call(struct connection *c)
{
	c->busy = false;
	c->on_gone = NULL;
	c->call = NULL;
	close_fds(c);
}

void varlink_reply(struct connection *c, json_t *parameters, bool continues)
{
	json_t *object = json_pack("{so}", "parameters", parameters);
	bool silent = c->oneway || c->closing;

	if (continues)
		(void)json_object_set_new(object, "continues", json_true());
	else
		end_call(c);
	if (!silent) {
		send_object(c, object);
		return;
	}
	json_decref(object);
	if (!c->closing)
		listen_for(c);
}

void varlink_error(struct connection *c, const char *error, json_t *parameters)
{
	json_t *name = strchr(error, '.') != NULL
		? json_string(error)
		: json_sprintf("%s.%s", c->server->interface->name, error);
	json_t *object = json_pack("{soso}", "error", name, "parameters",
		parameters != NULL ? parameters : json_object());
	bool silent = c->oneway || c->closing;

	end_call(c);
	if (!silent) {
		send_object(c, object);
		return;
	}
	json_decref(object);
	if (!c->closing)
		listen_for(c);
}

/* ---- calls ---- */

static void get_info(struct connection *c)
{
	varlink_reply(c,
		json_pack("{ssssssss s[ss]}", "vendor", "sup", "product", "sup", "version", "1",
			"url", "", "interfaces", SERVICE, c->server->interface->name),
		false);
}

static void get_description(struct connection *c, json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "interface"));
	const struct varlink_interface *own = c->server->interface;

	if (name == NULL)
		varlink_error(c, SERVICE ".InvalidParameter",
			json_pack("{ss}", "parameter", "interface"));
	else if (strcmp(name, SERVICE) == 0)
		varlink_reply(c, json_pack("{ss}", "description", service_description), false);
	else if (strcmp(name, own->name) == 0)
		varlink_reply(c, json_pack("{ss}", "description", own->description), false);
	else
		varlink_error(c, SERVICE ".InterfaceNotFound",
			json_pack("{ss}", "interface", name));
}

static void call_own(struct connection *c, const char *method, json_t *parameters)
{
	const struct varlink_method *m = c->server->interface->methods;

	while (m->name != NULL && strcmp(m->name, method) != 0)
		m++;
	if (m->name == NULL)
		varlink_error(c, SERVICE ".MethodNotFound", json_pack("{ss}", "method", method));
	else if (m->privileged && !c->privileged)
		varlink_error(c, SERVICE ".PermissionDenied", NULL);
	else
		m->run(c, c->server->data, parameters);
}

static void dispatch(struct connection *c, json_t *message)
{
	const char *method = json_string_value(json_object_get(message, "method"));
	const char *dot = method != NULL ? strrchr(method, '.') : NULL;
	const char *own = c->server->interface->name;
	json_t *parameters = json_object_get(message, "parameters");

	if (dot == NULL) {
		close_connection(c); /* not Varlink: there is no answer it would understand */
		return;
	}
	c->busy = true;
	c->oneway = json_is_true(json_object_get(message, "oneway"));
	c->more = json_is_true(json_object_get(message, "more"));
	if (strcmp(method, SERVICE ".GetInfo") == 0)
		get_info(c);
	else if (strcmp(method, SERVICE ".GetInterfaceDescription") == 0)
		get_description(c, parameters);
	else if (strlen(own) == (size_t)(dot - method) && memcmp(method, own, strlen(own)) == 0)
		call_own(c, dot + 1, parameters);
	else
		varlink_error(c, SERVICE ".InterfaceNotFound",
			json_pack("{ss%}", "interface", method, (size_t)(dot - method)));
}

/* Serves what is complete in the input, while no answer is owed. */
static void serve(struct connection *c)
{
	while (!c->closing && !c->busy && has_message(c)) {
		size_t used = strlen(c->in) + 1;
		json_t *message = json_loads(c->in, 0, NULL);

		c->in_n -= used;
		memmove(c->in, c->in + used, c->in_n);
		if (message == NULL) {
			close_connection(c);
			return;
		}
		dispatch(c, message);
		json_decref(message);
	}
	if (c->closing)
		return;
	if (c->in_n == 0) {
		free(c->in);
		c->in = NULL;
		c->in_room = 0;
	}
	listen_for(c);
}

static bool make_room(struct connection *c)
{
	size_t room = c->in_room == 0 ? 4096 : 2 * c->in_room;
	char *in;

	if (c->in_n < c->in_room)
		return true;
	in = room <= VARLINK_MESSAGE_MAX ? realloc(c->in, room) : NULL;
	if (in == NULL)
		return false;
	c->in = in;
	c->in_room = room;
	return true;
}

static void receive(struct connection *c)
{
	struct passed passed = {
		.fds = c->fds + c->n_fds,
		.room = VARLINK_FDS_MAX - c->n_fds,
	};
	ssize_t n;

	if (!make_room(c)) {
		close_connection(c);
		return;
	}
	n = passing_receive(c->fd, c->in + c->in_n, c->in_room - c->in_n, &passed, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	c->n_fds += passed.n;
	if (n <= 0) {
		close_connection(c);
		return;
	}
	c->heard = ++c->server->heard;
	c->in_n += (size_t)n;
	serve(c);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct connection *c = poll->data;

	if (status < 0 || ((events & UV_DISCONNECT) != 0 && (events & UV_READABLE) == 0)) {
		close_connection(c);
		return;
	}
	if ((events & UV_WRITABLE) != 0) {
		flush(c);
		if (!c->closing)
			serve(c);
	}
	if (!c->closing && (events & UV_READABLE) != 0)
		receive(c);
}

/* ---- the door ---- */

static bool is_member(int fd, gid_t group)
{
	gid_t groups[64];
	socklen_t size = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool is_welcome(const struct varlink *v, int fd, bool *privileged)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	*privileged = peer.uid == 0;
	return *privileged ||
		(v->readers != 0 && (peer.gid == v->readers || is_member(fd, v->readers)));
}

/* Who holds a place without a call loses it to somebody who has one; false when all are being served. */
static bool make_place(struct varlink *v)
{
	struct connection *silent = NULL;

	if (v->n_connections < VARLINK_CLIENTS_MAX)
		return true;
	for (struct connection *c = v->connections; c != NULL; c = c->next)
		if (!c->busy && (silent == NULL || c->heard < silent->heard))
			silent = c;
	if (silent == NULL)
		return false;
	close_connection(silent);
	return true;
}

/* Without a descriptor for it a client cannot even be refused, and the socket would wake us for ever. */
static void refuse(struct varlink *v)
{
	int fd;

	fd_close(&v->spare);
	fd = accept4(v->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	fd_close(&fd);
	v->spare = open("/", O_PATH | O_CLOEXEC);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
	struct varlink *v = poll->data;
	cleanup_fd int fd = accept4(v->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;
	bool privileged;

	(void)status;
	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		refuse(v);
	if (fd < 0 || !is_welcome(v, fd, &privileged) || !make_place(v))
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL || uv_poll_init(v->loop, &c->poll, fd) != 0) {
		free(c);
		return;
	}
	c->server = v;
	c->privileged = privileged;
	c->poll.data = c;
	c->fd = fd_take(&fd);
	c->heard = ++v->heard;
	c->next = v->connections;
	v->connections = c;
	v->n_connections++;
	listen_for(c);
}

int varlink_open(struct varlink *v, uv_loop_t *loop, const char *path, gid_t readers,
	const struct varlink_interface *interface, void *data, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int rc;

	*v = (struct varlink){
		.loop = loop, .readers = readers, .interface = interface, .data = data
	};
	v->spare = open("/", O_PATH | O_CLOEXEC);
	v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->fd < 0)
		return err_set(e, "%s: socket", path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	(void)unlink(path);
	if (bind(v->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(v->fd, 64) < 0)
		return err_set(e, "%s: bind", path);
	if (chmod(path, 0660) < 0 || chown(path, 0, readers) < 0)
		return err_set(e, "%s: permissions", path);
	v->poll.data = v;
	rc = uv_poll_init(loop, &v->poll, v->fd);
	if (rc == 0)
		rc = uv_poll_start(&v->poll, UV_READABLE, on_client);
	return rc == 0 ? 0 : err_set_no(e, -rc, "%s: listen", path);
}
