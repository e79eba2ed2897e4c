/*
 * supctl check and calendar run the supervisor's own reader of unit files, in the supervisor's own binary: it cannot
 * disagree with it, and needs no supervisor that runs.
 */
#include "supctl/supctl.h"

#include "common/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The supervisor beside this supctl (a build tree), else the installed one. */
static void find_supervisor(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash != NULL && (size_t)(slash - path) + sizeof("/supervisor") <= size) {
		memcpy(slash, "/supervisor", sizeof("/supervisor"));
		if (access(path, X_OK) == 0)
			return;
	}
	(void)snprintf(path, size, "%s", PATH_SUPERVISOR);
}

int run_supervisor(const struct context *c, const char *word, char **args)
{
	char path[512];
	size_t n = 0, n_args = 0;
	char **argv;

	while (args[n_args] != NULL)
		n_args++;
	argv = calloc(n_args + 4, sizeof(*argv));
	if (argv == NULL)
		return EXIT_UNREACHABLE;
	find_supervisor(path, sizeof(path));
	argv[n++] = path;
	argv[n++] = (char *)(uintptr_t)word;
	if (c->json)
		argv[n++] = (char *)(uintptr_t) "--json";
	memcpy(argv + n, args, n_args * sizeof(*argv));
	(void)execv(path, argv);
	(void)fprintf(stderr, "supctl: %s: %s\n", path, strerror(errno));
	free(argv);
	return EXIT_UNREACHABLE;
}

static int run(struct context *c, int argc, char **argv)
{
	return argc < 2 ? usage_of(&command_check) : run_supervisor(c, "check", argv + 1);
}

static int run_calendar(struct context *c, int argc, char **argv)
{
	return argc < 2 ? usage_of(&command_calendar) : run_supervisor(c, "calendar", argv + 1);
}

const struct command command_check = { "check", "FILE...",
	"what is wrong with unit files or folders", run };
const struct command command_calendar = { "calendar", "EXPRESSION [TIMES]",
	"how OnCalendar= is read, and when it comes", run_calendar };
