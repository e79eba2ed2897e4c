/*
 * Plays init and supervisor around launch(): the parent owns the roster and reaps, its child builds one plan from
 * the command line, starts it and tells on standard error what it hears, a line each:
 *
 *   warning TEXT             launch() succeeded with a word for the operator
 *   refused TEXT             launch() failed
 *   fault STEP ERRNO OBJECT  the child's record
 *   executed                 the report pipe ended, or the container's init said STARTED
 *   init-exited STATUS       the container's init told the command's wait status
 *   exit STATUS              of the process, from the roster
 *   notified N               with --notify: so many newlines came
 *   left N                   what launch left behind: descriptors of the supervisor more than before
 *
 * usage: launch_driver [--option=value]... -- path arg... [--exec path arg...]
 * The second command is run in the first one's container once that was executed; then the first is killed.
 */
#include "common/fd.h"
#include "common/util.h"
#include "supervisor/sys/unit/cgroup.h"
#include "supervisor/sys/unit/launch.h"

#include <dirent.h>
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
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <linux/mount.h>

#define OPS_MAX 128
#define LIST_MAX 16
#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct driver {
	struct plan plan;
	struct mount_op ops[OPS_MAX];
	struct cgroup_write cgroup[LIST_MAX];
	struct sysctl_write sysctls[LIST_MAX];
	struct rlimit_set rlimits[LIST_MAX];
	char *env[LIST_MAX];
	size_t n_env;
	char home[PLAN_HOME_MAX];
	struct passed_fd passed[LIST_MAX];
	char listen_pid[PLAN_PID_MAX];
	const char *init;
	const char *netns;
	char **exec_argv; /* of the second command, or NULL */
	bool terminal;
	bool no_cgroup;
	bool scan_fds;
};

static struct mount_op *add_op(struct driver *d, struct mount_op op)
{
	if (d->plan.n_mounts == OPS_MAX)
		exit(2);
	d->plan.mounts = d->ops;
	d->ops[d->plan.n_mounts] = op;
	return &d->ops[d->plan.n_mounts++];
}

/* ---- the usual mounts of a container ---- */

static void add_api(struct driver *d)
{
	static const struct mount_op api[] = {
		{ .cls = CLASS_API,
			.kind = OP_FS,
			.fstype = "proc",
			.target = "/proc",
			.attr = SAFE },
		{ .cls = CLASS_API,
			.kind = OP_FS,
			.fstype = "sysfs",
			.target = "/sys",
			.attr = SAFE | MOUNT_ATTR_RDONLY,
			.optional = true },
		{ .cls = CLASS_DEV,
			.kind = OP_FS,
			.fstype = "tmpfs",
			.target = "/dev",
			.data = "mode=755,size=64k",
			.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
		{ .cls = CLASS_DEV, .kind = OP_DIR, .target = "/dev/pts", .mode = 0755 },
		{ .cls = CLASS_DEV,
			.kind = OP_FS,
			.fstype = "devpts",
			.target = "/dev/pts",
			.data = "newinstance,ptmxmode=0666,mode=0620",
			.attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
		{ .cls = CLASS_DEV,
			.kind = OP_SYMLINK,
			.source = "pts/ptmx",
			.target = "/dev/ptmx" },
		{ .cls = CLASS_DEV,
			.kind = OP_SYMLINK,
			.source = "/proc/self/fd",
			.target = "/dev/fd" },
		{ .cls = CLASS_DEV,
			.kind = OP_FS,
			.fstype = "tmpfs",
			.target = "/dev/shm",
			.data = "mode=1777,size=1m",
			.attr = SAFE },
	};
	static const struct {
		const char *path;
		unsigned int minor;
	} nodes[] = { { "/dev/null", 3 }, { "/dev/zero", 5 }, { "/dev/full", 7 },
		{ "/dev/random", 8 }, { "/dev/urandom", 9 } };
	static const char *const masks[] = { "/proc/kcore", "/proc/keys", "/proc/timer_list",
		"/proc/acpi", "/sys/firmware", "/proc/missing" };
	static const char *const sealed[] = { "/proc/sys", "/proc/bus", "/proc/irq" };

	for (size_t i = 0; i < ARRAY_LEN(api); i++)
		add_op(d, api[i]);
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		add_op(d,
			(struct mount_op){ .cls = CLASS_DEV,
				.kind = OP_NODE,
				.target = nodes[i].path,
				.mode = 0666,
				.dev = makedev(1, nodes[i].minor) });
	for (size_t i = 0; i < ARRAY_LEN(masks); i++)
		add_op(d,
			(struct mount_op){ .cls = CLASS_MASK,
				.kind = OP_MASK,
				.target = masks[i],
				.optional = true });
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++)
		add_op(d,
			(struct mount_op){ .cls = CLASS_MASK,
				.kind = OP_ATTR,
				.target = sealed[i],
				.attr = MOUNT_ATTR_RDONLY,
				.optional = true });
}

/* ---- options ---- */

/* Cuts "a:b:c" in place; missing parts are "". */
static void cut(char *value, char *part[4])
{
	for (size_t i = 0; i < 4; i++) {
		part[i] = value;
		value += strcspn(value, ":");
		if (*value == ':')
			*value++ = '\0';
	}
}

static void opt_root(struct driver *d, char *value)
{
	d->plan.root = value;
	add_op(d,
		(struct mount_op){
			.cls = CLASS_ROOT, .kind = OP_BIND, .source = value, .target = "/" });
}

static void opt_overlay(struct driver *d, char *value)
{
	d->plan.root = value;
	add_op(d,
		(struct mount_op){ .cls = CLASS_ROOT,
			.kind = OP_OVERLAY,
			.source = value,
			.target = "/",
			.data = "size=16m" });
}

static void opt_api(struct driver *d, char *value)
{
	(void)value;
	add_api(d);
}

static void opt_bind(struct driver *d, char *value)
{
	char *part[4];

	cut(value, part);
	add_op(d,
		(struct mount_op){ .cls = CLASS_VOLUME,
			.kind = OP_BIND,
			.source = part[0],
			.target = part[1],
			.attr = *part[2] ? MOUNT_ATTR_RDONLY : 0 });
}

static void opt_file(struct driver *d, char *value)
{
	opt_bind(d, value);
	d->ops[d->plan.n_mounts - 1].cls = CLASS_FILES;
}

static void opt_fs(struct driver *d, char *value)
{
	char *part[4];

	cut(value, part);
	add_op(d,
		(struct mount_op){ .cls = CLASS_VOLUME,
			.kind = OP_FS,
			.fstype = part[0],
			.target = part[1],
			.data = part[2] });
}

static void opt_device(struct driver *d, char *value)
{
	char *part[4];

	cut(value, part);
	add_op(d,
		(struct mount_op){ .cls = CLASS_DEV,
			.kind = OP_NODE,
			.source = part[0],
			.target = part[1],
			.mode = 0600 });
}

static void opt_mask(struct driver *d, char *value)
{
	add_op(d,
		(struct mount_op){
			.cls = CLASS_MASK, .kind = OP_MASK, .target = value, .optional = true });
}

static void opt_attr(struct driver *d, char *value)
{
	add_op(d,
		(struct mount_op){ .cls = CLASS_MASK,
			.kind = OP_ATTR,
			.target = value,
			.attr = MOUNT_ATTR_RDONLY });
}

static void opt_seal(struct driver *d, char *value)
{
	(void)value;
	add_op(d,
		(struct mount_op){ .cls = CLASS_SEAL,
			.kind = OP_ATTR,
			.target = "/",
			.attr = MOUNT_ATTR_RDONLY });
}

static void opt_sysctl(struct driver *d, char *value)
{
	char *part[4];

	cut(value, part);
	d->plan.sysctls = d->sysctls;
	d->sysctls[d->plan.n_sysctls++] = (struct sysctl_write){ .path = part[0],
		.value = part[1] };
}

static void opt_cgroup(struct driver *d, char *value)
{
	char *part[4];

	cut(value, part);
	d->plan.cgroup = d->cgroup;
	d->cgroup[d->plan.n_cgroup++] = (struct cgroup_write){
		.file = part[0], .value = part[1], .optional = *part[2] != '\0', .key = "Key"
	};
}

static void opt_rlimit(struct driver *d, char *value)
{
	char *part[4];

	cut(value, part);
	d->plan.rlimits = d->rlimits;
	d->rlimits[d->plan.n_rlimits++] = (struct rlimit_set){ .resource = (int)strtol(part[0],
								       NULL, 10),
		.soft = strtoull(part[1], NULL, 10),
		.hard = strtoull(part[2], NULL, 10) };
}

static void opt_env(struct driver *d, char *value)
{
	d->env[d->n_env++] = value;
}

static void opt_home(struct driver *d, char *value)
{
	(void)value;
	(void)snprintf(d->home, sizeof(d->home), "HOME=");
	d->plan.home = d->home;
	d->env[d->n_env++] = d->home;
}

static void opt_caps(struct driver *d, char *value)
{
	d->plan.capabilities = strtoull(value, NULL, 16);
}

static void opt_ambient(struct driver *d, char *value)
{
	d->plan.ambient = strtoull(value, NULL, 16);
}

static void opt_flags(struct driver *d, char *value)
{
	if (strstr(value, "net") != NULL)
		d->plan.clone_flags |= CLONE_NEWNET;
	d->plan.own_network = strstr(value, "lan") != NULL;
	if (strstr(value, "badclone") != NULL)
		d->plan.clone_flags |= CLONE_NEWNS | CLONE_FS;
	if (strstr(value, "host") != NULL) {
		d->plan.container = d->plan.cgroup_ns = false;
		d->plan.clone_flags = 0;
	}
	d->plan.run_init = strstr(value, "init") != NULL;
	d->plan.no_new_privileges = strstr(value, "nnp") != NULL;
	d->no_cgroup = strstr(value, "no-cgroup") != NULL;
	d->scan_fds = strstr(value, "scan-fds") != NULL;
	d->terminal = strstr(value, "terminal") != NULL;
	d->plan.working_dir_optional = strstr(value, "dir-optional") != NULL;
	if (strstr(value, "stdio-null") != NULL)
		d->plan.in = d->plan.out = d->plan.err = PLAN_STDIO_NULL;
	if (strstr(value, "stdio-tty") != NULL)
		d->plan.in = PLAN_STDIO_TTY;
}

#define TEXT_OPTION(name, member)                             \
	static void opt_##name(struct driver *d, char *value) \
	{                                                     \
		d->member = value;                            \
	}
TEXT_OPTION(init, init)
TEXT_OPTION(netns, netns)
TEXT_OPTION(unit, plan.unit)
TEXT_OPTION(user, plan.user)
TEXT_OPTION(group, plan.group)
TEXT_OPTION(workdir, plan.working_dir)
TEXT_OPTION(hostname, plan.host_name)
TEXT_OPTION(tty, plan.tty)

/* The number of the pipe. */
static void opt_notify(struct driver *d, char *value)
{
	d->plan.notify_fd = (int)strtol(value, NULL, 10);
}

/* So many sockets that listen. */
static void opt_pass(struct driver *d, char *value)
{
	const struct sockaddr name = { .sa_family = AF_UNIX }; /* the kernel names it */

	for (long n = strtol(value, NULL, 10); n > 0 && d->plan.n_passed < LIST_MAX; n--) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (bind(fd, &name, sizeof(name.sa_family)) < 0 || listen(fd, 1) < 0)
			exit(2);
		d->passed[d->plan.n_passed++].fd = fd;
	}
	d->plan.passed = d->passed;
	memcpy(d->listen_pid, PLAN_LISTEN_PID, sizeof(d->listen_pid));
	d->plan.listen_pid = d->listen_pid;
	opt_env(d, d->listen_pid);
}

static void opt_nice(struct driver *d, char *value)
{
	d->plan.nice = (int)strtol(value, NULL, 10);
}

static void opt_oom(struct driver *d, char *value)
{
	d->plan.oom_score_adjust = (int)strtol(value, NULL, 10);
}

static const struct {
	const char *name;
	void (*set)(struct driver *d, char *value);
} options[] = {
	{ "root", opt_root },
	{ "overlay", opt_overlay },
	{ "api", opt_api },
	{ "bind", opt_bind },
	{ "file", opt_file },
	{ "fs", opt_fs },
	{ "device", opt_device },
	{ "mask", opt_mask },
	{ "attr", opt_attr },
	{ "seal", opt_seal },
	{ "sysctl", opt_sysctl },
	{ "cgroup", opt_cgroup },
	{ "rlimit", opt_rlimit },
	{ "env", opt_env },
	{ "home", opt_home },
	{ "caps", opt_caps },
	{ "ambient", opt_ambient },
	{ "flags", opt_flags },
	{ "init", opt_init },
	{ "netns", opt_netns },
	{ "unit", opt_unit },
	{ "user", opt_user },
	{ "group", opt_group },
	{ "workdir", opt_workdir },
	{ "hostname", opt_hostname },
	{ "tty", opt_tty },
	{ "nice", opt_nice },
	{ "oom", opt_oom },
	{ "notify", opt_notify },
	{ "pass", opt_pass },
};

static void take_option(struct driver *d, char *arg)
{
	size_t n = strcspn(arg, "=");

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strlen(options[i].name) == n - 2 &&
			strncmp(arg + 2, options[i].name, n - 2) == 0) {
			options[i].set(d, arg[n] == '=' ? arg + n + 1 : arg + n);
			return;
		}
	(void)fprintf(stderr, "bad option %s\n", arg);
	exit(2);
}

static void take_arguments(struct driver *d, char **argv)
{
	for (argv++; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
		take_option(d, *argv);
	if (*argv == NULL)
		exit(2);
	d->plan.argv = argv + 1;
	d->plan.path = argv[1];
	for (argv++; *argv != NULL; argv++)
		if (strcmp(*argv, "--exec") == 0) {
			*argv = NULL;
			d->exec_argv = argv + 1;
			break;
		}
	d->plan.envp = d->env;
}

/* ---- what happens ---- */

/* Reads one record or the end. 0 when the start is over and well, 1 to go on, -1 when it failed. */
static int read_report(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct report r;
	ssize_t n;

	(void)poll(&p, 1, -1);
	n = read(fd, &r, sizeof(r));
	if (n == 0) {
		(void)fprintf(stderr, "executed\n");
		return 0;
	}
	if (n != (ssize_t)sizeof(r))
		return 1;
	if (r.kind == REPORT_FAULT) {
		(void)fprintf(stderr, "fault %s %d %.*s\n", child_step_name(r.step), r.value,
			REPORT_OBJECT_MAX, r.object);
		return -1;
	}
	if (r.kind == REPORT_STARTED)
		(void)fprintf(stderr, "executed\n");
	else
		(void)fprintf(stderr, "init-exited %d\n", r.value);
	return r.kind == REPORT_STARTED ? 0 : 1;
}

static void wait_exit(struct launcher *l, struct launched *run)
{
	struct roster_slot *slot = &l->roster->slot[run->slot];
	struct report r;

	while (atomic_load(&slot->state) !=
		SLOT_EXITED) /* the other side of a shared page: no event */
		(void)poll(NULL, 0, 1);
	while (read(run->report, &r, sizeof(r)) == (ssize_t)sizeof(r))
		if (r.kind == REPORT_EXITED)
			(void)fprintf(stderr, "init-exited %d\n", r.value);
	(void)fprintf(stderr, "exit %d\n", slot->status);
	atomic_store(&slot->state, SLOT_FREE);
	fd_close(&run->pidfd);
	fd_close(&run->report);
}

static int receive_fd(int socket)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	char control[CMSG_SPACE(sizeof(int))];
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) > 0 && CMSG_FIRSTHDR(&msg) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* What the terminal shows until nobody has it open any more. */
static void copy_terminal(int socket)
{
	int master cleanup_fd = receive_fd(socket);
	struct pollfd p = { .fd = master, .events = POLLIN };
	char text[4096];
	ssize_t n = 0;

	if (master < 0)
		return;
	do {
		(void)poll(&p, 1, -1);
		n = read(master, text, sizeof(text));
		if (n > 0)
			(void)!write(STDOUT_FILENO, text, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
}

static void run_joined(struct driver *d, struct launcher *l, const struct launched *main_run)
{
	struct plan plan = d->plan;
	struct launched run;
	struct launch_io io = { .in = 0,
		.out = 1,
		.err = 2,
		.netns = -1,
		.join = main_run->pidfd,
		.notify = -1,
		.terminal = -1 };
	int pair[2] = { -1, -1 };
	struct err e;

	plan.join = true;
	plan.run_init = false;
	plan.notify_fd = 0;
	plan.n_passed = 0;
	plan.role = ROLE_EXEC;
	plan.path = d->exec_argv[0];
	plan.argv = d->exec_argv;
	plan.terminal = d->terminal;
	if (plan.terminal && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		io.terminal = pair[1];
	if (launch(l, &plan, &io, &run, &e) < 0) {
		(void)fprintf(stderr, "refused %s\n", e.msg);
		return;
	}
	launch_go(l, &run);
	fd_close(&pair[1]);
	while (read_report(run.report) == 1)
		continue;
	if (plan.terminal)
		copy_terminal(pair[0]);
	fd_close(&pair[0]);
	wait_exit(l, &run);
}

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* All who could say it are gone. */
static void print_notified(int fd)
{
	char text[64];
	int lines = 0;
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	(void)fprintf(stderr, "notified %d\n", lines);
}

static void run_main(struct driver *d, struct launcher *l)
{
	struct launch_io io = {
		.in = 0, .out = 1, .err = 2, .netns = -1, .join = -1, .notify = -1, .terminal = -1
	};
	int ends[2] = { -1, -1 };
	struct launched run;
	struct err e;
	int rc;

	if (d->plan.notify_fd != 0 && pipe2(ends, O_CLOEXEC) < 0)
		exit(2);
	io.notify = ends[1];
	if (d->netns != NULL)
		io.netns = open(d->netns, O_RDONLY | O_CLOEXEC);
	if (launch(l, &d->plan, &io, &run, &e) < 0) {
		(void)fprintf(stderr, "refused %s\n", e.msg);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return;
	}
	launch_go(l, &run);
	fd_close(&ends[1]);
	if (e.msg[0] != '\0')
		(void)fprintf(stderr, "warning %s\n", e.msg);
	do {
		rc = read_report(run.report);
	} while (rc > 0);
	if (rc == 0 && d->exec_argv != NULL) {
		run_joined(d, l, &run);
		(void)syscall(SYS_pidfd_send_signal, run.pidfd, SIGKILL, NULL, 0);
	}
	wait_exit(l, &run);
	if (ends[0] >= 0)
		print_notified(ends[0]);
	fd_close(&ends[0]);
	fd_close(&io.netns);
}

/* As the supervisor does it: kill, wait until it is empty, remove. */
static int end_cgroup(int base, const char *unit, struct err *e)
{
	int events cleanup_fd = cgroup_events_open(base, unit, "cgroup.events", e);
	struct pollfd p = { .fd = events, .events = POLLPRI };
	uint64_t populated = 1;

	if (events < 0 || cgroup_kill(base, unit, e) < 0)
		return -1;
	while (cgroup_events_read(events, "populated", &populated) == 0 && populated != 0)
		(void)poll(&p, 1, -1);
	return cgroup_remove(base, unit, e);
}

static int supervise(struct driver *d, struct roster *roster)
{
	struct launcher l;
	struct err e;
	size_t before;

	(void)signal(SIGPIPE, SIG_IGN);
	if (launcher_open(&l, roster, d->init, &e) < 0) {
		(void)fprintf(stderr, "refused %s\n", e.msg);
		return 1;
	}
	if (d->no_cgroup)
		fd_close(&l.cgroup_fd);
	if (d->scan_fds) /* one that must not reach the child */
		(void)!open("/etc/hostname", O_RDONLY);
	before = count_fds();
	run_main(d, &l);
	(void)fprintf(stderr, "left %d\n", (int)(count_fds() - before) - (l.pid_ns >= 0 ? 1 : 0));
	if (l.cgroup_fd >= 0 && end_cgroup(l.cgroup_fd, d->plan.unit, &e) < 0)
		(void)fprintf(stderr, "cgroup %s\n", e.msg);
	launcher_close(&l);
	return 0;
}

/* Init's part: one reaper, the status into the slot of that pid. */
static void reap(struct roster *roster, pid_t supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == supervisor)
			return;
		for (size_t i = 0; i < ROSTER_SLOTS; i++) {
			struct roster_slot *slot = &roster->slot[i];

			/* it may be so quick that it is not LIVE yet: the driver's clock is not init's */
			while (atomic_load(&slot->state) == SLOT_RESERVED)
				(void)poll(NULL, 0, 1);
			if (atomic_load(&slot->state) != SLOT_LIVE || slot->pid != pid)
				continue;
			slot->status = status;
			atomic_store(&slot->state, SLOT_EXITED);
		}
	}
}

int main(int argc, char **argv)
{
	struct roster *roster = mmap(NULL, sizeof(*roster), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct driver d = {
		.plan = {
			.unit = "test.container",
			.role = ROLE_MAIN,
			.container = true,
			.cgroup_ns = true,
			.clone_flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC,
			.nice = INT_UNSET,
			.oom_score_adjust = INT_UNSET,
			.capabilities = UINT64_MAX,
			.in = PLAN_STDIO_GIVEN,
			.out = PLAN_STDIO_GIVEN,
			.err = PLAN_STDIO_GIVEN,
		},
		.init = "/proc/self/exe",
	};
	pid_t supervisor;

	(void)argc;
	if (roster == MAP_FAILED)
		return 1;
	take_arguments(&d, argv);
	supervisor = fork();
	if (supervisor == 0)
		_exit(supervise(&d, roster));
	reap(roster, supervisor);
	return 0;
}
