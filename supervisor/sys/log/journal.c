#include "supervisor/sys/supervisor.h"

#include "common/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * A serial line whose flow control is stuck, or a terminal that somebody has stopped, costs the message and not the
 * supervisor: the console is opened anew without blocking, as init does. In a container there is only stderr.
 */
static void console_say(const struct supervisor *s, const char *who, const char *line)
{
	cleanup_fd int fd = open("/dev/console", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct pollfd ready = { .fd = s->console, .events = POLLOUT };

	if (fd < 0 && poll(&ready, 1, 0) <= 0)
		return;
	(void)dprintf(fd >= 0 ? fd : s->console, "%s: %s\n", who, line);
}

/* What a service or a file name brought along must not begin a line of its own, nor steer the terminal. */
static void defuse(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

/*
 * Every word goes to the supervisor's log and to that of the unit it is about; warnings and errors also to the
 * console, where somebody with a serial cable reads them.
 */
void journal(struct supervisor *s, enum log_level level, const char *unit, const char *fmt, ...)
{
	char line[ERR_MSG_MAX + UNIT_NAME_MAX + 16], *text = line;
	size_t used = 0;
	va_list ap;
	int n;

	if (unit != NULL) {
		n = snprintf(line, sizeof(line), "%s: ", unit);
		used = (size_t)n;
		text = line + used;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(line) - used, fmt, ap);
	va_end(ap);
	defuse(text);
	log_write(&s->journal, line);
	if (unit != NULL) {
		struct unit_set *set = s->set;
		int index = set != NULL ? unit_set_find(set, unit) : -1;

		if (index >= 0 && s->instances[index] != NULL && s->instances[index]->has_logs)
			log_write(&s->instances[index]->log, text);
	}
	if (level <= LOG_LEVEL_WARNING && s->console >= 0)
		console_say(s, "sup", line);
}

/* A line of a service, StandardOutput=journal+console. */
void journal_err(struct supervisor *s, enum log_level level, const char *unit, const struct err *e)
{
	journal(s, level, unit, "%s", e->msg);
}

void journal_service(void *data, const char *unit, const char *text, size_t n)
{
	const struct supervisor *s = data;
	char line[LOG_LINE_MAX + 1];

	if (s->console < 0)
		return;
	(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
	defuse(line);
	console_say(s, unit, line);
}

void journal_trouble(void *data, const char *unit, int error)
{
	journal(data, LOG_LEVEL_WARNING, NULL,
		"the log of %s cannot be written: %s; lines wait for it, then they are counted and dropped",
		unit, strerror(error));
}

void journal_console(struct supervisor *s, const char *fmt, ...)
{
	char line[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	defuse(line);
	log_write(&s->journal, line);
	if (s->console >= 0)
		console_say(s, "sup", line);
}
