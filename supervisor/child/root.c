/* The new root: mounted over the old one, then the two change places and the old one goes. */
#include "supervisor/child/fs.h"
#include "supervisor/child/kernel.h"

#include "common/fd.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <linux/limits.h>
#include <linux/securebits.h>

/* umount2(2); sys/mount.h does not go together with linux/mount.h in every libc. */
#define DETACH 2

/* What files the container's root is made of belong to its root. Rights over the host's files are kept. */
static int own_files(const struct child *c, struct fault *f)
{
	const struct ids *ids = c->plan->ids;

	if (ids == NULL || ids_are_same(ids))
		return 0;
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
		return fail(f, "securebits");
	kernel_files_of(host_uid(c, 0), host_gid(c, 0));
	return 0;
}

/* Nothing that is mounted here shall show on the host, nor what the host mounts later here. */
int step_propagation(struct child *c, struct fault *f)
{
	/* What the host mounts later still comes to a process of its side. */
	unsigned int how = MS_REC | (makes_container(c) ? MS_PRIVATE : MS_SLAVE);

	if (!has_mounts(c))
		return 0;
	(void)umask(
		0); /* the modes of the plan are meant as they are; step_pivot_root puts it back */
	if (syscall(SYS_mount, NULL, "/", NULL, how, NULL) < 0)
		return fail(f, "/");
	return own_files(c, f);
}

/* overlayfs takes the owners that a mount of its layer shows. */
static int attach_lower(const struct child *c, const struct mount_op *op, struct fault *f)
{
	int mount cleanup_fd = fs_clone(c, AT_FDCWD, op->source, op, f);
	int place cleanup_fd = -1;

	if (mount < 0)
		return -1;
	if (mkdirat(AT_FDCWD, "lower", 0755) == 0)
		place = open("lower", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return place < 0 || kernel_move_mount(mount, place) < 0 ? fail(f, op->source) : 0;
}

/* With the working folder in the tmpfs that is to hold all layers. */
static int new_overlay(const struct child *c, const struct mount_op *op, struct fault *f)
{
	int fs cleanup_fd = kernel_fsopen("overlay");
	int mount;

	if (fs < 0)
		return fail(f, "overlay");
	if (attach_lower(c, op, f) < 0)
		return -1;
	if (mkdirat(AT_FDCWD, "upper", 0755) < 0 || mkdirat(AT_FDCWD, "work", 0755) < 0)
		return fail(f, "upper");
	if (kernel_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", "lower") < 0 ||
		kernel_fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", "upper") < 0 ||
		kernel_fsconfig(fs, FSCONFIG_SET_STRING, "workdir", "work") < 0 ||
		kernel_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return fail(f, op->source);
	mount = kernel_fsmount(fs, op->attr);
	return mount < 0 ? fail(f, op->source) : mount;
}

/*
 * The tmpfs is attached too, over "/", for as long as the overlay is made: overlayfs takes no layer from a detached mount
 * before Linux 6.15. The overlay keeps it; left where it is it would lie over the old root, and be detached in its stead.
 */
static int mount_overlay(const struct child *c, const struct mount_op *op, int over,
	struct fault *f)
{
	int tmpfs cleanup_fd = fs_new("tmpfs", op->data, 0, f);
	int root cleanup_fd = -1;

	if (tmpfs < 0)
		return -1;
	if (kernel_move_mount(tmpfs, over) < 0 || fchdir(tmpfs) < 0)
		return fail(f, "/");
	root = new_overlay(c, op, f);
	if (root >= 0 && syscall(SYS_umount2, ".", DETACH) < 0)
		return fail(f, "overlay");
	return fd_take(&root);
}

static const struct mount_op *root_op(const struct plan *p)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		if (p->mounts[i].cls == CLASS_ROOT)
			return &p->mounts[i];
	return NULL;
}

/*
 * Attached over "/" of this new namespace, so that no folder of the host is needed for it: an absolute path still
 * leads to the old root, because the process's own root is below.
 */
int step_mount_root(struct child *c, struct fault *f)
{
	const struct mount_op *op = root_op(c->plan);
	int over cleanup_fd = -1;
	int root cleanup_fd = -1;

	if (!has_mounts(c))
		return 0;
	over = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (over < 0)
		return fail(f, "/");
	if (!makes_container(c) && op == NULL) {
		c->root = fd_take(&over);
		return 0;
	}
	if (op == NULL)
		return fail_no(f, EINVAL, c->plan->root);
	root = op->kind == OP_OVERLAY ? mount_overlay(c, op, over, f)
				      : fs_clone(c, AT_FDCWD, op->source, op, f);
	if (root < 0)
		return -1;
	if (kernel_move_mount(root, over) < 0)
		return fail(f, op->source); /* ENOTDIR: it is a file */
	c->root = fd_take(&root);
	return 0;
}

/*
 * pivot_root(2) with the same folder twice: the old root ends over the new one, from where it is detached. EINVAL where "/"
 * is the kernel's own rootfs: init has moved a mount over that. There is no way round by chroot, which would leave the
 * host's root in the container's mount namespace.
 */
static int swap_roots(struct fault *f)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fail(f, "/");
	return syscall(SYS_umount2, ".", DETACH) < 0 ? fail(f, "old root") : 0;
}

int step_pivot_root(struct child *c, struct fault *f)
{
	char cwd[PATH_MAX];

	if (!has_mounts(c))
		return 0;
	(void)umask(022);
	if (root_op(c->plan) != NULL) {
		if (fchdir(c->root) < 0)
			return fail(f, c->plan->root);
		if (swap_roots(f) < 0)
			return -1;
		if (chdir("/") < 0)
			return fail(f, "/");
		/* "(unreachable)/" would be a way back to the host */
		if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 || strcmp(cwd, "/") != 0)
			return fail_text(f, "/", "is not the root that was mounted");
	}
	fd_close(&c->root);
	return 0;
}
