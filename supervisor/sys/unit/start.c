/*
 * From a unit to a running process: the facts, the plan, the launch. Everything a start needs for
 * itself lives in one arena that ends with it; what outlives it belongs to the instance.
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/sys/unit/facts.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct launch_io no_io = { .in = -1,
	.out = -1,
	.err = -1,
	.netns = -1,
	.userns = -1,
	.join = -1,
	.notify = -1,
	.terminal = -1 };

/* The user namespace of one that is joined was opened for this start. */
static void io_close(struct launch_io *io)
{
	if (io->join >= 0)
		fd_close(&io->userns);
}

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
		facts_gather(inst, role, number, facts, &io, a, e) < 0 ||
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
	rc = facts_gather(inst, ROLE_EXEC, 0, &facts, &io, &a, e);
	if (rc == 0)
		rc = plan_exec(&plan, u, argv, n_fds == 1, &facts, &a, e);
	if (rc == 0)
		rc = launch_plan(inst, &plan, &io, out, e);
	arena_free(&a);
	return rc;
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
	if (facts_known(inst, &facts, arena, e) == 0)
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
	rc = facts_known(inst, &facts, arena, e);
	if (rc == 0)
		rc = plan_unit(plan, unit_at(s, index), ROLE_MAIN, 0, &facts, arena, e);
	if (!held)
		instance_release(s, index);
	return rc;
}
