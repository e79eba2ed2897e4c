#include "supervisor/sys/file.h"

#include "common/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_read(struct arena *a, const char *what, const char *path, int flags, size_t most,
	size_t *n, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	struct stat st;
	ssize_t got;
	char *text;

	e->no = 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)err_set(e, "%s%s", what, path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size > most) {
		(void)err_setx(e, "%s%s: not a regular file of at most %zu KiB", what, path,
			most / 1024);
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	got = pread(fd, text, (size_t)st.st_size, 0);
	if (got < 0) {
		(void)err_set(e, "%s%s: read", what, path);
		return NULL;
	}
	*n = (size_t)got;
	return text;
}
