/*
 * The life of a unit: what each event does in each state. Events come down the table, so it reads:
 * "running: when it EXITED, run_end". The rules stand in engine_start.c (way up) and engine_stop.c (way down); facts such
 * as pids and what is left in the cgroup were noted before (engine.c), so "-" still knows them.
 *
 *   -   nothing to do
 *   no  cannot happen; said in the log, otherwise nothing: the world may be wrong, the engine goes on
 *
 * START, STOP and RESTART come here not when they are commanded but when the order lets them happen.
 */
#include "supervisor/core/engine/engine_run.h"

#define rule_no rule_impossible
#define rule__ rule_ignore

/* clang-format off */
/* One row: what to do at START STOP RESTART | RELOAD RESET TIMEOUT; and in the second line what the world says. */
#define ROW(state, start, stop, restart, reload_, reset_, timeout, setup_done, setup_failed,  \
	spawned, spawn_failed, execed, exited, notify, empty, oom_, trigger)                 \
	[ST_##state] = {                                                                     \
		[EV_START] = rule_##start,         [EV_STOP] = rule_##stop,                  \
		[EV_RESTART] = rule_##restart,     [EV_RELOAD] = rule_##reload_,             \
		[EV_RESET] = rule_##reset_,        [EV_TIMEOUT] = rule_##timeout,            \
		[EV_SETUP_DONE] = rule_##setup_done, [EV_SETUP_FAILED] = rule_##setup_failed, \
		[EV_SPAWNED] = rule_##spawned,     [EV_SPAWN_FAILED] = rule_##spawn_failed,  \
		[EV_EXECED] = rule_##execed,       [EV_EXITED] = rule_##exited,              \
		[EV_NOTIFY] = rule_##notify,       [EV_EMPTY] = rule_##empty,                \
		[EV_OOM] = rule_##oom_,            [EV_TRIGGER] = rule_##trigger,            \
	},

rule_fn *const rules[ST_COUNT][EV_COUNT] = {
/*  state      START  STOP    RESTART RELOAD     RESET  TIMEOUT
 *             SETUP_ SETUP_  SPAWNED SPAWN_     EXECED EXITED         NOTIFY    EMPTY OOM TRIGGER
 *             DONE   FAILED          FAILED                                           */
ROW(INACTIVE,  begin, _,      no,     no_reload, reset, no,
               _,     _,      late,   _,         _,     left,          _,        left, oom_late, _)
ROW(WAITING,   begin, cancel, cancel, no_reload, reset, no,
               _,     _,      late,   _,         _,     _,             _,        _,    oom_late, _)
ROW(SETUP,     no,    defer,  defer,  no_reload, reset, setup_late,
               made,  unmade, no,     no,        no,    no,            _,        _,    _, _)
ROW(CONDITION, no,    term,   term,   no_reload, reset, start_late,
               _,     _,      _,      no_helper, _,     condition_end, extend,   _,    oom, _)
ROW(START_PRE, no,    term,   term,   no_reload, reset, start_late,
               _,     _,      _,      no_helper, _,     pre_end,       extend,   _,    oom, _)
ROW(START,     no,    term,   term,   no_reload, reset, start_late,
               _,     _,      born,   no_main,   ready, start_end,     hello,    _,    oom, _)
ROW(START_POST,no,    term,   term,   no_reload, reset, start_late,
               _,     _,      _,      no_helper, _,     post_end,      extend,   _,    oom, _)
ROW(RUNNING,   no,    down,   down,   reload,    reset, no,
               _,     undone, _,      doomed,    _,     run_end,       word,     emptied, oom, trigger)
ROW(EXITED,    no,    down,   down,   reload,    reset, no,
               _,     _,      _,      _,         _,     _,             _,        _,    oom, _)
ROW(RELOAD,    no,    down,   down,   no_reload, reset, reload_late,
               _,     _,      _,      reload_unborn, _, reload_end,    reloaded, emptied, oom, _)
ROW(STOP,      no,    mark,   mark,   no_reload, reset, stop_late,
               _,     _,      _,      no_helper, _,     stop_end,      extend,   _,    oom, _)
ROW(STOP_TERM, no,    mark,   mark,   no_reload, reset, term_late,
               _,     _,      late,   gone,      _,     gone,          extend,   gone, oom_late, _)
ROW(STOP_ABORT,no,    mark,   mark,   no_reload, reset, abort_late,
               _,     _,      late,   gone,      _,     gone,          extend,   gone, oom_late, _)
ROW(STOP_KILL, no,    mark,   mark,   no_reload, reset, kill_late,
               _,     _,      late,   gone,      _,     gone,          _,        gone, oom_late, _)
ROW(STOP_POST, no,    mark,   mark,   no_reload, reset, stop_late,
               _,     _,      _,      no_helper, _,     stop_end,      extend,   _,    oom_late, _)
ROW(BACKOFF,   begin, cancel, cancel, no_reload, reset, again,
               _,     _,      late,   _,         _,     _,             _,        _,    oom_late, _)
ROW(FAILED,    begin, _,      no,     no_reload, reset, no,
               _,     _,      late,   _,         _,     left,          _,        left, oom_late, _)
};
/* clang-format on */
