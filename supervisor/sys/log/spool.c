#include "supervisor/sys/log/spool.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/util.h"
#include "supervisor/core/text.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SPOOL_MAGIC 0x53707573u /* "supS" */
#define SPOOL_VERSION 1u
#define PAGE 4096u /* places below are laid out by it, whatever the machine's page is */
#define PAGE_MOST 65536u

struct spool_head {
	uint32_t magic;
	uint32_t version;
	uint32_t unit_size; /* sizeof(struct spool_unit) */
	uint32_t generation;
	uint32_t used; /* slots from here on were never used: their memory is untouched */
	uint32_t folder;
	_Atomic uint32_t valid; /* which of the turns */
	uint32_t unused;
	struct spool_turn turns[2];
};

#define UP(n, to) (((n) + (to)-1) / (to) * (to))
#define UNITS_AT ((off_t)sizeof(struct spool_head))
#define TABLE_SIZE (sizeof(struct spool_head) + (SPOOL_UNITS + 1) * sizeof(struct spool_unit))
#define KEPT_AT ((off_t)UP(TABLE_SIZE, PAGE_MOST))
#define KEPT_STEP UP(SPOOL_KEPT_MAX, PAGE)
#define WINDOW_AT                                                                                  \
	((off_t)UP((uint64_t)KEPT_AT + (SPOOL_UNITS + 1) * LOG_STREAM_COUNT * (uint64_t)KEPT_STEP, \
		PAGE_MOST))
#define LEAD_IN KEPT_STEP
#define STAGE_AT (WINDOW_AT + (off_t)LEAD_IN)

static off_t kept_at(uint32_t unit, uint32_t stream)
{
	return KEPT_AT + ((off_t)unit * LOG_STREAM_COUNT + stream) * (off_t)KEPT_STEP;
}

/* ---- the turn ---- */

/*
 * The compiler must not move the stores; the machine's own order does not matter, as a process that is dead has all its
 * stores done.
 */
static void publish(struct spool *sp)
{
	uint32_t next = 1 - atomic_load(&sp->head->valid);

	sp->head->turns[next] = sp->turn;
	atomic_store(&sp->head->valid, next);
	atomic_signal_fence(memory_order_seq_cst); /* what comes later stays later */
}

static void set_state(struct spool *sp, enum spool_state state)
{
	sp->turn.state = state;
	publish(sp);
}

static void empty_stage(struct spool *sp)
{
	sp->stale = ftruncate(sp->fd, STAGE_AT) < 0;
	sp->staged = 0;
}

/* Of KEPT: what it says is carried out, and the stage is free for the next turn. */
static void settle_kept(struct spool *sp)
{
	sp->units[sp->turn.unit].kept[sp->turn.stream] = sp->turn.done;
	if (sp->staged > 0)
		empty_stage(sp);
	KILL_POINT("spool-settled");
	set_state(sp, SPOOL_IDLE);
}

/* The turn before has ended; what kept it from that is tried again. */
static bool is_free(struct spool *sp)
{
	if (sp->stale)
		empty_stage(sp);
	return !sp->stale && (sp->turn.state == SPOOL_IDLE || spool_end(sp));
}

bool spool_begin(struct spool *sp, uint32_t unit, enum log_stream stream)
{
	const struct spool_unit *u = &sp->units[unit];
	uint32_t had;

	if (!is_free(sp))
		return false;
	had = u->kept[stream]; /* not before: the turn that ended may have been this stream's */
	if (had > 0 &&
		pread(sp->fd, sp->window + LEAD_IN - had, had, kept_at(unit, stream)) !=
			(ssize_t)had)
		return false;
	sp->turn = (struct spool_turn){
		.state = SPOOL_TEXT, .unit = unit, .stream = stream, .had = had, .lost = u->lost
	};
	publish(sp);
	KILL_POINT("spool-begun");
	return true;
}

ssize_t spool_take(struct spool *sp, int pipe)
{
	off_t at = STAGE_AT;
	ssize_t n = splice(pipe, NULL, sp->fd, &at, SPOOL_CHUNK, SPLICE_F_NONBLOCK);

	if (n > 0)
		sp->staged = (size_t)n;
	KILL_POINT("spool-taken");
	return n;
}

const char *spool_text(const struct spool *sp, size_t *n)
{
	*n = sp->turn.had + sp->staged - sp->turn.done;
	return sp->window + LEAD_IN - sp->turn.had + sp->turn.done;
}

void spool_skip(struct spool *sp, size_t n, uint64_t lost)
{
	sp->turn.done += (uint32_t)n;
	sp->turn.lost += lost;
	publish(sp);
	sp->units[sp->turn.unit].lost = sp->turn.lost;
}

void spool_write(struct spool *sp, uint64_t before, uint64_t bytes, size_t n, uint64_t lost)
{
	sp->turn.before = before;
	sp->turn.bytes = bytes;
	sp->turn.done_then = sp->turn.done + (uint32_t)n;
	sp->turn.lost_then = lost;
	publish(sp);
	KILL_POINT("spool-write");
}

void spool_written(struct spool *sp, bool whole)
{
	KILL_POINT("spool-written");
	sp->turn.bytes = 0;
	if (whole) {
		sp->turn.done = sp->turn.done_then;
		sp->turn.lost = sp->turn.lost_then;
	}
	publish(sp);
	sp->units[sp->turn.unit].lost = sp->turn.lost;
}

bool spool_end(struct spool *sp)
{
	struct spool_turn *turn = &sp->turn;
	off_t place = kept_at(turn->unit, turn->stream);
	size_t n;
	const char *text = spool_text(sp, &n);

	if (sp->staged == 0 && turn->done == 0) {
		set_state(sp, SPOOL_IDLE); /* nothing came, nothing went */
		return true;
	}
	/* an unfinished line that has become longer is written over itself; else the old text is all in the log */
	if (n > 0 && pwrite(sp->fd, text, n, place) != (ssize_t)n)
		return false;
	if (n == 0 && turn->had > 0)
		(void)fallocate(sp->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place,
			KEPT_STEP);
	KILL_POINT("spool-kept");
	turn->done = (uint32_t)n;
	set_state(sp, SPOOL_KEPT);
	KILL_POINT("spool-ended");
	settle_kept(sp);
	return true;
}

bool spool_begin_word(struct spool *sp, uint32_t unit)
{
	if (!is_free(sp))
		return false;
	sp->turn = (struct spool_turn){
		.state = SPOOL_WORD, .unit = unit, .lost = sp->units[unit].lost
	};
	publish(sp);
	return true;
}

void spool_end_word(struct spool *sp)
{
	set_state(sp, SPOOL_IDLE);
}

/* ---- slots ---- */

uint32_t spool_unit(struct spool *sp, const char *name)
{
	uint32_t room = SPOOL_UNITS, i;

	for (i = 0; i < sp->head->used; i++) {
		if (strcmp(sp->units[i].name, name) == 0)
			break;
		if (sp->units[i].name[0] == '\0' && room == SPOOL_UNITS)
			room = i;
	}
	if (i == sp->head->used)
		i = room < SPOOL_UNITS ? room : sp->head->used;
	if (i == SPOOL_UNITS)
		return SPOOL_UNITS;
	if (i == sp->head->used)
		sp->head->used++;
	if (sp->units[i].name[0] == '\0') {
		/* the name last: a slot without one is free whatever it holds */
		memset(&sp->units[i], 0, sizeof(sp->units[i]));
		text_copy(sp->units[i].name, sizeof(sp->units[i].name), name);
	}
	sp->units[i].generation = sp->head->generation;
	return i;
}

static bool has_text(const struct spool_unit *u)
{
	for (size_t i = 0; i < LOG_STREAM_COUNT; i++)
		if (u->kept[i] > 0)
			return true;
	return false;
}

bool spool_release(struct spool *sp, uint32_t unit)
{
	struct spool_unit *u = &sp->units[unit];

	if (unit == SPOOL_UNITS)
		return true;
	u->generation = 0;
	if (u->lost > 0 || has_text(u))
		return false;
	u->name[0] = '\0';
	return true;
}

bool spool_orphan(const struct spool *sp, uint32_t *at)
{
	for (; *at < sp->head->used; ++*at)
		if (sp->units[*at].name[0] != '\0' &&
			sp->units[*at].generation != sp->head->generation)
			return true;
	return false;
}

bool spool_keep(struct spool *sp, uint32_t unit, enum log_stream stream, const char *text, size_t n)
{
	uint32_t had = sp->units[unit].kept[stream];

	if (n > SPOOL_KEPT_MAX - had ||
		pwrite(sp->fd, text, n, kept_at(unit, stream) + had) != (ssize_t)n)
		return false;
	KILL_POINT("spool-word-kept");
	sp->units[unit].kept[stream] = had + (uint32_t)n;
	return true;
}

uint32_t spool_folder(const struct spool *sp)
{
	return sp->head->folder;
}

void spool_set_folder(struct spool *sp, uint32_t folder)
{
	sp->head->folder = folder;
}

/* ---- taking over ---- */

static int map(struct spool *sp, struct err *e)
{
	const int access = PROT_READ | PROT_WRITE;
	char *table = mmap(NULL, TABLE_SIZE, access, MAP_SHARED, sp->fd, 0);
	char *window = mmap(NULL, LEAD_IN + SPOOL_CHUNK, access, MAP_SHARED, sp->fd, WINDOW_AT);

	if (table == MAP_FAILED || window == MAP_FAILED)
		return err_set(e, "map the spool of the logs");
	sp->head = (struct spool_head *)(void *)table;
	sp->units = (struct spool_unit *)(void *)(table + UNITS_AT);
	sp->window = window;
	return 0;
}

static int make(struct spool *sp, struct err *e)
{
	sp->fd = memfd_create("logs", MFD_CLOEXEC);
	if (sp->fd < 0 || ftruncate(sp->fd, STAGE_AT) < 0)
		return err_set(e, "make the spool of the logs");
	if (map(sp, e) < 0)
		return -1;
	sp->fresh = true;
	*sp->head = (struct spool_head){ .magic = SPOOL_MAGIC,
		.version = SPOOL_VERSION,
		.unit_size = sizeof(struct spool_unit),
		.generation = 1 };
	return 0;
}

static bool readable(const struct spool *sp)
{
	struct spool_head head;
	struct stat st;

	return pread(sp->fd, &head, sizeof(head), 0) == sizeof(head) && head.magic == SPOOL_MAGIC &&
		head.version == SPOOL_VERSION && head.unit_size == sizeof(struct spool_unit) &&
		head.used <= SPOOL_UNITS && head.valid <= 1 && fstat(sp->fd, &st) == 0 &&
		st.st_size >= STAGE_AT;
}

/* What a supervisor that went wrong may have scribbled must not bring down the next one as well. */
static void distrust(struct spool *sp)
{
	struct spool_turn *t = &sp->turn;

	for (uint32_t i = 0; i <= SPOOL_UNITS && i <= sp->head->used; i++) {
		struct spool_unit *u = &sp->units[i];

		u->name[sizeof(u->name) - 1] = '\0';
		for (size_t k = 0; k < LOG_STREAM_COUNT; k++)
			if (u->kept[k] > SPOOL_KEPT_MAX)
				u->kept[k] = 0;
	}
	if (t->state > SPOOL_WORD || t->unit > SPOOL_UNITS || t->stream >= LOG_STREAM_COUNT ||
		t->had > SPOOL_KEPT_MAX)
		*t = (struct spool_turn){ .state = SPOOL_IDLE };
	if (t->done > t->had + sp->staged && t->state == SPOOL_TEXT)
		t->done = t->had + (uint32_t)sp->staged;
	if (t->done_then > t->had + sp->staged)
		t->done_then = t->had + (uint32_t)sp->staged;
	if (t->state == SPOOL_KEPT && t->done > SPOOL_KEPT_MAX)
		t->done = 0;
}

int spool_open(struct spool *sp, int old, struct err *e)
{
	struct stat st;

	*sp = (struct spool){ .fd = old };
	if (old < 0)
		return make(sp, e);
	if (!readable(sp)) {
		fd_close(&sp->fd);
		sp->foreign = true;
		return make(sp, e);
	}
	if (map(sp, e) < 0)
		return -1;
	if (fstat(sp->fd, &st) == 0)
		sp->staged = (size_t)(st.st_size - STAGE_AT);
	if (sp->staged > SPOOL_CHUNK)
		sp->staged = SPOOL_CHUNK;
	sp->head->generation++;
	sp->turn = sp->head->turns[atomic_load(&sp->head->valid)];
	distrust(sp);
	if (sp->turn.state == SPOOL_IDLE && sp->staged > 0)
		empty_stage(sp);
	if (sp->turn.state == SPOOL_KEPT)
		settle_kept(sp);
	else if (sp->turn.state == SPOOL_TEXT || sp->turn.state == SPOOL_WORD)
		sp->units[sp->turn.unit].lost = sp->turn.lost;
	return 0;
}
