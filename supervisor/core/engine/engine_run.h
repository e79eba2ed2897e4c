/*
 * What the parts of the engine share: the whole run-time state, and the few verbs that change it. For
 * engine*.c, rules.c and their tests only.
 *
 *   engine.c         creation, events in, the two phases, shutdown
 *   engine_want.c    phase 1: what a command pulls in
 *   engine_order.c   phase 2: may this unit move now, and whom does it wait for
 *   rules.c          the table state x event
 *   engine_start.c   rules on the way up        engine_stop.c   rules on the way down
 *   engine_socket.c  sockets and their services
 *   engine_land.c    ... and what follows       engine_word.c    rules of a unit that is up
 *   engine_reload.c  another generation
 *   engine_ties.c    what becomes of other units when one comes up, leaves, fails, ends
 *   engine_job.c     what is asked of a unit, and how long that may take
 *   engine_budget.c  so many automatic starts, and then so many a second
 *   engine_queue.c   actions, jobs, deadlines, turns
 *   engine_boot.c    safe mode, how far the boot is, reboots put off
 *   engine_timer.c   when timers elapse
 *   engine_why.c     what is said about all this: why a unit waits, who holds up the boot
 *   engine_health.c  health checks
 *   engine_kept.c    what is kept over the end of the process, and engine_restore.c: back from there
 */
#ifndef CORE_ENGINE_RUN_H
#define CORE_ENGINE_RUN_H

#include "supervisor/core/engine/cause.h"
#include "supervisor/core/engine/engine.h"
#include "supervisor/core/engine/restart.h"

#define NO_UNIT UINT32_MAX
#define UNNEEDED (UINT32_MAX - 1) /* life.because: no unit needs it any more */

/*
 * The enumerations here and in engine.h, role.h, cause.h, unit.h (enum end_action) and common/wire.h (enum wire_end)
 * that a struct life, the engine or an action holds are kept by number over the end of the process (engine_kept.h):
 * append only, and never give a number to something else.
 */

/* What is to be done with a unit, systemd's "job"; others wait for its end where the order says so. */
enum ask {
	ASK_NONE,
	ASK_START, /* not begun */
	ASK_STARTING,
	ASK_STOP, /* not begun */
	ASK_STOPPING,
	ASK_RESTART /* stop not begun; becomes START when it is */
};

struct proc {
	int32_t pid; /* while it is live; 0: not known */
	bool asked;  /* SPAWN is out, not answered */
	bool live;   /* SPAWNED came, EXITED did not */
	bool settled; /* ... and EXECED or SPAWN_FAILED came: it is told once what became of the start */
};

/*
 * What may come due for a unit, each at its own time: TIMER(id, rule). It fires once, with an EV_TIMEOUT, and is
 * set again by who wants more. STATE is the deadline of the state, run.deadline is its copy for readers.
 */
#define TIMERS(X)                     \
	X(STATE, engine_state_late)   \
	X(WATCHDOG, rule_watchdog)    \
	X(STABLE, engine_stable)      \
	X(RUNTIME, engine_ran_enough) \
	X(HEALTH, engine_health_due)  \
	X(JOB, engine_job_late)       \
	X(UPHOLD, engine_uphold_due)  \
	X(TRIGGER, engine_timer_elapsed)

enum timer {
#define X(id, rule) TIMER_##id,
	TIMERS(X)
#undef X
		TIMER_COUNT
};

/* What engine_health.c keeps of a unit. */
struct checking {
	struct health health;
	struct health_check image; /* what its image says, without the command */
	bool image_has;            /* ... which there is */
	uint64_t begun;            /* when the main process was executed */
	bool counted; /* the check in progress has failed already, its end is awaited */
};

/* How far the reload of a running unit is, in its own words. */
enum reload_phase {
	RELOAD_BY_COMMAND, /* they do not count: ExecReload= says when it is over */
	RELOAD_ASKED,      /* ReloadSignal= is sent, RELOADING=1 has not come */
	RELOAD_BEGUN,      /* RELOADING=1 came, READY=1 has not */
	RELOAD_READY
};

struct waiter {
	struct waiter *next;
	uint32_t job;
};

/* What is propagated. */
enum want { WANT_START, WANT_STOP, WANT_RESTART, WANT_RELOAD, WANT_COUNT };

/* Of a timer. On the wall: microseconds since 1970, 0 when the clock was not known. */
struct timer_life {
	uint64_t armed, armed_wall; /* when it came up */
	/* When it elapsed last, 0: not since then; that of the wall is kept on disk. */
	uint64_t last, last_wall;
	uint64_t next_wall; /* the time of OnCalendar= that is waited for, 0: of another key */
	bool busy;          /* it has elapsed, and its unit is not down again */
};

/* Plain data but for the list of jobs; a copy is a snapshot. A new member stands in engine_kept.c too, or its test says why not. */
struct life {
	struct run run;
	enum ask ask;
	bool arrived;    /* its last start ended well: up, or a finished oneshot, or skipped */
	bool was_begun;  /* this run had a process or a setup */
	bool was_up;     /* this run became ready: ExecStop= applies */
	bool asked_down; /* this stop was asked for: no restart follows */
	bool stop_post_begun;
	bool told;       /* the signal of this stop is sent */
	bool killed;     /* FinalKillSignal= was another one, and now it is SIGKILL */
	bool kept;       /* down, but what it holds is not torn down: processes are left */
	bool other_main; /* MAINPID= was refused once */
	enum reload_phase reload;
	uint64_t reload_at; /* when ReloadSignal= was sent */
	bool populated;     /* processes may be left in its cgroup */
	bool held;          /* a reload waits for it to be down, and nothing starts it before */
	struct proc main, helper, check;
	struct checking checking;
	enum role role;                    /* of the command in progress */
	uint32_t index;                    /* ... and its number */
	struct cause result;               /* of this run; the first failure stays */
	uint64_t watchdog;                 /* 0: off */
	struct start_count starts, alarms; /* of itself, and of its OnFailure= units */
	uint32_t because;          /* the unit whose stop stops this one, or NO_UNIT, or UNNEEDED */
	struct start_count upheld; /* starts because of Upholds= */
	bool look;                 /* StopWhenUnneeded=: at its next turn */
	bool has_slot;             /* it waits for the start that the budget has for it */
	uint32_t held_back;        /* the propagation that waits for what it has in Requisite= */
	uint64_t due_since;        /* wanted and not there since; TIME_INFINITY: not so */
	bool watched;              /* a socket: ACT_WATCH is out */
	struct start_count triggers; /* a socket's, for its TriggerLimitBurst= */
	uint32_t asked_job;          /* of the last command on it that has a number */
	struct waiter *jobs;
	/* engine_order.c: one blocker is watched at a time; the scan goes on where it was found. */
	uint32_t cursor, watching, watchers, next_watcher, prev_watcher;
	uint32_t next_turn;
	bool queued;
	uint32_t seen[WANT_COUNT]; /* enum want: the propagation that visited it last */
	/* When it last left, and when it came back to, a state without anything; 0: never. */
	uint64_t began, ended;
	struct timer_life timer;
	uint64_t timers[TIMER_COUNT]; /* TIME_INFINITY: not set */
	uint64_t due;                 /* the least of them */
	uint32_t heap_at;             /* index in the heap + 1, 0: not in it */
};

struct item { /* an action in the queue; without text it is allocated short */
	struct item *next;
	bool has_text;
	struct action action;
};

/* All that belongs to one generation of units, by index of the unit. */
struct generation {
	struct arena arena;
	const struct unit_set *set;
	struct life *life;
	uint32_t *heap; /* units that have a timer set, by `due`, least first */
	size_t n_heap;
	uint32_t first_turn, last_turn;
	struct want_step *work; /* of propagation */
	/* Units whose life may have changed since engine_kept_changed looked last. */
	uint32_t *touched;
	bool *is_touched;
	size_t n_touched;
};

struct reload {
	const struct unit_set *set; /* NULL: none waits */
	uint32_t job;
	size_t held; /* units that must still come down */
};

struct budget {            /* of automatic starts */
	uint32_t burst;    /* 0: no limit */
	uint64_t interval; /* a further start each so many microseconds */
	uint64_t next;     /* the time of the next start, if each kept its interval */
	uint32_t waiting;  /* units that have a start in the future */
};

struct put_off {    /* a reboot that waits for the machine to be up long enough */
	int action; /* enum end_action; ACTION_NONE: none waits */
	int exit_status;
	char text[128];
};

struct engine {
	struct arena arena;
	struct generation gen;
	struct engine_facts facts;
	uint64_t now, booted;
	int64_t wall;    /* what the clock on the wall shows, minus now */
	bool wall_known; /* it was told, and can be true */
	uint64_t chance; /* state of the generator of engine_draw */
	size_t n_up;     /* units in a state other than INACTIVE and FAILED */
	uint32_t visit;
	struct item *first, *last, *spare[2];
	struct waiter *spare_waiters;
	struct reload reload;
	int ending;      /* enum wire_end, 0: not ending */
	int exit_status; /* of init in a container; EXIT_GIVEN with it: a key of a unit names it */
	bool ended;
	char ending_text[128];
	bool only_needed; /* a propagation follows no Wants=: safe mode */
	uint64_t min_uptime;
	struct put_off put_off;
	struct budget budget;
	struct engine_cost cost;
	bool *lost; /* by unit: engine_restore could not read it; NULL: all could be read, or a reload came since */
};

#define EXIT_GIVEN 0x100

typedef void rule_fn(struct engine *e, uint32_t u, const struct event *event);

/* ---- engine.c */
void engine_enter(struct engine *e, uint32_t u, enum state state, uint64_t deadline);
void engine_dispatch(struct engine *e, const struct event *event);
void engine_settle(struct engine *e);
void engine_end(struct engine *e, int action, int exit_status, const char *text);
void engine_push_machine(struct engine *e);

/* A number from 0 to `most`, by chance: the seed alone decides which. */
uint64_t engine_draw(struct engine *e, uint64_t most);

/* TIME_INFINITY is far enough from any time to stay what it is. */
static inline uint64_t time_after(uint64_t now, uint64_t span)
{
	return span >= TIME_INFINITY - now ? TIME_INFINITY : now + span;
}

static inline struct life *life_touch(struct engine *e, uint32_t u)
{
	struct generation *gen = &e->gen;

	if (!gen->is_touched[u]) {
		gen->is_touched[u] = true;
		gen->touched[gen->n_touched++] = u;
	}
	return &gen->life[u];
}

static inline const struct life *life_look(const struct engine *e, uint32_t u)
{
	return &e->gen.life[u];
}

/* The only way to a life: who has an engine that may change gets one that may, and it counts as changed. */
#define life_of(e, u) \
	_Generic((e), struct engine * : life_touch, const struct engine * : life_look)((e), (u))

static inline const struct unit *unit_of(const struct engine *e, uint32_t u)
{
	return &e->gen.set->units[u];
}

static inline bool unit_has_process(const struct unit *unit)
{
	return unit->kind == KIND_CONTAINER || unit->kind == KIND_SERVICE ||
		unit->kind == KIND_MOUNT;
}

static inline enum service_type engine_type(const struct unit *unit)
{
	if (unit->kind == KIND_CONTAINER && unit->container.notify == NOTIFY_TRUE &&
		unit->service.type != TYPE_NOTIFY_RELOAD)
		return TYPE_NOTIFY;
	if (unit->kind == KIND_CONTAINER && unit->container.notify == NOTIFY_HEALTHY)
		return TYPE_HEALTHY;
	if (unit->service.notify_fd != 0 && unit->service.type != TYPE_NOTIFY_RELOAD)
		return TYPE_NOTIFY;
	/* Until its program is executed a container is not there to be entered, reloaded or asked how it is. */
	if (unit->kind == KIND_CONTAINER && unit->service.type == TYPE_SIMPLE)
		return TYPE_EXEC;
	return (enum service_type)unit->service.type;
}

/* It is up when it says so. */
static inline bool engine_speaks(const struct unit *unit)
{
	return engine_type(unit) == TYPE_NOTIFY || engine_type(unit) == TYPE_NOTIFY_RELOAD;
}

#define STATE_BIT(id) (1u << ST_##id)
/* Nothing of it is there, and nothing is being done for it. */
#define STATES_IDLE (STATES_DOWN | STATE_BIT(WAITING))
#define STATES_DOWN (STATE_BIT(INACTIVE) | STATE_BIT(FAILED))
#define STATES_ACTIVE (STATE_BIT(RUNNING) | STATE_BIT(EXITED) | STATE_BIT(RELOAD))
#define STATES_STARTING                                                                      \
	(STATE_BIT(SETUP) | STATE_BIT(CONDITION) | STATE_BIT(START_PRE) | STATE_BIT(START) | \
		STATE_BIT(START_POST))
#define STATES_STOPPING                                                                          \
	(STATE_BIT(STOP) | STATE_BIT(STOP_TERM) | STATE_BIT(STOP_ABORT) | STATE_BIT(STOP_KILL) | \
		STATE_BIT(STOP_POST))

static inline bool in_states(const struct life *l, uint32_t states)
{
	return (states >> l->run.state & 1) != 0;
}

/* ---- engine_queue.c */
struct action *engine_push(struct engine *e, enum action_kind kind, uint32_t u);
struct action *engine_push_text(struct engine *e, enum action_kind kind, uint32_t u);
bool engine_pop(struct engine *e, struct action *action);
/* Takes an action out of the queue; before: the one in front of it, NULL: it is the first. */
void engine_unqueue(struct engine *e, struct item *before, struct item *item);
void engine_log(struct engine *e, uint32_t u, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void engine_job_add(struct engine *e, uint32_t u, uint32_t job);
/* error 0: done. Answers all that wait for the unit, or one job. */
void engine_jobs_done(struct engine *e, uint32_t u, int error, const char *text);
void engine_job_done(struct engine *e, uint32_t u, uint32_t job, int error, const char *text);
void engine_turn_later(struct engine *e, uint32_t u);
uint32_t engine_turn_next(struct engine *e);
/* TIME_INFINITY: not any more. */
void engine_timer_set(struct engine *e, uint32_t u, enum timer timer, uint64_t when);
/* All timers of the unit in the heap again, after its life was moved. */
void engine_timers_moved(struct engine *e, uint32_t u);

/* ---- engine_want.c */
struct want_step {
	uint32_t unit;
	enum want want;
	bool pulls; /* it was followed, so others follow */
};
/* manual: by a command on this very unit, which forgets earlier failures. Changes asks; states only
 * where a reload is passed on. */
void engine_want(struct engine *e, enum want want, uint32_t u, bool manual);
/* For Requisite=: up, or on its way there. */
bool engine_is_up_or_coming(const struct life *l);
bool engine_names(const struct engine *e, uint32_t u, enum dependency dep, uint32_t other);
/* EV_RELOAD, for it and for those it has in PropagatesReloadTo=. */
void engine_command_reload(struct engine *e, const struct event *event);

/* ---- engine_job.c */
void engine_set_ask(struct engine *e, uint32_t u, enum ask ask);
/* The same without a look at who waits for it: for those that change the state next. */
void engine_put_ask(struct engine *e, uint32_t u, enum ask ask);

/* ---- engine_ties.c */
enum moment { WHEN_UP, WHEN_LEAVES, WHEN_DOWN, WHEN_FAILED, WHEN_ENDED_WELL, WHEN_RESTARTS };
/* What follows for other units. */
void engine_moment(struct engine *e, uint32_t u, enum moment when);
void engine_ties_entered(struct engine *e, uint32_t u, bool was_active, bool was_up);
void engine_stop_unneeded(struct engine *e, uint32_t u);
/* It goes and will not come back by itself: what is bound to it is stopped, not restarted. */
void engine_stop_bound(struct engine *e, uint32_t u);

/* ---- engine_budget.c */
/* True: it may start now. False: the timer is set to when it may. */
bool engine_budget_take(struct engine *e, uint32_t u, enum timer timer);
void engine_budget_entered(struct engine *e, uint32_t u);
void engine_budget_recount(struct engine *e);

/* ---- engine_order.c */
void engine_turn(struct engine *e, uint32_t u);
/* The unit changed: those that wait for it look again. */
void engine_wake(struct engine *e, uint32_t u);
struct holder {
	uint32_t unit;
	const char *words; /* "needs", "after", ... */
	bool stops;        /* it is its stop that is waited for */
};
/* Of the units that hold this one back the one nearest to the root; false when none does. A question: changes nothing. */
bool engine_holder(const struct engine *e, uint32_t u, struct holder *worst);

/* ---- engine_why.c */
/* Keeps `due_since` after a change of state or of what is asked. */
void engine_note_due(struct engine *e, uint32_t u);

/* ---- engine_start.c */
void engine_dependency_failed(struct engine *e, uint32_t u, uint32_t of);
bool engine_helper_ok(const struct engine *e, uint32_t u, const struct event *event);
bool engine_has_command(const struct engine *e, uint32_t u, enum role role, uint32_t index);
bool engine_spawn(struct engine *e, uint32_t u, enum role role, uint32_t index);
/* The unit is what its Type=, Notify= or NotifyFD= calls ready. */
void engine_ready(struct engine *e, uint32_t u);
/* ---- engine_stop.c */
void engine_fail(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As engine_fail, but the unit goes on as it is. */
void engine_spoil(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void engine_signal(struct engine *e, uint32_t u, enum role role, int sig);
void engine_main_ended(struct engine *e, uint32_t u);
void engine_term(struct engine *e, uint32_t u);
void engine_spoil(struct engine *e, uint32_t u, enum cause_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What a TimeoutStartFailureMode= or TimeoutStopFailureMode= says, enum failure_mode. */
void engine_give_up(struct engine *e, uint32_t u, int mode);
/* It says that it is stopping, so it is not told. */
void engine_stopping(struct engine *e, uint32_t u);
void engine_down(struct engine *e, uint32_t u);
void engine_kill(struct engine *e, uint32_t u);
/* SIGKILL to all of it, whatever its keys say. */
void engine_kill_all(struct engine *e, uint32_t u);
bool engine_has_survivors(const struct engine *e, uint32_t u);

/* ---- engine_socket.c */
/* It looks whether it is to be watched. */
void engine_socket_turn(struct engine *e, uint32_t u);
/* The service has changed: its sockets look. */
void engine_socket_wake(struct engine *e, uint32_t service);
/* The service has hit its start limit: its sockets fail with it. */
void engine_socket_over_limit(struct engine *e, uint32_t service);
/* Why it must not start now, NULL: it may. */
const char *engine_socket_refused(const struct engine *e, uint32_t u, char *why, size_t size);
/* How a socket that is up stands, as text. */
void engine_socket_why(const struct engine *e, uint32_t u, struct text *t);
/* Sockets and timers that will start the unit, each as "; UNIT will start it". */
void engine_put_triggers(const struct engine *e, uint32_t u, struct text *t);

/* ---- engine_land.c */
void engine_teardown(struct engine *e, uint32_t u);
void engine_land(struct engine *e, uint32_t u);

/* ---- engine_health.c */
/* What happens to the main process and to checks, noted whatever the state of the unit. */
void engine_health_note(struct engine *e, const struct event *event);
/* The state of the unit is another: no checks in one that does not run. */
void engine_health_entered(struct engine *e, uint32_t u);
/* ---- engine_timer.c */
rule_fn engine_timer_elapsed;
/* The unit has entered a state; it may be a timer, or what timers start. */
void engine_timer_note(struct engine *e, uint32_t u, bool was_idle);
/* When it elapses next, anew. */
void engine_timer_rearm(struct engine *e, uint32_t timer);
/* Nothing is asked of the unit any more. */
void engine_timer_unasked(struct engine *e, uint32_t u);
/* How a timer that is up stands, as text. */
void engine_timer_why(const struct engine *e, uint32_t timer, struct text *t);

/* ---- engine_reload.c */
void engine_generation(struct generation *gen, const struct unit_set *set);
void engine_reload_landed(struct engine *e, uint32_t u);
void engine_reload_drop(struct engine *e, const char *why);
/* Nothing is held any more: what was to run starts by the set in force. */
void engine_reload_let_go(struct engine *e);
bool engine_reload_is_due(const struct engine *e);
void engine_swap(struct engine *e);

/* ---- engine_boot.c */
#define BOOT_TARGET "default.target"
/* True: the machine is up too shortly, and the action is kept for later. */
bool engine_put_off(struct engine *e, int action, int exit_status, const char *text);
void engine_put_off_tick(struct engine *e);

/* ---- rules.c */
extern rule_fn *const rules[ST_COUNT][EV_COUNT];
/* Rules of timers that are no deadline of the state. */
rule_fn engine_state_late, engine_stable, engine_ran_enough;

/* clang-format off */
#define RULES(X) \
	X(ignore) X(impossible) X(begin) X(cancel) X(down) X(term) X(defer) X(mark) \
	X(reload) X(no_reload) X(reload_unborn) X(reset) X(made) X(unmade) X(born) X(late) \
	X(no_helper) X(no_main) X(doomed) X(ready) X(condition_end) X(pre_end) X(start_end) X(post_end) \
	X(run_end) X(emptied) X(reload_end) X(stop_end) X(gone) X(left) X(hello) X(extend) \
	X(word) X(reloaded) X(oom) X(oom_late) X(setup_late) X(start_late) X(watchdog) \
	X(reload_late) X(stop_late) X(term_late) X(abort_late) X(kill_late) X(again) \
	X(trigger) X(undone)
/* clang-format on */

#define X(name) rule_fn rule_##name;
RULES(X)
#undef X

/* ... and what is due by a timer of its own. */
rule_fn engine_health_due, engine_job_late, engine_uphold_due;

#endif
