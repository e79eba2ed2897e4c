/*
 * What the engine has kept over the end of its process, damaged by any hand. The input: what the first byte says of
 * it (descriptions of its own, a queue of its own), and then changes to what a sound engine has kept, or these.
 *
 * Whatever it says: another engine is made of it, goes on, and its machine can be brought to an end.
 */
#include "supervisor/core/engine/engine_kept.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/engine_keeper.h"

#define BEGIN UINT64_C(5000000000)
#define HOUR UINT64_C(3600000000)
#define WIRE_END 1
#define ROUNDS 30
#define ACTIONS_MAX 5000

enum { OWN_ENGINE = 1, OWN_LIFE = 2, OWN_QUEUE = 4, NO_RECORD = 8 };

static const struct unit_text texts[] = {
	{ .unit = "default.target", .text = "[Unit]\nWants=a.service b.container d.timer\n" },
	{ .unit = "a.service",
		.text = "[Unit]\nBindsTo=b.container\nAfter=b.container\n[Service]\nType=notify\n"
			"ExecStartPre=/bin/pre\nExecStart=/bin/a\nExecStop=/bin/stop\nRestart=always\n"
			"WatchdogSec=10\nKillMode=mixed\n" },
	{ .unit = "b.container",
		.text = "[Container]\nImage=b\nNetwork=lan.network\nHealthCmd=/bin/well\n"
			"HealthStartupCmd=/bin/begun\n[Service]\nRestart=on-failure\n" },
	{ .unit = "c.socket", .text = "[Socket]\nListenStream=/run/c\n" },
	{ .unit = "c.service", .text = "[Service]\nExecStart=/bin/c\n" },
	{ .unit = "d.timer", .text = "[Timer]\nOnActiveSec=5\nOnUnitActiveSec=10\n" },
	{ .unit = "d.service",
		.text = "[Service]\nType=oneshot\nExecStart=/bin/d\nExecStart=/bin/e\n" },
	{ .unit = "lan.network", .text = "[Network]\nSubnet=10.1.0.0/24\n" },
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

/* Read once: that costs more than all the rest of a run. */
static const struct unit_set *units(void)
{
	static struct unit_set set;
	struct unit_text copy[N_TEXTS];

	if (set.n > 0)
		return &set;
	memcpy(copy, texts, sizeof(copy));
	for (size_t i = 0; i < N_TEXTS; i++) {
		copy[i].path = copy[i].unit;
		copy[i].size = strlen(copy[i].text);
	}
	unit_set_build(&set, copy, N_TEXTS);
	return &set;
}

/* ---- a world in which all goes as the engine wants it, or nothing does */

static void answer(struct engine *e, const struct action *a, bool well, uint64_t now)
{
	struct event event = { .unit = a->unit, .role = a->role, .pid = 9, .text = "no" };

	if (a->kind == ACT_SPAWN) {
		event.kind = well ? EV_SPAWNED : EV_SPAWN_FAILED;
		engine_event(e, &event, now);
		event.kind = EV_EXECED;
		engine_event(e, &event, now);
	} else if (a->kind == ACT_SETUP) {
		event.kind = EV_SETUP_DONE;
		engine_event(e, &event, now);
	} else if (a->kind == ACT_KILL || a->kind == ACT_SIGNAL_ALL) {
		event.kind = EV_EXITED;
		for (int r = 0; r < ROLE_EXEC; r++) {
			event.role = (enum role)r;
			engine_event(e, &event, now);
		}
		event.kind = EV_EMPTY;
		engine_event(e, &event, now);
	}
}

static bool perform(struct engine *e, bool well, uint64_t now)
{
	struct action a;
	bool ended = false;

	for (int n = 0; engine_next(e, &a); n++) {
		FUZZ_ASSERT(n < ACTIONS_MAX);
		FUZZ_ASSERT(a.kind == ACT_MACHINE || a.unit < engine_set(e)->n);
		answer(e, &a, well, now);
		ended = ended || a.kind == ACT_MACHINE;
	}
	return ended;
}

static bool pass(struct engine *e, bool well, uint64_t *now, uint64_t most)
{
	bool ended = false;

	for (int i = 0; i < ROUNDS && engine_deadline(e) < most; i++) {
		*now = engine_deadline(e) > *now ? engine_deadline(e) : *now;
		engine_tick(e, *now);
		ended = perform(e, well, *now) || ended;
	}
	return ended;
}

static void live_on(struct engine *e)
{
	uint64_t now = BEGIN;
	bool ended = perform(e, true, now);

	ended = pass(e, false, &now, BEGIN + HOUR) || ended;
	for (int i = 0; i < 2; i++) {
		engine_shutdown(e, WIRE_END, now);
		ended = perform(e, false, now) || ended;
	}
	ended = pass(e, false, &now, UINT64_MAX) || ended;
	FUZZ_ASSERT(ended);
}

/* What a sound engine keeps in the middle of its boot. */
static void keep_some(struct keeper *k, const struct unit_set *set)
{
	struct engine *e = engine_new(set);
	uint64_t now = BEGIN - HOUR;

	engine_boot(e, now);
	(void)perform(e, true, now);
	now += 6000000;
	engine_event(e, &(struct event){ .kind = EV_START, .unit = 1 }, now);
	engine_tick(e, now);
	keeper_look(k, e, NULL);
	engine_free(e);
}

/* ---- the input */

struct input {
	const uint8_t *at, *end;
};

static uint32_t number(struct input *in, size_t bytes)
{
	uint32_t n = 0;

	for (; bytes > 0 && in->at < in->end; bytes--)
		n = n << 8 | *in->at++;
	return n;
}

/* Of a part: its own description of records, which are then as long as that says. */
static void describe(struct keeper *k, enum kept_part part, struct input *in)
{
	size_t n = number(in, 2), left = (size_t)(in->end - in->at);
	struct kept_map map;

	n = n < left ? n : left;
	if (kept_map_make(&map, engine_kept_layout(part), (const char *)in->at, n) == 0) {
		size_t size = map.size * (part == KEPT_LIFE ? k->n : 1);

		k->records[part] = realloc(k->records[part], size);
		memset(k->records[part], 0, size);
		k->size[part] = map.size;
		k->map[part] = map;
	}
	in->at += n;
}

static void change(struct keeper *k, struct input *in)
{
	while (in->at < in->end) {
		uint32_t where = number(in, 1);
		size_t offset = number(in, 2), n = 1 + (where >> 4 & 3);
		enum kept_part part = (where & 1) != 0 ? KEPT_ENGINE : KEPT_LIFE;
		uint8_t *to = k->records[part];
		size_t size = k->size[part] * (part == KEPT_LIFE ? k->n : 1);

		if ((where & 14) == 14) {
			to = k->queue;
			size = k->queue_size;
		}
		for (size_t i = 0; i < n && size > 0; i++)
			to[(offset + i) % size] = (uint8_t)number(in, 1);
	}
}

static const uint8_t *record(void *data, enum kept_part part, uint32_t index)
{
	const struct keeper *k = data;

	/* so the input may leave out each other one */
	if (part == KEPT_LIFE && k->puts != 0 && index % 2 == 0)
		return NULL;
	return k->records[part] + index * k->size[part];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .end = data + size };
	uint32_t flags = number(&in, 1);
	const struct unit_set *set = units();
	struct keeper k = { 0 };
	struct engine_past past;
	struct engine *e;

	keep_some(&k, set);
	keeper_past(&k, &past);
	if ((flags & OWN_ENGINE) != 0)
		describe(&k, KEPT_ENGINE, &in);
	if ((flags & OWN_LIFE) != 0)
		describe(&k, KEPT_LIFE, &in);
	if ((flags & OWN_QUEUE) == 0)
		change(&k, &in);
	keeper_past(&k, &past);
	if ((flags & OWN_QUEUE) != 0) {
		past.queue = in.at;
		past.queue_size = (size_t)(in.end - in.at);
	}
	k.puts = flags & NO_RECORD;
	past.record = record;
	e = engine_new(set);
	(void)engine_restore(e, &past, BEGIN);
	live_on(e);
	engine_free(e);
	keeper_free(&k);
	return 0;
}
