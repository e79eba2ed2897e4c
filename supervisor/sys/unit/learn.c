#include "supervisor/sys/unit/learn.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/report.h"
#include "supervisor/child/kernel.h"
#include "supervisor/core/unit/names.h"
#include "supervisor/sys/file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE "instances/sup-"
#define PATH_LENGTH (sizeof(PATH_LEARN) + sizeof(INSTANCE) + UNIT_NAME_MAX)
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu /* PROC_PID_INIT_INO of the kernel */
#define HISTOGRAM_MAX (64 * 1024)

/* Until exec a process has the supervisor's name: what the launch itself does is none of the unit's needs. */
#define PROBE "cap_capable"
#define CALLS "events/raw_syscalls/sys_enter"
#define CAPABILITIES "events/sup/" PROBE
static const char count_calls[] = "hist:keys=id if comm!=\"supervisor\"&&comm!=\"" REPORT_INIT_NAME
				  "\"";
/*
 * int cap_capable(cred, struct user_namespace *, int cap, unsigned int opts), by all of the kernel's questions for a
 * capability. 2 in opts, CAP_OPT_NOAUDIT: it only wants to know. What the container's init needs, its unit must have.
 *
 * An overlay asks once more, with the rights of who has mounted it: a unit with a user namespace of its own has nothing to
 * say in the first one. That is known by its map, with which the struct begins and which alone has 2^32 - 1 ids in a row. That
 * number is at 8, 12 or 16, by the kernel's age and the size of its words.
 */
static const char probe[] = "p:sup/" PROBE " cap_capable cap=$arg3:s32 opts=$arg4:u32"
			    " x=+8($arg2):u32 y=+12($arg2):u32 z=+16($arg2):u32";
#define COUNT_CAPABILITIES "hist:keys=cap if comm!=\"supervisor\"&&!(opts&2)"
static const char count_capabilities[] = COUNT_CAPABILITIES;
static const char count_own_capabilities[] = COUNT_CAPABILITIES
	"&&x!=4294967295&&y!=4294967295&&z!=4294967295";

/* ---- tracefs ---- */

/* A mount of our own that nobody sees. */
static int open_tracefs(struct err *e)
{
	int fs cleanup_fd = -1;
	struct stat st;
	int root;

	if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino != FIRST_PID_NAMESPACE)
		return err_setx(e, "tracing knows the machine's own pids alone");
	if (access(TRACEFS, F_OK) < 0)
		return err_setx(e, "the kernel has no tracing (CONFIG_FTRACE)");
	fs = kernel_fsopen("tracefs");
	if (fs < 0 || kernel_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0 ||
		(root = kernel_fsmount(fs, 0)) < 0)
		return err_set(e, "mount tracefs");
	return root;
}

/* Said a second time it is there already, which is as well. */
static int put(int dir, const char *path, const char *text)
{
	int fd cleanup_fd = openat(dir, path, O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd < 0 || (write(fd, text, strlen(text)) < 0 && errno != EEXIST) ? -1 : 0;
}

static const char *path_of(const char *prefix, const char *unit, char path[PATH_LENGTH])
{
	(void)snprintf(path, PATH_LENGTH, "%s%s", prefix, unit);
	return path;
}

static int open_instance(int root, const char *unit)
{
	char path[PATH_LENGTH];

	return openat(root, path_of(INSTANCE, unit, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remove_instance(int root, const char *unit)
{
	char path[PATH_LENGTH];

	if (unlinkat(root, path_of(INSTANCE, unit, path), AT_REMOVEDIR) < 0 && errno != ENOENT)
		return; /* somebody looks at it: another time */
	(void)unlink(path_of(PATH_LEARN "/", unit, path));
	(void)put(root, "kprobe_events", "-:sup/" PROBE); /* EBUSY: others need it */
}

/* ---- the start ---- */

/* Known by its file here before it is there. Each byte is a start. */
static int open_count(const char *unit, struct err *e)
{
	char path[PATH_LENGTH];
	int fd;

	(void)mkdir(PATH_LEARN, 0700);
	fd = open(path_of(PATH_LEARN "/", unit, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		0600);
	return fd < 0 ? err_set(e, "%s", path) : fd;
}

/* An instance without a pid counts all of the machine, so that comes first; who has ended leaves it by itself. */
static int count(int root, int dir, const struct plan *plan, int pid, struct err *e)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	if (put(dir, "trace_options", "event-fork") < 0 || put(dir, "set_event_pid", text) < 0)
		return err_set(e, "set_event_pid of tracefs");
	if (put(dir, CALLS "/trigger", count_calls) < 0)
		return err_set(e,
			"nothing is counted (CONFIG_FTRACE_SYSCALLS, CONFIG_HIST_TRIGGERS)");
	if (faccessat(dir, CAPABILITIES, F_OK, 0) < 0)
		(void)put(root, "kprobe_events", probe);
	if (put(dir, CAPABILITIES "/trigger",
		    plan->ids != NULL ? count_own_capabilities : count_capabilities) < 0)
		return err_set(e, "capabilities are not counted (CONFIG_KPROBE_EVENTS)");
	return 0;
}

int learn_begin(const struct plan *plan, int pid, struct err *e)
{
	int starts cleanup_fd = -1, root cleanup_fd = open_tracefs(e), dir cleanup_fd = -1;
	char path[PATH_LENGTH];
	bool fresh;
	int rc;

	if (root < 0 || (starts = open_count(plan->unit, e)) < 0)
		return -1;
	fresh = mkdirat(root, path_of(INSTANCE, plan->unit, path), 0700) == 0;
	if (fresh)
		(void)ftruncate(starts, 0);
	dir = open_instance(root, plan->unit);
	if (dir < 0)
		return err_set(e, "make %s of tracefs", path);
	rc = count(root, dir, plan, pid, e);
	if (faccessat(dir, CALLS "/hist", F_OK, 0) < 0) {
		fd_close(&dir);
		remove_instance(root, plan->unit);
	} else if (plan->role == ROLE_MAIN) {
		(void)!write(starts, "", 1);
	}
	return rc;
}

/* ---- what it has come to ---- */

int learn_read(const char *unit, struct learned *l, struct learn_since *since, struct arena *a,
	struct err *e)
{
	int root cleanup_fd = open_tracefs(e), dir cleanup_fd = -1;
	const char *calls, *capabilities;
	char path[PATH_LENGTH];
	struct stat st;

	*l = (struct learned){ 0 };
	if (root < 0)
		return -1;
	dir = open_instance(root, unit);
	if (dir < 0 || stat(path_of(PATH_LEARN "/", unit, path), &st) < 0 || st.st_size == 0)
		return err_setx(e, "not started with Learn=yes, or its log says why not");
	since->starts = (uint64_t)st.st_size;
	/* that of the folder in tracefs: when it was made */
	(void)fstat(dir, &st);
	since->since = (uint64_t)st.st_mtim.tv_sec * 1000000 + (uint64_t)st.st_mtim.tv_nsec / 1000;
	calls = file_text(dir, CALLS "/hist", HISTOGRAM_MAX, a);
	capabilities = file_text(dir, CAPABILITIES "/hist", HISTOGRAM_MAX, a);
	l->knows_capabilities = capabilities[0] != '\0';
	if (calls[0] == '\0')
		return err_setx(e, CALLS "/hist cannot be read");
	l->lost = learned_take(&l->capabilities, CAPABILITY_COUNT, capabilities) +
		learned_take(l->calls, CALLS_MAX, calls);
	return 0;
}

const char *learn_lacks(const char *unit)
{
	struct err ignored;
	int root cleanup_fd = open_tracefs(&ignored), dir cleanup_fd = -1;

	if (root >= 0)
		dir = open_instance(root, unit);
	if (dir < 0)
		return "Learn=: started without, or its log says why";
	return faccessat(dir, CAPABILITIES "/hist", F_OK, 0) < 0
		? "Learn= of capabilities: its log says why"
		: NULL;
}

/* ---- the end ---- */

static bool is_wanted(const struct unit_set *set, const char *name)
{
	int index = unit_set_find(set, name);

	return index >= 0 && set->units[index].service.learn;
}

void learn_tidy(const struct unit_set *set)
{
	int root cleanup_fd = -1;
	DIR *dir = opendir(PATH_LEARN);
	struct err ignored;

	if (dir == NULL)
		return;
	root = open_tracefs(&ignored);
	for (const struct dirent *d; root >= 0 && (d = readdir(dir)) != NULL;)
		if (d->d_name[0] != '.' && !is_wanted(set, d->d_name))
			remove_instance(root, d->d_name);
	(void)closedir(dir);
}
