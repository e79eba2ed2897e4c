#include "init/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "init/init.h"

/* Cut short by the other side it would be a SIGBUS for us. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int map(struct roster_map *m, int *fd)
{
	void *at = mmap(NULL, sizeof(struct roster), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);

	if (at == MAP_FAILED)
		return -1;
	m->fd = fd_take(fd);
	m->at = at;
	return 0;
}

int roster_make(struct roster_map *m)
{
	cleanup_fd int fd = -1;

	if (m->at != NULL)
		return 0;
	fd = memfd_create("roster", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, sizeof(struct roster)) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return map(m, &fd);
}

/* A memfd that was sealed by us and has the size: there is no other of that kind here. */
void roster_resume(struct init *init)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int kept;

	if (!state_read(init, STATE_ROSTER, 0, &kept, sizeof(kept)) || !state_claim(kept))
		return;
	fd = kept;
	if (fcntl(fd, F_GET_SEALS) == SEALS && fstat(fd, &st) == 0 &&
		st.st_size == sizeof(struct roster))
		(void)map(&init->roster, &fd);
}

void roster_sign(struct roster_map *m)
{
	m->at->magic = ROSTER_MAGIC;
	m->at->version = ROSTER_VERSION;
	m->at->slots = ROSTER_SLOTS;
	(void)atomic_fetch_add(&m->at->lives, 1);
}

/*
 * A look at a slot nobody used would give it memory, and all of them take time. The memfd knows where
 * its last page is; where it does not say, every slot is looked at.
 */
size_t roster_used(const struct roster_map *m)
{
	off_t end = 0;
	size_t used;

	if (m->at == NULL)
		return 0;
	for (;;) {
		off_t data = lseek(m->fd, end, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return ROSTER_SLOTS;
		end = lseek(m->fd, data, SEEK_HOLE);
		if (end < 0)
			return ROSTER_SLOTS;
	}
	if ((size_t)end <= offsetof(struct roster, slot))
		return 0;
	used = ((size_t)end - offsetof(struct roster, slot)) / sizeof(struct roster_slot) + 1;
	return used < ROSTER_SLOTS ? used : ROSTER_SLOTS;
}

size_t roster_find(const struct roster_map *m, size_t from, size_t end, pid_t pid)
{
	for (size_t i = from; i < end; i++) {
		const struct roster_slot *slot = &m->at->slot[i];

		if (atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_LIVE &&
			slot->pid == pid)
			return i;
	}
	return ROSTER_NONE;
}

void roster_exited(struct roster_map *m, size_t slot, int status, uint64_t now_ns)
{
	struct roster_slot *s = &m->at->slot[slot];
	uint32_t live = SLOT_LIVE;

	s->status = status;
	s->exited_ns = now_ns;
	(void)atomic_compare_exchange_strong(&s->state, &live, SLOT_EXITED);
}

void roster_count_orphan(struct roster_map *m)
{
	if (m->at != NULL)
		(void)atomic_fetch_add_explicit(&m->at->orphans, 1, memory_order_relaxed);
}

void roster_supervisor_ended(struct roster_map *m, int status)
{
	if (m->at != NULL)
		atomic_store(&m->at->ended, (uint32_t)status);
}
