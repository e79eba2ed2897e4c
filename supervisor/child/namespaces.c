/* Namespaces that are not made by clone3 itself: joined, kept, or with something to set in them. */
#include "supervisor/child/kernel.h"
#include "supervisor/child/target.h"

#include "common/fd.h"

#include <sched.h>
#include <string.h>
#include <sys/vfs.h>

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>

#define SYSCTL_PATH_MAX 256

/*
 * All namespaces of the running container at once (by pidfd: Linux 5.8). With its mount namespace come its root
 * and "/" as working folder. The PID namespace cannot be had so: launch gave it before clone3.
 */
int step_join(struct child *c, struct fault *f)
{
	if (!c->plan->join || !c->plan->container)
		return 0;
	if (setns(c->fd.join,
		    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
		return fail(f, c->plan->unit);
	return chdir("/") < 0 ? fail(f, "/") : 0;
}

/* A container that is to have a network of its own never starts in the host's. */
int step_network(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;

	if (p->join)
		return 0;
	if (c->fd.netns >= 0)
		return setns(c->fd.netns, CLONE_NEWNET) < 0 ? fail(f, p->unit) : 0;
	if (p->own_network && (p->clone_flags & CLONE_NEWNET) == 0)
		return fail_text(f, p->unit, "has no network namespace");
	return 0;
}

/*
 * All is mounted, by one who had the right to: from here on there is none over what is not the container's. With SYS_ADMIN
 * it may mount, in a mount namespace that its own user namespace has, where nothing of what is there can be taken away, and
 * change its host name.
 */
int step_user_namespace(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;

	if (p->ids == NULL)
		return 0;
	if (c->fd.userns < 0)
		return fail_text(f, p->unit, "has no user namespace");
	if (setns(c->fd.userns, CLONE_NEWUSER) < 0)
		return fail(f, p->unit);
	fd_close(&c->fd.userns);
	if (!p->join && (p->capabilities >> CAP_SYS_ADMIN & 1) != 0 &&
		unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0)
		return fail(f, "mount namespace");
	return 0;
}

/* Keys of the supervisor's session are not the container's. A kernel without keys has none to give. */
int step_keyring(struct child *c, struct fault *f)
{
	if (!c->plan->container ||
		syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) >= 0 ||
		errno == ENOSYS || errno == EPERM)
		return 0;
	return fail(f, c->plan->unit);
}

/*
 * Not among the flags of clone3: the kernel copies namespaces before CLONE_INTO_CGROUP takes effect, so that the root
 * of the new cgroup namespace would be the supervisor's cgroup (copy_cgroup_ns takes the css_set of the caller).
 */
int step_cgroup_namespace(struct child *c, struct fault *f)
{
	if (!makes_container(c) || !c->plan->cgroup_ns)
		return 0;
	return unshare(CLONE_NEWCGROUP) < 0 ? fail(f, c->plan->unit) : 0;
}

int step_hostname(struct child *c, struct fault *f)
{
	const char *name = c->plan->host_name;

	if (!makes_container(c) || name == NULL)
		return 0;
	return sethostname(name, strlen(name)) < 0 ? fail(f, name) : 0;
}

static int write_sysctl(struct child *c, const struct sysctl_write *w, struct fault *f)
{
	char path[SYSCTL_PATH_MAX] = "/proc/sys/";
	size_t base = strlen(path), n = strlen(w->path);
	int fd cleanup_fd = -1;
	struct statfs fs;

	if (base + n >= sizeof(path))
		return fail_no(f, ENAMETOOLONG, w->path);
	memcpy(path + base, w->path, n + 1);
	fd = kernel_openat2(c->root, path, O_WRONLY | O_NONBLOCK | O_NOCTTY,
		RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return fail(f, w->path);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return fail_text(f, path, "is not of procfs");
	return write(fd, w->value, strlen(w->value)) < 0 ? fail(f, w->path) : 0;
}

/* Through the container's own /proc: it shows and changes the namespaces of this process. */
int step_sysctl(struct child *c, struct fault *f)
{
	if (!makes_container(c))
		return 0;
	for (size_t i = 0; i < c->plan->n_sysctls; i++)
		if (write_sysctl(c, &c->plan->sysctls[i], f) < 0)
			return -1;
	return 0;
}
