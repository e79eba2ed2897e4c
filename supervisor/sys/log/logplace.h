/*
 * A place in a log that a reader can come back to after the supervisor was started again: the file, by its inode number so
 * that rotation does not matter, the offset in it, and a sum of the bytes before that, since the number of a file that is gone
 * may be given to another one.
 */
#ifndef SYS_LOGPLACE_H
#define SYS_LOGPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGPLACE_TEXT_MAX 64

struct logplace {
	uint64_t file, at, sum;
};

/* Where the log ends now. */
struct logplace logplace_end(int dir, const char *name);
void logplace_print(const struct logplace *p, char text[LOGPLACE_TEXT_MAX]);
/* False: it is none. */
bool logplace_parse(struct logplace *p, const char *text);
/*
 * What was written after it, malloc'd, NULL when there is nothing. *whole false: the place is not there any more, and this is
 * all that is.
 */
char *logplace_after(int dir, const char *name, const struct logplace *p, size_t *n, bool *whole);

#endif
