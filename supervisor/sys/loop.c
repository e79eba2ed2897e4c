#include "supervisor/sys/loop.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

/* Between asking for a free loop device and taking it another process may have it. */
#define LOOP_TRIES 16

int loop_open(const char *path, bool writable, char device[LOOP_NAME_MAX], struct err *e)
{
	int mode = writable ? O_RDWR : O_RDONLY;
	cleanup_fd int file = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	cleanup_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)file,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR | (writable ? 0 : LO_FLAGS_READ_ONLY) } };

	if (file < 0)
		return err_set(e, "open %s", path);
	if (control < 0)
		return err_set(e, "open /dev/loop-control");
	(void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%.63s",
		path);
	for (int i = 0; i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		cleanup_fd int loop = -1;

		if (number < 0)
			return err_set(e, "ask for a free loop device");
		(void)snprintf(device, LOOP_NAME_MAX, "/dev/loop%d", number);
		loop = open(device, mode | O_CLOEXEC);
		if (loop < 0)
			return err_set(e, "open %s", device);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return fd_take(&loop);
		if (errno != EBUSY)
			return err_set(e, "put %s on %s", path, device);
	}
	return err_set_no(e, EBUSY, "no loop device to be had");
}

bool loop_file(dev_t device, char *path, size_t size)
{
	char name[64];
	cleanup_fd int fd = -1;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/loop/backing_file", major(device),
		minor(device));
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, path, size - 1) : -1;
	if (n < 0)
		return false;
	path[n] = '\0';
	path[strcspn(path, "\n")] = '\0';
	return true;
}
