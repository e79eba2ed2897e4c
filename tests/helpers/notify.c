/*
 * Speaks sd_notify(3) as it is told: each argument is a message to $NOTIFY_SOCKET, but "wait:PATH", which waits until that
 * path exists, and "exit:CODE". After the last one it stays until a signal ends it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS 20000000

static int say(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	if (path == NULL || strlen(path) >= sizeof(to.sun_path) || fd < 0) {
		(void)fprintf(stderr, "no usable NOTIFY_SOCKET\n");
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path));
	n = sendto(fd, message, strlen(message), 0, (const struct sockaddr *)&to, sizeof(to));
	if (n < 0)
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
	(void)close(fd);
	return n < 0 ? -1 : 0;
}

static void wait_for(const char *path)
{
	const struct timespec interval = { .tv_nsec = POLL_NS };

	while (access(path, F_OK) < 0)
		(void)nanosleep(&interval, NULL);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "wait:", 5) == 0)
			wait_for(argv[i] + 5);
		else if (strncmp(argv[i], "exit:", 5) == 0)
			return (int)strtol(argv[i] + 5, NULL, 10);
		else if (say(argv[i]) < 0)
			return 1;
	}
	for (;;)
		(void)pause();
}
