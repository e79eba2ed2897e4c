#include "init/words.h"

#include <stddef.h>
#include <string.h>

#include "common/paths.h"
#include "common/util.h"
#include "init/file.h"
#include "init/text.h"

#define CMDLINE_MAX 4096
#define REBOOT_DELAY_S 30
#define REBOOT_DELAY_MAX_S 86400
#define WATCHDOG_MAX_S 86400

struct word {
	const char *name;
	int (*set)(const struct word *, const char *value, struct words *);
	size_t offset; /* of a text in struct words */
};

static int set_text(const struct word *word, const char *value, struct words *w)
{
	char *field = (char *)w + word->offset;
	size_t len = strlen(value);

	if (len >= WORD_MAX)
		return -1;
	memcpy(field, value, len + 1);
	return 0;
}

static int set_path(const struct word *word, const char *value, struct words *w)
{
	return value[0] == '/' ? set_text(word, value, w) : -1;
}

static int set_log(const struct word *word, const char *value, struct words *w)
{
	(void)word;
	w->quiet = strcmp(value, "quiet") == 0;
	return w->quiet || strcmp(value, "normal") == 0 ? 0 : -1;
}

static int set_crash(const struct word *word, const char *value, struct words *w)
{
	static const char *const ends[] = {
		[CRASH_REBOOT] = "reboot", [CRASH_RESCUE] = "rescue", [CRASH_HOLD] = "hold"
	};

	(void)word;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		if (strcmp(value, ends[i]) != 0)
			continue;
		w->crash = (enum crash_end)i;
		return 0;
	}
	return -1;
}

static int set_reboot_delay(const struct word *word, const char *value, struct words *w)
{
	(void)word;
	return text_number(value, REBOOT_DELAY_MAX_S, &w->reboot_delay_s);
}

static int set_watchdog(const struct word *word, const char *value, struct words *w)
{
	(void)word;
	if (strcmp(value, "off") == 0)
		value = "0";
	return text_number(value, WATCHDOG_MAX_S, &w->watchdog_s);
}

static const struct word table[] = {
	{ "sup.crash", set_crash, 0 },
	{ "sup.hostname", set_text, offsetof(struct words, hostname) },
	{ "sup.log", set_log, 0 },
	{ "sup.reboot-delay", set_reboot_delay, 0 },
	{ "sup.rescue", set_path, offsetof(struct words, rescue) },
	{ "sup.supervisor", set_path, offsetof(struct words, supervisor) },
	{ "sup.var", set_path, offsetof(struct words, var) },
	{ "sup.watchdog", set_watchdog, 0 },
};

static void take_word(char *text, struct words *w, const struct console *c)
{
	char *value = strchr(text, '=');

	if (value == NULL)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(text, table[i].name) == 0 && table[i].set(&table[i], value, w) < 0)
			console_say(c, "kernel command line: %s=%s cannot be used, see init(8)",
				text, value);
}

void words_default(struct words *w)
{
	static const char supervisor[] = PATH_SUPERVISOR;

	memset(w, 0, sizeof(*w));
	memcpy(w->supervisor, supervisor, sizeof(supervisor));
	w->reboot_delay_s = REBOOT_DELAY_S;
	w->watchdog_s = -1;
}

void words_parse(struct words *w, char *line, const struct console *c)
{
	char *word;

	while ((word = text_word(&line)) != NULL)
		take_word(word, w, c);
}

void words_read(struct words *w, const struct console *c)
{
	char line[CMDLINE_MAX];

	if (file_read("/proc/cmdline", line, sizeof(line)) < 0) {
		console_say(c, "/proc/cmdline: %m, going on with the defaults");
		return;
	}
	words_parse(w, line, c);
}
