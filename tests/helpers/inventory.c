/*
 * inventory: all that a machine, or a name space of processes, has of us, a sorted line each, so that two of them can be
 * compared: processes, descriptors of PID 1 and of the supervisor, mounts, cgroups, network interfaces, nf_tables, loop
 * devices, files of /run/sup. What differs without meaning (numbers of inodes, pids) is left out.
 */
#include <dirent.h>
#include <limits.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"

struct lines {
	char **v;
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct lines *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	l->v = realloc(l->v, (l->n + 1) * sizeof(*l->v));
	if (l->v == NULL || vasprintf(&l->v[l->n++], format, args) < 0)
		exit(2);
	va_end(args);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool first_line(const char *path, char text[256])
{
	FILE *f = fopen(path, "re");
	bool got = f != NULL && fgets(text, 256, f) != NULL;

	if (f != NULL)
		(void)fclose(f);
	if (got)
		text[strcspn(text, "\n")] = '\0';
	return got;
}

/* Each entry of a folder; where there is no such folder there are none. */
static void each_entry(struct lines *l, const char *folder,
	void (*take)(struct lines *l, const char *folder, const struct dirent *entry))
{
	DIR *d = opendir(folder);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			take(l, folder, entry);
	if (d != NULL)
		(void)closedir(d);
}

/* "pipe:[12]" -> "pipe:": which one it is changes from life to life. */
static void take_fd(struct lines *l, const char *folder, const struct dirent *entry)
{
	char path[PATH_MAX], target[PATH_MAX];
	bool anonymous;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return; /* of the reading itself */
	target[n] = '\0';
	/* opened when there is something to write, the first container to enter or list of devices to hold, and kept */
	if (strncmp(target, "/var/log/sup/", 13) == 0 || strncmp(target, "pid:[", 5) == 0 ||
		strcmp(target, "anon_inode:bpf-prog") == 0)
		return;
	anonymous = strstr(target, ":[") != NULL && strncmp(target, "anon_inode", 10) != 0;
	if (anonymous)
		target[strcspn(target, "[")] = '\0';
	else if (strncmp(target, "/proc/", 6) == 0 && strchr(target + 6, '/') != NULL)
		memmove(target + 6, strchr(target + 6, '/'), strlen(strchr(target + 6, '/')) + 1);
	add(l, "descriptor of %s %s", strncmp(folder, "/proc/1/", 8) == 0 ? "init" : "supervisor",
		target);
}

static void take_process(struct lines *l, const char *folder, const struct dirent *entry)
{
	char path[64], name[256], command[256];
	long pid = strtol(entry->d_name, NULL, 10);

	(void)folder;
	if (pid <= 0 || pid == getpid())
		return;
	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	if (!first_line(path, name))
		return;
	(void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	if (!first_line(path, command)) /* of the kernel, or a zombie */
		return;
	add(l, "process %s", name);
	if (pid == 1 || strcmp(name, "supervisor") == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
		each_entry(l, path, take_fd);
	}
}

static void take_tree(struct lines *l, const char *folder, const struct dirent *entry)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
	if (strncmp(path, "/sys/fs/cgroup", 14) != 0)
		add(l, "file %s", path);
	else if (entry->d_type == DT_DIR)
		add(l, "cgroup %s", path);
	/* what is mounted there is not ours to list */
	if (entry->d_type == DT_DIR && strcmp(folder, "/run/sup/images") != 0)
		each_entry(l, path, take_tree);
}

static void take_link(struct lines *l, const char *folder, const struct dirent *entry)
{
	(void)folder;
	add(l, "link %s", entry->d_name);
}

static void take_loop(struct lines *l, const char *folder, const struct dirent *entry)
{
	char path[PATH_MAX], file[256];

	(void)snprintf(path, sizeof(path), "%s/%s/loop/backing_file", folder, entry->d_name);
	if (first_line(path, file))
		add(l, "loop %s", file);
}

static void add_mounts(struct lines *l)
{
	FILE *f = fopen("/proc/1/mounts", "re");
	char what[PATH_MAX], where[PATH_MAX], type[64];

	while (f != NULL && fscanf(f, "%4095s %4095s %63s %*[^\n]", what, where, type) == 3)
		add(l, "mount %s %s", where, type);
	if (f != NULL)
		(void)fclose(f);
}

/* How many answers a dump of nf_tables has; -1: there is none. */
static int count_nft(int sock, uint16_t type)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg gen;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	_Alignas(struct nlmsghdr) char answer[65536];
	int n = 0;

	if (send(sock, &ask, sizeof(ask), 0) < 0)
		return -1;
	for (;;) {
		ssize_t got = recv(sock, answer, sizeof(answer), 0);
		const struct nlmsghdr *m = (const void *)answer;

		if (got <= 0)
			return -1;
		for (size_t left = (size_t)got; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return n;
			if (m->nlmsg_type == NLMSG_ERROR)
				return -1;
			n++;
		}
	}
}

static void add_nft(struct lines *l)
{
	cleanup_fd int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (sock < 0)
		return;
	add(l, "nft tables %d chains %d rules %d", count_nft(sock, NFT_MSG_GETTABLE),
		count_nft(sock, NFT_MSG_GETCHAIN), count_nft(sock, NFT_MSG_GETRULE));
}

int main(void)
{
	struct lines l = { 0 };

	each_entry(&l, "/proc", take_process);
	each_entry(&l, "/sys/class/net", take_link);
	each_entry(&l, "/sys/block", take_loop);
	each_entry(&l, "/sys/fs/cgroup/sup", take_tree);
	each_entry(&l, "/run/sup", take_tree);
	add_mounts(&l);
	add_nft(&l);
	qsort(l.v, l.n, sizeof(*l.v), by_text);
	for (size_t i = 0; i < l.n; i++)
		(void)puts(l.v[i]);
	return 0;
}
