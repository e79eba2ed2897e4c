#include "tests/sim/cells.h"

#include <inttypes.h>
#include <stdio.h>

int cells_write(const struct checker *c, const char *path)
{
	FILE *file = fopen(path, "w");

	if (file == NULL) {
		perror(path);
		return -1;
	}
	for (unsigned int s = 0; s < ST_COUNT; s++)
		for (unsigned int e = 0; e < EV_COUNT; e++)
			(void)fprintf(file, "%u %u %" PRIu64 "\n", s, e, c->cells[s][e]);
	if (fclose(file) != 0) {
		perror(path);
		return -1;
	}
	return 0;
}
