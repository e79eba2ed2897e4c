/*
 * What a process has, as the kernel tells it, beside what its plan says, and the lines of its unit that would leave it less.
 * Pure: the texts come from sys/, which takes them from the host's /proc, where nothing that runs inside can bend them.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "supervisor/core/plan/plan.h"

/* NAMESPACE(name in /proc/PID/ns, CLONE_ flag) */
#define NAMESPACES(X)              \
	X(mnt, CLONE_NEWNS)        \
	X(pid, CLONE_NEWPID)       \
	X(uts, CLONE_NEWUTS)       \
	X(ipc, CLONE_NEWIPC)       \
	X(net, CLONE_NEWNET)       \
	X(cgroup, CLONE_NEWCGROUP) \
	X(user, CLONE_NEWUSER)

enum audit_namespace {
#define X(name, flag) NS_##name,
	NAMESPACES(X)
#undef X
		NS_COUNT
};

/* What holds the cgroup to its devices. */
enum audit_devices { AUDIT_DEVICES_FREE, AUDIT_DEVICES_PLANNED, AUDIT_DEVICES_OTHER };

#define AUDIT_ROWS_MAX 400u /* what is beyond is counted */

struct audit_facts {
	const char *status;                                 /* proc_pid_status(5) */
	const char *uid_map, *gid_map;                      /* user_namespaces(7) */
	const char *own_status, *own_uid_map, *own_gid_map; /* the supervisor's */
	char *mountinfo;                                    /* proc_pid_mountinfo(5); is cut up */
	uint64_t ns[NS_COUNT], host_ns[NS_COUNT];           /* inodes; 0: not known */
	uint32_t descriptors;
	enum audit_devices devices;
	const char *const
		*cgroup; /* what the files of plan->cgroup hold, NULL for one that is not there */
	const char *memory_max; /* as the cgroup has it, NULL: not known */
};

struct audit_row {
	const char *what; /* "no-new-privs" */
	const char *has;
	const char *declared; /* NULL: its unit has no say in it */
	bool differs;
};

struct audit {
	struct audit_row *rows;
	size_t n_rows;
	size_t more;        /* rows that there was no room for */
	struct strv advice; /* "ReadOnly=yes  # why" */
};

/* All of it lives in the arena. */
void audit_make(struct audit *audit, const struct unit *u, const struct plan *p,
	const struct audit_facts *facts, struct arena *a);

#endif
