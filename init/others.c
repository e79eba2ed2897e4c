#include "init/others.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/fd.h"

#define PIECE 512

static void tell(pid_t pid, int signo)
{
	(void)kill(pid, signo);
	(void)kill(pid, SIGCONT);
}

/* Numbers with a blank behind each, read in pieces that may part one. */
static int tell_listed(int fd, int signo, size_t *told)
{
	char piece[PIECE];
	size_t count = 0;
	pid_t pid = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (piece[i] >= '0' && piece[i] <= '9') {
				pid = pid * 10 + (piece[i] - '0');
				continue;
			}
			if (pid > 1 && count++ >= *told)
				tell(pid, signo);
			pid = 0;
		}
	}
	*told = count;
	return n < 0 ? -1 : 0;
}

int others_tell(int signo, size_t *told)
{
	cleanup_fd int fd = -1;

	if (getpid() == 1) {
		if (*told == 0)
			tell(-1, signo);
		*told = SIZE_MAX;
		return 0;
	}
	fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : tell_listed(fd, signo, told);
}
