/* supctl reexec: the supervisor, or init, begun anew from its file, and how long nobody answered. */
#include "supctl/supctl.h"
#include "supctl/text.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t now_ms(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * MSEC_PER_SEC +
		(uint64_t)ts.tv_nsec / NSEC_PER_USEC / USEC_PER_MSEC;
}

static int tell(const struct context *c, json_t *who, const char *what, uint64_t began_ms)
{
	uint64_t took = now_ms() - began_ms;

	if (c->json) {
		(void)json_object_set_new(who, "ms", json_integer((json_int_t)took));
		return print_json(who);
	}
	(void)printf("%s: process %u after %u ms\n", what, (unsigned int)number_of(who, "pid"),
		(unsigned int)took);
	json_decref(who);
	return EXIT_DONE;
}

/* The life that is to end is named, so that the next one, asked the same, knows that it is done. */
static int reexec_supervisor(struct context *c)
{
	uint64_t began;
	json_t *who;
	int status;

	who = ask(c, "Supervisor", NULL, &status);
	if (who == NULL)
		return status;
	began = now_ms();
	json_object_del(who, "pid");
	json_object_del(who, "init_crashes");
	who = ask(c, "Reexec", who, &status);
	return who != NULL ? tell(c, who, "supervisor", began) : status;
}

static int reexec_init(struct context *c)
{
	uint64_t began = now_ms();
	json_t *done;
	int status;

	done = ask(c, "ReexecInit", NULL, &status);
	if (done == NULL)
		return status;
	(void)json_object_set_new(done, "pid", json_integer(1));
	return tell(c, done, "init", began);
}

static int run(struct context *c, int argc, char **argv)
{
	if (argc == 1)
		return reexec_supervisor(c);
	if (argc == 2 && strcmp(argv[1], "--init") == 0)
		return reexec_init(c);
	return usage_of(&command_reexec);
}

const struct command command_reexec = { "reexec", "[--init]",
	"start the supervisor (or init) anew from its file; units run on", run };
