/*
 * The libc's printf family over core/text.c: the linker takes these for the libc's own, whose floating point and wide
 * characters nobody here needs. All others of the family (snprintf, fprintf, dprintf and their kin) call one of the two.
 */
#include "supervisor/core/text.h"

#include <stdio.h>
#include <stdlib.h>

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct text t = { .buf = buf, .size = size };

	text_vprintf(&t, fmt, ap);
	return (int)t.len;
}

/* In one piece, so that a line for people stays whole beside what others write. */
int vfprintf(FILE *file, const char *fmt, va_list ap)
{
	char some[1024], *all = NULL, *text = some;
	int n = vsnprintf(some, sizeof(some), fmt, ap);

	if ((size_t)n >= sizeof(some)) {
		text = all = malloc((size_t)n + 1);
		if (all == NULL)
			return -1;
		(void)vsnprintf(all, (size_t)n + 1, fmt, ap);
	}
	if (fwrite(text, 1, (size_t)n, file) != (size_t)n)
		n = -1;
	free(all);
	return n;
}
