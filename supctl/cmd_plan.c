#include "common/jsontext.h"
#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

static int run(struct context *c, int argc, char **argv)
{
	json_t *answer;
	int status;

	if (argc != 2)
		return usage_of(&command_plan);
	answer = ask(c, "Plan", json_build("{ss}", "unit", argv[1]), &status);
	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	for (const char *line = text_of(answer, "plan"), *end; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		put_safe_n(stdout, line, (size_t)(end - line));
		(void)putchar('\n');
		end += *end == '\n';
	}
	json_decref(answer);
	return EXIT_DONE;
}

const struct command command_plan = { "plan", "UNIT", "all that its start will do", run };
