/*
 * Bytes from a client of the control socket. The input is written to a server in the pieces that a 0xff byte parts,
 * so that messages come torn; the server must go on and serve the next client.
 */
#include "supervisor/sys/control/varlink.h"
#include "tests/fuzz/fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void echo(struct connection *c, void *data, json_t *parameters)
{
	(void)data;
	varlink_reply(c, json_deep_copy(parameters), false);
}

static void fail(struct connection *c, void *data, json_t *parameters)
{
	(void)data;
	(void)parameters;
	varlink_error(c, "NoSuchUnit", json_pack("{s:s}", "unit", "x"));
}

static void twice(struct connection *c, void *data, json_t *parameters)
{
	(void)data;
	if (c->more)
		varlink_reply(c, json_deep_copy(parameters), true);
	varlink_reply(c, json_object(), false);
}

static const struct varlink_method methods[] = { { "Echo", false, echo }, { "Fail", true, fail },
	{ "Twice", false, twice }, { NULL, false, NULL } };
static const struct varlink_interface interface = { "io.sup.Fuzz", "interface io.sup.Fuzz\n",
	methods };

struct bench {
	uv_loop_t loop;
	struct varlink server;
	struct sockaddr_un at;
};

static void turn(struct bench *b)
{
	for (int i = 0; i < 3; i++)
		(void)uv_run(&b->loop, UV_RUN_NOWAIT);
}

static int client(const struct bench *b)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	FUZZ_ASSERT(fd >= 0 && connect(fd, (const struct sockaddr *)&b->at, sizeof(b->at)) == 0);
	return fd;
}

static void drain(int fd)
{
	char answer[4096];

	while (read(fd, answer, sizeof(answer)) > 0)
		;
}

/* The server answers a sound call, whatever came before from others. */
static void ask(struct bench *b)
{
	static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	char answer[4096];
	int fd = client(b);

	FUZZ_ASSERT(write(fd, call, sizeof(call)) == sizeof(call));
	turn(b);
	FUZZ_ASSERT(read(fd, answer, sizeof(answer)) > 2 && answer[0] == '{');
	(void)close(fd);
	turn(b);
}

static struct bench *open_bench(void)
{
	static struct bench b = { .at = { .sun_family = AF_UNIX } };
	static bool opened;
	struct err e;

	if (opened)
		return &b;
	(void)signal(SIGPIPE, SIG_IGN); /* as the supervisor does */
	(void)snprintf(b.at.sun_path, sizeof(b.at.sun_path), "/tmp/fuzz-varlink.%d", getpid());
	FUZZ_ASSERT(uv_loop_init(&b.loop) == 0);
	FUZZ_ASSERT(varlink_open(&b.server, &b.loop, b.at.sun_path, 0, &interface, NULL, &e) == 0);
	opened = true;
	return &b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = open_bench();
	int fd = client(b);

	turn(b);
	while (size > 0) {
		const uint8_t *end = memchr(data, 0xff, size);
		size_t n = end != NULL ? (size_t)(end - data) : size;

		if (n > 0 && write(fd, data, n) < 0)
			break;
		turn(b);
		drain(fd);
		n += end != NULL;
		data += n;
		size -= n;
	}
	(void)close(fd);
	turn(b);
	ask(b);
	return 0;
}
