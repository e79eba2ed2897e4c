/*
 * From a unit to a running process: gather the facts, make the plan, launch it. Everything a start needs for
 * itself lives in one arena that ends with it; what outlives it belongs to the instance.
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/unit/image.h"
#include "supervisor/sys/unit/privatetmp.h"
#include "supervisor/sys/unit/userns.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define ENVIRONMENT_FILE_MAX 65536
#define FILES_PATH_MAX 128
#define TASKS_FILE "/proc/sys/kernel/threads-max"

/* ---- facts ---- */

static int host_facts(struct facts *f, struct err *e)
{
	cleanup_fd int fd = open(TASKS_FILE, O_RDONLY | O_CLOEXEC);
	struct sysinfo info;
	char text[32];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	/* without proc(5) shares of it are refused; for want of a descriptor that would be the wrong word */
	if ((fd < 0 && errno != ENOENT) || n < 0)
		return err_set(e, TASKS_FILE);
	text[n] = '\0';
	f->tasks = strtoull(text, NULL, 10);
	if (sysinfo(&info) == 0)
		f->ram = (uint64_t)info.totalram * info.mem_unit;
	f->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	return 0;
}

/* 1: read, 0: optional and not there. */
static int read_environment(const char *path, const char **text, struct arena *a, struct err *e)
{
	bool optional = path[0] == '-';
	size_t n;

	*text = file_read(a, "EnvironmentFile=", path + optional, 0, ENVIRONMENT_FILE_MAX, &n, e);
	if (*text != NULL)
		return 1;
	return optional && e->no == ENOENT ? 0 : -1;
}

static int environment_facts(const struct unit *u, struct facts *f, struct arena *a, struct err *e)
{
	const struct strv *lists[] = { &u->container.environment_file,
		&u->service.environment_file };
	struct strv *texts = arena_alloc(a, sizeof(*texts));

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		for (size_t k = 0; k < lists[i]->n; k++) {
			const char *text = NULL;
			int got = read_environment(lists[i]->v[k], &text, a, e);

			if (got < 0)
				return -1;
			if (got > 0)
				strv_add(a, texts, text);
		}
	}
	f->environment_files = texts;
	return 0;
}

static int volume_facts(const struct unit *u, struct facts *f, struct arena *a, struct err *e)
{
	const struct mounts *mounts = &u->container.mounts;
	struct volume_path *v = arena_array(a, mounts->n + 1, sizeof(*v));

	for (size_t i = 0; i < mounts->n; i++) {
		char *path = arena_alloc(a, VOLUME_PATH_MAX);

		if (mounts->v[i].kind != MOUNT_VOLUME)
			continue;
		if (volume_path(mounts->v[i].source, path, e) < 0)
			return -1;
		v[f->n_volumes].name = mounts->v[i].source;
		v[f->n_volumes++].path = path;
	}
	f->volumes = v;
	return 0;
}

/* Image= or Rootfs=: where the root is on the host, and what the image says of itself. */
static int root_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	const char *rootfs = u->container.rootfs;
	struct image_section *defaults;

	if (rootfs != NULL) {
		f->root = arena_strndup(a, rootfs, strcspn(rootfs, ":"));
	} else {
		defaults = arena_alloc(a, sizeof(*defaults));
		if (image_mount(u->container.image, a, &f->root, defaults, e) < 0)
			return -1;
		f->image = defaults;
		inst->stop_signal = defaults->stop_signal;
		if (inst->image == NULL)
			inst->image = strdup(u->container.image);
	}
	return image_lacks_targets(f->root, u, a, &f->root_lacks_targets, e);
}

/* Of a container that runs, only what its image says is asked again. */
static int joined_facts(const struct unit *u, struct facts *f, struct arena *a, struct err *e)
{
	struct image_section *defaults = arena_alloc(a, sizeof(*defaults));

	if (u->container.image == NULL)
		return 0;
	if (image_mount(u->container.image, a, &f->root, defaults, e) < 0)
		return -1;
	f->image = defaults;
	return 0;
}

static void zone_facts(const struct unit *u, struct facts *f, struct arena *a)
{
	const char *zone = u->container.timezone;

	if (zone != NULL)
		f->zone_file = arena_printf(a, "%s/%s", "/usr/share/zoneinfo",
			strcmp(zone, "local") == 0 ? "localtime" : zone);
}

/*
 * Where another engine's container is the machine, the first refusal of the kernel would not say what is missing. A
 * user namespace of our own is no way around: mounts are made outside of it.
 */
static int may_contain(struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) == 0 &&
		(data[0].effective & 1U << CAP_SYS_ADMIN) == 0)
		return err_setx(e, "a container takes CAP_SYS_ADMIN, which sup was not given here");
	return 0;
}

static int container_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	char *files = arena_alloc(a, FILES_PATH_MAX);
	cleanup_fd int netns = -1;

	if (may_contain(e) < 0 || root_facts(inst, f, a, e) < 0 || volume_facts(u, f, a, e) < 0 ||
		ids_attach(inst, f, a, &netns, e) < 0 || network_prepare(inst, &netns, e) < 0 ||
		names_write(inst, files, FILES_PATH_MAX, e) < 0)
		return -1;
	f->files = files;
	ids_give(inst, f);
	zone_facts(u, f, a);
	return 0;
}

static bool wants_notify(const struct unit *u)
{
	return u->service.type == TYPE_NOTIFY || u->service.type == TYPE_NOTIFY_RELOAD ||
		u->service.watchdog != 0 || u->container.notify != NOTIFY_FALSE;
}

/* What ExecStop= and its kin learn of the main process, as systemd.exec(5) has it. */
static void outcome_facts(const struct instance *inst, struct facts *f, struct arena *a)
{
	const struct run *run = engine_run(inst->s->engine, inst->index);

	if (run->main_pid != 0)
		f->main_pid = arena_printf(a, "%d", run->main_pid);
	f->service_result = engine_result(inst->s->engine, inst->index);
	if (WIFSIGNALED(run->last_status)) {
		f->exit_code = "killed";
		f->exit_status = arena_printf(a, "%d", WTERMSIG(run->last_status));
	} else {
		f->exit_code = "exited";
		f->exit_status = arena_printf(a, "%d", WEXITSTATUS(run->last_status));
	}
}

/* $TRIGGER_UNIT and $TRIGGER_TIMER_REALTIME_USEC of systemd.exec(5). */
static void trigger_facts(const struct instance *inst, struct facts *f, struct arena *a)
{
	const struct supervisor *s = inst->s;
	uint32_t timer = engine_started_by(s->engine, inst->index);

	if (timer >= s->set->n)
		return;
	f->trigger_unit = unit_at(s, timer)->name;
	f->trigger_wall = arena_printf(a, "%llu",
		(unsigned long long)engine_timer(s->engine, timer).last_wall);
}

/* What the sandbox of a service needs to be there before its child begins. */
static int sandbox_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	const struct sandbox *s = &u->service.sandbox;
	int fresh = -1;

	if (s->private_network && network_prepare(inst, &fresh, e) < 0)
		return -1;
	if (s->private_tmp && private_tmp_make(u->name, a, &f->private_tmp, e) < 0)
		return -1;
	/* a mount point that a child could not make in a tree that is read-only */
	if (u->kind == KIND_SERVICE && u->service.credentials.n > 0) {
		(void)mkdir(PATH_CREDENTIALS, 0755);
		(void)mkdir(arena_printf(a, "%s/%s", PATH_CREDENTIALS, u->name), 0755);
	}
	return 0;
}

static const struct launch_io no_io = { .in = -1,
	.out = -1,
	.err = -1,
	.netns = -1,
	.userns = -1,
	.join = -1,
	.notify = -1,
	.terminal = -1 };

/* What enters the container is told which one by its first process. */
static int join_io(struct instance *inst, struct launch_io *io, struct facts *f, struct arena *a,
	struct err *e)
{
	struct process *main_process = process_find(inst->s, inst, ROLE_MAIN);

	if (main_process == NULL)
		return err_setx(e, "%s is not running", inst->unit);
	/* until then it has the host's files and ids, and so would who enters it; others are refused by the plan */
	if (!main_process->settled && unit_at(inst->s, inst->index)->kind == KIND_CONTAINER)
		return err_setx(e, "%s: its program is not executed yet", inst->unit);
	io->join = process_pidfd(main_process);
	io->userns = userns_of(main_process->run.pid, &f->ids, a, e);
	return io->userns == USERNS_UNKNOWN ? -1 : 0;
}

/* The user namespace of one that is joined was opened for this start. */
static void io_close(struct launch_io *io)
{
	if (io->join >= 0)
		fd_close(&io->userns);
}

static int gather(struct instance *inst, enum role role, uint32_t number, struct facts *f,
	struct launch_io *io, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	*f = (struct facts){ 0 };
	if (host_facts(f, e) < 0)
		return -1;
	if (role != ROLE_MAIN)
		outcome_facts(inst, f, a);
	else
		socket_facts(inst->s, inst->index, false, f, a);
	trigger_facts(inst, f, a);
	if (wants_notify(u)) {
		if (notify_open(inst, e) < 0)
			return -1;
		f->notify_socket = arena_printf(a, "%s/%s", PATH_NOTIFY, u->name);
	}
	if (environment_facts(u, f, a, e) < 0 || seccomp_facts(&inst->s->filters, u, f, a, e) < 0)
		return -1;
	if (plan_joins(u, role, number))
		return join_io(inst, io, f, a, e) < 0 ? -1 : joined_facts(u, f, a, e);
	device_facts(u, f, a);
	if (sandbox_facts(inst, f, a, e) < 0)
		return -1;
	if (u->kind == KIND_CONTAINER && role == ROLE_MAIN)
		return container_facts(inst, f, a, e);
	return 0;
}

/* ---- launch ---- */

static int pick_output(const struct instance *inst, enum plan_stdio kind,
	const struct log_pipe *pipe)
{
	switch (kind) {
	case PLAN_STDIO_LOG:
	case PLAN_STDIO_LOG_CONSOLE:
		return pipe->write_end;
	case PLAN_STDIO_INHERIT:
		return inst->s->console;
	case PLAN_STDIO_NULL:
	case PLAN_STDIO_TTY: /* the child opens it: it becomes its controlling terminal */
	case PLAN_STDIO_FILE:
	case PLAN_STDIO_APPEND:
	case PLAN_STDIO_TRUNCATE:
	case PLAN_STDIO_GIVEN:
		break;
	}
	return -1;
}

/*
 * Whoever clone3(2) puts into a cgroup in which cgroup.kill was written once is killed too, by kernels from 6.14 on (they
 * compare its count of kills with that of the parent's cgroup): the next process gets a new one.
 */
static void renew_cgroup(struct instance *inst)
{
	int base = inst->s->launcher.cgroup_fd;
	struct err ignored;

	if (!inst->cgroup_killed || inst->n_processes > 0 || base < 0)
		return;
	watch_drop(inst);
	if (cgroup_remove(base, inst->unit, &ignored) < 0)
		return; /* somebody lives in it */
	inst->cgroup_killed = false;
	inst->oom_past += inst->oom_kills;
	inst->oom_kills = 0;
	keep_unit_changed(inst->s, inst->index);
}

/* Nobody waits for it, and its slot is free when it is reaped. */
static void forget_exit(struct process *p, int32_t status, const char *fault)
{
	(void)p;
	(void)status;
	(void)fault;
}

/* It mounts meanwhile, and waits then. */
static int connect_and_go(struct process *p, struct launched *run, const struct plan *plan,
	struct err *e)
{
	bool own = plan->own_network && !plan->join;
	struct err why;

	if (!own || network_connect(p->instance, &why) == 0) {
		KILL_POINT("start-connected");
		launch_go(&p->s->launcher, run);
		return 0;
	}
	*e = why;
	fd_close(&run->go);
	p->on_exit = forget_exit;
	process_add(p, run);
	(void)process_signal(p, SIGKILL);
	return -1;
}

static int launch_plan(struct instance *inst, const struct plan *plan, const struct launch_io *io,
	struct process **out, struct err *e)
{
	struct process *p = process_new(inst, plan->role);
	struct launched run;

	if (p == NULL)
		return err_set_no(e, ENOMEM, "%s: process record", inst->unit);
	e->msg[0] = '\0';
	renew_cgroup(inst);
	if (launch(&inst->s->launcher, plan, io, &run, e) < 0) {
		free(p);
		return -1;
	}
	if (e->msg[0] != '\0')
		journal_err(inst->s, LOG_LEVEL_WARNING, inst->unit, e);
	if (connect_and_go(p, &run, plan, e) < 0)
		return -1;
	KILL_POINT("start-launched");
	watch_unit(inst);
	process_add(p, &run);
	KILL_POINT("start-added");
	*out = p;
	return 0;
}

/* What a health check or the command of a mount writes last is for the engine, and is not in the log. */
static int launch_check(struct instance *inst, const struct plan *plan, struct launch_io *io,
	struct process **out, struct err *e)
{
	cleanup_fd int write_end = -1;
	struct check_output *output = check_output_open(inst->s, &write_end, e);

	if (output == NULL)
		return -1;
	io->out = io->err = write_end;
	/* a supervisor that dies must not make its next word a SIGPIPE */
	if (link_hold(&inst->s->link, "output", inst->unit, check_output_fd(output), e) < 0 ||
		launch_plan(inst, plan, io, out, e) < 0) {
		link_drop(&inst->s->link, "output", inst->unit);
		check_output_close(output);
		return -1;
	}
	(*out)->output = output;
	return 0;
}

/* Filters that no key asks for by itself: a kernel that has none is no fault; but somebody should know. */
static void tell_unfiltered(struct instance *inst, const struct plan *plan)
{
	const char *name = plan->profile_name;
	bool profile = name != NULL && plan->profile.n == 0 && strcmp(name, "unconfined") != 0;
	bool filter = plan->filter_keys != NULL && plan->filter.n == 0;

	if (plan->role == ROLE_MAIN && (profile || filter))
		journal(inst->s, LOG_LEVEL_WARNING, inst->unit,
			"the kernel has no seccomp filters: it may use all system calls");
}

/* The facts are for the caller, too; all of it lives in the arena. */
static int start_in(struct instance *inst, enum role role, uint32_t number, struct facts *facts,
	struct arena *a, struct process **out, struct err *e)
{
	struct launch_io io __attribute__((cleanup(io_close))) = no_io;
	cleanup_fd int ready = -1;
	struct plan plan;

	if (role == ROLE_MAIN)
		inst->notify_access = ACCESS_UNSET;
	if (instance_logs(inst, e) < 0 || log_pipe_writable(&inst->out, e) < 0 ||
		log_pipe_writable(&inst->err, e) < 0 ||
		gather(inst, role, number, facts, &io, a, e) < 0 ||
		plan_unit(&plan, unit_at(inst->s, inst->index), role, number, facts, a, e) < 0)
		return -1;
	KILL_POINT("start-planned");
	tell_unfiltered(inst, &plan);
	if (role == ROLE_HEALTH || unit_at(inst->s, inst->index)->kind == KIND_MOUNT)
		return launch_check(inst, &plan, &io, out, e);
	io.out = pick_output(inst, plan.out, &inst->out);
	io.err = pick_output(inst, plan.err, &inst->err);
	inst->out.console = plan.out == PLAN_STDIO_LOG_CONSOLE;
	inst->err.console = plan.err == PLAN_STDIO_LOG_CONSOLE;
	if (plan.in == PLAN_STDIO_INHERIT)
		io.in = inst->s->console;
	io.netns = plan.own_network && !plan.join ? network_namespace(inst) : -1;
	if (!plan.join)
		io.userns = plan.ids != NULL ? ids_namespace(inst) : -1;
	if (plan.notify_fd != 0 && ready_open(inst, &ready, e) < 0)
		return -1;
	io.notify = ready;
	return launch_plan(inst, &plan, &io, out, e);
}

const struct health_check *start_image_health(const struct unit *u, enum role role, struct arena *a)
{
	struct facts f = { 0 };
	struct err ignored;

	if (role != ROLE_MAIN || u->kind != KIND_CONTAINER || joined_facts(u, &f, a, &ignored) < 0)
		return NULL;
	return f.image != NULL ? &f.image->health : NULL;
}

/*
 * A reload has taken the unit away while processes of it could not be killed, and now it is back: the engine knows nothing
 * of them. Those that its keys let be are no obstacle, as ever.
 */
static bool has_strangers(const struct instance *inst)
{
	int mode = unit_at(inst->s, inst->index)->service.kill_mode;

	if (mode == KILL_PROCESS || mode == KILL_NONE)
		return false;
	for (const struct process *p = inst->s->processes; p != NULL; p = p->next)
		if (p->instance != inst && strcmp(p->instance->unit, inst->unit) == 0)
			return true;
	return watch_is_populated(inst);
}

int start_process(struct supervisor *s, uint32_t index, enum role role, uint32_t number,
	struct err *e)
{
	bool is_first = s->instances[index] == NULL;
	struct instance *inst = instance_get(s, index);
	struct event event = { .kind = EV_SPAWNED, .unit = index, .role = role };
	struct arena a = { 0 };
	struct facts facts;
	struct process *p;
	int rc;

	if (inst == NULL)
		return err_set_no(e, ENOMEM, "record of the unit");
	if (is_first && has_strangers(inst)) {
		instance_release(s, index); /* so that the next start looks again */
		return err_setx(e, "processes that it left before a reload are still there");
	}
	rc = start_in(inst, role, number, &facts, &a, &p, e);
	/* the process has its own */
	fd_close(&inst->out.write_end);
	fd_close(&inst->err.write_end);
	if (rc < 0 && inst->netns >= 0 && !inst->wired)
		network_release(inst);
	if (rc == 0) {
		event.pid = p->run.pid;
		event.health = facts.image != NULL ? &facts.image->health : NULL;
		supervise(s, &event);
		KILL_POINT("start-told");
	}
	arena_free(&a);
	return rc;
}

int start_exec(struct supervisor *s, uint32_t index, char *const *argv, const int *fds,
	size_t n_fds, struct process **out, struct err *e)
{
	struct instance *inst = s->instances[index];
	const struct unit *u = unit_at(s, index);
	struct launch_io io __attribute__((cleanup(io_close))) = no_io;
	struct arena a = { 0 };
	struct facts facts;
	struct plan plan;
	int rc;

	if (inst == NULL)
		return err_setx(e, "%s is not running", u->name);
	if (n_fds == 3) {
		io.in = fds[0];
		io.out = fds[1];
		io.err = fds[2];
	} else {
		io.terminal = fds[0];
	}
	rc = gather(inst, ROLE_EXEC, 0, &facts, &io, &a, e);
	if (rc == 0)
		rc = plan_exec(&plan, u, argv, n_fds == 1, &facts, &a, e);
	if (rc == 0)
		rc = launch_plan(inst, &plan, &io, out, e);
	arena_free(&a);
	return rc;
}

/* What is known without a start: nothing is made but the mount of its image. */
static int idle_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	*f = (struct facts){ 0 };
	f->leases = &inst->s->leases;
	if (host_facts(f, e) < 0)
		return -1;
	socket_facts(inst->s, inst->index, true, f, a);
	device_facts(u, f, a);
	if (environment_facts(u, f, a, e) < 0 || seccomp_facts(&inst->s->filters, u, f, a, e) < 0)
		return -1;
	if (wants_notify(u))
		f->notify_socket = arena_printf(a, "%s/%s", PATH_NOTIFY, u->name);
	if (u->service.sandbox.private_tmp)
		f->private_tmp = arena_printf(a, "%s/%s", PATH_TMP, u->name);
	if (u->kind != KIND_CONTAINER)
		return 0;
	f->files = arena_printf(a, "%s/%s", PATH_FILES, u->name);
	zone_facts(u, f, a);
	if (root_facts(inst, f, a, e) < 0 || volume_facts(u, f, a, e) < 0)
		return -1;
	return ids_facts(inst, f, a, e);
}

const char *plan_text(struct supervisor *s, uint32_t index, struct arena *arena, struct err *e)
{
	const struct unit *u = unit_at(s, index);
	struct instance *held = s->instances[index];
	struct instance *inst;
	struct facts facts;
	const char *text = NULL;

	if (u->broken != NULL) {
		(void)err_setx(e, "%s: there is nothing to plan: %s", u->name, u->broken);
		return NULL;
	}
	inst = instance_get(s, index);
	if (inst == NULL) {
		(void)err_set_no(e, ENOMEM, "record of the unit");
		return NULL;
	}
	if (idle_facts(inst, &facts, arena, e) == 0)
		text = plan_all(u, &facts, arena, e);
	if (held == NULL)
		instance_release(s, index);
	return text;
}

int plan_now(struct supervisor *s, uint32_t index, struct plan *plan, struct arena *arena,
	struct err *e)
{
	bool held = s->instances[index] != NULL;
	struct instance *inst = instance_get(s, index);
	struct facts facts;
	int rc;

	if (inst == NULL)
		return err_set_no(e, ENOMEM, "record of the unit");
	rc = idle_facts(inst, &facts, arena, e);
	if (rc == 0)
		rc = plan_unit(plan, unit_at(s, index), ROLE_MAIN, 0, &facts, arena, e);
	if (!held)
		instance_release(s, index);
	return rc;
}
