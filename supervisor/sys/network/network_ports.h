/*
 * Who has which port of the host: a unit has those of its PublishPort= that were free when it asked, until it stops or no longer
 * wants them. All of it is on file before the rules say so, and so the next supervisor takes none away.
 */
#ifndef SYS_NETWORK_PORTS_H
#define SYS_NETWORK_PORTS_H

#include "supervisor/sys/supervisor.h"

/* For a start: all that it wants, or a failure that says who has the first that is not to be had. 1: there are new ones. */
int ports_claim(struct instance *inst, struct err *e);
/* Whatever else is free by now, for all that have a network; what is refused is said when asked for. True: something changed. */
bool ports_settle(struct supervisor *s, bool says);
/* Those of one whose network is gone. True: others have waited for them, and have them now. */
bool ports_release(struct instance *inst);
/* After a crash, when all networks are found again. */
void ports_adopt(struct supervisor *s);

#endif
