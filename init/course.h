/*
 * How far init with a command has come: what the next process image needs to go on when this one crashes, as one word
 * of its command line.
 */
#ifndef INIT_COURSE_H
#define INIT_COURSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/orders.h"
#include "init/text.h"

struct course {
	struct orders orders;
	int pid; /* of the command; 0: not started */
	int crashes;
	int over;         /* the command has ended */
	int status;       /* its wait(2) status then */
	size_t told;      /* see others.h */
	uint64_t term_ns; /* when SIGTERM is passed on, CLOCK_NEVER: none waits */
};

#define COURSE_WORD (2 * sizeof(struct course) + 1)

void course_write(const struct course *c, struct text *t);
/* False: nobody has written that, or the command is no child of ours. */
bool course_read(struct course *c, const char *word);

#endif
