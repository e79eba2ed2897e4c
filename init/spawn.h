/*
 * One process started from nothing that can run out: CLONE_VM | CLONE_VFORK, so no memory is copied and
 * the caller learns at once whether exec(2) happened.
 *
 * The child has every signal unblocked, and SIGCHLD as the kernel makes it (programs hang when it is
 * inherited as ignored); other dispositions are as init found them.
 */
#ifndef INIT_SPAWN_H
#define INIT_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct sock_fprog;

struct spawn {
	const char *path; /* searched on $PATH of init when it has no slash */
	char *const *argv;
	char *const *env; /* NULL: the environment of init */
	bool shell; /* a file of no known format is for /bin/sh, as execvp(3) has it; argv[-1] is ours to change */
	bool default_signals; /* forget all inherited dispositions, not only SIGCHLD's */
	/*
	 * Out of a mount of its own that is read-only, where one can be made: the program is then not to be overwritten by
	 * who executes /proc/self/exe of its children in a container (CVE-2019-5736). The path must have a slash.
	 */
	bool read_only;
	/*
	 * Runs in the child, with all signals blocked and init's memory shared: system calls only, on
	 * the caller's data, which changes for init, too. May be NULL.
	 */
	void (*prepare)(const void *arg);
	const void *arg;
	const struct sock_fprog
		*filter; /* for seccomp(2), loaded last; NULL or of length 0: none */
	pid_t *pid; /* written before the child's first instruction, 0 when spawn() fails; may be NULL */
};

/* The pid of the running program. -1 with errno: none was made, or exec failed; nothing is left behind. */
pid_t spawn(const struct spawn *s);

#endif
