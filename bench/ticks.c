/*
 * What the bench runs in a container to see whether the container notices anything.
 *
 *   ticks FILE          looks at the clock every millisecond and keeps the longest time between two looks in FILE; prints a
 *                       numbered line every five
 *   ticks --read FILE...  what has been kept since the last time: "FILE starts ticks longest", times in microseconds
 *   ticks --now         microseconds of the clock on the wall, by which logs are stamped
 */
#include "bench/measure.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define TICK_NS 1000000u
#define TICKS_A_LINE 5u
#define NSEC 1000000000u

struct kept {
	uint64_t starts;
	uint64_t ticks;
	uint64_t longest; /* nanoseconds */
};

static struct kept *map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct kept *kept = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(*kept)) == 0)
		kept = mmap(NULL, sizeof(*kept), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (kept == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	(void)close(fd);
	return kept;
}

static void wait_for_tick(struct timespec *next)
{
	next->tv_nsec += TICK_NS;
	if (next->tv_nsec >= (long)NSEC) {
		next->tv_nsec -= (long)NSEC;
		next->tv_sec++;
	}
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static _Noreturn void tick(struct kept *kept)
{
	uint64_t last = bench_now();
	struct timespec next;

	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	(void)__atomic_add_fetch(&kept->starts, 1, __ATOMIC_RELAXED);
	for (uint64_t line = 0;; line++) {
		for (unsigned int i = 0; i < TICKS_A_LINE; i++) {
			uint64_t now;

			wait_for_tick(&next);
			now = bench_now();
			if (now - last > __atomic_load_n(&kept->longest, __ATOMIC_RELAXED))
				__atomic_store_n(&kept->longest, now - last, __ATOMIC_RELAXED);
			(void)__atomic_add_fetch(&kept->ticks, 1, __ATOMIC_RELAXED);
			last = now;
		}
		(void)dprintf(STDOUT_FILENO, "line %llu\n", (unsigned long long)line);
	}
}

static void read_kept(const char *path)
{
	struct kept *kept = map(path);
	uint64_t starts = __atomic_load_n(&kept->starts, __ATOMIC_RELAXED);
	uint64_t ticks = __atomic_exchange_n(&kept->ticks, 0, __ATOMIC_RELAXED);
	uint64_t longest = __atomic_exchange_n(&kept->longest, 0, __ATOMIC_RELAXED);

	(void)printf("%s %llu %llu %llu\n", path, (unsigned long long)starts,
		(unsigned long long)ticks, (unsigned long long)longest / 1000);
	(void)munmap(kept, sizeof(*kept));
}

int main(int argc, char **argv)
{
	struct timespec now;

	if (argc == 2 && strcmp(argv[1], "--now") == 0) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		(void)printf("%llu\n",
			(unsigned long long)now.tv_sec * 1000000 +
				(unsigned long long)now.tv_nsec / 1000);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--read") == 0) {
		for (int i = 2; i < argc; i++)
			read_kept(argv[i]);
		return 0;
	}
	if (argc != 2)
		return 2;
	tick(map(argv[1]));
}
