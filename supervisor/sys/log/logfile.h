/*
 * The files of one log: NAME.log, which grows, and NAME.log.1 to .LOG_OLD before it, each at most LOG_FILE_MAX bytes.
 * Knows nothing of records but that they end with a newline. Nothing is flushed to the disk by hand: after a power cut
 * the end of a file may be missing or not be text; it is cut back to the last whole line when it is opened next.
 */
#ifndef SYS_LOGFILE_H
#define SYS_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_FILE_MAX (256 * 1024)
#define LOG_OLD 3

struct logfile {
	int fd; /* -1: closed */
	uint64_t size;
};

/* A folder of logs, made if it is not there; probe: only one that can be written to. -1 and errno. */
int logfile_folder(const char *path, bool probe);
/* For appending. What is beyond `whole` is cut off (UINT64_MAX: nothing). -1 and errno, also when it cannot be. */
int logfile_open(struct logfile *f, int dir, const char *name, uint64_t whole);
/* As it is now, 0 when there is none. */
uint64_t logfile_size(int dir, const char *name);
bool logfile_is_full(const struct logfile *f, size_t n);
/* A new file, the old ones one further. -1 and errno: what could not be moved stays where it is. */
int logfile_rotate(struct logfile *f, int dir, const char *name);
/*
 * All or nothing; -1 and errno: nothing, or, when it could not be cut off, a part beyond f->size (*torn is true then,
 * and the file must not be written to until that is gone).
 */
int logfile_append(struct logfile *f, const char *data, size_t n, bool *torn);
/* The last `lines` lines, old files included, oldest first, malloc'd; NULL when there are none. */
char *logfile_tail(int dir, const char *name, size_t lines, size_t *n);

#endif
