/*
 * What outlives the crash of init: struct init lies in a memfd that is true at every instant, since it is the state
 * itself and no copy of it. A re-executed init (`init --resume=FD`) reads the parts it needs from there, bounds-checks
 * every value, and goes on in a memfd of its own.
 *
 * The head says where the parts lie, how big they are and how many, so that an init of another version finds
 * what it knows: structs that are parts get new fields at their end only; a field that the old one did not
 * have reads as zero.
 */
#ifndef INIT_STATE_H
#define INIT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_PATH_MAX 256

struct init;

/* The order is part of the format: new ones come at the end. */
enum state_part {
	STATE_SELF,
	STATE_CRASH,
	STATE_ROSTER,
	STATE_SUPERVISE,
	STATE_WIRE,
	STATE_REQUEST,
	STATE_WATCHDOG,
	STATE_HOLD,
	STATE_HELD,
	STATE_PARTS
};

#define STATE_PARTS_ROOM 32

struct state_head {
	uint32_t magic;
	uint32_t parts;
	struct {
		uint32_t at;
		uint32_t size; /* of one */
		uint32_t count;
	} part[STATE_PARTS_ROOM];
};

/* init's own place. A part. */
struct self {
	int exe;                   /* the program, open; -1: none */
	unsigned int booted;       /* steps of the boot that were begun */
	char path[STATE_PATH_MAX]; /* of the program, for an upgrade; "" when nobody knows */
};

/*
 * A state in a memfd, or *spare where none can be had: then a crash cannot be survived. With the arguments
 * of a resumption what the boot and the count of crashes need is read already.
 */
struct init *state_open(struct init *spare, char *const argv[]);

/* Reads the rest of what the init before left and lets go of it; nothing unless this is a resumption. */
void state_resume(struct init *init);

/*
 * Element i of a part of the state before, as far as it has one; the rest of *to is zero. False: there is
 * none.
 */
bool state_read(const struct init *init, enum state_part part, size_t i, void *to, size_t size);

/* How many of them there can be. */
size_t state_count(const struct init *init, enum state_part part);

/* Writes this element back into the state before: it is the one that counts until state_resume() is done. */
void state_write_back(const struct init *init, enum state_part part, const void *from, size_t size);

/*
 * A descriptor that was kept over the exec: from here on close-on-exec again, which is also how a number that is
 * named twice is noticed. False: it is not one.
 */
bool state_claim(int fd);

/* Values that a crash may have scribbled on. */
static inline bool state_flag(const bool *flag)
{
	return *(const unsigned char *)flag == 1;
}

static inline uint64_t state_at_most(uint64_t value, uint64_t max)
{
	return value < max ? value : max;
}

#endif
