/* Units by a shell pattern: supctl stop 'worker@*'. */
#ifndef SUPCTL_MATCH_H
#define SUPCTL_MATCH_H

#include "supctl/supctl.h"

/* Its full name is what the pattern says, or its name without the ending. */
bool match_unit(const char *pattern, const char *name);
/* Says that no unit matches; returns the exit status for it. */
int match_nothing(const char *pattern);
/*
 * Full names of the units that there are and that match, as strings; a word that is no pattern is its own only name. NULL:
 * none does or nobody answers, one line was printed and *status is set.
 */
json_t *match_names(struct context *c, const char *word, int *status);

#endif
