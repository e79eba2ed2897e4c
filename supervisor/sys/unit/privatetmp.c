#include "supervisor/sys/unit/privatetmp.h"

#include "common/paths.h"
#include "supervisor/core/unit/unit.h"
#include "supervisor/sys/unit/mounted.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LENGTH (sizeof(PATH_TMP) + UNIT_NAME_MAX + sizeof("/var-tmp"))

static int make_folder(const char *path, mode_t mode)
{
	/* a second time, for the file mask */
	return (mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0 ? -1 : 0;
}

int private_tmp_make(const char *unit, struct arena *a, const char **path, struct err *e)
{
	const char *base = arena_printf(a, "%s/%s", PATH_TMP, unit);

	*path = base;
	if (make_folder(PATH_TMP, 0700) < 0 || make_folder(base, 0755) < 0)
		return err_set(e, "PrivateTmp=: make %s", base);
	if (!mounted_at(base, NULL) &&
		mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return err_set(e, "PrivateTmp=: mount at %s", base);
	if (make_folder(arena_printf(a, "%s/tmp", base), 01777) < 0 ||
		make_folder(arena_printf(a, "%s/var-tmp", base), 01777) < 0)
		return err_set(e, "PrivateTmp=: make folders in %s", base);
	return 0;
}

void private_tmp_release(const char *unit)
{
	char path[PATH_LENGTH];

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_TMP, unit);
	(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)rmdir(path);
}
