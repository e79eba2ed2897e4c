#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_state(const json_t *boot)
{
	char line[128], span[HUMAN_MAX];

	if (json_object_get(boot, "took") != NULL)
		(void)snprintf(line, sizeof(line), "%s, in %s", text_of(boot, "state"),
			human_time(number_of(boot, "took"), span));
	else
		(void)snprintf(line, sizeof(line), "%s since %s", text_of(boot, "state"),
			human_time(number_of(boot, "now"), span));
	print_field("State", line);
	print_members(boot,
		"Waiting\0waiting\0"
		"Not well\0critical\0"
		"Will reboot\0put_off\0");
	print_field("Mode",
		json_is_true(json_object_get(boot, "safe")) ? "safe: only critical units"
							    : "normal");
}

static void print_count(const json_t *boot)
{
	const json_t *failures = json_object_get(boot, "failures"), *failure;
	const char *kept = text_of(boot, "kept");
	uint64_t after = number_of(boot, "safe_after");
	char line[160];
	size_t i;

	print_number("Boot", number_of(boot, "boot"));
	(void)snprintf(line, sizeof(line), "%u in a row%s", (unsigned int)number_of(boot, "failed"),
		strcmp(kept, "yes") == 0                ? ""
			: strcmp(kept, "volatile") == 0 ? "; not kept over a reboot"
							: "; cannot be written");
	print_field("Failed", line);
	(void)snprintf(line, sizeof(line), "after %u failed boots", (unsigned int)after);
	print_field("Safe mode", after > 0 ? line : "never");
	json_array_foreach(failures, i, failure)
	{
		(void)snprintf(line, sizeof(line), "Boot %u",
			(unsigned int)number_of(failure, "boot"));
		print_field(line, text_of(failure, "why"));
	}
}

static int by_up(const void *left, const void *right)
{
	const json_t *const *a = left, *const *b = right;
	uint64_t one = number_of(*a, "up"), other = number_of(*b, "up");

	return (one > other) - (one < other);
}

static void print_units(const json_t *units)
{
	size_t n = json_array_size(units);
	const json_t **sorted = calloc(n + 1, sizeof(*sorted));

	if (sorted == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(units, i);
	qsort(sorted, n, sizeof(*sorted), by_up);
	if (n > 0)
		(void)printf("\n%*s %7s  UNIT\n", FIELD_WIDTH, "UP AFTER", "START");
	for (size_t i = 0; i < n; i++) {
		char up[HUMAN_MAX], took[HUMAN_MAX];

		(void)printf("%*s %7s  ", FIELD_WIDTH, human_time(number_of(sorted[i], "up"), up),
			human_time(number_of(sorted[i], "took"), took));
		put_safe(stdout, text_of(sorted[i], "name"));
		(void)putchar('\n');
	}
	free(sorted);
}

static int run(struct context *c, int argc, char **argv)
{
	json_t *boot;
	int status;

	if (argc == 2 && strcmp(argv[1], "--reset") == 0) {
		json_decref(ask(c, "BootReset", NULL, &status));
		return status;
	}
	if (argc != 1)
		return usage_of(&command_boot);
	boot = ask(c, "Boot", NULL, &status);
	if (boot == NULL)
		return status;
	if (c->json)
		return print_json(boot);
	print_state(boot);
	print_count(boot);
	print_units(json_object_get(boot, "units"));
	json_decref(boot);
	return EXIT_DONE;
}

const struct command command_boot = { "boot", "[--reset]",
	"how the boot went, unit by unit; with --reset: forget failed boots", run };
