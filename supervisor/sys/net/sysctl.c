#include "supervisor/sys/net/sysctl.h"

#include "common/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 128

static void path_of(char path[PATH_SIZE], const char *family, const char *name, const char *key)
{
	(void)snprintf(path, PATH_SIZE, "/proc/sys/net/%s/%s%s%s%s", family,
		name != NULL ? "conf/" : "", name != NULL ? name : "", name != NULL ? "/" : "",
		key);
}

bool sysctl_net_is(const char *family, const char *name, const char *key, const char *value,
	struct err *e)
{
	cleanup_fd int fd = -1;
	char path[PATH_SIZE], now[16] = "";
	size_t len = strlen(value);

	path_of(path, family, name, key);
	e->no = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		(void)err_set(e, "open %s", path);
	return fd >= 0 && read(fd, now, sizeof(now) - 1) == (ssize_t)len + 1 &&
		memcmp(now, value, len) == 0;
}

int sysctl_net(const char *family, const char *name, const char *key, const char *value,
	struct err *e)
{
	cleanup_fd int fd = -1;
	char path[PATH_SIZE];
	size_t len = strlen(value);

	/* Inside a container /proc/sys may be read-only, which is fine when the value is right already. */
	if (sysctl_net_is(family, name, key, value, e))
		return 0;
	if (e->no != 0)
		return -1;
	path_of(path, family, name, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, len) != (ssize_t)len)
		return err_set(e, "write %s to %s", value, path);
	return 1;
}

void sysctl_net_raise(const char *family, const char *key, const char *value)
{
	cleanup_fd int fd = -1;
	char path[PATH_SIZE], now[24] = "";

	path_of(path, family, NULL, key);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && read(fd, now, sizeof(now) - 1) > 0 &&
		strtoul(now, NULL, 10) < strtoul(value, NULL, 10))
		(void)!pwrite(fd, value, strlen(value), 0);
}
