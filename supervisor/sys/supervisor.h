/*
 * The supervisor as one value: no file of sys/ has globals, each gets this by pointer.
 *
 *   main.c       opens everything, runs the loop
 *   load.c       files -> unit set                 apply.c     engine actions -> effects
 *   instance.c   what one unit holds in the kernel process.c   one process, from launch to exit
 *   start.c      facts + plan + launch             watch.c     cgroup events
 *   network.c    bridges, addresses                names.c     names of containers: files, resolvers
 *   network_rules.c  who reaches whom              network_live.c  a reload changes networks
 *   network_ports.c  who has which port
 *   reconcile.c  what others take away of them     flows.c     who sends to a port that has moved
 *   nics.c       devices of the host that units have
 *   ids.c        user namespaces of containers     userns.c    making them
 *   table.c      tables on disk
 *   mounts.c     .mount units that somebody else takes away
 *   volume.c     named volumes                     adopt.c     goes on where another supervisor ended
 *   keep.c       what is kept for that              leftover.c  what nobody can explain
 *   notify.c     sd_notify sockets                 journal.c   the supervisor's own words
 *   link.c       the wire to init                  control.c   the Varlink socket
 *   boot.c       how the boot goes, safe mode      bootfile.c  the record of boots
 *   pulse.c      what feeds the hardware watchdog
 *   wall.c       the clock on the wall, for timers
 *   health.c     what health checks write          ready.c     NotifyFD=
 *   held.c       what init held for the one before
 *   socket.c     sockets of units
 *   image.c      image files, mounted once         logs.c      pipes -> files
 *   instantiate.c  instances made at run time      hostfacts.c  what specifiers of the host say
 *   seccomp.c    filters of system calls           profile.c   SeccompProfile=
 */
#ifndef SYS_SUPERVISOR_H
#define SYS_SUPERVISOR_H

#include "supervisor/core/engine/engine.h"
#include "supervisor/core/net/ipam.h"
#include "supervisor/core/net/loan.h"
#include "supervisor/core/net/wiring.h"
#include "supervisor/core/plan/plan.h"
#include "supervisor/sys/boot.h"
#include "supervisor/sys/link.h"
#include "supervisor/sys/load.h"
#include "supervisor/sys/log/logs.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/network/flows.h"
#include "supervisor/sys/network/reconcile.h"
#include "supervisor/sys/pulse.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/recover/keep.h"
#include "supervisor/sys/recover/peek.h"
#include "supervisor/sys/rest.h"
#include "supervisor/sys/unit/cgroup.h"
#include "supervisor/sys/unit/instantiate.h"
#include "supervisor/sys/unit/launch.h"
#include "supervisor/sys/unit/seccomp.h"
#include "supervisor/sys/unit/socket.h"

#include <uv.h>

struct control;
struct supervisor;

/* What one unit holds while it is not down for good: kept over restarts and reloads, released by ACT_TEARDOWN. */
struct instance {
	struct supervisor *s;
	char unit[UNIT_NAME_MAX];
	uint32_t index;       /* in the set in force */
	uint32_t n_processes; /* of the engine's roles, that have not been reaped */
	bool has_logs;
	struct log log;
	struct log_pipe out, err;
	int notify;        /* datagram socket, -1: none */
	int notify_access; /* what NOTIFYACCESS= said in this run, ACCESS_UNSET: nothing */
	uv_poll_t notify_poll;
	struct ready *ready; /* waits for the newline of NotifyFD=, or NULL */
	int netns;           /* network namespace of a container, -1: none or the host's */
	int userns;          /* the user namespace that it belongs to, -1: none */
	char *unmapped;      /* why it has none though it should, malloc'd, or NULL */
	struct attach_plan *attachments; /* malloc'd: its networks in the order of its file, ... */
	size_t n_attached;               /* ... and how many of them there are; 0: it may be NULL */
	bool wired;                      /* ... and they are made */
	bool resolver_open;              /* of a network: the rules let questions through */
	bool bridge_up;                  /* a network: its bridge stands as ... */
	bool awaits;                     /* its start: devices that are not there */
	struct bridge_plan bridge;
	struct pool pools[FAMILY_COUNT];
	bool changes;       /* a reload has changed its unit, or its network's, while it runs */
	struct ports ports; /* malloc'd: those of the host that are its own, see network_ports.h */
	bool look;          /* somebody may have changed what it has in the kernel */
	struct listeners listeners;                   /* of a socket */
	int watch_cgroup, watch_memory, watch_bridge; /* inotify watches, -1: none */
	bool cgroup_killed;    /* once, or maybe: it serves no further process */
	uint64_t oom_kills;    /* seen so far */
	uint64_t oom_past;     /* ... in cgroups that it had before */
	int stop_signal;       /* of its image, 0: none */
	char *image;           /* reference it holds mounted, malloc'd, or NULL */
	bool released;         /* the last process or handle to end frees it */
	uint32_t open_handles; /* libuv handles that are still closing */
};

/* One process of a unit: from launch until its exit was taken from the roster. */
struct process {
	struct process *next;
	struct supervisor *s;
	struct instance *instance;
	enum role role;
	struct launched run;
	uv_poll_t poll; /* of run.report */
	bool polled;    /* libuv has the handle, open or closing */
	bool gone;      /* reaped and told: freed when the handle is closed, too */
	bool settled;   /* executed or faulted: the start is over */
	bool faulted;   /* never executed: the engine has heard SPAWN_FAILED */
	bool has_exact; /* a container's init told the command's own wait status */
	int32_t exact;
	/* supctl exec: who waits for it; NULL for the engine's roles */
	void (*on_exit)(struct process *p, int32_t status,
		const char *fault); /* fault: it never ran */
	void *data;
	struct check_output *output; /* of a health check, else NULL */
};

struct supervisor {
	uv_loop_t loop;
	struct link link;
	struct launcher launcher;
	struct filters filters;
	struct logs logs;
	struct log journal; /* the supervisor's own log: unit name "supervisor" */
	struct net net;
	bool has_net;
	struct reconcile reconcile;
	struct flows flows;
	struct loans loans; /* malloc'd */
	bool awaiting;      /* some instance may be */
	struct engine *engine;
	struct keep keep;
	struct peek peek;
	struct unit_set *set;        /* in force */
	struct unit_set *next;       /* loaded, waits for ACT_SWAP */
	struct wish *wishes;         /* instances that are to be made and started */
	struct instance **instances; /* by unit index of `set`, NULL where nothing is held */
	struct process *processes;
	struct held *held[HELD_CHAINS]; /* what init held for the one before, not taken back yet */
	struct leases leases;
	struct arena lease_arena; /* ... and of: */
	struct id_ranges ranges;
	char machine_id[40];
	uint32_t names_next; /* index of the unit whose turn it is then */
	bool names_again;    /* a file could not be written for a moment */
	uv_timer_t names;    /* coming: neighbours' /etc/hosts are written again */
	uv_timer_t deadline;
	bool heard;      /* what came before a deadline that is late */
	uv_timer_t well; /* when this life has lasted for a while */
	uv_timer_t rest;
	uv_poll_t watch_poll;
	int watch;        /* inotify, which init holds, too */
	int watch_etc;    /* of the host: its name servers change there */
	int watch_resolv; /* what its resolv.conf leads to elsewhere: the file, or the folder where it is to come; -1: nothing */
	int console;      /* where warnings go; -1: nowhere */
	bool performing;  /* perform_all is on the stack */
	int ending_kept; /* ... that the supervisor before had been asked for: not to be asked for twice */
	int ending; /* enum wire_end once the machine is going down, else 0 */
	int wall;   /* timerfd: readable when the clock on the wall was set */
	uv_poll_t wall_poll;
	uv_poll_t mounts_poll;
	int mounts;             /* /proc/self/mountinfo: a priority event when it changes */
	int64_t wall_minus_now; /* as the engine was told */
	int64_t wall_minus_boot;
	uint64_t slept;   /* all the time that the machine has slept, us */
	bool stamps_fail; /* said already */
	struct control *control;
	unsigned int init_crashes; /* as init said last */
	struct boot boot;
	struct pulse pulse;
};

/* ---- journal.c ---- */
void journal(struct supervisor *s, enum log_level level, const char *unit, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void journal_err(struct supervisor *s, enum log_level level, const char *unit, const struct err *e);
/* A line for people before the machine, of no fault: to the console and the supervisor's log. */
void journal_console(struct supervisor *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* struct logs.console */
void journal_service(void *data, const char *unit, const char *text, size_t n);
/* struct logs.trouble */
void journal_trouble(void *data, const char *unit, int error);

/* ---- apply.c ---- */
/* Feeds one event and performs all that follows from it; may be called from within itself. */
void supervise(struct supervisor *s, const struct event *event);
/*
 * The first half: feeds and keeps it, so that what told of it may be forgotten. perform_all() is to follow.
 */
void supervise_note(struct supervisor *s, const struct event *event);
void perform_all(struct supervisor *s);
void reload_units(struct supervisor *s, uint32_t job);
/* The start of a main process that nics_await() has held back. */
void spawn_awaited(struct supervisor *s, uint32_t index);
/* Reads the units and wants default.target. */
int supervise_begin(struct supervisor *s, struct err *e);

/* Index of a unit by full name in the set in force, -1. */
const struct unit *unit_at(const struct supervisor *s, uint32_t index);

/* ---- instance.c ---- */
struct instance *instance_get(struct supervisor *s,
	uint32_t index); /* made if there is none; NULL: no memory */
/* Its two pipes and its file: made, or taken back from the supervisor before. */
int instance_logs(struct instance *inst, struct err *e);
void instance_release(struct supervisor *s, uint32_t index);
void instance_free_if_done(struct instance *inst);
/* After a reload: instances follow their units by name. */
int instances_rebind(struct supervisor *s, const struct unit_set *set);

/* ---- process.c ---- */
/* The record is made before the process, so that none can run unrecorded; free() it when the launch fails. */
struct process *process_new(struct instance *inst, enum role role);
void process_add(struct process *p, const struct launched *run);
struct process *process_find(struct supervisor *s, const struct instance *inst, enum role role);
/* Opened when there is none so far; -1: it has ended, or no descriptor is to be had. That of another it can only be when
 * init has reaped it, and then nobody signals it. */
int process_pidfd(struct process *p);
int process_signal(struct process *p, int sig);
/* All that it has started and that did not leave its process group, too. */
int process_signal_group(struct process *p, int sig);
/* One that an earlier supervisor has started, and that is there still, or ended meanwhile. */
int process_adopt(struct instance *inst, uint32_t slot, struct err *e);
/* struct launcher.hold, and the end of it. */
void process_hold(void *supervisor, uint32_t slot, int report, struct err *e);
void process_unhold(struct supervisor *s, uint32_t slot);
/* Takes every exit that init has written into the roster. */
void processes_reap(struct supervisor *s);

/* ---- start.c ---- */
int start_process(struct supervisor *s, uint32_t index, enum role role, uint32_t number,
	struct err *e);
/* Enters the running container. fds: stdin, stdout, stderr, or one terminal socket. */
int start_exec(struct supervisor *s, uint32_t index, char *const *argv, const int *fds,
	size_t n_fds, struct process **out, struct err *e);
/* The plan as text, in the arena; gathers facts without changing anything. */
const char *plan_text(struct supervisor *s, uint32_t index, struct arena *arena, struct err *e);
/* The plan of the main process of a unit that runs, as it would be made now. */
int plan_now(struct supervisor *s, uint32_t index, struct plan *plan, struct arena *arena,
	struct err *e);

/* ---- health.c ---- */
/* A pipe for a health check to write to; the caller closes its end. */
struct check_output *check_output_open(struct supervisor *s, int *write_end, struct err *e);
/* That of the supervisor before; takes the descriptor. */
struct check_output *check_output_adopt(struct supervisor *s, int read_end, struct err *e);
/* For init to hold. */
int check_output_fd(const struct check_output *o);
/* Its last line so far, at most `size` bytes with the NUL. */
void check_output_last_line(struct check_output *o, char *line, size_t size);
/* Nobody reads it any more; NULL is none. */
void check_output_close(struct check_output *o);

/* ---- notify.c ---- */
int notify_open(struct instance *inst, struct err *e);
/* That of the supervisor before; takes the descriptor. */
void notify_adopt(struct instance *inst, int fd);
void notify_close(struct instance *inst);

/* ---- ready.c ---- */
/* A new pipe for NotifyFD=; the caller closes its end, on -1 too. */
int ready_open(struct instance *inst, int *write_end, struct err *e);
/* That of the supervisor before; takes the descriptor. */
void ready_adopt(struct instance *inst, int read_end);
void ready_close(struct instance *inst);

/* ---- watch.c ---- */
int watch_open(struct supervisor *s, struct err *e);
void watch_unit(struct instance *inst);
/* Its switch that netlink does not tell of. */
void watch_bridge(struct instance *inst);
void watch_drop(struct instance *inst);
/* EMPTY to the engine, when no process is left in the cgroup and all exits were taken. */
void watch_check_empty(struct instance *inst);
/* Something runs in its cgroup; false where there is none. */
bool watch_is_populated(const struct instance *inst);
void watch_check_oom(struct instance *inst);

/* ---- network.c ---- */
int networks_open(struct supervisor *s, struct err *e);
int network_setup(struct instance *inst, struct err *e);
/*
 * Network namespace and addresses of a container about to start; kept over its restarts. *fresh: one that its user namespace
 * has come with, which is taken if none is there yet, or -1.
 */
int network_prepare(struct instance *inst, int *fresh, struct err *e);
/* All else of it: links, rules, published ports, devices. Its process exists and mounts meanwhile. */
int network_connect(struct instance *inst, struct err *e);
/* Those of the supervisor before, as they stand. */
void networks_adopt(struct supervisor *s);
/*
 * One thing of what setup or attach has made, which somebody else has taken away: 1, *what it is about and what that was, for
 * a sentence; 0: there is none. Then the same of all rules.
 */
int network_mend(struct instance *inst, const char **what, const char **lacked, struct err *e);
int network_rules_mend(struct supervisor *s, struct err *e);
/* What its networks without a bridge stand on is there again (NULL: or any other): so are its links on that. */
void network_parent_came(struct instance *inst, const char *name);
/* What setup or attach made goes. */
void network_release(struct instance *inst);
/* The namespace its processes live in: its own or that of the container it shares; -1: the host's. */
int network_namespace(const struct instance *inst);

/* The nth .network that a container is on; NULL behind the last, and when it has none of its own. */
const char *network_of(const struct unit *u, size_t nth);
/* The one of that name, up or not; NULL. */
struct instance *network_instance(struct supervisor *s, const char *unit);
/* The host's on the bridge of one that is up: of IPv4 when it has both. */
struct ip network_address(const struct instance *network);
/* Who has the network namespace that a container lives in: itself or the container it shares; NULL: the host. */
const struct instance *network_owner(const struct instance *inst);

/* ---- nics.c    ---- */
/* What a supervisor before has lent. */
void nics_open(struct supervisor *s);
/* Something has become of an interface of the host; name: NULL, of any, and if it is gone, in a container, too. */
void nics_hear(struct supervisor *s, const char *name, bool gone);
/* True: a device that the container needs is not there. The start is to be left alone: it is done when it has come. */
bool nics_await(struct supervisor *s, uint32_t index);
/* Of such starts those that are not to be any more: the engine is told. */
void nics_look(struct supervisor *s);
/* Interface= of a container, into its namespace, and of a network, to its bridge; who lacks one says so. Again: what has
 * come or gone meanwhile. */
int nics_attach(struct instance *inst, struct err *e);
void nics_join(struct instance *inst);
/* All that the unit has is what it was; its namespace is open still. */
void nics_release(const struct instance *inst);
/* Of units that hold nothing, too. */
void nics_sweep(struct supervisor *s);

/* ---- ids.c ---- */
/* The table of ranges. */
void ids_open(struct supervisor *s);
/* Of a container about to start: its user namespace, kept over its restarts. fresh: as above. */
int ids_attach(struct instance *inst, struct facts *f, struct arena *a, int *fresh, struct err *e);
/* What ids_attach() would say; nothing is made. */
int ids_facts(const struct instance *inst, struct facts *f, struct arena *a, struct err *e);
/* The namespace for what runs as `ids` says, -1: none. */
int ids_namespace(const struct instance *inst);
/* The supervisor's own files that are in the container belong to its root. */
void ids_give(const struct instance *inst, const struct facts *f);

/* ---- table.c ---- */
/* -1: nowhere. It is said. `what` is in it. */
int table_save(struct supervisor *s, const char *name, const char *text, const char *what);
/* "": there is none. */
const char *table_read(struct supervisor *s, struct arena *a, const char *name);

/* ---- names.c ---- */
int names_open(struct supervisor *s, struct err *e);
/* What the resolver of this network knows, when it has one; and nothing any more. */
void names_publish(struct supervisor *s, const struct instance *network);
/* Whether that takes questions now, or soon: its socket is there. */
bool names_has_resolver(struct supervisor *s, const struct instance *network);
void names_unpublish(const struct instance *network);
/* A name in the host's /etc is another file. */
struct inotify_event;
void names_host_changed(struct supervisor *s, const struct inotify_event *event);
/* Writes hosts, resolv.conf and hostname of a container; returns their host folder in `dir`. */
int names_write(struct instance *inst, char *dir, size_t size, struct err *e);
/* Those files get another owner. */
void names_give(const struct instance *inst, uint32_t uid, uint32_t gid);
/* They go with the container. */
void names_release(const struct instance *inst);
/* Somebody came or went, or the name servers are others: all that run learn it soon. */
void names_changed(struct supervisor *s);
/* Text of a file of the host in the arena; "" when there is none. One that cannot be read, or has more than 1 MiB, is said. */
const char *names_read(struct supervisor *s, struct arena *a, const char *path);

/* ---- mounts.c ---- */
/* Listens to what is mounted and unmounted on the host. */
int mounts_open(struct supervisor *s, struct err *e);

/* ---- volume.c ---- */
#define VOLUME_PATH_MAX 256
int volume_setup(struct supervisor *s, const struct unit *u, struct err *e);
void volume_release(struct supervisor *s, const char *unit);
/* Where the volume of this name is ("data.volume" or a plain "data", which is made when it is missing). */
int volume_path(const char *name, char path[VOLUME_PATH_MAX], struct err *e);

/* ---- control.c ---- */
int control_open(struct supervisor *s, struct err *e);
/* ---- control_reexec.c ---- */
/* init has executed itself; error: not its file, errno. */
void control_resumed(struct supervisor *s, int error);
/* ---- control_jobs.c ---- */
/* Commands that were in flight when the supervisor before ended; the engine is restored, nothing is performed yet. */
void control_adopt(struct supervisor *s);
/* ---- control_exec.c ---- */
/* A process in this slot of the roster goes on, since its client may come back; false: nobody waits for it. */
bool exec_adopt(struct instance *inst, uint32_t slot);
/* Those that were not adopted have ended. */
void exec_adopted(struct supervisor *s);
void control_job_done(struct supervisor *s, uint32_t job, int result, const char *text);

#endif
