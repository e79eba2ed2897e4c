#include "supervisor/sys/recover/keepfile.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/supervisor.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define ATTEMPTS_MAX 3

static bool fits(const struct keep_head *h, const struct keep_area *a)
{
	return a->at <= h->size && a->size <= h->size - a->at;
}

/* Records, queue and the time stand before the log; what says where they are never changes. */
static bool may_change(const struct keep_head *h, const struct keep_change *c)
{
	const struct keep_area to = { c->at, c->size };

	if (c->at == offsetof(struct keep_head, committed_ns))
		return c->size == sizeof(h->committed_ns);
	return fits(h, &to) && c->at >= sizeof(*h) && c->at + c->size <= h->log.at;
}

/* Of a file that was checked, or that we made. A change that does not fit is of a log that somebody scribbled on. */
void keep_apply(struct keep_head *h)
{
	uint64_t n = atomic_load(&h->logged), done = 0;

	while (n <= h->log.size && done + sizeof(struct keep_change) <= n) {
		const struct keep_change *c = (const void *)((uint8_t *)h + h->log.at + done);

		done += sizeof(*c);
		if (!may_change(h, c) || c->size > n - done)
			break;
		memcpy((uint8_t *)h + c->at, c + 1, c->size);
		done += (c->size + 7) / 8 * 8;
		KILL_POINT("commit-applied");
	}
	atomic_store(&h->logged, 0);
}

static int check(const struct kept_file *f, struct err *e)
{
	const struct keep_head *h = f->head;
	bool good = true;

	if (h->magic != KEEP_MAGIC || h->version != KEEP_VERSION)
		return err_setx(e, "it is of another version");
	if (h->size != f->size)
		return err_setx(e, "it is of another size");
	for (size_t i = 0; i < KEEP_PARTS; i++) {
		const struct keep_records *r = &h->records[i];

		good = good && fits(h, &h->layouts[i]) && r->at <= h->size && r->size <= h->size &&
			(r->size == 0 || r->n <= (h->size - r->at) / r->size);
	}
	if (!good || !fits(h, &h->queue) || h->queue.size < sizeof(uint64_t) || !fits(h, &h->log) ||
		h->log.at % 8 != 0 || !fits(h, &h->texts))
		return err_setx(e, "its head is damaged");
	if (h->attempts > ATTEMPTS_MAX)
		return err_setx(e, "%u supervisors that began with it died of a fault",
			h->attempts);
	return 0;
}

static int read_layouts(struct kept_file *f, struct err *e)
{
	for (enum keep_part p = 0; p < KEEP_PARTS; p++) {
		const struct kept_layout ours = keep_layout(p);
		const struct keep_area *a = &f->head->layouts[p];

		if (kept_map_make(&f->maps[p], &ours, (const char *)f->head + a->at, a->size) < 0 ||
			f->maps[p].size != f->head->records[p].size)
			return err_setx(e, "it does not say what is in its records");
	}
	return 0;
}

int kept_open(struct kept_file *f, int fd, bool counts, struct err *e)
{
	cleanup_fd int owned = fd;
	struct stat st;

	*f = (struct kept_file){ 0 };
	if (fstat(owned, &st) < 0 || st.st_size < (off_t)sizeof(struct keep_head))
		return err_setx(e, "it is too small");
	f->size = (size_t)st.st_size;
	f->head = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, owned, 0);
	if (f->head == MAP_FAILED) {
		f->head = NULL;
		return err_set(e, "map it");
	}
	if (counts)
		f->head->attempts++;
	if (check(f, e) < 0 || read_layouts(f, e) < 0) {
		kept_close(f);
		return -1;
	}
	keep_apply(f->head);
	return 0;
}

void kept_close(struct kept_file *f)
{
	if (f->head != NULL)
		(void)munmap(f->head, f->size);
	f->head = NULL;
}

struct unit_set *kept_units(const struct kept_file *f)
{
	const struct keep_area *a = &f->head->texts;

	return load_packed((const uint8_t *)f->head + a->at, a->size);
}

const uint8_t *kept_record(const struct kept_file *f, enum keep_part part, uint32_t index)
{
	const struct keep_records *r = &f->head->records[part];

	return index < r->n ? (const uint8_t *)f->head + r->at + index * r->size : NULL;
}

const uint8_t *kept_queue(const struct kept_file *f, size_t *size)
{
	const struct keep_area *q = &f->head->queue;
	const uint8_t *bytes = (const uint8_t *)f->head + q->at;
	uint64_t n;

	memcpy(&n, bytes, sizeof(n));
	*size = n <= q->size - sizeof(n) ? n : 0;
	return bytes + sizeof(n);
}

uint64_t kept_committed_ns(const struct kept_file *f)
{
	return f->head->committed_ns;
}

void kept_unit(const struct kept_file *f, uint32_t index, struct kept_unit *unit)
{
	const uint8_t *record = kept_record(f, KEEP_UNIT, index);

	*unit = (struct kept_unit){ 0 };
	if (record != NULL)
		kept_unpack(&f->maps[KEEP_UNIT], record, unit);
}

void kept_supervisor(const struct kept_file *f, struct kept_supervisor *of)
{
	const uint8_t *record = kept_record(f, KEEP_SUPERVISOR, 0);

	*of = (struct kept_supervisor){ 0 };
	if (record != NULL)
		kept_unpack(&f->maps[KEEP_SUPERVISOR], record, of);
}
