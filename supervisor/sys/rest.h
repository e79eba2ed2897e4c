/*
 * Rest: what a boot, a start or an operator's question took is given back when it is over. A supervisor works for
 * seconds and then waits for months; log lines alone wake nothing of what rests.
 */
#ifndef SYS_REST_H
#define SYS_REST_H

struct err;
struct supervisor;

int rest_open(struct supervisor *s, struct err *e);
/* Something was done: rest follows when nothing more is for a while. */
void rest_soon(struct supervisor *s);

#endif
