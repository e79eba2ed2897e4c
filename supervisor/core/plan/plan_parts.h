/*
 * The parts of planning, one file each. Not for others than plan*.c and audit.c: they use plan.h.
 */
#ifndef CORE_PLAN_PARTS_H
#define CORE_PLAN_PARTS_H

#include "supervisor/core/plan/plan.h"

/* What every part gets. A part that can fail returns -1 with *e filled, naming the key it is about. */
struct planner {
	const struct unit *u;
	const struct facts *facts;
	struct arena *arena;
	struct plan *p;
	struct err *e;
};

/* plan.c: what root of a container may do if its unit does not say otherwise. */
extern const uint64_t plan_default_capabilities;

struct mount_list {
	struct mount_op *v;
	size_t n;
};

/* plan_dev.c: /dev, behind what is in the list. */
void plan_dev(struct planner *pl, struct mount_list *list);
/* The nodes and links that every /dev has. */
#define PLAN_DEV_NODES 12
struct mount_op plan_dev_node(size_t i);

/* plan_mounts.c: p->mounts, of a container. */
int plan_mounts(struct planner *pl);
/* One "/" between names, none at the end, no "." among them: the form in which paths are compared. */
const char *plan_clean_path(struct arena *a, const char *path);
size_t plan_path_depth(const char *path);

/*
 * plan_secrets.c: p->secrets, once p->envp is there; gives the mounts that they need, in the arena. Of the host's side only
 * the credentials.
 */
int plan_secrets(struct planner *pl, struct mount_op **mounts, size_t *n);

/* plan_network.c: p->network, of a container, or all of a network; in the arena. */
void plan_network(struct planner *pl);

/* plan_cgroup.c: p->cgroup. */
int plan_cgroup(struct planner *pl);

/* plan_sandbox.c: namespaces, mounts and capabilities of a process of a .service. */
void plan_sandbox(struct planner *pl);

/* plan_sandbox.c: p->landlock, of a process of a .service or in a container. */
void plan_landlock(struct planner *pl);

/* plan_devices.c: p->device_control and p->devices. */
void plan_devices(struct planner *pl);
/* The name of a device that every container has, NULL of any other. */
const char *plan_device_usual(const struct device_rule *rule);

/* plan_env.c */
/* p->envp and p->home: of what runs inside a container, or on the host side. */
void plan_environment_inside(struct planner *pl);
void plan_environment_host(struct planner *pl);
/* NAME=value; an earlier NAME is replaced in its place. */
void env_set(struct arena *a, struct strv *env, const char *assignment);
/* The value, or NULL. */
const char *env_get(char *const *env, const char *name, size_t len);
/* Assignments of a text in the syntax of EnvironmentFile= in systemd.exec(5); lines that are none are skipped. */
void env_add_text(struct arena *a, struct strv *env, const char *text);

/* plan_print.c: names without "CAP_", "all" or "none". */
void plan_put_capabilities(struct text *t, uint64_t set);
/* "char 1:3 rwm" */
void plan_put_device(struct text *t, const struct device_rule *r);

/* plan_argv.c: p->path and p->argv. */
int plan_argv_inside(struct planner *pl);
void plan_argv_host(struct planner *pl, const struct command *cmd);

#endif
