/* A plan for people: one fact a line, its name first, in the order in which things happen. */
#include "supervisor/core/plan/plan_parts.h"

#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/names.h"

#include <linux/mount.h>
#include <sched.h>
#include <string.h>

#define COLUMN 14

static const char *const class_names[] = {
#define X(id, name) [CLASS_##id] = #id,
	MOUNT_CLASSES(X)
#undef X
};

static const char *const stdio_names[] = {
	[PLAN_STDIO_NULL] = "null",
	[PLAN_STDIO_LOG] = "log",
	[PLAN_STDIO_TTY] = "tty",
	[PLAN_STDIO_GIVEN] = "given",
	[PLAN_STDIO_INHERIT] = "inherited",
	[PLAN_STDIO_LOG_CONSOLE] = "log and console",
	[PLAN_STDIO_FILE] = "file",
	[PLAN_STDIO_APPEND] = "append to",
	[PLAN_STDIO_TRUNCATE] = "truncated",
};

static void label(struct text *t, const char *name)
{
	text_printf(t, "%-*s", COLUMN, name);
}

/* So that a value never makes a line of its own. */
static void escaped(struct text *t, const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '\\')
			text_printf(t, "\\x%02x", (unsigned int)(unsigned char)*s);
		else
			text_put(t, s, 1);
	}
}

static void line(struct text *t, const char *name, const char *value)
{
	if (value == NULL)
		return;
	label(t, name);
	escaped(t, value);
	text_puts(t, "\n");
}

static void yes(struct text *t, const char *name, bool value)
{
	if (value)
		line(t, name, "yes");
}

static void lower(struct text *t, const char *name)
{
	for (; *name != '\0'; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;

		text_put(t, &c, 1);
	}
}

/* ---- mounts ---- */

static void print_attributes(struct text *t, const struct mount_op *op)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {
		{ MOUNT_ATTR_RDONLY, "ro" },
		{ MOUNT_ATTR_NOSUID, "nosuid" },
		{ MOUNT_ATTR_NODEV, "nodev" },
		{ MOUNT_ATTR_NOEXEC, "noexec" },
	};
	static const struct {
		uint64_t bit;
		const char *name;
	} propagations[] = {
		{ MS_PRIVATE, "private" },
		{ MS_SLAVE, "slave" },
		{ MS_SHARED, "shared" },
	};
	const char *gap = " ";

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((op->attr & names[i].bit) != 0) {
			text_printf(t, "%s%s", gap, names[i].name);
			gap = ",";
		}
	if (op->mapped) {
		text_printf(t, "%sidmap", gap);
		gap = ",";
	}
	if (op->give) {
		text_printf(t, "%schown", gap);
		gap = ",";
	}
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
		if ((op->propagation & propagations[i].bit) != 0) {
			text_printf(t, "%s%s%s", gap, (op->propagation & MS_REC) != 0 ? "r" : "",
				propagations[i].name);
			gap = ",";
		}
	if (op->data != NULL)
		text_printf(t, "%s%s", gap, op->data);
}

static void from_to(struct text *t, const char *what, const struct mount_op *op)
{
	text_printf(t, "%s ", what);
	escaped(t, op->source);
	text_puts(t, " -> ");
	escaped(t, op->target);
}

static void at(struct text *t, const char *what, const struct mount_op *op)
{
	text_printf(t, "%s ", what);
	escaped(t, op->target);
}

static void print_mount(struct text *t, const struct mount_op *op)
{
	label(t, "mount");
	lower(t, class_names[op->cls]);
	text_puts(t, " ");
	switch (op->kind) {
	case OP_BIND:
		from_to(t, op->recursive ? "rbind" : "bind", op);
		break;
	case OP_OVERLAY:
		from_to(t, "overlay", op);
		break;
	case OP_FS:
		at(t, op->fstype, op);
		break;
	case OP_NODE:
		at(t, "node", op);
		text_printf(t, " %u:%u mode %04o", (unsigned int)(op->dev >> 8),
			(unsigned int)(op->dev & 0xff), op->mode);
		break;
	case OP_SYMLINK:
		at(t, "link", op);
		text_printf(t, " = %s", op->source);
		break;
	case OP_DIR:
		at(t, "folder", op);
		text_printf(t, " mode %04o", op->mode);
		break;
	case OP_FILE:
		at(t, "file", op);
		break;
	case OP_MASK:
		at(t, "hide", op);
		break;
	case OP_SECRET:
		from_to(t, "secret", op);
		break;
	case OP_ATTR:
		at(t, "set", op);
		break;
	}
	print_attributes(t, op);
	text_puts(t, op->optional ? " (if there)\n" : "\n");
}

/* ---- the rest ---- */

/* Of a process on the host's side. */
static void print_private(struct text *t, const struct plan *p)
{
	if (p->clone_flags == 0 && !p->own_network)
		return;
	label(t, "private");
	text_printf(t, "%s%s%s%s\n", p->root != NULL ? "mount " : "",
		(p->clone_flags & CLONE_NEWUTS) != 0 ? "uts " : "",
		(p->clone_flags & CLONE_NEWIPC) != 0 ? "ipc " : "",
		p->own_network ? "network" : "");
}

static void print_namespaces(struct text *t, const struct plan *p)
{
	label(t, "namespaces");
	text_printf(t, "%s%s%s%s\n",
		p->join ? "those of the running container" : "mount pid uts ipc",
		p->cgroup_ns && !p->join ? " cgroup" : "",
		p->join                  ? ""
			: p->own_network ? " network"
					 : "",
		p->ids != NULL && !p->join ? " user" : "");
}

static void print_map(struct text *t, const char *name, const struct id_map *map)
{
	label(t, name);
	id_map_put(t, map);
	text_puts(t, "\n");
}

static void print_ids(struct text *t, const struct plan *p)
{
	if (p->join)
		return;
	if (p->ids == NULL) {
		line(t, "no-user-ns", p->ids_why != NULL ? p->ids_why : "UserNS=host");
		return;
	}
	print_map(t, "uid-map", &p->ids->uid);
	print_map(t, "gid-map", &p->ids->gid);
}

void plan_put_capabilities(struct text *t, uint64_t set)
{
	if (set == 0)
		text_puts(t, "none");
	else if (set == CAPABILITY_ALL)
		text_puts(t, "all");
	for (int i = 0, n = 0; set != CAPABILITY_ALL && i < CAPABILITY_COUNT; i++)
		if ((set >> i & 1) != 0) {
			text_puts(t, n++ > 0 ? " " : "");
			lower(t, capability_text(i) + strlen("CAP_"));
		}
}

static void print_capabilities(struct text *t, const char *name, uint64_t set)
{
	label(t, name);
	plan_put_capabilities(t, set);
	text_puts(t, "\n");
}

static void put_limit(struct text *t, uint64_t value)
{
	if (value == SIZE_INFINITY)
		text_puts(t, "unlimited");
	else
		text_printf(t, "%llu", (unsigned long long)value);
}

static void print_id(struct text *t, const char *name, uint32_t id)
{
	if (id != SECRET_ID_UNSET)
		text_printf(t, " %s %u", name, id);
}

/* Where they come from and go to, never what they are. */
static void print_secrets(struct text *t, const struct plan *p)
{
	for (size_t i = 0; i < p->n_secrets; i++) {
		const struct plan_secret *s = &p->secrets[i];

		if (p->join && s->file != NULL)
			continue;
		label(t, "secret");
		escaped(t, s->source != NULL ? s->source : s->name);
		text_puts(t, s->file != NULL ? " -> " : " -> $");
		escaped(t, s->target);
		if (s->file != NULL)
			text_printf(t, " mode %04o", s->mode);
		print_id(t, "uid", s->uid);
		print_id(t, "gid", s->gid);
		text_puts(t, "\n");
	}
}

static void print_limits(struct text *t, const struct plan *p)
{
	for (size_t i = 0; i < p->n_cgroup; i++) {
		label(t, "cgroup");
		text_printf(t, "%s = ", p->cgroup[i].file);
		escaped(t, p->cgroup[i].value);
		text_printf(t, " (%s%s)\n", p->cgroup[i].key,
			p->cgroup[i].optional ? ", where the kernel has it" : "");
	}
	for (size_t i = 0; i < p->n_sysctls; i++) {
		label(t, "sysctl");
		text_printf(t, "%s = ", p->sysctls[i].path);
		escaped(t, p->sysctls[i].value);
		text_puts(t, "\n");
	}
	for (size_t i = 0; i < p->n_rlimits; i++) {
		label(t, "rlimit");
		text_printf(t, "%s ", rlimit_text(p->rlimits[i].resource));
		put_limit(t, p->rlimits[i].soft);
		text_puts(t, ":");
		put_limit(t, p->rlimits[i].hard);
		text_puts(t, "\n");
	}
}

void plan_put_device(struct text *t, const struct device_rule *r)
{
	text_printf(t, "%s %u:", r->block ? "block" : "char", r->major);
	if (r->minor == DEVICE_ANY)
		text_puts(t, "*");
	else
		text_printf(t, "%u", r->minor);
	text_printf(t, " %s%s%s", (r->access & DEVICE_READ) != 0 ? "r" : "",
		(r->access & DEVICE_WRITE) != 0 ? "w" : "",
		(r->access & DEVICE_MKNOD) != 0 ? "m" : "");
}

static void print_devices(struct text *t, const struct plan *p)
{
	if (p->device_control == DEVICES_LISTED && p->devices.n == 0)
		line(t, "device", "none");
	for (size_t i = 0; p->device_control == DEVICES_LISTED && i < p->devices.n; i++) {
		label(t, "device");
		plan_put_device(t, &p->devices.v[i]);
		text_puts(t, "\n");
	}
}

static void print_number(struct text *t, const char *name, int value)
{
	if (value == INT_UNSET)
		return;
	label(t, name);
	text_printf(t, "%d\n", value);
}

static void print_landlock(struct text *t, const struct plan *p)
{
	static const char words[][8] = { "read", "write", "bind", "connect" };

	for (size_t i = 0; i < p->n_landlock; i++) {
		const struct spot *s = &p->landlock[i];

		label(t, "landlock");
		text_printf(t, "%s ", words[s->kind]);
		if (s->path != NULL)
			escaped(t, s->path);
		else if (s->port > 0)
			text_printf(t, "%d", s->port);
		else
			text_puts(t, s->port == PORT_ANY ? "any" : "none");
		text_puts(t, s->optional ? " (if there)\n" : "\n");
	}
}

static void print_program(struct text *t, const struct seccomp_program *program)
{
	if (program->n == 0)
		text_puts(t, " (left out: the kernel has no filters)\n");
	else
		text_printf(t, " (%u rules, %u instructions)\n", program->n_rules, program->n);
}

static void print_seccomp(struct text *t, const struct plan *p)
{
	if (p->profile_name != NULL) {
		label(t, "seccomp");
		escaped(t, p->profile_name);
		if (strcmp(p->profile_name, "unconfined") == 0)
			text_puts(t, "\n");
		else
			print_program(t, &p->profile);
	}
	yes(t, "learn", p->learn);
	if (p->filter_keys == NULL)
		return;
	for (const char *s = p->filter_keys; *s != '\0'; s = strchr(s, '\n') + 1) {
		label(t, "seccomp");
		text_put(t, s, strcspn(s, "\n") + 1);
	}
	label(t, "seccomp");
	text_puts(t, "these keys");
	print_program(t, &p->filter);
}

static void print_identity(struct text *t, const struct plan *p)
{
	print_number(t, "nice", p->nice);
	print_number(t, "oom-score", p->oom_score_adjust);
	line(t, "user", p->user != NULL ? p->user : "0");
	line(t, "group", p->group);
	print_capabilities(t, "capabilities", p->capabilities);
	if (p->ambient != 0)
		print_capabilities(t, "ambient", p->ambient);
	yes(t, "no-new-privs", p->no_new_privileges);
	print_landlock(t, p);
	print_seccomp(t, p);
}

static void print_stdio(struct text *t, const char *name, enum plan_stdio kind, const char *path)
{
	label(t, name);
	text_puts(t, stdio_names[kind]);
	if (path != NULL) {
		text_puts(t, " ");
		escaped(t, path);
	}
	text_puts(t, "\n");
}

static void print_command(struct text *t, const struct plan *p)
{
	label(t, "directory");
	escaped(t, p->working_dir);
	text_puts(t, p->working_dir_optional ? " (if there)\n" : "\n");
	line(t, "program", p->path);
	for (char *const *s = p->argv; s != NULL && *s != NULL; s++)
		line(t, "arg", *s);
	for (char *const *s = p->envp; s != NULL && *s != NULL; s++)
		line(t, "env",
			*s == p->home                 ? "HOME= (the user's)"
				: *s == p->listen_pid ? "LISTEN_PID= (its own)"
						      : *s);
	print_stdio(t, "stdin", p->in, p->in == PLAN_STDIO_TTY ? p->tty : NULL);
	print_stdio(t, "stdout", p->out, p->out == PLAN_STDIO_TTY ? p->tty : p->out_path);
	print_stdio(t, "stderr", p->err, p->err == PLAN_STDIO_TTY ? p->tty : p->err_path);
	if (p->log_interval != 0 && p->log_burst != 0) {
		label(t, "log-limit");
		text_printf(t, "%u lines in ", p->log_burst);
		number_put_time(t, p->log_interval);
		text_puts(t, "\n");
	}
	if (p->notify_fd != 0) {
		label(t, "notify-fd");
		text_printf(t, "%d\n", p->notify_fd);
	}
	for (size_t i = 0; i < p->n_passed; i++) {
		label(t, "fd");
		text_printf(t, "%zu: listen %s %s", i + 3, p->passed[i].unit,
			p->passed[i].any ? "*:" : "");
		escaped(t, p->passed[i].address);
		text_puts(t, p->non_blocking ? " non-blocking\n" : "\n");
	}
	yes(t, "terminal", p->terminal);
}

static void print_check(struct text *t, const struct health_check *c)
{
	label(t, "check");
	text_puts(t, "every ");
	number_put_time(t, c->interval);
	text_puts(t, ", within ");
	number_put_time(t, c->timeout);
	if (c->retries != 0)
		text_printf(t, ", %u failures", c->retries);
	if (c->start_period != 0) {
		text_puts(t, " after the first ");
		number_put_time(t, c->start_period);
	}
	if (c->success > 1)
		text_printf(t, ", %u successes", c->success);
	text_puts(t, "\n");
}

static void print_plan(struct text *t, const struct plan *p)
{
	line(t, "unit", p->unit);
	line(t, "role", p->startup ? "HealthStartupCmd" : role_name(p->role));
	if (p->check != NULL)
		print_check(t, p->check);
	if (p->container) {
		print_namespaces(t, p);
		print_ids(t, p);
		line(t, "hostname", p->host_name);
		line(t, "root", p->root);
		yes(t, "init", p->run_init);
		text_puts(t, p->network != NULL ? p->network : "");
	} else {
		print_private(t, p);
	}
	for (size_t i = 0; i < p->n_mounts; i++)
		print_mount(t, &p->mounts[i]);
	print_secrets(t, p);
	print_limits(t, p);
	print_devices(t, p);
	print_identity(t, p);
	print_command(t, p);
}

const char *plan_print(const struct plan *p, struct arena *arena)
{
	struct text t = { 0 };

	print_plan(&t, p);
	t = (struct text){ arena_alloc(arena, t.len + 1), t.len + 1, 0 };
	print_plan(&t, p);
	return t.buf;
}
