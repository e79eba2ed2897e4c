/*
 * What the engine decides, done. Performing an action may bring the next event at once (a failed start): it is
 * fed to the engine here and its actions are done by the loop that is running, never by recursion.
 */
#include "common/killpoint.h"
#include "common/wire.h"
#include "supervisor/core/unit/change.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/network/network_live.h"
#include "supervisor/sys/recover/adopt.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/unit/condition.h"
#include "supervisor/sys/unit/learn.h"
#include "supervisor/sys/wall.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * Later than that, we have stood still: a disk did not answer, the machine was too busy. What came meanwhile is heard first, as
 * the word of a service that it is well, which waits in its socket.
 */
#define LATE_US (20 * USEC_PER_MSEC)

static void on_deadline(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;

	s->heard = !s->heard && now_us() > engine_deadline(s->engine) + LATE_US;
	if (s->heard) {
		(void)uv_timer_start(&s->deadline, on_deadline, 1, 0);
		return;
	}
	wall_tell(s, false);
	engine_tick(s->engine, now_us());
	perform_all(s);
}

static void arm_deadline(struct supervisor *s)
{
	uint64_t deadline = engine_deadline(s->engine), now = now_us(), delay;

	if (deadline == TIME_INFINITY) {
		(void)uv_timer_stop(&s->deadline);
		return;
	}
	delay = deadline > now ? (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
	uv_update_time(&s->loop);
	(void)uv_timer_start(&s->deadline, on_deadline, delay, 0);
}

static void answer(struct supervisor *s, const struct action *a, enum event_kind kind,
	const struct err *e)
{
	struct event event = {
		.kind = kind,
		.unit = a->unit,
		.role = a->role,
		.text = e != NULL ? e->msg : NULL,
	};

	engine_event(s->engine, &event, now_us());
}

static int setup(struct instance *inst, const struct unit *u, struct err *e)
{
	if (u->kind == KIND_NETWORK)
		return network_setup(inst, e);
	if (u->kind == KIND_SOCKET)
		return socket_setup(inst, e);
	return volume_setup(inst->s, u, e);
}

static void do_setup(struct supervisor *s, const struct action *a)
{
	const struct unit *u = unit_at(s, a->unit);
	struct instance *inst = instance_get(s, a->unit);
	struct err e;
	int rc;

	KILL_POINT("setup-begin");
	if (inst == NULL)
		rc = err_set_no(&e, ENOMEM, "record of the unit");
	else
		rc = setup(inst, u, &e);
	KILL_POINT("setup-done");
	answer(s, a, rc == 0 ? EV_SETUP_DONE : EV_SETUP_FAILED, rc == 0 ? NULL : &e);
}

static void do_spawn(struct supervisor *s, const struct action *a)
{
	struct err e;

	KILL_POINT("spawn-begin");
	if (a->role == ROLE_MAIN && nics_await(s, a->unit))
		return;
	if (start_process(s, a->unit, a->role, a->index, &e) < 0)
		answer(s, a, EV_SPAWN_FAILED, &e);
	KILL_POINT("spawn-done");
}

void spawn_awaited(struct supervisor *s, uint32_t index)
{
	/* a container has one command */
	const struct action a = { .kind = ACT_SPAWN, .unit = index, .role = ROLE_MAIN };

	do_spawn(s, &a);
}

static void send_signal(struct supervisor *s, const struct action *a, bool all)
{
	const struct instance *inst = s->instances[a->unit];
	struct process *p = inst != NULL ? process_find(s, inst, a->role) : NULL;
	int sig = a->arg;
	struct err e;

	if (inst == NULL)
		return;
	if (sig == 0) /* the unit names none: the image may */
		sig = inst->stop_signal != 0 ? inst->stop_signal : SIGTERM;
	if (all && s->launcher.cgroup_fd >= 0) {
		/* one that is stopped would not hear the first */
		if (cgroup_signal(s->launcher.cgroup_fd, inst->unit, sig, &e) < 0 ||
			(sig != SIGKILL &&
				cgroup_signal(s->launcher.cgroup_fd, inst->unit, SIGCONT, &e) < 0))
			journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
		return;
	}
	if (p != NULL && p->role == ROLE_HEALTH)
		(void)process_signal_group(p, sig);
	else if (p != NULL && process_signal(p, sig) < 0 && errno != ESRCH)
		journal(s, LOG_LEVEL_WARNING, inst->unit, "signal %d: %s", sig, strerror(errno));
	if (p != NULL && sig != SIGKILL)
		(void)process_signal(p, SIGCONT);
}

/* Everything in the cgroup; without cgroups what we know of, where PID 1 takes its container along. */
static void do_kill(struct supervisor *s, const struct action *a)
{
	struct instance *inst = s->instances[a->unit];
	struct err e;

	if (inst == NULL)
		return;
	inst->cgroup_killed = true;
	if (s->launcher.cgroup_fd >= 0 && cgroup_kill(s->launcher.cgroup_fd, inst->unit, &e) < 0 &&
		e.no != ENOENT)
		journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	for (struct process *p = s->processes; p != NULL; p = p->next)
		if (p->instance == inst)
			(void)process_signal(p, SIGKILL);
}

static void do_teardown(struct supervisor *s, const struct action *a)
{
	const struct unit *u = unit_at(s, a->unit);

	KILL_POINT("teardown-begin");
	instance_release(s, a->unit);
	KILL_POINT("teardown-released");
	if (u->kind == KIND_VOLUME)
		volume_release(s, u->name);
	KILL_POINT("teardown-done");
}

/* ExitFrom=, unless a key of the unit whose end ends all names the status. */
static int exit_status(const struct supervisor *s, const struct action *a)
{
	const char *name = s->set->manager.exit_from;
	int unit = a->job == 0 && name != NULL ? unit_set_find(s->set, name) : -1;
	const struct run *run;

	if (unit < 0)
		return (int)a->index;
	run = engine_run(s->engine, (uint32_t)unit);
	if (WIFSIGNALED(run->last_status))
		return 128 + WTERMSIG(run->last_status);
	/* one that could not be started has no code */
	if (WEXITSTATUS(run->last_status) == 0 && run->failed)
		return 1;
	return WEXITSTATUS(run->last_status);
}

static void do_machine(struct supervisor *s, const struct action *a)
{
	static const char *const names[] = {
		[END_POWEROFF] = "power off",
		[END_REBOOT] = "reboot",
		[END_HALT] = "halt",
		[END_KEXEC] = "kexec",
		[END_EXIT] = "exit",
	};
	struct err e;

	KILL_POINT("machine-begin");
	boot_end(s, s->ending != 0, a->text);
	/* that of a unit is a fault, and the console's last line */
	journal(s, s->ending != 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, NULL, "%s%s%s", names[a->arg],
		a->text[0] != '\0' ? ": " : "", a->text);
	KILL_POINT("machine-written");
	if (link_end(&s->link, a->arg, exit_status(s, a), &e) < 0)
		journal_err(s, LOG_LEVEL_ERROR, NULL, &e);
}

static void do_swap(struct supervisor *s)
{
	KILL_POINT("swap-begin");
	networks_change_begin(s, s->next);
	if (instances_rebind(s, s->next) < 0)
		abort(); /* no memory: init starts us again with the new units */
	KILL_POINT("swap-bound");
	load_free(s->set);
	s->set = s->next;
	s->next = NULL;
	keep_begin(s, NULL);
	networks_change(s);
	names_changed(s); /* who is being told has another index */
	boot_configure(s);
	pulse_configure(s);
	KILL_POINT("swap-configured");
	instances_swapped(s);
	KILL_POINT("swap-done");
}

static void perform(struct supervisor *s, const struct action *a)
{
	switch (a->kind) {
	case ACT_SETUP:
		do_setup(s, a);
		break;
	case ACT_SPAWN:
		do_spawn(s, a);
		break;
	case ACT_SIGNAL:
		KILL_POINT("signal-begin");
		send_signal(s, a, false);
		KILL_POINT("signal-sent");
		break;
	case ACT_SIGNAL_ALL:
		KILL_POINT("signal-all-begin");
		send_signal(s, a, true);
		KILL_POINT("signal-all-sent");
		break;
	case ACT_KILL:
		KILL_POINT("kill-begin");
		do_kill(s, a);
		KILL_POINT("kill-done");
		break;
	case ACT_WATCH:
		socket_watch(s->instances[a->unit]);
		KILL_POINT("watch-done");
		break;
	case ACT_TEARDOWN:
		do_teardown(s, a);
		break;
	case ACT_LOG:
		journal(s, (enum log_level)a->arg, unit_at(s, a->unit)->name, "%s", a->text);
		KILL_POINT("log-said");
		break;
	case ACT_JOB_DONE:
		KILL_POINT("job-end");
		control_job_done(s, a->job, a->arg, a->text);
		KILL_POINT("job-over");
		break;
	case ACT_STAMP:
		wall_stamp_keep(s, a->unit);
		KILL_POINT("stamp-done");
		break;
	case ACT_MACHINE:
		do_machine(s, a);
		break;
	case ACT_SWAP:
		do_swap(s);
		break;
	case ACT_COUNT:
		break;
	}
}

static void drain(struct supervisor *s)
{
	struct action action;

	while (engine_next(s->engine, &action)) {
		s->keep.doing = &action;
		/* a swap: what is kept is of other units, and stays as it is until do_swap() */
		if (action.kind != ACT_SWAP)
			keep_commit(s);
		perform(s, &action);
		s->keep.doing = NULL;
	}
	keep_commit(s);
}

void perform_all(struct supervisor *s)
{
	if (s->performing)
		return;
	s->performing = true;
	drain(s);
	nics_look(s);
	boot_look(s); /* which may end the machine */
	pulse_look(s);
	drain(s);
	s->performing = false;
	arm_deadline(s);
	rest_soon(s);
}

void supervise_note(struct supervisor *s, const struct event *event)
{
	engine_event(s->engine, event, now_us());
	keep_commit(s);
}

void supervise(struct supervisor *s, const struct event *event)
{
	engine_event(s->engine, event, now_us());
	perform_all(s);
}

static void report_faults(struct supervisor *s, const struct unit_set *set)
{
	for (size_t i = 0; i < set->n_faults; i++) {
		const struct unit_fault *f = &set->faults[i];
		enum log_level level = f->level == FAULT_ERROR ? LOG_LEVEL_ERROR
							       : LOG_LEVEL_WARNING;

		if (f->line > 0)
			journal(s, level, f->unit, "%s:%u:%u: %s", f->path, f->line, f->column,
				f->message);
		else if (f->path != NULL)
			journal(s, level, f->unit, "%s: %s", f->path, f->message);
		else
			journal(s, level, f->unit, "%s", f->message);
	}
}

void reload_units(struct supervisor *s, uint32_t job)
{
	struct unit_set *before = s->next, *set;

	instances_forget(s);
	KILL_POINT("reload-begin");
	set = load_units();
	KILL_POINT("reload-read");
	if (set == NULL) {
		control_job_done(s, job, ENOMEM, "no memory to read the units");
		return;
	}
	report_faults(s, set);
	if (load_is_overfull(set)) { /* what was not read must not be taken for removed */
		load_free(set);
		control_job_done(s, job, E2BIG, LOAD_OVERFULL);
		return;
	}
	s->next = set;
	learn_tidy(set);
	unit_changes_carry(s->set, set);
	engine_reload(s->engine, set, job, now_us());
	KILL_POINT("reload-told");
	load_free(before);
	perform_all(s);
}

static bool on_condition(void *data, const struct condition *c)
{
	(void)data;
	return condition_holds(c);
}

int supervise_begin(struct supervisor *s, struct err *e)
{
	const struct engine_facts facts = {
		.condition = on_condition,
		.stamp = wall_stamp_read,
		.utc_offset = wall_utc_offset,
		.device = wall_device(s),
		.data = s,
	};
	struct kept_file past;
	bool goes_on = adopt_open(s, &past);
	uint64_t seed;

	if (!goes_on)
		s->set = load_units();
	s->instances = s->set != NULL ? calloc(s->set->n + 1, sizeof(struct instance *)) : NULL;
	s->engine = s->instances != NULL ? engine_new(s->set) : NULL;
	if (s->engine == NULL)
		return err_set_no(e, ENOMEM, "read the units");
	learn_tidy(s->set);
	engine_set_facts(s->engine, &facts);
	/* fails only before the kernel has any randomness: then all delays are the same as at the last such boot */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		engine_seed(s->engine, seed);
	s->deadline.data = s;
	(void)uv_timer_init(&s->loop, &s->deadline);
	boot_open(s);
	if (goes_on) {
		adopt(s, &past);
		return 0;
	}
	adopt_nothing(s);
	report_faults(s, s->set);
	wall_tell(s, false);
	keep_begin(s, NULL);
	boot_begin(s);
	perform_all(s);
	held_drop_rest(s, socket_is_awaited);
	return 0;
}
