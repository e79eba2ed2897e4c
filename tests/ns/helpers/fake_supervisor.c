/*
 * A supervisor made of orders: the test says over /ctl what it should do to init, one line an order,
 * and gets one line back. It plays the protocol of common/wire.h and common/roster.h, nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include "common/roster.h"
#include "common/util.h"
#include "common/wire.h"

#define DEADLINE_MS 20000
#define CONTROL "/ctl"
#define ANSWER_MAX 65536

struct fake {
	struct roster *roster;
	int given_fds;
	FILE *out;
};

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void send_wire(const struct wire_msg *msg, size_t len, const int *fds, size_t count)
{
	char control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (void *)control;

	if (count > 0) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	if (sendmsg(WIRE_FD, &h, 0) < 0)
		die("sendmsg");
}

static void tell(enum wire_kind kind, int arg, int arg2, const char *name, int fd)
{
	struct wire_msg msg = {
		.version = WIRE_VERSION, .kind = (uint32_t)kind, .arg = arg, .arg2 = arg2
	};

	(void)snprintf(msg.name, sizeof(msg.name), "%s", name);
	send_wire(&msg, sizeof(msg), &fd, fd >= 0 ? 1 : 0);
}

/* The next packet of init; *fd is what came with it. False when none came in time. */
static int hear(struct wire_msg *msg, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = WIRE_FD, .events = POLLIN };
	struct cmsghdr *c;

	*fd = -1;
	if (poll(&p, 1, DEADLINE_MS) != 1 || recvmsg(WIRE_FD, &h, 0) != sizeof(*msg))
		return 0;
	c = CMSG_FIRSTHDR(&h);
	if (c != NULL)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return 1;
}

static int make_file(const char *text)
{
	int fd = memfd_create("held", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("memfd");
	return fd;
}

static void do_pid(struct fake *f, char **arg)
{
	(void)arg;
	fprintf(f->out, "%d", (int)getpid());
}

static void do_life(struct fake *f, char **arg)
{
	(void)arg;
	fprintf(f->out, "%u", f->roster->lives);
}

static void do_given(struct fake *f, char **arg)
{
	sigset_t mask;

	(void)arg;
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	fprintf(f->out, "fds=%d blocked=%d path=%d term=%s container=%s", f->given_fds,
		sigismember(&mask, SIGTERM) || sigismember(&mask, SIGTTOU), getenv("PATH") != NULL,
		getenv("TERM"), getenv("container") == NULL ? "-" : getenv("container"));
}

static void do_hold(struct fake *f, char **arg)
{
	int fd = make_file(arg[1]);

	tell(WIRE_HOLD, 0, 0, arg[0], fd);
	(void)close(fd);
	fputs("ok", f->out);
}

static void do_hold_many(struct fake *f, char **arg)
{
	int fd = make_file("many");
	char name[32];

	for (int i = 0; i < atoi(arg[0]); i++) {
		(void)snprintf(name, sizeof(name), "many:%d", i);
		tell(WIRE_HOLD, 0, 0, name, fd);
	}
	(void)close(fd);
	fputs("ok", f->out);
}

static void do_drop(struct fake *f, char **arg)
{
	tell(WIRE_DROP, 0, 0, arg[0], -1);
	fputs("ok", f->out);
}

static void do_take(struct fake *f, char **arg)
{
	struct wire_msg msg;
	char text[64];
	int fd;

	(void)arg;
	tell(WIRE_TAKE, 0, 0, "", -1);
	while (hear(&msg, &fd) && msg.kind != WIRE_HELD_END) {
		ssize_t len;

		if (msg.kind != WIRE_HELD)
			continue;
		len = pread(fd, text, sizeof(text) - 1, 0);
		text[len < 0 ? 0 : len] = '\0';
		fprintf(f->out, "%s=%s ", msg.name, text);
		(void)close(fd);
	}
	fputs(msg.kind == WIRE_HELD_END ? "end" : "timeout", f->out);
}

static void do_well(struct fake *f, char **arg)
{
	(void)arg;
	tell(WIRE_WELL, 0, 0, "", -1);
	fputs("ok", f->out);
}

static void do_health(struct fake *f, char **arg)
{
	tell(WIRE_HEALTH, atoi(arg[0]), atoi(arg[1]), arg[2], -1);
	fputs("ok", f->out);
}

static void do_watchdog(struct fake *f, char **arg)
{
	tell(WIRE_WATCHDOG, atoi(arg[0]), atoi(arg[1]), arg[2], -1);
	fputs("ok", f->out);
}

static void do_end(struct fake *f, char **arg)
{
	tell(WIRE_END, atoi(arg[0]), atoi(arg[1]), "", -1);
	fputs("ok", f->out);
}

/* Everything that is no packet of the protocol. */
static void do_garbage(struct fake *f, char **arg)
{
	struct wire_msg msg = { .version = WIRE_VERSION, .kind = WIRE_HOLD };
	char big[4096];
	int fds[3];

	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = make_file("garbage");
	memset(big, 'x', sizeof(big));
	send_wire((void *)big, 1, NULL, 0);
	send_wire((void *)big, sizeof(big), fds, 3);
	send_wire(&msg, sizeof(msg), NULL, 0); /* HOLD without a descriptor */
	send_wire(&msg, sizeof(msg), fds, 1);  /* HOLD without a name */
	memset(msg.name, 'n', sizeof(msg.name));
	send_wire(&msg, sizeof(msg), fds, 3); /* a name without an end */
	(void)snprintf(msg.name, sizeof(msg.name), "no:version");
	msg.version = 77;
	send_wire(&msg, sizeof(msg), fds, 2);
	msg.version = WIRE_VERSION;
	for (uint32_t kind = WIRE_HELD; kind < 40; kind++) {
		msg.kind = kind;
		send_wire(&msg, sizeof(msg), fds, 2);
	}
	msg.kind = WIRE_END;
	msg.arg = 99;
	send_wire(&msg, sizeof(msg), NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	fputs("ok", f->out);
}

/* Scribbles over every slot of the roster that is free, and over the header. */
static void do_scribble(struct fake *f, char **arg)
{
	(void)arg;
	for (size_t i = 100; i < ROSTER_SLOTS; i++)
		memset(&f->roster->slot[i], 0xa5, sizeof(f->roster->slot[i]));
	f->roster->slots = 0xffffffff;
	f->roster->magic = 0;
	fprintf(f->out, "truncate=%d", ftruncate(ROSTER_FD, 1));
}

static _Noreturn void service(int go, const char *how, int value)
{
	char byte;

	/* Nothing runs before the slot is LIVE; nothing of the supervisor's stays open. */
	if (dup2(go, STDIN_FILENO) < 0 || syscall(SYS_close_range, 1, ~0U, 0) < 0 ||
		read(STDIN_FILENO, &byte, 1) != 1)
		_exit(98);
	if (strcmp(how, "signal") == 0)
		(void)kill(getpid(), value);
	if (strcmp(how, "sleep") == 0)
		(void)pause();
	_exit(value);
}

static void do_service(struct fake *f, char **arg)
{
	struct roster_slot *slot = &f->roster->slot[atoi(arg[0])];
	struct clone_args args = { .flags = CLONE_PARENT };
	int go[2];
	long pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe2");
	slot->state = SLOT_RESERVED;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		(void)close(go[1]);
		service(go[0], arg[1], atoi(arg[2]));
	}
	slot->pid = (int32_t)pid;
	slot->state = SLOT_LIVE;
	(void)!write(go[1], "", 1);
	(void)close(go[0]);
	(void)close(go[1]);
	fprintf(f->out, "%ld", pid);
}

static void do_await(struct fake *f, char **arg)
{
	struct roster_slot *slot = &f->roster->slot[atoi(arg[0])];
	struct wire_msg msg;
	int fd;

	while (slot->state != SLOT_EXITED)
		if (!hear(&msg, &fd))
			break;
	fprintf(f->out, "%u %d %d", slot->state, slot->status, slot->exited_ns > 0);
}

static void do_slot(struct fake *f, char **arg)
{
	const struct roster_slot *slot = &f->roster->slot[atoi(arg[0])];

	fprintf(f->out, "%u %d", slot->state, slot->status);
}

/* Zombies in this PID name space, counted from /proc. */
static int zombies(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int count = 0;

	while (proc != NULL && (e = readdir(proc)) != NULL) {
		char path[300];
		char line[256];
		FILE *stat;

		(void)snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		stat = e->d_name[0] < '0' || e->d_name[0] > '9' ? NULL : fopen(path, "re");
		if (stat == NULL)
			continue;
		if (fgets(line, sizeof(line), stat) != NULL && strstr(line, ") Z ") != NULL)
			count++;
		(void)fclose(stat);
	}
	if (proc != NULL)
		(void)closedir(proc);
	return count;
}

static void do_orphans(struct fake *f, char **arg)
{
	uint32_t goal = f->roster->orphans + (uint32_t)atoi(arg[0]);
	pid_t between = fork();

	if (between == 0) {
		for (int i = 0; i < atoi(arg[0]); i++)
			if (fork() == 0)
				_exit(i & 0xff);
		_exit(0);
	}
	(void)waitpid(between, NULL, 0);
	/* A counter has no wake-up. */
	for (int ms = 0; f->roster->orphans < goal && ms < DEADLINE_MS; ms += 5)
		(void)poll(NULL, 0, 5);
	fprintf(f->out, "%d %d", f->roster->orphans == goal, zombies());
}

/* A process of nobody, "deaf" to SIGTERM or not. */
static void do_background(struct fake *f, char **arg)
{
	pid_t between = fork();

	if (between == 0) {
		if (strcmp(arg[0], "deaf") == 0)
			(void)signal(SIGTERM, SIG_IGN);
		if (fork() != 0)
			_exit(0);
		(void)setsid();
		for (;;)
			(void)pause();
	}
	(void)waitpid(between, NULL, 0);
	fputs("ok", f->out);
}

static void do_request(struct fake *f, char **arg)
{
	struct wire_msg msg = { 0 };
	int fd;

	(void)arg;
	while (hear(&msg, &fd) && msg.kind != WIRE_REQUEST)
		;
	fprintf(f->out, "%d", msg.kind == WIRE_REQUEST ? msg.arg : -1);
}

static void do_reexec(struct fake *f, char **arg)
{
	tell(WIRE_REEXEC, atoi(arg[0]), 0, "", -1);
	fputs("ok", f->out);
}

/* How often init has crashed, and why it is the old one. */
static void do_resumed(struct fake *f, char **arg)
{
	struct wire_msg msg = { 0 };
	int fd;

	(void)arg;
	while (hear(&msg, &fd) && msg.kind != WIRE_RESUMED)
		;
	fprintf(f->out, "%d %d", msg.arg, msg.arg2);
}

static void do_signal(struct fake *f, char **arg)
{
	fprintf(f->out, "%d", kill(1, atoi(arg[0])));
}

static void do_quit(struct fake *f, char **arg)
{
	(void)f;
	_exit(atoi(arg[0]));
}

static void do_close_wire(struct fake *f, char **arg)
{
	(void)arg;
	(void)close(WIRE_FD);
	fputs("ok", f->out);
}

static const struct {
	const char *name;
	void (*run)(struct fake *, char **arg);
} orders[] = {
	{ "await", do_await },
	{ "background", do_background },
	{ "close-wire", do_close_wire },
	{ "drop", do_drop },
	{ "end", do_end },
	{ "garbage", do_garbage },
	{ "given", do_given },
	{ "health", do_health },
	{ "hold", do_hold },
	{ "hold-many", do_hold_many },
	{ "life", do_life },
	{ "orphans", do_orphans },
	{ "pid", do_pid },
	{ "quit", do_quit },
	{ "reexec", do_reexec },
	{ "request", do_request },
	{ "resumed", do_resumed },
	{ "scribble", do_scribble },
	{ "service", do_service },
	{ "signal", do_signal },
	{ "slot", do_slot },
	{ "take", do_take },
	{ "watchdog", do_watchdog },
	{ "well", do_well },
};

static void obey(struct fake *f, char *line)
{
	char *words[4] = { NULL, "", "", "" };
	char *save = NULL;
	char *word = strtok_r(line, " \n", &save);

	for (size_t i = 0; i < ARRAY_LEN(words) && word != NULL; i++) {
		words[i] = word;
		word = strtok_r(NULL, " \n", &save);
	}
	for (size_t i = 0; words[0] != NULL && i < ARRAY_LEN(orders); i++)
		if (strcmp(words[0], orders[i].name) == 0)
			orders[i].run(f, words + 1);
	fputs("\n", f->out);
	(void)fflush(f->out);
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int listen_control(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = CONTROL };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)unlink(CONTROL);
	if (fd < 0 || bind(fd, (void *)&name, sizeof(name)) < 0 || listen(fd, 8) < 0)
		die(CONTROL);
	return fd;
}

int main(void)
{
	struct fake f = { .given_fds = count_fds() };
	int listener;

	/* A test may ask for one that never works. */
	if (access("/broken", F_OK) == 0)
		return 3;
	f.roster = mmap(NULL, sizeof(struct roster), PROT_READ | PROT_WRITE, MAP_SHARED, ROSTER_FD,
		0);
	if (f.roster == MAP_FAILED || f.roster->magic != ROSTER_MAGIC)
		die("roster");
	listener = listen_control();
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char line[256];
		FILE *in = fdopen(fd, "re");

		f.out = fdopen(dup(fd), "we");
		if (in != NULL && fgets(line, sizeof(line), in) != NULL)
			obey(&f, line);
		(void)fclose(in);
		(void)fclose(f.out);
	}
}
