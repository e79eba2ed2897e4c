/* Small files of the kernel, read and written in one go; big ones mapped. */
#ifndef INIT_FILE_H
#define INIT_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* The file's text, cut at size - 1, NUL-terminated. Returns its length, -1 with errno. */
ssize_t file_read(const char *path, char *buf, size_t size);

/* Writes all of the text with one write(2), as cgroup and proc files want it. -1 with errno. */
int file_write(const char *path, const char *text);

/* A read-only view; ends with file_unmap(). An empty file is an error (EINVAL). */
struct file_map {
	const char *at;
	size_t len;
};

int file_map(const char *path, struct file_map *out);
void file_unmap(struct file_map *m);

#endif
