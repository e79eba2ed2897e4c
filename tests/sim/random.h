/* The dice of a run: the same seed always rolls the same. */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

void dice_seed(struct dice *d, uint64_t seed);
/* 0 .. sides - 1; 0 for no sides. */
uint32_t dice_roll(struct dice *d, uint32_t sides);
uint64_t dice_time(struct dice *d, uint64_t most);
/* True in so many of a thousand cases. */
bool dice_permille(struct dice *d, uint32_t permille);

#endif
