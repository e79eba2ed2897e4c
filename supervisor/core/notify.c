#include "supervisor/core/notify.h"

#include "common/util.h"
#include "supervisor/core/number.h"

#include <string.h>

#define VALUE_MAX 256

enum shape { WORD_FLAG, WORD_NUMBER, WORD_POSITIVE, WORD_ACCESS };

static const struct word {
	const char *name;
	const char *value; /* WORD_FLAG: the one value that sets it */
	enum shape shape;
	size_t offset;
} words[] = {
	{ "READY", "1", WORD_FLAG, offsetof(struct notify, ready) },
	{ "RELOADING", "1", WORD_FLAG, offsetof(struct notify, reloading) },
	{ "STOPPING", "1", WORD_FLAG, offsetof(struct notify, stopping) },
	{ "WATCHDOG", "1", WORD_FLAG, offsetof(struct notify, watchdog) },
	{ "WATCHDOG", "trigger", WORD_FLAG, offsetof(struct notify, watchdog_trigger) },
	{ "WATCHDOG_USEC", NULL, WORD_NUMBER, offsetof(struct notify, watchdog_usec) },
	{ "EXTEND_TIMEOUT_USEC", NULL, WORD_NUMBER, offsetof(struct notify, extend_timeout) },
	{ "MAINPID", NULL, WORD_POSITIVE, offsetof(struct notify, main_pid) },
	{ "ERRNO", NULL, WORD_POSITIVE, offsetof(struct notify, error) },
	{ "MONOTONIC_USEC", NULL, WORD_NUMBER, offsetof(struct notify, at) },
	{ "NOTIFYACCESS", NULL, WORD_ACCESS, offsetof(struct notify, access) },
};

static void take_access(const char *value, int32_t *access)
{
	static const char *const names[] = {
		[ACCESS_NONE] = "none",
		[ACCESS_MAIN] = "main",
		[ACCESS_EXEC] = "exec",
		[ACCESS_ALL] = "all",
	};

	for (size_t i = ACCESS_NONE; i < ARRAY_LEN(names); i++)
		if (strcmp(value, names[i]) == 0)
			*access = (int32_t)i;
}

static void take_word(const struct word *w, const char *value, struct notify *out)
{
	void *field = (char *)out + w->offset;
	uint64_t number;

	if (w->shape == WORD_FLAG) {
		if (strcmp(value, w->value) == 0)
			*(bool *)field = true;
	} else if (w->shape == WORD_ACCESS) {
		take_access(value, field);
	} else if (number_u64(value, &number) == 0) {
		if (w->shape == WORD_NUMBER)
			*(uint64_t *)field = number;
		else if (number > 0 && number <= INT32_MAX)
			*(int32_t *)field = (int32_t)number;
	}
}

/* The text goes to terminals and logs: nothing that could move a cursor. */
static void take_status(const char *value, size_t n, char *status, struct notify *out)
{
	size_t i;

	for (i = 0; i < n && i < NOTIFY_STATUS_MAX - 1; i++) {
		unsigned char c = (unsigned char)value[i];

		status[i] = c < ' ' || c == 0x7f ? '?' : value[i];
	}
	status[i] = '\0';
	out->status = status;
}

static void take_line(const char *line, size_t n, char *status, struct notify *out)
{
	const char *equals = memchr(line, '=', n);
	size_t name, rest;
	char value[VALUE_MAX];

	if (equals == NULL)
		return;
	name = (size_t)(equals - line);
	rest = n - name - 1;
	if (name == strlen("STATUS") && memcmp(line, "STATUS", name) == 0) {
		take_status(equals + 1, rest, status, out);
		return;
	}
	if (rest >= sizeof(value))
		return;
	memcpy(value, equals + 1, rest);
	value[rest] = '\0';
	if (strlen(value) != rest)
		return;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i].name) == name && memcmp(words[i].name, line, name) == 0)
			take_word(&words[i], value, out);
}

void notify_parse(const char *data, size_t size, char status[NOTIFY_STATUS_MAX], struct notify *out)
{
	size_t at = 0;

	*out = (struct notify){ .watchdog_usec = UINT64_MAX };
	while (at < size) {
		const char *end = memchr(data + at, '\n', size - at);
		size_t n = end != NULL ? (size_t)(end - data) - at : size - at;

		take_line(data + at, n, status, out);
		at += n + 1;
	}
}
