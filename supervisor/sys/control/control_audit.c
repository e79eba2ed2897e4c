/*
 * What a unit's process has: from the host's /proc and its cgroup alone, by one descriptor of its folder, so that all is of
 * one process. No path is followed that leads through the container.
 */
#include "common/fd.h"
#include "common/jsontext.h"
#include "common/paths.h"
#include "supervisor/core/plan/audit.h"
#include "supervisor/sys/control/control.h"

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

/* The text, at most `most` bytes of it, without the last line's end; "" when it cannot be read. */
static char *read_text(int dir, const char *path, size_t most, struct arena *a)
{
	cleanup_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = arena_alloc(a, most + 1);
	size_t used = 0;
	ssize_t n = 1;

	while (fd >= 0 && used < most && n > 0) {
		n = read(fd, text + used, most - used);
		used += n > 0 ? (size_t)n : 0;
	}
	while (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return text;
}

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
	const char *value = read_text(dir, file, VALUE_TEXT_MAX, a);

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

static json_t *view(const struct audit *audit, const char *unit, int pid)
{
	json_t *rows = json_array(), *advice = json_array();

	for (size_t i = 0; i < audit->n_rows; i++) {
		const struct audit_row *r = &audit->rows[i];
		json_t *row = json_pack("{sssosb}", "what", r->what, "has", json_text(r->has),
			"differs", (int)r->differs);

		if (r->declared != NULL)
			(void)json_object_set_new(row, "declared", json_text(r->declared));
		(void)json_array_append_new(rows, row);
	}
	for (size_t i = 0; i < audit->advice.n; i++)
		(void)json_array_append_new(advice, json_text(audit->advice.v[i]));
	return json_pack("{sosisosIso}", "unit", json_text(unit), "pid", pid, "rows", rows, "more",
		(json_int_t)audit->more, "advice", advice);
}

/* What is there now; -1 when the process is gone. */
static int look(struct audit_facts *f, const struct plan *p, struct device_cache *devices, int proc,
	struct arena *a)
{
	cleanup_fd int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*f = (struct audit_facts){
		.status = read_text(proc, "status", STATUS_MAX, a),
		.uid_map = read_text(proc, "uid_map", MAP_TEXT_MAX, a),
		.gid_map = read_text(proc, "gid_map", MAP_TEXT_MAX, a),
		.own_status = read_text(self, "status", STATUS_MAX, a),
		.own_uid_map = read_text(self, "uid_map", MAP_TEXT_MAX, a),
		.own_gid_map = read_text(self, "gid_map", MAP_TEXT_MAX, a),
		.mountinfo = read_text(proc, "mountinfo", MOUNTINFO_MAX, a),
		.descriptors = count_descriptors(proc),
	};
	read_namespaces(proc, f->ns);
	read_namespaces(self, f->host_ns);
	read_cgroup(f, p, devices, a);
	return f->status[0] != '\0' ? 0 : -1;
}

static int audit_unit(struct supervisor *s, uint32_t index, struct arena *a, json_t **answer,
	struct err *e)
{
	const struct unit *u = unit_at(s, index);
	const struct process *main_process = s->instances[index] != NULL
		? process_find(s, s->instances[index], ROLE_MAIN)
		: NULL;
	struct audit_facts facts;
	cleanup_fd int proc = -1;
	struct audit audit;
	struct plan plan;
	int which;

	if (main_process == NULL)
		return err_setx(e, "%s is not running", u->name);
	/* until then it still is a copy of the supervisor on its way */
	if (!main_process->settled)
		return err_setx(e, "%s: its program is not executed yet", u->name);
	if (plan_now(s, index, &plan, a, e) < 0)
		return -1;
	proc = open_process(main_process->run.pid, plan.run_init, &which);
	if (proc < 0 || look(&facts, &plan, &s->launcher.devices, proc, a) < 0)
		return err_setx(e, "%s: its process %d has just ended", u->name, which);
	audit_make(&audit, u, &plan, &facts, a);
	*answer = view(&audit, u->name, which);
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
		varlink_error(c, "Failed", json_pack("{so}", "reason", json_text(e.msg)));
	arena_free(&a);
}
