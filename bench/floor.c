/*
 * The bare floor: the least that the kernel can be asked for to give a program the same container, with nothing that
 * tells what failed. All is known at compile time: no configuration, no checks of what an image may have bent, no cgroup
 * file is written.
 *
 * usage: floor TIER ROOT COUNT CGROUP FILTER
 *   plain    fork and exec, no container
 *   bare     namespaces (mount, PID, UTS, IPC, network), pivot_root
 *   small    + /proc, /dev with its nodes, loopback
 *   full     + the mounts, masks and capabilities of an OCI container, no-new-privs; born in CGROUP
 *   safe     + a user namespace, the root id-mapped by it, FILTER of system calls, a key ring of its own
 *   kept     safe, in namespaces of user and network that are there already: what a restart costs
 *   wired    safe + a veth pair: one end in the bridge "floor0", which must be there, one inside with address and route
 *   overlay  full, on an overlay over ROOT
 * usage: floor peer FILTER COUNT PROGRAM ARGUMENT...
 *   vfork and exec of another tool, for which FILTER is descriptor 9
 */
#include "bench/measure.h"
#include "bench/veth.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

#define LAST_CAPABILITY 40
#define KEPT 0x800405fbULL
#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define IDS_BASE 524288
#define IDS_MAP "0 524288 65536"
#define FILTER_FD 9
#define FILTER_MAX 4096

/* sys/mount.h does not go together with linux/mount.h in every libc */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	const void *data);
int umount2(const char *target, int flags);
#define DETACH 2

enum { API = 1, OCI = 2, SAFE = 4, KEEP = 8, VETH = 16, OVERLAY = 32, PLAIN = 64 };
static const struct tier {
	const char *name;
	unsigned int has;
} tiers[] = {
	{ "plain", PLAIN },
	{ "bare", 0 },
	{ "small", API },
	{ "full", API | OCI },
	{ "safe", API | OCI | SAFE },
	{ "kept", API | OCI | SAFE | KEEP },
	{ "wired", API | OCI | SAFE | VETH },
	{ "overlay", API | OCI | OVERLAY },
};

struct floor {
	unsigned int has;
	const char *root;
	int cgroup, user, net; /* -1: none */
	struct sock_filter filter[FILTER_MAX];
	unsigned short n_filter;
};

static void must(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	_exit(1);
}

/* ---- inside ---- */

static void nodes(const char *options)
{
	static const struct {
		const char *name;
		unsigned int major, minor;
	} list[] = { { "dev/null", 1, 3 }, { "dev/zero", 1, 5 }, { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };

	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, options), "dev");
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		must(mknod(list[i].name, S_IFCHR | 0666, makedev(list[i].major, list[i].minor)),
			list[i].name);
}

static void oci_mounts(void)
{
	must(symlink("/proc/self/fd", "dev/fd"), "dev/fd");
	must(mkdir("dev/pts", 0755), "dev/pts");
	must(mkdir("dev/shm", 0755), "dev/shm");
	must(mkdir("dev/mqueue", 0755), "dev/mqueue");
	must(mount("sysfs", "sys", "sysfs", QUIET | MS_RDONLY, NULL), "sys");
	(void)mount("cgroup2", "sys/fs/cgroup", "cgroup2", QUIET | MS_RDONLY, NULL);
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "newinstance,ptmxmode=0666"),
		"dev/pts");
	must(mount("shm", "dev/shm", "tmpfs", QUIET, "mode=1777,size=64m"), "dev/shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", QUIET, NULL), "dev/mqueue");
}

static void masks(void)
{
	static const char *const masked[] = { "proc/interrupts", "proc/kcore", "proc/keys",
		"proc/timer_list" };
	static const char *const folders[] = { "proc/acpi", "proc/scsi", "sys/firmware" };
	static const char *const sealed[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
		"proc/sysrq-trigger" };

	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		(void)mount("dev/null", masked[i], NULL, MS_BIND, NULL);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		(void)mount("tmpfs", folders[i], "tmpfs", MS_RDONLY, NULL);
	for (size_t i = 0; i < sizeof(sealed) / sizeof(sealed[0]); i++)
		if (mount(sealed[i], sealed[i], NULL, MS_BIND, NULL) == 0)
			must(mount(NULL, sealed[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | QUIET,
				     NULL),
				sealed[i]);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .effective = (uint32_t)KEPT,
		.permitted = (uint32_t)KEPT } };

	for (int cap = 0; cap <= LAST_CAPABILITY; cap++)
		if ((KEPT >> cap & 1) == 0)
			must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "PR_CAPBSET_DROP");
	must(syscall(SYS_capset, &header, data), "capset");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
}

static void overlay_root(const char *root)
{
	char options[512];

	must(mount("tmpfs", "/mnt", "tmpfs", 0, "size=50%"), "/mnt");
	must(mkdir("/mnt/upper", 0755), "upper");
	must(mkdir("/mnt/work", 0755), "work");
	(void)snprintf(options, sizeof(options),
		"lowerdir=%s,upperdir=/mnt/upper,workdir=/mnt/work", root);
	must(mount("overlay", "/mnt", "overlay", 0, options), "overlay");
	must(chdir("/mnt"), "/mnt");
}

/* Its files belong to the user namespace's root, and so do those that are made from here on. */
static void mapped_root(const struct floor *f)
{
	const struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)f->user };
	int root = (int)syscall(SYS_open_tree, AT_FDCWD, f->root, OPEN_TREE_CLONE);

	must(root, f->root);
	must(syscall(SYS_mount_setattr, root, "", AT_EMPTY_PATH, &attr, sizeof(attr)),
		"mount_setattr");
	must(syscall(SYS_move_mount, root, "", AT_FDCWD, f->root, MOVE_MOUNT_F_EMPTY_PATH),
		"move_mount");
	must(chdir(f->root), f->root);
	(void)close(root);
	must(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "securebits");
	(void)setfsuid(IDS_BASE);
	(void)setfsgid(IDS_BASE);
}

static void enter_user_namespace(const struct floor *f)
{
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
	must(setns(f->user, CLONE_NEWUSER), "user namespace");
	must(syscall(SYS_setgroups, 0, NULL), "setgroups");
	must(syscall(SYS_setresgid, 0, 0, 0), "setresgid");
	must(syscall(SYS_setresuid, 0, 0, 0), "setresuid");
	must(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), "securebits");
}

static void mounts(const struct floor *f)
{
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
	if (f->has & OVERLAY) {
		overlay_root(f->root);
	} else if (f->has & SAFE) {
		mapped_root(f);
	} else {
		must(mount(f->root, f->root, NULL, MS_BIND, NULL), f->root);
		must(chdir(f->root), f->root);
	}
	if (f->has & API) {
		must(mount("proc", "proc", "proc", QUIET, NULL), "proc");
		nodes(f->has & SAFE ? "mode=755,uid=524288,gid=524288" : "mode=755");
	}
	if (f->has & OCI) {
		must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
		must(sethostname("floor", 5), "hostname");
		oci_mounts();
		masks();
	}
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", DETACH), "umount");
	must(chdir("/"), "/");
}

static _Noreturn void child(const struct floor *f, int out)
{
	static char *const argv[] = { "/first", NULL }, *const envp[] = { "PATH=/bin", NULL };
	struct sock_fprog filter = { .len = f->n_filter,
		.filter = (struct sock_filter *)(uintptr_t)f->filter };
	char path[512];

	must(dup2(out, STDOUT_FILENO), "dup2");
	if (f->has & PLAIN) {
		(void)snprintf(path, sizeof(path), "%s/first", f->root);
		must(execve(path, argv, envp), path);
	}
	if (f->net >= 0)
		must(setns(f->net, CLONE_NEWNET), "network namespace");
	if (f->has & VETH)
		must(veth_inside(), "veth inside");
	if ((f->has & (API | KEEP)) == API)
		must(veth_up("lo"), "lo");
	mounts(f);
	if (f->has & SAFE)
		enter_user_namespace(f);
	if (f->has & OCI)
		drop_capabilities();
	if (f->has & SAFE)
		must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "seccomp");
	(void)execve("/first", argv, envp);
	must(-1, "/first");
	_exit(1);
}

/* ---- outside ---- */

static int open_of(long pid, const char *file, int flags)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", pid, file);
	fd = open(path, flags | O_CLOEXEC);
	must(fd, path);
	return fd;
}

static void write_map(long pid, const char *file)
{
	int fd = open_of(pid, file, O_WRONLY);

	must(write(fd, IDS_MAP, sizeof(IDS_MAP) - 1), file);
	(void)close(fd);
}

/* By a process that is there for nothing else: who is in a user namespace cannot mount for the one outside. */
static void make_namespaces(struct floor *f)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWNET, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	must(pid, "clone3");
	while (pid == 0)
		(void)pause();
	write_map(pid, "gid_map");
	write_map(pid, "uid_map");
	f->user = open_of(pid, "ns/user", O_RDONLY);
	f->net = open_of(pid, "ns/net", O_RDONLY);
	(void)kill((pid_t)pid, SIGKILL);
	(void)waitpid((pid_t)pid, NULL, 0);
}

static void drop_namespaces(struct floor *f)
{
	(void)close(f->user);
	(void)close(f->net);
	f->user = f->net = -1;
}

static void start(struct floor *f)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	bool makes = (f->has & SAFE) != 0 && f->net < 0;
	uint64_t began;
	int out[2];
	long pid;

	must(pipe2(out, O_CLOEXEC), "pipe");
	began = bench_now();
	if (makes)
		make_namespaces(f);
	if (f->has & VETH)
		must(veth_make(f->net), "veth");
	if ((f->has & PLAIN) == 0)
		args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
			(f->has & SAFE ? 0 : CLONE_NEWNET);
	if (f->has & OCI) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)f->cgroup;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid, "clone3");
	if (pid == 0)
		child(f, out[1]);
	(void)close(out[1]);
	bench_arrived(out[0], began);
	(void)close(out[0]);
	(void)waitpid((pid_t)pid, NULL, 0);
	if (f->has & VETH)
		must(veth_end(),
			"veth"); /* else the next one would have to wait for the kernel to do so */
	if (makes && (f->has & KEEP) == 0)
		drop_namespaces(f);
}

static void peer(const char *filter, char **argv)
{
	uint64_t began;
	int out[2];
	pid_t pid;

	must(pipe2(out, O_CLOEXEC), "pipe");
	began = bench_now();
	pid = vfork();
	must(pid, "vfork");
	if (pid == 0) {
		must(dup2(out[1], STDOUT_FILENO), "dup2");
		must(dup2(open(filter, O_RDONLY | O_CLOEXEC), FILTER_FD), filter);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)close(out[1]);
	bench_arrived(out[0], began);
	(void)close(out[0]);
	(void)waitpid(pid, NULL, 0);
}

static void read_filter(struct floor *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, f->filter, sizeof(f->filter));

	must(n, path);
	f->n_filter = (unsigned short)((size_t)n / sizeof(f->filter[0]));
	(void)close(fd);
}

int main(int argc, char **argv)
{
	static struct floor f = { .user = -1, .net = -1 };
	long n = argc > 5 ? strtol(argv[3], NULL, 10) : 0;

	if (argc > 5 && strcmp(argv[1], "peer") == 0) {
		while (n-- > 0)
			peer(argv[2], argv + 4);
		return 0;
	}
	for (size_t i = 0; argc > 5 && i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		if (strcmp(argv[1], tiers[i].name) != 0)
			continue;
		f.has = tiers[i].has;
		f.root = argv[2];
		f.cgroup = open(argv[4], O_PATH | O_CLOEXEC);
		read_filter(&f, argv[5]);
		if (f.has & KEEP) {
			make_namespaces(&f);
			must(setns(f.net, CLONE_NEWNET), "network namespace");
			must(veth_up("lo"), "lo");
		}
		while (n-- > 0)
			start(&f);
		return 0;
	}
	(void)fprintf(stderr, "usage: floor TIER ROOT COUNT CGROUP FILTER\n");
	return 2;
}
