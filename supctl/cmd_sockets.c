#include "common/jsontext.h"
#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

/* Columns that fit 80: address 25, unit 22, what it activates 22, triggers. */
#define ADDRESS_WIDTH 25
#define NAME_WIDTH 22

static void print_column(const char *text, size_t width)
{
	size_t used = put_cut(text, width);

	(void)printf("%*s ", (int)(width - used), "");
}

static void print_socket(const json_t *unit)
{
	json_t *listen;
	size_t i;

	json_array_foreach(json_object_get(unit, "listens"), i, listen)
	{
		print_column(text_of(listen, "address"), ADDRESS_WIDTH);
		print_column(text_of(unit, "name"), NAME_WIDTH);
		print_column(text_of(unit, "activates"), NAME_WIDTH);
		if (strcmp(text_of(unit, "state"), "listening") == 0)
			(void)printf("%u\n", (unsigned int)number_of(unit, "triggers"));
		else
			(void)puts("-");
	}
}

static json_t *only_sockets(const json_t *units)
{
	json_t *sockets = json_array(), *unit;
	size_t i;

	json_array_foreach(units, i, unit)
	{
		if (strcmp(text_of(unit, "kind"), "socket") == 0)
			(void)json_array_append(sockets, unit);
	}
	return sockets;
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *answer, *sockets, *unit;
	int status;
	size_t i;

	(void)argv;
	if (argc > 1)
		return usage_of(&command_sockets);
	answer = ask(c, "Status", NULL, &status);
	if (answer == NULL)
		return status;
	sockets = only_sockets(json_object_get(answer, "units"));
	json_decref(answer);
	if (c->json)
		return print_json(json_build("{so}", "sockets", sockets));
	(void)printf("%-*s %-*s %-*s TRIGGERS\n", ADDRESS_WIDTH, "LISTEN", NAME_WIDTH, "UNIT",
		NAME_WIDTH, "ACTIVATES");
	json_array_foreach(sockets, i, unit) print_socket(unit);
	json_decref(sockets);
	return EXIT_DONE;
}

const struct command command_sockets = { "sockets", "",
	"where units listen, what they activate, how often they did", run };
