#include "supervisor/sys/supervisor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
	log_write(&s->journal, line);
	if (unit != NULL) {
		struct unit_set *set = s->set;
		int index = set != NULL ? unit_set_find(set, unit) : -1;

		if (index >= 0 && s->instances[index] != NULL && s->instances[index]->has_logs)
			log_write(&s->instances[index]->log, text);
	}
	if (level <= LOG_LEVEL_WARNING && s->console >= 0)
		(void)dprintf(s->console, "sup: %s\n", line);
}
