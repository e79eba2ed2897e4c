/* Users and groups of the host, by name or number, as its /etc/passwd and /etc/group have them. */
#ifndef SYS_ACCOUNT_H
#define SYS_ACCOUNT_H

#include "common/err.h"
#include "supervisor/core/plan/passwd.h"

/* `user` NULL: root; `group` NULL: the user's own. -1 with the reason. A file that is missing is an empty one. */
int account_find(struct identity *id, const char *user, const char *group, struct err *e);

#endif
