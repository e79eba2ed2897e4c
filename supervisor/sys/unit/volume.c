/*
 * Named volumes: folders below PATH_VOLUMES, over which Device= is mounted when the unit names one.
 */
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/sys/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* They are there, but where the supervisor began with another /var, or with one that cannot be written. */
static int make_parents(struct err *e)
{
	static const char *const parents[] = { "/var/lib", "/var/lib/sup", PATH_VOLUMES };

	for (size_t i = 0; i < ARRAY_LEN(parents); i++)
		if (mkdir(parents[i], i < 2 ? 0755 : 0711) < 0 && errno != EEXIST)
			return err_set(e, "mkdir %s", parents[i]);
	return 0;
}

int volume_path(const char *name, char path[VOLUME_PATH_MAX], struct err *e)
{
	size_t stem = strlen(name);

	if (unit_kind_of(name) == KIND_VOLUME)
		stem -= strlen(".volume");
	if (stem == 0 || stem > UNIT_NAME_MAX || memchr(name, '/', stem) != NULL || name[0] == '.')
		return err_setx(e, "volume \"%s\": not a name", name);
	(void)snprintf(path, VOLUME_PATH_MAX, "%s/%.*s", PATH_VOLUMES, (int)stem, name);
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	if (errno == ENOENT && make_parents(e) < 0)
		return err_prefix(e, "volume %s", name);
	if (mkdir(path, 0755) < 0)
		return err_set(e, "volume %s: mkdir %s", name, path);
	return 0;
}

static int set_owner(const struct volume_section *v, const char *path, struct err *e)
{
	uint64_t uid = 0, gid = 0;

	if (v->user == NULL && v->group == NULL)
		return 0;
	if ((v->user != NULL && (number_u64(v->user, &uid) < 0 || uid >= UINT32_MAX)) ||
		(v->group != NULL && (number_u64(v->group, &gid) < 0 || gid >= UINT32_MAX)))
		return err_setx(e, "User= and Group= of a volume are numbers");
	if (chown(path, (uid_t)uid, (gid_t)gid) < 0)
		return err_set(e, "chown %s", path);
	return 0;
}

int volume_setup(struct supervisor *s, const struct unit *u, struct err *e)
{
	const struct volume_section *v = &u->volume;
	char path[VOLUME_PATH_MAX];

	(void)s;
	if (volume_path(u->name, path, e) < 0)
		return -1;
	if (v->device != NULL) {
		bool bind = v->type == NULL || strcmp(v->type, "none") == 0;

		KILL_POINT("volume-made");
		/* what an earlier supervisor mounted there; those that used it were ended */
		while (umount2(path, MNT_DETACH) == 0)
			continue;
		if (mount(v->device, path, bind ? NULL : v->type, bind ? MS_BIND : 0,
			    bind ? NULL : v->options) < 0)
			return err_set(e, "mount %s at %s", v->device, path);
	}
	KILL_POINT("volume-mounted");
	return set_owner(v, path, e);
}

void volume_release(struct supervisor *s, const char *unit)
{
	char path[VOLUME_PATH_MAX];
	struct err e;

	(void)s;
	if (volume_path(unit, path, &e) == 0)
		(void)umount2(path, MNT_DETACH); /* EINVAL: it was a plain folder */
}
