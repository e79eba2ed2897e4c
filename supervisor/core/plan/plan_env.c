/* The environment: nothing is inherited, each entry has a reason. */
#include "supervisor/core/plan/plan_parts.h"

#include "common/paths.h"
#include "supervisor/core/text.h"

#include <string.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static size_t name_length(const char *assignment)
{
	return strcspn(assignment, "=");
}

void env_set(struct arena *a, struct strv *env, const char *assignment)
{
	size_t len = name_length(assignment);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], assignment, len) == 0 && env->v[i][len] == '=') {
			env->v[i] = assignment;
			return;
		}
	strv_add(a, env, assignment);
}

const char *env_get(char *const *env, const char *name, size_t len)
{
	for (; env != NULL && *env != NULL; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static bool is_name(const char *s, size_t n)
{
	return n > 0 && strspn(s, "_" ALPHANUMERIC) >= n && (s[0] < '0' || s[0] > '9');
}

/* ---- EnvironmentFile= ---- */

/* A value that is being read: `keep` characters of it stay even if they are blanks at the end. */
struct value {
	char *buf;
	size_t n, keep;
};

static void value_put(struct value *v, char c)
{
	v->buf[v->n++] = c;
}

/* From behind the opening quote to behind the closing one, or to the end of the text. */
static const char *read_quoted(struct value *v, const char *s, char quote)
{
	for (; *s != '\0' && *s != quote; s++) {
		if (quote == '\'' || s[0] != '\\' || s[1] == '\0') {
			value_put(v, *s);
			continue;
		}
		s++;
		/* A backslash protects what a shell would read, joins lines, and is itself elsewhere. */
		if (strchr("\"\\`$\n", *s) == NULL)
			value_put(v, '\\');
		if (*s != '\n')
			value_put(v, *s);
	}
	v->keep = v->n;
	return *s == quote ? s + 1 : s;
}

static const char *read_value(struct value *v, const char *s)
{
	while (*s != '\0' && *s != '\n') {
		if (*s == '"' || *s == '\'') {
			s = read_quoted(v, s + 1, *s);
		} else if (s[0] == '\\' && s[1] != '\0') {
			if (s[1] != '\n')
				value_put(v, s[1]);
			v->keep = v->n;
			s += 2;
		} else {
			value_put(v, *s++);
		}
	}
	while (v->n > v->keep && strchr(" \t\r", v->buf[v->n - 1]) != NULL)
		v->n--;
	v->buf[v->n] = '\0';
	return s;
}

void env_add_text(struct arena *a, struct strv *env, const char *text)
{
	const char *s = text;

	while (*(s += strspn(s, " \t\r\n")) != '\0') {
		size_t len = strcspn(s, "=\n");
		struct value v = { 0 };
		size_t name = len;

		if (strchr("#;", *s) != NULL || s[len] != '=') {
			s += strcspn(s, "\n");
			continue;
		}
		while (name > 0 && strchr(" \t", s[name - 1]) != NULL)
			name--;
		/* The assignment is never longer than the text that is left. */
		v.buf = arena_alloc(a, strlen(s) + 1);
		memcpy(v.buf, s, name);
		v.buf[name] = '=';
		v.n = v.keep = name + 1;
		s += len + 1;
		s = read_value(&v, s + strspn(s, " \t"));
		if (is_name(v.buf, name))
			env_set(a, env, v.buf);
	}
}

/* ---- what a process gets ---- */

static void add_all(struct planner *pl, struct strv *env, const struct strv *assignments)
{
	for (size_t i = 0; i < assignments->n; i++)
		if (strchr(assignments->v[i], '=') != NULL)
			env_set(pl->arena, env, assignments->v[i]);
}

static void add_files(struct planner *pl, struct strv *env)
{
	const struct strv *texts = pl->facts->environment_files;

	for (size_t i = 0; texts != NULL && i < texts->n; i++)
		env_add_text(pl->arena, env, texts->v[i]);
}

static void add_if(struct planner *pl, struct strv *env, const char *name, const char *value)
{
	if (value != NULL)
		env_set(pl->arena, env, arena_printf(pl->arena, "%s=%s", name, value));
}

/* What sd_notify(3) and sd_watchdog_enabled(3) read; last, so that no file can break the protocol. */
static void add_protocol(struct planner *pl, struct strv *env, const char *notify_socket)
{
	add_if(pl, env, "NOTIFY_SOCKET", notify_socket);
	if (notify_socket != NULL && pl->u->service.watchdog != 0 &&
		pl->u->service.watchdog != TIME_INFINITY)
		add_if(pl, env, "WATCHDOG_USEC",
			arena_printf(pl->arena, "%llu",
				(unsigned long long)pl->u->service.watchdog));
}

/* What sd_listen_fds(3) reads. */
static void add_passed(struct planner *pl, struct strv *env)
{
	struct plan *p = pl->p;
	struct text t = { 0 };

	if (p->n_passed == 0)
		return;
	/* once to measure, once to write */
	for (int pass = 0; pass < 2; pass++) {
		t.len = 0;
		text_puts(&t, "LISTEN_FDNAMES=");
		for (size_t i = 0; i < p->n_passed; i++)
			text_printf(&t, "%s%s", i > 0 ? ":" : "", p->passed[i].name);
		if (pass == 0)
			t = (struct text){ arena_alloc(pl->arena, t.len + 1), t.len + 1, 0 };
	}
	add_if(pl, env, "LISTEN_FDS", arena_printf(pl->arena, "%zu", p->n_passed));
	env_set(pl->arena, env, t.buf);
	p->listen_pid = arena_strdup(pl->arena, PLAN_LISTEN_PID);
	env_set(pl->arena, env, p->listen_pid);
}

/* What the child completes: no text of the unit or of a file has the last word on it. */
static void add_secrets(struct planner *pl, struct strv *env)
{
	const struct secrets *list = &pl->u->container.secrets;

	for (size_t i = 0; pl->p->container && i < list->n; i++)
		if (list->v[i].kind == SECRET_ENV)
			add_if(pl, env, list->v[i].target, "");
	if (pl->u->service.credentials.n > 0)
		add_if(pl, env, "CREDENTIALS_DIRECTORY",
			arena_printf(pl->arena, PATH_CREDENTIALS "/%s", pl->u->name));
}

static void add_home(struct planner *pl, struct strv *env)
{
	if (env_get((char *const *)env->v, "HOME", 4) != NULL)
		return;
	pl->p->home = arena_alloc(pl->arena, PLAN_HOME_MAX);
	memcpy(pl->p->home, "HOME=", sizeof("HOME="));
	strv_add(pl->arena, env, pl->p->home);
}

static void finish(struct planner *pl, struct strv *env)
{
	pl->p->envp = (char *const *)env->v;
}

void plan_environment_inside(struct planner *pl)
{
	const struct container_section *c = &pl->u->container;
	struct strv env = { 0 };

	env_set(pl->arena, &env, DEFAULT_PATH);
	add_if(pl, &env, "HOSTNAME", pl->p->host_name);
	if (pl->p->terminal || pl->p->in == PLAN_STDIO_TTY)
		env_set(pl->arena, &env, "TERM=xterm");
	if (pl->facts->image != NULL)
		add_all(pl, &env, &pl->facts->image->environment);
	/* As podman run(1) has it: --env wins over --env-file. */
	add_files(pl, &env);
	add_all(pl, &env, &c->environment);
	add_secrets(pl, &env);
	env_set(pl->arena, &env, "container=sup");
	if (pl->p->role == ROLE_MAIN)
		add_protocol(pl, &env,
			pl->facts->notify_socket != NULL ? PLAN_NOTIFY_INSIDE : NULL);
	add_passed(pl, &env);
	add_home(pl, &env);
	finish(pl, &env);
}

void plan_environment_host(struct planner *pl)
{
	const struct service_section *s = &pl->u->service;
	struct strv env = { 0 };

	env_set(pl->arena, &env, DEFAULT_PATH);
	if (pl->p->in == PLAN_STDIO_TTY)
		env_set(pl->arena, &env,
			strncmp(pl->p->tty, "/dev/tty", 8) == 0 && pl->p->tty[8] >= '0' &&
					pl->p->tty[8] <= '9'
				? "TERM=linux"
				: "TERM=vt220");
	add_if(pl, &env, "USER", pl->p->user);
	add_if(pl, &env, "LOGNAME", pl->p->user);
	/* As systemd.exec(5) has it: a file wins over Environment=. */
	add_all(pl, &env, &s->environment);
	add_files(pl, &env);
	add_secrets(pl, &env);
	add_if(pl, &env, "TRIGGER_UNIT", pl->facts->trigger_unit);
	add_if(pl, &env, "TRIGGER_TIMER_REALTIME_USEC", pl->facts->trigger_wall);
	add_if(pl, &env, "MAINPID", pl->facts->main_pid);
	add_if(pl, &env, "SERVICE_RESULT", pl->facts->service_result);
	add_if(pl, &env, "EXIT_CODE", pl->facts->exit_code);
	add_if(pl, &env, "EXIT_STATUS", pl->facts->exit_status);
	add_protocol(pl, &env, pl->facts->notify_socket);
	add_passed(pl, &env);
	if (pl->p->user != NULL)
		add_home(pl, &env);
	finish(pl, &env);
}
