/* Which cells of the table of rules were reached: noted by each program of this folder, summed up by `cells`. */
#ifndef TESTS_SIM_CELLS_H
#define TESTS_SIM_CELLS_H

#include "tests/sim/checker.h"

/* The cells as lines "state event count" in the file of this name. 0 or -1, said on stderr. */
int cells_write(const struct checker *c, const char *path);

#endif
