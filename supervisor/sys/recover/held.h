/*
 * What init has held for the supervisor before this one, until somebody here takes it back. Kinds and names are those of
 * link_hold(): "log-out" of "web.container", "listen" of "web.socket:0". Inside of sys/.
 */
#ifndef SYS_HELD_H
#define SYS_HELD_H

#include <stdbool.h>

struct supervisor;

/* Five for each of a hundred containers, and each is looked for by name: lists by a hash of it, in struct supervisor. */
#define HELD_CHAINS 64u

struct held {
	struct held *next;
	int fd;
	char name[]; /* "KIND:NAME" */
};

/* struct link_held_cb: takes ownership of the descriptor. */
void held_add(void *supervisor, const char *name, int fd);
/* The descriptor, which is the caller's now (init goes on holding its own), or -1. */
int held_take(struct supervisor *s, const char *kind, const char *name);
bool held_has(const struct supervisor *s, const char *kind, const char *name);
/* Closes, here and in init, what nobody took and `keep` (or NULL) does not want kept for later. */
void held_drop_rest(struct supervisor *s,
	bool (*keep)(const struct supervisor *s, const char *kind_and_name));

#endif
