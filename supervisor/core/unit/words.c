#include "supervisor/core/unit/words.h"

#include <stdint.h>
#include <string.h>

#define BLANKS " \t\n\r"

/* One escape letter and what it stands for. */
static const char escape_letters[] = "abfnrtv\\\"'s";
static const char escape_values[] = "\a\b\f\n\r\t\v\\\"' ";
_Static_assert(sizeof(escape_letters) == sizeof(escape_values), "a value for each letter");

static int digit_value(char c, int base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	return v < base ? v : -1;
}

/* Exactly n digits; -1 when one is missing. */
static int64_t read_digits(const char *s, int n, int base)
{
	int64_t value = 0;

	for (int i = 0; i < n; i++) {
		int digit = digit_value(s[i], base);

		if (digit < 0)
			return -1;
		value = value * base + digit;
	}
	return value;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \xHH, \uHHHH, \UHHHHHHHH, \OOO: how many digits, in which base. */
static int64_t numeric_escape(const char *s, int *length)
{
	static const struct {
		char letter;
		int digits;
	} forms[] = { { 'x', 2 }, { 'u', 4 }, { 'U', 8 } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (s[0] == forms[i].letter) {
			*length = 1 + forms[i].digits;
			return read_digits(s + 1, forms[i].digits, 16);
		}
	*length = 3;
	return read_digits(s, 3, 8);
}

/*
 * The escape behind a backslash at s: writes 1..4 bytes and returns how many characters it took;
 * -1 for a NUL byte. What is no escape is written with its backslash.
 */
static int unescape(const char *s, char *out, size_t *used)
{
	const char *letter = *s != '\0' ? strchr(escape_letters, *s) : NULL;
	int64_t value;
	int length;

	if (letter != NULL) {
		out[(*used)++] = escape_values[letter - escape_letters];
		return 1;
	}
	value = numeric_escape(s, &length);
	if (value == 0)
		return -1;
	if (value < 0 || value > 0x10ffff || (length == 3 && value > 255)) {
		out[(*used)++] = '\\';
		return 0;
	}
	if (s[0] == 'u' || s[0] == 'U')
		*used += put_utf8(out + *used, (uint32_t)value);
	else
		out[(*used)++] = (char)value;
	return length;
}

const char *text_unescape(struct arena *a, const char *text)
{
	char *out = arena_alloc(a, strlen(text) + 1);
	size_t used = 0;

	for (; *text != '\0'; text++) {
		int taken = 0;

		if (*text != '\\')
			out[used++] = *text;
		else
			taken = unescape(text + 1, out, &used);
		if (taken < 0)
			return NULL;
		text += taken;
	}
	return out;
}

int word_next(struct arena *a, const char *line, size_t *pos, struct word *word)
{
	size_t i = *pos + strspn(line + *pos, BLANKS);
	size_t used = 0, quote_at = 0;
	char quote = '\0';
	char out[WORD_LINE_MAX];

	word->at = i;
	word->plain = true;
	if (line[i] == '\0')
		return 0;
	/* No escape becomes longer than it is written, so a line that fits has only words that fit. */
	if (strlen(line + i) >= sizeof(out))
		return -1;
	for (; line[i] != '\0' && (quote != '\0' || strchr(BLANKS, line[i]) == NULL); i++) {
		if (line[i] == '\\') {
			int taken = unescape(line + i + 1, out, &used);

			if (taken < 0) {
				word->at = i;
				return -1;
			}
			word->plain = false;
			i += (size_t)taken;
		} else if (line[i] == quote) {
			quote = '\0';
		} else if (quote == '\0' && (line[i] == '"' || line[i] == '\'')) {
			quote = line[i];
			quote_at = i;
			word->plain = false;
		} else {
			out[used++] = line[i];
		}
	}
	if (quote != '\0') {
		word->at = quote_at;
		return -1;
	}
	word->text = arena_strndup(a, out, used);
	*pos = i;
	return 1;
}

/* An escape can make bytes that no file may have as they are. */
static bool is_utf8(const char *word)
{
	size_t left = strlen(word);

	for (size_t n; left > 0; word += n, left -= n) {
		n = text_utf8_length((const unsigned char *)word, left);
		if (n == 0)
			return false;
	}
	return true;
}

static bool needs_quotes(const char *word)
{
	/* A line that begins with a bracket may be read as a list in JSON. */
	if (*word == '\0' || *word == '[' || strcmp(word, ";") == 0)
		return true;
	for (const char *p = word; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("\"'\\", *p) != NULL)
			return true;
	return false;
}

void word_put(struct text *t, const char *word)
{
	bool utf8 = is_utf8(word);

	if (utf8 && !needs_quotes(word)) {
		text_puts(t, word);
		return;
	}
	text_puts(t, "\"");
	for (const char *p = word; *p != '\0'; p++) {
		const char *value = strchr(escape_values, *p);

		if (*p != ' ' && *p != '\'' && value != NULL)
			text_printf(t, "\\%c", escape_letters[value - escape_values]);
		else if ((unsigned char)*p < ' ' || *p == 0x7f || (!utf8 && (*p & 0x80) != 0))
			text_printf(t, "\\x%02x", (unsigned int)(unsigned char)*p);
		else
			text_put(t, p, 1);
	}
	text_puts(t, "\"");
}
