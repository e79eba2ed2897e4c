/* Files of the host that are read or written as a whole. One that is no regular file (a FIFO, a device) holds nobody up. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include "common/err.h"
#include "supervisor/core/arena.h"

/*
 * The text of the file, in the arena and ended by a NUL, *n bytes without that. NULL with the reason, "WHATPATH: ...", e->no
 * the errno; also where it is no regular file or has more than `most` bytes. flags: O_NOFOLLOW, or 0.
 */
char *file_read(struct arena *a, const char *what, const char *path, int flags, size_t most,
	size_t *n, struct err *e);
/*
 * The file of that name has this text, and is on the disk: whole or not at all, whatever happens to the machine meanwhile.
 * It is written as NAME.new first.
 */
int file_write(const char *folder, const char *name, const char *text, size_t size,
	unsigned int mode, struct err *e);

/*
 * All that there is to read, ended by a NUL: for what the kernel makes up as it is read, and has no size before. To be freed;
 * NULL with errno. The descriptor is closed, and may be the -1 of an open(2) that failed.
 */
char *file_read_made(int fd);

/*
 * What the kernel makes a text of when it is read: at most `most` bytes of it, without the last line's end; "" when it cannot
 * be read.
 */
char *file_text(int dir, const char *path, size_t most, struct arena *a);

#endif
