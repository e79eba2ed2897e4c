/* The few switches that only /proc/sys has. */
#ifndef SYS_NET_SYSCTL_H
#define SYS_NET_SYSCTL_H

#include "common/err.h"

#include <stdbool.h>

/* 1: it was another one before. family: "ipv4", "ipv6"; name: an interface's, or NULL for the family's own keys. */
int sysctl_net(const char *family, const char *name, const char *key, const char *value,
	struct err *e);
/* Whether it has that value; false with *e when it is not there. */
bool sysctl_net_is(const char *family, const char *name, const char *key, const char *value,
	struct err *e);
/* A number becomes this one at least, where it is there and ours to change. */
void sysctl_net_raise(const char *family, const char *key, const char *value);

#endif
