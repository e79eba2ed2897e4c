/*
 * What a unit's process has: from the host's /proc and its cgroup alone, by one descriptor of its folder, so that all is of
 * one process. No path is followed that leads through the container.
 */
#include "common/fd.h"
#include "common/jsontext.h"
#include "common/paths.h"
#include "supervisor/core/plan/audit.h"
#include "supervisor/sys/control/control.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/unit/learn.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STATUS_MAX 8192
#define MAP_TEXT_MAX 4096
#define MOUNTINFO_MAX (128 * 1024)
#define VALUE_TEXT_MAX 256

static void read_namespaces(int proc, uint64_t ns[NS_COUNT])
{
	static const char *const paths[] = {
#define X(name, flag) [NS_##name] = "ns/" #name,
		NAMESPACES(X)
#undef X
	};
	struct stat st;

	for (size_t i = 0; i < NS_COUNT; i++)
		ns[i] = fstatat(proc, paths[i], &st, 0) == 0 ? st.st_ino : 0;
}

static uint32_t count_descriptors(int proc)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	uint32_t n = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return 0;
	}
	for (const struct dirent *d; (d = readdir(dir)) != NULL;)
		n += d->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

/* The program is the first child of a container's init, which has adopted all others later. */
static int open_process(int pid, bool run_init, int *which)
{
	char path[64], children[32] = "";
	cleanup_fd int list = -1;

	*which = pid;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (run_init && (list = open(path, O_RDONLY | O_CLOEXEC)) >= 0 &&
		read(list, children, sizeof(children) - 1) > 0)
		*which = (int)strtol(children, NULL, 10);
	(void)snprintf(path, sizeof(path), "/proc/%d", *which);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* NULL: it is not there. */
static const char *read_value(int dir, const char *file, struct arena *a)
{
	const char *value = file_text(dir, file, VALUE_TEXT_MAX, a);

	return value[0] != '\0' ? value : NULL;
}

static void read_cgroup(struct audit_facts *f, const struct plan *p, struct device_cache *devices,
	struct arena *a)
{
	const char **values = arena_array(a, p->n_cgroup + 1, sizeof(*values));
	char path[sizeof(PATH_CGROUP_UNITS) + UNIT_NAME_MAX + 1];
	cleanup_fd int dir = -1;

	f->cgroup = values;
	(void)snprintf(path, sizeof(path), "%s/%s", PATH_CGROUP_UNITS, p->unit);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	for (size_t i = 0; i < p->n_cgroup; i++)
		values[i] = read_value(dir, p->cgroup[i].file, a);
	f->memory_max = read_value(dir, "memory.max", a);
	f->devices = devices_look(devices, p, dir);
}

static json_t *view_texts(const struct strv *texts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts->n; i++)
		(void)json_array_append_new(list, json_text(texts->v[i]));
	return list;
}

/* null: it does not learn. */
static json_t *view_learned(const struct unit *u, const struct plan *p, struct arena *a)
{
	struct strv lines = { 0 }, calls = { 0 };
	struct learn_since since = { 0 };
	struct learned learned;
	struct err e;
	json_t *view;
	bool known;

	if (!u->service.learn)
		return json_null();
	known = learn_read(u->name, &learned, &since, a, &e) == 0;
	if (known) {
		lines = learned_lines(&learned, p, a);
		calls = learned_names(&learned, a);
	}
	view = json_build("{sIsIsIsoso}", "starts", (json_int_t)since.starts, "since",
		(json_int_t)since.since, "lost", (json_int_t)learned.lost, "calls",
		view_texts(&calls), "lines", view_texts(&lines));
	if (!known)
		(void)json_object_set_new(view, "why", json_text(e.msg));
	return view;
}

static json_t *view(const struct audit *audit, const char *unit, int pid)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < audit->n_rows; i++) {
		const struct audit_row *r = &audit->rows[i];
		(void)json_array_append_new(rows,
			json_build("{sssssbss*}", "what", r->what, "has", r->has, "differs",
				(int)r->differs, "declared", r->declared));
	}
	return json_build("{sssisosIso}", "unit", unit, "pid", pid, "rows", rows, "more",
		(json_int_t)audit->more, "advice", view_texts(&audit->advice));
}

/* What is there now; -1 when the process is gone. */
static int look(struct audit_facts *f, const struct plan *p, struct device_cache *devices, int proc,
	struct arena *a)
{
	cleanup_fd int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*f = (struct audit_facts){
		.status = file_text(proc, "status", STATUS_MAX, a),
		.uid_map = file_text(proc, "uid_map", MAP_TEXT_MAX, a),
		.gid_map = file_text(proc, "gid_map", MAP_TEXT_MAX, a),
		.own_status = file_text(self, "status", STATUS_MAX, a),
		.own_uid_map = file_text(self, "uid_map", MAP_TEXT_MAX, a),
		.own_gid_map = file_text(self, "gid_map", MAP_TEXT_MAX, a),
		.mountinfo = file_text(proc, "mountinfo", MOUNTINFO_MAX, a),
		.descriptors = count_descriptors(proc),
	};
	read_namespaces(proc, f->ns);
	read_namespaces(self, f->host_ns);
	read_cgroup(f, p, devices, a);
	return f->status[0] != '\0' ? 0 : -1;
}

static int audit_process(const struct unit *u, const struct process *process,
	const struct plan *plan, struct arena *a, struct audit *audit, struct err *e)
{
	struct audit_facts facts;
	cleanup_fd int proc = -1;
	int which;

	/* until then it still is a copy of the supervisor on its way */
	if (!process->settled)
		return err_setx(e, "%s: its program is not executed yet", u->name);
	proc = open_process(process->run.pid, plan->run_init, &which);
	if (proc < 0 || look(&facts, plan, &process->s->launcher.devices, proc, a) < 0)
		return err_setx(e, "%s: its process %d has just ended", u->name, which);
	audit_make(audit, u, plan, &facts, a);
	return which;
}

/* Of one that does not run there still is what it has shown before. */
static int audit_unit(struct supervisor *s, uint32_t index, struct arena *a, json_t **answer,
	struct err *e)
{
	const struct unit *u = unit_at(s, index);
	const struct process *process = s->instances[index] != NULL
		? process_find(s, s->instances[index], ROLE_MAIN)
		: NULL;
	struct audit audit = { 0 };
	struct plan plan;
	int which = 0;

	if (process == NULL && (!u->service.learn || u->broken != NULL))
		return err_setx(e, "%s is not running", u->name);
	if (plan_now(s, index, &plan, a, e) < 0)
		return -1;
	if (process != NULL && (which = audit_process(u, process, &plan, a, &audit, e)) < 0)
		return -1;
	*answer = view(&audit, u->name, which);
	(void)json_object_set_new(*answer, "learned", view_learned(u, &plan, a));
	return 0;
}

void control_audit(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	int index = control_unit(c, s, parameters);
	struct arena a = { 0 };
	json_t *answer = NULL;
	struct err e;

	rest_soon(s);
	if (index < 0)
		return;
	if (audit_unit(s, (uint32_t)index, &a, &answer, &e) == 0)
		varlink_reply(c, answer, false);
	else
		varlink_error(c, "Failed", json_build("{ss}", "reason", e.msg));
	arena_free(&a);
}
