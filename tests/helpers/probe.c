/*
 * probe [--list] [KEY=VALUE...]: tries all that is in the tables of tests/helpers/probe/ and prints a line for each:
 *
 *   pass NAME          it was refused, or cannot be seen
 *   fail NAME: WHAT    it could be done
 *   skip NAME: WHY     this machine has nothing to try it on
 *
 * The words are what only the outside knows, see told(). Ends with 1 when there is a fail.
 *
 * probe --stand [KEY=VALUE...] is what there is to be found: it makes what its words say (abstract=, port=, shm-key=, queue=,
 * shm-file=), says "stands" and waits. probe --lurk says a fail for each thing that it gets hold of of who comes in.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "tests/helpers/probe/probe.h"

#define ANSWER_FD 900 /* far from those that a check counts; closed over exec */
#define ANSWER_MAX 256
#define CHECK_SECONDS 20

#define EXIT_HELD 0
#define EXIT_HOLE 81
#define EXIT_LACKING 82

static const struct checks *const tables[] = { &checks_self, &checks_calls, &checks_files,
	&checks_devices, &checks_others, &checks_mounts };

static _Noreturn void answer(int verdict, const char *format, va_list words)
{
	char text[ANSWER_MAX];
	int n = vsnprintf(text, sizeof(text), format, words);

	if (n > 0)
		(void)!write(ANSWER_FD, text, strnlen(text, sizeof(text)));
	_exit(verdict);
}

_Noreturn void hole(const char *format, ...)
{
	va_list words;

	va_start(words, format);
	answer(EXIT_HOLE, format, words);
}

_Noreturn void lacking(const char *format, ...)
{
	va_list words;

	va_start(words, format);
	answer(EXIT_LACKING, format, words);
}

const char *told_or_null(const struct probe *p, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < p->n_words; i++)
		if (strncmp(p->words[i], key, n) == 0 && p->words[i][n] == '=')
			return p->words[i] + n + 1;
	return NULL;
}

const char *told(const struct probe *p, const char *key)
{
	const char *value = told_or_null(p, key);

	if (value == NULL)
		lacking("nobody has said %s=", key);
	return value;
}

void must_be_refused(long result, const char *what)
{
	if (result >= 0)
		hole("%s succeeds", what);
	if (errno != EPERM && errno != EACCES && errno != ENOSYS)
		hole("%s is let through to the kernel: %s", what, strerror(errno));
}

void refused_call(const struct probe *p, const struct check *c)
{
	static const char zeroes[4096];
	long a[CHECK_ARGS];

	(void)p;
	for (size_t i = 0; i < CHECK_ARGS; i++) {
		a[i] = c->args[i];
		if (a[i] == ZEROES)
			a[i] = (long)zeroes;
		else if (a[i] == TEXT)
			a[i] = (long)c->text;
	}
	must_be_refused(syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]), "the call");
}

/* ---- one check ---- */

static _Noreturn void child(const struct probe *p, const struct check *c, const int answers[2])
{
	if (dup3(answers[1], ANSWER_FD, O_CLOEXEC) < 0)
		_exit(EXIT_LACKING);
	(void)close(answers[0]);
	(void)close(answers[1]);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(CHECK_SECONDS);
	c->run(p, c);
	_exit(EXIT_HELD);
}

/* SIGSYS: a filter ends who makes the call, which is a way to refuse it. */
static const char *verdict(int status, char *text)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return "pass";
	if (WIFSIGNALED(status)) {
		(void)snprintf(text, ANSWER_MAX, "it ends by signal %d", WTERMSIG(status));
		return "fail";
	}
	if (WEXITSTATUS(status) == EXIT_HELD)
		return "pass";
	if (WEXITSTATUS(status) == EXIT_LACKING)
		return "skip";
	if (WEXITSTATUS(status) != EXIT_HOLE)
		(void)snprintf(text, ANSWER_MAX, "it ends with %d", WEXITSTATUS(status));
	return "fail";
}

static char try(const struct probe *p, const struct check *c)
{
	char text[ANSWER_MAX] = "";
	int answers[2], status = 0;
	const char *word;
	ssize_t n = 0;
	pid_t pid;

	(void)fflush(stdout);
	if (pipe2(answers, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror(c->name);
		exit(2);
	}
	if (pid == 0)
		child(p, c, answers);
	(void)close(answers[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	/* what it has left behind may hold the other end */
	if (poll(&(struct pollfd){ .fd = answers[0], .events = POLLIN }, 1, 0) > 0)
		n = read(answers[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(answers[0]);
	word = verdict(status, text);
	if (*word == 'p')
		(void)printf("pass %s\n", c->name);
	else
		(void)printf("%s %s: %s\n", word, c->name, text);
	return *word;
}

/* ---- the other side ---- */

static void stand_abstract(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strnlen(name, sizeof(address.sun_path) - 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path + 1, name, n);
	if (bind(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) < 0 ||
		listen(fd, 8) < 0)
		perror("abstract");
}

static void stand_port(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((unsigned short)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
		perror("port");
}

static void stand_shm_key(const char *key)
{
	if (syscall(SYS_shmget, atoi(key), 4096, 01000 | 0666 /* IPC_CREAT */) < 0 &&
		errno != ENOSYS)
		perror("shm-key");
}

static void stand_queue(const char *name)
{
	if (syscall(SYS_mq_open, name, O_RDWR | O_CREAT, 0666, NULL) < 0 && errno != ENOSYS)
		perror("queue");
}

static void stand_shm_file(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/dev/shm/%s", name);
	if (open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) < 0)
		perror(path);
}

static _Noreturn void stand(const struct probe *p)
{
	static const struct {
		const char *key;
		void (*make)(const char *value);
	} things[] = {
		{ "abstract", stand_abstract },
		{ "port", stand_port },
		{ "shm-key", stand_shm_key },
		{ "queue", stand_queue },
		{ "shm-file", stand_shm_file },
	};

	for (size_t i = 0; i < ARRAY_LEN(things); i++) {
		const char *value = told_or_null(p, things[i].key);

		if (value != NULL)
			things[i].make(value);
	}
	(void)puts("stands");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

/* ---- all ---- */

static void list(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (size_t k = 0; k < tables[i]->n; k++)
			(void)puts(tables[i]->v[k].name);
}

int main(int argc, char **argv)
{
	struct probe p = { .words = argv + 1, .n_words = (size_t)argc - 1, .self = argv[0] };
	const char *only;
	size_t failed = 0;

	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		list();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--stand") == 0)
		stand(&p);
	if (argc > 1 && strcmp(argv[1], "--lurk") == 0)
		lurk();
	/* executed by a check: whether a program's file has made it root */
	if (argc > 1 && strcmp(argv[1], "--who") == 0)
		return geteuid() == 0 || getegid() == 0 ? EXIT_HOLE : EXIT_HELD;
	only = told_or_null(&p, "only");
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (size_t k = 0; k < tables[i]->n; k++)
			if (only == NULL || strcmp(only, tables[i]->v[k].name) == 0)
				failed += try(&p, &tables[i]->v[k]) == 'f';
	(void)printf("tried, %zu failed\n", failed);
	return failed > 0;
}
