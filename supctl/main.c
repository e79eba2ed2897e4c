#include "supctl/main.h"
#include "supctl/supctl.h"

#include "common/fd.h"
#include "common/paths.h"
#include "common/util.h"
#include "supctl/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const struct command *const commands[] = {
	&command_status,
	&command_list,
	&command_why,
	&command_cat,
	&command_sockets,
	&command_start,
	&command_stop,
	&command_restart,
	&command_reload,
	&command_reset,
	&command_logs,
	&command_exec,
	&command_boot,
	&command_plan,
	&command_audit,
	&command_timers,
	&command_calendar,
	&command_check,
	&command_faults,
	&command_poweroff,
	&command_reboot,
	&command_halt,
	&command_reexec,
};

static void print_usage(FILE *to)
{
	(void)fprintf(to, "usage: supctl [--json] [--socket PATH] COMMAND ...\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		(void)fprintf(to, "  %-12s %-22s %s\n", commands[i]->name, commands[i]->args,
			commands[i]->summary);
	(void)fprintf(to,
		"\nUNIT is a full name (web.container), or without its ending: the container or service "
		"of that\nname, or else the one unit that has it.\n");
}

int usage_of(const struct command *command)
{
	(void)fprintf(stderr, "usage: supctl %s %s\n", command->name, command->args);
	return EXIT_USAGE;
}

int print_json(json_t *data)
{
	(void)json_dumpf(data, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(data);
	return EXIT_DONE;
}

/* What an error of the interface means, and the member of its parameters that has the details. */
static const struct {
	const char *name;
	const char *member;
	const char *text;
	int status;
} errors[] = {
	{ "io.sup.Control.NoSuchUnit", "unit", "no such unit, or several: give its full name",
		EXIT_NO_UNIT },
	{ "io.sup.Control.Failed", "reason", NULL, EXIT_FAILED },
	{ "io.sup.Control.Busy", "reason", NULL, EXIT_FAILED },
	{ "io.sup.Control.NotExecuted", "reason", NULL, EXIT_FAILED },
	{ "org.varlink.service.PermissionDenied", NULL, "only root may do this", EXIT_DENIED },
	{ "org.varlink.service.MethodNotFound", "method",
		"the supervisor is older than this supctl", EXIT_FAILED },
	{ "org.varlink.service.InvalidParameter", "parameter", "not a valid value", EXIT_USAGE },
};

int print_error(const struct reply *reply)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		const char *detail, *text;

		if (strcmp(errors[i].name, reply->error) != 0)
			continue;
		detail = errors[i].member != NULL
			? json_string_value(json_object_get(reply->parameters, errors[i].member))
			: NULL;
		text = json_string_value(json_object_get(reply->parameters, "reason"));
		if (text == NULL || errors[i].text == NULL)
			text = errors[i].text;
		(void)fputs("supctl: ", stderr);
		if (detail != NULL)
			put_safe(stderr, text != NULL && detail[0] == '\0' ? "\"\"" : detail);
		if (text != NULL) {
			(void)fputs(detail != NULL ? ": " : "", stderr);
			put_safe(stderr, text);
		}
		(void)fputc('\n', stderr);
		return errors[i].status;
	}
	(void)fprintf(stderr, "supctl: %s\n", reply->error);
	return EXIT_FAILED;
}

static int fail(const struct err *e, int status)
{
	(void)fprintf(stderr, "supctl: %s\n", e->msg);
	return status;
}

/* Milliseconds: for a first connection, and for one that was lost, when there surely was a supervisor. */
#define PATIENCE_FIRST 2500
#define PATIENCE_AGAIN 10000
/* So many lost connections one after the other are more than a supervisor that is started again. */
#define LOSSES_MAX 100
#define LOSS_PAUSE 20

static int connect_now(struct context *c, struct err *e)
{
	if (c->connected)
		return 0;
	if (client_open(&c->client, c->socket, c->losses > 0 ? PATIENCE_AGAIN : PATIENCE_FIRST, e) <
		0)
		return err_prefix(e, "no supervisor answers");
	c->connected = true;
	return 0;
}

void disconnect(struct context *c)
{
	if (c->connected)
		client_close(&c->client);
	c->connected = false;
}

bool lost_again(struct context *c)
{
	bool lost = c->connected && c->client.lost;

	disconnect(c);
	if (!lost || ++c->losses > LOSSES_MAX)
		return false;
	if (c->losses > 1)
		(void)poll(NULL, 0, LOSS_PAUSE);
	return true;
}

int ask_send(struct context *c, const struct call *call)
{
	struct err e;

	if (connect_now(c, &e) < 0 || client_send(&c->client, call, &e) < 0)
		return fail(&e, EXIT_UNREACHABLE);
	return EXIT_DONE;
}

int ask_again(struct context *c, const struct call *call, struct err *e)
{
	int rc;

	do
		rc = connect_now(c, e) < 0 ? -1 : client_send(&c->client, call, e);
	while (rc < 0 && lost_again(c));
	return rc;
}

/* Who is turned away at the door finds the reason behind what could not be sent. */
int ask_once(struct context *c, const struct call *call, struct reply *reply, struct err *e)
{
	struct err sending;

	if (connect_now(c, e) < 0)
		return -1;
	if (client_send(&c->client, call, &sending) < 0 && !c->client.lost) {
		*e = sending;
		return -1;
	}
	return client_receive(&c->client, reply, e);
}

/* What is asked again when the supervisor has died over it is done once, by this number. */
json_t *ticket(void)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		return NULL;
	return json_integer((json_int_t)(number >> 1 | 1));
}

json_t *ask_with(struct context *c, const struct call *call, int *status)
{
	bool more;

	return ask_more(c, call, &more, status);
}

json_t *ask_more(struct context *c, const struct call *call, bool *more, int *status)
{
	struct reply reply;
	json_t *parameters;
	struct err e;
	int rc;

	do
		rc = ask_once(c, call, &reply, &e);
	while (rc < 0 && lost_again(c));
	if (rc < 0) {
		*status = fail(&e, EXIT_UNREACHABLE);
		return NULL;
	}
	c->losses = 0;
	*status = EXIT_DONE;
	if (reply.kind == REPLY_ERROR) {
		*status = print_error(&reply);
		json_decref(reply.message);
		return NULL;
	}
	*more = reply.kind == REPLY_CONTINUES;
	parameters = json_incref(reply.parameters);
	json_decref(reply.message);
	return parameters != NULL ? parameters : json_object();
}

json_t *ask(struct context *c, const char *method, json_t *parameters, int *status)
{
	const struct call call = { .method = method, .parameters = parameters };
	json_t *answer = ask_with(c, &call, status);

	json_decref(parameters);
	return answer;
}

/* Options come before the command or anywhere after it but behind `exec UNIT`, whose words are its own. */
static int take_options(struct context *c, int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			c->json = true;
		} else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
			c->socket = argv[++i];
		} else if (kept > 1 && strcmp(argv[1], "exec") == 0) {
			while (i < argc)
				argv[kept++] = argv[i++];
		} else {
			argv[kept++] = argv[i];
		}
	}
	argv[kept] = NULL;
	return kept;
}

/* Descriptors 0, 1 and 2 that the caller has closed must not become our socket: there is only reading at their end. */
static void fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	fd_close(&fd);
}

/* What JSON cannot carry must not be sent as something else. The words of `check` are file names, and stay here. */
static bool are_words(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		json_t *word = json_string(argv[i]);

		if (word == NULL) {
			(void)fprintf(stderr, "supctl: word %d is not valid UTF-8\n", i);
			return false;
		}
		json_decref(word);
	}
	return true;
}

static int run_command(struct context *c, const struct command *command, int argc, char **argv)
{
	int status;

	if (command != &command_check && command != &command_calendar && !are_words(argc, argv))
		return EXIT_USAGE;
	status = command->run(c, argc, argv);
	disconnect(c);
	/* a full disk or a closed descriptor: what was printed is not all there is */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE) {
		(void)fprintf(stderr, "supctl: standard output: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}

int supctl_main(int argc, char **argv)
{
	struct context c = { .socket = PATH_CONTROL };

	fill_standard();
	argc = take_options(&c, argc, argv);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : EXIT_DONE;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i]->name, argv[1]) == 0)
			return run_command(&c, commands[i], argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "supctl: no command \"%s\"; supctl --help lists them\n", argv[1]);
	return EXIT_USAGE;
}
