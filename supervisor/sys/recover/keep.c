#include "supervisor/sys/recover/keep.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/util.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/recover/keepfile.h"
#include "supervisor/sys/supervisor.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HELD_KIND "state"
#define HELD_NAME "now"
#define LOG_KEPT 16384   /* the log gives back what it took beyond this */
#define QUEUE_ROOM 16384 /* and for each unit: */
#define QUEUE_A_UNIT 96

static const struct kept_field unit_fields[] = {
	KEPT(struct kept_unit, held),
	KEPT(struct kept_unit, notify_access),
	KEPT(struct kept_unit, stop_signal),
	KEPT(struct kept_unit, oom_kills),
	KEPT(struct kept_unit, oom_past),
};

static const struct kept_field supervisor_fields[] = {
	KEPT(struct kept_supervisor, ending),
	KEPT(struct kept_supervisor, init_crashes),
	KEPT(struct kept_supervisor, watch.phase),
	KEPT(struct kept_supervisor, watch.began),
	KEPT(struct kept_supervisor, watch.complete),
	KEPT(struct kept_supervisor, watch.well_since),
	KEPT(struct kept_supervisor, watch.say_at),
	KEPT(struct kept_supervisor, watch.pause),
	KEPT(struct kept_supervisor, watch.said),
	KEPT(struct kept_supervisor, watch.late),
};

struct kept_layout keep_layout(enum keep_part part)
{
	struct kept_layout l = { 0 };

	if (part == KEEP_ENGINE || part == KEEP_LIFE)
		return *engine_kept_layout(part == KEEP_ENGINE ? KEPT_ENGINE : KEPT_LIFE);
	l.v = part == KEEP_UNIT ? unit_fields : supervisor_fields;
	l.n = part == KEEP_UNIT ? ARRAY_LEN(unit_fields) : ARRAY_LEN(supervisor_fields);
	for (size_t i = 0; i < l.n; i++)
		l.size += l.v[i].size;
	return l;
}

/* ---- the redo log ---- */

static uint8_t *at(const struct keep *k, uint64_t offset)
{
	return (uint8_t *)k->head + offset;
}

/* Room for a change of n bytes, which the caller fills; NULL: the log is full, and the commit cannot be made. */
static uint8_t *log_room(struct keep *k, uint64_t offset, size_t n)
{
	struct keep_change *c = (void *)at(k, k->head->log.at + k->logged);
	size_t need = sizeof(*c) + (n + 7) / 8 * 8;

	if (k->logged + need > k->head->log.size) {
		k->full = true;
		return NULL;
	}
	*c = (struct keep_change){ .at = offset, .size = n };
	return (uint8_t *)(c + 1);
}

static void log_add(struct keep *k, size_t n)
{
	k->logged += sizeof(struct keep_change) + (n + 7) / 8 * 8;
}

static void change(struct keep *k, uint64_t offset, const void *bytes, size_t n)
{
	uint8_t *room;

	if (memcmp(at(k, offset), bytes, n) == 0)
		return;
	room = log_room(k, offset, n);
	if (room == NULL)
		return;
	memcpy(room, bytes, n);
	log_add(k, n);
}

static void change_record(struct keep *k, enum keep_part part, uint32_t index, const void *packed)
{
	const struct keep_records *r = &k->head->records[part];

	if (index < r->n)
		change(k, r->at + (uint64_t)index * r->size, packed, r->size);
}

static void put_part(struct keep *k, enum keep_part part, uint32_t index, const void *from)
{
	const struct kept_layout layout = keep_layout(part);
	uint8_t packed[256];

	kept_pack(&layout, from, packed);
	change_record(k, part, index, packed);
}

static void put_unit(struct supervisor *s, uint32_t index)
{
	const struct instance *inst = s->instances[index];
	struct kept_unit unit = { 0 };

	if (inst != NULL)
		unit = (struct kept_unit){
			.held = true,
			.notify_access = inst->notify_access,
			.stop_signal = inst->stop_signal,
			.oom_kills = inst->oom_kills,
			.oom_past = inst->oom_past,
		};
	put_part(&s->keep, KEEP_UNIT, index, &unit);
}

void keep_unit_changed(struct supervisor *s, uint32_t index)
{
	struct keep *k = &s->keep;

	if (k->n_changed < ARRAY_LEN(k->changed))
		k->changed[k->n_changed] = index;
	k->n_changed++; /* more than there is room for: any may have */
}

static void put_units(struct supervisor *s)
{
	struct keep *k = &s->keep;
	bool all = k->n_changed > ARRAY_LEN(k->changed);

	for (uint32_t i = 0; all && i < s->set->n; i++)
		put_unit(s, i);
	for (uint32_t i = 0; !all && i < k->n_changed; i++)
		put_unit(s, k->changed[i]);
	k->n_changed = 0;
}

/* What the supervisor has of a unit changes in a step that changes its life, or is told by keep_unit_changed(). */
static void put_engine(void *data, enum kept_part part, uint32_t index, const uint8_t *packed)
{
	struct supervisor *s = data;

	change_record(&s->keep, part == KEPT_ENGINE ? KEEP_ENGINE : KEEP_LIFE, index, packed);
	if (part == KEPT_LIFE)
		put_unit(s, index);
}

static void put_supervisor(struct supervisor *s)
{
	const struct kept_supervisor own = {
		.ending = s->ending, .init_crashes = s->init_crashes, .watch = s->boot.watch
	};

	put_part(&s->keep, KEEP_SUPERVISOR, 0, &own);
}

/* A state that is not that of now would be worse than none. The next generation tries again. */
static void give_up(struct supervisor *s, const char *why)
{
	struct keep *k = &s->keep;

	link_drop(&s->link, HELD_KIND, HELD_NAME);
	if (k->head != NULL)
		(void)munmap(k->head, k->size);
	k->head = NULL;
	k->full = false;
	k->logged = 0;
	if (!k->failed)
		journal(s, LOG_LEVEL_ERROR, NULL,
			"the state of units is not kept: %s; if the supervisor dies, they are started anew",
			why);
	k->failed = true;
}

/* Encoded where it will stand in the log; taken back when it is what is kept already. */
static void put_queue(struct supervisor *s)
{
	struct keep *k = &s->keep;
	const struct keep_area *queue = &k->head->queue;
	uint8_t *room = log_room(k, queue->at, queue->size);
	uint64_t n;

	if (room == NULL)
		return;
	n = engine_kept_queue(s->engine, k->doing, room + sizeof(n), queue->size - sizeof(n));
	if (n > queue->size - sizeof(n)) {
		give_up(s, "too many actions wait");
		return;
	}
	memcpy(room, &n, sizeof(n));
	n += sizeof(n);
	if (memcmp(at(k, queue->at), room, n) == 0)
		return;
	(void)log_room(k, queue->at, n);
	log_add(k, n);
}

static void apply(struct keep *k)
{
	keep_apply(k->head);
	if (k->logged > LOG_KEPT)
		(void)madvise(at(k, (k->head->log.at + 4095) & ~UINT64_C(4095)),
			k->head->log.size & ~UINT64_C(4095), MADV_REMOVE);
	k->logged = 0;
}

void keep_commit(struct supervisor *s)
{
	struct keep *k = &s->keep;
	uint64_t now;

	if (k->head == NULL || s->engine == NULL)
		return;
	engine_kept_changed(s->engine, put_engine, s);
	put_units(s);
	put_supervisor(s);
	put_queue(s);
	if (k->full)
		give_up(s, "its redo log is full");
	if (k->head == NULL || k->logged == 0)
		return;
	now = now_ns();
	change(k, offsetof(struct keep_head, committed_ns), &now, sizeof(now));
	KILL_POINT("commit-begin");
	atomic_store(&k->head->logged, k->logged);
	KILL_POINT("commit-logged");
	apply(k);
	KILL_POINT("commit-done");
}

/* ---- another generation ---- */

static uint64_t place(uint64_t *size, uint64_t n)
{
	uint64_t where = *size;

	*size += (n + 4095) / 4096 * 4096;
	return where;
}

/* Where all is; the layouts and the first records share the head's pages. */
static void lay_out(struct supervisor *s, struct keep_head *h)
{
	uint64_t size = sizeof(*h), records = 0;

	*h = (struct keep_head){ .magic = KEEP_MAGIC, .version = KEEP_VERSION };
	for (enum keep_part p = 0; p < KEEP_PARTS; p++) {
		const struct kept_layout layout = keep_layout(p);

		h->layouts[p].at = size;
		h->layouts[p].size = kept_describe(&layout, NULL, 0);
		size += (h->layouts[p].size + 8) / 8 * 8;
	}
	for (enum keep_part p = 0; p < KEEP_PARTS; p++) {
		const struct kept_layout layout = keep_layout(p);
		uint64_t n = p == KEEP_LIFE || p == KEEP_UNIT ? s->set->n : 1;

		h->records[p] = (struct keep_records){ .at = size, .size = layout.size, .n = n };
		size += (n * layout.size + 7) / 8 * 8;
		/* that of a unit may be changed with its life, and once more by itself */
		records += (p == KEEP_UNIT ? 2 : 1) * n *
			(layout.size + sizeof(struct keep_change) + 8);
	}
	size = (size + 4095) / 4096 * 4096;
	h->queue.size = QUEUE_ROOM + QUEUE_A_UNIT * s->set->n;
	h->queue.at = place(&size, h->queue.size);
	h->log.size = (records + h->queue.size + 4096 + 4095) / 4096 * 4096;
	h->log.at = place(&size, h->log.size);
	h->texts.size = load_pack(s->set, NULL);
	h->texts.at = place(&size, h->texts.size);
	h->size = size;
}

static int make_file(struct supervisor *s, const struct keep_head *h, struct keep_head **map)
{
	cleanup_fd int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)h->size) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -1;
	*map = mmap(NULL, h->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		return -1;
	s->keep.size = h->size;
	s->keep.head = *map;
	return fd_take(&fd);
}

static void fill(struct supervisor *s, const struct keep_head *h, const struct kept_file *past)
{
	struct keep *k = &s->keep;

	*k->head = *h;
	for (enum keep_part p = 0; p < KEEP_PARTS; p++) {
		const struct kept_layout layout = keep_layout(p);

		(void)kept_describe(&layout, (char *)at(k, h->layouts[p].at),
			h->layouts[p].size + 1);
	}
	(void)load_pack(s->set, at(k, h->texts.at));
	/* The texts are for the next one: no page of them need be ours. */
	(void)madvise(at(k, h->texts.at), (h->texts.size + 4095) & ~UINT64_C(4095), MADV_DONTNEED);
	k->n_changed = 0;
	keep_commit(
		s); /* to the engine, all of a new generation has changed, and with each its unit */
	if (past == NULL || k->head == NULL)
		return;
	k->head->committed_ns = past->head->committed_ns;
	k->head->attempts = past->head->attempts;
}

void keep_begin(struct supervisor *s, const struct kept_file *past)
{
	struct keep *k = &s->keep;
	struct keep_head *map, *before = k->head, head;
	size_t size = k->size;
	cleanup_fd int fd = -1;
	struct err e;

	k->head = NULL;
	lay_out(s, &head);
	fd = make_file(s, &head, &map);
	if (fd >= 0)
		fill(s, &head, past);
	KILL_POINT("generation-made");
	if (fd < 0)
		give_up(s, strerror(errno));
	else if (k->head != NULL && link_hold(&s->link, HELD_KIND, HELD_NAME, fd, &e) < 0)
		give_up(s, e.msg);
	KILL_POINT("generation-held");
	if (before != NULL)
		(void)munmap(before, size);
}

void keep_well(struct supervisor *s)
{
	if (s->keep.head != NULL)
		s->keep.head->attempts = 0;
}
