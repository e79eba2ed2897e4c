/*
 * The engine decides. It holds the run-time state of every unit and maps events to actions; it makes no
 * system call, knows no clock (time is an argument, microseconds of CLOCK_MONOTONIC), logs nothing.
 *
 * The life of one unit is a table state x event (rules.c), every cell written. Dependencies settle in two phases with
 * queues, never by recursion:
 *
 *   1. Propagation. A command, or a change of state, changes what is wanted: a start pulls in Requires=, BindsTo=,
 *      Wants= and Upholds=, a stop pulls in what is PartOf=, BindsTo=, Requires= or Requisite= it, a conflict asks for a stop (the
 *      tables: engine_want.c for commands, engine_ties.c for changes of state). Only wants change, no state.
 *   2. Execution. A unit whose want differs from its state moves when its order allows it: it starts when all
 *      that it is After= and that are wanted up have arrived (or failed), it stops when all that are After= it have stopped.
 *
 * The choices that systemd leaves open, or that suit an appliance better:
 *   - An automatic restart (BACKOFF) with RestartMode=normal counts as the end of the run: OnFailure= is called for each
 *     failure, and what is BindsTo= the unit stops and starts again with it. With RestartMode=direct nobody is told of it:
 *     no OnFailure=, what is bound goes on. In both modes what Requires= the unit and runs is left alone, as in systemd; one
 *     that has not started yet waits for it to come up or to fail for good, where systemd in normal mode fails it at the
 *     first try. One that is only After= it goes on. FailureAction= is for the failure that is final.
 *   - The count of restarts, and so the delay, starts anew after RestartStableSec= without a failure.
 *   - A unit that fails, or whose file is broken, fails the start of what Requires= it ("requires db, which failed: ...").
 *     A unit skipped by a condition or ExecCondition=, or a oneshot that has finished, counts as arrived.
 *   - A stop that is due goes before a start, whichever way the two are ordered; a unit starts when all it conflicts with is down.
 *   - A container is stopped through its PID 1 (KillMode=mixed, as Quadlet writes it) by StopSignal=, within StopTimeout=.
 *   - Processes that survive SIGKILL for 10 s fail the unit, and it does not start until they are gone.
 *   - MAINPID= of another process is refused with a line in the log: each main process is our own child.
 *   - KillMode=none ends at once what it does not kill, as in systemd, but starts no second copy beside it.
 *
 * What sys/ owes it: every SPAWN is answered by SPAWNED or SPAWN_FAILED; every SPAWNED is followed by one EXITED, also when a
 * SPAWN_FAILED (a step of the child failed) came between, and then before the EXITED. OOM comes before the EXITED it
 * caused where that can be known. EMPTY comes when no process is left and none is to be reaped, however often.
 *
 * How sys/ uses it:
 *      engine_event(e, &event, now);
 *      while (engine_next(e, &action)) perform(&action);     performing may call engine_event again
 *      arm one timer for engine_deadline(e); when it fires: engine_tick(e, now)
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "supervisor/core/plan/role.h"
#include "supervisor/core/unit/unitset.h"

/* The states of a unit: "sub-state" in systemd's words, with the word that supctl shows. */
#define STATES(X)                    \
	X(INACTIVE, "inactive")      \
	X(WAITING, "waiting")        \
	X(SETUP, "setting up")       \
	X(CONDITION, "condition")    \
	X(START_PRE, "start-pre")    \
	X(START, "starting")         \
	X(START_POST, "start-post")  \
	X(RUNNING, "running")        \
	X(EXITED, "exited")          \
	X(RELOAD, "reloading")       \
	X(STOP, "stop")              \
	X(STOP_TERM, "stop-sigterm") \
	X(STOP_ABORT, "stop-abort")  \
	X(STOP_KILL, "stop-sigkill") \
	X(STOP_POST, "stop-post")    \
	X(BACKOFF, "restarting")     \
	X(FAILED, "failed")
/* WAITING: wanted, held back by the order. SETUP: a network or volume is being made. CONDITION: ExecCondition= runs. EXITED: oneshot with
 * RemainAfterExit=. RUNNING is also a target, network or volume that is up. BACKOFF: waits for RestartSec=. */

enum state {
#define X(id, name) ST_##id,
	STATES(X)
#undef X
		ST_COUNT
};

/* What happens to a unit. Commands come from supctl or init, the others from sys/. */
#define EVENTS(X)                                                                                 \
	X(START, "start")               /* command */                                             \
	X(STOP, "stop")                 /* command */                                             \
	X(RESTART, "restart")           /* command */                                             \
	X(RELOAD, "reload")             /* command: ExecReload= of a unit */                      \
	X(RESET, "reset-failed")        /* command: forget failure and counters */                \
	X(SETUP_DONE, "setup done")     /* answer to ACT_SETUP */                                 \
	X(SETUP_FAILED, "setup failed") /* or what a unit that is up has made is gone; text */    \
	X(SPAWNED, "spawned")           /* answer to ACT_SPAWN: pid */                            \
	X(SPAWN_FAILED,                                                                           \
		"spawn failed") /* the process could not be made, or a child step failed: text */ \
	X(EXECED, "executed")   /* the program runs: Type=exec is ready */                        \
	X(EXITED, "exited")     /* role, wait status */                                           \
	X(NOTIFY, "notify")     /* a message of sd_notify(3) */                                   \
	X(EMPTY, "empty")       /* no process left in its cgroup */                               \
	X(OOM, "out of memory") /* the kernel killed in its cgroup */                             \
	X(TRIGGER, "triggered") /* of a socket that is watched: somebody waits there */           \
	X(TIMEOUT, "timeout")   /* of the engine itself: run.deadline has come */

enum event_kind {
#define X(id, name) EV_##id,
	EVENTS(X)
#undef X
		EV_COUNT
};

/*
 * The health of a unit: NONE while it has no check or does not run. STARTUP: HealthStartupCmd= is tried, HealthCmd= waits
 * for it. STARTING: no check has passed yet.
 */
#define HEALTHS(X)              \
	X(NONE, "none")         \
	X(STARTUP, "starting")  \
	X(STARTING, "starting") \
	X(HEALTHY, "healthy")   \
	X(UNHEALTHY, "unhealthy")

enum health_state {
#define X(id, name) HEALTH_##id,
	HEALTHS(X)
#undef X
		HEALTH_COUNT
};

struct notify { /* of one datagram; core/notify.c fills it */
	bool ready, reloading, stopping, watchdog, watchdog_trigger;
	uint64_t at; /* MONOTONIC_USEC=, which is the clock of the engine, too; 0: not said */
	uint64_t extend_timeout; /* microseconds, 0: not said */
	uint64_t watchdog_usec;  /* UINT64_MAX: not said */
	int32_t main_pid;        /* 0: not said */
	int32_t error;           /* ERRNO=, 0: not said */
	int32_t access; /* NOTIFYACCESS=, enum notify_access, ACCESS_UNSET: not said; for sys/ */
	const char *status; /* NULL: not said */
};

struct event {
	enum event_kind kind;
	uint32_t unit;  /* index in the set in force */
	enum role role; /* SPAWNED, SPAWN_FAILED, EXECED, EXITED */
	int32_t pid;    /* SPAWNED */
	int32_t status; /* EXITED: wait(2) status */
	/* SETUP_FAILED, SPAWN_FAILED: the reason; EXITED of a health check: its last line of output; copied */
	const char *text;
	const struct health_check
		*health; /* SPAWNED of MAIN: what the image says of it, copied; NULL: nothing */
	const struct notify *notify; /* NOTIFY */
	uint32_t job;                /* commands: reported by ACT_JOB_DONE; 0: nobody waits */
};

#define ACTIONS(X)                                                                                                            \
	X(SETUP) /* make the network or volume; answer SETUP_DONE or SETUP_FAILED */                                          \
	X(SPAWN) /* start `role`, command number `index`; answer SPAWNED or SPAWN_FAILED, later EXECED, EXITED */             \
	X(SIGNAL) /* send `arg` (0: the image's stop signal, else SIGTERM) to the main process, or to `role` if that is not \
			 * MAIN; SIGCONT follows a stop signal */ \
	X(SIGNAL_ALL) /* send `arg` to every process of the unit */                                                           \
	X(KILL)       /* cgroup.kill */                                                                                       \
	X(WATCH) /* of a socket: at the next connection or datagram, EV_TRIGGER, once; until TEARDOWN */                      \
	X(TEARDOWN) /* the unit is down for good: network, volume, cgroup, notify socket may go; a restart never sends it */  \
	X(LOG) /* one line for the log of the supervisor about this unit: text, level `arg` */                                \
	X(JOB_DONE) /* job `job` ended: arg 0 done, else errno-like; text says why */                                         \
	X(STAMP)    /* a timer with Persistent= has elapsed: keep engine_timer().last on disk */                              \
	X(MACHINE) /* end the machine: arg = enum wire_end, index = exit status, job = 1: a key names it; text says why */    \
	X(SWAP)    /* a reload: the new set is in force, the old one may be freed */

enum action_kind {
#define X(id) ACT_##id,
	ACTIONS(X)
#undef X
		ACT_COUNT
};

struct action {
	enum action_kind kind;
	uint32_t unit;
	enum role role;
	uint32_t index;
	int32_t arg;
	uint32_t job;
	char text[256];
};

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

/* What is known of one unit at run time; read by supctl status. More is the engine's own, in engine_run.h. */
struct run {
	enum state state;
	bool wanted;           /* up is what somebody wants */
	bool failed;           /* its last run ended in failure */
	uint64_t since;        /* of the state */
	uint64_t begun;        /* its last start; 0: never */
	uint64_t arrived;      /* ... which was up at; 0: never */
	uint64_t deadline;     /* of the state, TIME_INFINITY: none */
	int32_t main_pid;      /* 0: none */
	uint32_t triggers;     /* of a socket: how often it started its service */
	uint32_t restarts;     /* automatic ones since the last command */
	int32_t last_status;   /* wait status of the last main process */
	int32_t error;         /* the last ERRNO= of sd_notify, 0: none */
	bool oom;              /* the kernel's OOM killer was the cause */
	char cause[224];       /* the last: "exit code 1", "out of memory (MemoryMax=50M)" */
	char status_text[128]; /* STATUS= of sd_notify */
};

/* The health of one unit at run time; read by supctl status. */
struct health {
	enum health_state state;
	uint64_t since;    /* of the state */
	uint32_t failures; /* in a row */
	uint32_t passes;   /* in a row, of the startup's check */
	uint32_t retries;  /* so many failures in a row are too many; 0: never */
	/* what became of the last check that failed: "exit code 1: connection refused" */
	char last[96];
};

struct engine;

/* Size-independent creation: everything lives in an arena of the engine. `set` must outlive its time in force. */
struct engine *engine_new(const struct unit_set *set);
void engine_free(struct engine *e);
/* Where the chance of random delays begins: the same seed and the same events give the same actions. */
void engine_seed(struct engine *e, uint64_t seed);

/* True for a broken condition: sys/ answers ConditionPathExists= and the like through this. */
struct engine_facts {
	bool (*condition)(void *data, const struct condition *c);
	/* What was kept of a timer with Persistent=, microseconds since 1970; 0: nothing. */
	uint64_t (*stamp)(void *data, const char *timer);
	int32_t (*utc_offset)(void *data, int64_t utc); /* as struct calendar_zone has it */
	uint64_t device; /* some number that is this machine's: what is random is so by it */
	void *data;
};
void engine_set_facts(struct engine *e, const struct engine_facts *facts);

/*
 * All units together start so many times by themselves (an automatic restart, Upholds=) at once, and then one more time
 * each `interval` microseconds; the others wait in BACKOFF, first come, first served. Commands and what they pull in
 * never wait, nor does the boot. Without a call: 50, 100 ms. burst 0: no limit.
 */
void engine_set_budget(struct engine *e, uint32_t burst, uint64_t interval);

void engine_boot(struct engine *e, uint64_t now); /* wants default.target */
/* Safe mode instead: wants the critical units, with what they require and not what they want. */
void engine_boot_safe(struct engine *e, uint64_t now);
bool engine_has_critical(const struct engine *e);
void engine_event(struct engine *e, const struct event *event, uint64_t now);
void engine_tick(struct engine *e, uint64_t now);
/* Stops everything in order, then gives ACT_MACHINE. A second call hurries: what is left is killed. */
void engine_shutdown(struct engine *e, int wire_end, uint64_t now);
/* An end action (enum end_action) that is nobody's of the units, such as that of a late boot. */
void engine_act(struct engine *e, int action, const char *text, uint64_t now);
/*
 * No end action reboots the machine before it was up for so long: it is put off until then, its units run on. Until when,
 * and for what reason, TIME_INFINITY for none; a command to end the machine takes its place.
 */
void engine_set_min_uptime(struct engine *e, uint64_t uptime);
uint64_t engine_put_off_until(const struct engine *e, const char **text);
void engine_forget_put_off(struct engine *e);
/* The machine is going down, by a command or an end action: what stops now says nothing about the boot. */
bool engine_is_ending(const struct engine *e);
/*
 * A new generation: units that changed or vanished are stopped by the old set; when they are down the new set comes
 * into force (ACT_SWAP), those that were up are started again and new ones that are wanted by what is up are started. Unchanged
 * units keep their process. Another call before the swap replaces the set that is waiting, which the caller frees; so does
 * a shutdown. The swap happens inside engine_next, when all actions that speak of the old set were taken.
 */
void engine_reload(struct engine *e, const struct unit_set *set, uint32_t job, uint64_t now);
/* Indices of the units that it would stop, as many as the set in force has at most; SIZE_MAX: a reload is under way. */
size_t engine_reload_plan(struct engine *e, const struct unit_set *set, uint32_t *list);

/*
 * The clock on the wall: microseconds since 1970 minus `now`; told at the start, and whenever it has changed. `set`: it
 * was set, which is what OnClockChange= means, and not only found to have drifted. A clock that was set forward makes
 * a timer elapse at most once for all that was passed over; set back, nothing comes sooner than its calendar says.
 */
void engine_set_clock(struct engine *e, int64_t wall_minus_now, bool set, uint64_t now);
/* Local time is another one. */
void engine_zone_changed(struct engine *e, uint64_t now);

/* What it took so far: units that had their turn, neighbours looked at for it, units visited by propagation. */
struct engine_cost {
	uint64_t turns, looks, visits;
};
const struct engine_cost *engine_cost(const struct engine *e);

bool engine_next(struct engine *e, struct action *action);
/* Somebody still is to be told of this job, by an ACT_JOB_DONE. Costs a look at each unit. */
bool engine_waits(const struct engine *e, uint32_t job);
uint64_t engine_deadline(const struct engine *e); /* TIME_INFINITY: nothing waits */

const struct unit_set *engine_set(const struct engine *e);
const struct run *engine_run(const struct engine *e, uint32_t unit);
/* Its state is NONE when the unit has no check. */
const struct health *engine_health(const struct engine *e, uint32_t unit);
/* "health 2 of 3" (failed checks of HealthRetries=), "healthy", ...; "" when it has no check. Returns buf. */
const char *engine_health_text(const struct engine *e, uint32_t unit, char *buf, size_t size);
const char *health_name(enum health_state state);
/*
 * Why a unit does not run or waits, as one line: "waits for db.container (starting)", or down to the root of it:
 * "waits for api.container: needs db.container (starting)". Returns buf.
 */
const char *engine_why(const struct engine *e, uint32_t unit, char *buf, size_t size);
/*
 * The same in steps: from a unit to the one that it waits for, or that it failed with; false when there is none. words: how
 * they are tied, "needs". Orders have no cycle, but what it takes to conflict may have one: the caller counts.
 */
bool engine_why_next(const struct engine *e, uint32_t unit, uint32_t *next, const char **words);
/* What there is to say of this unit alone beside its state: "health 2 of 3", "exit code 1"; may be "". Returns buf. */
const char *engine_why_own(const struct engine *e, uint32_t unit, char *buf, size_t size);
/*
 * What holds up default.target, or else the unit that is wanted and not there for the longest, down to the root of
 * it: "waiting 37 s for web.container: needs db.container (starting)". False, and an empty text, when nothing is waited
 * for. Costs a look at each unit: a few times a second at most.
 */
bool engine_culprit(const struct engine *e, uint64_t now, char *buf, size_t size);
/* A critical unit has failed and no automatic restart follows: "web.container: exit code 1". */
bool engine_critical_failed(const struct engine *e, char *buf, size_t size);

/* How far the boot is; in safe mode, that of the critical units. Costs a look at each unit. */
struct boot_view {
	uint32_t up, starting, restarting, failed; /* units, without targets */
	char failure[256];                         /* the first that failed, and why */
	bool complete; /* default.target is reached, or failed, and nothing is starting any more */
	bool well; /* complete; neither default.target nor a critical unit failed, no reboot is put off */
};
void engine_boot_view(const struct engine *e, struct boot_view *view);
/* ACT_WATCH is out for it, and nothing has come since. */
bool engine_socket_is_watched(const struct engine *e, uint32_t socket);
/* How the last run ended, in the words of $SERVICE_RESULT in systemd.exec(5). */
const char *engine_result(const struct engine *e, uint32_t unit);

struct timer_view {
	uint64_t next;      /* TIME_INFINITY: nothing is to come, or its unit runs */
	uint64_t last_wall; /* microseconds since 1970, 0: never */
	uint32_t starts;    /* the unit it starts, UINT32_MAX when its file names none */
};
struct timer_view engine_timer(const struct engine *e, uint32_t timer);
/* The timer that has started this run of the unit, UINT32_MAX when none has. */
uint32_t engine_started_by(const struct engine *e, uint32_t unit);
const char *state_name(enum state state);

#endif
