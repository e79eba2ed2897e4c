/*
 * INI text with positions: our own check of every line, then inih for the reading.
 *
 * inih cuts long lines and names, loses what follows a NUL byte and tells of the first bad line only, so
 * nothing reaches it that was not checked here: size, NUL and control bytes, UTF-8, lengths, the shape of each
 * line. All faults are told. A bad line is left out and the rest is read, so that its faults are told too.
 *
 * Lines that end in a backslash go on in the next one, as in systemd.syntax(7): the backslash becomes a blank,
 * leading blanks of the next line and comment lines in between are dropped.
 */
#ifndef CORE_INI_H
#define CORE_INI_H

#include "supervisor/core/arena.h"

#include <stdint.h>

#define INI_TEXT_MAX (1024u * 1024u)
#define INI_LONGEST_LINE 4096u
#define INI_LONGEST_JOINED 8000u
#define INI_LONGEST_NAME 40u

struct ini_place {
	uint32_t line, column; /* from 1; a column counts bytes */
};

/* Strings are valid during the call only. */
struct ini_events {
	void *user;
	void (*section)(void *user, const char *name, struct ini_place at);
	/* `at` is the place of the key; ini_value_place gives that of the value. */
	void (*entry)(void *user, const char *section, const char *name, const char *value,
		struct ini_place at);
	void (*fault)(void *user, struct ini_place at, const char *message);
};

struct ini_file;

/* Reads the text and calls back. The file is for ini_value_place during a call. */
void ini_read(const char *text, size_t size, const struct ini_events *events,
	const struct ini_file **current);
/* Where a byte of the value of the entry on that line stands, over continued lines. */
struct ini_place ini_value_place(const struct ini_file *file, uint32_t line, size_t offset);

#endif
