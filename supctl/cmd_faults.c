#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>

static void print_fault(const json_t *fault)
{
	if (text_of(fault, "path")[0] != '\0')
		put_safe(stdout, text_of(fault, "path"));
	else if (text_of(fault, "unit")[0] != '\0')
		put_safe(stdout, text_of(fault, "unit"));
	(void)putchar(':');
	if (number_of(fault, "line") > 0)
		(void)printf("%u:%u:", (unsigned int)number_of(fault, "line"),
			(unsigned int)number_of(fault, "column"));
	(void)printf(" %s: ", text_of(fault, "level"));
	put_safe(stdout, text_of(fault, "message"));
	(void)putchar('\n');
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *answer, *fault;
	int status;
	size_t i;

	(void)argv;
	if (argc != 1)
		return usage_of(&command_faults);
	answer = ask(c, "Faults", NULL, &status);
	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	json_array_foreach(json_object_get(answer, "faults"), i, fault) print_fault(fault);
	json_decref(answer);
	return EXIT_DONE;
}

const struct command command_faults = { "faults", "", "what is wrong with the unit files in force",
	run };
