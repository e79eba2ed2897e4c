#include "supervisor/check.h"

#include "common/jsontext.h"
#include "supervisor/core/unit/unitset.h"
#include "supervisor/sys/load.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *level_name(const struct unit_fault *f)
{
	return f->level == FAULT_ERROR ? "error" : "warning";
}

static void print_fault(const struct unit_fault *f)
{
	const char *where = f->path != NULL ? f->path : f->unit;

	if (where != NULL)
		(void)printf("%s:", where);
	if (f->line > 0)
		(void)printf("%u:%u:", f->line, f->column);
	(void)printf("%s%s: %s\n", where != NULL ? " " : "", level_name(f), f->message);
}

static void print_faults_json(const struct unit_set *set)
{
	json_t *faults = json_array();

	for (size_t i = 0; i < set->n_faults; i++) {
		const struct unit_fault *f = &set->faults[i];

		(void)json_array_append_new(faults,
			json_build("{ss ss* ss* si si ss}", "level", level_name(f), "unit", f->unit,
				"path", f->path, "line", (int)f->line, "column", (int)f->column,
				"message", f->message));
	}
	(void)json_dumpf(faults, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(faults);
}

int check_main(int argc, char **argv)
{
	bool json = argc > 0 && strcmp(argv[0], "--json") == 0;
	struct unit_set *set;
	int status = 0;

	if (argc - json < 1) {
		(void)fprintf(stderr, "usage: supervisor check [--json] FILE...\n");
		return 2;
	}
	set = load_files(argv + json, (size_t)(argc - json));
	if (set == NULL)
		return 1;
	for (size_t i = 0; i < set->n_faults; i++) {
		if (!json)
			print_fault(&set->faults[i]);
		if (set->faults[i].level == FAULT_ERROR)
			status = 1;
	}
	if (json)
		print_faults_json(set);
	load_free(set);
	return status;
}
