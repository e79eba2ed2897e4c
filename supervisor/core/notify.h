/*
 * One datagram of sd_notify(3): lines of NAME=value. Pure; whatever it holds, parsing cannot fail.
 *
 * EXIT_STATUS= is for managers that run in another, and the words on descriptors (FDSTORE=, FDNAME=, BARRIER=) need none
 * of us to be told apart: they are passed over, descriptors are closed on receipt, which is all that BARRIER=1 asks for.
 */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include "supervisor/core/engine/engine.h"

#define NOTIFY_STATUS_MAX 128

/*
 * Words nobody knows, values that are not numbers and lines with an embedded NUL are passed over (in STATUS= it
 * becomes "?"). out->status points into `status`, cut to its size.
 */
void notify_parse(const char *data, size_t size, char status[NOTIFY_STATUS_MAX],
	struct notify *out);

#endif
