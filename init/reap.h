/*
 * The one reaper. Every process that ends on the machine without another parent comes by here; those
 * the roster names get their status written, the rest are counted.
 */
#ifndef INIT_REAP_H
#define INIT_REAP_H

#include <stdbool.h>

struct init;

/*
 * Reaps what has ended by now. True when it stopped before the last, so that a storm of orphans cannot
 * keep init from its other work: it is to be called again soon.
 */
bool reap_ended(struct init *init);

#endif
