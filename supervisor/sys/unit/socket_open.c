/* From a Listen= line to a descriptor: socket(2), its options, bind(2), listen(2); or a FIFO. systemd.socket(5). */
#include "supervisor/sys/unit/socket.h"

#include "common/fd.h"
#include "supervisor/core/unit/unit.h"
#include "supervisor/sys/account.h"

#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static int type_of(const struct listen *l)
{
	return l->kind == LISTEN_DATAGRAM     ? SOCK_DGRAM
		: l->kind == LISTEN_SEQPACKET ? SOCK_SEQPACKET
					      : SOCK_STREAM;
}

static socklen_t unix_address(const struct listen *l, union address *addr)
{
	size_t len = strlen(l->text);

	addr->un.sun_family = AF_UNIX;
	memcpy(addr->un.sun_path, l->text, len);
	if (l->family == LISTEN_PATH)
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	addr->un.sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* A port alone is any address of IPv6, which takes IPv4 too, and of IPv4 where the kernel has no IPv6. */
static socklen_t make_address(const struct listen *l, bool ipv6, union address *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (l->family == LISTEN_PATH || l->family == LISTEN_ABSTRACT)
		return unix_address(l, addr);
	if (l->family == LISTEN_IPV6 || (l->family == LISTEN_PORT && ipv6)) {
		addr->v6.sin6_family = AF_INET6;
		addr->v6.sin6_port = htons(l->port);
		ip_bytes(addr->v6.sin6_addr.s6_addr, l->ip);
		return sizeof(addr->v6);
	}
	addr->v4.sin_family = AF_INET;
	addr->v4.sin_port = htons(l->port);
	addr->v4.sin_addr.s_addr = htonl(ip_to_v4(l->ip));
	return sizeof(addr->v4);
}

/* ---- options ---- */

static int set_option(int fd, int level, int name, int value, const char *key, struct err *e)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? err_set(e, "%s", key) : 0;
}

static int set_ipv6_only(int fd, const struct socket_section *s, struct err *e)
{
	if (s->bind_ipv6_only == BIND_DEFAULT)
		return 0;
	return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, s->bind_ipv6_only == BIND_IPV6_ONLY,
		"BindIPv6Only", e);
}

static int set_options(int fd, int family, const struct unit *u, const struct listen *l,
	const char *device, struct err *e)
{
	const struct socket_section *s = &u->socket;
	bool tcp = family != AF_UNIX && l->kind == LISTEN_STREAM;

	if (family == AF_UNIX)
		return s->pass_credentials
			? set_option(fd, SOL_SOCKET, SO_PASSCRED, 1, "PassCredentials", e)
			: 0;
	if (family == AF_INET6 && set_ipv6_only(fd, s, e) < 0)
		return -1;
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", e) < 0)
		return -1;
	if (s->reuse_port && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "ReusePort", e) < 0)
		return -1;
	if (s->free_bind && set_option(fd, IPPROTO_IP, IP_FREEBIND, 1, "FreeBind", e) < 0)
		return -1;
	if (device != NULL &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) <
			0)
		return err_set(e, "BindToDevice=%s", device);
	if (tcp && s->keep_alive && set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "KeepAlive", e) < 0)
		return -1;
	return tcp && s->no_delay ? set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "NoDelay", e) : 0;
}

/* ---- files ---- */

/* The folders above it. */
static int make_parents(const char *path, uint32_t mode, struct err *e)
{
	char above[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(above))
		return err_set_no(e, ENAMETOOLONG, "%s", path);
	memcpy(above, path, len + 1);
	for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(above, mode) < 0 && errno != EEXIST)
			return err_set(e, "mkdir %s", above);
		*slash = '/';
	}
	return 0;
}

static int find_owner(const struct socket_section *s, uid_t *uid, gid_t *gid, struct err *e)
{
	struct identity id;

	if (s->user == NULL && s->group == NULL)
		return 0;
	if (account_find(&id, s->user, s->group, e) < 0)
		return err_prefix(e, "SocketUser= or SocketGroup=");
	if (s->user != NULL)
		*uid = id.uid;
	*gid = id.gid;
	return 0;
}

static int set_owner(const struct unit *u, const char *path, struct err *e)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	if (find_owner(&u->socket, &uid, &gid, e) < 0)
		return -1;
	if (lchown(path, uid, gid) < 0)
		return err_set(e, "chown %s", path);
	return chmod(path, u->socket.socket_mode) < 0 ? err_set(e, "chmod %s", path) : 0;
}

/* A socket file that nobody has bound any more is in the way of the next one. */
static void remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

static int open_fifo(const struct unit *u, const struct listen *l, struct err *e)
{
	cleanup_fd int fd = -1;
	struct stat st;

	if (make_parents(l->text, u->socket.directory_mode, e) < 0)
		return -1;
	if (mkfifo(l->text, 0600) < 0 && errno != EEXIST)
		return err_set(e, "make the FIFO %s", l->text);
	/* both ways: it never ends, and nobody waits for the other side */
	fd = open(l->text, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, "%s", l->text);
	if (!S_ISFIFO(st.st_mode))
		return err_setx(e, "%s is there and is no FIFO", l->text);
	return set_owner(u, l->text, e) < 0 ? -1 : fd_take(&fd);
}

/* ---- sockets ---- */

static int bind_to(int fd, const struct unit *u, const struct listen *l, const union address *addr,
	socklen_t size, struct err *e)
{
	if (l->family == LISTEN_PATH) {
		if (make_parents(l->text, u->socket.directory_mode, e) < 0)
			return -1;
		remove_stale(l->text);
	}
	if (bind(fd, &addr->any, size) == 0)
		return 0;
	return err_set(e, "listen on %s%s", l->text,
		errno == EADDRINUSE ? ": another unit or program has it" : "");
}

static int open_socket(const struct listen *l, bool *ipv6)
{
	int type = type_of(l) | SOCK_CLOEXEC | SOCK_NONBLOCK, fd;

	*ipv6 = l->family == LISTEN_IPV6 || l->family == LISTEN_PORT;
	if (l->family == LISTEN_PATH || l->family == LISTEN_ABSTRACT)
		return socket(AF_UNIX, type, 0);
	fd = *ipv6 ? socket(AF_INET6, type, 0) : -1;
	if (fd >= 0 || l->family == LISTEN_IPV6)
		return fd;
	*ipv6 = false;
	return socket(AF_INET, type, 0);
}

int socket_open(const struct unit *u, const struct listen *l, const char *device, struct err *e)
{
	cleanup_fd int fd = -1;
	union address addr;
	socklen_t size;
	bool ipv6;
	int backlog = u->socket.backlog > INT_MAX ? INT_MAX : (int)u->socket.backlog;

	if (l->kind == LISTEN_FIFO)
		return open_fifo(u, l, e);
	fd = open_socket(l, &ipv6);
	if (fd < 0)
		return err_set(e, "socket for %s", l->text);
	size = make_address(l, ipv6, &addr);
	if (set_options(fd, addr.any.sa_family, u, l, device, e) < 0 ||
		bind_to(fd, u, l, &addr, size, e) < 0)
		return -1;
	if (l->family == LISTEN_PATH && set_owner(u, l->text, e) < 0)
		return -1;
	if (l->kind != LISTEN_DATAGRAM && listen(fd, backlog) < 0)
		return err_set(e, "listen on %s", l->text);
	return fd_take(&fd);
}

bool socket_is(int fd, const struct listen *l)
{
	union address want, have = { 0 };
	socklen_t size = sizeof(have);
	int type = 0;
	struct stat a, b;

	if (l->kind == LISTEN_FIFO)
		return fstat(fd, &a) == 0 && S_ISFIFO(a.st_mode) && stat(l->text, &b) == 0 &&
			a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) }) < 0 ||
		type != type_of(l) || getsockname(fd, &have.any, &size) < 0)
		return false;
	return make_address(l, have.any.sa_family == AF_INET6, &want) == size &&
		memcmp(&want, &have, size) == 0;
}

/* ---- names in the file system ---- */

static const char *file_of(const struct unit *u)
{
	for (size_t i = 0; i < u->socket.listen.n; i++)
		if (u->socket.listen.v[i].family == LISTEN_PATH)
			return u->socket.listen.v[i].text;
	return NULL;
}

static void remove_link(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		(void)unlink(path);
}

int socket_links(const struct unit *u, struct err *e)
{
	const struct strv *links = &u->socket.symlinks;

	for (size_t i = 0; i < links->n; i++) {
		if (make_parents(links->v[i], u->socket.directory_mode, e) < 0)
			return -1;
		remove_link(links->v[i]);
		if (symlink(file_of(u), links->v[i]) < 0)
			return err_set(e, "link %s", links->v[i]);
	}
	return 0;
}

void socket_unlink(const struct unit *u)
{
	if (!u->socket.remove_on_stop)
		return;
	for (size_t i = 0; i < u->socket.listen.n; i++)
		if (u->socket.listen.v[i].family == LISTEN_PATH)
			(void)unlink(u->socket.listen.v[i].text);
	for (size_t i = 0; i < u->socket.symlinks.n; i++)
		remove_link(u->socket.symlinks.v[i]);
}
