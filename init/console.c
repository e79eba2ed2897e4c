#include "init/console.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/fd.h"
#include "init/text.h"

#define LINE_SIZE 512

void console_fill_stdio(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_DIRECTORY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	fd_close(&fd);
}

void console_attach_stdio(void)
{
	cleanup_fd int fd = open(CONSOLE_PATH, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Opened without waiting for the line, used like any terminal from here on. */
	(void)fcntl(fd, F_SETFL, 0);
	for (int target = STDIN_FILENO; target <= STDERR_FILENO; target++)
		(void)dup2(fd, target);
}

static void write_line(const struct console *c, const struct text *t)
{
	cleanup_fd int own = -1;
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (c->device)
		own = open(CONSOLE_PATH, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (own >= 0)
		out.fd = own;
	else if (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0)
		return;
	(void)!write(out.fd, t->buf, t->len);
}

static void say(const struct console *c, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void say(const struct console *c, const char *fmt, va_list ap)
{
	char line[LINE_SIZE];
	struct text t;

	text_init(&t, line, sizeof(line) - 1);
	text_add(&t, "init: ", 6);
	text_vformat(&t, fmt, ap);
	line[t.len++] = '\n';
	write_line(c, &t);
}

void console_say(const struct console *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, fmt, ap);
	va_end(ap);
}

void console_note(const struct console *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	say(c, fmt, ap);
	va_end(ap);
}
