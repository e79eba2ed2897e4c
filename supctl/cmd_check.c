/*
 * supctl check runs the supervisor's own reader of unit files, in the supervisor's own binary: it cannot
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

static int run(struct context *c, int argc, char **argv)
{
	char path[512];
	char **args = calloc((size_t)argc + 4, sizeof(*args));
	size_t n = 0;

	if (argc < 2 || args == NULL) {
		free(args);
		return usage_of(&command_check);
	}
	find_supervisor(path, sizeof(path));
	args[n++] = path;
	args[n++] = (char *)(uintptr_t) "check";
	if (c->json)
		args[n++] = (char *)(uintptr_t) "--json";
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	(void)execv(path, args);
	(void)fprintf(stderr, "supctl: %s: %s\n", path, strerror(errno));
	free(args);
	return EXIT_UNREACHABLE;
}

const struct command command_check = { "check", "FILE...",
	"what is wrong with unit files or folders", run };
