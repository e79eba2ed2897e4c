/*
 * Small tables that are to outlive a reboot: text, written as a whole below PATH_STATE_VAR, and before that below
 * PATH_STATE: what this boot has decided is found again though the disk is full, or gone.
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
	size_t len = strlen(text);
	int rc = file_write(PATH_STATE, name, text, len, 0644, &ignored);

	KILL_POINT("leases-written");
	if (rc < 0) {
		(void)snprintf(path, sizeof(path), "%s/%s", PATH_STATE, name);
		(void)unlink(path); /* it is older now */
	}
	if (file_write(PATH_STATE_VAR, name, text, len, 0644, &e) == 0)
		return 0;
	journal(s, LOG_LEVEL_INFO, NULL, "%s; the %s are kept until the next boot only", e.msg,
		what);
	return rc;
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
