#include "supervisor/core/unit/specifiers.h"

#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/words.h"

#include <stdio.h>
#include <string.h>

/* ---- the name of the unit ---- */

struct names {
	const char *unit, *dot;
	const char *prefix_end; /* the "@" or the dot */
	const char *instance;   /* NULL: none */
};

static struct names names_of(const char *unit)
{
	struct names n = { .unit = unit, .dot = strrchr(unit, '.') };
	const char *at = memchr(unit, '@', (size_t)(n.dot - unit));

	n.prefix_end = at != NULL ? at : n.dot;
	n.instance = at != NULL ? at + 1 : NULL;
	return n;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

/* "-" stands for "/", \x2d for "-": systemd-escape(1). Returns what is wrong, or NULL. */
static const char *unescape(struct text *t, const char *s, const char *end)
{
	for (; s < end; s++) {
		int high, low;
		char byte = *s == '-' ? '/' : *s;

		if (*s == '\\') {
			high = end - s > 3 && s[1] == 'x' ? hex_value(s[2]) : -1;
			low = high >= 0 ? hex_value(s[3]) : -1;
			if (low < 0)
				return "the name has a backslash that begins no escape such as \\x2d";
			byte = (char)(high << 4 | low);
			s += 3;
		}
		if ((unsigned char)byte < ' ' || byte == 0x7f)
			return "the name has an escape of a control character";
		text_put(t, &byte, 1);
	}
	return NULL;
}

static bool is_utf8(const char *s)
{
	for (size_t left = strlen(s), n; left > 0; s += n, left -= n) {
		n = text_utf8_length((const unsigned char *)s, left);
		if (n == 0)
			return false;
	}
	return true;
}

/* The name as a path: "/" before it, and nothing that leads elsewhere. */
static const char *unescape_path(struct text *t, const char *s, const char *end)
{
	const char *wrong;

	text_puts(t, "/");
	if (end - s == 1 && *s == '-')
		return NULL;
	if (s == end || *s == '-' || end[-1] == '-')
		return "the name is not that of a path";
	wrong = unescape(t, s, end);
	if (wrong == NULL && t->len < t->size &&
		(strstr(t->buf, "//") != NULL || strstr(t->buf, "/./") != NULL ||
			strstr(t->buf, "/../") != NULL))
		return "the name is not that of a path";
	return wrong;
}

static const char *put_unit(struct text *t, const struct specifier_scope *scope)
{
	text_puts(t, scope->unit);
	return NULL;
}

static const char *put_stem(struct text *t, const struct specifier_scope *scope)
{
	text_put(t, scope->unit, (size_t)(names_of(scope->unit).dot - scope->unit));
	return NULL;
}

static const char *put_prefix(struct text *t, const struct specifier_scope *scope)
{
	text_put(t, scope->unit, (size_t)(names_of(scope->unit).prefix_end - scope->unit));
	return NULL;
}

static const char *put_plain_prefix(struct text *t, const struct specifier_scope *scope)
{
	return unescape(t, scope->unit, names_of(scope->unit).prefix_end);
}

static const char *put_instance(struct text *t, const struct specifier_scope *scope)
{
	struct names n = names_of(scope->unit);

	if (n.instance != NULL)
		text_put(t, n.instance, (size_t)(n.dot - n.instance));
	return NULL;
}

static const char *put_plain_instance(struct text *t, const struct specifier_scope *scope)
{
	struct names n = names_of(scope->unit);

	return n.instance != NULL ? unescape(t, n.instance, n.dot) : NULL;
}

/* Of the prefix "a-b-c": "c". */
static const char *last_part(const struct names *n)
{
	const char *dash = memrchr(n->unit, '-', (size_t)(n->prefix_end - n->unit));

	return dash != NULL ? dash + 1 : n->unit;
}

static const char *put_last(struct text *t, const struct specifier_scope *scope)
{
	struct names n = names_of(scope->unit);

	text_put(t, last_part(&n), (size_t)(n.prefix_end - last_part(&n)));
	return NULL;
}

static const char *put_plain_last(struct text *t, const struct specifier_scope *scope)
{
	struct names n = names_of(scope->unit);

	return unescape(t, last_part(&n), n.prefix_end);
}

static const char *put_path_of_name(struct text *t, const struct specifier_scope *scope)
{
	struct names n = names_of(scope->unit);

	return n.instance != NULL ? unescape_path(t, n.instance, n.dot)
				  : unescape_path(t, n.unit, n.prefix_end);
}

/* ---- its file ---- */

static const char *put_file(struct text *t, const struct specifier_scope *scope)
{
	if (scope->file == NULL)
		return "this unit has no file";
	text_puts(t, scope->file);
	return NULL;
}

static const char *put_folder(struct text *t, const struct specifier_scope *scope)
{
	const char *slash = scope->file != NULL ? strrchr(scope->file, '/') : NULL;

	if (scope->file == NULL)
		return "this unit has no file";
	if (slash == NULL)
		text_puts(t, ".");
	else
		text_put(t, scope->file, slash == scope->file ? 1 : (size_t)(slash - scope->file));
	return NULL;
}

/* ---- the host ---- */

static const char *put_short_host_name(struct text *t, const struct specifier_scope *scope)
{
	const char *name = scope->facts != NULL ? scope->facts->host_name : NULL;

	if (name == NULL)
		return "this host has none";
	text_put(t, name, strcspn(name, "."));
	return NULL;
}

/* $CREDENTIALS_DIRECTORY */
static const char *put_credentials(struct text *t, const struct specifier_scope *scope)
{
	text_printf(t, PATH_CREDENTIALS "/%s", scope->unit);
	return NULL;
}

/* ---- all of them ---- */

#define FACT(m) .fact = offsetof(struct specifier_facts, m) + 1

/* One of: a text that is the same everywhere, a function, a member of the facts (its offset, and 1). */
static const struct specifier {
	char letter;
	uint8_t fact;
	char text[14];
	const char *(*put)(struct text *t, const struct specifier_scope *scope);
} specifiers[] = {
	{ '%', .text = "%" },
	{ 't', .text = "/run" },
	{ 'S', .text = "/var/lib" },
	{ 'C', .text = "/var/cache" },
	{ 'L', .text = "/var/log" },
	{ 'E', .text = "/etc" },
	{ 'D', .text = "/usr/share" },
	{ 'T', .text = "/tmp" },
	{ 'V', .text = "/var/tmp" },
	{ 'u', .text = "root" },
	{ 'U', .text = "0" },
	{ 'g', .text = "root" },
	{ 'G', .text = "0" },
	{ 'h', .text = "/root" },
	{ 's', .text = "/bin/sh" },
	{ 'n', .put = put_unit },
	{ 'N', .put = put_stem },
	{ 'p', .put = put_prefix },
	{ 'P', .put = put_plain_prefix },
	{ 'i', .put = put_instance },
	{ 'I', .put = put_plain_instance },
	{ 'j', .put = put_last },
	{ 'J', .put = put_plain_last },
	{ 'f', .put = put_path_of_name },
	{ 'y', .put = put_file },
	{ 'Y', .put = put_folder },
	{ 'l', .put = put_short_host_name },
	{ 'd', .put = put_credentials },
	{ 'H', FACT(host_name) },
	{ 'q', FACT(pretty_host_name) },
	{ 'm', FACT(machine_id) },
	{ 'b', FACT(boot_id) },
	{ 'v', FACT(kernel) },
	{ 'a', FACT(architecture) },
	{ 'o', FACT(os_id) },
	{ 'w', FACT(os_version) },
	{ 'W', FACT(os_variant) },
	{ 'B', FACT(os_build) },
	{ 'M', FACT(image_id) },
	{ 'A', FACT(image_version) },
};

static const struct specifier *find(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(specifiers); i++)
		if (specifiers[i].letter == letter)
			return &specifiers[i];
	return NULL;
}

static const char *put_fact(struct text *t, const struct specifier *s,
	const struct specifier_scope *scope)
{
	const char *const *fact = NULL;

	if (scope->facts != NULL)
		fact = (const void *)((const char *)scope->facts + s->fact - 1);
	if (fact == NULL || *fact == NULL)
		return "this host has none";
	text_puts(t, *fact);
	return NULL;
}

/* What one specifier stands for, in `out`; returns what is wrong. */
static const char *put_specifier(char out[WORD_LINE_MAX], const struct specifier *s,
	const struct specifier_scope *scope)
{
	struct text t = { out, WORD_LINE_MAX, 0 };
	const char *wrong = NULL;

	out[0] = '\0';
	if (s->text[0] != '\0')
		text_puts(&t, s->text);
	else if (s->put != NULL)
		wrong = s->put(&t, scope);
	else
		wrong = put_fact(&t, s, scope);
	if (wrong == NULL && !is_utf8(out))
		wrong = "the name has an escape that is not UTF-8";
	return wrong;
}

/* What a line of words would take for more than a character stands there as an escape. */
static void put_escaped(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		if (strchr(" \"'\\;", *s) != NULL)
			text_printf(t, "\\x%02x", (unsigned int)(unsigned char)*s);
		else
			text_put(t, s, 1);
}

const char *specifiers_expand(struct arena *a, const struct specifier_scope *scope,
	const char *value, bool quoted, char *why, size_t why_size, size_t *at)
{
	const char *rest = value, *percent, *wrong;
	char buf[WORD_LINE_MAX], one[WORD_LINE_MAX];
	struct text t = { buf, sizeof(buf), 0 };

	if (strchr(value, '%') == NULL)
		return value;
	for (; (percent = strchr(rest, '%')) != NULL; rest = percent + 2) {
		const struct specifier *s = percent[1] != '\0' ? find(percent[1]) : NULL;

		text_put(&t, rest, (size_t)(percent - rest));
		*at = (size_t)(percent - value);
		if (s == NULL) {
			(void)snprintf(why, why_size,
				"\"%%\" begins a specifier such as %%n; write \"%%%%\" for a percent sign");
			return NULL;
		}
		wrong = put_specifier(one, s, scope);
		if (wrong != NULL) {
			(void)snprintf(why, why_size, "%%%c: %s", s->letter, wrong);
			return NULL;
		}
		if (quoted)
			put_escaped(&t, one);
		else
			text_puts(&t, one);
	}
	text_puts(&t, rest);
	*at = 0;
	if (t.len >= sizeof(buf)) {
		(void)snprintf(why, why_size, "the value is too long with its specifiers");
		return NULL;
	}
	return arena_strndup(a, buf, t.len);
}
