#include "supervisor/sys/supervisor.h"

#include "common/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define COMMAND_LINE_MAX 4096

static bool path_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* "word" is there, or "word=value" is: a whole word of /proc/cmdline; "word" alone also meets "word=anything". */
static bool on_command_line(const char *want)
{
	cleanup_fd int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	char line[COMMAND_LINE_MAX + 1], *rest = line;
	ssize_t n = fd >= 0 ? read(fd, line, COMMAND_LINE_MAX) : 0;
	size_t length = strlen(want);
	char *word;

	line[n > 0 ? n : 0] = '\0';
	while ((word = strsep(&rest, " \n")) != NULL) {
		if (strncmp(word, want, length) != 0)
			continue;
		if (word[length] == '\0' || (word[length] == '=' && strchr(want, '=') == NULL))
			return true;
	}
	return false;
}

bool condition_holds(const struct condition *c)
{
	switch ((enum condition_kind)c->kind) {
	case CONDITION_PATH_EXISTS:
		return path_exists(c->text);
	case CONDITION_KERNEL_COMMAND_LINE:
		return on_command_line(c->text);
	}
	return false;
}
