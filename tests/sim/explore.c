/* All sets of all families, and what was found in them. */
#include "tests/sim/explore.h"

#include "tests/sim/cells.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE (1u << 20)
#define STATES_MAX 400000

static const char usage[] = "explore [--depth N] [--states N] [--only NAME] [--cells FILE]\n"
			    "  --depth N     so many events in a row, at most (99)\n"
			    "  --states N    so many states in each set, at most\n"
			    "  --only NAME   the families whose names begin so\n"
			    "  --cells FILE  writes down which cells of the table were reached\n";

struct task {
	uint32_t depth, states;
	const char *only, *cells;
};

static void build(struct unit_set *set, const struct pages *pages, bool other)
{
	struct unit_text texts[UNITS_MAX] = { 0 };
	char changed[600];

	snprintf(changed, sizeof(changed), "%s[Unit]\nDescription=another\n",
		pages->v[pages->n - 1].text);
	for (uint32_t i = 0; i < pages->n; i++) {
		const char *text = other && i == pages->n - 1 ? changed : pages->v[i].text;

		texts[i] = (struct unit_text){ .unit = pages->v[i].name,
			.path = pages->v[i].name,
			.text = text,
			.size = strlen(text) };
	}
	unit_set_build(set, texts, pages->n);
}

/* A mistake in a shape would leave nothing to explore. */
static bool is_sound(const struct explorer *x)
{
	const struct unit_set *set = &x->sets[0];

	for (size_t u = 0; u < set->n; u++)
		if (set->units[u].broken != NULL) {
			printf("explore: %s: %s\n", set->units[u].name, set->units[u].broken);
			return false;
		}
	return set->n <= UNITS_MAX && x->sets[1].n == set->n;
}

static void explore_set(struct explorer *x, const struct shapes *f, uint32_t variant,
	const struct task *task)
{
	struct pages pages = { 0 };

	f->make(variant, &pages);
	build(&x->sets[0], &pages, false);
	build(&x->sets[1], &pages, true);
	x->engine = engine_new(&x->sets[0]);
	x->room = task->states != 0 ? task->states : f->states;
	x->events = f->events;
	checker_attach(&x->checker, x->engine);
	memset(x->actors, 0, sizeof(x->actors));
	x->n_own = pages.n;
	for (uint32_t i = 0; i < pages.n; i++)
		x->own[i] = (uint32_t)unit_set_find(&x->sets[0], pages.v[i].name);
	if (is_sound(x)) {
		space_explore(x, task->depth);
		space_wander(x);
	} else {
		checker_fault(&x->checker, "a unit file of the set is wrong");
	}
	if (x->checker.fault[0] != '\0') {
		printf("explore: %s, number %u: %s\n", f->name, variant, x->checker.fault);
		for (uint32_t i = 0; i < pages.n; i++)
			printf("## %s\n%s", pages.v[i].name, pages.v[i].text);
	}
	engine_free(x->engine);
	unit_set_free(&x->sets[0]);
	unit_set_free(&x->sets[1]);
}

static uint32_t explore_family(struct explorer *x, const struct shapes *f, const struct task *task)
{
	uint64_t states = x->states;
	uint32_t failed = 0;

	x->depth = UINT32_MAX;
	x->closed = 0;
	for (uint32_t v = 0; v < f->n; v++) {
		explore_set(x, f, v, task);
		failed += x->checker.fault[0] != '\0';
		x->checker.fault[0] = '\0';
	}
	printf("explore: %s: %u sets, %llu states, ", f->name, f->n,
		(unsigned long long)(x->states - states));
	if (x->depth == UINT32_MAX)
		printf("all there are\n");
	else
		printf("all orders of %u events in each, %u sets to the last state\n", x->depth,
			x->closed);
	return failed;
}

static int parse(struct task *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "depth", required_argument, NULL, 'd' },
		{ "states", required_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ "cells", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			t->depth = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			t->states = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'o')
			t->only = optarg;
		else if (option == 'c')
			t->cells = optarg;
		else
			return -1;
	}
	return optind == argc && t->states <= STATES_MAX ? 0 : -1;
}

static uint32_t explore_all(struct explorer *x, const struct task *task, uint32_t *sets)
{
	uint32_t failed = 0;

	for (size_t i = 0; i < n_families; i++)
		if (strncmp(families[i].name, task->only, strlen(task->only)) == 0) {
			failed += explore_family(x, &families[i], task);
			*sets += families[i].n;
		}
	printf("explore: %llu states, %llu transitions; from %llu kinds of states all came down, in 3 worlds, by "
	       "stop and by shutdown, in at most %u steps\n",
		(unsigned long long)x->states, (unsigned long long)x->transitions,
		(unsigned long long)x->endings, x->longest);
	return failed;
}

int main(int argc, char **argv)
{
	struct task task = { .depth = 99, .only = "" };
	struct explorer x = { .table = calloc(TABLE, sizeof(*x.table)),
		.classes = calloc(TABLE, sizeof(*x.classes)) };
	uint32_t most = 200, sets = 0, failed;

	if (parse(&task, argc, argv) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	for (size_t i = 0; i < n_families; i++)
		most = families[i].states > most ? families[i].states : most;
	most = task.states > most ? task.states : most;
	x.list = calloc(most + 1, sizeof(*x.list));
	failed = explore_all(&x, &task, &sets);
	if (task.cells != NULL && cells_write(&x.checker, task.cells) < 0)
		failed++;
	printf("[  PASSED  ] %u test(s).\n", sets - failed);
	if (failed > 0)
		printf("[  FAILED  ] %u test(s).\n", failed);
	free(x.table);
	free(x.classes);
	free(x.list);
	return failed > 0;
}
