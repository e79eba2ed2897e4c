#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 3, 0)))
format_message(struct err *e, int no, const char *fmt, va_list ap)
{
	size_t used;

	e->no = no;
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	used = strlen(e->msg);
	if (no != 0)
		(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", strerror(no));
}

int err_set(struct err *e, const char *fmt, ...)
{
	int no = errno;
	va_list ap;

	va_start(ap, fmt);
	format_message(e, no, fmt, ap);
	va_end(ap);
	return -1;
}

int err_set_no(struct err *e, int no, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format_message(e, no, fmt, ap);
	va_end(ap);
	return -1;
}

int err_setx(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format_message(e, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char inner[ERR_MSG_MAX];
	size_t used;
	va_list ap;

	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	used = strlen(e->msg);
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", inner);
	return -1;
}
