#include "supervisor/child/fs.h"

#include "common/fd.h"
#include "supervisor/child/kernel.h"

#include <string.h>

#define OPTION_MAX 256 /* what fsconfig(2) takes at most */

/* One "key" or "key=value" of the list. Returns where the next begins, NULL on failure. */
static const char *set_option(int fs, const char *at)
{
	char key[OPTION_MAX];
	const char *end = strchrnul(at, ',');
	size_t n = (size_t)(end - at);
	char *value;

	if (n >= sizeof(key)) {
		errno = EINVAL;
		return NULL;
	}
	memcpy(key, at, n);
	key[n] = '\0';
	value = strchr(key, '=');
	if (value != NULL)
		*value++ = '\0';
	if (kernel_fsconfig(fs, value != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
		    value) < 0)
		return NULL;
	return *end == ',' ? end + 1 : end;
}

int fs_new(const char *type, const char *options, uint64_t attr, struct fault *f)
{
	int fs cleanup_fd = kernel_fsopen(type);
	int mount;

	if (fs < 0)
		return fail(f, type);
	while (options != NULL && *options != '\0') {
		const char *next = set_option(fs, options);

		if (next == NULL)
			return fail(f, options);
		options = next;
	}
	if (kernel_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return fail(f, type);
	mount = kernel_fsmount(fs, attr);
	return mount < 0 ? fail(f, type) : mount;
}

int fs_set_attr(int mount, const struct mount_op *op)
{
	struct mount_attr attr = {
		.attr_set = op->attr,
		/* the three ways of atime are a value, not bits: the old one must be cleared */
		.attr_clr = (op->attr & MOUNT_ATTR__ATIME) != 0 ? MOUNT_ATTR__ATIME : 0,
		.propagation = op->propagation,
	};

	if (attr.attr_set == 0 && attr.propagation == 0)
		return 0;
	return kernel_mount_setattr(mount, op->recursive ? AT_RECURSIVE : 0, &attr);
}

int fs_clone(const struct child *c, int dir, const char *path, const struct mount_op *op,
	struct fault *f)
{
	unsigned int flags = (op->recursive ? AT_RECURSIVE : 0) |
		(*path == '\0' ? AT_EMPTY_PATH : 0);
	const char *object = *path == '\0' ? op->target : path;
	int mount cleanup_fd = kernel_open_tree(dir, path, flags);

	if (mount < 0 || fs_set_attr(mount, op) < 0)
		return fail(f, object);
	if (op->mapped && kernel_map_ids(mount, op->recursive, c->fd.userns) < 0)
		return fail_text(f, object,
			"its owners cannot be those inside; UserNS=host does without");
	return fd_take(&mount);
}
