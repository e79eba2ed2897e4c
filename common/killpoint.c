/* Only in builds with KILL_POINTS: see the header. What it knows it keeps in files, so that it has no state. */
#include "common/killpoint.h"

#ifdef KILL_POINTS

#include "common/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDERS_MAX 4096
#define NEW_ORDERS KILL_POINT_ORDERS ".new"

static void note_passed(const char *name)
{
	cleanup_fd int fd = open(KILL_POINT_PASSED, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd >= 0)
		(void)dprintf(fd, "%s\n", name);
}

/* False: nobody orders anything. */
static bool read_orders(char text[ORDERS_MAX])
{
	cleanup_fd int fd = open(KILL_POINT_ORDERS, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, ORDERS_MAX - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Whole or not at all, since the process may be killed from outside as well. count 0: the first order is done. */
static void write_orders(const char *name, unsigned long count, const char *others)
{
	cleanup_fd int fd = -1;

	if (count == 0 && others[0] == '\0') {
		(void)unlink(KILL_POINT_ORDERS);
		return;
	}
	fd = open(NEW_ORDERS, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (count > 0)
		(void)dprintf(fd, "%s %lu\n", name, count);
	(void)dprintf(fd, "%s", others);
	(void)rename(NEW_ORDERS, KILL_POINT_ORDERS);
}

void kill_point(const char *name)
{
	char text[ORDERS_MAX], *count_text, *others = NULL;
	size_t n = strlen(name);
	unsigned long count;

	note_passed(name);
	if (!read_orders(text) || strncmp(text, name, n) != 0 || text[n] != ' ')
		return;
	count_text = text + n + 1;
	count = strtoul(count_text, &others, 10);
	others += others[0] == '\n';
	write_orders(name, count > 0 ? count - 1 : 0, others);
	if (count <= 1)
		(void)kill(getpid(), SIGKILL);
}

#endif
