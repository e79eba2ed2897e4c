#include "tests/sim/random.h"

void dice_seed(struct dice *d, uint64_t seed)
{
	d->state = seed;
}

/* splitmix64 of Sebastiano Vigna: each seed a stream of its own, neighbours far apart. */
static uint64_t next(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t dice_roll(struct dice *d, uint32_t sides)
{
	return sides == 0 ? 0 : (uint32_t)((next(d) >> 32) * sides >> 32);
}

uint64_t dice_time(struct dice *d, uint64_t most)
{
	return most == 0 ? 0 : next(d) % most;
}

bool dice_permille(struct dice *d, uint32_t permille)
{
	return dice_roll(d, 1000) < permille;
}
