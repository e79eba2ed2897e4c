/* System calls that reach the whole machine, or the parts of the kernel where most holes have been. */
#include "tests/helpers/probe/probe.h"

#include "common/util.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

/* ---- new namespaces ---- */

static void no_clone(const struct probe *p, const struct check *c)
{
	long pid = syscall(SYS_clone, c->args[0] | SIGCHLD, 0, 0, 0, 0);

	(void)p;
	if (pid == 0)
		_exit(0);
	must_be_refused(pid, "clone");
}

static void no_clone3(const struct probe *p, const struct check *c)
{
	struct clone_args args = { .flags = (uint64_t)c->args[0], .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	(void)p;
	if (pid == 0)
		_exit(0);
	must_be_refused(pid, "clone3");
}

/* What a new user namespace is wanted for: all capabilities, and a mount. */
static void no_userns_root(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return;
	if (syscall(SYS_mount, "none", "/", NULL, 0x44000 /* MS_REC | MS_PRIVATE */, NULL) == 0)
		hole("a namespace of its own makes it the master of mounts");
	hole("a user namespace is made");
}

#define UNSHARE(name, flag) CALL("unshare-" name, unshare, NULL, flag)
#define CLONE(name, flag)                         \
	{                                         \
		"clone-" name, no_clone, NULL, 0, \
		{                                 \
			flag                      \
		}                                 \
	}
#define CLONE3(name, flag)                          \
	{                                           \
		"clone3-" name, no_clone3, NULL, 0, \
		{                                   \
			flag                        \
		}                                   \
	}

/* ---- calls with arguments of their own ---- */

/* Counts only its own time, which sysctl kernel.perf_event_paranoid allows to all up to 2. */
static void no_perf(const struct probe *p, const struct check *c)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	(void)p;
	(void)c;
	must_be_refused(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), "perf_event_open");
}

static void no_add_key(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	must_be_refused(syscall(SYS_add_key, "user", "sup-probe", "x", 1, -2), "add_key");
}

static void no_request_key(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	must_be_refused(syscall(SYS_request_key, "user", "sup-probe", NULL, 0), "request_key");
}

/* The handle is made by the kernel itself, so that it is a good one. */
static void no_handle(const struct probe *p, const struct check *c)
{
	struct {
		unsigned int bytes;
		int type;
		unsigned char handle[128];
	} file = { .bytes = 128 };
	int mount_id, fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)p;
	(void)c;
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &file, &mount_id, 0) < 0) {
		file.bytes = 8; /* one of ext4: inode 2, the root of its disk */
		file.type = 1;
		file.handle[0] = 2;
	}
	must_be_refused(syscall(SYS_open_by_handle_at, fd, &file, O_RDONLY), "open_by_handle_at");
}

/* To what it is already. */
static void no_clock(const struct probe *p, const struct check *c)
{
	struct timespec now;

	(void)p;
	(void)c;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	must_be_refused(syscall(SYS_clock_settime, CLOCK_REALTIME, &now), "clock_settime");
}

static void no_adjtimex(const struct probe *p, const struct check *c)
{
	struct timex t = { .modes = 0 };

	(void)p;
	(void)c;
	if (syscall(SYS_adjtimex, &t) < 0)
		return;
	t.modes = ADJ_FREQUENCY;
	must_be_refused(syscall(SYS_adjtimex, &t), "adjtimex");
}

/* ---- rights that are measured in numbers ---- */

static void no_nice(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	errno = 0;
	must_be_refused(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1),
		"a higher priority");
}

static void no_realtime(const struct probe *p, const struct check *c)
{
	struct {
		int priority;
	} param = { .priority = (int)c->args[1] };

	(void)p;
	must_be_refused(syscall(SYS_sched_setscheduler, 0, c->args[0], &param),
		"sched_setscheduler");
}

static void no_deadline(const struct probe *p, const struct check *c)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { .size = 48,
		.policy = 6,
		.runtime = 1000000,
		.deadline = 10000000,
		.period = 10000000 };

	(void)p;
	(void)c;
	must_be_refused(syscall(SYS_sched_setattr, 0, &attr, 0), "SCHED_DEADLINE");
}

static void no_limit(const struct probe *p, const struct check *c)
{
	struct rlimit limit;

	(void)p;
	if (getrlimit((int)c->args[0], &limit) < 0)
		lacking("getrlimit: %s", strerror(errno));
	if (limit.rlim_max == RLIM_INFINITY)
		lacking("there is no limit");
	limit.rlim_max++;
	must_be_refused(setrlimit((int)c->args[0], &limit), "a higher limit");
}

#define LIMIT(name, resource)                     \
	{                                         \
		"limit-" name, no_limit, NULL, 0, \
		{                                 \
			resource                  \
		}                                 \
	}

/* ---- sockets ---- */

static void no_socket(const struct probe *p, const struct check *c)
{
	int fd = socket((int)c->args[0], (int)c->args[1] | SOCK_CLOEXEC, (int)c->args[2]);

	(void)p;
	if (fd < 0 &&
		(errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT))
		lacking("this kernel has no such sockets");
	/* what the engines' filters say of audit; of a kind that it knows the kernel does not */
	if (fd < 0 && errno == EINVAL)
		return;
	must_be_refused(fd, "the socket");
}

#define SOCKET(name, domain, type, protocol)        \
	{                                           \
		"socket-" name, no_socket, NULL, 0, \
		{                                   \
			domain, type, protocol      \
		}                                   \
	}

/* ---- the other doors of the kernel: calls of 32-bit programs, which a filter may forget ---- */

static void no_x32(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)c;
	must_be_refused(syscall(0x40000000L | SYS_getpid), "a call of x32");
}

#ifdef __x86_64__
static _Noreturn void no_emulation(int sig)
{
	(void)sig;
	lacking("this kernel runs no 32-bit programs");
}

static long int80(long nr, long a, long b, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr), "b"(a), "c"(b), "d"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static void no_int80(const struct probe *p, const struct check *c)
{
	(void)p;
	(void)signal(SIGSEGV, no_emulation);
	must_be_refused(int80(c->nr, c->args[0], c->args[1], c->args[2]), "the call by int 0x80");
}

#define INT80(name, nr, ...)                       \
	{                                          \
		"int80-" name, no_int80, NULL, nr, \
		{                                  \
			__VA_ARGS__                \
		}                                  \
	}
#endif

static const struct check rows[] = {
	UNSHARE("user", CLONE_NEWUSER),
	UNSHARE("mount", CLONE_NEWNS),
	UNSHARE("pid", CLONE_NEWPID),
	UNSHARE("net", CLONE_NEWNET),
	UNSHARE("uts", CLONE_NEWUTS),
	UNSHARE("ipc", CLONE_NEWIPC),
	UNSHARE("cgroup", CLONE_NEWCGROUP),
	UNSHARE("time", CLONE_NEWTIME),
	CLONE("user", CLONE_NEWUSER),
	CLONE("mount", CLONE_NEWNS),
	CLONE("net", CLONE_NEWNET),
	CLONE("pid", CLONE_NEWPID),
	CLONE3("user", CLONE_NEWUSER),
	CLONE3("net", CLONE_NEWNET),
	CHECK("userns-then-mount", no_userns_root),
	CALL("bpf-map", bpf, NULL, 0, ZEROES, 72),
	CALL("bpf-program", bpf, NULL, 5, ZEROES, 72),
	CHECK("perf-event", no_perf),
	CALL("io-uring-setup", io_uring_setup, NULL, 1, ZEROES),
	CALL("io-uring-enter", io_uring_enter, NULL, -1, 0, 0, 0, 0, 0),
	CALL("io-uring-register", io_uring_register, NULL, -1, 0, 0, 0),
	CALL("userfaultfd", userfaultfd, NULL, 1 /* UFFD_USER_MODE_ONLY */),
	CALL("keyctl-session", keyctl, NULL, 0, -3, 0),
	CALL("keyctl-join", keyctl, NULL, 1, 0),
	CALL("keyctl-user-keyring", keyctl, NULL, 0, -4, 1),
	CHECK("add-key", no_add_key),
	CHECK("request-key", no_request_key),
	CALL("kexec-load", kexec_load, NULL, 0, 0, 0, -1),
	CALL("kexec-file-load", kexec_file_load, NULL, -1, -1, 0, 0, -1),
	CALL("init-module", init_module, NULL, ZEROES, 0, ZEROES),
	CALL("finit-module", finit_module, NULL, -1, ZEROES, 0),
	CALL("delete-module", delete_module, "no-such-module", TEXT, 04000 /* O_NONBLOCK */),
#ifdef SYS_iopl
	CALL("iopl", iopl, NULL, 3),
	CALL("ioperm", ioperm, NULL, 0x80, 1, 1),
#endif
#ifdef SYS_nfsservctl
	CALL("nfsservctl", nfsservctl, NULL, 0, 0, 0),
#endif
	CALL("acct", acct, NULL, 0),
	CALL("quotactl", quotactl, "/", (long)0x80000200, TEXT, 0, 0),
	CALL("quotactl-fd", quotactl_fd, NULL, -1, (long)0x80000200, 0, 0),
	CALL("syslog-read", syslog, NULL, 3, ZEROES, 0),
	CALL("syslog-console-level", syslog, NULL, 8, 0, 99),
	CALL("sethostname", sethostname, NULL, ZEROES, 65),
	CALL("setdomainname", setdomainname, NULL, ZEROES, 65),
	CALL("reboot", reboot, NULL, 0, 0, 0, 0),
	CALL("swapon", swapon, "/no/such/file", TEXT, 0),
	CALL("swapoff", swapoff, "/no/such/file", TEXT),
	CALL("settimeofday", settimeofday, NULL, 0, 0),
	CHECK("clock-settime", no_clock),
	CHECK("adjtimex", no_adjtimex),
	CHECK("open-by-handle", no_handle),
	CALL("fanotify", fanotify_init, NULL, 4 /* FAN_CLASS_CONTENT */, 0),
	CALL("vhangup", vhangup, NULL, 0),
	CALL("personality", personality, NULL, ADDR_NO_RANDOMIZE),
	CALL("setns-call", setns, NULL, -1, 0),
	CHECK("nice", no_nice),
	{ "realtime-fifo", no_realtime, NULL, 0, { SCHED_FIFO, 1 } },
	{ "realtime-rr", no_realtime, NULL, 0, { SCHED_RR, 1 } },
	CHECK("realtime-deadline", no_deadline),
	CALL("realtime-io", ioprio_set, NULL, 1, 0, 1 << 13),
	LIMIT("files", RLIMIT_NOFILE),
	LIMIT("processes", RLIMIT_NPROC),
	LIMIT("locked-memory", RLIMIT_MEMLOCK),
	LIMIT("nice", RLIMIT_NICE),
	LIMIT("realtime", RLIMIT_RTPRIO),
	LIMIT("queues", RLIMIT_MSGQUEUE),
	SOCKET("raw", AF_INET, SOCK_RAW, 1),
	SOCKET("raw6", AF_INET6, SOCK_RAW, 58),
	SOCKET("packet", AF_PACKET, SOCK_RAW, 0),
	SOCKET("packet-cooked", AF_PACKET, SOCK_DGRAM, 0),
	SOCKET("vsock", AF_VSOCK, SOCK_STREAM, 0),
	SOCKET("audit", AF_NETLINK, SOCK_RAW, 9),
#ifdef __x86_64__
	CHECK("x32", no_x32),
	INT80("keyctl", 288, 0, -3, 0),
	INT80("unshare", 310, CLONE_NEWUSER),
	INT80("mount", 21, 0, 0, 0),
#endif
};

const struct checks checks_calls = { rows, ARRAY_LEN(rows) };
