#include "supervisor/core/plan/learned.h"

#include "supervisor/core/text.h"
#include "supervisor/core/unit/names.h"

#include <string.h>

#define LINE_LENGTH 110
#define ALWAYS "@default"

/* ---- histograms ---- */

/* What is behind blanks and digits; NULL: there are none. A number that is too large is the largest. */
static const char *read_number(const char *s, uint64_t *value)
{
	const char *first = s + strspn(s, " \t");
	uint64_t n = 0;

	for (s = first; *s >= '0' && *s <= '9'; s++)
		n = n > UINT32_MAX ? n : n * 10 + (uint64_t)(*s - '0');
	*value = n;
	return s > first ? s : NULL;
}

static void set_bit(uint64_t *set, unsigned int number)
{
	set[number / 64] |= UINT64_C(1) << number % 64;
}

static bool has_bit(const uint64_t *set, unsigned int number)
{
	return (set[number / 64] >> number % 64 & 1) != 0;
}

uint64_t learned_take(uint64_t *set, unsigned int most, const char *histogram)
{
	uint64_t n, lost = 0;

	for (const char *line = histogram; *line != '\0'; line += *line == '\n') {
		const char *begin = line + strspn(line, " \t");
		const char *colon = begin + strcspn(begin, ":\n"), *end = NULL;

		line = begin + strcspn(begin, "\n");
		if (*colon == ':')
			end = read_number(colon + 1, &n);
		if (end == NULL)
			continue;
		if (*begin == '{' && strncmp(end, " } hitcount:", 12) == 0 && n < most)
			set_bit(set, (unsigned int)n);
		else if (strncmp(begin, "Dropped:", 8) == 0)
			lost += n;
	}
	return lost;
}

/* ---- lines ---- */

/* Words of one key, on as many lines as they need. */
struct writer {
	struct strv *lines;
	struct arena *a;
	const char *key;
	char line[LINE_LENGTH + 1];
	struct text text;
};

static void begin_line(struct writer *w)
{
	w->text = (struct text){ w->line, sizeof(w->line), 0 };
	text_printf(&w->text, "%s=", w->key);
}

static void end_line(struct writer *w)
{
	strv_add(w->a, w->lines, arena_strdup(w->a, w->line));
}

static void put_word(struct writer *w, const char *word)
{
	size_t empty = strlen(w->key) + 1;

	if (w->text.len > empty && w->text.len + 1 + strlen(word) > LINE_LENGTH) {
		end_line(w);
		begin_line(w);
	}
	text_printf(&w->text, "%s%s", w->text.len > empty ? " " : "", word);
}

static void put_capabilities(struct writer *w, uint64_t set, bool container)
{
	if (container) {
		strv_add(w->a, w->lines, "DropCapability=all");
		if (set == 0)
			return;
	}
	w->key = container ? "AddCapability" : "CapabilityBoundingSet";
	begin_line(w);
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if ((set >> i & 1) != 0)
			put_word(w, capability_text(i));
	end_line(w);
}

/* ---- system calls ---- */

static void take_member(void *data, unsigned int number)
{
	set_bit(data, number);
}

static size_t common_bits(const uint64_t *x, const uint64_t *y)
{
	size_t n = 0;

	for (unsigned int i = 0; i < CALLS_MAX; i++)
		n += has_bit(x, i) && has_bit(y, i);
	return n;
}

static void take_away(uint64_t *from, const uint64_t *what)
{
	for (size_t i = 0; i < LEARNED_WORDS; i++)
		from[i] &= ~what[i];
}

/* With half of them in use the others are its like (stat and fstat), and one word is easier to keep than ten. */
static void put_groups(struct writer *w, const uint64_t *used, uint64_t *left)
{
	const char *name;

	for (unsigned int i = 0; (name = call_group_name(i)) != NULL; i++) {
		uint64_t members[LEARNED_WORDS] = { 0 };

		(void)call_group(name, take_member, members);
		if (common_bits(left, members) < 2 ||
			common_bits(used, members) * 2 < common_bits(members, members))
			continue;
		put_word(w, name);
		take_away(left, members);
	}
}

static void put_calls(struct writer *w, const uint64_t *used)
{
	uint64_t left[LEARNED_WORDS], always[LEARNED_WORDS] = { 0 };
	char name[CALL_NAME_MAX];

	memcpy(left, used, sizeof(left));
	(void)call_group(ALWAYS, take_member, always);
	take_away(left, always);
	w->key = "SystemCallFilter";
	begin_line(w);
	put_groups(w, used, left);
	for (unsigned int i = 0; i < CALLS_MAX; i++) {
		if (!has_bit(left, i))
			continue;
		if (call_name(i, name) != NULL)
			put_word(w, name);
		else
			strv_add(w->a, w->lines,
				arena_printf(w->a,
					"# and system call %u, of which no name is known", i));
	}
	if (w->text.len == strlen(w->key) + 1)
		put_word(w, ALWAYS); /* an empty list would be none */
	end_line(w);
}

/* ---- */

uint64_t learned_capabilities(const struct learned *l, const struct plan *p)
{
	bool stays = !plan_is_root(p->user) && p->no_new_privileges;

	return l->capabilities & (stays ? p->ambient : p->capabilities);
}

struct strv learned_lines(const struct learned *l, const struct plan *p, struct arena *a)
{
	struct strv lines = { 0 };
	struct writer w = { .lines = &lines, .a = a };

	if (l->knows_capabilities) {
		strv_add(a, &lines, p->container ? "[Container]" : "[Service]");
		put_capabilities(&w, learned_capabilities(l, p), p->container);
	}
	if (p->container || !l->knows_capabilities)
		strv_add(a, &lines, "[Service]");
	put_calls(&w, l->calls);
	return lines;
}

struct strv learned_names(const struct learned *l, struct arena *a)
{
	struct strv names = { 0 };
	char name[CALL_NAME_MAX];

	for (unsigned int i = 0; i < CALLS_MAX; i++)
		if (has_bit(l->calls, i) && call_name(i, name) != NULL)
			strv_add(a, &names, arena_strdup(a, name));
	return names;
}
