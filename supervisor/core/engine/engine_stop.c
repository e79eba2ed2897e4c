/*
 * Rules on the way down: ExecStop=, the signal, the kill, ExecStopPost=, and the landing, where it is decided
 * what follows: another start, a failure with all it sets off, or rest.
 */
#include "supervisor/core/engine/engine_run.h"

#include "common/util.h"
#include "supervisor/core/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* A process that is there this long after SIGKILL hangs in the kernel. */
#define KILL_TIMEOUT (10 * USEC_PER_SEC)

/* A container is told through its PID 1, as podman does; what is left dies with it. */
static enum kill_mode kill_mode_of(const struct unit *unit)
{
	if (unit->kind == KIND_CONTAINER && unit->service.kill_mode == KILL_CONTROL_GROUP)
		return KILL_MIXED;
	return (enum kill_mode)unit->service.kill_mode;
}

/* 0: the image says, or else SIGTERM. */
static int stop_signal_of(const struct unit *unit, bool restarts)
{
	const struct service_section *s = &unit->service;

	if (restarts && s->restart_kill_signal != 0)
		return s->restart_kill_signal;
	if (unit->kind != KIND_CONTAINER)
		return s->kill_signal != 0 ? s->kill_signal : SIGTERM;
	if (unit->container.stop_signal != 0)
		return unit->container.stop_signal;
	return s->kill_signal != SIGTERM ? s->kill_signal : 0;
}

static uint64_t stop_deadline(const struct engine *e, uint32_t u)
{
	return time_after(e->now, unit_of(e, u)->service.timeout_stop);
}

static bool proc_is_there(const struct proc *p)
{
	return p->asked || p->live;
}

bool engine_has_survivors(const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);
	enum kill_mode mode = kill_mode_of(unit_of(e, u));

	if (proc_is_there(&l->main) || proc_is_there(&l->helper) || proc_is_there(&l->check))
		return true;
	return l->populated && mode != KILL_PROCESS && mode != KILL_NONE;
}

/* ---- failing */

static void set_result(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt,
	va_list args) __attribute__((format(printf, 4, 0)));

static void set_result(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt,
	va_list args)
{
	struct life *l = life_of(e, u);

	if (cause_failed(&l->result))
		return;
	l->result.kind = kind;
	vsnprintf(l->run.cause, sizeof(l->run.cause), fmt, args);
}

void engine_spoil(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_result(e, u, kind, fmt, args);
	va_end(args);
}

void engine_fail(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_result(e, u, kind, fmt, args);
	va_end(args);
	engine_term(e, u);
}

/* The process exists but will not become the program: its exit is near, the reason is here. */
void rule_doomed(struct engine *e, uint32_t u, const struct event *event)
{
	if (event->role == ROLE_MAIN)
		engine_spoil(e, u, CAUSE_SPAWN, "%s",
			event->text != NULL ? event->text : "could not be started");
}

/* RemainAfterExit=: what ended well stays up, once the commands after its start are through. */
static bool remains(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	bool reload = l->run.state == ST_RELOAD;

	if (!unit_of(e, u)->service.remain_after_exit)
		return false;
	if (l->run.state == ST_START_POST || (reload && proc_is_there(&l->helper)))
		return true;
	engine_enter(e, u, ST_EXITED, TIME_INFINITY);
	engine_log(e, u, LOG_LEVEL_INFO, "%s, stays active", l->run.cause);
	if (reload && l->ask == ASK_NONE)
		engine_jobs_done(e, u, EIO, l->run.cause);
	return true;
}

void engine_main_ended(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (cause_failed(&l->result)) {
		l->arrived = false;
		engine_term(e, u);
	} else if (unit_of(e, u)->service.exit_type == EXIT_TYPE_CGROUP && l->populated) {
		return; /* the rest of its processes is the service */
	} else if (!remains(e, u)) {
		l->arrived = false;
		engine_down(e, u);
	}
}

void rule_emptied(struct engine *e, uint32_t u, const struct event *event)
{
	const struct life *l = life_of(e, u);

	(void)event;
	if (unit_of(e, u)->service.exit_type == EXIT_TYPE_CGROUP &&
		unit_has_process(unit_of(e, u)) && !proc_is_there(&l->main) &&
		!proc_is_there(&l->helper))
		engine_main_ended(e, u);
}

void rule_run_end(struct engine *e, uint32_t u, const struct event *event)
{
	if (event->role == ROLE_MAIN)
		engine_main_ended(e, u);
}

void rule_watchdog(struct engine *e, uint32_t u, const struct event *event)
{
	char span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	cause_put_time(&t, life_of(e, u)->watchdog);
	if (event->kind == EV_TIMEOUT)
		engine_spoil(e, u, CAUSE_WATCHDOG, "watchdog: no word for %s", span);
	else
		engine_spoil(e, u, CAUSE_WATCHDOG, "watchdog: triggered by the service itself");
	engine_give_up(e, u, FAILURE_ABORT);
}

/* RuntimeMaxSec=: stopped as by a command, but a failure. */
void engine_ran_enough(struct engine *e, uint32_t u, const struct event *event)
{
	char span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	(void)event;
	cause_put_time(&t, unit_of(e, u)->service.runtime_max);
	engine_spoil(e, u, CAUSE_TIMEOUT, "ran for RuntimeMaxSec=%s", span);
	life_of(e, u)->arrived = false;
	engine_down(e, u);
}

void engine_stopping(struct engine *e, uint32_t u)
{
	life_of(e, u)->arrived = false;
	engine_log(e, u, LOG_LEVEL_INFO, "stops, as it says");
	engine_enter(e, u, ST_STOP_TERM, stop_deadline(e, u));
}

static void oom_text(struct engine *e, uint32_t u)
{
	struct run *r = &life_of(e, u)->run;
	struct text t = { .buf = r->cause, .size = sizeof(r->cause) };

	cause_put_oom(&t, unit_of(e, u));
}

void rule_oom(struct engine *e, uint32_t u, const struct event *event)
{
	char why[96] = "";
	struct text t = { .buf = why, .size = sizeof(why) };

	(void)event;
	cause_put_oom(&t, unit_of(e, u));
	if (unit_of(e, u)->service.oom_policy == OOM_STOP)
		engine_fail(e, u, CAUSE_OOM, "%s", why);
	else if (unit_of(e, u)->service.oom_policy == OOM_CONTINUE)
		engine_log(e, u, LOG_LEVEL_WARNING, "%s: a process was killed, the unit goes on",
			why);
}

/* The word of it came after the exit it caused. */
void rule_oom_late(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	if (l->result.kind != CAUSE_SIGNAL || WTERMSIG(l->result.status) != SIGKILL)
		return;
	l->result.kind = CAUSE_OOM;
	oom_text(e, u);
}

/* What it has made was taken away by somebody else: down, as if it had ended well. */
void rule_undone(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);
	const char *why = event->text != NULL ? event->text : "was taken away";

	l->arrived = false;
	if (unit_of(e, u)->kind == KIND_SOCKET) { /* nobody can have wished that */
		engine_fail(e, u, CAUSE_SETUP, "%s", why);
		return;
	}
	l->result = (struct cause){ .kind = CAUSE_CLEAN };
	text_copy(l->run.cause, sizeof(l->run.cause), why);
	engine_stop_bound(e, u);
	engine_down(e, u);
}

/* ---- ExecStop= */

void engine_down(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	if (!unit_has_process(unit_of(e, u))) {
		engine_land(e, u);
		return;
	}
	/* A reload in progress has the helper's place. */
	if (!l->was_up || proc_is_there(&l->helper) || !engine_spawn(e, u, ROLE_STOP, 0))
		engine_term(e, u);
	else
		engine_enter(e, u, ST_STOP, stop_deadline(e, u));
}

void rule_down(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	life_of(e, u)->asked_down = true;
	engine_down(e, u);
}

/* ExecStop= and ExecStopPost=: each command has TimeoutStopSec= for itself. */
void rule_stop_end(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);
	char why[64];
	struct text t = { .buf = why, .size = sizeof(why) };

	if (event->role == ROLE_MAIN)
		return;
	cause_put_status(&t, event->status);
	if (!engine_helper_ok(e, u, event) && event->text != NULL && event->text[0] != '\0')
		engine_fail(e, u, CAUSE_EXIT, "%s", event->text);
	else if (!engine_helper_ok(e, u, event))
		engine_fail(e, u, CAUSE_EXIT, "%s: %s", role_name(l->role), why);
	else if (engine_spawn(e, u, l->role, l->index + 1))
		engine_timer_set(e, u, TIMER_STATE, stop_deadline(e, u));
	else
		engine_term(e, u);
}

static void stop_timed_out(struct engine *e, uint32_t u, const char *what, const char *end)
{
	char span[32] = "";
	struct text t = { .buf = span, .size = sizeof(span) };

	cause_put_time(&t, unit_of(e, u)->service.timeout_stop);
	engine_spoil(e, u, CAUSE_TIMEOUT, "%s timed out after %s%s", what, span, end);
}

void rule_stop_late(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	stop_timed_out(e, u, role_name(life_of(e, u)->role), "");
	engine_give_up(e, u, unit_of(e, u)->service.timeout_stop_mode);
}

/* ---- the signal */

void engine_signal(struct engine *e, uint32_t u, enum role role, int sig)
{
	struct action *a = engine_push(e, ACT_SIGNAL, u);

	a->role = role;
	a->arg = sig;
}

static int or_else(int sig, int dflt)
{
	return sig != 0 ? sig : dflt;
}

/* To all, or to those that KillMode= names. */
static void send(struct engine *e, uint32_t u, bool all, int sig)
{
	const struct life *l = life_of(e, u);

	if (all) {
		engine_push(e, ACT_SIGNAL_ALL, u)->arg = sig;
		return;
	}
	if (l->main.live)
		engine_signal(e, u, ROLE_MAIN, sig);
	if (l->helper.live)
		engine_signal(e, u, l->role, or_else(sig, SIGTERM));
}

/* systemd.kill(5): SIGHUP follows at once, so that a shell with jobs lets go. */
static void send_stop_signal(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);
	const struct unit *unit = unit_of(e, u);
	enum kill_mode mode = kill_mode_of(unit);
	int sig = stop_signal_of(unit, l->ask == ASK_START || l->ask == ASK_RESTART);

	l->told = true;
	if (mode == KILL_NONE)
		return;
	if (l->run.state == ST_STOP_ABORT)
		sig = or_else(unit->service.watchdog_signal, SIGABRT);
	send(e, u, mode == KILL_CONTROL_GROUP, sig);
	if (unit->service.send_sighup && sig != SIGHUP && l->run.state != ST_STOP_ABORT)
		send(e, u, mode == KILL_CONTROL_GROUP, SIGHUP);
}

/* The rest goes down the hard way as soon as those that were told are gone. */
static bool only_rest_is_left(const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);

	return kill_mode_of(unit_of(e, u)) == KILL_MIXED && !proc_is_there(&l->main) &&
		!proc_is_there(&l->helper);
}

static void stopped(struct engine *e, uint32_t u)
{
	struct life *l = life_of(e, u);

	/* A command that is left alone has the helper's place. */
	if (l->stop_post_begun || proc_is_there(&l->helper) ||
		!engine_spawn(e, u, ROLE_STOP_POST, 0)) {
		engine_land(e, u);
		return;
	}
	l->stop_post_begun = true;
	engine_enter(e, u, ST_STOP_POST, stop_deadline(e, u));
}

/* KillMode=none: nobody is told, so nobody is waited for but who is being made or runs for us. */
static bool must_wait(const struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);

	if (kill_mode_of(unit_of(e, u)) == KILL_NONE)
		return l->main.asked || proc_is_there(&l->helper);
	return engine_has_survivors(e, u);
}

static void tell_to_stop(struct engine *e, uint32_t u, enum state state, uint64_t span)
{
	if (!must_wait(e, u)) {
		stopped(e, u);
	} else if (only_rest_is_left(e, u)) {
		engine_kill(e, u);
	} else {
		engine_enter(e, u, state, time_after(e->now, span));
		send_stop_signal(e, u);
	}
}

void engine_term(struct engine *e, uint32_t u)
{
	tell_to_stop(e, u, ST_STOP_TERM, unit_of(e, u)->service.timeout_stop);
}

/* The hard way, where it may be gone; otherwise what is left stays. */
static void kill_or_leave(struct engine *e, uint32_t u, const char *what)
{
	const struct service_section *s = &unit_of(e, u)->service;
	bool none = kill_mode_of(unit_of(e, u)) == KILL_NONE;

	if (s->send_sigkill && !none) {
		stop_timed_out(e, u, what, ", killed");
		engine_kill(e, u);
		return;
	}
	stop_timed_out(e, u, what,
		none ? ", left alone (KillMode=none)" : ", left alone (SendSIGKILL=no)");
	stopped(e, u);
}

void engine_give_up(struct engine *e, uint32_t u, int mode)
{
	switch ((enum failure_mode)mode) {
	case FAILURE_TERMINATE:
		engine_term(e, u);
		break;
	case FAILURE_ABORT:
		tell_to_stop(e, u, ST_STOP_ABORT, unit_of(e, u)->service.timeout_abort);
		break;
	case FAILURE_KILL:
		if (must_wait(e, u))
			kill_or_leave(e, u, "stop");
		else
			stopped(e, u);
		break;
	}
}

void rule_term(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	life_of(e, u)->asked_down = true;
	engine_term(e, u);
}

/* On its way down already; now it is also known that nobody wants it back. */
void rule_mark(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	life_of(e, u)->asked_down = true;
}

void rule_late(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	if (life_of(e, u)->run.state == ST_STOP_KILL)
		engine_kill(e, u);
	else if (must_wait(e, u))
		send_stop_signal(e, u);
	else
		stopped(e, u);
}

void rule_gone(struct engine *e, uint32_t u, const struct event *event)
{
	const struct life *l = life_of(e, u);

	(void)event;
	if (!must_wait(e, u))
		stopped(e, u);
	else if (l->run.state != ST_STOP_KILL && only_rest_is_left(e, u))
		engine_kill(e, u);
	else if (l->run.state == ST_STOP_TERM && !l->told && !proc_is_there(&l->main))
		engine_term(e, u); /* it has stopped by itself, the others have not heard of it */
}

/* Down already: now what they stood on can go. */
void rule_left(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	if (life_of(e, u)->kept)
		engine_teardown(e, u);
}

/* ---- the kill */

void engine_kill_all(struct engine *e, uint32_t u)
{
	engine_enter(e, u, ST_STOP_KILL, time_after(e->now, KILL_TIMEOUT));
	engine_push(e, ACT_KILL, u);
}

/* FinalKillSignal= that is not SIGKILL, as one that dumps core, has TimeoutStopSec=; then nothing is asked any more. */
void engine_kill(struct engine *e, uint32_t u)
{
	const struct life *l = life_of(e, u);
	const struct unit *unit = unit_of(e, u);
	int sig = l->killed ? SIGKILL : or_else(unit->service.final_kill_signal, SIGKILL);
	bool all = kill_mode_of(unit) != KILL_PROCESS;

	if (sig == SIGKILL && all) {
		engine_kill_all(e, u);
		return;
	}
	engine_enter(e, u, ST_STOP_KILL,
		sig == SIGKILL ? time_after(e->now, KILL_TIMEOUT) : stop_deadline(e, u));
	send(e, u, all, sig);
}

void rule_term_late(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	if (unit_of(e, u)->service.timeout_stop_mode == FAILURE_ABORT) {
		stop_timed_out(e, u, "stop", ", aborted");
		engine_give_up(e, u, FAILURE_ABORT);
	} else {
		kill_or_leave(e, u, "stop");
	}
}

void rule_abort_late(struct engine *e, uint32_t u, const struct event *event)
{
	(void)event;
	kill_or_leave(e, u, "stop");
}

void rule_kill_late(struct engine *e, uint32_t u, const struct event *event)
{
	struct life *l = life_of(e, u);

	(void)event;
	if (!l->killed && or_else(unit_of(e, u)->service.final_kill_signal, SIGKILL) != SIGKILL) {
		l->killed = true;
		engine_kill(e, u);
		return;
	}
	l->result.kind = CAUSE_SURVIVOR;
	snprintf(l->run.cause, sizeof(l->run.cause),
		"processes survive SIGKILL for %llu s, they hang in the kernel",
		(unsigned long long)(KILL_TIMEOUT / USEC_PER_SEC));
	engine_land(e, u);
}
