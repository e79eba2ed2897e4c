/*
 * Where policies come from: the default profile of containers, and systemd's words in [Service]. That of a file of
 * SeccompProfile= is read by sys/unit/profile.c.
 */
#ifndef CORE_SECCOMP_PROFILE_H
#define CORE_SECCOMP_PROFILE_H

#include "supervisor/core/seccomp/program.h"
#include "supervisor/core/unit/unit.h"

/*
 * As the container engines' default profiles, for who has these capabilities; stricter where that keeps a hole shut: no
 * user namespace and no key ring, and no terminal input or selection that others would read.
 */
void seccomp_default(struct seccomp_policy *p, uint64_t capabilities, struct arena *a);

/* Whether keys of [Service] make a filter: those of filters, or those of the sandbox that imply one. */
bool seccomp_has_keys(const struct service_section *s);
/* Whether those of filters do: then there is no start without one. */
bool seccomp_is_asked(const struct service_section *s);
/* Those keys as they stand in a file, a line each, in the arena. */
const char *seccomp_keys(const struct unit *u, struct arena *a);
/* What they say, systemd.exec(5). Calls of the group @default are in each list of what is allowed. */
void seccomp_service(struct seccomp_policy *p, const struct service_section *s, struct arena *a);

#endif
