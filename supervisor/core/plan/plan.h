/*
 * The plan of one process: everything that its start will do, as a value. Made by core/plan/plan*.c from unit, role
 * and facts, without a system call; printed by `supctl plan`; compared as text by tests; carried out by
 * sys/unit/launch.c (cgroup, descriptors, clone3) and child/ (all from clone to exec).
 *
 * Nothing in it is decided later: what depends on the host is in struct facts, which sys/ gathers before. All of it
 * lives in the arena given, is constant after planning and is read by the child without allocation.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "common/err.h"
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/plan/devices.h"
#include "supervisor/core/plan/ids.h"
#include "supervisor/core/plan/role.h"
#include "supervisor/core/seccomp/program.h"
#include "supervisor/core/unit/unit.h"

#include <sys/types.h>

/* ---- what sys/ knows of the host and of the image ---- */

/* A descriptor that the main process gets, from number 3 on, sd_listen_fds(3). */
#define PASSED_FDS_MAX 64u
struct passed_fd {
	int fd;              /* the supervisor's own, -1: none yet, only to be shown */
	const char *unit;    /* "web.socket" */
	const char *name;    /* in $LISTEN_FDNAMES */
	const char *address; /* as the socket's unit has it, or ... */
	bool any;            /* ... a port of any address */
};

struct facts {
	uint64_t ram;   /* bytes, for MemoryMax=25% */
	uint64_t tasks; /* the kernel's limit of tasks, for TasksMax=10% */
	uint32_t cpus;
	const char *machine_hostname;
	const struct leases *leases; /* of addresses and subnets, for plan_all() */
	/* containers only */
	const char *root;        /* host path of the root: the mounted image, or Rootfs= */
	bool root_lacks_targets; /* read-only root without a needed mount point: an overlay is used */
	const struct image_section *image; /* its defaults, or NULL */
	const char
		*files; /* host folder with hosts, resolv.conf, hostname for this unit, or NULL */
	const struct ids *ids;             /* of its user namespace, NULL: it has none ... */
	const char *ids_why;               /* ... for this reason, or NULL: UserNS=host */
	const char *notify_socket;         /* host path, or NULL: none */
	const char *zone_file;             /* host path of Timezone='s zone file, or NULL */
	const struct volume_path *volumes; /* where the volumes it names are */
	size_t n_volumes;
	const char *private_tmp;             /* host folder with tmp and var-tmp, for PrivateTmp= */
	const struct device_number *devices; /* what the names of plan_device_names() stand for */
	size_t n_devices;
	const struct strv *
		environment_files; /* texts of EnvironmentFile=, in order, missing optional ones left out */
	const struct passed_fd *passed; /* for ROLE_MAIN */
	size_t n_passed;
	/* Of what runs inside, by SeccompProfile=, and by the keys of [Service]; n 0: none, or the kernel has no filters. */
	struct seccomp_program profile, filter;
	/* what ExecStop=, ExecStopPost= and ExecReload= are told in their environment; NULL: not known */
	const char *main_pid;
	const char *service_result, *exit_code, *exit_status; /* as systemd.exec(5) has them */
	/* The timer that has started this run, and when it elapsed: wall clock, microseconds; NULL: none has. */
	const char *trigger_unit, *trigger_wall;
};
struct volume_path {
	const char *name; /* "data.volume" or the plain name in Volume= */
	const char *path;
};

/* ---- mounts: done in the order of the list, by the step named ---- */

/* STEP-CLASS(id, name of the child's step): the name is what the operator reads in a fault. */
#define MOUNT_CLASSES(X)            \
	X(ROOT, "mount-root")       \
	X(API, "mount-api")         \
	X(DEV, "mount-dev")         \
	X(SANDBOX, "mount-sandbox") \
	X(FILES, "mount-files")     \
	X(VOLUME, "mount-volume")   \
	X(MASK, "mask-paths")       \
	X(SEAL, "seal-root")

enum mount_class {
#define X(id, name) CLASS_##id,
	MOUNT_CLASSES(X)
#undef X
		CLASS_COUNT
};

enum mount_op_kind {
	OP_BIND, /* clone of the tree at host path `source` (open_tree), attributes `attr`, at target; the
			   mount point to make is a file or a folder as the source turns out to be */
	OP_OVERLAY, /* root only: `source` below a fresh tmpfs; data: options of the tmpfs ("size=50%") */
	OP_FS, /* a new file system `fstype` with `data`, attributes `attr` */
	OP_NODE, /* character device node `dev`, mode `mode` (bind of the host's node where mknod is refused) */
	OP_SYMLINK, /* target -> source */
	OP_DIR,     /* make the folder target, mode `mode` */
	OP_FILE,    /* make the empty file target */
	OP_MASK, /* hide target: /dev/null over a file, an empty read-only tmpfs over a folder; missing: skipped if `optional` */
	OP_SECRET, /* what the step "secrets" has made: `source` in its file system, a folder or one file */
	OP_ATTR, /* attributes `attr` on what is at target, which is bound upon itself when it is no mount
			   point (/proc/sys); missing: skipped if `optional` */
};

struct mount_op {
	enum mount_class cls;
	enum mount_op_kind kind;
	const char *source;
	const char *
		target; /* absolute, inside; resolved by openat2(RESOLVE_IN_ROOT); made if missing */
	const char *fstype, *data;
	uint64_t attr;        /* MOUNT_ATTR_* of mount_setattr(2) */
	uint64_t propagation; /* MS_PRIVATE ... or 0 */
	bool recursive;
	bool mapped;         /* owners are those inside: id-mapped by the user namespace */
	bool give;           /* all in it becomes that of who runs inside */
	bool source_is_file; /* known to be no folder (a hint: the child looks at the source itself) */
	bool optional;       /* a missing source or target is skipped */
	uint32_t mode;
	dev_t dev;
};

/* ---- the rest ---- */

struct cgroup_write {
	const char *file; /* "memory.max" */
	/* As written, but "@PATH REST" (io.max): the number MAJ:MIN of the disk that PATH is or lies on, then REST. */
	const char *value;
	bool optional;   /* the kernel may lack it: a warning, not a fault */
	const char *key; /* the unit's key, for the message */
};

/* What becomes of the program that holds the unit's cgroup to a list of devices. */
enum device_control {
	DEVICES_KEPT, /* as it is: this process comes beside others */
	DEVICES_FREE, /* none */
	DEVICES_LISTED
};
/*
 * Bytes that only the child reads, before it leaves the host's root: they are neither in the plan nor in any memory of the
 * supervisor. In the environment or in a file of a file system of its own, which is never swapped out.
 */
struct plan_secret {
	const char *name; /* as the unit calls it */
	const char *
		source; /* a path of the host, or the name of a file in PATH_SECRETS or PATH_SECRETS_VAR; or NULL: ... */
	const char *
		value; /* ... this, which is in the unit's file, also where that path leads to nothing; or NULL */
	const char *target; /* path inside, or the variable */
	const char *file;   /* in the file system of secrets; NULL: it is a variable, and ... */
	char **variable;    /* ... its entry of envp, "NAME=" until the child has read it */
	uint32_t uid, gid;  /* as seen inside; SECRET_ID_UNSET: those of the process */
	uint32_t mode;
};
#define PLAN_SECRETS_MAX (2 * SECRETS_MAX) /* also of their mounts */

struct sysctl_write {
	const char *path; /* "net/ipv4/ip_forward" below /proc/sys */
	const char *value;
};

/* A pid takes the place of as many digits. */
#define PLAN_LISTEN_PID "LISTEN_PID=0000000000"
#define PLAN_PID_MAX sizeof(PLAN_LISTEN_PID)
#define PLAN_HOME_MAX (sizeof("HOME=") + 128)
#define PLAN_NOTIFY_INSIDE "/run/notify/notify.sock"

enum plan_stdio {
	PLAN_STDIO_NULL,
	PLAN_STDIO_LOG,
	PLAN_STDIO_TTY,
	PLAN_STDIO_GIVEN,
	PLAN_STDIO_INHERIT,
	PLAN_STDIO_LOG_CONSOLE,
	PLAN_STDIO_FILE, /* this and the next: opened by the child, before its root is another */
	PLAN_STDIO_APPEND,
	PLAN_STDIO_TRUNCATE
};

struct plan {
	const char *unit; /* "web.container" */
	enum role role;

	bool container; /* namespaces, own root; else a process on the host side, perhaps in a sandbox */
	bool join;      /* enters the running container instead of making one (exec, health) */
	bool own_network;    /* setns into the unit's kept network namespace */
	const char *network; /* what is made of that, by plan_all() for plan_print(); NULL */
	uint64_t
		clone_flags; /* CLONE_NEWNS | ...; the cgroup namespace is unshared by a step, see child/ */
	bool cgroup_ns;
	const struct ids *ids; /* of the user namespace that is entered, NULL: none ... */
	const char *ids_why;   /* ... for this reason, or NULL: UserNS=host */
	bool run_init;         /* exec the sealed init, which runs argv */

	const char *host_name;
	const char *root; /* where the new root comes from, NULL: it stays; the work is in mounts */
	struct mount_op *mounts;
	size_t n_mounts;
	struct cgroup_write *cgroup;
	size_t n_cgroup;
	enum device_control device_control;
	struct device_rules devices;
	bool devices_asked; /* by a key: else a kernel that cannot do it is a warning */
	struct plan_secret *secrets;
	size_t n_secrets;
	struct sysctl_write *sysctls;
	size_t n_sysctls;
	struct rlimit_set *rlimits;
	size_t n_rlimits;
	int nice;             /* INT_UNSET: as it is */
	int oom_score_adjust; /* INT_UNSET: 0 */

	const char *
		user; /* "name", "uid", "name:group", "uid:gid"; NULL: 0:0. Looked up inside, by the child */
	const char *group; /* overrides the group of user */
	uint64_t
		capabilities; /* bounding = permitted = effective (for uid 0) = ambient when not uid 0 and added by the unit */
	uint64_t ambient;
	bool no_new_privileges;
	const struct spot
		*landlock; /* with one of a sort, all of that sort that is not named is refused */
	size_t n_landlock;
	/* Loaded one after the other; what either refuses is refused. The second one is for the program alone, not for the
	 * container's init. n 0: none. */
	struct seccomp_program profile, filter;
	const char *profile_name; /* "default", "unconfined" or a path; NULL: no container */
	const char *filter_keys;  /* the keys that made the filter, a line each; NULL: none */
	bool learn;               /* what it asks the kernel for is recorded */

	const char *
		working_dir; /* inside, "~": the user's home; one that is missing is a fault, unless ... */
	bool working_dir_optional; /* ... "-": then it is "/" */
	const char *path;          /* program; with no '/', searched on PATH of envp */
	char *const *argv;         /* NULL-terminated */
	char *const *envp;
	char *home; /* the entry "HOME=" of envp with room for PLAN_HOME_MAX bytes, to be completed
				   with the user's home by the child; NULL: the environment says it itself */

	const struct passed_fd *passed; /* become 3, 4, ... */
	size_t n_passed;
	bool non_blocking; /* those */
	char *listen_pid; /* the entry "LISTEN_PID=" of envp with room for PLAN_PID_MAX bytes, to be completed by
			   * the child, or by the init that runs the command; NULL: none */

	enum plan_stdio in, out, err;
	uint64_t log_interval; /* of log_burst lines that are kept, 0: no limit */
	uint32_t log_burst;
	const char *out_path, *err_path;  /* host paths, for the files */
	const char *tty;                  /* host path for PLAN_STDIO_TTY */
	int notify_fd;                    /* NotifyFD=: the number of the pipe's end, 0: none */
	const struct health_check *check; /* of a health check: its times; for plan print */
	bool startup;                     /* ... it is HealthStartupCmd= */
	bool terminal; /* exec: a new terminal of the container's devpts becomes stdio */
};

/*
 * The main process, or another (role, index) of a unit. Most run on the host's side; a health check (0: HealthCmd=, 1:
 * HealthStartupCmd=) and ReloadCmd=, which is the RELOAD after the last ExecReload=, enter the running container.
 */
int plan_unit(struct plan *p, const struct unit *u, enum role role, uint32_t index,
	const struct facts *facts, struct arena *arena, struct err *e);
/* The words that User= has for root; NULL is one. */
bool plan_is_root(const char *user);
/* What a container may at most do as its root. */
uint64_t plan_container_capabilities(const struct container_section *c);
/* Whether it enters the running container. */
bool plan_joins(const struct unit *u, enum role role, uint32_t index);
/* A command in the running container (supctl exec): same ids, capabilities, limits, environment as its main process. */
int plan_exec(struct plan *p, const struct unit *u, char *const *argv, bool terminal,
	const struct facts *facts, struct arena *arena, struct err *e);
/*
 * The places inside at which something will be mounted and that the root itself must therefore have: those below
 * another mount are left out. An array of n in the arena; facts only add to it what they may. For
 * facts.root_lacks_targets.
 */
const char *const *plan_targets(const struct unit *u, struct arena *arena, size_t *n);
/* The names of devices whose numbers the plan needs: those of AddDevice=, DeviceAllow= and of its terminal. */
struct strv plan_device_names(const struct unit *u, struct arena *arena);
/* What a container mounts with these facts; NULL: nothing that could be planned. */
const struct mount_op *plan_mounts_of(const struct unit *u, const struct facts *facts,
	struct arena *arena, size_t *n);
/*
 * The unit's main process and what enters its container later on (health checks, ReloadCmd=), each as plan_print has it,
 * with an empty line between; of a network what its start makes. NULL with a reason.
 */
const char *plan_all(const struct unit *u, const struct facts *facts, struct arena *arena,
	struct err *e);
/* Text for people, stable, one fact a line; lives in the arena. */
const char *plan_print(const struct plan *p, struct arena *arena);

#endif
