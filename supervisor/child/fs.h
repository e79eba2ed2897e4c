/*
 * Making mounts by descriptor: each starts detached, where nothing can be in its way, and is attached to a
 * place that was resolved before. No path is looked up twice.
 */
#ifndef CHILD_FS_H
#define CHILD_FS_H

#include "supervisor/child/steps.h"

/* A new file system with the comma-separated options (NULL: none); a detached mount, or -1. */
int fs_new(const char *type, const char *options, uint64_t attr, struct fault *f);
/* A detached clone of what is at a host path (dir AT_FDCWD), or of an open descriptor (path ""). */
int fs_clone(const struct child *c, int dir, const char *path, const struct mount_op *op,
	struct fault *f);
/* Attributes and propagation of the operation, on the root of a mount. -1 with errno. */
int fs_set_attr(int mount, const struct mount_op *op);

#endif
