/*
 * 20,000 zombies at once for whoever is PID 1: they belong to a child that then ends. Prints the nanoseconds from that
 * end until the last of them is gone. As PID 1 itself it is the floor: the smallest loop that reaps, with the same command.
 */
#include "bench/measure.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define COUNT 20000
#define LOOK_US 200

struct shared {
	uint64_t begun;
	pid_t pid[COUNT];
};

static int leave(struct shared *s)
{
	siginfo_t info;

	for (int i = 0; i < COUNT; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			return 1;
		s->pid[i] = pid;
	}
	/* Each has ended before the time begins: the last to be looked at is left a zombie, too. */
	for (int i = 0; i < COUNT; i++)
		if (waitid(P_PID, (id_t)s->pid[i], &info, WEXITED | WNOWAIT) < 0)
			return 1;
	s->begun = bench_now();
	return 0;
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static int measure(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int status;

	if (s == MAP_FAILED)
		return 1;
	child = fork();
	if (child == 0)
		_exit(leave(s));
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return 1;
	/* In the order in which they came, so the last is looked at first. */
	for (int i = COUNT - 1; i >= 0; i--)
		while (!is_gone(s->pid[i]))
			(void)usleep(LOOK_US);
	printf("%llu\n", (unsigned long long)(bench_now() - s->begun));
	return 0;
}

static int floor_of_reaping(void)
{
	pid_t command = fork();
	pid_t pid;
	int status = 1;

	if (command == 0)
		exit(measure());
	do
		pid = waitpid(-1, &status, 0);
	while (pid > 0 && pid != command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	return getpid() == 1 ? floor_of_reaping() : measure();
}
