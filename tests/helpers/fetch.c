/*
 * fetch HOST PORT: asks a web server for "/" and prints the body; HOST may be a name of /etc/hosts. Ends with 1 and says why
 * when there is no answer within two seconds.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_S 2
#define ANSWER_MAX 4096

static int dial(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	const struct timeval wait = { .tv_sec = WAIT_S };
	struct addrinfo *found;
	int fd;

	if (getaddrinfo(host, port, &hints, &found) != 0) {
		(void)fprintf(stderr, "%s: no such name\n", host);
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* On Linux the time for sending limits connect(2) too. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		perror(host);
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int main(int argc, char **argv)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char answer[ANSWER_MAX + 1];
	size_t n = 0;
	ssize_t got;
	char *body;
	int fd;

	if (argc != 3)
		return 2;
	fd = dial(argv[1], argv[2]);
	if (fd < 0 || write(fd, request, strlen(request)) < 0)
		return 1;
	while (n < ANSWER_MAX && (got = read(fd, answer + n, ANSWER_MAX - n)) > 0)
		n += (size_t)got;
	answer[n] = '\0';
	body = strstr(answer, "\r\n\r\n");
	if (body == NULL) {
		(void)fprintf(stderr, "%s: no answer\n", argv[1]);
		return 1;
	}
	(void)fputs(body + 4, stdout);
	return 0;
}
