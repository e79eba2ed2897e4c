/* The file of keep.h, byte for byte. Inside of keep.c and keepfile.c. */
#ifndef SYS_KEEPFILE_H
#define SYS_KEEPFILE_H

#include "supervisor/sys/recover/keep.h"

#define KEEP_MAGIC UINT64_C(0x3174706570757373)
#define KEEP_VERSION 1u /* of this frame; what is in the records may differ without it */

struct keep_area {
	uint64_t at, size; /* from the begin of the file */
};

struct keep_records {
	uint64_t at, size, n; /* `size` of one */
};

struct keep_change { /* in the log: so many bytes follow, to a multiple of 8 */
	uint64_t at, size;
};

struct keep_head {
	uint64_t magic;
	uint32_t version;
	uint32_t
		attempts; /* supervisors that began with it and then died of a fault of their own */
	uint64_t size;
	uint64_t committed_ns;   /* CLOCK_MONOTONIC */
	_Atomic uint64_t logged; /* bytes of the log that are to be done again; 0: none */
	struct keep_area layouts[KEEP_PARTS];
	struct keep_records records[KEEP_PARTS];
	struct keep_area queue, log, texts; /* the queue: its length, then it */
};

struct kept_layout keep_layout(enum keep_part part);
/* Makes the changes of the log and empties it. */
void keep_apply(struct keep_head *h);

#endif
