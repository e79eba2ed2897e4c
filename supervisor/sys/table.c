/*
 * Small tables that are to outlive a reboot: text, written as a whole below PATH_STATE_VAR, or where that cannot be
 * written below PATH_STATE, until the next boot.
 */
#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/supervisor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PLACE_MAX 64

static int save(const char *folder, const char *name, const char *text, const char *what,
	struct err *e)
{
	char path[PLACE_MAX], new_file[PLACE_MAX];
	cleanup_fd int fd = -1;
	bool written;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)snprintf(new_file, sizeof(new_file), "%s/%s.new", folder, name);
	fd = open(new_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	KILL_POINT("leases-written");
	if (!written || rename(new_file, path) < 0)
		return err_set(e, "%s: save the %s", path, what);
	return 0;
}

int table_save(struct supervisor *s, const char *name, const char *text, const char *what)
{
	char path[PLACE_MAX];
	struct err e, ignored;

	if (save(PATH_STATE_VAR, name, text, what, &e) == 0) {
		(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE, name);
		(void)unlink(path); /* it is older now */
		return 0;
	}
	journal(s, LOG_LEVEL_INFO, NULL, "%s; they are kept until the next boot only", e.msg);
	return save(PATH_STATE, name, text, what, &ignored);
}

const char *table_read(struct arena *a, const char *name)
{
	char path[PLACE_MAX];
	const char *text;

	(void)mkdir(PATH_STATE_VAR, 0755);
	(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE, name);
	text = names_read_small(a, path);
	if (text[0] != '\0')
		return text;
	(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE_VAR, name);
	return names_read_small(a, path);
}
