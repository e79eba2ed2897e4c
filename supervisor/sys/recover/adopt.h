/*
 * A supervisor begins where another one ended: it goes on with what that one kept, and no service notices.
 *
 * There is one way for a crash, `supctl reexec` and an upgrade. Four things tell what is: the state (keep.h), the roster, the
 * descriptors that init held, and the kernel's cgroups and interfaces. They are compared once; what cannot be explained is
 * ended and said, so that no service ever runs twice. Inside of sys/.
 */
#ifndef SYS_ADOPT_H
#define SYS_ADOPT_H

#include "supervisor/sys/recover/keep.h"

struct supervisor;

/* What the one before kept. False: there is nothing, or nothing that can be read, which is said. */
bool adopt_open(struct supervisor *s, struct kept_file *past);
/* With the set of units and a fresh engine of it in place: takes all over, and closes `past`. */
void adopt(struct supervisor *s, struct kept_file *past);
/* Nothing is known of what runs: ends it all, and takes away what it had. */
void adopt_nothing(struct supervisor *s);
/* So often in all; those that the journal does not know are told. */
void adopt_init_crashes(struct supervisor *s, unsigned int crashes);

#endif
