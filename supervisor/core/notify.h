/* One datagram of sd_notify(3): lines of NAME=value. Pure; whatever it holds, parsing cannot fail. */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include "supervisor/core/engine.h"

#define NOTIFY_STATUS_MAX 128

/*
 * Words nobody knows, values that are not numbers and lines with an embedded NUL are passed over (in STATUS= it
 * becomes "?"). out->status points into `status`, cut to its size.
 */
void notify_parse(const char *data, size_t size, char status[NOTIFY_STATUS_MAX],
	struct notify *out);

#endif
