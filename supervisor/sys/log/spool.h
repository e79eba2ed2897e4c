/*
 * The spool: what has left the services' pipes and is not in the log files yet, in a memfd that init holds, so that a
 * supervisor that is killed at any instant leaves a transaction that the next one finishes: no line is lost, doubled or
 * torn. Knows nothing of files and formats; logs.c says when a write to a file begins and how it ended.
 *
 *   head     magic, version; two copies of the turn, and which of them is valid
 *   units    one slot a log: name, records lost so far, how much text of each stream is kept
 *   kept     SPOOL_KEPT_MAX bytes a stream, never touched (so without memory) unless there is some
 *   lead-in  the kept text of the stream whose turn it is, so that text and stage are one piece
 *   stage    the end of the file: what this turn took out of the pipe
 *
 * Why this is exact. Text moves from the pipe to the stage by one splice(2), which takes from the pipe what it has
 * written to the file and no more, also when a signal ends it half-way (iter_file_splice_write() in fs/splice.c): the
 * size of the file tells. All else is decided by the turn. A change of it is written to the copy that is not valid, then
 * one store of 32 bits makes it valid: there is no instant at which it is half changed. A turn is
 *
 *   IDLE  nothing under way
 *   TEXT  of (unit, stream): the lead-in holds `had` bytes and the stage what it holds; `done` of them are in the log.
 *         Before each write to a log its old size, the length of the write and what `done` is thereafter are set: the
 *         size of the log tells the next supervisor whether it happened; a part of it is cut off and written again.
 *   KEPT  all is in the log but `done` bytes (at most an unfinished line, or what the disk has no room for), which have
 *         been copied to the stream's place: the slot's count, the stage and the turn are set right, in any order and
 *         as often as one likes
 *   WORD  a write of the supervisor's own (a gap that is reported): as a write in TEXT, but not repeated
 *
 * Of a turn's effects nothing but the turn itself is read before it is valid, so each step can be done again.
 */
#ifndef SYS_SPOOL_H
#define SYS_SPOOL_H

#include "common/err.h"
#include "common/roster.h"
#include "supervisor/core/logline.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_UNITS 4096
#define SPOOL_CHUNK 16384 /* taken from a pipe in one turn, at most */
#define SPOOL_KEPT_MAX (SPOOL_CHUNK + LOG_LINE_MAX)

/* Why records are lost. */
enum spool_loss { SPOOL_FAILED = 1, SPOOL_LIMITED = 2 };

enum spool_state { SPOOL_IDLE, SPOOL_TEXT, SPOOL_KEPT, SPOOL_WORD };

struct spool_turn {
	uint32_t state; /* enum spool_state */
	uint32_t unit;
	uint32_t stream;
	uint32_t had;
	uint32_t done;
	uint32_t done_then; /* `done` and `lost` once the write below has happened */
	uint64_t lost, lost_then;
	uint64_t before,
		bytes; /* a write under way: size of the log before it, its length; 0: none */
};

struct spool_unit {               /* shared with the supervisor after this one */
	char name[UNIT_NAME_MAX]; /* "": free */
	uint64_t lost;            /* records that could not be written ... */
	uint64_t since;           /* ... the first of them at this time, of the clock on the wall */
	uint64_t whole; /* torn: the log is good up to here, what follows could not be cut off */
	uint32_t torn;
	uint32_t generation; /* of the supervisor that uses it, see spool_head */
	uint32_t kept[LOG_STREAM_COUNT];
	uint32_t
		causes; /* why records are lost: bits of enum spool_loss, none: SPOOL_FAILED alone */
};

struct spool_head;

struct spool {
	int fd;
	bool fresh;   /* made by this supervisor: init must be given it */
	bool foreign; /* there was one, of another version: what it held is lost */
	struct spool_head *head;
	struct spool_unit *units; /* SPOOL_UNITS, and one for whoever found no room */
	char *window;             /* lead-in and stage */
	struct spool_turn turn;   /* as it is in the head */
	size_t staged;
	bool stale; /* the stage could not be emptied: no turn begins before it is */
};

/* old: the spool of the supervisor before, or -1; owned from here on. */
int spool_open(struct spool *sp, int old, struct err *e);

/* The slot of that name, made if there is none; SPOOL_UNITS, which is nobody's, when all are taken. */
uint32_t spool_unit(struct spool *sp, const char *name);
/* Frees the slot; false: it has something to tell yet. */
bool spool_release(struct spool *sp, uint32_t unit);
/* The next slot at *at or after that no supervisor uses since spool_open(); false: none. */
bool spool_orphan(const struct spool *sp, uint32_t *at);
/* More text of a stream whose turn it is not; false: no room. */
bool spool_keep(struct spool *sp, uint32_t unit, enum log_stream stream, const char *text,
	size_t n);
/* Where new logs are (0 until it is set), for supervisors to come. */
uint32_t spool_folder(const struct spool *sp);
void spool_set_folder(struct spool *sp, uint32_t folder);

/* A turn: begin, take (or not), then text, and write or skip, until nothing whole is left; end. False: not now (errno). */
bool spool_begin(struct spool *sp, uint32_t unit, enum log_stream stream);
/* As splice(2): bytes, 0 or -1 and errno. */
ssize_t spool_take(struct spool *sp, int pipe);
/* What is not done, in one piece; valid until spool_end(). */
const char *spool_text(const struct spool *sp, size_t *n);
/* The next n bytes of the text are done, with so many records of it lost. */
void spool_skip(struct spool *sp, size_t n, uint64_t lost);
/*
 * What is left is kept: at most SPOOL_KEPT_MAX bytes. Where there is no memory for it now, the turn goes on, and no other
 * one begins before it can end.
 */
bool spool_end(struct spool *sp);

/* A word of the supervisor's own: begin, write, end. */
bool spool_begin_word(struct spool *sp, uint32_t unit);
void spool_end_word(struct spool *sp);

/* Around each write to a log; n: bytes of the text that it stores; lost: the unit's count once it has happened. */
void spool_write(struct spool *sp, uint64_t before, uint64_t bytes, size_t n, uint64_t lost);
void spool_written(struct spool *sp, bool whole);

#endif
