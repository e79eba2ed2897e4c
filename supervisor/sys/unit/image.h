/*
 * Where Image= is, and what its sidecar says.
 *
 * REF is looked for as NAME.erofs, NAME.squashfs and the folder NAME in PATH_IMAGES_LIB, then in PATH_IMAGES_VAR, where
 * NAME is REF with '+' for each '/'. NAME.ini beside it holds the defaults of the image; without it there are none.
 *
 * A file is mounted once, read-only, at PATH_MOUNTED/NAME, by a loop device that frees itself (LOOP_CONFIGURE,
 * kernel 5.8). All its containers share that mount, each by a clone of its own: taking it away hurts none
 * that runs. It outlives the supervisor and is found again.
 *
 * With RootHash= in the sidecar there is a verified device between the two (verity.h): what was changed is not read, and
 * a start from it is refused, as it is where the kernel cannot do so.
 */
#ifndef SYS_IMAGE_H
#define SYS_IMAGE_H

#include "common/err.h"
#include "supervisor/core/arena.h"
#include "supervisor/core/unit/unit.h"

#include <stdbool.h>

/*
 * Gives the host path of the root, in the arena, mounting the file if that is not done yet, and the image's
 * defaults (all zero without a sidecar). A file that took the place of the mounted one since is mounted anew.
 */
int image_mount(const char *ref, struct arena *a, const char **root, struct image_section *defaults,
	struct err *e);

/* Whether the verified image has been found to be not what it was made of, and the words for it. */
bool image_is_damaged(const char *ref, struct err *e);

/* Whether REF, when it is a file, is mounted as PATH_MOUNTED/NAME. */
bool image_is_mounted_as(const char *ref, const char *name);

/* Unmounts it. For the caller to know that no unit holds REF and none is about to start from it. */
void image_release(const char *ref);

/*
 * Whether the root of a container has to be an overlay because it cannot be written to and a mount point is
 * not there: facts.root_lacks_targets.
 */
int image_lacks_targets(const char *root, const struct unit *u, struct arena *a, bool *lacks,
	struct err *e);

#endif
