/*
 * Writes docs/engine.md: the life of a unit as a table of states and events, made from rules.c itself. The words on
 * each state, event and rule stand here; one that has none fails the build. Runs on the machine that builds.
 */
#include "common/util.h"
#include "supervisor/core/engine/engine_run.h"

#include <stdio.h>

/* Only their addresses matter; no two bodies are alike, or they might share one. */
#define X(name)                                                                   \
	void rule_##name(struct engine *e, uint32_t u, const struct event *event) \
	{                                                                         \
		(void)e;                                                          \
		(void)u;                                                          \
		(void)event;                                                      \
		(void)puts(#name);                                                \
	}
RULES(X)
#undef X

static const struct state_words {
	const char *words, *until; /* what ends the wait when nobody else does */
} state_words[ST_COUNT] = {
	[ST_INACTIVE] = { "not there, and nobody has asked for it", "nothing: a command" },
	[ST_WAITING] = { "wanted, held back by the order",
		"the unit that it watches, see `supctl why`" },
	[ST_SETUP] = { "a network, volume or socket is being made", "90 s" },
	[ST_CONDITION] = { "ExecCondition= runs", "TimeoutStartSec=" },
	[ST_START_PRE] = { "ExecStartPre= runs", "TimeoutStartSec=" },
	[ST_START] = { "the main process is started and not ready", "TimeoutStartSec=" },
	[ST_START_POST] = { "ExecStartPost= runs", "TimeoutStartSec=" },
	[ST_RUNNING] = { "up",
		"nothing: WatchdogSec=, RuntimeMaxSec= and health checks have timers of their own" },
	[ST_EXITED] = { "its work is done, RemainAfterExit= keeps it active",
		"nothing: a command" },
	[ST_RELOAD] = { "a reload is under way", "TimeoutStartSec=" },
	[ST_STOP] = { "ExecStop= runs", "TimeoutStopSec=" },
	[ST_STOP_TERM] = { "told to stop by the signal", "TimeoutStopSec=" },
	[ST_STOP_ABORT] = { "told to stop by the signal of the watchdog", "TimeoutAbortSec=" },
	[ST_STOP_KILL] = { "killed",
		"10 s; before that TimeoutStopSec= where FinalKillSignal= is not SIGKILL" },
	[ST_STOP_POST] = { "ExecStopPost= runs", "TimeoutStopSec=" },
	[ST_BACKOFF] = { "has ended, an automatic restart follows",
		"RestartSec= and what makes it longer" },
	[ST_FAILED] = { "has ended in failure, no restart follows", "nothing: a command" },
};

static const char *const event_words[EV_COUNT] = {
	[EV_START] = "its start is asked for, and the order allows it",
	[EV_STOP] = "its stop is asked for, and the order allows it",
	[EV_RESTART] = "the same, and it is to start again",
	[EV_RELOAD] = "the command `reload` for the unit",
	[EV_RESET] = "the command `reset-failed`",
	[EV_SETUP_DONE] = "the network or volume is made",
	[EV_SETUP_FAILED] = "it could not be made, or what a unit that is up has made is gone",
	[EV_SPAWNED] = "a process of it is there",
	[EV_SPAWN_FAILED] = "it could not be made, or a step before its program failed",
	[EV_EXECED] = "the program runs",
	[EV_EXITED] = "a process has ended",
	[EV_NOTIFY] = "a message of sd_notify(3), or the newline of NotifyFD=",
	[EV_EMPTY] = "no process is left in its cgroup",
	[EV_OOM] = "the kernel killed in its cgroup for want of memory",
	[EV_TRIGGER] = "somebody waits at a socket that is watched",
	[EV_TIMEOUT] = "the deadline of its state has come",
};

/* clang-format off */
static const struct rule_words {
	rule_fn *rule;
	const char *name, *words;
} rule_words[] = {
#define RULE(name, words) { rule_##name, #name, words }
	RULE(ignore, "nothing to do"),
	RULE(impossible, "cannot happen; said in the log, otherwise nothing: the world may be wrong, the engine goes on"),
	RULE(begin, "the start: limits, conditions and what is left of the last run are looked at, then its first step is taken"),
	RULE(cancel, "nothing of it runs, so it is down at once"),
	RULE(down, "ExecStop=, then the signal"),
	RULE(term, "the signal of KillSignal= or of the image, to those that KillMode= names"),
	RULE(defer, "noted: it goes down when its setup is answered"),
	RULE(mark, "it goes down already; no automatic restart follows"),
	RULE(reload, "ExecReload=, or ReloadSignal="),
	RULE(no_reload, "only what is up can be reloaded: the command fails"),
	RULE(reload_unborn, "the command of the reload could not be started: the unit goes on as it was"),
	RULE(reset, "the failure, the counts of restarts and of starts are forgotten"),
	RULE(made, "the network or volume is there: up"),
	RULE(unmade, "it could not be made: failed"),
	RULE(born, "Type=simple is ready by that"),
	RULE(late, "a process that was ordered before the stop: it is told to stop as well"),
	RULE(no_helper, "the command could not be started: a failure, unless it has the mark to ignore that"),
	RULE(no_main, "the main process could not be started, or a step of it failed: a failure"),
	RULE(doomed, "the reason is kept; its end is near and comes as an event of its own"),
	RULE(ready, "Type=exec is ready by that"),
	RULE(condition_end, "the next ExecCondition=, or ExecStartPre=; or the unit is skipped"),
	RULE(pre_end, "the next ExecStartPre=, or the main process"),
	RULE(start_end, "the next command of a oneshot, or ExecStartPost=; any other type has failed"),
	RULE(post_end, "the next ExecStartPost=, or up; the end of the main process is a stop"),
	RULE(run_end, "the end of the main process: ExecStop= and the rest of the way down, or it stays active"),
	RULE(emptied, "with ExitType=cgroup the end of the last process is the end of the service"),
	RULE(reload_end, "the next ExecReload=, or up again"),
	RULE(stop_end, "the next command of the list, then the signal"),
	RULE(gone, "all gone: ExecStopPost=, then it is down; or the rest is killed"),
	RULE(left, "what was kept for processes that survived can go"),
	RULE(hello, "READY=1 makes it ready, EXTEND_TIMEOUT_USEC= gives it time"),
	RULE(extend, "EXTEND_TIMEOUT_USEC= gives it time"),
	RULE(word, "the watchdog is fed, or the service reloads or stops by itself, as it says"),
	RULE(reloaded, "READY=1 after RELOADING=1 ends the reload"),
	RULE(oom, "OOMPolicy= says whether the unit is stopped"),
	RULE(oom_late, "a process that was killed before: the cause is known now"),
	RULE(setup_late, "given up: failed"),
	RULE(start_late, "given up: TimeoutStartFailureMode= says how it is ended"),
	RULE(watchdog, "the unit is aborted"),
	RULE(reload_late, "the reload is given up, the unit goes on"),
	RULE(stop_late, "given up: TimeoutStopFailureMode= says how"),
	RULE(term_late, "the kill, or with TimeoutStopFailureMode=abort the signal of the watchdog; or left alone where the file says so"),
	RULE(abort_late, "the kill"),
	RULE(kill_late, "what survives SIGKILL hangs in the kernel: failed"),
	RULE(trigger, "the service of the socket is started, within TriggerLimitBurst="),
	RULE(undone, "what it has made is gone, as a mount that somebody has unmounted: down, or failed"),
	RULE(again, "the automatic restart, within the budget of all units"),
};
/* clang-format on */

static const char *const event_names[EV_COUNT] = {
#define X(id, name) [EV_##id] = name,
	EVENTS(X)
#undef X
};

static const char *const state_names[ST_COUNT] = {
#define X(id, name) [ST_##id] = name,
	STATES(X)
#undef X
};

static const enum event_kind commands[] = { EV_START, EV_STOP, EV_RESTART, EV_RELOAD, EV_RESET,
	EV_TIMEOUT };
static const enum event_kind answers[] = { EV_SETUP_DONE, EV_SETUP_FAILED, EV_SPAWNED,
	EV_SPAWN_FAILED, EV_EXECED, EV_EXITED, EV_NOTIFY, EV_EMPTY, EV_OOM, EV_TRIGGER };
_Static_assert(ARRAY_LEN(commands) + ARRAY_LEN(answers) == EV_COUNT, "each event in one table");

/* The rule's name, "-" for nothing, "" for what cannot happen; NULL: it has no words here. */
static const char *name_of(rule_fn *rule)
{
	if (rule == rule_ignore)
		return "-";
	if (rule == rule_impossible)
		return "";
	for (size_t i = 0; i < ARRAY_LEN(rule_words); i++)
		if (rule_words[i].rule == rule)
			return rule_words[i].name;
	return NULL;
}

static int put_table(const enum event_kind *events, size_t n)
{
	(void)fputs("\n| |", stdout);
	for (size_t i = 0; i < n; i++)
		(void)printf(" %s |", event_names[events[i]]);
	(void)fputs("\n|---|", stdout);
	for (size_t i = 0; i < n; i++)
		(void)fputs("---|", stdout);
	for (size_t s = 0; s < ST_COUNT; s++) {
		(void)printf("\n| **%s** |", state_names[s]);
		for (size_t i = 0; i < n; i++) {
			const char *name = name_of(rules[s][events[i]]);

			if (name == NULL)
				return -1;
			(void)printf(" %s |", name);
		}
	}
	(void)fputs("\n", stdout);
	return 0;
}

static int put_words(void)
{
	(void)fputs("\n## States\n\n| state | what it is | what ends it when nobody else does |\n"
		    "|---|---|---|\n",
		stdout);
	for (size_t s = 0; s < ST_COUNT; s++) {
		if (state_words[s].words == NULL)
			return -1;
		(void)printf("| **%s** | %s | %s |\n", state_names[s], state_words[s].words,
			state_words[s].until);
	}
	(void)fputs("\n## Events\n\n", stdout);
	for (size_t i = 0; i < EV_COUNT; i++) {
		if (event_words[i] == NULL)
			return -1;
		(void)printf("- **%s**: %s\n", event_names[i], event_words[i]);
	}
	(void)fputs("\n## Rules\n\n", stdout);
	for (size_t i = 0; i < ARRAY_LEN(rule_words); i++)
		if (name_of(rule_words[i].rule) == rule_words[i].name)
			(void)printf("- `%s`: %s\n", rule_words[i].name, rule_words[i].words);
	return 0;
}

int main(void)
{
	(void)fputs(
		"# The life of a unit\n"
		"\n"
		"Made by `make engine-table` from `supervisor/core/engine/rules.c`, which the supervisor runs by. A row is a state, a\n"
		"column an event; the cell names the rule. `-`: nothing to do. An empty cell cannot happen; if it does it is\n"
		"said in the log and ignored. That every other cell is reached and every state left again is tested by\n"
		"`make test-sim`.\n"
		"\n"
		"## What is commanded, and the clock\n",
		stdout);
	if (put_table(commands, ARRAY_LEN(commands)) < 0)
		return 1;
	(void)fputs("\n## What the world says\n", stdout);
	if (put_table(answers, ARRAY_LEN(answers)) < 0 || put_words() < 0)
		return 1;
	return 0;
}
