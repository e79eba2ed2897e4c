#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>

static int run(struct context *c, int argc, char **argv)
{
	int status;
	json_t *answer, *unit;
	size_t i, width = terminal_width();

	(void)argv;
	if (argc > 1)
		return usage_of(&command_list);
	answer = ask(c, "Status", NULL, &status);
	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	json_array_foreach(json_object_get(answer, "units"), i, unit)
	{
		size_t used = (size_t)printf("%-28s ", text_of(unit, "name"));

		(void)put_cut(text_of(unit, "description"), width > used ? width - used : 0);
		(void)putchar('\n');
	}
	json_decref(answer);
	return EXIT_DONE;
}

const struct command command_list = { "list", "", "the units and what they are", run };
