/*
 * supctl exec: our standard descriptors become those of a command in the unit; where they are a terminal, the
 * command gets a terminal of the container's own and we carry the bytes between the two.
 */
#include "supctl/supctl.h"

#include "common/fd.h"
#include "common/jsontext.h"
#include "common/passing.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

/* As a shell has it. NotExecuted comes with one, too: 127 not found, 126 not executable. */
static int status_of(const json_t *parameters)
{
	int status = (int)json_integer_value(json_object_get(parameters, "status"));

	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Behind the unit, and behind a "--" that says the same. */
static int first_word(int argc, char **argv)
{
	return argc > 2 && strcmp(argv[2], "--") == 0 ? 3 : 2;
}

static json_t *parameters_of(int argc, char **argv)
{
	json_t *words = json_array();

	for (int i = first_word(argc, argv); i < argc; i++)
		(void)json_array_append_new(words, json_string(argv[i]));
	return json_build("{sssoso*}", "unit", argv[1], "argv", words, "ticket", ticket());
}

/* ---- with a terminal ---- */

struct session {
	int master; /* of the terminal in the container; -1 until it has come */
	int socket; /* over which it comes */
	int server;
	int signals;  /* signalfd: of SIGWINCH, and of what would leave the terminal raw */
	int ended_by; /* such a signal, 0: none */
	struct termios saved;
};

static void take_master(struct session *s)
{
	struct passed passed = { .fds = &s->master, .room = 1 };
	char byte;

	(void)passing_receive(s->socket, &byte, 1, &passed, 0);
	fd_close(&s->socket);
}

static void copy_size(const struct session *s)
{
	struct winsize size;

	if (s->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(s->master, TIOCSWINSZ, &size);
}

/* False at the end of the source. */
static bool carry(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t at = 0; at < n;) {
		ssize_t w = write(to, buf + at, (size_t)(n - at));

		if (w < 0 && errno != EINTR)
			return false;
		at += w > 0 ? w : 0;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Until the supervisor answers; the terminal's last bytes are read after that. */
static void converse(struct session *s)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = s->server, .events = POLLIN },
			{ .fd = s->socket, .events = POLLIN },
			{ .fd = s->master, .events = POLLIN },
			{ .fd = s->master >= 0 ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = s->signals, .events = POLLIN },
		};
		struct signalfd_siginfo info;

		if (poll(p, 5, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents != 0) {
			take_master(s);
			copy_size(s);
		}
		if (p[2].revents != 0 && !carry(s->master, STDOUT_FILENO))
			fd_close(&s->master);
		if (p[3].revents != 0 && s->master >= 0 && !carry(STDIN_FILENO, s->master))
			fd_close(&s->master);
		if (p[4].revents != 0 && read(s->signals, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo != SIGWINCH) {
				s->ended_by = (int)info.ssi_signo;
				return;
			}
			copy_size(s);
		}
		if (p[0].revents != 0 && p[2].revents == 0 && p[1].revents == 0)
			return;
	}
}

static void begin_raw(struct session *s)
{
	struct termios raw;
	sigset_t caught;

	(void)tcgetattr(STDIN_FILENO, &s->saved);
	raw = s->saved;
	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	(void)sigemptyset(&caught);
	(void)sigaddset(&caught, SIGWINCH);
	(void)sigaddset(&caught, SIGTERM);
	(void)sigaddset(&caught, SIGHUP);
	(void)sigaddset(&caught, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &caught, NULL);
	s->signals = signalfd(-1, &caught, SFD_CLOEXEC);
}

static int finish(const struct reply *reply)
{
	int status = EXIT_FAILED;

	if (reply->kind == REPLY_ERROR)
		status = print_error(reply);
	if (reply->kind != REPLY_ERROR || json_object_get(reply->parameters, "status") != NULL)
		status = status_of(reply->parameters);
	json_decref(reply->message);
	return status;
}

static int unreachable(const struct err *e)
{
	(void)fprintf(stderr, "supctl: %s\n", e->msg);
	return EXIT_UNREACHABLE;
}

/*
 * Until the command has ended, which goes on when the supervisor dies: the next one is asked for its end. The socket for
 * the terminal goes along until the terminal has come.
 */
static int hold_session(struct context *c, struct session *s, struct call *call, int offered,
	struct reply *reply, struct err *e)
{
	int rc;

	do {
		s->server = c->client.fd;
		converse(s);
		if (s->ended_by != 0)
			return 0;
		rc = client_receive(&c->client, reply, e);
		if (rc == 0 || !lost_again(c))
			return rc;
		call->fds = &offered;
		call->n_fds = s->master < 0 && s->socket >= 0;
	} while (ask_again(c, call, e) == 0);
	return -1;
}

static int run_terminal(struct context *c, int argc, char **argv)
{
	struct session s = { .master = -1, .signals = -1 };
	int ends[2], status, rc;
	struct call call = { .method = "Exec", .fds = &ends[1], .n_fds = 1 };
	struct reply reply;
	struct err e;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		(void)fprintf(stderr, "supctl: socket for the terminal: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	call.parameters = parameters_of(argc, argv);
	status = ask_send(c, &call);
	if (status == EXIT_DONE) {
		s.socket = ends[0];
		begin_raw(&s);
		rc = hold_session(c, &s, &call, ends[1], &reply, &e);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &s.saved);
		status = s.ended_by != 0 ? 128 + s.ended_by
			: rc < 0         ? unreachable(&e)
					 : finish(&reply);
		fd_close(&s.master);
		fd_close(&s.signals);
		ends[0] = s.socket;
	}
	json_decref(call.parameters);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return status;
}

static int run(struct context *c, int argc, char **argv)
{
	static const int standard[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	struct call call = { .method = "Exec", .fds = standard, .n_fds = 3 };
	struct reply reply;
	struct err e;
	int rc;

	if (argc <= first_word(argc, argv))
		return usage_of(&command_exec);
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return run_terminal(c, argc, argv);
	call.parameters = parameters_of(argc, argv);
	do
		rc = ask_once(c, &call, &reply, &e);
	while (rc < 0 && lost_again(c));
	json_decref(call.parameters);
	return rc < 0 ? unreachable(&e) : finish(&reply);
}

const struct command command_exec = { "exec", "UNIT COMMAND...", "a command in the running unit",
	run };
