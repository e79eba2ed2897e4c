#include "supervisor/sys/unit/image.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/plan/plan.h"
#include "supervisor/core/unit/unitset.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/loop.h"
#include "supervisor/sys/unit/verity.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define IMAGE_NAME_MAX 256
#define IMAGE_PATH_MAX (IMAGE_NAME_MAX + 64)
#define SIDECAR_MAX (64 * 1024)

static const char *const folders[] = { PATH_IMAGES_LIB, PATH_IMAGES_VAR };
static const struct {
	const char *suffix;
	const char *fstype; /* NULL: a folder */
} forms[] = {
	{ ".erofs", "erofs" },
	{ ".squashfs", "squashfs" },
	{ "", NULL },
};

struct image {
	const char *ref;
	char name[IMAGE_NAME_MAX];
	char path[IMAGE_PATH_MAX];
	char sidecar[IMAGE_PATH_MAX];
	char mounted[IMAGE_PATH_MAX];
	const char *fstype;
};

/* ---- where it is ---- */

static int image_name(struct image *im, const char *ref, struct err *e)
{
	size_t n = strlen(ref);

	/* room for the longest suffix, and no name that is hidden or goes up */
	if (n == 0 || n > IMAGE_NAME_MAX - 16 || ref[0] == '.' || ref[0] == '/')
		return err_setx(e, "image \"%s\": not a name of an image", ref);
	im->ref = ref;
	memcpy(im->name, ref, n + 1);
	for (char *s = im->name; (s = strchr(s, '/')) != NULL;)
		*s = '+';
	(void)snprintf(im->mounted, sizeof(im->mounted), "%s/%s", PATH_MOUNTED, im->name);
	return 0;
}

static int image_find(struct image *im, const char *ref, struct err *e)
{
	struct stat st;

	if (image_name(im, ref, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
			mode_t type = forms[k].fstype != NULL ? S_IFREG : S_IFDIR;

			(void)snprintf(im->path, sizeof(im->path), "%s/%s%s", folders[i], im->name,
				forms[k].suffix);
			if (stat(im->path, &st) < 0 || (st.st_mode & S_IFMT) != type)
				continue;
			im->fstype = forms[k].fstype;
			(void)snprintf(im->sidecar, sizeof(im->sidecar), "%s/%s.ini", folders[i],
				im->name);
			return 0;
		}
	return err_setx(e, "image \"%s\": not found in %s, %s (%s.erofs, %s.squashfs, %s/)", ref,
		PATH_IMAGES_LIB, PATH_IMAGES_VAR, im->name, im->name, im->name);
}

/* ---- what it says of itself ---- */

static int read_sidecar(const struct image *im, struct arena *a, struct image_section *defaults,
	struct err *e)
{
	size_t n = 0;
	char *text = file_read(a, "", im->sidecar, O_NOFOLLOW, SIDECAR_MAX, &n, e);

	memset(defaults, 0, sizeof(*defaults));
	if (text == NULL && e->no == ENOENT)
		return 0;
	if (text == NULL || image_file_parse(a, im->sidecar, text, n, defaults, e) < 0)
		return err_prefix(e, "image \"%s\"", im->ref);
	return 0;
}

/* ---- the mount ---- */

static bool is_mounted(const struct image *im, dev_t *dev)
{
	struct stat above, st;

	if (stat(PATH_MOUNTED, &above) < 0 || stat(im->mounted, &st) < 0)
		return false;
	*dev = st.st_dev;
	return st.st_dev != above.st_dev;
}

/*
 * False when the loop device is known to hold another file: one of another folder, or deleted or replaced since; or when it
 * is not verified by the hash that the sidecar has now.
 */
static bool is_current(const struct image *im, dev_t dev, const char *root_hash)
{
	char path[IMAGE_PATH_MAX + 16];

	if (root_hash != NULL && !verity_has(dev, root_hash))
		return false;
	dev = verity_lower(dev);
	return !loop_file(dev, path, sizeof(path)) || strcmp(path, im->path) == 0;
}

static int damaged(const struct image *im, struct err *e)
{
	return err_setx(e,
		"image \"%s\": %s does not match its RootHash=: it was changed or damaged", im->ref,
		im->path);
}

/* The verified device is let go of either way: the mount holds it from here. */
static int mount_verified(const struct image *im, const char *loop,
	const struct image_section *defaults, struct err *e)
{
	char device[VERITY_NAME_MAX];
	bool bad;
	dev_t dev;
	int rc;

	if (verity_open(loop, defaults->root_hash, defaults->hash_offset, device, &dev, e) < 0)
		return err_prefix(e, "image \"%s\"", im->ref);
	KILL_POINT("image-verity");
	rc = mount(device, im->mounted, im->fstype, MS_RDONLY | MS_NODEV, NULL);
	if (rc < 0)
		(void)err_set(e, "image \"%s\": mount %s as %s at %s", im->ref, im->path,
			im->fstype, im->mounted);
	bad = rc < 0 && verity_is_damaged(dev);
	verity_drop(dev);
	return bad ? damaged(im, e) : rc;
}

static int mount_file(const struct image *im, const struct image_section *defaults, struct err *e)
{
	char device[LOOP_NAME_MAX];
	cleanup_fd int loop = -1;
	int rc;

	/* Not for other users of the machine: the image may hold set-user-id programs. */
	if ((mkdir(PATH_RUN, 0755) < 0 && errno != EEXIST) ||
		(mkdir(PATH_MOUNTED, 0700) < 0 && errno != EEXIST) ||
		(mkdir(im->mounted, 0700) < 0 && errno != EEXIST))
		return err_set(e, "image \"%s\": make %s", im->ref, im->mounted);
	loop = loop_open(im->path, false, device, e);
	if (loop < 0)
		return err_prefix(e, "image \"%s\"", im->ref);
	KILL_POINT("image-loop");
	/* The descriptor keeps the device from clearing itself until the mount holds it. */
	if (defaults->root_hash != NULL) {
		rc = mount_verified(im, device, defaults, e);
	} else {
		rc = mount(device, im->mounted, im->fstype, MS_RDONLY | MS_NODEV, NULL);
		if (rc < 0)
			(void)err_set(e, "image \"%s\": mount %s as %s at %s", im->ref, im->path,
				im->fstype, im->mounted);
	}
	if (rc < 0)
		(void)rmdir(im->mounted);
	return rc;
}

int image_mount(const char *ref, struct arena *a, const char **root, struct image_section *defaults,
	struct err *e)
{
	struct image im;
	dev_t dev;

	if (image_find(&im, ref, e) < 0 || read_sidecar(&im, a, defaults, e) < 0)
		return -1;
	if (im.fstype == NULL && defaults->root_hash != NULL)
		return err_setx(e, "image \"%s\": RootHash= is for an image file, not for a folder",
			ref);
	if (im.fstype == NULL) {
		*root = arena_strdup(a, im.path);
		return 0;
	}
	if (is_mounted(&im, &dev) && !is_current(&im, dev, defaults->root_hash))
		(void)umount2(im.mounted, MNT_DETACH);
	if (!is_mounted(&im, &dev) && mount_file(&im, defaults, e) < 0)
		return -1;
	if (defaults->root_hash != NULL && is_mounted(&im, &dev) && verity_is_damaged(dev))
		return damaged(&im, e);
	KILL_POINT("image-mounted");
	*root = arena_strdup(a, im.mounted);
	return 0;
}

bool image_is_damaged(const char *ref, struct err *e)
{
	struct image im;
	dev_t dev;

	return image_find(&im, ref, e) == 0 && im.fstype != NULL && is_mounted(&im, &dev) &&
		verity_is_damaged(dev) && damaged(&im, e) < 0;
}

bool image_is_mounted_as(const char *ref, const char *name)
{
	struct image im;
	struct err ignored;

	return image_name(&im, ref, &ignored) == 0 &&
		strcmp(im.mounted + sizeof(PATH_MOUNTED), name) == 0;
}

void image_release(const char *ref)
{
	struct image im;
	struct err e;

	if (image_name(&im, ref, &e) < 0)
		return;
	/* Detached, the containers that still end keep what they have of it. */
	(void)umount2(im.mounted, MNT_DETACH | UMOUNT_NOFOLLOW);
	KILL_POINT("image-unmounted");
	(void)rmdir(im.mounted);
}

/* ---- mount points ---- */

static bool is_missing(int root, const char *target)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	cleanup_fd int fd = (int)syscall(SYS_openat2, root, target, &how, sizeof(how));

	/* Any other failure is the start's to report, with its step. */
	return fd < 0 && errno == ENOENT;
}

/* Whether the container's root, were it bound as it is, could not be given a new folder. */
static bool is_sealed(const char *root, const struct unit *u)
{
	struct statvfs fs;

	if (u->container.read_only)
		return true;
	/* The other roots of images are overlays anyway. */
	return u->container.rootfs != NULL && statvfs(root, &fs) == 0 &&
		(fs.f_flag & ST_RDONLY) != 0;
}

int image_lacks_targets(const char *root, const struct unit *u, struct arena *a, bool *lacks,
	struct err *e)
{
	cleanup_fd int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *const *targets;
	size_t n;

	*lacks = false;
	if (fd < 0)
		return err_set(e, "root %s", root);
	if (!is_sealed(root, u))
		return 0;
	targets = plan_targets(u, a, &n);
	for (size_t i = 0; i < n && !*lacks; i++)
		*lacks = is_missing(fd, targets[i]);
	return 0;
}
