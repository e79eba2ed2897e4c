/*
 * Paths inside the new root. Each is resolved by openat2(2) with the root as its "/": neither a link of the image
 * nor ".." leads out, whoever changes the tree meanwhile. All return an O_PATH descriptor that the caller owns, or -1.
 */
#ifndef CHILD_TARGET_H
#define CHILD_TARGET_H

#include "supervisor/child/steps.h"

#include <limits.h>
#include <stdbool.h>

struct target {
	const char *path;
	bool folder;   /* what it must be */
	bool no_links; /* no component may be a symbolic link: /proc, /dev, and what is masked */
};

/* Opens what is there. */
int target_open(const struct child *c, const struct target *t, struct fault *f);
/* Makes what is missing, folders on the way included, then opens it. */
int target_make(const struct child *c, const struct target *t, struct fault *f);
/* The folder that holds the target, made if missing; *name is the last component, inside of the path. */
int target_parent(const struct child *c, const struct target *t, const char **name,
	struct fault *f);

#endif
