#include "init/cgroups.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "common/paths.h"
#include "init/file.h"
#include "init/text.h"

#define GROUP_INIT PATH_CGROUP "/init"
#define CONTROLLERS_MAX 512

static void say_failed(const struct console *c, const char *what, const char *object)
{
	if (c->device)
		console_say(c, "%s %s: %m, going on without", what, object);
}

static void make_group(const char *path, const struct console *c)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		say_failed(c, "mkdir", path);
}

/* One write for each controller: one that is refused must not cost the others. */
static void hand_down(const char *controllers, const char *control, const struct console *c)
{
	char list[CONTROLLERS_MAX];
	char order[64];
	char *rest = list;
	char *name;
	struct text t;

	if (file_read(controllers, list, sizeof(list)) < 0) {
		say_failed(c, "read", controllers);
		return;
	}
	while ((name = text_word(&rest)) != NULL) {
		text_init(&t, order, sizeof(order));
		text_format(&t, "+%s", name);
		if (file_write(control, order) < 0)
			say_failed(c, "enable cgroup controller", name);
	}
}

static bool is_ours(void)
{
	struct statfs fs;

	return statfs(PATH_CGROUP, &fs) == 0 && (unsigned int)fs.f_type == CGROUP2_SUPER_MAGIC;
}

void cgroups_make(const struct console *c)
{
	if (!is_ours()) { /* nothing, or version 1, of whoever mounted it */
		if (c->device)
			console_say(c, "%s is not of cgroup v2, going on without", PATH_CGROUP);
		return;
	}
	make_group(GROUP_INIT, c);
	/* First out of the root: in a container it is a group like others, which may not hand down
	 * while it has processes. */
	if (file_write(GROUP_INIT "/cgroup.procs", "0") < 0)
		say_failed(c, "move to cgroup", GROUP_INIT);
	hand_down(PATH_CGROUP "/cgroup.controllers", PATH_CGROUP "/cgroup.subtree_control", c);
	make_group(PATH_CGROUP_UNITS, c);
	hand_down(PATH_CGROUP_UNITS "/cgroup.controllers",
		PATH_CGROUP_UNITS "/cgroup.subtree_control", c);
}
