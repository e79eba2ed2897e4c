/*
 * A service whose life can be accounted for, to the last line.
 *
 *   counter FOLDER NAME EVERY-MS LEAST-MS MOST-MS SEED any|well
 *
 * It writes a numbered line each EVERY-MS, each seventh to standard error, and ends by itself after LEAST-MS to
 * MOST-MS (0: never): well, or with any exit code or by a signal, but then not while FOLDER/calm is there. A file
 * FOLDER/NAME.end ends it at once, in any way, and is removed. What it does is noted in FOLDER/NAME.lives, each line
 * before the thing itself and in one write:
 *
 *   start LIFE PID                  LIFE is 1, 2, 3...
 *   end LIFE LINES stop             SIGTERM came; exit code 0
 *   end LIFE LINES exit code 3      as the supervisor will say it
 *   twice LIFE PID                  another one of that name lives: this must never happen
 *
 * The lines are "life LIFE line N check SUM xxx", of many lengths. tally compares all that with the logs.
 *
 *   counter                         ends well: a health check
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/helpers/counted.h"

#define STDERR_EACH 7
#define PADDING_MAX 90

struct counter {
	const char *folder, *name;
	unsigned long every, least, most;
	uint64_t random;
	bool well;
	unsigned long life, line;
};

static bool *stop_asked(void)
{
	static bool asked;

	return &asked;
}

static void on_term(int sig)
{
	(void)sig;
	*stop_asked() = true;
}

static uint64_t next_random(struct counter *c)
{
	uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000 + (unsigned long)t.tv_nsec / 1000000;
}

static void path_of(const struct counter *c, const char *ending, char path[256])
{
	(void)snprintf(path, 256, "%s/%s%s", c->folder, c->name, ending);
}

static void note(const struct counter *c, const char *word, unsigned long a, const char *more)
{
	char path[256], line[128];
	int n = snprintf(line, sizeof(line), "%s %lu %s\n", word, a, more);
	cleanup_fd int fd = -1;

	path_of(c, ".lives", path);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		abort(); /* nobody could account for us */
}

static unsigned long lives_before(const struct counter *c)
{
	char path[256], line[128];
	unsigned long n = 0;
	FILE *f;

	path_of(c, ".lives", path);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, "start ", 6) == 0;
	if (f != NULL)
		(void)fclose(f);
	return n;
}

static bool is_calm(const struct counter *c)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/calm", c->folder);
	return access(path, F_OK) == 0;
}

static bool is_told_to_end(const struct counter *c)
{
	char path[256];

	path_of(c, ".end", path);
	return unlink(path) == 0;
}

static bool goes_on(const struct counter *c, unsigned long until)
{
	if (*stop_asked() || is_told_to_end(c))
		return false;
	return c->most == 0 || now_ms() < until || (!c->well && is_calm(c));
}

static void begin(struct counter *c)
{
	char path[256], pid[32];
	int lock;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	path_of(c, ".lock", path);
	lock = open(path, O_RDWR | O_CREAT, 0644); /* held until the end of the process */
	c->life = lives_before(c) + 1;
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0) {
		note(c, "twice", c->life, pid);
		exit(99);
	}
	note(c, "start", c->life, pid);
	for (const char *p = c->name; *p != '\0'; p++)
		c->random = c->random * 31 + (unsigned char)*p;
	c->random += c->life * UINT64_C(0x100000001b3);
}

static void write_line(struct counter *c)
{
	char line[256];
	int fd = ++c->line % STDERR_EACH == 0 ? STDERR_FILENO : STDOUT_FILENO;
	int n = snprintf(line, sizeof(line) - PADDING_MAX - 1, "life %lu line %lu check %lx ",
		c->life, c->line, counted_sum(c->life, c->line));
	size_t padding = next_random(c) % PADDING_MAX;

	memset(line + n, 'x', padding);
	line[(size_t)n + padding] = '\n';
	/* not more than PIPE_BUF: all of it or nothing */
	while (write(fd, line, (size_t)n + padding + 1) < 0)
		if (errno != EINTR && errno != EAGAIN)
			abort();
}

/* Does not return. */
static void end(struct counter *c)
{
	static const struct {
		int signal;
		const char *name;
	} signals[] = { { SIGSEGV, "SEGV" }, { SIGABRT, "ABRT" }, { SIGKILL, "KILL" } };
	size_t which = next_random(c) % 6;
	int code = which < 2 ? 0 : (int)(next_random(c) % 120) + 1;
	char more[64];

	if (c->well)
		code = 0;
	if (*stop_asked()) {
		code = 0;
		(void)snprintf(more, sizeof(more), "%lu stop", c->line);
	} else if (which >= 3 && !c->well) {
		(void)snprintf(more, sizeof(more), "%lu killed by signal %s", c->line,
			signals[which - 3].name);
		note(c, "end", c->life, more);
		(void)raise(signals[which - 3].signal);
	} else {
		(void)snprintf(more, sizeof(more), "%lu exit code %d", c->line, code);
	}
	note(c, "end", c->life, more);
	_exit(code);
}

int main(int argc, char **argv)
{
	const struct rlimit no_core = { 0, 0 };
	const struct sigaction term = { .sa_handler = on_term };
	struct counter c;
	unsigned long until;

	if (argc == 1)
		return 0;
	if (argc != 8)
		return 2;
	c = (struct counter){ .folder = argv[1],
		.name = argv[2],
		.every = strtoul(argv[3], NULL, 10),
		.least = strtoul(argv[4], NULL, 10),
		.most = strtoul(argv[5], NULL, 10),
		.random = strtoul(argv[6], NULL, 10),
		.well = strcmp(argv[7], "well") == 0 };
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)sigaction(SIGTERM, &term, NULL);
	begin(&c);
	until = now_ms() + c.least + next_random(&c) % (c.most > c.least ? c.most - c.least : 1);
	while (goes_on(&c, until)) {
		const struct timespec pause = { (time_t)(c.every / 1000),
			(long)(c.every % 1000) * 1000000 };

		write_line(&c);
		(void)nanosleep(&pause, NULL);
	}
	end(&c);
}
