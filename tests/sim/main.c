/* Many runs of the simulation, each by its seed. */
#include "tests/sim/sim.h"

#include "common/util.h"
#include "tests/sim/cells.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static const char usage[] =
	"sim [--seeds N] [--first SEED] [--seconds S] [--large] [--cells FILE] [--trace]\n"
	"  --seeds N     so many runs, of many small sets (100)\n"
	"  --first SEED  the seed of the first (1)\n"
	"  --seconds S   stop before the next run after so much time\n"
	"  --large       ten thousand units and a million events in each run\n"
	"  --cells FILE  write down which cells of the table of rules were reached\n"
	"  --trace       print unit files, events and actions\n";

struct task {
	uint64_t seeds, first;
	long seconds;
	bool large, trace;
	const char *cells;
};

struct total {
	uint64_t runs, failed, events, actions, starts, swaps, crashes, rebirths;
	struct checker checker; /* for its cells */
};

static struct size size_of(const struct task *t, uint64_t seed)
{
	static const struct size sizes[] = {
		{ .units = 3, .sets = 1, .events = 1500, .interval = 20 * SEC },
		{ .units = 5, .sets = 2, .events = 1500, .interval = 5 * SEC },
		{ .units = 8, .sets = 2, .events = 2000, .interval = 20 * SEC },
		{ .units = 16, .sets = 3, .events = 3000, .interval = 3 * SEC },
		{ .units = 40, .sets = 2, .events = 4000, .interval = 1 * SEC },
	};
	static const struct size large = {
		.units = 10000, .sets = 2, .events = 1000000, .interval = 100 * MS, .sparse = true
	};

	return t->large ? large : sizes[seed % ARRAY_LEN(sizes)];
}

static void add(struct total *t, const struct sim *s)
{
	t->runs++;
	t->events += s->n_events;
	t->actions += s->n_actions;
	t->starts += s->n_starts;
	t->swaps += s->n_swaps;
	t->crashes += s->n_crashes;
	t->rebirths += s->n_rebirths;
	for (size_t st = 0; st < ST_COUNT; st++)
		for (size_t ev = 0; ev < EV_COUNT; ev++)
			t->checker.cells[st][ev] += s->checker.cells[st][ev];
}

static void run_one(const struct task *task, struct total *total, uint64_t seed)
{
	struct size size = size_of(task, seed);
	struct sim s;

	if (sim_run(&s, seed, &size, task->trace) < 0) {
		total->failed++;
		printf("sim: seed %llu: %s\n"
		       "     replay: make sim SEEDS=1 FIRST=%llu%s SIM_FLAGS=--trace\n",
			(unsigned long long)seed, s.checker.fault, (unsigned long long)seed,
			task->large ? " LARGE=1" : "");
		(void)fflush(stdout);
	}
	add(total, &s);
	sim_free(&s);
}

static int parse(struct task *t, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 's' },
		{ "large", no_argument, NULL, 'l' },
		{ "cells", required_argument, NULL, 'c' },
		{ "trace", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			t->seeds = strtoull(optarg, NULL, 10);
		else if (option == 'f')
			t->first = strtoull(optarg, NULL, 10);
		else if (option == 's')
			t->seconds = strtol(optarg, NULL, 10);
		else if (option == 'l')
			t->large = true;
		else if (option == 'c')
			t->cells = optarg;
		else if (option == 't')
			t->trace = true;
		else
			return -1;
	}
	return optind == argc ? 0 : -1;
}

static long cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec;
}

int main(int argc, char **argv)
{
	const struct rlimit memory = { .rlim_cur = 2000000000, .rlim_max = RLIM_INFINITY };
	struct task task = { .seeds = 100, .first = 1 };
	struct total total = { 0 };

	if (parse(&task, argc, argv) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
#ifndef __SANITIZE_ADDRESS__ /* which reserves far more than it uses */
	setrlimit(RLIMIT_DATA, &memory);
#else
	(void)memory;
#endif
	for (uint64_t i = 0; i < task.seeds; i++) {
		if (task.seconds > 0 && cpu_seconds() >= task.seconds)
			break;
		run_one(&task, &total, task.first + i);
	}
	if (task.cells != NULL && cells_write(&total.checker, task.cells) < 0)
		return 1;
	printf("sim: %llu runs, %llu events, %llu actions, %llu starts, %llu reloads, %llu crashes, "
	       "%llu rebirths of twins, %ld s\n",
		(unsigned long long)total.runs, (unsigned long long)total.events,
		(unsigned long long)total.actions, (unsigned long long)total.starts,
		(unsigned long long)total.swaps, (unsigned long long)total.crashes,
		(unsigned long long)total.rebirths, cpu_seconds());
	printf("[  PASSED  ] %llu test(s).\n", (unsigned long long)(total.runs - total.failed));
	if (total.failed > 0)
		printf("[  FAILED  ] %llu test(s).\n", (unsigned long long)total.failed);
	return total.failed == 0 && total.runs > 0 ? 0 : 1;
}
