#include "init/unmount.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>

#include "common/mountinfo.h"
#include "common/util.h"
#include "init/file.h"

#define MOUNTINFO_MAX 65536
#define MOUNTS_MAX 512

/* Nothing of these is on a disk, and /proc and /dev are needed to the end. */
static const char *const in_memory[] = {
	"bpf",
	"cgroup",
	"cgroup2",
	"configfs",
	"debugfs",
	"devpts",
	"devtmpfs",
	"mqueue",
	"proc",
	"pstore",
	"ramfs",
	"rootfs",
	"sysfs",
	"securityfs",
	"tmpfs",
	"tracefs",
};

static bool is_in_memory(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(in_memory); i++)
		if (strcmp(type, in_memory[i]) == 0)
			return true;
	return false;
}

static void close_one(const char *place, const struct console *c)
{
	if (strcmp(place, "/") != 0 && umount2(place, UMOUNT_NOFOLLOW) == 0)
		return;
	if (mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		console_say(c, "%s: neither unmounted nor made read-only: %m", place);
}

void unmount_all(const struct console *c)
{
	char info[MOUNTINFO_MAX];
	const char *places[MOUNTS_MAX];
	size_t count = 0;
	char *rest = info;
	struct mountinfo m;

	if (file_read("/proc/self/mountinfo", info, sizeof(info)) < 0) {
		console_say(c, "/proc/self/mountinfo: %m, disks are written but not unmounted");
		return;
	}
	while (count < MOUNTS_MAX && mountinfo_next(&rest, &m))
		if (!is_in_memory(m.type))
			places[count++] = m.place;
	while (count > 0)
		close_one(places[--count], c);
}
