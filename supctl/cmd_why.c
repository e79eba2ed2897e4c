/* supctl why: a unit, and what it waits for or failed with, down to the root of it. */
#include "common/jsontext.h"
#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>

#define INDENT 2

/* "  needs db.container (starting 37s): health 2 of 3". Only of the root there is more to say than that. */
static void print_step(const json_t *step, size_t depth, bool root)
{
	const char *tie = text_of(step, "tie"), *text = text_of(step, "text");
	char age[HUMAN_MAX];

	(void)printf("%*s%s%s", (int)(INDENT * depth), "", tie, tie[0] != '\0' ? " " : "");
	put_safe(stdout, text_of(step, "unit"));
	(void)printf(" (%s", text_of(step, "state"));
	if (number_of(step, "since") != 0)
		(void)printf(" %s", age_of(step, age));
	(void)putchar(')');
	if (root && text[0] != '\0') {
		(void)fputs(": ", stdout);
		put_safe(stdout, text);
	}
	(void)putchar('\n');
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *answer, *steps, *step;
	int status;
	size_t i;

	if (argc != 2)
		return usage_of(&command_why);
	answer = ask(c, "Why", json_build("{ss}", "unit", argv[1]), &status);
	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	steps = json_object_get(answer, "steps");
	json_array_foreach(steps, i, step) print_step(step, i, i + 1 == json_array_size(steps));
	json_decref(answer);
	return EXIT_DONE;
}

const struct command command_why = { "why", "UNIT",
	"what it waits for or failed with, step by step", run };
