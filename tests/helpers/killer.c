/*
 * killer TIMES MOST-MS SEED [supervisor|init|both [LOGS KEPT]]: ends the supervisor by SIGKILL, again and again, wherever it just is:
 * up to MOST-MS after it has answered, or (three of ten times) within 60 ms after the one before died, that is while it
 * recovers. Five times in a row at most, since an init whose supervisor never comes up gives up. With "init" it sends
 * SIGSEGV to PID 1 instead, with "both" the one or the other. Prints figures; ends with 1 when no answer came.
 *
 * Meanwhile and at its end each file of the folder LOGS gets a second name in the folder KEPT, UNIT.log.INODE, so that
 * nothing falls out of a log that is rotated.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/paths.h"
#include "common/roster.h"
#include "common/wire.h"

#define IN_RECOVERY_MS 60
#define IN_ROW_MAX 5
#define PATIENCE_MS 60000
#define PAUSE_US 500
#define KEEP_US 500000

struct killer {
	uint64_t random;
	int pid; /* of the supervisor, if known */
	unsigned long kills, in_recovery, init_faults;
	uint64_t slowest_us, sum_us, answers;
	const char *logs, *kept; /* or NULL */
	uint64_t kept_us;
};

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void pause_us(uint64_t us)
{
	const struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };

	(void)nanosleep(&t, NULL);
}

static uint64_t next_random(struct killer *k)
{
	uint64_t z = k->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool read_small(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(text, 1, size - 1, f) : 0;

	text[n] = '\0';
	if (f != NULL)
		(void)fclose(f);
	return n > 0;
}

static bool blocks_signals(int pid)
{
	unsigned long long blocked;
	char path[64], text[2048], *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	at = read_small(path, text, sizeof(text)) ? strstr(text, "\nSigBlk:") : NULL;
	return at == NULL || sscanf(at, "\nSigBlk: %llx", &blocked) != 1 ||
		(blocked >> (SIGTERM - 1) & 1) != 0;
}

/* init has the roster, too, as has who was cloned; a process that blocks no signal any more has its slot. */
static bool is_in_roster(int pid)
{
	struct roster_slot slot;
	off_t at = offsetof(struct roster, slot);
	cleanup_fd int fd = -1;
	bool found = false;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, ROSTER_FD);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true; /* it is no supervisor, or not yet */
	while (!found && pread(fd, &slot, sizeof(slot), at) == (ssize_t)sizeof(slot)) {
		found = atomic_load(&slot.state) != SLOT_FREE && slot.pid == pid;
		at += sizeof(slot);
	}
	return found;
}

/*
 * When it is the supervisor: since when it runs. It is a child of PID 1 that leads a session; a process that it has
 * cloned and that has not executed its program yet bears the same name, but is in another session, or blocks all signals
 * until just before it does, or is in the roster.
 */
static unsigned long long supervisor_since(int pid)
{
	char path[64], text[512], *at;
	unsigned long long since;
	int parent, group, session;
	char state;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!read_small(path, text, sizeof(text)) || strstr(text, " (supervisor) ") == NULL)
		return 0;
	at = strrchr(text, ')') + 2;
	if (sscanf(at,
		    "%c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		    &state, &parent, &group, &session, &since) != 5 ||
		parent != 1 || session != pid || state == 'Z' || state == 'X')
		return 0;
	if (blocks_signals(pid) || is_in_roster(pid))
		return 0;
	return since;
}

static int find_supervisor(void)
{
	DIR *d = opendir("/proc");
	unsigned long long oldest = 0;
	struct dirent *entry;
	int found = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		int pid = (int)strtol(entry->d_name, NULL, 10);
		unsigned long long since = pid > 1 ? supervisor_since(pid) : 0;

		if (since > 0 && (oldest == 0 || since < oldest)) {
			oldest = since;
			found = pid;
		}
	}
	if (d != NULL)
		(void)closedir(d);
	return found;
}

/* Who has read a question and answered it; 0: nobody. */
static int answering(void)
{
	static const char question[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = PATH_CONTROL };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);
	char answer[16];

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
		write(fd, question, sizeof(question)) != (ssize_t)sizeof(question) ||
		read(fd, answer, sizeof(answer)) <= 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return 0;
	return who.pid;
}

/* By the descriptor: the name may be another file's by now. */
static void keep_one(const struct killer *k, const char *name)
{
	const char *end = strstr(name, ".log");
	char from[PATH_MAX], to[PATH_MAX];
	cleanup_fd int fd = -1;
	struct stat st;

	(void)snprintf(from, sizeof(from), "%s/%s", k->logs, name);
	fd = end != NULL ? open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	(void)snprintf(to, sizeof(to), "%s/%.*s.%llu", k->kept, (int)(end + 4 - name), name,
		(unsigned long long)st.st_ino);
	if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
		perror(to);
}

static void keep_logs(struct killer *k)
{
	DIR *d = k->logs != NULL && now_us() - k->kept_us > KEEP_US ? opendir(k->logs) : NULL;
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		keep_one(k, entry->d_name);
	(void)closedir(d);
	k->kept_us = now_us();
}

static int await_answer(struct killer *k)
{
	uint64_t begun = now_us(), took;

	while ((k->pid = answering()) == 0) {
		if (now_us() - begun > PATIENCE_MS * 1000UL)
			return -1;
		pause_us(PAUSE_US);
	}
	took = now_us() - begun;
	k->answers++;
	k->sum_us += took;
	if (took > k->slowest_us)
		k->slowest_us = took;
	return 0;
}

static int kill_supervisor(struct killer *k)
{
	uint64_t begun = now_us();

	while ((k->pid == 0 && (k->pid = find_supervisor()) == 0) || kill(k->pid, SIGKILL) < 0) {
		k->pid = 0;
		if (now_us() - begun > PATIENCE_MS * 1000UL)
			return -1;
		pause_us(PAUSE_US);
	}
	k->kills++;
	k->pid = 0;
	return 0;
}

static int strike(struct killer *k, const char *whom)
{
	bool init = strcmp(whom, "init") == 0 ||
		(strcmp(whom, "both") == 0 && next_random(k) % 2 == 0);

	if (!init)
		return kill_supervisor(k);
	k->kills++;
	k->init_faults++;
	return kill(1, SIGSEGV);
}

int main(int argc, char **argv)
{
	unsigned long times = argc >= 4 ? strtoul(argv[1], NULL, 10) : 0, row = 0;
	uint64_t most = argc >= 4 ? strtoul(argv[2], NULL, 10) : 0;
	const char *whom = argc >= 5 ? argv[4] : "supervisor";
	struct killer k = { 0 };

	if (argc < 4 || argc > 7)
		return 2;
	k.logs = argc == 7 ? argv[5] : NULL;
	k.kept = argv[argc - 1];
	(void)signal(SIGPIPE, SIG_IGN); /* of a supervisor that dies while it is asked */
	k.random = strtoul(argv[3], NULL, 10);
	while (k.kills < times) {
		bool at_once = k.kills > 0 && row < IN_ROW_MAX && next_random(&k) % 10 < 3;

		keep_logs(&k);
		row = at_once ? row + 1 : 0;
		k.in_recovery += at_once;
		if (!at_once && await_answer(&k) < 0)
			break;
		pause_us(next_random(&k) % ((at_once ? IN_RECOVERY_MS : most) * 1000 + 1));
		if (strike(&k, whom) < 0)
			break;
	}
	k.kept_us = 0;
	keep_logs(&k);
	printf("kills %lu in-recovery %lu of-init %lu answers %llu mean-us %llu slowest-us %llu\n",
		k.kills, k.in_recovery, k.init_faults, (unsigned long long)k.answers,
		(unsigned long long)(k.answers > 0 ? k.sum_us / k.answers : 0),
		(unsigned long long)k.slowest_us);
	return k.kills == times && await_answer(&k) == 0 ? 0 : 1;
}
