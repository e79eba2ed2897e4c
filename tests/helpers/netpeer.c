/*
 * Both ends of a try of a network.
 *
 *   netpeer serve WORD KIND:PORT...        answers each peer with "WORD ADDRESS", the address it sees
 *   netpeer ask KIND ADDRESS PORT [FROM]   prints the answer, or "no answer: REASON" after two seconds; from that port
 *   netpeer flows ADDRESS PORT N           says something to it by UDP from as many ports, twice, and hears nothing
 *
 * KIND is tcp or udp. `serve` ends by SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVERS_MAX 8
#define WAIT_MS 2000
#define FLOWS_FROM 10000
#define FLOWS_AT_ONCE 4000

struct server {
	bool udp;
	int fd;
};

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int open_server(struct server *s, const char *text)
{
	const char *port = strchr(text, ':');
	struct sockaddr_in at = { .sin_family = AF_INET };
	int on = 1;

	if (port == NULL)
		return -1;
	at.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
	s->udp = strncmp(text, "udp:", 4) == 0;
	s->fd = socket(AF_INET, s->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	return s->udp ? 0 : listen(s->fd, 16);
}

static void answer(const struct server *s, const char *word)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);
	char text[128];
	int size, fd = s->fd;

	if (s->udp)
		(void)recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&peer, &len);
	else
		fd = accept(s->fd, (struct sockaddr *)&peer, &len);
	size = snprintf(text, sizeof(text), "%s %s", word, inet_ntoa(peer.sin_addr));
	(void)sendto(fd, text, (size_t)size, 0, s->udp ? (const struct sockaddr *)&peer : NULL,
		s->udp ? len : 0);
	if (!s->udp)
		(void)close(fd);
}

static void end(int sig)
{
	(void)sig;
	_exit(0);
}

static int serve(const char *word, char **where, int n)
{
	struct server servers[SERVERS_MAX];
	struct pollfd fds[SERVERS_MAX];

	/* PID 1 of a namespace has no default action. */
	(void)signal(SIGTERM, end);
	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < n; i++) {
		if (open_server(&servers[i], where[i]) < 0)
			return die(where[i]);
		fds[i] = (struct pollfd){ .fd = servers[i].fd, .events = POLLIN };
	}
	for (;;) {
		(void)poll(fds, (nfds_t)n, -1);
		for (int i = 0; i < n; i++)
			if ((fds[i].revents & POLLIN) != 0)
				answer(&servers[i], word);
	}
}

static int no_answer(void)
{
	printf("no answer: %s\n", strerror(errno));
	return 0;
}

static int ask(const char *kind, const char *addr, const char *port, const char *from)
{
	bool udp = strcmp(kind, "udp") == 0;
	int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0), error = 0;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(addr) };
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct pollfd p = { .fd = fd, .events = udp ? POLLIN : POLLOUT };
	socklen_t len = sizeof(error);
	char text[128];
	ssize_t got;

	to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	own.sin_port = htons((uint16_t)strtoul(from, NULL, 10));
	errno = 0;
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0)
		return no_answer();
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return no_answer();
	if (udp && send(fd, "?", 1, 0) < 0)
		return no_answer();
	for (int i = 0; i < 2; i++) {
		errno = ETIMEDOUT;
		if (poll(&p, 1, WAIT_MS) <= 0)
			return no_answer();
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		errno = error;
		if (error != 0)
			return no_answer();
		p.events = POLLIN;
	}
	got = recv(fd, text, sizeof(text), 0);
	if (got <= 0)
		return no_answer();
	printf("%.*s\n", (int)got, text);
	return 0;
}

static int say(struct sockaddr_in to, int from)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons((uint16_t)from) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc = -1;

	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0 &&
		sendto(fd, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)) == 1)
		rc = 0;
	(void)close(fd);
	return rc;
}

/*
 * For a new connection the kernel gives up an older one, but not one of UDP that was answered and goes on two seconds after it began.
 * So there are never more at once of others than the smallest table holds.
 */
static int flows(const char *addr, const char *port, int n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(addr) };

	to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	for (int done = 0; done < n; done += FLOWS_AT_ONCE)
		for (int again = 0; again < 2; again++) {
			for (int i = 0; i < FLOWS_AT_ONCE; i++)
				if (say(to, FLOWS_FROM + done + i) < 0)
					return die(addr);
			if (again == 0)
				(void)sleep(3);
		}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && argc - 3 <= SERVERS_MAX && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv + 3, argc - 3);
	if ((argc == 5 || argc == 6) && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv[3], argv[4], argc == 6 ? argv[5] : "0");
	if (argc == 5 && strcmp(argv[1], "flows") == 0)
		return flows(argv[2], argv[3], atoi(argv[4]));
	(void)fprintf(stderr,
		"usage: netpeer serve WORD KIND:PORT... | ask KIND ADDRESS PORT [FROM] | flows ADDRESS PORT N\n");
	return 2;
}
