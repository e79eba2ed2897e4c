#include "supervisor/core/engine/bootcount.h"

#include "common/util.h"
#include "supervisor/core/text.h"

#include <string.h>

#define MAGIC "sup-boot 1"
#define NO_WORD "ended without a word: a power cut, a panic or a reset"

/* ---- what follows from what */

static void add_failure(struct boot_count *c)
{
	struct boot_failure *f;

	if (c->n_failures == BOOT_FAILURES_MAX) {
		c->n_failures--;
		memmove(&c->failures[0], &c->failures[1], c->n_failures * sizeof(c->failures[0]));
	}
	f = &c->failures[c->n_failures++];
	f->boot = c->boot;
	text_copy(f->why, sizeof(f->why), c->why[0] != '\0' ? c->why : NO_WORD);
}

void boot_count_next(struct boot_count *c)
{
	if (c->open) {
		c->failed += c->failed < UINT32_MAX;
		add_failure(c);
	}
	c->boot++;
	c->open = true;
	c->safe = false;
	c->why[0] = '\0';
}

void boot_count_good(struct boot_count *c)
{
	c->failed = 0;
	c->n_failures = 0;
	c->open = false;
	c->why[0] = '\0';
}

void boot_count_ended(struct boot_count *c)
{
	c->open = false;
}

/* One line: what a unit or its status brought along must not become lines of the record. */
static void copy_line(char to[BOOT_WHY_MAX], const char *from, size_t n)
{
	if (n >= BOOT_WHY_MAX)
		n = BOOT_WHY_MAX - 1;
	memcpy(to, from, n);
	to[n] = '\0';
	for (; *to != '\0'; to++)
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			*to = '?';
}

void boot_count_why(struct boot_count *c, const char *why)
{
	copy_line(c->why, why, strlen(why));
}

bool boot_count_wants_safe(const struct boot_count *c, uint32_t boots)
{
	return boots > 0 && c->failed >= boots;
}

/* ---- the record as text */

size_t boot_count_print(const struct boot_count *c, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	text_printf(&t, "%s\nboot=%u\nfailed=%u\nopen=%u\nsafe=%u\nwhy=%s\n", MAGIC, c->boot,
		c->failed, c->open, c->safe, c->why);
	for (size_t i = 0; i < c->n_failures; i++)
		text_printf(&t, "failure=%u %s\n", c->failures[i].boot, c->failures[i].why);
	text_puts(&t, "end\n");
	return t.len;
}

struct line {
	const char *at, *end;
};

static bool next_line(const char **at, const char *end, struct line *line)
{
	const char *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;

	if (newline == NULL)
		return false;
	*line = (struct line){ *at, newline };
	*at = newline + 1;
	return true;
}

/* A decimal number, which `line` then begins behind. */
static int take_number(struct line *line, uint32_t *out)
{
	const char *first = line->at;
	uint64_t value = 0;

	for (; line->at < line->end && *line->at >= '0' && *line->at <= '9'; line->at++) {
		value = value * 10 + (uint64_t)(*line->at - '0');
		if (value > UINT32_MAX)
			return -1;
	}
	*out = (uint32_t)value;
	return line->at > first ? 0 : -1;
}

static int set_number(uint32_t *out, struct line line)
{
	return take_number(&line, out) == 0 && line.at == line.end ? 0 : -1;
}

static int set_bool(bool *out, struct line line)
{
	uint32_t value;

	if (set_number(&value, line) < 0 || value > 1)
		return -1;
	*out = value == 1;
	return 0;
}

static int parse_boot(struct boot_count *c, struct line line)
{
	return set_number(&c->boot, line);
}

static int parse_failed(struct boot_count *c, struct line line)
{
	return set_number(&c->failed, line);
}

static int parse_open(struct boot_count *c, struct line line)
{
	return set_bool(&c->open, line);
}

static int parse_safe(struct boot_count *c, struct line line)
{
	return set_bool(&c->safe, line);
}

static int parse_why(struct boot_count *c, struct line line)
{
	copy_line(c->why, line.at, (size_t)(line.end - line.at));
	return 0;
}

static int parse_failure(struct boot_count *c, struct line line)
{
	struct boot_failure *f;

	if (c->n_failures == BOOT_FAILURES_MAX)
		return -1;
	f = &c->failures[c->n_failures];
	if (take_number(&line, &f->boot) < 0 || line.at == line.end || *line.at != ' ')
		return -1;
	copy_line(f->why, line.at + 1, (size_t)(line.end - line.at - 1));
	c->n_failures++;
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(struct boot_count *c, struct line line);
} fields[] = {
	{ "boot=", parse_boot },
	{ "failed=", parse_failed },
	{ "open=", parse_open },
	{ "safe=", parse_safe },
	{ "why=", parse_why },
	{ "failure=", parse_failure },
};

static bool begins(struct line line, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(line.end - line.at) >= n && memcmp(line.at, word, n) == 0;
}

static int parse_field(struct boot_count *c, struct line line)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (begins(line, fields[i].name)) {
			line.at += strlen(fields[i].name);
			return fields[i].parse(c, line);
		}
	return -1;
}

/* Whole from its first to its last line, or not at all. */
static int parse_lines(struct boot_count *c, const char *text, const char *end)
{
	struct line line;

	if (!next_line(&text, end, &line) || !begins(line, MAGIC))
		return -1;
	while (next_line(&text, end, &line)) {
		if (begins(line, "end"))
			return c->boot > 0 && text == end ? 0 : -1;
		if (parse_field(c, line) < 0)
			return -1;
	}
	return -1;
}

int boot_count_parse(struct boot_count *c, const char *text, size_t size)
{
	memset(c, 0, sizeof(*c));
	if (parse_lines(c, text, text + size) == 0)
		return 0;
	memset(c, 0, sizeof(*c));
	return -1;
}
