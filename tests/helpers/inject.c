/*
 * Lets one system call of a running program fail, from outside, by ptrace(2): the program is the one that is shipped.
 *
 *   inject [-c] [-e EXECS] [-k] [-l] [-s CALL] [-x] PID N ERRNO
 *
 * The N-th call of PID from now on is not made and gives ERRNO (a number); N=0 lets all succeed.
 *   -c        it is the next child of PID that is looked at
 *   -e EXECS  counting begins behind so many calls of exec
 *   -k        the call is made, only its result is a lie; so is close(2), which frees the descriptor whatever it says
 *   -l        each call is printed
 *   -s CALL   only calls of that number count
 *   -x        exec is the end of it
 *
 * Says "attached", then one of
 *   failed N CALL      the call of that number was the N-th; the program is let go
 *   counted N          SIGTERM came first; the program is let go
 *   gone N STATUS      it ended first
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/elf.h>

#define CALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)
#define BIRTHS (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

struct injector {
	pid_t pid;    /* who is looked at */
	pid_t parent; /* -c: whose child is waited for, else 0 */
	pid_t early;  /* a child that stopped before its parent told of it, else 0 */
	unsigned long execs;
	unsigned long at;
	int no;
	long only; /* of this number, -1: all */
	bool keep, list, to_exec;
	unsigned long count;
	long call;    /* that fails, or has failed; -1: none so far */
	bool inside;  /* between the begin and the end of it */
	bool leaving; /* SIGTERM came */
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- what differs from machine to machine */

#if defined(__x86_64__)

static void set_word(pid_t pid, size_t offset, long value)
{
	if (ptrace(PTRACE_POKEUSER, pid, offset, value) < 0)
		die("PTRACE_POKEUSER");
}

static void skip_call(pid_t pid)
{
	set_word(pid, offsetof(struct user_regs_struct, orig_rax), -1);
}

static void set_result(pid_t pid, long value)
{
	set_word(pid, offsetof(struct user_regs_struct, rax), value);
}

#elif defined(__aarch64__)

static void skip_call(pid_t pid)
{
	int none = -1;
	struct iovec iov = { &none, sizeof(none) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov) < 0)
		die("PTRACE_SETREGSET");
}

static void set_result(pid_t pid, long value)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("PTRACE_GETREGSET");
	regs.regs[0] = (unsigned long long)value;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		die("PTRACE_SETREGSET");
}

#else
#error "how does one let a system call fail on this machine?"
#endif

/* ---- stops */

/* True when the program may be let go: all that was to be done is done. */
static bool at_call(struct injector *in)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, in->pid, sizeof(info), &info) < 0)
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && in->inside) {
		set_result(in->pid, -in->no);
		return true;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY || in->execs > 0)
		return in->leaving;
	if (in->leaving)
		return true;
	if (in->only >= 0 && (unsigned long)in->only != info.entry.nr)
		return false;
	in->count++;
	if (in->list)
		printf("call %lld\n", (long long)info.entry.nr);
	if (in->count != in->at)
		return false;
	in->call = (long)info.entry.nr;
	in->inside = true;
	if (!in->keep)
		skip_call(in->pid);
	return false;
}

static bool is_job_control(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* Whom to look at is known, and it stands still. */
static void begin(struct injector *in, pid_t child)
{
	in->pid = child;
	if (ptrace(PTRACE_SETOPTIONS, child, 0, OPTIONS) < 0 ||
		ptrace(PTRACE_SYSCALL, child, 0, 0) < 0)
		die("the child");
}

/* A stop while the child is waited for. */
static void await_birth(struct injector *in, pid_t pid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);
	unsigned long child = 0;

	if (pid != in->parent) {
		in->early = pid;
		return;
	}
	if (event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK &&
		event != PTRACE_EVENT_CLONE) {
		(void)ptrace(PTRACE_CONT, pid, 0, event != 0 || sig == SIGTRAP ? 0 : sig);
		return;
	}
	if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) < 0)
		die("PTRACE_GETEVENTMSG");
	(void)ptrace(PTRACE_DETACH, pid, 0, 0);
	in->parent = 0;
	in->pid = (pid_t)child;
	if (in->early == in->pid)
		begin(in, in->pid);
	else
		in->early = 0;
}

/* True when the program was let go. */
static bool at_stop(struct injector *in, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == CALL_STOP) {
		if (at_call(in)) {
			(void)ptrace(PTRACE_DETACH, in->pid, 0, 0);
			return true;
		}
		sig = 0;
	} else if (event == PTRACE_EVENT_STOP && is_job_control(sig)) {
		(void)ptrace(PTRACE_LISTEN, in->pid, 0, 0);
		return false;
	} else if (event != 0) {
		if (event == PTRACE_EVENT_EXEC && in->execs > 0)
			in->execs--;
		else if (event == PTRACE_EVENT_EXEC && in->to_exec)
			in->leaving = true;
		sig = 0;
	}
	if (in->leaving && !in->inside) {
		(void)ptrace(PTRACE_DETACH, in->pid, 0, sig);
		return true;
	}
	(void)ptrace(PTRACE_SYSCALL, in->pid, 0, sig);
	return false;
}

static bool changed(struct injector *in, pid_t pid, int status)
{
	if (in->parent != 0 && WIFSTOPPED(status)) {
		await_birth(in, pid, status);
		return false;
	}
	if (in->parent == 0 && in->early == 0 && pid == in->pid && in->count == 0 &&
		WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP)
		(void)ptrace(PTRACE_SETOPTIONS, pid, 0, OPTIONS);
	if (WIFSTOPPED(status))
		return pid == in->pid && at_stop(in, status);
	printf("gone %lu %d\n", in->count, status);
	return true;
}

static void leave(struct injector *in)
{
	in->leaving = true;
	(void)ptrace(PTRACE_INTERRUPT, in->parent != 0 ? in->parent : in->pid, 0, 0);
	if (in->parent == 0)
		return;
	/* nobody was born: what is held of the parent goes with us */
	printf("counted 0\n");
	exit(0);
}

static void look(struct injector *in)
{
	sigset_t set;
	bool done = false;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	while (!done) {
		pid_t pid;
		int status;

		if (sigwaitinfo(&set, NULL) == SIGTERM)
			leave(in);
		while (!done && (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
			done = changed(in, pid, status);
		if (!done && pid < 0)
			return; /* nobody is left to look at */
	}
	if (in->call >= 0)
		printf("failed %lu %ld\n", in->count, in->call);
	else if (in->leaving)
		printf("counted %lu\n", in->count);
}

static void attach(struct injector *in)
{
	sigset_t set;

	/* before the first stop, or its signal is lost */
	(void)sigfillset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	if (ptrace(PTRACE_SEIZE, in->pid, 0, OPTIONS | (in->parent != 0 ? BIRTHS : 0)) < 0)
		die("PTRACE_SEIZE");
	if (in->parent == 0 && ptrace(PTRACE_INTERRUPT, in->pid, 0, 0) < 0)
		die("PTRACE_INTERRUPT");
	printf("attached\n");
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	struct injector in = { .call = -1, .only = -1 };
	bool child = false;
	int option;

	while ((option = getopt(argc, argv, "ce:kls:x")) >= 0) {
		child |= option == 'c';
		in.keep |= option == 'k';
		in.list |= option == 'l';
		in.to_exec |= option == 'x';
		if (option == 'e')
			in.execs = strtoul(optarg, NULL, 10);
		if (option == 's')
			in.only = strtol(optarg, NULL, 10);
		if (option == '?')
			return 2;
	}
	if (argc - optind != 3)
		return 2;
	in.pid = (pid_t)strtol(argv[optind], NULL, 10);
	in.parent = child ? in.pid : 0;
	in.at = strtoul(argv[optind + 1], NULL, 10);
	in.no = (int)strtol(argv[optind + 2], NULL, 10);
	attach(&in);
	look(&in);
	return 0;
}
