/*
 * Memory that cannot be had once: linked into a supervisor of its own with --wrap, for malloc(3), calloc(3) and
 * realloc(3) of it and its libraries. The file /malloc says which one of them fails, counted from the start. It is removed,
 * so that the next life has all it wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static unsigned long countdown(void)
{
	char text[32];
	int fd = open("/malloc", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		(void)close(fd);
	(void)unlink("/malloc");
	text[n > 0 ? n : 0] = '\0';
	return strtoul(text, NULL, 10);
}

static bool fails(void)
{
	static bool asked;
	static unsigned long left;

	if (!asked) {
		asked = true;
		left = countdown();
	}
	if (left == 0 || --left > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}
