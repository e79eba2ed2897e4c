/* The commands that ask for one thing to be done, and wait until it is. */
#include "common/jsontext.h"
#include "supctl/match.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

/* As systemctl(1): who stops a service and not its socket will see it come back. */
static void say_who_starts_it(struct context *c, const char *unit)
{
	int status;
	json_t *answer = ask(c, "Status", json_build("{ss}", "unit", unit), &status);
	json_t *one = json_array_get(json_object_get(answer, "units"), 0), *by;
	size_t i;

	json_array_foreach(json_object_get(one, "activated_by"), i, by)
	{
		put_safe(stdout, text_of(one, "name"));
		(void)fputs(" is stopped; ", stdout);
		put_safe(stdout, json_string_value(by));
		(void)puts(" will start it again");
	}
	json_decref(answer);
}

/* `method` for each unit that the word means. */
static int for_word(struct context *c, const char *word, const char *method)
{
	int worst = EXIT_DONE;
	json_t *names = match_names(c, word, &worst), *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		int status;

		json_decref(ask(c, method, json_build("{sOso*}", "unit", name, "ticket", ticket()),
			&status));
		if (worst == EXIT_DONE)
			worst = status;
		if (status == EXIT_UNREACHABLE)
			break;
		if (status == EXIT_DONE && strcmp(method, "Stop") == 0 && !c->json)
			say_who_starts_it(c, json_string_value(name));
	}
	json_decref(names);
	return worst;
}

/* The first that fails decides the exit status, the others are still done. */
static int for_each_unit(struct context *c, int argc, char **argv, const char *method,
	const struct command *self)
{
	int worst = EXIT_DONE;

	if (argc < 2)
		return usage_of(self);
	for (int i = 1; i < argc; i++) {
		int status = for_word(c, argv[i], method);

		if (worst == EXIT_DONE)
			worst = status;
		if (status == EXIT_UNREACHABLE)
			break;
	}
	return worst;
}

static int start(struct context *c, int argc, char **argv)
{
	return for_each_unit(c, argc, argv, "Start", &command_start);
}

static int stop(struct context *c, int argc, char **argv)
{
	return for_each_unit(c, argc, argv, "Stop", &command_stop);
}

static int restart(struct context *c, int argc, char **argv)
{
	return for_each_unit(c, argc, argv, "Restart", &command_restart);
}

static int reset(struct context *c, int argc, char **argv)
{
	return for_each_unit(c, argc, argv, "ResetFailed", &command_reset);
}

static int reload(struct context *c, int argc, char **argv)
{
	int status;

	if (argc > 1)
		return for_each_unit(c, argc, argv, "ReloadUnit", &command_reload);
	json_decref(ask(c, "Reload", json_build("{so*}", "ticket", ticket()), &status));
	return status;
}

static int end(struct context *c, int argc, const char *how, const struct command *self)
{
	int status;

	if (argc > 1)
		return usage_of(self);
	json_decref(ask(c, "End", json_build("{ssso*}", "how", how, "ticket", ticket()), &status));
	return status;
}

static int poweroff(struct context *c, int argc, char **argv)
{
	(void)argv;
	return end(c, argc, "poweroff", &command_poweroff);
}

static int reboot(struct context *c, int argc, char **argv)
{
	(void)argv;
	return end(c, argc, "reboot", &command_reboot);
}

static int halt(struct context *c, int argc, char **argv)
{
	(void)argv;
	return end(c, argc, "halt", &command_halt);
}

const struct command command_start = { "start", "UNIT...", "start, and wait until it is up",
	start };
const struct command command_stop = { "stop", "UNIT...", "stop, and wait until it is down", stop };
const struct command command_restart = { "restart", "UNIT...", "stop and start", restart };
const struct command command_reload = { "reload", "[UNIT...]",
	"read the unit files again; with UNIT: run its ExecReload=", reload };
const struct command command_reset = { "reset-failed", "UNIT...",
	"forget failures and start limits", reset };
const struct command command_poweroff = { "poweroff", "", "stop all in order, power off",
	poweroff };
const struct command command_reboot = { "reboot", "", "stop all in order, start the machine again",
	reboot };
const struct command command_halt = { "halt", "", "stop all in order, halt", halt };
