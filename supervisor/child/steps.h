/*
 * The steps, for the table in steps.c alone, and what they share: how to say what went wrong. Each step looks at the
 * plan and does nothing when it is not its turn (a process of the host side has no root to pivot to).
 */
#ifndef CHILD_STEPS_H
#define CHILD_STEPS_H

#include "supervisor/child/child.h"

#include <errno.h>
#include <sched.h>

/* Both return -1. The object is cut when it is too long; NULL: none. */
int fail(struct fault *f, const char *object); /* with the errno of now */
int fail_no(struct fault *f, int no, const char *object);
/* "OBJECT: TEXT", for people, where an errno would not say it. */
int fail_text(struct fault *f, const char *object, const char *text);

/* True for the process that becomes PID 1 of a new container; false on the host side and when joining. */
static inline bool makes_container(const struct child *c)
{
	return c->plan->container && !c->plan->join;
}

/* True for that one, and for a process of the host's side whose plan has mounts of its own. */
static inline bool has_mounts(const struct child *c)
{
	return !c->plan->join && (c->plan->clone_flags & CLONE_NEWNS) != 0;
}

/* The host's number of an id as the process has it, ID_NONE: it has none. */
static inline uint32_t host_uid(const struct child *c, uint32_t uid)
{
	return c->plan->ids != NULL ? id_host(&c->plan->ids->uid, uid) : uid;
}

static inline uint32_t host_gid(const struct child *c, uint32_t gid)
{
	return c->plan->ids != NULL ? id_host(&c->plan->ids->gid, gid) : gid;
}

/* process.c: what every process has */
int step_wait_go(struct child *c, struct fault *f);
int step_wait_network(struct child *c, struct fault *f);
int step_wait_begin(struct child *c, struct fault *f);
int step_session(struct child *c, struct fault *f);
int step_signals(struct child *c, struct fault *f);
int step_priority(struct child *c, struct fault *f);
int step_limits(struct child *c, struct fault *f);
int step_unblock(struct child *c, struct fault *f);

/* namespaces.c */
int step_join(struct child *c, struct fault *f);
int step_network(struct child *c, struct fault *f);
int step_cgroup_namespace(struct child *c, struct fault *f);
int step_hostname(struct child *c, struct fault *f);
int step_sysctl(struct child *c, struct fault *f);
int step_keyring(struct child *c, struct fault *f);
int step_user_namespace(struct child *c, struct fault *f);

/* secrets.c */
int step_secrets(struct child *c, struct fault *f);
int step_secret_owner(struct child *c, struct fault *f);

/* root.c */
int step_propagation(struct child *c, struct fault *f);
int step_mount_root(struct child *c, struct fault *f);
int step_pivot_root(struct child *c, struct fault *f);

/* mounts.c: the operations of one class, in the order of the plan */
int step_mount_api(struct child *c, struct fault *f);
int step_mount_dev(struct child *c, struct fault *f);
int step_mount_files(struct child *c, struct fault *f);
int step_mount_volume(struct child *c, struct fault *f);
int step_mount_sandbox(struct child *c, struct fault *f);
int step_mask_paths(struct child *c, struct fault *f);
int step_seal_root(struct child *c, struct fault *f);

/*
 * Numbers of descriptors: those of sockets from 3 on (sd_listen_fds(3)), the pipe of NotifyFD= where its key says, and
 * the first that are left: the report, the user namespace if there is one, until it is entered, for a container's init the
 * init itself, and what exec closes as well.
 */
#define FIRST_PASSED_FD 3
static inline int left_fd(const struct plan *p, int fd)
{
	return fd == p->notify_fd ? fd + 1 : fd;
}

static inline int report_fd(const struct plan *p)
{
	return left_fd(p, FIRST_PASSED_FD + (int)p->n_passed);
}

static inline int userns_fd(const struct plan *p)
{
	return left_fd(p, report_fd(p) + 1);
}

static inline int init_fd(const struct plan *p)
{
	return left_fd(p, (p->ids != NULL ? userns_fd(p) : report_fd(p)) + 1);
}

/* The secrets, until their owner is known. */
static inline int secrets_fd(const struct plan *p)
{
	return left_fd(p, init_fd(p) + 1);
}

/* stdio.c */
int step_terminal(struct child *c, struct fault *f);
int step_stdio(struct child *c, struct fault *f);

/* ids.c */
int step_user(struct child *c, struct fault *f);
int step_groups(struct child *c, struct fault *f);
/* c->id, as step_user finds it: by the files below `root`, -1: those of the process. */
int find_identity(struct child *c, int root, struct fault *f);

/* owner.c: what is mounted there, or what it was mounted from, belongs to c->id */
int owner_give(struct child *c, const struct mount_op *op, struct fault *f);

/* caps.c: the change of user is in here, because what is kept over it must be said before and after */
int step_capabilities(struct child *c, struct fault *f);
int step_no_new_privs(struct child *c, struct fault *f);

/* landlock.c */
int step_landlock(struct child *c, struct fault *f);

/* seccomp.c */
int step_seccomp(struct child *c, struct fault *f);

/* exec.c */
int step_workdir(struct child *c, struct fault *f);
int step_exec(struct child *c, struct fault *f);

#endif
