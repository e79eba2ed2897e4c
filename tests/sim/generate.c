/*
 * Unit files by seed, as texts that the real parser reads. Keys are taken from the table of keys, so a new one of a
 * plain type is rolled from the day it stands there; what a type or a key needs beyond that is in the tables here.
 */
#include "tests/sim/sim.h"

#include "common/util.h"
#include "supervisor/core/keys/keytype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 4096

struct roller { /* of one unit */
	struct dice *dice;
	const struct size *size;
	const struct key *key;
	uint32_t index;
	enum unit_kind kind;
	struct text text;
};

/* ---- kinds and names */

static const enum unit_kind dealt[] = { KIND_SERVICE, KIND_SERVICE, KIND_SERVICE, KIND_SERVICE,
	KIND_CONTAINER, KIND_CONTAINER, KIND_NETWORK, KIND_VOLUME, KIND_TARGET };

/* The kind goes with the number, so that every unit can name every other. */
static enum unit_kind kind_of(uint32_t index)
{
	/* Not in the small sets: what is started again and again is never quite calm. */
	if (index >= 8 && index % 10 == 9)
		return KIND_TIMER;
	return dealt[index * 7 % ARRAY_LEN(dealt)];
}

static void put_name(struct text *t, uint32_t index)
{
	text_printf(t, "u%05u.%s", index, unit_kind_name(kind_of(index)));
}

/* ---- values by type */

static void roll_bool(struct roller *r)
{
	text_puts(&r->text, dice_roll(r->dice, 2) != 0 ? "yes" : "no");
}

static void roll_choice(struct roller *r)
{
	uint32_t n = 0;

	while (key_choices(r->key)[n] != NULL)
		n++;
	text_puts(&r->text, key_choices(r->key)[dice_roll(r->dice, n)]);
}

static void roll_time(struct roller *r)
{
	static const char *const spans[] = { "20ms", "100ms", "500ms", "1s", "3s", "7s", "20s" };

	text_puts(&r->text, spans[dice_roll(r->dice, ARRAY_LEN(spans))]);
}

static void roll_count(struct roller *r)
{
	text_printf(&r->text, "%llu", (unsigned long long)r->key->min + dice_roll(r->dice, 6));
}

static void roll_commands(struct roller *r)
{
	text_printf(&r->text, "%s/bin/%s", dice_roll(r->dice, 3) == 0 ? "-" : "", key_name(r->key));
}

static void roll_exit_set(struct roller *r)
{
	static const char *const sets[] = { "1", "2", "3", "2 3", "SIGSEGV", "1 SIGABRT" };

	text_puts(&r->text, sets[dice_roll(r->dice, ARRAY_LEN(sets))]);
}

static void roll_units(struct roller *r)
{
	uint32_t n = 1 + dice_roll(r->dice, 2);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t other = dice_roll(r->dice, r->size->units);

		/* Mostly towards lower numbers: few cycles, which the parser would break. */
		if (other > r->index && dice_roll(r->dice, 8) != 0)
			other = dice_roll(r->dice, r->index + 1);
		text_puts(&r->text, i > 0 ? " " : "");
		put_name(&r->text, other);
	}
}

static const struct type_roll {
	const struct key_type *type;
	void (*roll)(struct roller *r);
	uint32_t permille; /* how often such a key is given */
} type_rolls[] = {
	{ &key_type_bool, roll_bool, 80 },
	{ &key_type_choice, roll_choice, 80 },
	{ &key_type_time, roll_time, 150 },
	{ &key_type_count, roll_count, 60 },
	{ &key_type_commands, roll_commands, 150 },
	{ &key_type_exit_set, roll_exit_set, 80 },
	{ &key_type_units, roll_units, 150 },
};

/* ---- keys that want more than their type says */

static void roll_restart(struct roller *r)
{
	static const char *const some[] = { "no", "always", "always", "on-failure", "on-failure",
		"on-success", "on-abnormal", "on-watchdog", "on-abort" };

	text_puts(&r->text, some[dice_roll(r->dice, ARRAY_LEN(some))]);
}

static void roll_condition(struct roller *r)
{
	static const char *const marks[] = { "", "", "!", "|", "|!" };

	text_printf(&r->text, "%s/%u", marks[dice_roll(r->dice, ARRAY_LEN(marks))],
		dice_roll(r->dice, 8));
}

static void roll_timeout(struct roller *r)
{
	if (dice_roll(r->dice, 6) == 0)
		text_puts(&r->text, "infinity");
	else
		roll_time(r);
}

static void roll_network(struct roller *r)
{
	uint32_t other = dice_roll(r->dice, r->size->units);

	if (kind_of(other) == KIND_NETWORK ||
		(kind_of(other) == KIND_CONTAINER && other != r->index))
		put_name(&r->text, other);
	else
		text_puts(&r->text, "none");
}

static void roll_check(struct roller *r)
{
	text_puts(&r->text, "/bin/check");
}

/* What comes back all the time: not so often that a run is nothing else. */
static void roll_interval(struct roller *r)
{
	text_printf(&r->text, "%us", 3 + dice_roll(r->dice, 20));
}

static const struct key_roll {
	const char *name;
	void (*roll)(struct roller *r); /* NULL: by its type */
	uint32_t permille;
} key_rolls[] = {
	{ "ExecStart", NULL, 1000 },
	{ "Type", NULL, 600 },
	{ "Restart", roll_restart, 600 },
	{ "ConditionPathExists", roll_condition, 60 },
	{ "TimeoutStartSec", roll_timeout, 300 },
	{ "TimeoutStopSec", roll_timeout, 300 },
	{ "StartLimitIntervalSec", NULL, 300 },
	{ "StartLimitBurst", NULL, 300 },
	{ "RestartSteps", NULL, 200 },
	{ "RestartMaxDelaySec", NULL, 200 },
	{ "WatchdogSec", roll_interval, 150 },
	{ "After", NULL, 600 },
	{ "Requires", NULL, 350 },
	{ "Wants", NULL, 350 },
	{ "Conflicts", NULL, 40 },
	{ "RemainAfterExit", NULL, 300 },
	{ "KillMode", NULL, 300 },
	{ "SendSIGKILL", NULL, 60 },
	{ "Network", roll_network, 600 },
	{ "RuntimeMaxSec", NULL, 20 },
	{ "Upholds", NULL, 40 },
	{ "StopWhenUnneeded", NULL, 20 },
	{ "RefuseManualStart", NULL, 10 },
	{ "RefuseManualStop", NULL, 10 },
	{ "JobTimeoutSec", NULL, 10 },
	{ "JobRunningTimeoutSec", NULL, 10 },
	{ "HealthCmd", roll_check, 400 },
	{ "HealthStartupCmd", roll_check, 100 },
	{ "HealthOnFailure", NULL, 300 },
	{ "HealthInterval", roll_interval, 300 },
	{ "HealthStartupInterval", roll_interval, 300 },
	/* They end the machine, which is tried elsewhere, and are no test of a long life. */
	{ "FailureAction", NULL, 4 },
	{ "StartLimitAction", NULL, 4 },
};

static bool ends_machine(const struct key *key)
{
	static const char *const ends[] = { "reboot", "poweroff", "exit" };

	for (size_t i = 0; key_choices(key) != NULL && key_choices(key)[i] != NULL; i++)
		for (size_t k = 0; k < ARRAY_LEN(ends); k++)
			if (strcmp(key_choices(key)[i], ends[k]) == 0)
				return true;
	return false;
}

/* How often, and how; NULL: this key is not rolled. */
static void (*roll_of(const struct key *key, uint32_t *permille))(struct roller *)
{
	void (*roll)(struct roller *) = NULL;

	for (size_t i = 0; i < ARRAY_LEN(type_rolls); i++)
		if (type_rolls[i].type == key_type(key)) {
			roll = type_rolls[i].roll;
			*permille = type_rolls[i].permille;
		}
	if (key->max != 0 && key_type(key) == &key_type_time)
		roll = NULL;
	if (ends_machine(key))
		*permille = 4;
	for (size_t i = 0; i < ARRAY_LEN(key_rolls); i++)
		if (strcmp(key_rolls[i].name, key_name(key)) == 0) {
			roll = key_rolls[i].roll != NULL ? key_rolls[i].roll : roll;
			*permille = key_rolls[i].permille;
		}
	return roll;
}

/* ---- a whole unit */

static void put_section(struct roller *r, const char *section)
{
	text_printf(&r->text, "[%s]\n", section);
	for (size_t i = 0; i < n_keys; i++) {
		uint32_t permille = 0;
		void (*roll)(struct roller *);

		r->key = &keys[i];
		if (strcmp(key_section(r->key), section) != 0 ||
			(r->key->kinds >> r->kind & 1) == 0)
			continue;
		/* Among ten thousand some unit would end every run at once. */
		if (r->size->sparse && ends_machine(r->key))
			continue;
		roll = roll_of(r->key, &permille);
		if (r->size->sparse && key_type(r->key) == &key_type_units)
			permille /= 8;
		if (roll == NULL || !dice_permille(r->dice, permille))
			continue;
		text_printf(&r->text, "%s=", key_name(r->key));
		roll(r);
		text_puts(&r->text, "\n");
	}
}

static void put_timer(struct roller *r)
{
	static const char *const times[] = { "OnActiveSec=%us", "OnUnitActiveSec=%us",
		"OnUnitInactiveSec=%us", "OnBootSec=%us", "OnCalendar=*:*:0/%u",
		"OnCalendar=*-*-* *:0/%u" };
	uint32_t n = 1 + dice_roll(r->dice, 3), other;

	do
		other = dice_roll(r->dice, r->size->units);
	while (kind_of(other) == KIND_TIMER);
	text_puts(&r->text, "[Timer]\nUnit=");
	put_name(&r->text, other);
	for (uint32_t i = 0; i < n; i++) {
		const char *time = times[dice_roll(r->dice, ARRAY_LEN(times))];
		const char *span = strchr(time, '%');

		text_printf(&r->text, "\n%.*s%u%s", (int)(span - time), time,
			5 + dice_roll(r->dice, 50), span + 2);
	}
	text_printf(&r->text, "\nAccuracySec=%us\nPersistent=%s\nOnClockChange=%s\n",
		1 + dice_roll(r->dice, 20), dice_roll(r->dice, 2) != 0 ? "yes" : "no",
		dice_roll(r->dice, 2) != 0 ? "yes" : "no");
}

static void put_unit(struct roller *r)
{
	put_section(r, "Unit");
	if (r->kind == KIND_CONTAINER) {
		put_section(r, "Container");
		text_puts(&r->text, "Image=it\n");
	}
	if (r->kind == KIND_CONTAINER || r->kind == KIND_SERVICE)
		put_section(r, "Service");
	if (r->kind == KIND_TIMER)
		put_timer(r);
	if (r->kind == KIND_NETWORK)
		text_puts(&r->text, "[Network]\n");
	if (r->kind == KIND_VOLUME)
		text_puts(&r->text, "[Volume]\n");
	if (dice_roll(r->dice, 2) == 0)
		text_puts(&r->text, "[Install]\nWantedBy=multi-user.target\n");
}

struct page {
	char name[UNIT_NAME_MAX], text[TEXT_SIZE];
	bool given;
};

static void write_page(struct sim *s, struct page *page, uint32_t index)
{
	struct roller r = {
		.dice = &s->dice, .size = &s->size, .index = index, .kind = kind_of(index)
	};
	struct text name = { .buf = page->name, .size = sizeof(page->name) };

	r.text = (struct text){ .buf = page->text, .size = sizeof(page->text) };
	put_name(&name, index);
	put_unit(&r);
	page->given = true;
}

static void build(struct sim *s, const struct page *pages)
{
	struct unit_text *texts = calloc(s->size.units, sizeof(*texts));
	struct unit_set *set = &s->sets[s->n_sets++];
	size_t n = 0;

	for (uint32_t i = 0; i < s->size.units; i++)
		if (pages[i].given)
			texts[n++] = (struct unit_text){ .unit = pages[i].name,
				.path = pages[i].name,
				.text = pages[i].text,
				.size = strlen(pages[i].text) };
	unit_set_build(set, texts, n);
	free(texts);
	if (!s->trace)
		return;
	for (uint32_t i = 0; i < s->size.units; i++)
		if (pages[i].given)
			sim_say(s, "## set %zu, %s\n%s\n", s->n_sets - 1, pages[i].name,
				pages[i].text);
	for (size_t i = 0; i < set->n_faults; i++)
		sim_say(s, "## %s: %s\n", set->faults[i].path != NULL ? set->faults[i].path : "-",
			set->faults[i].message);
}

/* ---- boxes: one for each name that any set has */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct box *)a)->name, ((const struct box *)b)->name);
}

static void roll_manners(struct dice *d, struct manners *m)
{
	uint32_t *const each[] = { &m->no_spawn, &m->bad_step, &m->crash, &m->deaf, &m->stuck,
		&m->mute, &m->late, &m->twice, &m->strays, &m->helper_fails, &m->helper_hangs,
		&m->no_setup, &m->hungry, &m->chatty };

	for (size_t i = 0; i < ARRAY_LEN(each); i++)
		*each[i] = dice_roll(d, 4) == 0 ? dice_roll(d, 700) : dice_roll(d, 20);
	m->slowness = dice_roll(d, 3) == 0 ? 10 * SEC : 200 * MS;
}

static void make_boxes(struct sim *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s->n_sets; i++)
		n += (uint32_t)s->sets[i].n;
	s->boxes = calloc(n, sizeof(*s->boxes));
	s->box_of = calloc(n, sizeof(*s->box_of));
	n = 0;
	for (size_t i = 0; i < s->n_sets; i++)
		for (size_t u = 0; u < s->sets[i].n; u++)
			s->boxes[n++].name = s->sets[i].units[u].name;
	qsort(s->boxes, n, sizeof(*s->boxes), by_name);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || strcmp(s->boxes[i].name, s->boxes[s->n_boxes - 1].name) != 0)
			s->boxes[s->n_boxes++] = (struct box){ .name = s->boxes[i].name,
				.unit = NO_UNIT };
	for (uint32_t i = 0; i < s->n_boxes; i++)
		roll_manners(&s->dice, &s->boxes[i].manners);
}

void generate_sets(struct sim *s)
{
	struct page *pages = calloc(s->size.units, sizeof(*pages));

	for (uint32_t i = 0; i < s->size.units; i++)
		write_page(s, &pages[i], i);
	build(s, pages);
	while (s->n_sets < s->size.sets) {
		/* Another generation: some units are other ones, some are gone, some come back. */
		for (uint32_t i = 0; i < s->size.units; i++) {
			if (dice_roll(&s->dice, 4) != 0)
				continue;
			memset(&pages[i], 0, sizeof(pages[i]));
			if (dice_roll(&s->dice, 4) != 0)
				write_page(s, &pages[i], i);
		}
		build(s, pages);
	}
	free(pages);
	make_boxes(s);
}
