/* What is mounted where, as the kernel tells it. */
#ifndef SYS_MOUNTED_H
#define SYS_MOUNTED_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mounted {
	dev_t device;
	char type[32];
	char source[PATH_MAX];
};

/* What is at this place (without links), the last that was mounted there; m may be NULL. */
bool mounted_at(const char *place, struct mounted *m);
/* Something that is mounted below it. */
bool mounted_below(const char *place, char *below, size_t size);

#endif
