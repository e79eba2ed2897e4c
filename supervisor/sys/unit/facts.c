/* What a plan is made of besides the unit: the host, the image, files, networks. Much of it is made here, for this start. */
#include "supervisor/sys/unit/facts.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/unit/image.h"
#include "supervisor/sys/unit/privatetmp.h"
#include "supervisor/sys/unit/userns.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENVIRONMENT_FILE_MAX 65536
#define FILES_PATH_MAX 128
#define TASKS_FILE "/proc/sys/kernel/threads-max"

/* ---- of the host ---- */

static int host_facts(struct facts *f, struct err *e)
{
	cleanup_fd int fd = open(TASKS_FILE, O_RDONLY | O_CLOEXEC);
	struct sysinfo info;
	char text[32];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	/* without proc(5) shares of it are refused; for want of a descriptor that would be the wrong word */
	if ((fd < 0 && errno != ENOENT) || n < 0)
		return err_set(e, TASKS_FILE);
	text[n] = '\0';
	f->tasks = strtoull(text, NULL, 10);
	if (sysinfo(&info) == 0)
		f->ram = (uint64_t)info.totalram * info.mem_unit;
	f->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	return 0;
}

/* ---- of the unit ---- */

/* 1: read, 0: optional and not there. */
static int read_environment(const char *path, const char **text, struct arena *a, struct err *e)
{
	bool optional = path[0] == '-';
	size_t n;

	*text = file_read(a, "EnvironmentFile=", path + optional, 0, ENVIRONMENT_FILE_MAX, &n, e);
	if (*text != NULL)
		return 1;
	return optional && e->no == ENOENT ? 0 : -1;
}

static int environment_facts(const struct unit *u, struct facts *f, struct arena *a, struct err *e)
{
	const struct strv *lists[] = { &u->container.environment_file,
		&u->service.environment_file };
	struct strv *texts = arena_alloc(a, sizeof(*texts));

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		for (size_t k = 0; k < lists[i]->n; k++) {
			const char *text = NULL;
			int got = read_environment(lists[i]->v[k], &text, a, e);

			if (got < 0)
				return -1;
			if (got > 0)
				strv_add(a, texts, text);
		}
	}
	f->environment_files = texts;
	return 0;
}

static int volume_facts(const struct unit *u, struct facts *f, struct arena *a, struct err *e)
{
	const struct mounts *mounts = &u->container.mounts;
	struct volume_path *v = arena_array(a, mounts->n + 1, sizeof(*v));

	for (size_t i = 0; i < mounts->n; i++) {
		char *path = arena_alloc(a, VOLUME_PATH_MAX);

		if (mounts->v[i].kind != MOUNT_VOLUME)
			continue;
		if (volume_path(mounts->v[i].source, path, e) < 0)
			return -1;
		v[f->n_volumes].name = mounts->v[i].source;
		v[f->n_volumes++].path = path;
	}
	f->volumes = v;
	return 0;
}

/* Image= or Rootfs=: where the root is on the host, and what the image says of itself. */
static int root_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	const char *rootfs = u->container.rootfs;
	struct image_section *defaults;

	if (rootfs != NULL) {
		f->root = arena_strndup(a, rootfs, strcspn(rootfs, ":"));
	} else {
		defaults = arena_alloc(a, sizeof(*defaults));
		if (image_mount(u->container.image, a, &f->root, defaults, e) < 0)
			return -1;
		f->image = defaults;
		inst->stop_signal = defaults->stop_signal;
		if (inst->image == NULL)
			inst->image = strdup(u->container.image);
	}
	return image_lacks_targets(f->root, u, a, &f->root_lacks_targets, e);
}

/* Of a container that runs, only what its image says is asked again. */
static int joined_facts(const struct unit *u, struct facts *f, struct arena *a, struct err *e)
{
	struct image_section *defaults = arena_alloc(a, sizeof(*defaults));

	if (u->container.image == NULL)
		return 0;
	if (image_mount(u->container.image, a, &f->root, defaults, e) < 0)
		return -1;
	f->image = defaults;
	return 0;
}

static void zone_facts(const struct unit *u, struct facts *f, struct arena *a)
{
	const char *zone = u->container.timezone;

	if (zone != NULL)
		f->zone_file = arena_printf(a, "%s/%s", "/usr/share/zoneinfo",
			strcmp(zone, "local") == 0 ? "localtime" : zone);
}

/*
 * Where another engine's container is the machine, the first refusal of the kernel would not say what is missing. A
 * user namespace of our own is no way around: mounts are made outside of it.
 */
static int may_contain(struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) == 0 &&
		(data[0].effective & 1U << CAP_SYS_ADMIN) == 0)
		return err_setx(e, "a container takes CAP_SYS_ADMIN, which sup was not given here");
	return 0;
}

static int container_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	char *files = arena_alloc(a, FILES_PATH_MAX);
	cleanup_fd int netns = -1;

	if (may_contain(e) < 0 || root_facts(inst, f, a, e) < 0 || volume_facts(u, f, a, e) < 0 ||
		ids_attach(inst, f, a, &netns, e) < 0 || network_prepare(inst, &netns, e) < 0 ||
		names_write(inst, files, FILES_PATH_MAX, e) < 0)
		return -1;
	f->files = files;
	ids_give(inst, f);
	zone_facts(u, f, a);
	return 0;
}

static bool wants_notify(const struct unit *u)
{
	return u->service.type == TYPE_NOTIFY || u->service.type == TYPE_NOTIFY_RELOAD ||
		u->service.watchdog != 0 || u->container.notify != NOTIFY_FALSE;
}

/* What ExecStop= and its kin learn of the main process, as systemd.exec(5) has it. */
static void outcome_facts(const struct instance *inst, struct facts *f, struct arena *a)
{
	const struct run *run = engine_run(inst->s->engine, inst->index);

	if (run->main_pid != 0)
		f->main_pid = arena_printf(a, "%d", run->main_pid);
	f->service_result = engine_result(inst->s->engine, inst->index);
	if (WIFSIGNALED(run->last_status)) {
		f->exit_code = "killed";
		f->exit_status = arena_printf(a, "%d", WTERMSIG(run->last_status));
	} else {
		f->exit_code = "exited";
		f->exit_status = arena_printf(a, "%d", WEXITSTATUS(run->last_status));
	}
}

/* $TRIGGER_UNIT and $TRIGGER_TIMER_REALTIME_USEC of systemd.exec(5). */
static void trigger_facts(const struct instance *inst, struct facts *f, struct arena *a)
{
	const struct supervisor *s = inst->s;
	uint32_t timer = engine_started_by(s->engine, inst->index);

	if (timer >= s->set->n)
		return;
	f->trigger_unit = unit_at(s, timer)->name;
	f->trigger_wall = arena_printf(a, "%llu",
		(unsigned long long)engine_timer(s->engine, timer).last_wall);
}

/* What the sandbox of a service needs to be there before its child begins. */
static int sandbox_facts(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	const struct sandbox *s = &u->service.sandbox;
	int fresh = -1;

	if (s->private_network && network_prepare(inst, &fresh, e) < 0)
		return -1;
	if (s->private_tmp && private_tmp_make(u->name, a, &f->private_tmp, e) < 0)
		return -1;
	/* a mount point that a child could not make in a tree that is read-only */
	if (u->kind == KIND_SERVICE && u->service.credentials.n > 0) {
		(void)mkdir(PATH_CREDENTIALS, 0755);
		(void)mkdir(arena_printf(a, "%s/%s", PATH_CREDENTIALS, u->name), 0755);
	}
	return 0;
}

/* ---- all of it ---- */

/* What enters the container is told which one by its first process. */
static int join_io(struct instance *inst, struct launch_io *io, struct facts *f, struct arena *a,
	struct err *e)
{
	struct process *main_process = process_find(inst->s, inst, ROLE_MAIN);

	if (main_process == NULL)
		return err_setx(e, "%s is not running", inst->unit);
	/* until then it has the host's files and ids, and so would who enters it; others are refused by the plan */
	if (!main_process->settled && unit_at(inst->s, inst->index)->kind == KIND_CONTAINER)
		return err_setx(e, "%s: its program is not executed yet", inst->unit);
	io->join = process_pidfd(main_process);
	io->userns = userns_of(main_process->run.pid, &f->ids, a, e);
	return io->userns == USERNS_UNKNOWN ? -1 : 0;
}

int facts_gather(struct instance *inst, enum role role, uint32_t number, struct facts *f,
	struct launch_io *io, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	*f = (struct facts){ 0 };
	if (host_facts(f, e) < 0)
		return -1;
	if (role != ROLE_MAIN)
		outcome_facts(inst, f, a);
	else
		socket_facts(inst->s, inst->index, false, f, a);
	trigger_facts(inst, f, a);
	if (wants_notify(u)) {
		if (notify_open(inst, e) < 0)
			return -1;
		f->notify_socket = arena_printf(a, "%s/%s", PATH_NOTIFY, u->name);
	}
	if (environment_facts(u, f, a, e) < 0 || seccomp_facts(&inst->s->filters, u, f, a, e) < 0)
		return -1;
	if (plan_joins(u, role, number))
		return join_io(inst, io, f, a, e) < 0 ? -1 : joined_facts(u, f, a, e);
	device_facts(u, f, a);
	if (sandbox_facts(inst, f, a, e) < 0)
		return -1;
	if (u->kind == KIND_CONTAINER && role == ROLE_MAIN)
		return container_facts(inst, f, a, e);
	return 0;
}

int facts_known(struct instance *inst, struct facts *f, struct arena *a, struct err *e)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	*f = (struct facts){ 0 };
	f->leases = &inst->s->leases;
	if (host_facts(f, e) < 0)
		return -1;
	socket_facts(inst->s, inst->index, true, f, a);
	device_facts(u, f, a);
	if (environment_facts(u, f, a, e) < 0 || seccomp_facts(&inst->s->filters, u, f, a, e) < 0)
		return -1;
	if (wants_notify(u))
		f->notify_socket = arena_printf(a, "%s/%s", PATH_NOTIFY, u->name);
	if (u->service.sandbox.private_tmp)
		f->private_tmp = arena_printf(a, "%s/%s", PATH_TMP, u->name);
	if (u->kind != KIND_CONTAINER)
		return 0;
	f->files = arena_printf(a, "%s/%s", PATH_FILES, u->name);
	zone_facts(u, f, a);
	if (root_facts(inst, f, a, e) < 0 || volume_facts(u, f, a, e) < 0)
		return -1;
	return ids_facts(inst, f, a, e);
}

const struct health_check *facts_image_health(const struct unit *u, enum role role, struct arena *a)
{
	struct facts f = { 0 };
	struct err ignored;

	if (role != ROLE_MAIN || u->kind != KIND_CONTAINER || joined_facts(u, &f, a, &ignored) < 0)
		return NULL;
	return f.image != NULL ? &f.image->health : NULL;
}
