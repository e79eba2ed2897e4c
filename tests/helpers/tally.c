/*
 * tally [--once] LIVES LOG...: compares what a counter has noted of its lives with what the logs say of it: all files of its log,
 * in any order. Prints one line of figures, and one for each thing that is wrong; ends with 1 when there is any.
 * The counter must have ended. With --once the supervisor need not have said how: it was a oneshot that ended well.
 *
 *   lost, doubled   numbers that are not there, or more than once
 *   torn            records that are no line of a counter, nor a word of the supervisor
 *   disorder        numbers of one stream that go back
 *   unnoted         lives whose end nobody noted: killed by someone else
 *   twice           lives that found another one alive
 *   wrong, missed   ends of which the supervisor said something else, or nothing
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/helpers/counted.h"

#define CAUSE_MAX 40
#define TOLD_MAX 20

struct life {
	bool started, ended, stopped;
	unsigned long lines;
	unsigned char *seen; /* how often each line; [0] is not used */
	char cause[CAUSE_MAX];
};

struct tally {
	struct life *lives; /* from 1 */
	size_t n, room;
	size_t starts, ends, stops, lines, words;
	size_t lost, doubled, torn, disorder, unnoted, twice, wrong, missed, told;
	unsigned long last[2][2]; /* of each stream: life, line */
	bool once;
	size_t said; /* the life whose end was said last */
	unsigned long ordinal;
};

static void tell(struct tally *t, const char *what, const char *of)
{
	if (t->told++ < TOLD_MAX)
		printf("  %s: %s\n", what, of);
}

static struct life *life_of(struct tally *t, unsigned long life)
{
	if (life >= t->room) {
		size_t room = life * 2 + 16;

		t->lives = realloc(t->lives, room * sizeof(*t->lives));
		if (t->lives == NULL)
			exit(2);
		memset(t->lives + t->room, 0, (room - t->room) * sizeof(*t->lives));
		t->room = room;
	}
	if (life > t->n)
		t->n = life;
	return &t->lives[life];
}

static void read_life(struct tally *t, const char *line)
{
	unsigned long life, lines;
	struct life *l;
	int at = 0;

	if (sscanf(line, "start %lu", &life) == 1) {
		l = life_of(t, life);
		t->twice += l->started;
		l->started = true;
		t->starts++;
	} else if (sscanf(line, "end %lu %lu %n", &life, &lines, &at) == 2 && at > 0) {
		l = life_of(t, life);
		l->ended = true;
		l->lines = lines;
		l->seen = calloc(lines + 1, 1);
		(void)snprintf(l->cause, sizeof(l->cause), "%.*s", (int)strcspn(line + at, "\n"),
			line + at);
		l->stopped = strcmp(l->cause, "stop") == 0;
		t->stops += l->stopped;
		t->ends++;
	} else {
		t->twice++;
		tell(t, "noted", line);
	}
}

static void read_line(struct tally *t, const char *record, const char *text, int stream)
{
	unsigned long life, line, sum, *last = t->last[stream];
	struct life *l;

	if (sscanf(text, "life %lu line %lu check %lx ", &life, &line, &sum) != 3 ||
		sum != counted_sum(life, line) ||
		strspn(strrchr(text, ' ') + 1, "x") != strlen(strrchr(text, ' ') + 1) ||
		(line % 7 == 0) != (stream == 1)) {
		t->torn++;
		tell(t, "torn", record);
		return;
	}
	t->lines++;
	if (life < last[0] || (life == last[0] && line < last[1])) {
		t->disorder++;
		tell(t, "disorder", record);
	}
	last[0] = life;
	last[1] = line;
	l = life_of(t, life);
	if (!l->ended || line > l->lines) {
		t->torn++;
		tell(t, "never written", record);
		return;
	}
	if (l->seen[line]++ > 0) {
		t->doubled++;
		tell(t, "doubled", record);
	}
}

/* "exit code 3; restart in 20 ms (7th)": the next end that was not asked for. Said twice is said once. */
static void read_word(struct tally *t, const char *record, const char *text)
{
	const char *restart = strstr(text, "; restart in ");
	const char *paren = restart != NULL ? strrchr(restart, '(') : NULL;
	unsigned long ordinal = paren != NULL ? strtoul(paren + 1, NULL, 10) : 0;
	struct life *l;

	t->words++;
	if (strstr(text, "records lost") != NULL) {
		t->lost++;
		tell(t, "lost", record);
	}
	if (strncmp(text, "stopped", 7) == 0)
		t->ordinal = 0; /* the next restart is the first again */
	if (paren == NULL || ordinal == t->ordinal)
		return;
	t->ordinal = ordinal;
	do {
		l = life_of(t, ++t->said);
	} while (l->stopped);
	if (!l->ended || strncmp(text, l->cause, (size_t)(restart - text)) != 0 ||
		strlen(l->cause) != (size_t)(restart - text)) {
		t->wrong++;
		tell(t, l->ended ? l->cause : "no such end", record);
	}
}

static void read_record(struct tally *t, char *record)
{
	char *stream, *text;

	record[strcspn(record, "\n")] = '\0';
	stream = strchr(record, ' ');
	text = stream != NULL ? strchr(stream + 1, ' ') : NULL;
	if (text == NULL) {
		t->torn++;
		tell(t, "torn", record);
	} else if (strncmp(stream, " out ", 5) == 0 || strncmp(stream, " err ", 5) == 0) {
		read_line(t, record, text + 1, stream[1] == 'e');
	} else if (strncmp(stream, " sup ", 5) == 0) {
		read_word(t, record, text + 1);
	} else {
		t->torn++;
		tell(t, "torn", record);
	}
}

static void each_line(struct tally *t, const char *path, void (*take)(struct tally *t, char *line))
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	while (getline(&line, &room, f) > 0)
		take(t, line);
	free(line);
	(void)fclose(f);
}

static void take_life(struct tally *t, char *line)
{
	read_life(t, line);
}

/* The time of its first record begins the file. */
static int older(const void *a, const void *b)
{
	char first[2][32] = { "", "" };
	const char *const paths[] = { *(const char *const *)a, *(const char *const *)b };

	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(paths[i], "re");

		if (f != NULL && fgets(first[i], sizeof(first[i]), f) == NULL)
			first[i][0] = '\0';
		if (f != NULL)
			(void)fclose(f);
	}
	return strcmp(first[0], first[1]);
}

static void sum_up(struct tally *t)
{
	for (size_t i = 1; i <= t->n; i++) {
		struct life *l = &t->lives[i];
		char text[64];

		(void)snprintf(text, sizeof(text), "life %zu", i);
		if (!l->ended) {
			t->unnoted++;
			tell(t, "no end was noted", text);
		}
		for (unsigned long n = 1; n <= l->lines; n++)
			if (l->seen[n] == 0) {
				(void)snprintf(text, sizeof(text), "life %zu line %lu", i, n);
				t->lost++;
				tell(t, "lost", text);
			}
		if (l->ended && !l->stopped && i > t->said && !t->once) {
			t->missed++;
			tell(t, "nothing said of", text);
		}
	}
}

int main(int argc, char **argv)
{
	struct tally t = { 0 };
	size_t bad;

	if (argc > 1 && strcmp(argv[1], "--once") == 0) {
		t.once = true;
		argc--;
		argv++;
	}
	if (argc < 3)
		return 2;
	each_line(&t, argv[1], take_life);
	qsort(argv + 2, (size_t)argc - 2, sizeof(*argv), older);
	for (int i = 2; i < argc; i++)
		each_line(&t, argv[i], read_record);
	sum_up(&t);
	bad = t.lost + t.doubled + t.torn + t.disorder + t.unnoted + t.twice + t.wrong + t.missed;
	printf("starts %zu ends %zu stops %zu lines %zu lost %zu doubled %zu torn %zu disorder %zu "
	       "unnoted %zu twice %zu wrong %zu missed %zu\n",
		t.starts, t.ends, t.stops, t.lines, t.lost, t.doubled, t.torn, t.disorder,
		t.unnoted, t.twice, t.wrong, t.missed);
	return bad > 0;
}
