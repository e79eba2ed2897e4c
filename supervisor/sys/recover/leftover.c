#include "supervisor/sys/recover/leftover.h"

#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/unit/image.h"
#include "supervisor/sys/unit/privatetmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GONE_US (10 * USEC_PER_SEC)
#define BREATH_MS 1

void breathe(void)
{
	(void)poll(NULL, 0, BREATH_MS);
}

/* ---- processes */

/* Slots beyond the last page that was ever written are free, and a look at one would give it memory (lseek(2)). */
size_t roster_used(const struct supervisor *s)
{
	off_t end = 0, data;

	(void)s;
	while ((data = lseek(ROSTER_FD, end, SEEK_DATA)) >= 0)
		if ((end = lseek(ROSTER_FD, data, SEEK_HOLE)) < 0)
			return ROSTER_SLOTS;
	if (errno != ENXIO || (size_t)end >= sizeof(struct roster))
		return ROSTER_SLOTS;
	return (size_t)end / sizeof(struct roster_slot) + 1;
}

/* A LIVE slot's pid cannot be another's: init, the only reaper, has not reaped it. */
static void kill_slot(const struct roster_slot *slot)
{
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, slot->pid, 0);

	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

void leftover_slot(struct supervisor *s, struct roster_slot *slot)
{
	process_unhold(s, (uint32_t)(slot - s->launcher.roster->slot));
	if (atomic_load(&slot->state) != SLOT_LIVE) {
		atomic_store(&slot->state, SLOT_FREE);
		return;
	}
	slot->unit[sizeof(slot->unit) - 1] = '\0';
	if (slot->begun && slot->role != ROLE_EXEC)
		journal(s, LOG_LEVEL_WARNING, NULL,
			"%s: its process %d is left of an earlier supervisor and is ended",
			slot->unit, slot->pid);
	kill_slot(slot);
	slot->role = ROLE_COUNT; /* nobody's any more */
}

/* Frees those that have ended; returns how many have not. */
static size_t take_ended(struct supervisor *s)
{
	size_t alive = 0, used = roster_used(s);

	for (size_t i = 0; i < used; i++) {
		struct roster_slot *slot = &s->launcher.roster->slot[i];
		uint32_t state = atomic_load(&slot->state);

		if (state == SLOT_FREE || slot->role != ROLE_COUNT)
			continue;
		if (state == SLOT_EXITED) {
			atomic_store(&slot->state, SLOT_FREE);
			continue;
		}
		kill_slot(slot); /* again: there may have been no descriptor for it */
		alive++;
	}
	return alive;
}

/* The roster tells; the wire stays readable until the loop runs, so it cannot pace this. */
static void wait_gone(struct supervisor *s)
{
	uint64_t until = now_us() + GONE_US;
	size_t alive = take_ended(s);

	while (alive > 0 && now_us() < until) {
		breathe();
		alive = take_ended(s);
	}
	if (alive > 0)
		journal(s, LOG_LEVEL_ERROR, NULL,
			"%zu processes of an earlier supervisor survive SIGKILL", alive);
}

/* ---- folders whose entries have the names of units, or of images */

static const struct instance *instance_of(const struct supervisor *s, const char *unit)
{
	int index = s->instances != NULL ? unit_set_find(s->set, unit) : -1;

	return index >= 0 ? s->instances[index] : NULL;
}

typedef void entry_fn(struct supervisor *s, int dir, const char *name);

/* Takes the descriptor. */
static void each_entry(struct supervisor *s, int dir, entry_fn *act)
{
	DIR *d = dir >= 0 ? fdopendir(dir) : NULL;
	struct dirent *entry;

	if (d == NULL) {
		fd_close(&dir);
		return;
	}
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			act(s, dirfd(d), entry->d_name);
	(void)closedir(d);
}

static int open_folder(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Plain files of the cgroup itself are no cgroups, and fail as such. */
static void kill_cgroup(struct supervisor *s, int dir, const char *name)
{
	struct err ignored;

	(void)dir;
	if (unit_kind_of(name) >= 0 && instance_of(s, name) == NULL)
		(void)cgroup_kill(s->launcher.cgroup_fd, name, &ignored);
}

static void remove_cgroup(struct supervisor *s, int dir, const char *name)
{
	uint64_t until = now_us() + GONE_US;
	struct err e;

	(void)dir;
	if (unit_kind_of(name) < 0 || instance_of(s, name) != NULL)
		return;
	while (cgroup_remove(s->launcher.cgroup_fd, name, &e) < 0 && e.no == EBUSY &&
		now_us() < until)
		breathe();
}

static bool image_is_used(const struct supervisor *s, const char *name)
{
	for (size_t i = 0; s->instances != NULL && i < s->set->n; i++)
		if (s->instances[i] != NULL && s->instances[i]->image != NULL &&
			image_is_mounted_as(s->instances[i]->image, name))
			return true;
	return false;
}

/* An image is mounted again by the first unit that needs it. */
static void unmount_image(struct supervisor *s, int dir, const char *name)
{
	char path[sizeof(PATH_MOUNTED) + NAME_MAX + 2];

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_MOUNTED, name);
	if (!image_is_used(s, name) && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		(void)unlinkat(dir, name, AT_REMOVEDIR);
}

static void remove_notify(struct supervisor *s, int dir, const char *name)
{
	const struct instance *inst = instance_of(s, name);

	if (inst == NULL || inst->notify < 0)
		(void)unlinkat(dir, name, 0);
}

static void remove_tmp(struct supervisor *s, int dir, const char *name)
{
	(void)dir;
	if (instance_of(s, name) == NULL)
		private_tmp_release(name);
}

/* ---- all of it */

static bool keep_interface(const void *ctx, const char *unit)
{
	const struct instance *inst = instance_of(ctx, unit);

	return inst != NULL && (inst->n_attached > 0 || inst->bridge_up);
}

void leftovers(struct supervisor *s)
{
	struct err e;

	if (s->launcher.cgroup_fd >= 0)
		each_entry(s, open_folder(PATH_CGROUP_UNITS), kill_cgroup);
	wait_gone(s);
	if (s->launcher.cgroup_fd >= 0)
		each_entry(s, open_folder(PATH_CGROUP_UNITS), remove_cgroup);
	each_entry(s, open_folder(PATH_MOUNTED), unmount_image);
	each_entry(s, open_folder(PATH_NOTIFY), remove_notify);
	each_entry(s, open_folder(PATH_TMP), remove_tmp);
	if (net_sweep(&s->net, keep_interface, s, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, NULL, &e);
}
