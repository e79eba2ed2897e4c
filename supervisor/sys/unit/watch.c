/*
 * What the kernel says of a unit's cgroup: no process left (cgroup.events), somebody killed for memory
 * (memory.events). One inotify descriptor for all units; both files are documented to notify it (cgroup-v2).
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/sys/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

static struct instance *find_watched(struct supervisor *s, int watch)
{
	for (size_t i = 0; i < s->set->n && watch >= 0; i++) {
		struct instance *inst = s->instances[i];

		if (inst != NULL &&
			(inst->watch_cgroup == watch || inst->watch_memory == watch ||
				inst->watch_bridge == watch))
			return inst;
	}
	return NULL;
}

/* Events were lost: whatever they said is looked up. */
static void check_all(struct supervisor *s)
{
	names_changed(s);
	reconcile_forwarding(s);
	for (size_t i = 0; i < s->set->n; i++) {
		if (s->instances[i] != NULL)
			watch_check_oom(s->instances[i]);
		if (s->instances[i] != NULL)
			watch_check_empty(s->instances[i]);
	}
}

static void on_change(uv_poll_t *poll, int status, int events)
{
	struct supervisor *s = poll->data;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	(void)status;
	(void)events;
	processes_reap(s); /* exits before the emptiness they cause */
	while ((n = read(s->watch, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(buf + at);
			struct instance *inst = find_watched(s, event->wd);

			names_host_changed(s, event);
			at += (ssize_t)(sizeof(*event) + event->len);
			if ((event->mask & IN_Q_OVERFLOW) != 0)
				check_all(s);
			if (inst == NULL)
				continue;
			if (event->wd == inst->watch_bridge)
				reconcile_forwarding(s);
			else if (event->wd == inst->watch_memory)
				watch_check_oom(inst);
			else
				watch_check_empty(inst);
		}
	}
}

/*
 * init holds it, too: what changes while there is no supervisor is told to the next one, and whoever closes the last
 * descriptor waits in the kernel for some 20 ms (fsnotify_destroy_group()), which would be before init learns of our end.
 */
int watch_open(struct supervisor *s, struct err *e)
{
	int rc;

	s->watch = held_take(s, "watch", "inotify");
	if (s->watch < 0) {
		s->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (s->watch < 0)
			return err_set(e, "inotify");
		if (link_hold(&s->link, "watch", "inotify", s->watch, e) < 0)
			return -1;
	}
	s->watch_poll.data = s;
	rc = listen_start(&s->loop, &s->watch_poll, s->watch, UV_READABLE, on_change);
	return rc == 0 ? 0 : err_set_no(e, -rc, "listen to inotify");
}

static int watch_file(const struct instance *inst, const char *file)
{
	char path[sizeof(PATH_CGROUP_UNITS) + UNIT_NAME_MAX + 32];
	int wd;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", PATH_CGROUP_UNITS, inst->unit, file);
	wd = inotify_add_watch(inst->s->watch, path, IN_MODIFY);
	/* ENOENT: this kernel does not count that */
	if (wd < 0 && errno != ENOENT)
		journal(inst->s, LOG_LEVEL_WARNING, inst->unit,
			"watch %s: %s; its end may be seen late (fs.inotify.max_user_watches?)",
			path, strerror(errno));
	return wd;
}

void watch_unit(struct instance *inst)
{
	if (inst->s->launcher.cgroup_fd < 0)
		return;
	if (inst->watch_cgroup < 0)
		inst->watch_cgroup = watch_file(inst, "cgroup.events");
	if (inst->watch_memory < 0)
		inst->watch_memory = watch_file(inst, "memory.events");
}

static void drop(const struct instance *inst, int *watch)
{
	if (*watch >= 0)
		(void)inotify_rm_watch(inst->s->watch, *watch);
	*watch = -1;
}

/* The file is another one when the bridge is. Where there is none it cannot be switched either. */
void watch_bridge(struct instance *inst)
{
	char path[sizeof("/proc/sys/net/ipv4/conf//route_localnet") + IF_NAME_MAX];
	int now;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet",
		inst->bridge.name);
	now = inotify_add_watch(inst->s->watch, path, IN_MODIFY);
	if (now != inst->watch_bridge)
		drop(inst, &inst->watch_bridge);
	inst->watch_bridge = now;
}

void watch_drop(struct instance *inst)
{
	drop(inst, &inst->watch_cgroup);
	drop(inst, &inst->watch_memory);
	drop(inst, &inst->watch_bridge);
}

/* A number in one of its cgroup's files; 0: there is none. */
static uint64_t look(const struct instance *inst, const char *file, const char *field)
{
	struct err ignored;
	uint64_t value = 0;
	cleanup_fd int fd = inst->s->launcher.cgroup_fd < 0
		? -1
		: cgroup_events_open(inst->s->launcher.cgroup_fd, inst->unit, file, &ignored);

	if (fd >= 0)
		(void)cgroup_events_read(fd, field, &value);
	return value;
}

bool watch_is_populated(const struct instance *inst)
{
	return look(inst, "cgroup.events", "populated") != 0;
}

void watch_check_empty(struct instance *inst)
{
	struct event event = { .kind = EV_EMPTY, .unit = inst->index };

	if (inst->n_processes == 0 && !watch_is_populated(inst))
		supervise(inst->s, &event);
}

void watch_check_oom(struct instance *inst)
{
	struct event event = { .kind = EV_OOM, .unit = inst->index };
	uint64_t kills = inst->released ? 0 : look(inst, "memory.events", "oom_kill");

	if (kills <= inst->oom_kills)
		return;
	inst->oom_kills = kills;
	supervise(inst->s, &event);
}
