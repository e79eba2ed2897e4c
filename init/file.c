#include "init/file.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"

ssize_t file_read(const char *path, char *buf, size_t size)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;

	buf[0] = '\0';
	if (fd < 0)
		return -1;
	do {
		got = read(fd, buf + used, size - 1 - used);
		if (got > 0)
			used += (size_t)got;
	} while (got > 0);
	buf[used] = '\0';
	return got < 0 && used == 0 ? -1 : (ssize_t)used;
}

int file_write(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0)
		return -1;
	return write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

int file_map(const char *path, struct file_map *out)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	out->at = at;
	out->len = (size_t)st.st_size;
	return 0;
}

void file_unmap(struct file_map *m)
{
	(void)munmap((void *)(uintptr_t)m->at, m->len);
}
