#include "supervisor/core/unit/ini.h"

#include "supervisor/core/text.h"

#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define NAME_CHARS "_.-" ALPHANUMERIC

struct ini_file {
	struct arena arena; /* only for the time of one reading */
	const struct ini_events *events;
	const char *text;
	size_t size;
	size_t *starts; /* offset of each line, and of the end */
	uint32_t lines;
	char *clean; /* what inih gets: good lines only, as many as there were */
	size_t used;
	bool in_section;
	bool lost_section; /* its line is bad: what follows belongs nowhere */
};

static void fault(struct ini_file *f, uint32_t line, size_t column, const char *message)
{
	f->events->fault(f->events->user, (struct ini_place){ line, (uint32_t)column }, message);
}

/* ---- bytes ---- */

static const char *byte_fault(const unsigned char *s, size_t left, size_t *length)
{
	*length = text_utf8_length(s, left);
	if (*length == 0)
		return "this is not UTF-8";
	if (*s == '\0')
		return "a NUL byte";
	if ((*s < ' ' && *s != '\t') || *s == 0x7f)
		return "a control character";
	return NULL;
}

/* One fault a line is enough. */
static bool bytes_are_good(struct ini_file *f, uint32_t line, const char *s, size_t len)
{
	size_t length;

	if (len > INI_LONGEST_LINE) {
		fault(f, line, INI_LONGEST_LINE + 1,
			"the line is longer than 4096 bytes; a backslash at its end continues it");
		return false;
	}
	for (size_t i = 0; i < len; i += length) {
		const char *message = byte_fault((const unsigned char *)s + i, len - i, &length);

		if (message != NULL) {
			fault(f, line, i + 1, message);
			return false;
		}
	}
	return true;
}

/* ---- lines ---- */

static void index_lines(struct ini_file *f)
{
	size_t n = 1, i = 1;

	for (const char *p = f->text; (p = memchr(p, '\n', f->size - (size_t)(p - f->text))); p++)
		n++;
	f->starts = arena_array(&f->arena, n + 1, sizeof(*f->starts));
	for (const char *p = f->text; (p = memchr(p, '\n', f->size - (size_t)(p - f->text))); p++)
		f->starts[i++] = (size_t)(p + 1 - f->text);
	f->starts[n] = f->size + 1;
	f->lines = (uint32_t)n;
}

/* Line numbers begin at 1. The newline, and a carriage return before it, are not of the line. */
static const char *line_at(const struct ini_file *f, uint32_t line, size_t *len)
{
	const char *s = f->text + f->starts[line - 1];

	*len = f->starts[line] - 1 - f->starts[line - 1];
	if (*len > 0 && s[*len - 1] == '\r')
		--*len;
	/* A byte order mark. */
	if (line == 1 && *len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
		s += 3;
		*len -= 3;
	}
	return s;
}

static size_t blanks(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (s[n] == ' ' || s[n] == '\t'))
		n++;
	return n;
}

static bool is_comment(const char *s, size_t len)
{
	size_t indent = blanks(s, len);

	return indent < len && (s[indent] == '#' || s[indent] == ';');
}

/* An odd number of backslashes at the end: an even one is so many escaped backslashes. */
static bool is_continued(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[len - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

/*
 * The shape of a whole line, from its first character that is no blank. What inih would take in a way of
 * its own is refused: ":" in place of "=", an empty name, text behind "]".
 */
static const char *shape_fault(const char *s, size_t len, bool in_section, size_t *at)
{
	size_t name = 0;

	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	*at = 0;
	if (s[0] == '[') {
		const char *end = memchr(s, ']', len);

		*at = end != NULL ? (size_t)(end - s) + 1 : len;
		if (end == NULL)
			return "the section name has no \"]\" at its end";
		if (*at < len)
			return "there is something behind the \"]\"";
		*at = 1;
		if (end == s + 1)
			return "the section has no name";
		return len - 2 > INI_LONGEST_NAME ? "the section name is too long" : NULL;
	}
	while (name < len && s[name] != '\0' && strchr(NAME_CHARS, s[name]) != NULL)
		name++;
	*at = name + blanks(s + name, len - name);
	if (*at >= len || s[*at] != '=')
		return memchr(s, '=', len) == NULL
			? "this is neither [Section] nor Key=value: there is no \"=\""
			: "a key is made of letters and digits and followed by \"=\"";
	*at = 0;
	if (name == 0)
		return "there is no key before the \"=\"";
	if (name > INI_LONGEST_NAME)
		return "the key is too long";
	return in_section ? NULL : "a key stands before the first [Section]";
}

static void check_line(struct ini_file *f, uint32_t line, size_t indent, size_t start)
{
	const char *s = f->clean + start;
	size_t len = f->used - start, at;
	const char *message = shape_fault(s, len, f->in_section, &at);

	if (len > INI_LONGEST_JOINED && message == NULL) {
		at = 0;
		message = "the line is longer than 8000 bytes with its continuations";
	}
	if (message != NULL)
		fault(f, line, indent + at + 1, message);
	if (s[0] == '[')
		f->lost_section = message != NULL;
	if (message != NULL || f->lost_section)
		f->used = start;
}

/*
 * Puts the whole line that begins at `line` into the clean text and as many newlines as it has lines, so that
 * the line numbers of inih stay ours. Returns the line after it.
 */
static uint32_t join_line(struct ini_file *f, uint32_t line)
{
	uint32_t first = line;
	size_t start = f->used, len, indent;
	const char *s = line_at(f, line, &len);
	bool good = bytes_are_good(f, line, s, len), more;

	indent = blanks(s, len);
	if (is_comment(s, len) || indent == len)
		good = false;
	memcpy(f->clean + f->used, s + indent, len - indent);
	f->used += len - indent;
	more = !is_comment(s, len) && is_continued(s, len);
	while (more && line < f->lines) {
		size_t skip;

		f->clean[f->used - 1] = ' ';
		do {
			line++;
			s = line_at(f, line, &len);
			good = bytes_are_good(f, line, s, len) && good;
		} while (line < f->lines && is_comment(s, len));
		if (is_comment(s, len))
			break;
		skip = blanks(s, len);
		memcpy(f->clean + f->used, s + skip, len - skip);
		f->used += len - skip;
		more = is_continued(s, len);
	}
	if (more && f->used > start)
		f->clean[f->used - 1] = ' ';
	if (f->used > start && f->clean[start] == '[')
		f->in_section = f->lost_section = true;
	if (good)
		check_line(f, first, indent, start);
	else
		f->used = start;
	for (uint32_t i = first; i <= line; i++)
		f->clean[f->used++] = '\n';
	return line + 1;
}

struct ini_place ini_value_place(const struct ini_file *f, uint32_t line, size_t offset)
{
	size_t len, i;
	const char *s = line_at(f, line, &len);
	const char *equals = memchr(s, '=', len);

	i = equals != NULL ? (size_t)(equals - s) + 1 : 0;
	i += blanks(s + i, len - i);
	/* Walks over the lines as they were joined; the backslash is the blank between them. */
	while (offset > 0 || (i + 1 == len && is_continued(s, len))) {
		if (i + 1 < len || (i < len && !is_continued(s, len))) {
			i++;
			offset--;
			continue;
		}
		if (line >= f->lines || !is_continued(s, len))
			break;
		do
			s = line_at(f, ++line, &len);
		while (line < f->lines && is_comment(s, len));
		i = blanks(s, len);
		if (offset > 0)
			offset--;
	}
	return (struct ini_place){ line, (uint32_t)(s + i - (f->text + f->starts[line - 1])) + 1 };
}

/* ---- inih ---- */

static int on_line(void *user, const char *section, const char *name, const char *value, int lineno)
{
	struct ini_file *f = user;
	uint32_t line = (uint32_t)lineno;
	struct ini_place at = { line, 1 };
	size_t len;
	const char *s = line_at(f, line, &len);

	at.column += (uint32_t)blanks(s, len);
	if (name != NULL)
		f->events->entry(f->events->user, section, name, value, at);
	else
		f->events->section(f->events->user, section, at);
	return 1;
}

void ini_read(const char *text, size_t size, const struct ini_events *events,
	const struct ini_file **current)
{
	struct ini_file f = { .events = events, .text = text, .size = size };
	int bad;

	*current = &f;
	if (size > INI_TEXT_MAX) {
		events->fault(events->user, (struct ini_place){ 0, 0 },
			"the file is larger than 1 MiB");
		return;
	}
	index_lines(&f);
	/* A newline for each line, and the final NUL, besides what is there. */
	f.clean = arena_alloc(&f.arena, size + f.lines + 1);
	for (uint32_t line = 1; line <= f.lines;)
		line = join_line(&f, line);
	f.clean[f.used] = '\0';
	bad = ini_parse_string(f.clean, on_line, &f);
	/* No memory: as with the arena it is for the next supervisor to read the whole file, not for us to do without its rest. */
	if (bad == -2)
		abort();
	/* Nothing that passed the checks is a fault to inih; if it is, the file must not count as read. */
	if (bad != 0)
		fault(&f, bad > 0 ? (uint32_t)bad : 0, 0, "the line cannot be read");
	arena_free(&f.arena);
}
