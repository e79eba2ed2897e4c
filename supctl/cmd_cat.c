/* supctl cat: the texts that make a unit, as the supervisor has read them. */
#include "common/jsontext.h"
#include "supctl/match.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

/* Text between what was printed and what comes: a blank line. */
static int print_files(const json_t *answer, bool first)
{
	const json_t *files = json_object_get(answer, "files"), *file;
	size_t i;

	if (json_array_size(files) == 0) {
		(void)fputs("supctl: ", stderr);
		put_safe(stderr, text_of(answer, "unit"));
		(void)fputs(": the supervisor has made it, there is no file of it\n", stderr);
		return EXIT_FAILED;
	}
	json_array_foreach(files, i, file)
	{
		if (!first || i > 0)
			(void)putchar('\n');
		(void)fputs("# ", stdout);
		put_safe(stdout, text_of(file, "path"));
		if (json_is_true(json_object_get(file, "masked")))
			(void)fputs(" (masked: an empty file, or a link to /dev/null)", stdout);
		(void)putchar('\n');
		put_lines(text_of(file, "text"), "");
	}
	return EXIT_DONE;
}

/* The units of one word. With --json their answers go to `all`. */
static int for_word(struct context *c, const char *word, json_t *all, bool *first)
{
	int worst = EXIT_DONE;
	json_t *names = match_names(c, word, &worst), *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		int status;
		json_t *answer = ask(c, "Cat", json_build("{sO}", "unit", name), &status);

		if (answer != NULL && c->json)
			(void)json_array_append(all, answer);
		else if (answer != NULL)
			status = print_files(answer, *first);
		*first = *first && answer == NULL;
		json_decref(answer);
		if (worst == EXIT_DONE)
			worst = status;
		if (status == EXIT_UNREACHABLE)
			break;
	}
	json_decref(names);
	return worst;
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *all = json_array();
	int worst = EXIT_DONE;
	bool first = true;

	if (argc < 2) {
		json_decref(all);
		return usage_of(&command_cat);
	}
	for (int i = 1; i < argc && worst != EXIT_UNREACHABLE; i++) {
		int status = for_word(c, argv[i], all, &first);

		if (worst == EXIT_DONE || status == EXIT_UNREACHABLE)
			worst = status;
	}
	if (c->json)
		(void)print_json(json_build("{sO}", "units", all));
	json_decref(all);
	return worst;
}

const struct command command_cat = { "cat", "UNIT...",
	"its file and drop-ins, as they are in force", run };
