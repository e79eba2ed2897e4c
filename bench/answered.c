/*
 * How long until a command succeeds for the first time: `answered [--kill PID] COMMAND...` kills the process, then runs the
 * command again and again. Prints the microseconds from the kill, or else from its own begin, to the end of the run that
 * succeeded, and how many runs there were.
 */
#include "bench/measure.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LONGEST_NS 60000000000u

static int run(char **argv)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return status;
}

int main(int argc, char **argv)
{
	unsigned int runs = 1;
	uint64_t began;

	argv++;
	argc--;
	began = bench_now();
	if (argc > 2 && strcmp(argv[0], "--kill") == 0) {
		if (kill((pid_t)strtol(argv[1], NULL, 10), SIGKILL) < 0) {
			perror("kill");
			return 1;
		}
		argv += 2;
		argc -= 2;
	}
	if (argc < 1)
		return 2;
	for (; run(argv) != 0; runs++)
		if (bench_now() - began > LONGEST_NS)
			return 1;
	(void)printf("%llu %u\n", (unsigned long long)(bench_now() - began) / 1000, runs);
	return 0;
}
