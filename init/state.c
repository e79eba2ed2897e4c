#include "init/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/util.h"
#include "init/init.h"
#include "init/mounts.h"
#include "init/text.h"

#define MAGIC 0x73757053u /* "supS" */
#define PROGRAM "/proc/self/exe"

#define PART(field, n)                                                                  \
	{                                                                               \
		offsetof(struct init, field), sizeof(((struct init *)NULL)->field), (n) \
	}

static const struct {
	uint32_t at, size, count;
} layout[] = {
	[STATE_SELF] = PART(self, 1),
	[STATE_CRASH] = PART(crash, 1),
	[STATE_ROSTER] = PART(roster.fd, 1),
	[STATE_SUPERVISE] = PART(supervise, 1),
	[STATE_WIRE] = PART(wire, 1),
	[STATE_REQUEST] = PART(request, 1),
	[STATE_WATCHDOG] = PART(watchdog, 1),
	[STATE_HOLD] = { offsetof(struct init, hold), offsetof(struct hold, slot), 1 },
	[STATE_HELD] = PART(hold.slot[0], HOLD_MAX),
};
_Static_assert(sizeof(layout) / sizeof(layout[0]) == STATE_PARTS, "each part has its place");

static void write_head(struct state_head *head)
{
	head->parts = STATE_PARTS;
	for (size_t i = 0; i < STATE_PARTS; i++) {
		head->part[i].at = layout[i].at;
		head->part[i].size = layout[i].size;
		head->part[i].count = layout[i].count;
	}
	head->magic = MAGIC;
}

/* RLIMIT_FSIZE counts for memory files, too; what was inherited is put right before the first is made. */
static void let_files_grow(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_FSIZE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_FSIZE, &files);
}

static struct init *make(struct init *spare)
{
	cleanup_fd int fd = -1;
	struct init *init = spare;
	void *at;

	let_files_grow();
	fd = memfd_create("init", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, sizeof(*init)) == 0) {
		at = mmap(NULL, sizeof(*init), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED)
			init = at;
	}
	write_head(&init->head);
	init->state_fd = init == spare ? -1 : fd_take(&fd);
	init->before_fd = -1;
	init->self.exe = -1;
	init->wire.fd = -1;
	init->roster.fd = -1;
	init->watchdog.fd = -1;
	return init;
}

bool state_claim(int fd)
{
	return fd > STDERR_FILENO && fcntl(fd, F_GETFD) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int resume_fd(char *const argv[])
{
	static const char option[] = REEXEC_OPTION;
	int fd;

	if (argv[0] == NULL || argv[1] == NULL || strncmp(argv[1], option, sizeof(option) - 1) != 0)
		return -1;
	return text_number(argv[1] + sizeof(option) - 1, INT_MAX, &fd) < 0 ? INT_MAX : fd;
}

static bool readable(struct init *init)
{
	const struct state_head *b = &init->before;

	return pread(init->before_fd, &init->before, sizeof(init->before), 0) ==
		sizeof(init->before) &&
		b->magic == MAGIC;
}

bool state_read(const struct init *init, enum state_part part, size_t i, void *to, size_t size)
{
	const struct state_head *b = &init->before;
	size_t known = b->part[part].size < size ? b->part[part].size : size;

	memset(to, 0, size);
	if (i >= state_count(init, part))
		return false;
	return pread(init->before_fd, to, known,
		       (off_t)(b->part[part].at + (uint64_t)i * b->part[part].size)) ==
		(ssize_t)known;
}

size_t state_count(const struct init *init, enum state_part part)
{
	const struct state_head *b = &init->before;

	return init->before_fd >= 0 && (uint32_t)part < b->parts ? b->part[part].count : 0;
}

void state_write_back(const struct init *init, enum state_part part, const void *from, size_t size)
{
	const struct state_head *b = &init->before;

	if (state_count(init, part) > 0 && size <= b->part[part].size)
		(void)!pwrite(init->before_fd, from, size, (off_t)b->part[part].at);
}

static void take_self(struct init *init)
{
	struct self *s = &init->self;

	/* The kernel named it after the descriptor. */
	(void)prctl(PR_SET_NAME, "init");
	(void)state_read(init, STATE_SELF, 0, s, sizeof(*s));
	if (memchr(s->path, '\0', sizeof(s->path)) == NULL)
		s->path[0] = '\0';
	if (!state_claim(s->exe))
		s->exe = -1;
	(void)state_read(init, STATE_CRASH, 0, &init->crash, sizeof(init->crash));
}

/* Nothing of it can be believed. What the boot did is there to be seen. */
static void start_afresh(struct init *init)
{
	init->lost = true;
	init->self.booted = mounts_are_made() ? UINT_MAX : 0;
}

struct init *state_open(struct init *spare, char *const argv[])
{
	int before = resume_fd(argv);
	struct init *init = make(spare);

	if (before < 0)
		return init;
	if (state_claim(before))
		init->before_fd = before;
	if (init->before_fd >= 0 && readable(init)) {
		take_self(init);
		return init;
	}
	fd_close(&init->before_fd);
	start_afresh(init);
	return init;
}

/* The path is told before anyone could replace the file: afterwards it reads "... (deleted)". */
static void know_program(struct self *s)
{
	ssize_t len;

	if (s->exe < 0)
		s->exe = open(PROGRAM, O_PATH | O_CLOEXEC);
	if (s->path[0] != '\0')
		return;
	len = readlink(PROGRAM, s->path, sizeof(s->path));
	if (len < 0 || (size_t)len >= sizeof(s->path))
		len = 0;
	s->path[len] = '\0';
}

/* What was kept for an entry that is lost: nobody will ask for it. Numbers are given from the lowest on. */
static void close_unclaimed(void)
{
	for (int fd = STDERR_FILENO + 1; fd < HOLD_MAX + 64; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			(void)close(fd);
}

void state_resume(struct init *init)
{
	static void (*const parts[])(struct init *) = {
		roster_resume,
		supervise_resume,
		wire_resume,
		request_resume,
		watchdog_resume,
		hold_resume,
		crash_resume,
	};

	know_program(&init->self);
	if (init->before_fd < 0 && !init->lost)
		return;
	if (init->lost)
		console_say(&init->console, "what it knew is lost: the supervisor is started anew");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i](init);
	fd_close(&init->before_fd);
	close_unclaimed();
}
