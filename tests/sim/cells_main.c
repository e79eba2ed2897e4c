/*
 * cells FILE...: sums up what the programs of this folder reached of the table of rules. A cell that nobody reached
 * must stand in the list here with the reason; and one that stands in it and was reached is wrong there.
 */
#include "tests/sim/cells.h"

#include "common/util.h"

#include <inttypes.h>
#include <stdio.h>

#define EVENT(id) (1u << EV_##id)

/* Of these a service or container has some, a network or volume none. */
#define STATES_OF_PROCESSES                                                                       \
	(STATE_BIT(CONDITION) | STATE_BIT(START_PRE) | STATE_BIT(START) | STATE_BIT(START_POST) | \
		STATE_BIT(EXITED) | STATE_BIT(RELOAD) | STATES_STOPPING | STATE_BIT(BACKOFF))

static const struct unreached {
	uint32_t states, events;
	const char *reason;
} unreached[] = {
	{ STATES_OF_PROCESSES, EVENT(SETUP_DONE) | EVENT(SETUP_FAILED),
		"what is set up, as networks, volumes and sockets, has no process and no restart" },
	{ STATES_OF_PROCESSES, EVENT(TRIGGER), "a socket has no process and no restart" },
	{ STATES_DOWN, EVENT(TRIGGER), "a socket that is down is not watched" },
	{ STATE_BIT(SETUP), EVENT(NOTIFY) | EVENT(OOM), "what is set up has no process" },
	{ STATES_DOWN, EVENT(STOP), "the order gives no stop to what is down" },
	{ STATE_BIT(WAITING) | STATE_BIT(BACKOFF), EVENT(RESTART),
		"a restart is asked of what is up or comes up; when that is down it is a start" },
};

static const char *const event_words[EV_COUNT] = {
#define X(id, name) [EV_##id] = name,
	EVENTS(X)
#undef X
};

static const char *reason_of(unsigned int s, unsigned int e)
{
	for (size_t i = 0; i < ARRAY_LEN(unreached); i++)
		if ((unreached[i].states >> s & 1) != 0 && (unreached[i].events >> e & 1) != 0)
			return unreached[i].reason;
	return NULL;
}

static int add(uint64_t counts[ST_COUNT][EV_COUNT], const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned int s, e;
	uint64_t n;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	while (fscanf(file, "%u %u %" SCNu64, &s, &e, &n) == 3)
		if (s < ST_COUNT && e < EV_COUNT)
			counts[s][e] += n;
	(void)fclose(file);
	return 0;
}

struct sum {
	unsigned int cells, reached, wrong;
};

static void judge(struct sum *sum, unsigned int s, unsigned int e, uint64_t count)
{
	const char *reason = reason_of(s, e);

	if (engine_rules[s][e] == rule_impossible)
		return;
	sum->cells++;
	sum->reached += count > 0;
	if ((count == 0) == (reason != NULL))
		return;
	sum->wrong++;
	printf("cells: \"%s\" in state \"%s\" %s\n", event_words[e], state_name((enum state)s),
		count == 0 ? "was never reached" : "is listed as out of reach, and was reached");
}

int main(int argc, char **argv)
{
	static uint64_t counts[ST_COUNT][EV_COUNT];
	struct sum sum = { 0 };

	for (int i = 1; i < argc; i++)
		if (add(counts, argv[i]) < 0)
			return 1;
	for (unsigned int s = 0; s < ST_COUNT; s++)
		for (unsigned int e = 0; e < EV_COUNT; e++)
			judge(&sum, s, e, counts[s][e]);
	printf("cells: %u of %u cells of the table reached, the others for a reason that is listed\n",
		sum.reached, sum.cells);
	printf("[  PASSED  ] %u test(s).\n", sum.cells - sum.wrong);
	if (sum.wrong > 0)
		printf("[  FAILED  ] %u test(s).\n", sum.wrong);
	return sum.wrong > 0;
}
