/*
 * Verified images: a device-mapper target above a loop device that gives no byte which does not match the hash of the whole
 * (dm-verity, Linux 3.4). The hash tree stands behind the data in the same file, without a superblock: what
 * there is to say stands in the image's sidecar.
 *
 * Like the loop device below it the device goes with its last user, whoever that is then (deferred removal, Linux 3.13).
 */
#ifndef SYS_VERITY_H
#define SYS_VERITY_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define VERITY_NAME_MAX 32

/*
 * Data of `size` bytes, a multiple of 4096, then the tree; root_hash: 64 hexadecimal digits. The node's path goes to `device`;
 * to be dropped as soon as it is mounted, or could not be.
 */
int verity_open(const char *loop, const char *root_hash, uint64_t size,
	char device[VERITY_NAME_MAX], dev_t *number, struct err *e);
/* It is removed now, or with its last user. */
void verity_drop(dev_t number);
/* It has met a block that is not what it was made of. */
bool verity_is_damaged(dev_t number);
/* Whether it is one, of that hash. */
bool verity_has(dev_t number, const char *root_hash);
/* The loop device below it; itself where there is none. */
dev_t verity_lower(dev_t number);

#endif
