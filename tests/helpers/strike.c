/*
 * strike PID [TIMES]: makes a process go on where nothing is mapped, so that it faults though nothing is wrong with its
 * program. The next time is when it waits again: it may execute itself in between.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOWHERE 0x10
#define LOOK_US 10000
#define LOOKS 3000

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void set_pc(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec all = { .iov_base = &regs, .iov_len = sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &all) < 0)
		die("GETREGSET");
#if defined(__x86_64__)
	regs.rip = NOWHERE;
	regs.orig_rax = ~0UL; /* no system call to begin again */
#elif defined(__aarch64__)
	regs.pc = NOWHERE;
#else
#error "where is the program counter?"
#endif
	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &all) < 0)
		die("SETREGSET");
}

/* Where it waits: its stack and program counter, which differ from one process image to the next. "" when it runs. */
static void place(pid_t pid, char *out, size_t size)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	f = fopen(path, "re");
	if (f == NULL || fgets(out, (int)size, f) == NULL || strncmp(out, "running", 7) == 0)
		out[0] = '\0';
	if (f != NULL)
		(void)fclose(f);
}

/* In another process image, in the same system call: what it makes of the last strike is not to be struck. */
static void await_other(pid_t pid, const char *before)
{
	size_t number = strcspn(before, " ");
	char now[256];

	for (int i = 0; i < LOOKS; i++) {
		place(pid, now, sizeof(now));
		if (now[0] != '\0' && strcmp(now, before) != 0 && strncmp(now, before, number) == 0)
			return;
		(void)usleep(LOOK_US);
	}
	(void)fprintf(stderr, "strike: %d does not wait\n", (int)pid);
	exit(1);
}

int main(int argc, char *argv[])
{
	pid_t pid = argc > 1 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
	long times = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	char before[256] = "";

	for (long i = 0; i < times; i++) {
		await_other(pid, before);
		place(pid, before, sizeof(before));
		if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) < 0)
			die("ATTACH");
		set_pc(pid);
		if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
			die("DETACH");
	}
	return 0;
}
