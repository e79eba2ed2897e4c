/*
 * A service that does not come when it is called.
 *
 *   stuck traced     a child of its own holds it in a stop of ptrace(2); the child does not hear SIGTERM
 *   stuck vfork      waits in the kernel (state D) for a child of vfork(2) that never goes, and that does not hear SIGTERM
 *   stuck bomb       makes as many processes as it may, each of which does the same
 *
 * Says "stuck" once it is.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(void)
{
	static const char text[] = "stuck\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
}

static int fail(const char *what)
{
	perror(what);
	return EXIT_FAILURE;
}

/* The child: stops its parent and never lets it go. */
static int hold(pid_t parent)
{
	int status;

	if (ptrace(PTRACE_SEIZE, parent, NULL, NULL) < 0)
		return fail("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, parent, NULL, NULL) < 0)
		return fail("PTRACE_INTERRUPT");
	if (waitpid(parent, &status, __WALL) < 0)
		return fail("waitpid");
	say();
	for (;;)
		pause();
}

static int traced(void)
{
	pid_t me = getpid();
	pid_t child = fork();

	if (child < 0)
		return fail("fork");
	if (child == 0)
		exit(hold(me));
	for (;;)
		pause();
}

static int vforked(void)
{
	pid_t child = vfork();

	if (child < 0)
		return fail("vfork");
	if (child == 0) {
		say();
		for (;;)
			pause();
	}
	return EXIT_SUCCESS;
}

/* Who is refused tries again at once, nearly: an emulated machine has other things to do, too. */
static noreturn void bomb(void)
{
	static const struct timespec moment = { .tv_nsec = 20000000 };
	bool said = false;

	for (;;) {
		if (fork() >= 0)
			continue;
		if (!said)
			say();
		said = true;
		nanosleep(&moment, NULL);
	}
}

int main(int argc, char **argv)
{
	signal(SIGTERM, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "traced") == 0)
		return traced();
	if (argc == 2 && strcmp(argv[1], "vfork") == 0)
		return vforked();
	if (argc == 2 && strcmp(argv[1], "bomb") == 0)
		bomb();
	fputs("usage: stuck traced|vfork|bomb\n", stderr);
	return 2;
}
