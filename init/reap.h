/*
 * The one reaper. Every process that ends on the machine without another parent comes by here; those
 * the roster names get their status written, the rest are counted.
 */
#ifndef INIT_REAP_H
#define INIT_REAP_H

struct init;

/* Reaps all that have ended by now. */
void reap_all(struct init *init);

#endif
