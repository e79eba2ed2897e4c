#include "init/unmount.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>

#include "common/util.h"
#include "init/file.h"
#include "init/text.h"

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

/* Blanks and backslashes stand as three octal digits in mountinfo. */
static void decode(char *path)
{
	char *to = path;

	while (*path != '\0') {
		if (path[0] == '\\' && path[1] != '\0' && path[2] != '\0' && path[3] != '\0') {
			*to++ = (char)((path[1] - '0') << 6 | (path[2] - '0') << 3 |
				(path[3] - '0'));
			path += 4;
		} else {
			*to++ = *path++;
		}
	}
	*to = '\0';
}

/* proc_pid_mountinfo(5): the fifth word is the place, the type follows the word "-". */
static char *parse(char *line)
{
	char *type = strstr(line, " - ");
	char *place = NULL;

	if (type == NULL)
		return NULL;
	type += 3;
	for (int i = 0; i < 5; i++)
		place = text_word(&line);
	type = text_word(&type);
	if (place == NULL || type == NULL || is_in_memory(type))
		return NULL;
	decode(place);
	return place;
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
	char *places[MOUNTS_MAX];
	size_t count = 0;
	char *rest = info;
	char *line;

	if (file_read("/proc/self/mountinfo", info, sizeof(info)) < 0) {
		console_say(c, "/proc/self/mountinfo: %m, disks are written but not unmounted");
		return;
	}
	while (count < MOUNTS_MAX && (line = text_line(&rest)) != NULL) {
		places[count] = parse(line);
		if (places[count] != NULL)
			count++;
	}
	while (count > 0)
		close_one(places[--count], c);
}
