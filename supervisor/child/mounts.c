/* The mounts of the plan, in its order: one function a kind of operation, one step a class. */
#include "supervisor/child/fs.h"
#include "supervisor/child/kernel.h"
#include "supervisor/child/target.h"

#include "common/fd.h"
#include "common/util.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What an image could bend to make sup work on the host's files instead: no link is followed there. */
static struct target target_of(const struct mount_op *op, bool folder)
{
	return (struct target){
		.path = op->target,
		.folder = folder,
		.no_links = op->cls == CLASS_API || op->cls == CLASS_DEV || op->cls == CLASS_MASK,
	};
}

static int attach(int mount, int place, const struct mount_op *op, struct fault *f)
{
	struct stat what, where;
	int no;

	if (place < 0)
		return -1;
	if (kernel_move_mount(mount, place) == 0)
		return 0;
	no = errno;
	if (no == EINVAL && fstat(mount, &what) == 0 && fstat(place, &where) == 0 &&
		S_ISDIR(where.st_mode) && !S_ISDIR(what.st_mode))
		return fail_text(f, op->target, "is a folder in the image");
	return fail_no(f, no, op->target);
}

/* A node of its own in place of the host's, which belongs to nobody inside. 0: it must be the host's. */
static int own_node(struct child *c, const struct mount_op *op, const struct stat *st,
	struct fault *f)
{
	const struct ids *ids = c->plan->ids;
	struct target t = target_of(op, false);
	int parent cleanup_fd = -1;
	uint32_t uid, gid;
	const char *name;

	if (op->cls != CLASS_DEV || ids == NULL || ids_are_same(ids) ||
		!(S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) ||
		strncmp(op->target, "/dev/", 5) != 0)
		return 0;
	parent = target_parent(c, &t, &name, f);
	if (parent < 0)
		return -1;
	if (mknodat(parent, name, st->st_mode, st->st_rdev) < 0)
		return 0;
	uid = id_host(&ids->uid, st->st_uid);
	gid = id_host(&ids->gid, st->st_gid);
	/* who has no number inside stays the container's root: ID_NONE is "as it is" */
	return fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ? fail(f, op->target) : 1;
}

static int do_bind(struct child *c, const struct mount_op *op, struct fault *f)
{
	int mount cleanup_fd = fs_clone(c, AT_FDCWD, op->source, op, f);
	int place cleanup_fd = -1;
	struct target t;
	struct stat st;
	int made;

	if (mount < 0)
		return op->optional && f->no == ENOENT ? 0 : -1;
	if (fstat(mount, &st) < 0)
		return fail(f, op->source);
	made = own_node(c, op, &st, f);
	if (made != 0)
		return made < 0 ? -1 : 0;
	t = target_of(op, S_ISDIR(st.st_mode));
	place = target_make(c, &t, f);
	return attach(mount, place, op, f);
}

static int do_fs(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, true);
	/* what a key of a service implies is for what the host has */
	bool if_there = op->cls == CLASS_SANDBOX && op->optional;
	int place cleanup_fd = if_there ? target_open(c, &t, f) : target_make(c, &t, f);
	int mount cleanup_fd = -1;

	if (place < 0)
		return if_there && f->no == ENOENT ? 0 : -1;
	mount = fs_new(op->fstype, op->data, op->attr, f);
	if (mount < 0)
		return op->optional && f->no == ENODEV
			? 0
			: -1; /* the kernel has no such file system */
	/* devpts and mqueue do not ask whose their root is to be */
	if (op->cls == CLASS_DEV && c->plan->ids != NULL &&
		fchownat(mount, "", host_uid(c, 0), host_gid(c, 0), AT_EMPTY_PATH) < 0)
		return fail(f, op->target);
	return attach(mount, place, op, f);
}

/* The device of the plan, or the one that the host has at `source`. */
static int find_device(const struct mount_op *op, mode_t *kind, dev_t *dev)
{
	struct stat st;

	*kind = S_IFCHR;
	*dev = op->dev;
	if (op->dev != 0)
		return 0;
	if (stat(op->source, &st) < 0)
		return -1;
	*kind = st.st_mode & S_IFMT;
	*dev = st.st_rdev;
	if (*kind == S_IFCHR || *kind == S_IFBLK)
		return 0;
	errno = ENODEV;
	return -1;
}

static int do_node(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, false);
	const char *name;
	int parent cleanup_fd = target_parent(c, &t, &name, f);
	struct mount_op host;
	mode_t kind;
	dev_t dev;

	if (parent < 0)
		return -1;
	if (find_device(op, &kind, &dev) < 0)
		return op->optional && errno == ENOENT ? 0 : fail(f, op->source);
	if (mknodat(parent, name, kind | op->mode, dev) == 0)
		return 0;
	if (errno != EPERM)
		return fail(f, op->target);
	/* not in the initial user namespace: the host's own node must do */
	host = *op;
	host.source = op->source != NULL ? op->source : op->target;
	return do_bind(c, &host, f);
}

static int do_symlink(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, false);
	const char *name;
	int parent cleanup_fd = target_parent(c, &t, &name, f);

	if (parent < 0)
		return -1;
	return symlinkat(op->source, parent, name) < 0 && errno != EEXIST ? fail(f, op->target) : 0;
}

static int do_dir(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, true);
	const char *name;
	int parent cleanup_fd = target_parent(c, &t, &name, f);

	if (parent < 0)
		return -1;
	return mkdirat(parent, name, op->mode) < 0 && errno != EEXIST ? fail(f, op->target) : 0;
}

static int do_file(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, false);
	int place cleanup_fd = target_make(c, &t, f);

	return place < 0 ? -1 : 0;
}

/*
 * The container's own /dev/null, if it really is the null device and no file of the image; for a service the host's, which may
 * be out of its sight already.
 */
static int clone_null(struct child *c, const struct mount_op *op, struct fault *f)
{
	static const struct target null = { .path = "/dev/null", .no_links = true };
	int fd cleanup_fd = c->plan->container ? target_open(c, &null, f)
					       : open(null.path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return fail(f, null.path);
	if (fstat(fd, &st) < 0)
		return fail(f, null.path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return fail_text(f, null.path, "is not the null device");
	return fs_clone(c, fd, "", op, f);
}

/* One file system for all folders: the first is made, the others are clones of where it was attached. */
static int empty_folder(struct child *c, const struct mount_op *op, struct fault *f)
{
	if (c->empty >= 0)
		return fs_clone(c, c->empty, "", op, f);
	c->empty = fs_new("tmpfs",
		c->plan->container ? "size=0,nr_inodes=1,mode=555" : "size=0,nr_inodes=1,mode=000",
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, f);
	return c->empty < 0 ? -1 : fcntl(c->empty, F_DUPFD_CLOEXEC, 0);
}

static int do_mask(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, false);
	int place cleanup_fd = target_open(c, &t, f);
	int mount cleanup_fd = -1;
	struct stat st;

	if (place < 0)
		return op->optional && f->no == ENOENT ? 0 : -1; /* nothing to hide */
	if (fstat(place, &st) < 0)
		return fail(f, op->target);
	mount = S_ISDIR(st.st_mode) ? empty_folder(c, op, f) : clone_null(c, op, f);
	return mount < 0 ? -1 : attach(mount, place, op, f);
}

/* The mount was made by the step "secrets"; which one it is says its place among its kind. */
static int do_secret(struct child *c, const struct mount_op *op, struct fault *f)
{
	size_t n = 0;
	int place cleanup_fd = -1;
	int mount cleanup_fd = -1;
	struct target t;
	struct stat st;

	for (const struct mount_op *at = c->plan->mounts; at < op; at++)
		n += at->kind == OP_SECRET;
	mount = fd_take(&c->secret[n]);
	if (fs_set_attr(mount, op) < 0 || fstat(mount, &st) < 0)
		return fail(f, op->target);
	t = target_of(op, S_ISDIR(st.st_mode));
	place = target_make(c, &t, f);
	return attach(mount, place, op, f);
}

static int do_attr(struct child *c, const struct mount_op *op, struct fault *f)
{
	struct target t = target_of(op, false);
	int place cleanup_fd = target_open(c, &t, f);
	int mount cleanup_fd = -1;

	if (place < 0)
		return op->optional && f->no == ENOENT ? 0 : -1;
	if (fs_set_attr(place, op) == 0)
		return 0;
	if (errno != EINVAL)
		return fail(f, op->target);
	mount = fs_clone(c, place, "", op, f); /* EINVAL: no mount point yet */
	return mount < 0 ? -1 : attach(mount, place, op, f);
}

typedef int mount_op_fn(struct child *c, const struct mount_op *op, struct fault *f);

static int do_class(struct child *c, enum mount_class cls, struct fault *f)
{
	static mount_op_fn *const ops[] = {
		[OP_BIND] = do_bind,
		[OP_FS] = do_fs,
		[OP_NODE] = do_node,
		[OP_SYMLINK] = do_symlink,
		[OP_DIR] = do_dir,
		[OP_FILE] = do_file,
		[OP_MASK] = do_mask,
		[OP_SECRET] = do_secret,
		[OP_ATTR] = do_attr,
	};

	if (!has_mounts(c))
		return 0;
	for (size_t i = 0; i < c->plan->n_mounts; i++) {
		const struct mount_op *op = &c->plan->mounts[i];

		if (op->cls != cls)
			continue;
		if ((size_t)op->kind >= ARRAY_LEN(ops) || ops[op->kind] == NULL)
			return fail_no(f, EINVAL, op->target);
		if (ops[op->kind](c, op, f) < 0)
			return -1;
	}
	return 0;
}

int step_mount_api(struct child *c, struct fault *f)
{
	return do_class(c, CLASS_API, f);
}

int step_mount_dev(struct child *c, struct fault *f)
{
	return do_class(c, CLASS_DEV, f);
}

int step_mount_files(struct child *c, struct fault *f)
{
	return do_class(c, CLASS_FILES, f);
}

int step_mount_volume(struct child *c, struct fault *f)
{
	if (do_class(c, CLASS_VOLUME, f) < 0)
		return -1;
	/* when all are there, the passwd of the image among them perhaps */
	for (size_t i = 0; makes_container(c) && i < c->plan->n_mounts; i++)
		if (c->plan->mounts[i].give &&
			(find_identity(c, c->root, f) < 0 ||
				owner_give(c, &c->plan->mounts[i], f) < 0))
			return -1;
	return 0;
}

int step_mount_sandbox(struct child *c, struct fault *f)
{
	return do_class(c, CLASS_SANDBOX, f);
}

int step_mask_paths(struct child *c, struct fault *f)
{
	return do_class(c, CLASS_MASK, f);
}

int step_seal_root(struct child *c, struct fault *f)
{
	return do_class(c, CLASS_SEAL, f);
}
