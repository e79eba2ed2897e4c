/*
 * tests/sim: the real engine under a simulated kernel, and the real engine in all orders of events.
 *
 *   sim      runs driven by a seed. Units are made as texts of the real file format and read by the real parser; a
 *            simulated kernel starts, crashes and loses their processes; an operator commands at random. `sim --help`.
 *   explore  one to four units with every kind of dependency, breadth-first over all orders of events: `make explore
 *            [DEPTH=n] [STATES=n]`; explore.h says how it is made.
 *   cells    sums up which cells of the engine's table the two have reached; one that is missed must be in its list.
 *
 *   checker.c   what must hold, at each rule and at rest      random.c    the dice
 *   kernel.c    processes, signals, and what they say         generate.c  unit files by seed
 *   duties.c    what the engine's actions must never do       operator.c  commands, reloads, the shutdown
 *   sim.c       one run, its faults, its calm and its end     main.c      many runs
 *   crash.c     the process of the engine dies, and another one goes on
 *   cells.c     the cells that were reached, kept in a file
 *
 * To teach them something new: a new action needs a row in kernel.c (`performers`), or it says that it does not
 * know it; a new event needs somebody who sends it (kernel.c, or operator.c) and a line in world.c (`choices`); a new key of type
 * choice, boolean, time or unit list is rolled by itself. A new rule of how units wait for each other: checker.c, `judge`.
 *
 * A failing run prints its seed and the command that replays it, event by event.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "tests/sim/checker.h"
#include "tests/sim/random.h"
#include "tests/unit/engine_keeper.h"

#define SEC USEC_PER_SEC
#define MS USEC_PER_MSEC
#define SETS_MAX 3
#define BOX_NONE UINT32_MAX

struct process {
	bool asked, live, execed;
	int32_t pid;
	bool deaf;      /* does not mind SIGTERM */
	bool stuck;     /* does not even mind SIGKILL, for a while */
	uint32_t birth; /* which process of this role it is; 0: none yet */
};

/* How badly a unit behaves while there are faults: each in thousandths. */
struct manners {
	uint32_t no_spawn, bad_step, crash, deaf, stuck, mute, late, twice, strays;
	uint32_t helper_fails, helper_hangs, no_setup, hungry, chatty;
	uint64_t slowness; /* the longest that anything takes */
};

/* What the kernel has of one unit; it outlives reloads. */
struct box {
	const char *name;
	uint32_t unit; /* index in the set in force, NO_UNIT: it is not in it */
	struct process procs[ROLE_COUNT];
	uint32_t strays; /* children that were left behind */
	bool deaf_strays;
	bool foreign;   /* its processes are of before its unit was taken away and came back */
	bool survivors; /* the engine knows that some survived SIGKILL */
	bool setting_up;
	struct manners manners;
	/* duties.c: what was seen of it */
	enum state state;
	uint64_t stopping_since, allowance;
	uint64_t window;
	uint32_t starts_in_window;
	uint64_t arrived; /* when it last did, whatever became of it since */
	struct {          /* crash.c: the same when it was kept last */
		uint64_t window, stopping_since, allowance;
		uint32_t starts_in_window;
	} kept;
};

enum word { WORD_READY, WORD_WATCHDOG, WORD_RELOADING, WORD_EXTEND, WORD_TRIGGER, WORD_STATUS };

/* What is done to the engine from outside. */
struct step {
	enum step_kind {
		STEP_EVENT,
		STEP_TICK,
		STEP_CLOCK, /* set: it was set */
		STEP_BOOT,
		STEP_RELOAD, /* units, job */
		STEP_SHUTDOWN
	} kind;
	const struct event *event;
	const struct unit_set *units;
	uint32_t job;
	bool set;
};

/* Something that will happen. */
struct happening {
	uint64_t when, order;
	uint64_t supervisor; /* which of them was to answer; the next one does not */
	uint32_t box;
	uint32_t birth; /* only if this process still lives; 0: of no process */
	enum event_kind kind;
	enum role role;
	int32_t status;
	enum word word;
};

struct job {
	uint32_t answers;
	uint32_t box; /* BOX_NONE: of no unit */
	uint64_t asked;
};

struct size { /* what a run is made of */
	uint32_t units, sets;
	uint64_t events;   /* with faults; then it calms down and ends */
	uint64_t interval; /* between commands, at most */
	bool sparse;       /* few dependencies for each unit; the checks look at a sample */
};

struct sim {
	uint64_t seed;
	struct dice dice;
	struct size size;
	uint64_t now;
	int64_t wall; /* what the clock on the wall shows, minus now */
	struct engine *engine;
	struct checker checker;
	struct unit_set sets[SETS_MAX];
	size_t n_sets;
	struct box *boxes;
	uint32_t n_boxes;
	uint32_t *box_of; /* by unit of the set in force */
	struct happening *queue;
	size_t n_queue, queue_room;
	uint64_t order;
	struct job *jobs;
	uint32_t n_jobs, jobs_room;
	bool faults;    /* things still go wrong */
	bool trace;     /* print what happens */
	bool ended;     /* ACT_MACHINE came */
	bool shut_down; /* ... and was asked for */
	uint64_t next_command;
	uint64_t n_events, n_actions, n_starts, n_swaps;
	uint32_t touched[64], n_touched; /* boxes to look at, for large sets */
	uint64_t looked;
	/* crash.c */
	uint64_t supervisor; /* which one it is */
	uint32_t crashes;    /* of a thousand chances one is taken; 0: it never dies */
	bool deaf;           /* what happens now the engine does not hear any more */
	bool performing;
	bool surely;          /* what is said now is kept */
	uint32_t job_in_hand; /* its answer was kept as what is being done: it may be given again */
	struct engine_facts facts;
	struct keeper keeper;
	const struct unit_set *kept_set;
	struct engine *twin; /* put down and taken up again after each step; NULL: there is none */
	struct checker twin_checker;
	struct keeper twin_keeper;
	uint64_t n_crashes, n_rebirths, n_pids, compared;
};

/* ---- sim.c: 0, or -1 with s->checker.fault filled */
int sim_run(struct sim *s, uint64_t seed, const struct size *size, bool trace);
void sim_free(struct sim *s);
/* Takes and performs all actions. */
void sim_perform(struct sim *s);
/* Lets time pass, with all that happens in it. */
void sim_pass(struct sim *s, uint64_t span);
void sim_say(const struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_event(struct sim *s, const struct event *event);
void sim_step(struct sim *s, const struct step *step);
/* The same, of this engine and without what follows. */
void sim_apply(struct sim *s, struct engine *e, const struct step *step);
void sim_touch(struct sim *s, uint32_t box);

/* ---- crash.c */
void crash_begin(struct sim *s);
void crash_end(struct sim *s);
/* The engine has done a step: it is kept, and may die just before or just after that. True: the step is to be done again. */
bool crash_at_step(struct sim *s, const struct step *step);
/* It is about to perform the action. False: it has died, and the action is not performed by this one any more. */
bool crash_at_action(struct sim *s, const struct action *action);
/* ... it has, and nobody hears what became of it. */
void crash_after_action(struct sim *s);
void twin_begin(struct sim *s);
void twin_step(struct sim *s, const struct step *step);
/* The next action of the twin must be the same; NULL: there must be none. */
void twin_compare(struct sim *s, const struct action *action);

/* ---- generate.c */
void generate_sets(struct sim *s);

/* ---- kernel.c */
void kernel_perform(struct sim *s, const struct action *action);
/* What comes due; false: nothing did. */
bool kernel_step(struct sim *s);
uint64_t kernel_next(const struct sim *s);
/* From now on all behave, and what hangs hangs no more. */
void kernel_calm(struct sim *s);
/* All main processes are lost at once. */
void kernel_storm(struct sim *s);
/* After a reload: units have other numbers. */
void kernel_renumber(struct sim *s);
/* Another supervisor: it looks for what the engine waits for, and tells what it finds. */
void kernel_adopt(struct sim *s);

/* ---- duties.c */
void duties_begin(struct sim *s);
/* How long the whole may take to stop; TIME_INFINITY: some unit's file sets no end. */
uint64_t duties_stop_bound(const struct sim *s);
/* Its start waits for a health that, by its file, never comes. */
bool duties_never_well(const struct unit *unit);
/* A unit that is started over and over, because its file says so, is up. */
bool duties_some_repeat(const struct sim *s);
void duties_action(struct sim *s, const struct action *action);
void duties_box(struct sim *s, uint32_t box);
void duties_at_calm(struct sim *s);
void duties_at_end(struct sim *s);

/* ---- operator.c */
void operator_command(struct sim *s);
uint32_t operator_job(struct sim *s, uint32_t box);
void operator_shutdown(struct sim *s);
/* Whatever can run does, when it is asked for. */
void operator_start_all(struct sim *s);

#endif
