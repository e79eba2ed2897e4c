#include "supervisor/sys/net/sysctl.h"

#include "common/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int sysctl_net(const char *family, const char *name, const char *key, const char *value,
	struct err *e)
{
	cleanup_fd int fd = -1;
	char path[128], now[16] = "";
	size_t len = strlen(value);
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s/%s%s%s%s", family,
		name != NULL ? "conf/" : "", name != NULL ? name : "", name != NULL ? "/" : "",
		key);
	/* Inside a container /proc/sys may be read-only, which is fine when the value is right already. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, "open %s", path);
	got = read(fd, now, sizeof(now) - 1);
	if (got == (ssize_t)len + 1 && memcmp(now, value, len) == 0)
		return 0;
	fd_close(&fd);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, len) != (ssize_t)len)
		return err_set(e, "write %s to %s", value, path);
	return 1;
}
