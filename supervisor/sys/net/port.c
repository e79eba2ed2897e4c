/*
 * Whether a port of the host is free, and who has it: the sockets of the host's network (proc_pid_net(5)) name an inode, which is
 * one of the descriptors of somebody.
 */
#include "common/fd.h"
#include "common/paths.h"
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
static unsigned long inode_in(char *table, uint16_t port, bool udp)
{
	char *line, *fields[FIELDS];

	while ((line = strtok_r(table, "\n", &table)) != NULL) {
		const char *local = split(line, fields) ? strchr(fields[FIELD_LOCAL], ':') : NULL;

		if (local != NULL && strtoul(local + 1, NULL, 16) == port &&
			(udp || strtoul(fields[FIELD_STATE], NULL, 16) == LISTENS))
			return strtoul(fields[FIELD_INODE], NULL, 10);
	}
	return 0;
}

static unsigned long inode_of(uint16_t port, bool udp)
{
	static const char *const tables[][2] = { { "tcp", "tcp6" }, { "udp", "udp6" } };
	unsigned long inode = 0;

	for (size_t i = 0; i < 2 && inode == 0; i++) {
		char path[32], *table;

		(void)snprintf(path, sizeof(path), "/proc/self/net/%s", tables[udp][i]);
		table = file_read_made(open(path, O_RDONLY | O_CLOEXEC));
		if (table != NULL)
			inode = inode_in(table, port, udp);
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
static void name_owner(uint16_t port, bool udp, char *out, size_t size)
{
	unsigned long inode = inode_of(port, udp);
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

int net_port_free(struct ip addr, uint16_t port, bool udp, struct err *e)
{
	cleanup_fd int sock = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(ip_to_v4(addr)),
	};
	char text[IP_TEXT_MAX], owner[UNIT_NAME_MAX + 64];
	int on = 1;

	if (sock < 0)
		return err_set(e, "open socket");
	/* Connections that have ended do not count, a listener still does (Linux, tcp only). */
	if (!udp)
		(void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(sock, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	(void)ip_text(text, addr);
	if (errno != EADDRINUSE)
		return err_set(e, "port %s:%u/%s of the host", text, port, udp ? "udp" : "tcp");
	name_owner(port, udp, owner, sizeof(owner));
	return err_set_no(e, EADDRINUSE, "port %s:%u/%s of the host is taken by %s", text, port,
		udp ? "udp" : "tcp", owner);
}
