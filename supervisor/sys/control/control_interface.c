#include "supervisor/sys/control/control.h"

static const char description[] =
	"# Operates the units of this machine.\n"
	"interface io.sup.Control\n"
	"\n"
	"# Times are microseconds; since is of the clock on the wall, cpu is time used. Timers have next, last and activates; mounts have what, where and, while something is there, type.\n"
	"type Unit (\n"
	"name: string,\n"
	"kind: string,\n"
	"description: ?string,\n"
	"file: ?string,\n"
	"state: string,\n"
	"wanted: bool,\n"
	"failed: bool,\n"
	"since: ?int,\n"
	"pid: ?int,\n"
	"restarts: int,\n"
	"cause: ?string,\n"
	"status: ?string,\n"
	"error: ?string,\n"
	"health: ?Health,\n"
	"why: ?string,\n"
	"memory: ?int,\n"
	"memory_peak: ?int,\n"
	"cpu: ?int,\n"
	"tasks: ?int,\n"
	"oom_kills: ?int,\n"
	"address: ?string,\n"
	"next: ?int,\n"
	"last: ?int,\n"
	"activates: ?string,\n"
	"what: ?string,\n"
	"where: ?string,\n"
	"type: ?string,\n"
	"bridge: ?string,\n"
	"lacks: ?[]string,\n"
	"interfaces: []string,\n"
	"ports: []string,\n"
	"listens: [](address: string, type: string),\n"
	"triggers: ?int,\n"
	"activated_by: []string\n"
	")\n"
	"\n"
	"# Of a container with a health check. state: starting, healthy or unhealthy; startup: by HealthStartupCmd=;\n"
	"# failures: in a row, of so many retries (0: no limit); last: what the last check that failed came to.\n"
	"type Health (\n"
	"state: string,\n"
	"startup: bool,\n"
	"since: int,\n"
	"failures: int,\n"
	"retries: int,\n"
	"last: ?string\n"
	")\n"
	"\n"
	"type Fault (\n"
	"level: string,\n"
	"unit: ?string,\n"
	"path: ?string,\n"
	"line: int,\n"
	"column: int,\n"
	"message: string\n"
	")\n"
	"\n"
	"# tie: of the step before to this one, such as needs; text: what there is to say of it beside its state.\n"
	"type Step (tie: ?string, unit: string, state: string, since: ?int, text: ?string)\n"
	"# masked: it says that there is no such unit.\n"
	"type File (path: string, text: string, masked: bool)\n"
	"\n"
	"# lost: what was not counted; why: there is nothing.\n"
	"type Learned (starts: int, since: int, lost: int, calls: []string, lines: []string, why: ?string)\n"
	"type Row (what: string, has: string, declared: ?string, differs: bool)\n"
	"\n"
	"# up: microseconds from the begin of the boot until it was up; took: those of its start.\n"
	"type UnitTime (name: string, up: int, took: int)\n"
	"type Change (unit: string, how: string, lines: string)\n"
	"type BootFailure (boot: int, why: string)\n"
	"\n"
	"# All units, or the one named (its full name, or \"web\": the container or service of that name first).\n"
	"method Status(unit: ?string) -> (units: []Unit, safe: ?bool)\n"
	"# How the boot goes. failed: boots in a row before it that did not become well; safe_after: so many of them\n"
	"# make the next one a safe one, 0: never. kept: is the count, over a reboot: yes, no, volatile, unknown.\n"
	"method Boot() -> (boot: int, state: string, safe: bool, failed: int, safe_after: int, now: int,\n"
	"kept: string, took: ?int, waiting: ?string, critical: ?string, put_off: ?string,\n"
	"failures: []BootFailure, units: []UnitTime)\n"
	"# Forgets failed boots, and a reboot that was put off.\n"
	"method BootReset() -> ()\n"
	"# What is wrong with the unit files in force.\n"
	"method Faults() -> (faults: []Fault)\n"
	"# Why a unit is how it is, down to the root: the unit, what it waits for or failed with, and so on.\n"
	"method Why(unit: string) -> (steps: []Step)\n"
	"# The texts that make a unit or a template, as they were read: its file, then its drop-ins.\n"
	"method Cat(unit: string) -> (unit: string, files: []File)\n"
	"# What the start of a unit would do.\n"
	"method Plan(unit: string) -> (plan: string)\n"
	"# What a reload would do now. how: added, removed, live, restart; lines: what differs, each with - or + before it.\n"
	"method Changes() -> (changes: []Change)\n"
	"# What the process of a running unit has, as the kernel tells it, beside what its unit declares, and lines of a unit\n"
	"# that would leave it less. With Learn=yes also when it does not run, pid 0.\n"
	"method Audit(unit: string) -> (unit: string, pid: int, rows: []Row, more: int, advice: []string, learned: ?Learned)\n"
	"# The last lines of a unit's log; with more: those that follow, too. after: a cursor from an earlier answer, then all that\n"
	"# was written since; gap: some of that is rotated away.\n"
	"method Logs(unit: string, lines: int, after: ?string) -> (records: string, cursor: ?string, gap: ?bool)\n"
	"\n"
	"# These answer when it is done. ticket: a random number; who lost the connection asks again with the same one, and what\n"
	"# was begun is not begun twice.\n"
	"method Start(unit: string, ticket: ?int) -> ()\n"
	"method Stop(unit: string, ticket: ?int) -> ()\n"
	"method Restart(unit: string, ticket: ?int) -> ()\n"
	"method ReloadUnit(unit: string, ticket: ?int) -> ()\n"
	"method ResetFailed(unit: string, ticket: ?int) -> ()\n"
	"# Reads the unit files again; touches what changed.\n"
	"method Reload(ticket: ?int) -> ()\n"
	"# how: poweroff, reboot or halt.\n"
	"method End(how: string, ticket: ?int) -> ()\n"
	"# Who answers: its process, and its number among the supervisors that init has started. init_crashes: how often init\n"
	"# has crashed, and executed itself anew, since the machine started.\n"
	"method Supervisor() -> (pid: int, life: int, init_crashes: int)\n"
	"# Ends the supervisor of that life; the next one is started from its file, and answers this when it is asked again.\n"
	"method Reexec(life: int) -> (pid: int, life: int, init_crashes: int)\n"
	"# init executes its file anew; answers when it has.\n"
	"method ReexecInit() -> ()\n"
	"# A command in a running unit. With the call come three descriptors, its stdin, stdout and stderr; or one, a\n"
	"# Unix socket over which the master of its new terminal is sent. Answers when it ended: its wait(2) status.\n"
	"# Asked again with the same ticket, no descriptors are needed.\n"
	"method Exec(unit: string, argv: []string, ticket: ?int) -> (status: int)\n"
	"\n"
	"error NoSuchUnit (unit: string, reason: string)\n"
	"error Failed (reason: string)\n"
	"# Too many clients; or who only listened had to go for another one.\n"
	"error Busy (reason: string)\n"
	"# status: as a shell has it, 127 not found, 126 not executable, 125 a step before; as wait(2) status\n"
	"error NotExecuted (reason: string, status: int)\n";

static const struct varlink_method methods[] = {
	{ "Status", false, control_status },
	{ "Boot", false, control_boot },
	{ "BootReset", true, control_boot_reset },
	{ "Faults", false, control_faults },
	{ "Why", false, control_why },
	{ "Cat", true, control_cat }, /* files that not everybody may read */
	{ "Plan", true, control_plan } /* shows secrets of the environment, mounts the image */,
	{ "Changes", true, control_changes },
	{ "Audit", true, control_audit },
	{ "Logs", false, control_logs },
	{ "Start", true, control_start },
	{ "Stop", true, control_stop },
	{ "Restart", true, control_restart },
	{ "ReloadUnit", true, control_reload_unit },
	{ "ResetFailed", true, control_reset },
	{ "Reload", true, control_reload },
	{ "End", true, control_end },
	{ "Exec", true, control_exec },
	{ "Supervisor", false, control_supervisor },
	{ "Reexec", true, control_reexec },
	{ "ReexecInit", true, control_reexec_init },
	{ NULL, false, NULL },
};

const struct varlink_interface control_interface = {
	.name = "io.sup.Control",
	.description = description,
	.methods = methods,
};
