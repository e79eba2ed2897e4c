#include "supervisor/sys/control/varlink.h"

#include "common/fd.h"
#include "common/jsontext.h"
#include "common/passing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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
		passing_drop(c->fds[i]);
	c->n_fds = 0;
}

/* What it holds in memory goes. */
static void drop_input(struct connection *c)
{
	free(c->in);
	c->server->held -= c->in_room;
	c->in = NULL;
	c->in_n = c->in_room = 0;
}

static void drop_output(struct connection *c)
{
	free(c->out);
	c->server->held -= c->out_n;
	c->out = NULL;
	c->out_n = c->out_sent = 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void varlink_close(struct connection *c)
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
	drop_input(c);
	drop_output(c);
	uv_close((uv_handle_t *)&c->poll, on_closed);
	passing_end(c->fd);
	fd_close(&c->fd);
}

/*
 * Together the clients hold no more than VARLINK_HELD_MAX, or else what that one holds that has made no progress for
 * the longest time goes, and later the connection: this is called from within the answers to others.
 */
static void bound_memory(const struct connection *growing)
{
	struct varlink *v = growing->server;

	while (v->held > VARLINK_HELD_MAX) {
		struct connection *stuck = NULL;

		for (struct connection *c = v->connections; c != NULL; c = c->next)
			if (c != growing && c->in_room + c->out_n > 0 &&
				(stuck == NULL || c->heard < stuck->heard))
				stuck = c;
		if (stuck == NULL)
			return; /* one large answer */
		drop_input(stuck);
		drop_output(stuck);
		stuck->doomed = true;
		(void)shutdown(stuck->fd, SHUT_RDWR); /* its own event closes it */
	}
}

static bool has_message(const struct connection *c)
{
	return c->in_n > 0 && memchr(c->in, '\0', c->in_n) != NULL;
}

void varlink_listen(struct connection *c)
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
			varlink_close(c);
			return;
		}
		c->out_sent += n > 0 ? (size_t)n : 0;
		c->heard = ++c->server->heard;
	}
	drop_output(c);
}

static void send_text(struct connection *c, const char *text, size_t n)
{
	char *out = NULL;

	if (c->doomed)
		return;
	if (c->out_sent > 0) {
		c->out_n -= c->out_sent;
		c->server->held -= c->out_sent;
		memmove(c->out, c->out + c->out_sent, c->out_n);
		c->out_sent = 0;
	}
	if (c->out_n <= VARLINK_OUTPUT_MAX)
		out = realloc(c->out, c->out_n + n);
	if (out == NULL) {
		varlink_close(c); /* does not read what it asked for */
		return;
	}
	memcpy(out + c->out_n, text, n);
	c->out = out;
	c->out_n += n;
	c->server->held += n;
	flush(c);
	if (!c->closing)
		bound_memory(c);
	if (!c->closing)
		varlink_listen(c);
}

static void send_object(struct connection *c, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	if (text != NULL)
		send_text(c, text, strlen(text) + 1); /* the NUL ends the message */
	else
		varlink_close(c);
	json_decref(object);
	free(text);
}

static void end_call(struct connection *c)
{
	c->busy = false;
	c->on_gone = NULL;
	c->call = NULL;
	close_fds(c);
}

/* silent: nobody waits for it, or is there any more. */
static void answer(struct connection *c, json_t *object, bool silent)
{
	if (!silent) {
		send_object(c, object);
		return;
	}
	json_decref(object);
	if (!c->closing)
		varlink_listen(c);
}

void varlink_reply(struct connection *c, json_t *parameters, bool continues)
{
	json_t *object = json_build("{so}", "parameters", parameters);
	bool silent = c->oneway || c->closing;

	if (continues)
		(void)json_object_set_new(object, "continues", json_true());
	else
		end_call(c);
	answer(c, object, silent);
}

void varlink_error(struct connection *c, const char *error, json_t *parameters)
{
	json_t *name = strchr(error, '.') != NULL
		? json_string(error)
		: json_sprintf("%s.%s", c->server->interface->name, error);
	json_t *object = json_build("{soso}", "error", name, "parameters",
		parameters != NULL ? parameters : json_object());
	bool silent = c->oneway || c->closing;

	end_call(c);
	answer(c, object, silent);
}

/* ---- calls ---- */

static void get_info(struct connection *c)
{
	varlink_reply(c,
		json_build("{ssssssss s[ss]}", "vendor", "sup", "product", "sup", "version", "1",
			"url", "", "interfaces", SERVICE, c->server->interface->name),
		false);
}

static void get_description(struct connection *c, json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "interface"));
	const struct varlink_interface *own = c->server->interface;

	if (name == NULL)
		varlink_error(c, SERVICE ".InvalidParameter",
			json_build("{ss}", "parameter", "interface"));
	else if (strcmp(name, SERVICE) == 0)
		varlink_reply(c, json_build("{ss}", "description", service_description), false);
	else if (strcmp(name, own->name) == 0)
		varlink_reply(c, json_build("{ss}", "description", own->description), false);
	else
		varlink_error(c, SERVICE ".InterfaceNotFound",
			json_build("{ss}", "interface", name));
}

static void call_own(struct connection *c, const char *method, json_t *parameters)
{
	const struct varlink_method *m = c->server->interface->methods;

	while (m->name != NULL && strcmp(m->name, method) != 0)
		m++;
	if (m->name == NULL)
		varlink_error(c, SERVICE ".MethodNotFound", json_build("{ss}", "method", method));
	else if (m->privileged && c->uid != 0)
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
		varlink_close(c); /* not Varlink: there is no answer it would understand */
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
			json_build("{ss%}", "interface", method, (size_t)(dot - method)));
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
			varlink_close(c);
			return;
		}
		dispatch(c, message);
		json_decref(message);
	}
	if (c->closing)
		return;
	if (c->in_n == 0)
		drop_input(c);
	varlink_listen(c);
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
	c->server->held += room - c->in_room;
	c->in_room = room;
	bound_memory(c);
	return true;
}

static void receive(struct connection *c)
{
	struct passed passed = {
		.fds = c->fds + c->n_fds,
		/* only for what root alone may call somebody's descriptors are wanted */
		.room = c->uid == 0 ? VARLINK_FDS_MAX - c->n_fds : 0,
	};
	ssize_t n;

	if (!make_room(c)) {
		varlink_close(c);
		return;
	}
	n = passing_receive(c->fd, c->in + c->in_n, c->in_room - c->in_n, &passed, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	c->n_fds += passed.n;
	if (n <= 0) {
		varlink_close(c);
		return;
	}
	c->heard = ++c->server->heard;
	c->in_n += (size_t)n;
	serve(c);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct connection *c = poll->data;

	if (status < 0 || c->doomed ||
		((events & UV_DISCONNECT) != 0 && (events & UV_READABLE) == 0)) {
		varlink_close(c);
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
