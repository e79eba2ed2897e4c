/* Other services and the host itself: processes, sockets, networks, memory in common. */
#include "tests/helpers/probe/probe.h"

#include "common/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- processes ---- */

/* Calls look for each number of procfs but this process's. */
static void each_process(const struct probe *p,
	void (*look)(const struct probe *p, const char *pid))
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (dir == NULL)
		lacking("/proc: %s", strerror(errno));
	while ((entry = readdir(dir)) != NULL)
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name) &&
			atoi(entry->d_name) != getpid())
			look(p, entry->d_name);
	(void)closedir(dir);
}

/* The words of the neighbour and of the host's process have the secret in them; so has this one's, which says it. */
static void has_secret(const struct probe *p, const char *pid)
{
	static const char *const files[] = { "cmdline", "environ" };
	static char text[65536];
	const char *secret = told(p, "secret");

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[320];
		long n;

		(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, files[i]);
		n = read_text(path, text, sizeof(text));
		if (n > 0 && memmem(text, (size_t)n, secret, strlen(secret)) != NULL &&
			memmem(text, (size_t)n, "secret=", 7) == NULL)
			hole("%s can be read", path);
	}
}

static void no_foreign_process(const struct probe *p, const struct check *c)
{
	(void)c;
	each_process(p, has_secret);
}

/* In the namespace's own numbers; those of processes from outside have more. */
static void is_small(const struct probe *p, const char *pid)
{
	(void)p;
	if (atoi(pid) > 100000)
		hole("process %s is there", pid);
}

static void few_processes(const struct probe *p, const struct check *c)
{
	char text[256];

	(void)c;
	if (getpid() == 1)
		return;
	if (read_text("/proc/2/comm", text, sizeof(text)) > 0 && strncmp(text, "kthreadd", 8) == 0)
		hole("threads of the kernel are there");
	each_process(p, is_small);
}

static void no_parent(const struct probe *p, const struct check *c)
{
	char text[4096];

	(void)p;
	(void)c;
	if (read_text("/proc/1/status", text, sizeof(text)) < 0)
		return;
	if (atoi(status_value(text, "PPid")) != 0)
		hole("PID 1 has a parent");
	if (strchr(status_value(text, "NSpid"), '\t') != NULL &&
		strchr(status_value(text, "NSpid"), '\t') <
			strchr(status_value(text, "NSpid"), '\n'))
		hole("PID 1 is seen with a number from outside");
}

/* By the number that it has outside: nothing must be there, but what this namespace itself has made. */
static void no_kill(const struct probe *p, const struct check *c)
{
	int pid = atoi(told(p, c->text));
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if (read_text(path, text, sizeof(text)) >= 0)
		lacking("%d is a process of its own, too", pid);
	if (kill(pid, 0) == 0)
		hole("signals reach process %d", pid);
	if (errno != ESRCH)
		hole("process %d is there: %s", pid, strerror(errno));
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0)
		hole("process %d can be traced", pid);
}

/* ---- sockets ---- */

static void no_abstract(const struct probe *p, const struct check *c)
{
	const char *name = told(p, c->text);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = strlen(name);

	if (n + 1 > sizeof(address.sun_path))
		lacking("the name is too long");
	memcpy(address.sun_path + 1, name, n);
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) == 0)
		hole("the abstract socket %s answers", name);
}

static void no_control(const struct probe *p, const struct check *c)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)p;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", c->text);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		hole("%s answers", c->text);
}

static void no_port(const struct probe *p, const struct check *c)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((unsigned short)atoi(told(p, c->text)));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		hole("the port %d of the host's loopback answers", ntohs(address.sin_port));
}

/* ---- its network ---- */

static void few_links(const struct probe *p, const struct check *c)
{
	const char *links = told_or_null(p, "links");
	struct if_nameindex *list = if_nameindex();

	(void)c;
	for (struct if_nameindex *i = list; i != NULL && i->if_name != NULL; i++)
		if (strcmp(i->if_name, "lo") != 0 &&
			(links == NULL || strstr(links, i->if_name) == NULL) &&
			strcmp(i->if_name, "sit0") != 0 && strcmp(i->if_name, "tunl0") != 0 &&
			strcmp(i->if_name, "gre0") != 0 && strcmp(i->if_name, "ip6tnl0") != 0)
			hole("the link %s is there", i->if_name);
}

/* Asks for a new link of no kind: EPERM comes before that is found out. */
static void no_new_link(const struct probe *p, const struct check *c)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} request = { .head = { .nlmsg_len = sizeof(request),
			      .nlmsg_type = RTM_NEWLINK,
			      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE } };
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char room[256];
	} reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	(void)p;
	(void)c;
	if (fd < 0)
		return;
	if (send(fd, &request, sizeof(request), 0) < 0 || recv(fd, &reply, sizeof(reply), 0) < 0)
		return;
	if (reply.head.nlmsg_type == NLMSG_ERROR && reply.error.error == -EPERM)
		return;
	hole("the network can be changed: %s", strerror(-reply.error.error));
}

/* nf_tables: hears of no rule without the right to change them. */
static void no_firewall(const struct probe *p, const struct check *c)
{
	struct {
		struct nlmsghdr head;
		unsigned char family, version;
		unsigned short id;
	} request = { .head = { .nlmsg_len = sizeof(request),
			      .nlmsg_type = 10 << 8 | 1 /* NFT_MSG_GETTABLE */,
			      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char room[4096];
	} reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	(void)p;
	(void)c;
	if (fd < 0 && errno == EPROTONOSUPPORT)
		lacking("this kernel has no netfilter");
	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0 ||
		recv(fd, &reply, sizeof(reply), 0) < 0)
		return;
	if (reply.head.nlmsg_type == NLMSG_ERROR && reply.error.error == -EPERM)
		return;
	hole("rules of the firewall can be listed: %s",
		reply.head.nlmsg_type == NLMSG_ERROR ? strerror(-reply.error.error) : "yes");
}

static void no_force(const struct probe *p, const struct check *c)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int value = 4096;

	(void)p;
	if (fd >= 0)
		must_be_refused(setsockopt(fd, SOL_SOCKET, (int)c->args[0], &value, sizeof(value)),
			"the option of the socket");
}

/* ---- memory in common ---- */

static void no_shared_memory(const struct probe *p, const struct check *c)
{
	int key = atoi(told(p, c->text));

	if (syscall(SYS_shmget, key, 0, 0) >= 0)
		hole("the host's shared memory %d is there", key);
	if (errno == ENOSYS)
		lacking("this kernel has no shared memory of System V");
}

static void no_queue(const struct probe *p, const struct check *c)
{
	const char *name = told(p, c->text);
	long fd = syscall(SYS_mq_open, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, NULL);

	if (fd >= 0)
		hole("the host's queue /%s is there", name);
	if (errno == ENOSYS)
		lacking("this kernel has no queues");
}

static void no_shm_file(const struct probe *p, const struct check *c)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/dev/shm/%s", told(p, c->text));
	if (access(path, F_OK) == 0)
		hole("the host's %s is there", path);
}

/* ---- files of others ---- */

static void no_file(const struct probe *p, const struct check *c)
{
	const char *path = told(p, c->text);

	if (access(path, F_OK) == 0)
		hole("%s is there", path);
}

#define PID(name, key)                            \
	{                                         \
		"process-" name, no_kill, key, 0, \
		{                                 \
			0                         \
		}                                 \
	}
#define CONTROL(name, path)                           \
	{                                             \
		"control-" name, no_control, path, 0, \
		{                                     \
			0                             \
		}                                     \
	}

static const struct check rows[] = {
	CHECK("processes-secret", no_foreign_process),
	CHECK("processes-few", few_processes),
	CHECK("processes-parent", no_parent),
	PID("of-host", "host-pid"),
	PID("of-neighbour", "neighbour-pid"),
	PID("of-supervisor", "supervisor-pid"),
	{ "abstract-of-host", no_abstract, "abstract", 0, { 0 } },
	{ "abstract-of-neighbour", no_abstract, "neighbour-abstract", 0, { 0 } },
	CONTROL("sup", "/run/sup/control"),
	CONTROL("sup-by-root", "/proc/1/root/run/sup/control"),
	{ "port-of-host", no_port, "port", 0, { 0 } },
	CHECK("links", few_links),
	CHECK("links-new", no_new_link),
	CHECK("firewall", no_firewall),
	{ "socket-option-mark", no_force, NULL, 0, { SO_MARK } },
	{ "socket-option-buffer", no_force, NULL, 0, { SO_RCVBUFFORCE } },
	{ "shared-memory", no_shared_memory, "shm-key", 0, { 0 } },
	{ "queue", no_queue, "queue", 0, { 0 } },
	{ "shm-file", no_shm_file, "shm-file", 0, { 0 } },
	{ "file-of-neighbour", no_file, "neighbour-file", 0, { 0 } },
};

const struct checks checks_others = { rows, ARRAY_LEN(rows) };
