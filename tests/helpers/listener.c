/*
 * Both ends of socket activation.
 *
 *   listener serve                 takes $LISTEN_FDS, says what it was given, answers each connection with one line; on
 *                                  SIGTERM it finishes the one it has accepted and ends: the others are the next one's
 *   listener ask PORT COUNT AT-ONCE [PAUSE-MS]
 *                                  that many connections to 127.0.0.1, so many at a time, with pauses between them; says
 *                                  how many were answered
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3
#define FDS_SHOWN 256
#define AT_ONCE_MAX 64
#define PATIENCE_MS 60000

static const char *get(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "-";
}

static int said(const char *name)
{
	return (int)strtol(get(name), NULL, 10);
}

/* The pid is said by comparison: the one outside is another. */
static void say_what_was_given(void)
{
	printf("fds");
	for (int fd = 0; fd < FDS_SHOWN; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("; LISTEN_FDS=%s LISTEN_FDNAMES=%s LISTEN_PID is %s, blocking %s\n",
		get("LISTEN_FDS"), get("LISTEN_FDNAMES"),
		said("LISTEN_PID") == (int)getpid() ? "mine" : get("LISTEN_PID"),
		(fcntl(FIRST_FD, F_GETFL) & O_NONBLOCK) == 0 ? "yes" : "no");
	(void)fflush(stdout);
}

static void answer(int fd)
{
	static const char line[] = "served\n";
	char request[64];

	if (read(fd, request, sizeof(request)) > 0)
		(void)!write(fd, line, sizeof(line) - 1);
	(void)close(fd);
}

static int serve(void)
{
	struct pollfd fds[1 + AT_ONCE_MAX];
	nfds_t n = 1;
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, NULL);
	say_what_was_given();
	fds[0] = (struct pollfd){ .fd = signalfd(-1, &term, SFD_CLOEXEC), .events = POLLIN };
	for (int i = 0; i < said("LISTEN_FDS") && n <= AT_ONCE_MAX; i++)
		fds[n++] = (struct pollfd){ .fd = FIRST_FD + i, .events = POLLIN };
	while (poll(fds, n, -1) >= 0 && fds[0].revents == 0)
		for (nfds_t i = 1; i < n; i++) {
			int fd = fds[i].revents != 0 ? accept(fds[i].fd, NULL, NULL) : -1;

			if (fd >= 0)
				answer(fd);
		}
	return 0;
}

/* ---- the client */

static int begin(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
		write(fd, "hello\n", 6) == 6)
		return fd;
	perror("connect");
	(void)close(fd);
	return -1;
}

static int ask(int port, int count, int at_once, int pause_ms)
{
	const struct timespec pause = { pause_ms / 1000, pause_ms % 1000 * 1000000L };
	struct pollfd fds[AT_ONCE_MAX];
	int begun = 0, done = 0, good = 0;

	for (int i = 0; i < at_once; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	while (done < count) {
		for (int i = 0; i < at_once; i++)
			if (fds[i].fd < 0 && begun < count) {
				(void)nanosleep(&pause, NULL);
				fds[i].fd = begin(port);
				done += fds[i].fd < 0;
				begun++;
			}
		if (done < count && poll(fds, (nfds_t)at_once, PATIENCE_MS) <= 0)
			break;
		for (int i = 0; i < at_once; i++) {
			char line[16];

			if (fds[i].fd < 0 || fds[i].revents == 0)
				continue;
			good += read(fds[i].fd, line, sizeof(line)) == 7;
			done++;
			(void)close(fds[i].fd);
			fds[i].fd = -1;
			fds[i].revents = 0;
		}
	}
	printf("%d of %d answered\n", good, count);
	return good == count ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve();
	if (argc >= 5 && argc <= 6 && strcmp(argv[1], "ask") == 0 &&
		strtol(argv[4], NULL, 10) <= AT_ONCE_MAX)
		return ask((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10),
			(int)strtol(argv[4], NULL, 10),
			argc == 6 ? (int)strtol(argv[5], NULL, 10) : 0);
	(void)fprintf(stderr, "usage: listener serve | ask PORT COUNT AT-ONCE [PAUSE-MS]\n");
	return 2;
}
