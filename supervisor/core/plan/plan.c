#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"
#include "supervisor/core/engine/health.h"
#include "supervisor/core/seccomp/profile.h"
#include "supervisor/core/unit/names.h"

#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* Podman's. */
const uint64_t plan_default_capabilities = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) |
	CAP(FSETID) | CAP(KILL) | CAP(NET_BIND_SERVICE) | CAP(SETFCAP) | CAP(SETGID) |
	CAP(SETPCAP) | CAP(SETUID) | CAP(SYS_CHROOT);

/* ---- what both sides share ---- */

static void plan_stdio(struct planner *pl)
{
	static const enum plan_stdio known[] = {
		[STDIO_UNSET] = PLAN_STDIO_LOG,
		[STDIO_NULL] = PLAN_STDIO_NULL,
		[STDIO_TTY] = PLAN_STDIO_TTY,
		[STDIO_LOG] = PLAN_STDIO_LOG,
		[STDIO_LOG_CONSOLE] = PLAN_STDIO_LOG_CONSOLE,
		[STDIO_FILE] = PLAN_STDIO_FILE,
		[STDIO_APPEND] = PLAN_STDIO_APPEND,
		[STDIO_TRUNCATE] = PLAN_STDIO_TRUNCATE,
	};
	const struct service_section *s = &pl->u->service;
	struct plan *p = pl->p;

	p->in = s->stdin_kind == STDIO_TTY ? PLAN_STDIO_TTY : PLAN_STDIO_NULL;
	/* systemd.exec(5): output inherits from input, errors from output, which they do unasked. */
	p->out = s->out.kind == STDIO_INHERIT ? p->in : known[s->out.kind];
	p->log_interval = s->log_interval;
	p->log_burst = s->log_burst;
	p->out_path = s->out.path;
	if (s->err.kind == STDIO_INHERIT || s->err.kind == STDIO_UNSET) {
		p->err = p->out;
		p->err_path = p->out_path;
	} else {
		p->err = known[s->err.kind];
		p->err_path = s->err.path;
	}
	p->tty = s->tty_path != NULL ? s->tty_path : "/dev/console";
}

static void set_rlimit(struct planner *pl, struct rlimit_sets *list, const struct rlimit_set *set)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].resource == set->resource) {
			list->v[i] = *set;
			return;
		}
	*LIST_ADD(pl->arena, list) = *set;
}

/*
 * What systemd gives: the supervisor's own limit is far higher, and programs that walk over all possible descriptors
 * would walk long.
 */
static const struct rlimit_set default_files = { RLIMIT_NOFILE, 1024, 524288, true };

static void plan_limits(struct planner *pl, bool inside)
{
	const struct service_section *s = &pl->u->service;
	const struct rlimit_sets *own = &pl->u->container.ulimits;
	struct rlimit_sets list = { 0 };

	set_rlimit(pl, &list, &default_files);
	for (size_t i = 0; i < s->limits.n; i++)
		set_rlimit(pl, &list, &s->limits.v[i]);
	for (size_t i = 0; inside && i < own->n; i++)
		set_rlimit(pl, &list, &own->v[i]);
	pl->p->rlimits = list.v;
	pl->p->n_rlimits = list.n;
	pl->p->nice = s->nice;
	pl->p->oom_score_adjust = s->oom_score_adjust;
}

static int plan_passed(struct planner *pl)
{
	struct plan *p = pl->p;

	if (p->role != ROLE_MAIN || pl->facts->n_passed == 0)
		return 0;
	if (pl->facts->n_passed > PASSED_FDS_MAX)
		return err_setx(pl->e, "its sockets have more than %u descriptors", PASSED_FDS_MAX);
	if (p->notify_fd != 0 && (size_t)p->notify_fd < pl->facts->n_passed + 3)
		return err_setx(pl->e,
			"NotifyFD=%d is the number of a socket's descriptor: say %zu or more",
			p->notify_fd, pl->facts->n_passed + 3);
	p->passed = pl->facts->passed;
	p->n_passed = pl->facts->n_passed;
	p->non_blocking = pl->u->service.non_blocking;
	return 0;
}

static void plan_begin(struct planner *pl, enum role role)
{
	*pl->p = (struct plan){ .unit = pl->u->name, .role = role };
	if (role == ROLE_MAIN)
		pl->p->notify_fd = (int)pl->u->service.notify_fd;
}

/* ---- inside ---- */

bool plan_is_root(const char *user)
{
	size_t n = user != NULL ? strcspn(user, ":") : 0;

	return n == 0 || (n == 1 && user[0] == '0') || (n == 4 && strncmp(user, "root", 4) == 0);
}

/* As podman run(1): DropCapability=all leaves what is added, otherwise what is dropped is gone. */
uint64_t plan_container_capabilities(const struct container_section *c)
{
	return c->drop_capability == CAPABILITY_ALL
		? c->add_capability
		: (plan_default_capabilities | c->add_capability) & ~c->drop_capability;
}

/* What enters it by an operator's hand is not of the unit. */
static void plan_filter(struct planner *pl)
{
	pl->p->learn = pl->u->service.learn && pl->p->role != ROLE_EXEC;
	if (!seccomp_has_keys(&pl->u->service))
		return;
	pl->p->filter = pl->facts->filter;
	pl->p->filter_keys = seccomp_keys(pl->u, pl->arena);
}

static void plan_identity(struct planner *pl)
{
	const struct container_section *c = &pl->u->container;
	const struct image_section *image = pl->facts->image;
	struct plan *p = pl->p;

	p->user = c->user != NULL ? c->user : image != NULL ? image->user : NULL;
	p->group = c->group;
	p->capabilities = plan_container_capabilities(c);
	p->ambient = plan_is_root(p->user) ? 0 : c->add_capability & p->capabilities;
	p->no_new_privileges = c->no_new_privileges;
	plan_landlock(pl);
	p->profile = pl->facts->profile;
	p->profile_name = c->seccomp_profile != NULL ? c->seccomp_profile : "default";
	plan_filter(pl);
	p->working_dir = c->working_dir != NULL ? c->working_dir
		: image != NULL && image->working_dir != NULL && image->working_dir[0] != '\0'
		? image->working_dir
		: "/";
}

static const char *host_name(struct planner *pl)
{
	const struct container_section *c = &pl->u->container;
	const char *name = pl->u->name;

	if (c->host_name != NULL)
		return c->host_name;
	if (unit_network_mode(pl->u) == NETWORK_HOST && pl->facts->machine_hostname != NULL)
		return pl->facts->machine_hostname;
	return arena_strndup(pl->arena, name, (size_t)(strrchr(name, '.') - name));
}

/* What the namespaces of the container keep apart; any other would change the machine. */
static bool is_namespaced(const char *path, bool own_network)
{
	static const char *const own[] = { "kernel/domainname", "kernel/msgmax", "kernel/msgmnb",
		"kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni",
		"kernel/shm_rmid_forced" };

	if (strncmp(path, "fs/mqueue/", 10) == 0)
		return true;
	if (strncmp(path, "net/", 4) == 0)
		return own_network;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(path, own[i]) == 0)
			return true;
	return false;
}

/* As in sysctl.d(5): when the first separator is a dot, dots and slashes change places. */
static const char *sysctl_path(struct planner *pl, const char *name)
{
	char *path = arena_strdup(pl->arena, name);

	if (name[strcspn(name, "./")] == '.')
		for (char *s = path; *s != '\0'; s++)
			*s = *s == '.' ? '/' : *s == '/' ? '.' : *s;
	return path;
}

static int plan_sysctls(struct planner *pl)
{
	const struct settings *list = &pl->u->container.sysctls;
	struct plan *p = pl->p;

	p->sysctls = arena_array(pl->arena, list->n, sizeof(*p->sysctls));
	for (size_t i = 0; i < list->n; i++) {
		const char *path = sysctl_path(pl, list->v[i].name);

		if (path[0] == '/' || strstr(path, "..") != NULL ||
			!is_namespaced(path, p->own_network))
			return err_setx(pl->e, "Sysctl=%s: a container has none of its own%s",
				list->v[i].name,
				strncmp(path, "net/", 4) == 0 ? " with Network=host" : "");
		p->sysctls[p->n_sysctls++] = (struct sysctl_write){ path, list->v[i].value };
	}
	return 0;
}

static int plan_container(struct planner *pl)
{
	const struct container_section *c = &pl->u->container;
	struct plan *p = pl->p;

	if (pl->facts->root == NULL)
		return err_setx(pl->e, "no root: neither Image= nor Rootfs= is set");
	p->root = pl->facts->root;
	p->container = true;
	p->own_network = unit_network_mode(pl->u) != NETWORK_HOST;
	/* The kept network namespace is entered, the cgroup namespace is made once the cgroup is known. */
	p->clone_flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
	p->cgroup_ns = true;
	p->ids = pl->facts->ids;
	p->ids_why = pl->facts->ids_why;
	p->run_init = c->run_init;
	p->host_name = host_name(pl);
	plan_stdio(pl);
	plan_identity(pl);
	plan_limits(pl, true);
	if (plan_passed(pl) < 0)
		return -1;
	plan_devices(pl);
	plan_environment_inside(pl);
	if (plan_argv_inside(pl) < 0 || plan_sysctls(pl) < 0 || plan_mounts(pl) < 0)
		return -1;
	return plan_cgroup(pl);
}

/* ---- the host side ---- */

/* Upon the host's mounts, or those of the sandbox: what nobody else is to see. */
static int add_secrets(struct planner *pl)
{
	struct plan *p = pl->p;
	struct mount_op *secrets, *all;
	size_t n;

	if (plan_secrets(pl, &secrets, &n) < 0)
		return -1;
	if (n == 0)
		return 0;
	all = arena_array(pl->arena, p->n_mounts + n, sizeof(*all));
	if (p->n_mounts > 0)
		memcpy(all, p->mounts, p->n_mounts * sizeof(*all));
	memcpy(all + p->n_mounts, secrets, n * sizeof(*all));
	p->mounts = all;
	p->n_mounts += n;
	p->clone_flags |= CLONE_NEWNS;
	return 0;
}

static int plan_host(struct planner *pl, uint32_t index)
{
	const struct service_section *s = &pl->u->service;
	enum role role = pl->p->role;
	const struct commands *list = unit_commands(pl->u, role);
	const char *dir = s->working_directory != NULL ? s->working_directory : "/";
	struct plan *p = pl->p;
	const struct command *cmd;

	if (list == NULL)
		return err_setx(pl->e, "%s: not done here", role_name(role));
	if (index >= list->n)
		return err_setx(pl->e, "%s has no command number %u",
			role == ROLE_MAIN ? "ExecStart" : role_name(role), index + 1);
	cmd = &list->v[index];
	plan_stdio(pl);
	if (!cmd->privileged && !cmd->keeps_user) {
		p->user = s->user;
		p->group = s->group;
	}
	p->capabilities = CAPABILITY_ALL;
	if (!cmd->privileged)
		plan_sandbox(pl);
	if (!cmd->privileged &&
		pl->u->kind == KIND_SERVICE) { /* a container's are for what runs inside */
		plan_filter(pl);
		plan_landlock(pl);
	}
	p->working_dir_optional = dir[0] == '-';
	p->working_dir = dir + p->working_dir_optional;
	plan_limits(pl, false);
	if (plan_passed(pl) < 0)
		return -1;
	plan_devices(pl);
	plan_environment_host(pl);
	plan_argv_host(pl, cmd);
	return add_secrets(pl) < 0 ? -1 : plan_cgroup(pl);
}

/* ---- inside of one that runs */

static int plan_join(struct planner *pl, const struct strv *argv)
{
	struct plan *p = pl->p;
	struct mount_op *mounts; /* are there already */
	size_t n;

	if (pl->u->kind != KIND_CONTAINER)
		return err_setx(pl->e, "%s is a %s: only containers can be entered", pl->u->name,
			unit_kind_name(pl->u->kind));
	if (argv->n == 0 || argv->v[0][0] == '\0')
		return err_setx(pl->e, "%s: no command to run", pl->u->name);
	p->container = true;
	p->join = true;
	p->own_network = unit_network_mode(pl->u) != NETWORK_HOST;
	p->cgroup_ns = true;
	p->ids = pl->facts->ids;
	p->host_name = host_name(pl);
	plan_identity(pl);
	plan_limits(pl, true);
	plan_environment_inside(pl);
	p->path = argv->v[0];
	p->argv = (char *const *)argv->v;
	return plan_secrets(pl, &mounts, &n);
}

static int plan_health(struct planner *pl, uint32_t index)
{
	const struct container_section *c = &pl->u->container;
	const struct health_check *image = pl->facts->image != NULL ? &pl->facts->image->health
								    : NULL;
	struct health_check *check = arena_alloc(pl->arena, sizeof(*check));
	const struct strv *cmd = &check->cmd;

	*check = health_times(c, image, (enum check)index);
	if (index == CHECK_HEALTH && cmd->n == 0 && image != NULL)
		cmd = &image->cmd;
	pl->p->check = check;
	pl->p->startup = index == CHECK_STARTUP;
	pl->p->in = PLAN_STDIO_NULL;
	pl->p->out = pl->p->err = PLAN_STDIO_GIVEN;
	return plan_join(pl, cmd);
}

static int plan_reload_inside(struct planner *pl)
{
	pl->p->in = PLAN_STDIO_NULL;
	pl->p->out = pl->p->err = PLAN_STDIO_LOG;
	return plan_join(pl, &pl->u->container.reload_cmd);
}

bool plan_joins(const struct unit *u, enum role role, uint32_t index)
{
	return role == ROLE_HEALTH || role == ROLE_EXEC ||
		(role == ROLE_RELOAD && u->kind == KIND_CONTAINER &&
			index == u->service.exec_reload.n);
}

int plan_unit(struct plan *p, const struct unit *u, enum role role, uint32_t index,
	const struct facts *facts, struct arena *arena, struct err *e)
{
	struct planner pl = { .u = u, .facts = facts, .arena = arena, .p = p, .e = e };

	if (u->kind != KIND_CONTAINER && u->kind != KIND_SERVICE && u->kind != KIND_MOUNT)
		return err_setx(e, "%s is a %s: nothing is started for it", u->name,
			unit_kind_name(u->kind));
	plan_begin(&pl, role);
	if (role == ROLE_HEALTH)
		return plan_health(&pl, index);
	if (plan_joins(u, role, index))
		return plan_reload_inside(&pl);
	if (role == ROLE_MAIN && u->kind == KIND_CONTAINER)
		return plan_container(&pl);
	return plan_host(&pl, index);
}

int plan_exec(struct plan *p, const struct unit *u, char *const *argv, bool terminal,
	const struct facts *facts, struct arena *arena, struct err *e)
{
	struct planner pl = { .u = u, .facts = facts, .arena = arena, .p = p, .e = e };
	struct strv words = { .v = (const char **)(uintptr_t)argv };

	while (argv[words.n] != NULL)
		words.n++;
	plan_begin(&pl, ROLE_EXEC);
	p->terminal = terminal;
	p->in = p->out = p->err = PLAN_STDIO_GIVEN;
	return plan_join(&pl, &words);
}

/* Those of ReloadCmd= and of the health checks that there are. */
static bool is_there(const struct unit *u, const struct facts *facts, enum role role,
	uint32_t index)
{
	const struct health_check *image = facts->image != NULL ? &facts->image->health : NULL;

	if (role == ROLE_RELOAD)
		return u->container.reload_cmd.n > 0;
	return health_has(&u->container, image, image != NULL && health_is_set(image),
		(enum check)index);
}

const char *plan_all(const struct unit *u, const struct facts *facts, struct arena *arena,
	struct err *e)
{
	const struct {
		enum role role;
		uint32_t index;
	} more[] = {
		{ ROLE_RELOAD, (uint32_t)u->service.exec_reload.n },
		{ ROLE_HEALTH, CHECK_STARTUP },
		{ ROLE_HEALTH, CHECK_HEALTH },
	};
	struct plan p;
	struct planner pl = { .u = u, .facts = facts, .arena = arena, .p = &p, .e = e };
	const char *text;

	if (u->kind == KIND_NETWORK) {
		plan_network(&pl);
		return arena_printf(arena, "unit          %s\n%s", u->name, p.network);
	}
	if (plan_unit(&p, u, ROLE_MAIN, 0, facts, arena, e) < 0)
		return NULL;
	if (u->kind == KIND_CONTAINER)
		plan_network(&pl);
	text = plan_print(&p, arena);
	for (size_t i = 0; u->kind == KIND_CONTAINER && i < ARRAY_LEN(more); i++) {
		if (!is_there(u, facts, more[i].role, more[i].index))
			continue;
		if (plan_unit(&p, u, more[i].role, more[i].index, facts, arena, e) < 0)
			return NULL;
		text = arena_printf(arena, "%s\n%s", text, plan_print(&p, arena));
	}
	return text;
}
