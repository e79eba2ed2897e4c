#include "supervisor/sys/unit/launch.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/unit/cgroup.h"
#include "supervisor/sys/unit/learn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/sched.h>

#ifndef MFD_EXEC /* Linux 6.3 */
#define MFD_EXEC 0x0010U
#endif

#define COPY_MAX (64 << 20)

/* ---- the launcher ---- */

static int copy_file(int from, int to)
{
	ssize_t n;

	do {
		n = sendfile(to, from, NULL, COPY_MAX);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : 0;
}

/*
 * What runs as PID 1 in a container must be neither a file of the host that it could overwrite (CVE-2019-5736) nor a
 * file of the image. A copy in memory, made once and sealed, is neither.
 */
static int sealed_copy(const char *path, struct err *e)
{
	int file cleanup_fd = open(path, O_RDONLY | O_CLOEXEC);
	int copy cleanup_fd = -1;

	if (file < 0)
		return err_set(e, "%s", path);
	copy = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy < 0 && errno == EINVAL)
		copy = memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0 || copy_file(file, copy) < 0 || fchmod(copy, 0555) < 0)
		return err_set(e, "copy %s into memory", path);
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_set(e, "seal the copy of %s", path);
	return fd_take(&copy);
}

int launcher_open(struct launcher *l, struct roster *roster, const char *init, struct err *e)
{
	*l = (struct launcher){ .roster = roster,
		.init_fd = -1,
		.cgroup_fd = -1,
		.pid_ns = -1,
		.devices.program = -1 };
	e->msg[0] = '\0';
	l->init_fd = sealed_copy(init, e);
	if (l->init_fd < 0)
		return -1;
	l->cgroup_fd = cgroup_open_base(e);
	if (l->cgroup_fd < 0)
		(void)err_prefix(e, "no limits, and stopping reaches a unit's main process only");
	return 0;
}

void launcher_close(struct launcher *l)
{
	fd_close(&l->init_fd);
	fd_close(&l->cgroup_fd);
	fd_close(&l->devices.program);
	fd_close(&l->pid_ns);
}

/* ---- the roster ---- */

static struct roster_slot *slot_reserve(struct roster *roster, const struct plan *plan)
{
	for (size_t i = 0; i < ROSTER_SLOTS; i++) {
		struct roster_slot *slot = &roster->slot[i];

		if (atomic_load(&slot->state) != SLOT_FREE)
			continue;
		slot->pid = 0;
		slot->status = 0;
		slot->role = (uint16_t)plan->role;
		slot->begun = 0;
		slot->started_ns = now_ns();
		slot->exited_ns = 0;
		text_copy(slot->unit, sizeof(slot->unit), plan->unit);
		atomic_store(&slot->state, SLOT_RESERVED);
		return slot;
	}
	return NULL;
}

/*
 * From here init writes its exit into the slot. One that was killed and reaped before has been counted as an orphan, and
 * nobody will tell more: then the slot is free again and the answer is -1. So it is with one that nobody could stop.
 */
static int slot_live(struct roster_slot *slot, int pid, int pidfd)
{
	uint32_t live = SLOT_LIVE;

	slot->pid = pid;
	atomic_store(&slot->state, SLOT_LIVE);
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 ||
		(errno != ESRCH && errno != ENOSYS))
		return 0;
	return atomic_compare_exchange_strong(&slot->state, &live, SLOT_FREE) ? -1 : 0;
}

/* ---- the clone ---- */

/* One start: what must be gone when it fails. */
struct start {
	int go[2], report[2];
	int cgroup;
	int pidfd;
};

static void start_close(struct start *s)
{
	for (size_t i = 0; i < 2; i++) {
		fd_close(&s->go[i]);
		fd_close(&s->report[i]);
	}
	fd_close(&s->cgroup);
	fd_close(&s->pidfd);
}

/* -1 with errno; in the child it does not return. */
static int start_clone(struct start *s, const struct plan *plan, struct child *child)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_CLEAR_SIGHAND |
			(plan->join ? 0 : plan->clone_flags),
		.pidfd = (uint64_t)(uintptr_t)&s->pidfd,
	};
	sigset_t all, old;
	long pid;
	int no;

	if (s->cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)s->cgroup;
	}
	/* a signal in the child must not run a handler that writes into our pipes; it unblocks as its last step */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		fd_close(&s->go[1]); /* else it would never see the end of its own pipe */
		child_main(child);
	}
	no = errno;
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	errno = no;
	return (int)pid;
}

/*
 * The PID namespace of a child is chosen before it exists: enter the container's, clone, come back. It only changes
 * where the next child is born, not where we are.
 */
static int clone_joined(struct launcher *l, struct start *s, const struct plan *plan,
	struct child *child)
{
	int pid, no;

	if (l->pid_ns < 0)
		l->pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (l->pid_ns < 0 || setns(child->fd.join, CLONE_NEWPID) < 0)
		return -1;
	pid = start_clone(s, plan, child);
	no = errno;
	if (setns(l->pid_ns, CLONE_NEWPID) < 0)
		_exit(CHILD_EXIT_FAULT); /* every later start would land in that container: begin anew */
	errno = no;
	return pid;
}

/* What nobody has asked for is a word to the operator where the kernel cannot do it. */
static void go_on_without(struct err *e, const struct err *why)
{
	if (e->msg[0] == '\0')
		(void)err_setx(e, "going on without: %s", why->msg);
	else
		(void)err_prefix(e, "going on without: %s", why->msg);
}

static int hold_devices(struct launcher *l, int cgroup, const struct plan *plan, bool fresh,
	struct err *e)
{
	struct err why;

	if (cgroup < 0 && plan->device_control == DEVICES_LISTED)
		(void)err_setx(&why, "without cgroup v2 nothing holds it to its devices");
	else if (cgroup < 0 || devices_apply(&l->devices, plan, cgroup, fresh, &why) == 0)
		return 0;
	if (plan->devices_asked && cgroup >= 0) {
		*e = why;
		return -1;
	}
	go_on_without(e, &why);
	return 0;
}

/* As of a controller that is missing: what somebody asked for may not be left out. */
static int limits_missing(const struct plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->n_cgroup; i++)
		if (!plan->cgroup[i].optional)
			return err_setx(e, "%s=: no cgroup v2 is mounted on %s",
				plan->cgroup[i].key, PATH_CGROUP);
	return 0;
}

static int start_prepare(struct launcher *l, struct start *s, const struct plan *plan,
	struct err *e)
{
	bool fresh = false;

	if (l->cgroup_fd >= 0) {
		s->cgroup = cgroup_prepare(l->cgroup_fd, plan, &fresh, e);
		if (s->cgroup < 0)
			return -1;
	} else if (limits_missing(plan, e) < 0) {
		return -1;
	}
	if (hold_devices(l, s->cgroup, plan, fresh, e) < 0)
		return -1;
	/* non-blocking is meant for our end; no record is large enough to meet it at the other one */
	if (pipe2(s->go, O_CLOEXEC) < 0 || pipe2(s->report, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, "pipe");
	return 0;
}

static void child_prepare(struct child *c, const struct launcher *l, const struct start *s,
	const struct plan *plan, const struct launch_io *io)
{
	child_init(c, plan);
	c->fd = (struct child_fds){
		.go = s->go[0],
		.report = s->report[1],
		.in = io->in,
		.out = io->out,
		.err = io->err,
		.netns = io->netns,
		.userns = io->userns,
		.init = l->init_fd,
		.join = io->join,
		.notify = io->notify,
		.terminal = io->terminal,
	};
}

static int clone_error(struct err *e)
{
	if (errno == EAGAIN)
		return err_set(e, "start a process: the limit of tasks is reached");
	if (errno == ENOSYS)
		return err_setx(e,
			"start a process: there is no clone3: the kernel is older than 5.7, or a filter around it forbids the call");
	return err_set(e, "start a process");
}

/* EPIPE: it was killed meanwhile, which the roster tells. */
static void say_go(int go)
{
	while (write(go, "", 1) < 0 && errno == EINTR)
		continue;
}

void launch_go(struct launcher *l, struct launched *run)
{
	say_go(run->go);
	KILL_POINT("launch-go");
	/* as the child does it, which may still be at its mounts for a while */
	atomic_store(&l->roster->slot[run->slot].begun, 1);
	fd_close(&run->go);
}

int launch(struct launcher *l, const struct plan *plan, const struct launch_io *io,
	struct launched *out, struct err *e)
{
	struct start s __attribute__((cleanup(start_close))) = {
		.go = { -1, -1 }, .report = { -1, -1 }, .cgroup = -1, .pidfd = -1
	};
	struct roster_slot *slot;
	struct child child;
	struct err why;
	int pid;

	e->msg[0] = '\0';
	if (start_prepare(l, &s, plan, e) < 0)
		return -1;
	KILL_POINT("launch-prepared");
	slot = slot_reserve(l->roster, plan);
	if (slot == NULL)
		return err_setx(e, "%u processes run already: no slot is free", ROSTER_SLOTS);
	KILL_POINT("launch-reserved");
	child_prepare(&child, l, &s, plan, io);
	child.begun = &slot->begun;
	pid = plan->join && plan->container ? clone_joined(l, &s, plan, &child)
					    : start_clone(&s, plan, &child);
	if (pid < 0) {
		atomic_store(&slot->state, SLOT_FREE);
		return clone_error(e);
	}
	KILL_POINT("launch-cloned");
	if (slot_live(slot, pid, s.pidfd) < 0)
		return err_setx(e, "%s",
			errno == ENOSYS
				? "there is no pidfd_send_signal, so that it could not be stopped"
				: "the new process was killed before it began");
	KILL_POINT("launch-live");
	/* Before it runs: what it tells must be heard, whatever becomes of us. */
	if (l->hold != NULL)
		l->hold(l->data, (uint32_t)(slot - l->roster->slot), s.report[0], e);
	KILL_POINT("launch-held");
	if (plan->learn && learn_begin(plan, pid, &why) < 0)
		go_on_without(e, &why);
	KILL_POINT("launch-learned");
	say_go(s.go[1]);
	KILL_POINT("launch-begun");
	*out = (struct launched){
		.pid = pid,
		.slot = (uint32_t)(slot - l->roster->slot),
		.pidfd = fd_take(&s.pidfd),
		.report = fd_take(&s.report[0]),
		.go = fd_take(&s.go[1]),
	};
	return 0;
}
