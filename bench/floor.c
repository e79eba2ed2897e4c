/*
 * The bare floor: the least that the kernel can be asked for to give a program the same container, with nothing of what
 * makes it safe or tells what failed. All knows at compile time, no configuration, no cgroup file is written.
 *
 * usage: floor TIER ROOT COUNT [CGROUP]
 *   small    namespaces, pivot_root, /proc, /dev
 *   full     the same + the mounts, masks and capabilities of an OCI container, born in CGROUP if given
 *   overlay  full, on an overlay over ROOT
 *   plain    fork and exec, no container
 */
#include "bench/measure.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/sched.h>

#define LAST_CAPABILITY 40
#define KEPT 0x800405fbULL
#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void must(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	_exit(1);
}

static void nodes(void)
{
	static const struct {
		const char *name;
		unsigned int major, minor;
	} list[] = { { "dev/null", 1, 3 }, { "dev/zero", 1, 5 }, { "dev/full", 1, 7 },
		{ "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };

	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755"), "dev");
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		must(mknod(list[i].name, S_IFCHR | 0666, makedev(list[i].major, list[i].minor)),
			list[i].name);
}

static void oci_mounts(void)
{
	static const char *const masked[] = { "proc/interrupts", "proc/kcore", "proc/keys",
		"proc/timer_list" };
	static const char *const folders[] = { "proc/acpi", "proc/scsi", "sys/firmware" };
	static const char *const sealed[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
		"proc/sysrq-trigger" };

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

static void new_root(const char *root, bool overlay)
{
	char options[512];

	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
	if (!overlay) {
		must(mount(root, root, NULL, MS_BIND, NULL), root);
		must(chdir(root), root);
		return;
	}
	must(mount("tmpfs", "/mnt", "tmpfs", 0, "size=50%"), "/mnt");
	must(mkdir("/mnt/upper", 0755), "upper");
	must(mkdir("/mnt/work", 0755), "work");
	(void)snprintf(options, sizeof(options),
		"lowerdir=%s,upperdir=/mnt/upper,workdir=/mnt/work", root);
	must(mount("overlay", "/mnt", "overlay", 0, options), "overlay");
	must(chdir("/mnt"), "/mnt");
}

static _Noreturn void child(const char *tier, const char *root, int out)
{
	static char *const argv[] = { "/first", NULL }, *const envp[] = { "PATH=/bin", NULL };
	bool small = strcmp(tier, "small") == 0;
	char path[512];

	must(dup2(out, STDOUT_FILENO), "dup2");
	if (strcmp(tier, "plain") == 0) {
		(void)snprintf(path, sizeof(path), "%s/first", root);
		must(execve(path, argv, envp), path);
	}
	new_root(root, strcmp(tier, "overlay") == 0);
	must(mount("proc", "proc", "proc", QUIET, NULL), "proc");
	nodes();
	if (!small) {
		must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
		must(sethostname("floor", 5), "hostname");
		oci_mounts();
	}
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "/");
	if (!small)
		drop_capabilities();
	(void)execve("/first", argv, envp);
	must(-1, "/first");
	_exit(1);
}

int main(int argc, char **argv)
{
	bool plain = argc > 1 && strcmp(argv[1], "plain") == 0;
	int cgroup = argc > 4 ? open(argv[4], O_PATH | O_CLOEXEC) : -1;

	if (argc < 4)
		return 2;
	for (long n = strtol(argv[3], NULL, 10); n > 0; n--) {
		struct clone_args args = {
			.flags = plain ? 0
				       : CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
					CLONE_NEWNET,
			.exit_signal = SIGCHLD,
		};
		uint64_t began;
		int out[2];
		long pid;

		must(pipe2(out, O_CLOEXEC), "pipe");
		began = bench_now();
		if (cgroup >= 0) {
			args.flags |= CLONE_INTO_CGROUP;
			args.cgroup = (uint64_t)cgroup;
		}
		pid = syscall(SYS_clone3, &args, sizeof(args));
		must(pid, "clone3");
		if (pid == 0)
			child(argv[1], argv[2], out[1]);
		(void)close(out[1]);
		bench_arrived(out[0], began);
		(void)close(out[0]);
		(void)waitpid((pid_t)pid, NULL, 0);
	}
	return 0;
}
