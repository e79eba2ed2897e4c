/*
 * Small tables that are to outlive a reboot: text, written as a whole below PATH_STATE_VAR, or where that cannot be
 * written below PATH_STATE, until the next boot.
 */
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/supervisor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_MAX 64

int table_save(struct supervisor *s, const char *name, const char *text, const char *what)
{
	char path[PLACE_MAX];
	struct err e, ignored;

	if (file_write(PATH_STATE_VAR, name, text, strlen(text), 0644, &e) == 0) {
		KILL_POINT("leases-written");
		(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE, name);
		(void)unlink(path); /* it is older now */
		return 0;
	}
	journal(s, LOG_LEVEL_INFO, NULL, "%s; the %s are kept until the next boot only", e.msg,
		what);
	return file_write(PATH_STATE, name, text, strlen(text), 0644, &ignored);
}

const char *table_read(struct supervisor *s, struct arena *a, const char *name)
{
	char path[PLACE_MAX];
	const char *text;

	(void)mkdir(PATH_STATE_VAR, 0755);
	(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE, name);
	text = names_read(s, a, path);
	if (text[0] != '\0')
		return text;
	(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE_VAR, name);
	return names_read(s, a, path);
}
