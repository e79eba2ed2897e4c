#include "supctl/client.h"

#include "common/fd.h"
#include "common/jsontext.h"
#include "common/passing.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define INTERFACE "io.sup.Control"
#define MESSAGE_MAX 65535u /* VARLINK_MESSAGE_MAX of the supervisor, less the NUL */
#define RETRY_MS 5

/* The kernel's words for "nobody listens there at this moment". */
static bool is_absent(int no)
{
	return no == ENOENT || no == ECONNREFUSED || no == ECONNRESET || no == EAGAIN;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Where its folder is missing no supervisor has ever run. */
static bool may_come(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');

	(void)snprintf(folder, sizeof(folder), "%.*s",
		slash != NULL && slash > path ? (int)(slash - path) : 1,
		slash != NULL ? path : ".");
	return access(folder, F_OK) == 0;
}

static int connect_once(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		fd_close(&fd);
	return fd;
}

int client_open(struct client *c, const char *path, unsigned int patience_ms, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	uint64_t until = now_ms() + patience_ms;

	*c = (struct client){ .fd = -1 };
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_setx(e, "%s: too long for a socket", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	while ((c->fd = connect_once(&addr)) < 0) {
		int no = errno;

		if (!is_absent(no) || now_ms() >= until || !may_come(path))
			return err_set_no(e, no, "%s", path);
		(void)poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

/* The descriptors go with the first byte. */
static int send_all(struct client *c, const char *text, size_t n, const struct call *call,
	struct err *e)
{
	size_t sent = 0;

	while (sent < n) {
		ssize_t got = passing_send(c->fd, text + sent, n - sent, call->fds,
			sent == 0 ? call->n_fds : 0, 0);

		if (got < 0) {
			c->lost = errno == EPIPE || errno == ECONNRESET;
			return err_set(e, "%s: send", call->method);
		}
		sent += (size_t)got;
	}
	return 0;
}

int client_send(struct client *c, const struct call *call, struct err *e)
{
	json_t *message = json_build("{sO*}", "parameters", call->parameters);
	char *text;
	int rc;

	(void)json_object_set_new(message, "method",
		json_sprintf("%s.%s", INTERFACE, call->method));
	if (call->more)
		(void)json_object_set_new(message, "more", json_true());
	text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (text == NULL)
		return err_setx(e, "%s: the words are not valid UTF-8", call->method);
	if (strlen(text) >= MESSAGE_MAX) {
		free(text);
		return err_setx(e, "%s: its words are longer than the supervisor takes (%u bytes)",
			call->method, MESSAGE_MAX);
	}
	rc = send_all(c, text, strlen(text) + 1, call, e);
	free(text);
	return rc;
}

static int read_more(struct client *c, struct err *e)
{
	ssize_t n;

	if (c->in_n == c->in_room) {
		size_t room = c->in_room == 0 ? 8192 : 2 * c->in_room;
		char *in = realloc(c->in, room);

		if (in == NULL)
			return err_set(e, "answer of the supervisor");
		c->in = in;
		c->in_room = room;
	}
	do
		n = recv(c->fd, c->in + c->in_n, c->in_room - c->in_n, 0);
	while (n < 0 && errno == EINTR);
	c->lost = n == 0 || (n < 0 && errno == ECONNRESET);
	if (n < 0)
		return err_set(e, "answer of the supervisor");
	if (n == 0)
		return err_setx(e, "the supervisor closed the connection");
	c->in_n += (size_t)n;
	return 0;
}

int client_receive(struct client *c, struct reply *reply, struct err *e)
{
	size_t used;

	while (c->in_n == 0 || memchr(c->in, '\0', c->in_n) == NULL)
		if (read_more(c, e) < 0)
			return -1;
	used = strlen(c->in) + 1;
	*reply = (struct reply){ .message = json_loads(c->in, 0, NULL) };
	c->in_n -= used;
	memmove(c->in, c->in + used, c->in_n);
	if (reply->message == NULL)
		return err_setx(e, "the supervisor's answer is not JSON");
	reply->error = json_string_value(json_object_get(reply->message, "error"));
	reply->parameters = json_object_get(reply->message, "parameters");
	if (reply->error != NULL)
		reply->kind = REPLY_ERROR;
	else if (json_is_true(json_object_get(reply->message, "continues")))
		reply->kind = REPLY_CONTINUES;
	else
		reply->kind = REPLY_FINAL;
	return 0;
}

void client_close(struct client *c)
{
	free(c->in);
	c->in = NULL;
	c->in_n = c->in_room = 0;
	fd_close(&c->fd);
}
