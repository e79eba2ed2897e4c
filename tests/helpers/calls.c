/*
 * calls NAME...: tries what seccomp filters are about, and says for each name the errno it ends with, 0 for none, or -N
 * when it was killed by signal N: each is tried by a process of its own.
 */
#include "common/util.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH (1UL << 32)

/* With arguments that the kernel itself refuses where the call would change something, but by another errno than EPERM. */
static const struct {
	const char *name;
	long number;
	unsigned long args[6];
} calls[] = {
	{ "getpid", SYS_getpid, { 0 } },
	{ "unshare-user", SYS_unshare, { CLONE_NEWUSER } },
	{ "unshare-files", SYS_unshare, { CLONE_FILES } },
	{ "clone-user", SYS_clone, { CLONE_NEWUSER | CLONE_THREAD } }, /* together: EINVAL */
	{ "clone3", SYS_clone3, { 0, 0 } },                            /* EINVAL */
	{ "setns", SYS_setns, { -1UL, 0 } },                           /* EBADF */
	{ "keyctl", SYS_keyctl, { 9999 } },                            /* EOPNOTSUPP */
	{ "add-key", SYS_add_key, { 0 } },                             /* EFAULT */
	{ "bpf", SYS_bpf, { 9999, 0, 0 } },             /* EINVAL, EPERM of the kernel */
	{ "io-uring", SYS_io_uring_setup, { 0, 0 } },   /* EFAULT */
	{ "userfaultfd", SYS_userfaultfd, { 0xffff } }, /* EINVAL */
	{ "personality", SYS_personality, { 0x0400000 } },
	{ "personality-query", SYS_personality, { 0xffffffff } },
	{ "tiocsti", SYS_ioctl, { -1UL, TIOCSTI, 0 } },            /* EBADF */
	{ "tiocsti-64", SYS_ioctl, { -1UL, TIOCSTI | HIGH, 0 } },  /* EBADF */
	{ "tioclinux-64", SYS_ioctl, { -1UL, 0x541c | HIGH, 0 } }, /* EBADF */
	{ "tiocgwinsz", SYS_ioctl, { -1UL, TIOCGWINSZ, 0 } },      /* EBADF */
	{ "vsock", SYS_socket, { AF_VSOCK, 0xf, 0 } },             /* EINVAL */
	{ "vsock-64", SYS_socket, { AF_VSOCK | HIGH, 0xf, 0 } },   /* EINVAL */
	{ "inet", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "unix", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "write-exec", SYS_mmap,
		{ 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1UL,
			0 } },
	{ "realtime", SYS_sched_setscheduler, { -1UL, SCHED_FIFO, 0 } }, /* EINVAL */
	{ "set-user-id", SYS_fchmod, { -1UL, 04755 } },                  /* EBADF */
	{ "plain-mode", SYS_fchmod, { -1UL, 0755 } },                    /* EBADF */
	{ "mount", SYS_mount, { 0, 0, 0, 0, 0 } }, /* EFAULT, EPERM of the kernel */
	{ "chown", SYS_fchown, { -1UL, 0, 0 } },   /* EBADF */
	{ "sync", SYS_sync, { 0 } },
	{ "clock", SYS_clock_settime, { 9999, 0 } },   /* EINVAL */
	{ "module", SYS_delete_module, { 0, 0 } },     /* EFAULT, EPERM of the kernel */
	{ "kernel-log", SYS_syslog, { 9999, 0, 0 } },  /* EINVAL, EPERM of the kernel */
	{ "host-name", SYS_sethostname, { 0, -1UL } }, /* EINVAL */
	{ "new", 1000, { 0 } },
#ifdef __x86_64__
	{ "x32", SYS_getpid | 0x40000000, { 0 } },
#endif
};

/* 32-bit programs' door: number 20 is getpid there, writev here. */
static int other_machine(void)
{
#ifdef __x86_64__
	long result = 20;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result < 0 ? (int)-result : 0;
#else
	return ENOSYS;
#endif
}

static int try_one(const char *name)
{
	if (strcmp(name, "other-machine") == 0)
		return other_machine();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		const unsigned long *a = calls[i].args;

		if (strcmp(calls[i].name, name) == 0)
			return syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1
				? errno
				: 0;
	}
	(void)fprintf(stderr, "calls: what is %s?\n", name);
	return 255;
}

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(try_one(argv[i]));
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			return 1;
		(void)printf("%s %d\n", argv[i],
			WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
		(void)fflush(stdout);
	}
	return 0;
}
