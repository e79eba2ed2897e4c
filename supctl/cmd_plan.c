#include "common/jsontext.h"
#include "common/util.h"
#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

/* What a reload would do: each unit with how, then its lines that differ. */
static int run_reload(struct context *c)
{
	static const char *const words[][2] = {
		{ "added", "new" },
		{ "removed", "removed: it is stopped" },
		{ "live", "changed while it runs" },
		{ "restart", "restarted, if it runs" },
	};
	int status;
	json_t *answer = ask(c, "Changes", json_object(), &status), *change;
	size_t i;

	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	json_array_foreach(json_object_get(answer, "changes"), i, change)
	{
		put_safe(stdout, text_of(change, "unit"));
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			if (strcmp(words[k][0], text_of(change, "how")) == 0)
				(void)printf(": %s\n", words[k][1]);
		put_lines(text_of(change, "lines"), "  ");
	}
	if (i == 0)
		(void)puts("nothing would change");
	json_decref(answer);
	return EXIT_DONE;
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *answer;
	int status;

	if (argc == 1)
		return run_reload(c);
	if (argc != 2)
		return usage_of(&command_plan);
	answer = ask(c, "Plan", json_build("{ss}", "unit", argv[1]), &status);
	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	put_lines(text_of(answer, "plan"), "");
	json_decref(answer);
	return EXIT_DONE;
}

const struct command command_plan = { "plan", "[UNIT]",
	"all that its start, or without one a reload, will do", run };
