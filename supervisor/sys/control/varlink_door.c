/* Who comes in: the listening socket, who is welcome, and whose place a newcomer gets when all are taken. */
#include "supervisor/sys/control/varlink.h"

#include "common/fd.h"
#include "common/jsontext.h"
#include "supervisor/sys/listen.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* An answer to a call that was never read. */
static void turn_away(int fd, const char *interface, const char *error, const char *reason)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
		"{\"error\":\"%s.%s\",\"parameters\":{\"reason\":\"%s\"}}", interface, error,
		reason);

	(void)send(fd, text, (size_t)n + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

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

static bool is_welcome(const struct varlink *v, int fd, uid_t *uid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	*uid = peer.uid;
	if (peer.uid == 0 ||
		(v->readers != 0 && (peer.gid == v->readers || is_member(fd, v->readers))))
		return true;
	turn_away(fd, "org.varlink.service", "PermissionDenied", "only root may do this");
	return false;
}

/* ---- places ---- */

enum crowd { CROWD_SAME_USER, CROWD_NOT_ROOT, CROWD_ALL, CROWD_COUNT };

static bool is_in(const struct connection *c, enum crowd crowd, uid_t uid)
{
	return crowd == CROWD_ALL || (crowd == CROWD_SAME_USER ? c->uid == uid : c->uid != 0);
}

/*
 * One of a crowd has to go: who has been silent longest without a call, or else who only listens (`more`). NULL: all of
 * them wait for something to be done.
 */
static struct connection *choose(const struct varlink *v, enum crowd crowd, uid_t uid)
{
	struct connection *silent = NULL, *listener = NULL;

	for (struct connection *c = v->connections; c != NULL; c = c->next) {
		struct connection **longest = !c->busy ? &silent : c->more ? &listener : NULL;

		if (longest != NULL && is_in(c, crowd, uid) &&
			(*longest == NULL || c->heard < (*longest)->heard))
			*longest = c;
	}
	return silent != NULL ? silent : listener;
}

/* Who waits for an answer is told. */
static void send_off(struct connection *c)
{
	if (c->on_gone != NULL)
		c->on_gone(c);
	c->on_gone = NULL;
	if (c->busy)
		varlink_error(c, "Busy",
			json_build("{ss}", "reason", "somebody else needed the place"));
	varlink_close(c);
}

static size_t count(const struct varlink *v, enum crowd crowd, uid_t uid)
{
	size_t n = 0;

	for (const struct connection *c = v->connections; c != NULL; c = c->next)
		n += is_in(c, crowd, uid);
	return n;
}

/* Whoever is not root has a share, and all of them together leave some places to root. */
static bool make_place(struct varlink *v, uid_t uid)
{
	static const size_t places[CROWD_COUNT] = {
		[CROWD_SAME_USER] = VARLINK_USER_MAX,
		[CROWD_NOT_ROOT] = VARLINK_OTHERS_MAX,
		[CROWD_ALL] = VARLINK_CLIENTS_MAX,
	};

	for (enum crowd crowd = uid == 0 ? CROWD_ALL : CROWD_SAME_USER; crowd < CROWD_COUNT;
		crowd++) {
		struct connection *c;

		if (count(v, crowd, uid) < places[crowd])
			continue;
		c = choose(v, crowd, uid);
		if (c == NULL)
			return false;
		send_off(c);
	}
	return true;
}

/*
 * Without a descriptor for it a client cannot even be refused, and the socket would wake us for ever. So one is kept
 * for it, and somebody who says nothing gives up his own.
 */
static int accept_client(struct varlink *v, uid_t *uid)
{
	cleanup_fd int fd = accept4(v->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd >= 0 && is_welcome(v, fd, uid) ? fd_take(&fd) : -1;
	fd_close(&v->spare);
	fd = accept4(v->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	c = fd >= 0 && is_welcome(v, fd, uid)
		? choose(v, *uid == 0 ? CROWD_ALL : CROWD_SAME_USER, *uid)
		: NULL;
	if (c != NULL)
		send_off(c);
	else
		fd_close(&fd);
	v->spare = open("/", O_PATH | O_CLOEXEC);
	return fd_take(&fd);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
	struct varlink *v = poll->data;
	uid_t uid;
	cleanup_fd int fd = accept_client(v, &uid);
	struct connection *c;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	if (!make_place(v, uid)) {
		turn_away(fd, v->interface->name, "Busy", "too many clients wait for an answer");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL || uv_poll_init(v->loop, &c->poll, fd) != 0) {
		free(c);
		return;
	}
	c->server = v;
	c->uid = uid;
	c->poll.data = c;
	c->fd = fd_take(&fd);
	c->heard = ++v->heard;
	c->next = v->connections;
	v->connections = c;
	v->n_connections++;
	varlink_listen(c);
}

/* ---- the socket ---- */

/* Bound beside its name and renamed, so that a client finds the one before or this one, and never none. */
static int bind_at(int fd, const char *path, gid_t readers, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", path);

	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return err_setx(e, "%s: too long for a socket", path);
	(void)unlink(addr.sun_path);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0)
		return err_set(e, "%s: bind", addr.sun_path);
	if (chmod(addr.sun_path, 0660) < 0 || chown(addr.sun_path, 0, readers) < 0)
		return err_set(e, "%s: permissions", addr.sun_path);
	return rename(addr.sun_path, path) == 0 ? 0 : err_set(e, "%s: rename", path);
}

int varlink_open(struct varlink *v, uv_loop_t *loop, const char *path, gid_t readers,
	const struct varlink_interface *interface, void *data, struct err *e)
{
	int rc;

	*v = (struct varlink){
		.loop = loop, .readers = readers, .interface = interface, .data = data
	};
	v->spare = open("/", O_PATH | O_CLOEXEC);
	v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->fd < 0)
		return err_set(e, "%s: socket", path);
	if (bind_at(v->fd, path, readers, e) < 0)
		return -1;
	v->poll.data = v;
	rc = listen_start(loop, &v->poll, v->fd, UV_READABLE, on_client);
	return rc == 0 ? 0 : err_set_no(e, -rc, "%s: listen", path);
}
