/* What the process itself is and has: ids, capabilities, descriptors, the programs that it was started by. */
#include "tests/helpers/probe/probe.h"

#include "common/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_ROOM 16384

/* chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, sys_chroot, setfcap */
#define PROMISED_CAPS UINT64_C(0x800405fb)

long read_text(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = 1;
	int no;

	if (fd < 0)
		return -1;
	while (n > 0 && have + 1 < room) {
		n = read(fd, text + have, room - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	no = errno;
	(void)close(fd);
	errno = no;
	text[have] = '\0';
	return n < 0 && have == 0 ? -1 : (long)have;
}

const char *status_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0 && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, " \t");
	}
	lacking("no %s in the status", key);
}

static uint64_t own_status(const char *key, int base)
{
	char text[TEXT_ROOM];

	if (read_text("/proc/self/status", text, sizeof(text)) < 0)
		lacking("/proc/self/status: %s", strerror(errno));
	return strtoull(status_value(text, key), NULL, base);
}

/* ---- rights ---- */

static void few_caps(const struct probe *p, const struct check *c)
{
	uint64_t set = own_status(c->text, 16);

	(void)p;
	if ((set & ~PROMISED_CAPS) != 0)
		hole("%s has 0x%" PRIx64 ", of which 0x%" PRIx64 " is not promised", c->text, set,
			set & ~PROMISED_CAPS);
}

static void no_caps(const struct probe *p, const struct check *c)
{
	uint64_t set = own_status(c->text, 16);

	(void)p;
	if (set != 0)
		hole("%s is 0x%" PRIx64, c->text, set);
}

static void status_is(const struct probe *p, const struct check *c)
{
	uint64_t value = own_status(c->text, 10);

	(void)p;
	if (value != (uint64_t)c->args[0])
		hole("%s is %" PRIu64, c->text, value);
}

/* All 32 bits of ids: it is the host's own user namespace. */
static void own_ids(const struct probe *p, const struct check *c)
{
	unsigned long inside, outside, count;
	char text[TEXT_ROOM];
	int lines = 0;

	(void)p;
	if (read_text(c->text, text, sizeof(text)) < 0)
		lacking("%s: %s", c->text, strerror(errno));
	for (char *line = text; sscanf(line, "%lu %lu %lu", &inside, &outside, &count) == 3;
		line = strchr(line, '\n') + 1, lines++)
		if (inside == outside && inside == 0)
			hole("root inside is root outside: %lu %lu %lu", inside, outside, count);
	if (lines == 0)
		hole("%s is empty", c->text);
}

static void own_namespace(const struct probe *p, const struct check *c)
{
	char path[64], key[32], link[64];
	const char *host;
	ssize_t n;

	(void)snprintf(key, sizeof(key), "ns-%s", c->text);
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", c->text);
	host = told(p, key);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		lacking("this kernel has no such namespace");
	link[n] = '\0';
	if (strcmp(link, host) == 0)
		hole("it is the host's: %s", link);
}

/* ---- what was inherited ---- */

static void few_descriptors(const struct probe *p, const struct check *c)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	(void)p;
	(void)c;
	if (dir == NULL)
		lacking("/proc/self/fd: %s", strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);
		char path[64], to[256] = "";

		/* the answer's own and the folder that is read are close-on-exec: they came with this program */
		if (entry->d_name[0] == '.' || fd <= 2 || (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		(void)!readlink(path, to, sizeof(to) - 1);
		hole("%d is open: %s", fd, to);
	}
	(void)closedir(dir);
}

/* A folder, or a file of the host behind one of the three. */
static void plain_stdio(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	for (int fd = 0; fd <= 2; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			hole("%d is closed", fd);
		if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ||
			(S_ISCHR(st.st_mode) && (st.st_rdev == makedev(1, 3) || isatty(fd))))
			continue;
		hole("%d is a file of type 0%o", fd, st.st_mode & S_IFMT);
	}
}

/* The place that the link of procfs leads to has the root above it, and nothing beyond. */
static void inside_root(const struct probe *p, const struct check *c)
{
	struct stat root, top;
	char path[512];

	(void)p;
	(void)snprintf(path, sizeof(path), "%s/../../../../../../../../../../../../..", c->text);
	if (stat("/", &root) < 0 || stat(path, &top) < 0)
		return;
	if (root.st_dev != top.st_dev || root.st_ino != top.st_ino)
		hole("%s leads out of the root", c->text);
}

static void cwd_is_named(const struct probe *p, const struct check *c)
{
	char cwd[4096];

	(void)p;
	(void)c;
	if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 || cwd[0] != '/')
		hole("the working folder is %s", cwd);
}

static void no_signals(const struct probe *p, const struct check *c)
{
	uint64_t set = own_status(c->text, 16);

	(void)p;
	if (set != 0)
		hole("%s is 0x%" PRIx64, c->text, set);
}

/* Nothing of the host's or the supervisor's environment. */
static void no_marker(const struct probe *p, const struct check *c)
{
	static char text[1 << 17];
	const char *marker = told(p, "marker");
	long n = read_text(c->text, text, sizeof(text));

	if (n > 0 && memmem(text, (size_t)n, marker, strlen(marker)) != NULL)
		hole("%s has what is the host's: %s", c->text, marker);
}

/* ---- the program of PID 1 ---- */

/* In place of the host's program (CVE-2019-5736): writes what is there already. */
static void no_overwrite(const struct probe *p, const struct check *c)
{
	int fd = open(c->text, O_RDWR | O_CLOEXEC);
	unsigned char byte;
	void *map;

	(void)p;
	if (fd < 0)
		return;
	if (pread(fd, &byte, 1, 0) == 1 && pwrite(fd, &byte, 1, 0) == 1)
		hole("it can be written to");
	map = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		hole("it can be mapped for writing");
	if (fcntl(fd, F_ADD_SEALS, 0) == 0)
		hole("it can be given seals");
}

static void no_truncate(const struct probe *p, const struct check *c)
{
	struct stat st;

	(void)p;
	if (stat(c->text, &st) == 0 && truncate(c->text, st.st_size) == 0)
		hole("it can be cut");
}

/* The name in the link is a file of this root, or no file at all. */
static void own_program(const struct probe *p, const struct check *c)
{
	struct stat linked, named;
	char name[4096];
	ssize_t n = readlink(c->text, name, sizeof(name) - 1);

	(void)p;
	if (n < 0)
		return;
	name[n] = '\0';
	if (strncmp(name, "/memfd:", 7) == 0)
		return;
	if (stat(c->text, &linked) < 0 || stat(name, &named) < 0 || linked.st_ino != named.st_ino ||
		linked.st_dev != named.st_dev)
		hole("it is a file of elsewhere: %s", name);
}

/* A container without an init begins with a program of its own, and what that has is its own affair. */
static void needs_init(void)
{
	char name[256];
	ssize_t n = readlink("/proc/1/exe", name, sizeof(name) - 1);

	if (n > 0 && memmem(name, (size_t)n, "init", 4) == NULL)
		lacking("PID 1 is no init");
}

/* What PID 1 has open: nothing through which the supervisor could be told lies, or a folder be entered. */
static void few_of_pid1(const struct probe *p, const struct check *c)
{
	DIR *dir = opendir("/proc/1/fd");
	struct dirent *entry;

	(void)p;
	(void)c;
	needs_init();
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[320];
		int fd;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) <= 2)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/1/fd/%s", entry->d_name);
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			hole("descriptor %s of PID 1 can be written to", entry->d_name);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			hole("descriptor %s of PID 1 can be opened", entry->d_name);
	}
}

static void no_memory_of_pid1(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	needs_init();
	if (open("/proc/1/mem", O_RDWR | O_CLOEXEC) >= 0)
		hole("the memory of PID 1 can be changed");
}

/* ---- programs that make their caller root ---- */

/* The outside has put such a copy of this program there. */
static void no_gain(const struct probe *p, const struct check *c)
{
	const char *path = told(p, c->text);
	char *const argv[] = { (char *)p->self, (char *)"--who", NULL };
	int status;
	pid_t pid;

	if (access(path, X_OK) < 0)
		lacking("%s: %s", path, strerror(errno));
	if (setgid(1000) < 0 || setuid(1000) < 0)
		lacking("setuid: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void)execv(path, argv);
		_exit(0); /* refused altogether */
	}
	(void)waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		hole("%s makes its caller more than it was", path);
}

#define SET(name, row, function)        \
	{                               \
		name, function, row, 0, \
		{                       \
			0               \
		}                       \
	}
#define NAMESPACE(name)                                    \
	{                                                  \
		"namespace-" name, own_namespace, name, 0, \
		{                                          \
			0                                  \
		}                                          \
	}

static const struct check rows[] = {
	SET("caps-permitted", "CapPrm", few_caps),
	SET("caps-effective", "CapEff", few_caps),
	SET("caps-bounding", "CapBnd", few_caps),
	SET("caps-inheritable", "CapInh", no_caps),
	SET("caps-ambient", "CapAmb", no_caps),
	{ "no-new-privs", status_is, "NoNewPrivs", 0, { 1 } },
	{ "seccomp-filter", status_is, "Seccomp", 0, { 2 } },
	SET("uid-map", "/proc/self/uid_map", own_ids),
	SET("gid-map", "/proc/self/gid_map", own_ids),
	NAMESPACE("mnt"),
	NAMESPACE("pid"),
	NAMESPACE("net"),
	NAMESPACE("uts"),
	NAMESPACE("ipc"),
	NAMESPACE("cgroup"),
	NAMESPACE("user"),
	CHECK("descriptors", few_descriptors),
	CHECK("stdio", plain_stdio),
	CHECK("cwd", cwd_is_named),
	SET("cwd-of-self", "/proc/self/cwd", inside_root),
	SET("cwd-of-pid1", "/proc/1/cwd", inside_root),
	SET("root-of-self", "/proc/self/root", inside_root),
	SET("root-of-pid1", "/proc/1/root", inside_root),
	SET("root-dots", "/", inside_root),
	SET("signals-ignored", "SigIgn", no_signals),
	SET("signals-blocked", "SigBlk", no_signals),
	SET("environment-of-self", "/proc/self/environ", no_marker),
	SET("environment-of-pid1", "/proc/1/environ", no_marker),
	SET("exe-of-pid1-write", "/proc/1/exe", no_overwrite),
	SET("exe-of-pid1-truncate", "/proc/1/exe", no_truncate),
	SET("exe-of-pid1-place", "/proc/1/exe", own_program),
	SET("exe-of-self-place", "/proc/self/exe", own_program),
	SET("exe-of-self-write", "/proc/self/exe", no_overwrite),
	CHECK("descriptors-of-pid1", few_of_pid1),
	CHECK("memory-of-pid1", no_memory_of_pid1),
	SET("setuid-program", "setuid", no_gain),
	SET("setgid-program", "setgid", no_gain),
	SET("capable-program", "capable", no_gain),
};

const struct checks checks_self = { rows, ARRAY_LEN(rows) };
