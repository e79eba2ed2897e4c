/* Options= of a .mount: what of it are flags of mount(2), and what the file system is given. Pure. */
#ifndef CORE_MOUNTOPTIONS_H
#define CORE_MOUNTOPTIONS_H

#include "supervisor/core/text.h"

#include <stdbool.h>

struct mount_options {
	unsigned long flags;       /* MS_* of a mount */
	unsigned long propagation; /* MS_SHARED and its kin, done after it; 0: none */
	bool bind; /* MS_BIND is in the flags: there is no file system to be named */
};

enum option_use { OPTION_DONE, OPTION_DATA, OPTION_IDLE, OPTION_REFUSED };

/*
 * Takes the next word of *rest: DATA is one for the file system, IDLE does nothing here, REFUSED must not be. The word
 * is *word, *len. False at the end; empty words are passed over.
 */
bool mount_option_next(struct mount_options *o, const char **rest, const char **word, size_t *len,
	enum option_use *use);
/* All of them; those for the file system, with commas between, into data. */
void mount_options_read(struct mount_options *o, const char *options, struct text *data);

#endif
