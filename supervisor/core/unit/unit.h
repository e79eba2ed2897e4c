/*
 * A unit as its file says it: the typed result of parsing, nothing of its run-time state.
 *
 * Every member that a key fills is bound to that key by the table in keys.c, which also holds its default
 * and its meaning; there is no other place that knows a key. Strings and lists live in the arena of the
 * unit set and are constant after loading. Times are microseconds, sizes are bytes.
 */
#ifndef CORE_UNIT_H
#define CORE_UNIT_H

#include "common/roster.h"
#include "supervisor/core/arena.h"
#include "supervisor/core/calendar.h"
#include "supervisor/core/net/ports.h"
#include "supervisor/core/plan/role.h"
#include "supervisor/core/unit/condition.h"
#include "supervisor/core/unit/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_INFINITY UINT64_MAX
#define SIZE_INFINITY UINT64_MAX /* "infinity": no limit */
#define SIZE_UNSET (UINT64_MAX - 1)
#define CPU_WEIGHT_IDLE UINT32_MAX
#define INT_UNSET INT32_MIN

/* KIND(id, file suffix, section of its own or NULL) */
#define UNIT_KINDS(X)                          \
	X(CONTAINER, "container", "Container") \
	X(SERVICE, "service", "Service")       \
	X(NETWORK, "network", "Network")       \
	X(VOLUME, "volume", "Volume")          \
	X(TARGET, "target", NULL)              \
	X(TIMER, "timer", "Timer")             \
	X(SOCKET, "socket", "Socket")          \
	X(MOUNT, "mount", "Mount")

enum unit_kind {
#define X(id, suffix, section) KIND_##id,
	UNIT_KINDS(X)
#undef X
		KIND_COUNT
};

/* The kinds of dependency: each a list of unit names in the file, edges in the unit set. */
#define DEPENDENCIES(X)                                                                            \
	X(AFTER, "After")                                                                          \
	X(BEFORE, "Before")                                                                        \
	X(REQUIRES, "Requires")                                                                    \
	X(WANTS, "Wants")                                                                          \
	X(BINDS_TO, "BindsTo")                                                                     \
	X(PART_OF, "PartOf")                                                                       \
	X(CONFLICTS, "Conflicts")                                                                  \
	X(ON_FAILURE, "OnFailure")                                                                 \
	X(REQUISITE, "Requisite")                                                                  \
	X(UPHOLDS, "Upholds")                                                                      \
	X(ON_SUCCESS, "OnSuccess")                                                                 \
	X(STOPS, "PropagatesStopTo")                                                               \
	X(RELOADS, "PropagatesReloadTo")                                                           \
	X(TRIGGERS,                                                                                \
		"Triggers")   /* by no key of that name: Unit= of a timer, Service= of a socket */ \
	X(SOCKETS, "Sockets") /* of [Service]: whose descriptors it gets */

enum dependency {
#define X(id, key) DEP_##id,
	DEPENDENCIES(X)
#undef X
		DEP_COUNT
};

enum service_type {
	TYPE_SIMPLE,
	TYPE_EXEC,
	TYPE_ONESHOT,
	TYPE_NOTIFY,
	TYPE_IDLE,
	TYPE_NOTIFY_RELOAD,
	TYPE_HEALTHY /* no word of Type=: Notify=healthy of a container makes it so */
};
enum restart {
	RESTART_NO,
	RESTART_ON_SUCCESS,
	RESTART_ON_FAILURE,
	RESTART_ON_ABNORMAL,
	RESTART_ON_WATCHDOG,
	RESTART_ON_ABORT,
	RESTART_ALWAYS
};
enum restart_mode { RESTART_MODE_NORMAL, RESTART_MODE_DIRECT };
enum exit_type { EXIT_TYPE_MAIN, EXIT_TYPE_CGROUP };
enum failure_mode { FAILURE_TERMINATE, FAILURE_ABORT, FAILURE_KILL };
enum kill_mode { KILL_CONTROL_GROUP, KILL_MIXED, KILL_PROCESS, KILL_NONE };
enum notify_access { ACCESS_UNSET, ACCESS_NONE, ACCESS_MAIN, ACCESS_EXEC, ACCESS_ALL };
enum oom_policy { OOM_CONTINUE, OOM_STOP, OOM_KILL };
enum end_action {
	ACTION_NONE,
	ACTION_REBOOT,
	ACTION_REBOOT_FORCE,
	ACTION_REBOOT_IMMEDIATE,
	ACTION_POWEROFF,
	ACTION_POWEROFF_FORCE,
	ACTION_POWEROFF_IMMEDIATE,
	ACTION_EXIT,
	ACTION_EXIT_FORCE,
	ACTION_HALT,
	ACTION_HALT_FORCE,
	ACTION_HALT_IMMEDIATE,
	ACTION_KEXEC,
	ACTION_KEXEC_FORCE
};
enum container_notify { NOTIFY_FALSE, NOTIFY_TRUE, NOTIFY_HEALTHY };
enum health_action { HEALTH_NO_ACTION, HEALTH_KILL, HEALTH_RESTART, HEALTH_STOP };
enum stdio_kind {
	STDIO_UNSET,
	STDIO_NULL,
	STDIO_TTY,
	STDIO_LOG,
	STDIO_INHERIT,
	STDIO_LOG_CONSOLE,
	STDIO_FILE, /* this and the next: at the path */
	STDIO_APPEND,
	STDIO_TRUNCATE
};

/* StandardOutput=, StandardError= */
struct output {
	int kind; /* enum stdio_kind */
	const char *path;
};

/* One command line, split into words, its prefixes ("-@:+!") taken off. */
struct command {
	struct strv argv;    /* argv.v[0] is the path to execute unless arg0 is set */
	const char *path;    /* what is executed */
	bool ignore_failure; /* "-" */
	bool literal;        /* ":": no $VARIABLE is replaced */
	bool privileged;     /* "+": user, group and sandbox settings do not apply */
	bool keeps_user;     /* "!": user and group do not */
};
struct commands {
	struct command *v;
	size_t n;
};

/* Exit codes and signals that count as success, or prevent or force a restart. */
struct exit_set {
	uint64_t codes[4]; /* bit per exit code 0..255 */
	uint64_t signals;  /* bit n: signal n */
};

/* A number that may be a share of something the host knows (RAM, the limit of tasks). */
struct quantity {
	uint64_t value;    /* bytes or a count; SIZE_INFINITY; SIZE_UNSET; or ... */
	uint32_t permille; /* ... if not 0: thousandths of the whole, value is then ignored */
	bool dflt;         /* nobody asked for it: a kernel that has no such limit costs nothing */
};

/* Resource limits of a process, setrlimit(2). */
struct rlimit_set {
	int resource;        /* RLIMIT_* */
	uint64_t soft, hard; /* SIZE_INFINITY: unlimited */
	bool dflt; /* nobody asked for it: cut to the hard limit there is, where it may not be raised */
};
struct rlimit_sets {
	struct rlimit_set *v;
	size_t n;
};

enum io_limit { IO_READ_BANDWIDTH, IO_WRITE_BANDWIDTH, IO_READ_IOPS, IO_WRITE_IOPS };
struct io_limits {
	struct io_limit_set {
		enum io_limit kind;
		const char *device; /* a path of a device node, or of a file on it */
		uint64_t value;
	} * v;
	size_t n;
};

/* Volume= and Mount=: something of the host, or a named volume, at a path inside. */
enum mount_kind { MOUNT_BIND, MOUNT_VOLUME, MOUNT_TMPFS, MOUNT_ANONYMOUS };
struct mount {
	enum mount_kind kind;
	const char *source; /* BIND: host path; VOLUME: "data.volume" or a plain name */
	const char *target; /* absolute path inside */
	bool read_only, no_exec, no_dev, no_suid, recursive, copy_up, chown;
	uint32_t propagation; /* MS_PRIVATE, MS_SLAVE, MS_SHARED or 0: private */
	uint64_t size;        /* TMPFS: bytes, SIZE_UNSET: kernel default */
	uint32_t mode;        /* TMPFS: 01777 unless said otherwise */
};
struct mounts {
	struct mount *v;
	size_t n;
};

enum device_policy { DEVICE_POLICY_AUTO, DEVICE_POLICY_CLOSED, DEVICE_POLICY_STRICT };
struct device {
	const char *host, *inside; /* DeviceAllow=: a path or "char-CLASS", and NULL */
	bool read, write, mknod;
	bool optional; /* "-": skipped when the host has none */
};
struct devices {
	struct device *v;
	size_t n;
};

/* Secret=, LoadCredential= and SetCredential=: bytes in a file that only the process can read, or in its environment. */
enum secret_kind { SECRET_MOUNT, SECRET_ENV, CREDENTIAL_LOAD, CREDENTIAL_SET };
#define SECRET_ID_UNSET UINT32_MAX
#define SECRETS_MAX 64u /* of one unit, of each of the two lists */
struct secret {
	enum secret_kind kind;
	const char *name; /* of the secret; of a credential its ID */
	const char *
		source; /* LOAD: a path, or the name of a secret; SET: the value, still with its escapes */
	const char *target; /* MOUNT: absolute path inside; ENV: the variable */
	uint32_t uid, gid;  /* SECRET_ID_UNSET: those of the process */
	uint32_t mode;
};
struct secrets {
	struct secret *v;
	size_t n;
};

/* UIDMap= and GIDMap=: `count` ids from `inside` on are those of the host from `host` on. */
struct id_extent {
	uint32_t inside, host, count;
};
struct id_map {
	struct id_extent *v;
	size_t n;
};

enum userns_mode { USERNS_UNSET, USERNS_AUTO, USERNS_HOST, USERNS_KEEP_ID };
struct userns_use {
	enum userns_mode mode;
	uint32_t size; /* of auto, 0: as many as is usual */
};

struct setting { /* Sysctl=, AddHost=, Label=: name and value */
	const char *name, *value;
};
struct settings {
	struct setting *v;
	size_t n;
};

enum network_mode { NETWORK_DEFAULT, NETWORK_HOST, NETWORK_NONE, NETWORK_UNIT, NETWORK_CONTAINER };
struct network_use { /* Network= */
	enum network_mode mode;
	const char *unit; /* "lan.network" or "web.container" */
	struct ip ip[FAMILY_COUNT];
	uint8_t mac[6];             /* zero: it is derived */
	const char *interface_name; /* NULL: eth0, eth1, ... by its place in the list */
	struct strv aliases;        /* by which its neighbours there find it, too */
};
struct network_uses {
	struct network_use *v;
	size_t n;
};

/* HealthCmd= and its kin, or HealthStartupCmd= and its kin. What is zero was not said. */
struct health_check {
	struct strv
		cmd; /* the words to execute; HEALTH_OFF alone: no check, whatever the image says */
	uint64_t interval; /* TIME_INFINITY: "disable" */
	uint64_t timeout, start_period;
	uint32_t retries, success;
};
#define HEALTH_OFF "none"

/* [Unit], in every kind */
struct unit_section {
	const char *description;
	struct strv documentation;
	struct strv deps[DEP_COUNT];
	struct strv stop_propagated_from, reload_propagated_from;
	struct strv requires_mounts_for, wants_mounts_for; /* absolute paths */
	bool stop_when_unneeded, refuse_manual_start, refuse_manual_stop;
	bool default_dependencies, restart_dependents;
	struct conditions conditions, asserts;
	uint64_t start_limit_interval;
	uint32_t start_limit_burst;
	int start_limit_action; /* enum end_action */
	int failure_action, success_action;
	int failure_exit, success_exit;            /* 0..255; INT_UNSET: that of the main process */
	uint64_t job_timeout, job_running_timeout; /* TIME_INFINITY: none */
	int job_timeout_action;
	bool critical;
};

/* Listen*= of a socket, in the order of the file, which is that of the descriptors. */
enum listen_kind { LISTEN_STREAM, LISTEN_DATAGRAM, LISTEN_SEQPACKET, LISTEN_FIFO };
enum listen_family {
	LISTEN_PORT,
	LISTEN_IPV4,
	LISTEN_IPV6,
	LISTEN_NETWORK,
	LISTEN_PATH,
	LISTEN_ABSTRACT
};
struct listen {
	enum listen_kind kind;
	enum listen_family family; /* PORT: any address, of IPv6 too where the kernel has it */
	const char *text;          /* as the file has it */
	const char *
		network; /* NETWORK: "lan.network", the host's address there and what comes in by its bridge */
	struct ip ip;
	uint16_t port;
};
struct listens {
	struct listen *v;
	size_t n;
};
enum bind_ipv6_only { BIND_DEFAULT, BIND_BOTH, BIND_IPV6_ONLY };

struct container_section {
	const char *image;
	const char *rootfs; /* path, perhaps with ":O" */
	struct strv exec;   /* Exec=: arguments, replaces the image's Cmd */
	struct strv entrypoint;
	struct strv environment;      /* NAME=value */
	struct strv environment_file; /* "-PATH": may be missing */
	const char *user, *group;
	const char *working_dir;
	const char *host_name;
	const char *name; /* ContainerName= */
	/* All of its networks, to `connections`. */
	struct strv aliases; /* NetworkAlias= */
	struct network_uses
		networks; /* empty: the default one; more than one: all of them .network */
	struct ip ip[FAMILY_COUNT]; /* IP=, IP6=: where it has one network */
	struct strv interfaces;     /* "eth1", "eth1:lan0": of the host */
	struct ports ports;
	uint64_t ingress_rate, egress_rate; /* bits per second; SIZE_UNSET: no limit */
	uint32_t connections;               /* ConnectionsMax=, 0: no limit */
	struct mounts mounts; /* Volume=, Tmpfs= and Mount= in the order of the file */
	bool read_only, read_only_tmpfs;
	uint64_t add_capability, drop_capability; /* bit per capability, "all" is every bit */
	bool no_new_privileges;
	const char *seccomp_profile; /* a path, "unconfined", or NULL: the default one */
	struct devices devices;
	struct userns_use userns;
	struct id_map uid_map, gid_map;
	struct rlimit_sets ulimits;
	struct quantity pids_limit;
	struct quantity memory;
	uint64_t shm_size;
	int stop_signal;       /* 0: the image's, else SIGTERM */
	uint64_t stop_timeout; /* TIME_INFINITY: never; 0 is kept */
	bool run_init;
	int notify; /* enum container_notify */
	struct health_check health, startup;
	int health_on_failure; /* enum health_action */
	struct strv reload_cmd;
	int reload_signal; /* 0: none */
	struct settings sysctls;
	struct strv mask, unmask;
	struct settings add_host; /* name -> address */
	struct strv dns;
	const char *timezone;
	struct secrets secrets;
	struct settings labels;
};

/*
 * What a process may ask the kernel for: each member that is not zero is part of one seccomp filter. A word of a list has
 * "~" before it when its line began with that.
 */
struct syscall_section {
	struct strv filter, log, architectures;
	struct strv address_families, namespaces;
	bool memory_deny_write_execute, restrict_realtime, restrict_suid_sgid, lock_personality;
};

/* [Service], for .service and .container */
struct service_section {
	int type; /* enum service_type */
	struct commands exec_start, exec_condition, exec_start_pre, exec_start_post;
	struct commands exec_stop, exec_stop_post, exec_reload;
	int restart;      /* enum restart */
	int restart_mode; /* enum restart_mode */
	uint64_t restart_sec, restart_max_delay;
	uint32_t restart_steps;
	uint64_t restart_extra;  /* up to so much longer, by chance */
	uint64_t restart_stable; /* up for so long, the delay starts anew */
	struct exit_set success_exit, restart_prevent, restart_force;
	uint64_t timeout_start, timeout_stop, timeout_abort; /* TIME_INFINITY: none */
	int timeout_start_mode, timeout_stop_mode;           /* enum failure_mode */
	uint64_t runtime_max, runtime_extra;
	int exit_type; /* enum exit_type */
	bool remain_after_exit;
	int kill_mode; /* enum kill_mode */
	int kill_signal;
	int restart_kill_signal; /* 0: as kill_signal */
	int final_kill_signal, watchdog_signal, reload_signal;
	bool send_sigkill, send_sighup;
	uint64_t watchdog;  /* 0: off */
	int notify_access;  /* enum notify_access */
	uint32_t notify_fd; /* NotifyFD=, 0: none */
	const char *user, *group;
	const char *working_directory;
	struct strv environment, environment_file;
	int stdin_kind; /* enum stdio_kind */
	struct output out, err;
	uint64_t log_interval;
	uint32_t log_burst; /* records in that time; 0: no limit */
	const char *tty_path;
	int nice; /* INT_UNSET: as it is */
	int oom_score_adjust;
	int oom_policy; /* enum oom_policy */
	struct rlimit_sets limits;
	/* cgroup v2 */
	struct quantity memory_min, memory_low, memory_high, memory_max, memory_swap_max;
	uint32_t cpu_weight; /* 0: unset; CPU_WEIGHT_IDLE */
	uint32_t cpu_quota;  /* thousandths of one CPU, 0: unset */
	uint64_t cpu_quota_period;
	struct quantity tasks_max;
	const char *allowed_cpus, *allowed_memory_nodes; /* a checked list of ranges */
	uint32_t io_weight;
	struct io_limits io_limits;
	struct devices device_allow;
	int device_policy;      /* enum device_policy */
	struct sandbox sandbox; /* of .service */
	struct spots landlock;  /* of both */
	bool learn;
	struct syscall_section syscalls;
	int syscall_error;   /* what is refused ends with it; 0: the process is killed */
	struct strv sockets; /* units whose descriptors it gets, besides those that start it */
	bool non_blocking;
	struct secrets credentials;
};

#define SOCKET_LISTEN_MAX 32u /* of one unit */
struct socket_section {
	struct listens listen;
	bool accept;
	uint32_t socket_mode, directory_mode;
	const char *user, *group;
	uint32_t backlog;
	int bind_ipv6_only; /* enum bind_ipv6_only */
	const char *bind_to_device;
	bool free_bind, reuse_port, keep_alive, no_delay;
	bool remove_on_stop, flush_pending, pass_credentials;
	struct strv symlinks;
	const char *fd_name; /* NULL: the name of the unit */
	const char *service; /* NULL: the one of the same stem */
	uint64_t trigger_interval;
	uint32_t trigger_burst; /* 0: no limit */
};

enum network_driver { DRIVER_BRIDGE, DRIVER_MACVLAN, DRIVER_IPVLAN };
struct network_section {
	int driver; /* enum network_driver */
	/* Not set: allocated, the first address, all. */
	struct subnet subnet[FAMILY_COUNT], ip_range[FAMILY_COUNT];
	struct ip gateway[FAMILY_COUNT];
	bool internal, uplink, host_access, port_security, disable_dns, ipv6;
	struct strv dns;
	const char *interface_name;
	struct settings options; /* mtu=, isolate= */
	struct strv interfaces;  /* of the host, ports of the bridge */
	uint32_t vlan;           /* of those, 0: all that they carry */
};

struct volume_section {
	const char *device, *type, *options;
	const char *user, *group;
};

enum trigger_base { ON_ACTIVE, ON_BOOT, ON_STARTUP, ON_UNIT_ACTIVE, ON_UNIT_INACTIVE, ON_CALENDAR };
struct trigger { /* one moment, or one each time: a span after `base`, or by the calendar */
	enum trigger_base base;
	uint64_t span;
	const struct calendar *calendar; /* ON_CALENDAR, else NULL */
};
struct triggers {
	struct trigger *v;
	size_t n;
};

struct timer_section {
	struct triggers triggers;
	const char *unit; /* NULL: the service or container of the same stem */
	uint64_t accuracy, random_delay;
	bool fixed_random_delay, persistent, on_clock_change, on_timezone_change;
	bool remain_after_elapse;
};

/* Its work is done by commands, so struct unit.service of it is that of a oneshot (mountunit.c). */
struct mount_section {
	const char *what, *where;
	const char *type, *options; /* NULL: found out; none */
	uint64_t timeout;           /* TIME_INFINITY: none */
	uint32_t directory_mode;
	bool lazy_unmount, force_unmount, read_write_only;
};

struct install_section {
	struct strv wanted_by, required_by, upheld_by;
	struct strv also, alias;
	const char *default_instance; /* of a template */
};

/* The sidecar of an image, read by the same parser with its own file kind. */
struct image_section {
	struct strv entrypoint, cmd;
	struct strv environment;
	const char *user, *working_dir;
	int stop_signal;
	struct health_check health;
	const char *root_hash; /* 64 hexadecimal digits; NULL: not verified */
	uint64_t hash_offset;  /* bytes: where the hash tree begins */
};

struct unit {
	const char *name; /* "web.container", below UNIT_NAME_MAX */
	enum unit_kind kind;
	const char *
		file; /* where it was found; NULL: made by the supervisor (sup0.network, default.target) */
	/* Why it cannot be started: the first fault of its files; NULL: it is sound. */
	const char *broken;
	bool masked;   /* by its file, which is empty or a link to /dev/null; broken says so, too */
	uint64_t text; /* digest of all its text, so that a reload knows what changed */
	uint64_t
		digest; /* the same, but that of before where no restart is needed: unit_changes_carry() */
	struct unit_section unit;
	struct container_section container;
	struct service_section service;
	struct network_section network;
	struct volume_section volume;
	struct timer_section timer;
	struct socket_section socket;
	struct mount_section mount;
	struct install_section install;
};

/* What a role runs: of [Service]; NULL where no key says it. MAIN is ExecStart=, which a .container has not. */
const struct commands *unit_commands(const struct unit *u, enum role role);
/* Which networks a container is on: the nth, NULL behind the last. Without Network= it is the default one. */
const struct network_use *unit_network(const struct unit *u, size_t nth);
/* Whether a .network has addresses of that family: IPv6 by IPv6= or Subnet=; IPv4 but where its one subnet is of IPv6. */
bool network_has(const struct unit *network, enum family family);
/* Of the first one. HOST, NONE and CONTAINER stand alone. */
enum network_mode unit_network_mode(const struct unit *u);
const char *unit_kind_name(enum unit_kind kind);
/* ".container, .service, ..." */
const char *unit_endings(void);
/* The kind from a file name's ending, or KIND_COUNT. */
enum unit_kind unit_kind_of(const char *name);
/* 0, or -1 when a name is empty, too long or has a character other than A-Za-z0-9:_.@\- . */
int unit_name_check(const char *name);
/* "/srv/my-data" -> "srv-my\x2ddata.mount", as systemd-escape(1) does; -1 when no name of a unit is so long. */
int unit_name_of_path(const char *path, enum unit_kind kind, char name[UNIT_NAME_MAX]);
/* "worker@.container" */
bool unit_name_is_template(const char *name);
/* "worker@1.container" -> "worker@.container"; -1 when it is no instance. */
int unit_name_template(const char *name, char template[UNIT_NAME_MAX]);

#endif
