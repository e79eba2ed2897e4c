#include "supervisor/sys/unit/condition.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/pattern.h"
#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/names.h"
#include "supervisor/sys/account.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/unit/mounted.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define COMMAND_LINE_MAX 4096

size_t condition_bytes(const char *path, char *buf, size_t size)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : 0;

	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

const char *condition_file(const char *path, char *buf, size_t size)
{
	(void)condition_bytes(path, buf, size);
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

const char *condition_line(const char *path, const char *name, char sign, char *buf, size_t size)
{
	char *text = file_read_made(open(path, O_RDONLY | O_CLOEXEC));
	char *rest = text, *line;
	size_t len = strlen(name);
	const char *found = NULL;

	while (found == NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, name, len) != 0)
			continue;
		line += len + strspn(line + len, " \t");
		if (*line != sign)
			continue;
		text_copy(buf, size, line + 1 + strspn(line + 1, " \t"));
		found = buf;
	}
	free(text);
	return found;
}

/* ---- paths */

static bool path_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* What of `folder` the first part of `rest` matches, and below it the rest; as deep as the pattern has parts. */
static bool any_below(const char *folder, const char *rest)
{
	size_t len = strcspn(rest, "/");
	const char *next = rest + len + strspn(rest + len, "/");
	char part[NAME_MAX + 1], path[PATH_MAX];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	if (len >= sizeof(part) || (dir = opendir(folder)) == NULL)
		return false;
	memcpy(part, rest, len);
	part[len] = '\0';
	while (!found && (entry = readdir(dir)) != NULL) {
		/* as in a shell, "*" is not meant for what is hidden */
		if ((entry->d_name[0] == '.' && part[0] != '.') ||
			!pattern_match(part, entry->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		found = *next == '\0' ? path_exists(path) : any_below(path, next);
	}
	(void)closedir(dir);
	return found;
}

static bool path_exists_glob(const char *pattern)
{
	pattern += strspn(pattern, "/");
	return *pattern == '\0' || any_below("/", pattern);
}

static bool path_is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool path_is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* The list has the path as the kernel knows it, without links. */
static bool path_is_mount_point(const char *path)
{
	char *real = realpath(path, NULL);
	bool found = real != NULL && mounted_at(real, NULL);

	free(real);
	return found;
}

static bool path_is_read_write(const char *path)
{
	struct statvfs st;

	return statvfs(path, &st) == 0 && (st.f_flag & ST_RDONLY) == 0;
}

static bool directory_not_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool any = false;

	while (dir != NULL && !any && (entry = readdir(dir)) != NULL)
		any = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	if (dir != NULL)
		(void)closedir(dir);
	return any;
}

static bool file_not_empty(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static bool file_is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* ---- the kernel's command line, and ourselves */

/* "word" is there, or "word=value" is: a whole word of /proc/cmdline; "word" alone also meets "word=anything". */
static bool on_command_line(const char *want)
{
	char line[COMMAND_LINE_MAX + 1], *rest = line;
	size_t length = strlen(want);
	const char *word;

	(void)condition_file("/proc/cmdline", line, sizeof(line));
	while ((word = strsep(&rest, " ")) != NULL) {
		if (strncmp(word, want, length) != 0)
			continue;
		if (word[length] == '\0' || (word[length] == '=' && strchr(want, '=') == NULL))
			return true;
	}
	return false;
}

static bool has_variable(const char *text)
{
	char name[256];
	size_t len = strcspn(text, "=");
	const char *value;

	if (len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	value = getenv(name);
	return value != NULL && (text[len] == '\0' || strcmp(value, text + len + 1) == 0);
}

static bool has_capability(const char *text)
{
	return prctl(PR_CAPBSET_READ, capability_number(text), 0, 0, 0) == 1;
}

static bool is_first_boot(const char *text)
{
	bool wanted = false;

	(void)number_bool(text, &wanted);
	return path_exists(PATH_FIRST_BOOT) == wanted;
}

static bool is_user(const char *text)
{
	struct identity id;
	struct err ignored;

	if (strcmp(text, "@system") == 0)
		return getuid() < 1000;
	return account_find(&id, text, NULL, &ignored) == 0 && id.uid == getuid();
}

static bool is_in_group(const char *text)
{
	struct identity id;
	struct err ignored;

	return account_find(&id, NULL, text, &ignored) == 0 && id.gid == getgid();
}

/* ---- the table */

static bool (*const checks[CONDITION_COUNT])(const char *text) = {
	[CONDITION_PATH_EXISTS] = path_exists,
	[CONDITION_PATH_EXISTS_GLOB] = path_exists_glob,
	[CONDITION_PATH_IS_DIRECTORY] = path_is_directory,
	[CONDITION_PATH_IS_SYMBOLIC_LINK] = path_is_link,
	[CONDITION_PATH_IS_MOUNT_POINT] = path_is_mount_point,
	[CONDITION_PATH_IS_READ_WRITE] = path_is_read_write,
	[CONDITION_DIRECTORY_NOT_EMPTY] = directory_not_empty,
	[CONDITION_FILE_NOT_EMPTY] = file_not_empty,
	[CONDITION_FILE_IS_EXECUTABLE] = file_is_executable,
	[CONDITION_KERNEL_COMMAND_LINE] = on_command_line,
	[CONDITION_KERNEL_VERSION] = holds_kernel_version,
	[CONDITION_ARCHITECTURE] = holds_architecture,
	[CONDITION_FIRMWARE] = holds_firmware,
	[CONDITION_VIRTUALIZATION] = holds_virtualization,
	[CONDITION_HOST] = holds_host,
	[CONDITION_OS_RELEASE] = holds_os_release,
	[CONDITION_ENVIRONMENT] = has_variable,
	[CONDITION_SECURITY] = holds_security,
	[CONDITION_CAPABILITY] = has_capability,
	[CONDITION_AC_POWER] = holds_ac_power,
	[CONDITION_FIRST_BOOT] = is_first_boot,
	[CONDITION_USER] = is_user,
	[CONDITION_GROUP] = is_in_group,
	[CONDITION_CONTROL_GROUP_CONTROLLER] = holds_controllers,
	[CONDITION_MEMORY] = holds_memory,
	[CONDITION_CPUS] = holds_cpus,
	[CONDITION_CPU_FEATURE] = holds_cpu_feature,
	[CONDITION_MEMORY_PRESSURE] = holds_memory_pressure,
	[CONDITION_CPU_PRESSURE] = holds_cpu_pressure,
	[CONDITION_IO_PRESSURE] = holds_io_pressure,
};

bool condition_holds(const struct condition *c)
{
	return c->kind < CONDITION_COUNT && checks[c->kind](c->text);
}
