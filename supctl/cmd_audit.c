/* supctl audit: what a running unit has beside what it declares, and what would leave it less. */
#include "common/jsontext.h"
#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 18

/* "!" where the two differ. */
static void print_row(const json_t *row)
{
	bool differs = json_is_true(json_object_get(row, "differs"));
	const char *declared = text_of(row, "declared"), *has = text_of(row, "has");
	const char *what = text_of(row, "what");

	(void)printf("%c %-*s ", differs ? '!' : ' ', WIDTH, what);
	put_safe(stdout, has);
	if (differs) {
		(void)fputs("   (declared: ", stdout);
		put_safe(stdout, declared);
		(void)putchar(')');
	}
	(void)putchar('\n');
}

/* To be pasted as they stand. */
static void print_learned(const json_t *learned)
{
	unsigned int lost = (unsigned int)number_of(learned, "lost");
	char age[HUMAN_MAX];
	size_t i;
	json_t *line;

	if (!json_is_object(learned))
		return;
	if (json_object_get(learned, "why") != NULL) {
		(void)fputs("\nNothing is learned yet: ", stdout);
		put_safe(stdout, text_of(learned, "why"));
		(void)putchar('\n');
		return;
	}
	(void)printf("\nLearned in %u %s, since %s ago. What it used, and no more:\n",
		(unsigned int)number_of(learned, "starts"),
		number_of(learned, "starts") == 1 ? "start" : "starts", age_of(learned, age));
	if (lost > 0)
		(void)printf("# %u events were not counted\n", lost);
	json_array_foreach(json_object_get(learned, "lines"), i, line)
	{
		put_safe(stdout, json_string_value(line));
		(void)putchar('\n');
	}
}

static void print_process(const json_t *audit)
{
	const json_t *rows = json_object_get(audit, "rows");
	const json_t *advice = json_object_get(audit, "advice");
	size_t i, differ = 0;
	json_t *item;

	(void)printf(", process %u\n", (unsigned int)number_of(audit, "pid"));
	json_array_foreach(rows, i, item)
	{
		print_row(item);
		differ += json_is_true(json_object_get(item, "differs"));
	}
	if (number_of(audit, "more") != 0)
		(void)printf("  and %u more\n", (unsigned int)number_of(audit, "more"));
	(void)printf("\n%u of them %s from what is declared.\n", (unsigned int)differ,
		differ == 1 ? "differs" : "differ");
	if (json_array_size(advice) > 0)
		(void)printf("Lines that would leave it less, where it can do without:\n");
	json_array_foreach(advice, i, item)
	{
		(void)fputs("  ", stdout);
		put_safe(stdout, json_string_value(item));
		(void)putchar('\n');
	}
}

static void print_audit(const json_t *audit)
{
	put_safe(stdout, text_of(audit, "unit"));
	if (number_of(audit, "pid") != 0)
		print_process(audit);
	else
		(void)puts(" does not run");
	print_learned(json_object_get(audit, "learned"));
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *answer;
	int status;

	if (argc != 2)
		return usage_of(&command_audit);
	answer = ask(c, "Audit", json_build("{ss}", "unit", argv[1]), &status);
	if (answer == NULL)
		return status;
	if (c->json)
		return print_json(answer);
	print_audit(answer);
	json_decref(answer);
	return EXIT_DONE;
}

const struct command command_audit = { "audit", "UNIT",
	"what it has, beside what its unit declares", run };
