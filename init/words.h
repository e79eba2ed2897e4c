/*
 * The words "sup.*" of the kernel command line: all the configuration that init has. init(8) lists
 * them. Words of others, and sup.* words that init does not know (the supervisor may), are passed over.
 */
#ifndef INIT_WORDS_H
#define INIT_WORDS_H

#include <stdbool.h>

#include "init/console.h"

#define WORD_MAX 256

enum crash_end { CRASH_REBOOT, CRASH_RESCUE, CRASH_HOLD };

struct words {
	char supervisor[WORD_MAX];
	char rescue[WORD_MAX];   /* "" for none */
	char hostname[WORD_MAX]; /* "" for none */
	bool quiet;
	int reboot_delay_s;
	char var[WORD_MAX];   /* DEVICE[:TYPE], "" for none */
	enum crash_end crash; /* when init crashes again and again */
	int watchdog_s;       /* -1: the supervisor says it; 0: off */
};

/* Defaults; what holds where there is no command line of our own to read. */
void words_default(struct words *w);

/* Takes a command line apart, where it stands, on top. A value that cannot be used is said and the default stays. */
void words_parse(struct words *w, char *line, const struct console *c);
/* Reads /proc/cmdline on top. A value that cannot be used is said and the default stays. */
void words_read(struct words *w, const struct console *c);

#endif
