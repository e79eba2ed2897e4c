/*
 * The early mounts, the links of /dev, and the root of the device. Each step that fails is said and the
 * boot goes on; in a container, where a mount may be forbidden, it is passed over in silence.
 */
#ifndef INIT_MOUNTS_H
#define INIT_MOUNTS_H

#include <stdbool.h>

#include "init/console.h"

/*
 * Makes / a mount that pivot_root(2) of a child accepts. On an initramfs / is the kernel's rootfs,
 * which has no parent mount, and pivot_root fails with EINVAL there, in every mount namespace copied
 * from it.
 */
void mounts_leave_rootfs(const struct console *c);

/* Were they made, by us or before us? */
bool mounts_are_made(void);

void mounts_make(const struct console *c);

#endif
