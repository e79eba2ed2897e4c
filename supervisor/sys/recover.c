/*
 * A supervisor starts where another one died: services run, the roster names them. What cannot be taken over is
 * ended, and said, so that no service ever runs twice; then everything starts as at boot.
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/paths.h"
#include "supervisor/sys/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RECOVER_US (10 * USEC_PER_SEC)
#define RECOVER_POLL_MS 2

/* A LIVE slot's pid cannot be another's: init, the only reaper, has not reaped it. */
static void kill_slot(const struct roster_slot *slot)
{
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, slot->pid, 0);

	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* Slots beyond the last page that was ever written are free, and a look at one would give it memory (lseek(2)). */
static size_t slots_used(void)
{
	off_t end = 0, data;

	while ((data = lseek(ROSTER_FD, end, SEEK_DATA)) >= 0)
		if ((end = lseek(ROSTER_FD, data, SEEK_HOLE)) < 0)
			return ROSTER_SLOTS;
	if (errno != ENXIO || (size_t)end >= sizeof(struct roster))
		return ROSTER_SLOTS;
	return (size_t)end / sizeof(struct roster_slot) + 1;
}

static size_t clear_roster(struct supervisor *s, bool first)
{
	size_t alive = 0, used = slots_used();

	for (size_t i = 0; i < used; i++) {
		struct roster_slot *slot = &s->launcher.roster->slot[i];
		uint32_t state = atomic_load(&slot->state);

		if (state == SLOT_LIVE) {
			alive++;
			if (first) {
				slot->unit[sizeof(slot->unit) - 1] = '\0';
				journal(s, LOG_LEVEL_WARNING, NULL,
					"%s: its process %d is left of an earlier supervisor and is ended",
					slot->unit, slot->pid);
				kill_slot(slot);
			}
		} else if (state != SLOT_FREE) {
			atomic_store(&slot->state, SLOT_FREE);
		}
	}
	return alive;
}

static void each_cgroup(struct supervisor *s, int (*act)(int base, const char *unit, struct err *e))
{
	int copy = openat(s->launcher.cgroup_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;
	struct err ignored;

	if (d == NULL) {
		fd_close(&copy);
		return;
	}
	while ((entry = readdir(d)) != NULL)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			(void)act(s->launcher.cgroup_fd, entry->d_name, &ignored);
	(void)closedir(d);
}

/* An image is mounted again by the first unit that needs it. */
static void unmount_images(void)
{
	cleanup_fd int dir = open(PATH_MOUNTED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = dir >= 0 ? fdopendir(dir) : NULL;
	struct dirent *entry;

	if (d == NULL)
		return;
	(void)fd_take(&dir); /* closedir's now */
	while ((entry = readdir(d)) != NULL) {
		char path[sizeof(PATH_MOUNTED) + sizeof(entry->d_name) + 1];

		(void)snprintf(path, sizeof(path), "%s/%s", PATH_MOUNTED, entry->d_name);
		if (entry->d_name[0] != '.' && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			(void)rmdir(path);
	}
	(void)closedir(d);
}

static bool keep_nothing(const void *ctx, const char *unit)
{
	(void)ctx;
	(void)unit;
	return false;
}

void recover(struct supervisor *s)
{
	uint64_t until = now_us() + RECOVER_US;
	size_t alive = clear_roster(s, true);
	struct err e;

	if (s->launcher.cgroup_fd >= 0)
		each_cgroup(s, cgroup_kill);
	while (alive > 0 && now_us() < until) {
		/* the roster tells; the wire stays readable until the loop runs, so it cannot pace this */
		(void)poll(NULL, 0, RECOVER_POLL_MS);
		alive = clear_roster(s, false);
	}
	if (alive > 0)
		journal(s, LOG_LEVEL_ERROR, NULL,
			"%zu processes of an earlier supervisor survive SIGKILL", alive);
	if (s->launcher.cgroup_fd >= 0)
		each_cgroup(s, cgroup_remove);
	unmount_images();
	if (net_sweep(&s->net, keep_nothing, NULL, &e) < 0)
		journal(s, LOG_LEVEL_WARNING, NULL, "%s", e.msg);
}
