/*
 * Whether a port of the host is free, and who has it: the sockets of the host's network (proc_pid_net(5)) name an inode, which is
 * one of the descriptors of somebody.
 */
#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/core/dns/message.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/net/net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENS 10 /* TCP_LISTEN */
#define CGROUP_MAX 512

/* Words of a line: number, local address, remote address, state, four of no interest, and the inode in the tenth place. */
enum field { FIELD_LOCAL = 1, FIELD_STATE = 3, FIELD_INODE = 9, FIELDS };

static bool split(char *line, char *fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i] = strtok_r(line, " ", &line);
		if (fields[i] == NULL)
			return false;
	}
	return true;
}

/* The inode of a socket on that port, whatever address it has; 0: there is none in this table. */
static unsigned long inode_in(char *table, const struct port *p)
{
	char *line, *fields[FIELDS];

	while ((line = strtok_r(table, "\n", &table)) != NULL) {
		const char *local = split(line, fields) ? strchr(fields[FIELD_LOCAL], ':') : NULL;

		if (local != NULL && strtoul(local + 1, NULL, 16) == p->host &&
			(p->protocol == PORT_UDP ||
				strtoul(fields[FIELD_STATE], NULL, 16) == LISTENS))
			return strtoul(fields[FIELD_INODE], NULL, 10);
	}
	return 0;
}

static unsigned long inode_of(const struct port *p)
{
	unsigned long inode = 0;

	for (size_t i = 0; i < FAMILY_COUNT && inode == 0; i++) {
		char path[32], *table;

		(void)snprintf(path, sizeof(path), "/proc/self/net/%s%s",
			port_protocol_name(p->protocol), i == FAMILY_V6 ? "6" : "");
		table = file_read_made(open(path, O_RDONLY | O_CLOEXEC));
		if (table != NULL)
			inode = inode_in(table, p);
		free(table);
	}
	return inode;
}

/* proc: descriptor of /proc/PID. */
static bool has_socket(int proc, const char *wanted)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool found = false;
	char target[64];

	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (dir != NULL)
		(void)closedir(dir);
	else
		fd_close(&fd);
	return found;
}

/* "nginx, process 412 of web.container". */
static void name_process(int proc, long pid, char *out, size_t size)
{
	static const char units[] = "::/sup/"; /* of the one hierarchy of cgroup v2 */
	struct arena a = { 0 };
	const char *name = file_text(proc, "comm", 32, &a);
	const char *cgroup = strstr(file_text(proc, "cgroup", CGROUP_MAX, &a), units);

	(void)snprintf(out, size, "%s, process %ld", name, pid);
	if (cgroup != NULL) {
		size_t used = strlen(out);

		cgroup += sizeof(units) - 1;
		(void)snprintf(out + used, size - used, " of %.*s", (int)strcspn(cgroup, "/\n"),
			cgroup);
	}
	arena_free(&a);
}

/* Who has it, or "a process of the host" when that is not to be found out. */
static void name_owner(const struct port *p, char *out, size_t size)
{
	unsigned long inode = inode_of(p);
	DIR *dir = inode != 0 ? opendir("/proc") : NULL;
	const struct dirent *entry;
	bool found = false;
	char wanted[32];

	(void)snprintf(out, size, "a process of the host");
	(void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		cleanup_fd int proc = -1;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		proc = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		found = proc >= 0 && has_socket(proc, wanted);
		if (found)
			name_process(proc, strtol(entry->d_name, NULL, 10), out, size);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* 0, or an errno value. A listener of both families is found with either. */
static int try_bind(const struct port *p, enum family f)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM };
#define PORT_NUMBER(NAME, text, number) number,
	static const uint8_t numbers[] = { PORT_PROTOCOLS(PORT_NUMBER) };
	cleanup_fd int sock = socket(f == FAMILY_V4 ? AF_INET : AF_INET6,
		types[p->protocol] | SOCK_CLOEXEC, numbers[p->protocol]);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(p->host) };
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_port = htons(p->host),
		.sin_addr.s_addr = htonl(ip_to_v4(p->host_addr)),
	};
	int on = 1;

	/* Of what the kernel has not, nobody has a port. */
	if (sock < 0)
		return errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT ? 0 : errno;
	ip_bytes(v6.sin6_addr.s6_addr, p->host_addr);
	/* Connections that have ended do not count, a listener still does (Linux, not udp). */
	if (p->protocol != PORT_UDP)
		(void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* The address may come later: who listens on all of them has its port all the same. Port 0 asks for the address itself. */
	if (p->host != 0)
		(void)setsockopt(sock, f == FAMILY_V4 ? IPPROTO_IP : IPPROTO_IPV6,
			f == FAMILY_V4 ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof(on));
	/* A resolver has it on its own bridge alone, where it stays the resolver's. */
	if (p->host == DNS_PORT)
		(void)setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
	if (f == FAMILY_V4)
		return bind(sock, (const struct sockaddr *)&v4, sizeof(v4)) == 0 ? 0 : errno;
	(void)setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(sock, (const struct sockaddr *)&v6, sizeof(v6)) == 0 ? 0 : errno;
}

int net_port_free(const struct port *p, struct err *e)
{
	char owner[UNIT_NAME_MAX + 64];
	int no = 0;

	for (enum family f = 0; f < FAMILY_COUNT && no == 0; f++)
		if (!ip_is_set(p->host_addr) || ip_family(p->host_addr) == f)
			no = try_bind(p, f);
	if (no == 0)
		return 0;
	if (no != EADDRINUSE)
		return err_set_no(e, no, "bind");
	name_owner(p, owner, sizeof(owner));
	return err_set_no(e, no, "taken by %s", owner);
}
