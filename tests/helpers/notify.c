/*
 * Speaks sd_notify(3) as it is told: each argument is a message to $NOTIFY_SOCKET, but "wait:PATH", which waits until that
 * path exists, "signal:NUMBER", which waits for that signal, "exit:CODE", and "again:MS", which says the message
 * before it again every so many milliseconds. A "@" at the end of a message is the monotonic
 * time in microseconds. After the last one it stays until a signal ends it.
 */
#include <errno.h>
#include <signal.h>
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

static int say_when(const char *message)
{
	size_t n = strlen(message);
	struct timespec now;
	char text[256];

	if (n == 0 || message[n - 1] != '@')
		return say(message);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text), "%.*s%lld", (int)(n - 1), message,
		(long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return say(text);
}

/* Blocked from the beginning, so that one that comes early is not lost. */
static void take_signals(int argc, char **argv, sigset_t *set)
{
	(void)sigemptyset(set);
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "signal:", 7) == 0)
			(void)sigaddset(set, (int)strtol(argv[i] + 7, NULL, 10));
	(void)sigprocmask(SIG_BLOCK, set, NULL);
}

static void wait_for(const char *path)
{
	const struct timespec interval = { .tv_nsec = POLL_NS };

	while (access(path, F_OK) < 0)
		(void)nanosleep(&interval, NULL);
}

static _Noreturn void say_again(const char *message, const char *ms)
{
	long every = strtol(ms, NULL, 10);
	const struct timespec interval = { every / 1000, every % 1000 * 1000000 };

	for (;;) {
		(void)say_when(message);
		(void)nanosleep(&interval, NULL);
	}
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int sig;

	take_signals(argc, argv, &signals);
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "wait:", 5) == 0)
			wait_for(argv[i] + 5);
		else if (strncmp(argv[i], "exit:", 5) == 0)
			return (int)strtol(argv[i] + 5, NULL, 10);
		else if (strncmp(argv[i], "signal:", 7) == 0)
			(void)sigwait(&signals, &sig);
		else if (strncmp(argv[i], "again:", 6) == 0)
			say_again(argv[i - 1], argv[i] + 6);
		else if (say_when(argv[i]) < 0)
			return 1;
	}
	for (;;)
		(void)pause();
}
