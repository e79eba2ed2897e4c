/*
 * The console: where init speaks, and what descriptors 0, 1 and 2 are.
 *
 * Speaking never blocks and never fails. On a device each message opens /dev/console anew, without
 * blocking: a console that was hung up works again, and a serial line whose flow control is stuck costs
 * a message, not the machine. In a container messages go to descriptor 2, when that can take them.
 */
#ifndef INIT_CONSOLE_H
#define INIT_CONSOLE_H

#include <stdbool.h>

#define CONSOLE_PATH "/dev/console"

struct console {
	bool device; /* there is a /dev/console of our own */
	bool quiet;  /* sup.log=quiet: only what is wrong */
};

/*
 * Occupies those of 0, 1, 2 that are closed, so that no other descriptor of ours lands there. The
 * placeholder opens without /dev: reads and writes on it fail with EBADF, harmlessly.
 */
void console_fill_stdio(void);

/*
 * Makes 0, 1 and 2 the console, anew if it was hung up; they stay what they are where it cannot be
 * opened.
 */
void console_attach_stdio(void);

/* Format as text_format(). One line, without its newline. */
void console_say(const struct console *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for what is not a fault: nothing under sup.log=quiet. */
void console_note(const struct console *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
