/*
 * What many units cost: reading them (the unit set), and deciding about them (the engine) from boot to shutdown in a world
 * where everything works at once. The last column says how much more ten times the units cost.
 */
#include "supervisor/core/engine/engine.h"
#include "bench/measure.h"
#include "common/util.h"
#include "supervisor/core/text.h"

#include <string.h>

#define TEXT_MAX 600
#define LAYER 10

struct result {
	uint64_t load, settle; /* nanoseconds */
	uint64_t steps;
};

typedef void shape_fn(struct text *t, size_t u);

static void need(struct text *t, size_t u)
{
	text_printf(t, "Requires=u%05zu.service\nAfter=u%05zu.service\n", u, u);
}

static void chain(struct text *t, size_t u)
{
	if (u > 0)
		need(t, u - 1);
}

static void fan(struct text *t, size_t u)
{
	(void)t;
	(void)u;
}

/* Layers of ten, each unit needs three of the layer below. */
static void layers(struct text *t, size_t u)
{
	for (size_t k = 0; u >= LAYER && k < 3; k++)
		need(t, u / LAYER * LAYER - LAYER + (u + k) % LAYER);
}

static void read_units(struct unit_set *set, size_t n, shape_fn *shape)
{
	struct unit_text *texts = calloc(n, sizeof(*texts));
	char *room = calloc(n, TEXT_MAX), *names = calloc(n, 16);

	if (texts == NULL || room == NULL || names == NULL)
		exit(1);
	for (size_t u = 0; u < n; u++) {
		struct text t = { room + u * TEXT_MAX, TEXT_MAX, 0 };

		(void)snprintf(names + u * 16, 16, "u%05zu.service", u);
		text_puts(&t, "[Unit]\n");
		shape(&t, u);
		text_puts(&t,
			"[Service]\nExecStart=/bin/true\n[Install]\n"
			"WantedBy=multi-user.target\n");
		texts[u] = (struct unit_text){
			.unit = names + u * 16, .path = names + u * 16, .text = t.buf, .size = t.len
		};
	}
	unit_set_build(set, texts, n);
	if (set->n_faults > 0)
		(void)fprintf(stderr, "%s\n", set->faults[0].message);
	free(texts);
	free(room);
	free(names);
}

/* Each process starts at once, and ends at once when it is told to. */
static bool run(struct engine *e, uint64_t now)
{
	struct action act;
	int32_t pid = 2;
	bool ended = false;

	while (engine_next(e, &act)) {
		struct event event = { .unit = act.unit, .role = act.role, .pid = pid };

		if (act.kind == ACT_MACHINE)
			ended = true;
		if (act.kind == ACT_SPAWN) {
			pid++;
			event.kind = EV_SPAWNED;
			engine_event(e, &event, now);
			event.kind = EV_EXECED;
			engine_event(e, &event, now);
		} else if (act.kind == ACT_SIGNAL_ALL) {
			event.kind = EV_EXITED;
			event.role = ROLE_MAIN;
			event.status = act.arg;
			engine_event(e, &event, now);
			event.kind = EV_EMPTY;
			engine_event(e, &event, now);
		}
	}
	return ended;
}

static struct result measure(size_t n, shape_fn *shape)
{
	const struct engine_cost *cost;
	struct unit_set set;
	struct engine *e;
	struct result r = { .load = bench_now() };
	uint64_t now = USEC_PER_SEC;

	read_units(&set, n, shape);
	r.load = bench_now() - r.load;
	r.settle = bench_now();
	e = engine_new(&set);
	engine_boot(e, now);
	(void)run(e, now);
	for (uint32_t u = 0; u < set.n; u++)
		if (engine_run(e, u)->state != ST_RUNNING)
			(void)fprintf(stderr, "%s is not up\n", set.units[u].name);
	engine_shutdown(e, 1, now);
	if (!run(e, now))
		(void)fprintf(stderr, "the shutdown does not end\n");
	r.settle = bench_now() - r.settle;
	cost = engine_cost(e);
	r.steps = cost->turns + cost->looks + cost->visits;
	engine_free(e);
	unit_set_free(&set);
	return r;
}

static void print_ratio(const char *what, uint64_t small, uint64_t large, uint64_t unit)
{
	(void)printf("  %-8s %10llu %10llu   x %llu.%llu\n", what,
		(unsigned long long)(small / unit), (unsigned long long)(large / unit),
		(unsigned long long)(large / small), (unsigned long long)(large * 10 / small % 10));
}

static void compare(const char *name, shape_fn *shape, size_t small, size_t large)
{
	struct result a = measure(small, shape), b = measure(large, shape);

	(void)printf("%s: %zu and %zu units\n", name, small, large);
	print_ratio("read us", a.load, b.load, NSEC_PER_USEC);
	print_ratio("run us", a.settle, b.settle, NSEC_PER_USEC);
	print_ratio("steps", a.steps, b.steps, 1);
}

int main(void)
{
	compare("layers", layers, 1000, 10000);
	compare("chain", chain, 1000, 10000);
	compare("fan", fan, 500, 5000);
	return 0;
}
