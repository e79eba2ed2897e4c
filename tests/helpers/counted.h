/* What counter writes and tally knows again. */
#ifndef TESTS_HELPERS_COUNTED_H
#define TESTS_HELPERS_COUNTED_H

/* Of a line: one that was torn, or put together of two, has another. */
static inline unsigned long counted_sum(unsigned long life, unsigned long line)
{
	return (life * 2654435761UL ^ line * 40503UL) & 0xffffffffUL;
}

#endif
