/*
 * The line to the supervisor (common/wire.h). Never blocks: what cannot be sent yet is remembered as
 * state, not as a queue, and sent when the socket polls writable. Malformed packets are ignored.
 */
#ifndef INIT_WIRE_H
#define INIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/wire.h"

struct init;

/* Is it one of enum wire_end? */
static inline bool wire_end_is_known(int end)
{
	return end >= END_POWEROFF && end <= END_EXIT;
}

/* A part of the state of init (state.h). */
struct wire {
	int fd;            /* -1: no supervisor */
	bool poke;         /* REAPED is to be sent */
	bool request;      /* REQUEST is to be sent */
	bool taking;       /* a TAKE is being answered ... */
	size_t next;       /* ... from this slot on */
	enum wire_end end; /* the supervisor said END; 0 before */
	int end_status;
	bool resumed;      /* RESUMED is to be sent ... */
	int resumed_error; /* ... with this errno; 0: init is new */
};

/* Makes a new pair, forgets what was unsent; *peer (close-on-exec) belongs to the caller. -1 with errno. */
int wire_open(struct wire *w, int *peer);

/* Takes over the line from before init's re-execution; a supervisor without one is ended, and started anew. */
void wire_resume(struct init *init);

/* Is there something to wait for room for? */
bool wire_wants_out(const struct wire *w);

/* Acts on packets that are there, a bounded number of them; the socket's end is left to the reaper. */
void wire_receive(struct init *init);

/* Sends what there is room for. */
void wire_send(struct init *init);

/*
 * The supervisor is gone: first everything it still said is done (a HOLD sent with its last breath
 * counts), then the line is closed.
 */
void wire_close(struct init *init);

#endif
