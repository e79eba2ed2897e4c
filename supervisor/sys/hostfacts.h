/* What the specifiers of the host stand for, as the host says it now. */
#ifndef SYS_HOSTFACTS_H
#define SYS_HOSTFACTS_H

#include "supervisor/core/unitset.h"

/* The strings are in the arena. */
void host_facts(struct arena *a, struct specifier_facts *facts);

#endif
