#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 100

static void print_records(struct context *c, const json_t *answer)
{
	const char *records = text_of(answer, "records"), *end;

	for (; (end = strchr(records, '\n')) != NULL; records = end + 1) {
		if (c->json) {
			json_t *record = json_stringn(records, (size_t)(end - records));

			(void)json_dumpf(record, stdout, JSON_ENCODE_ANY);
			json_decref(record);
		} else {
			put_safe_n(records, (size_t)(end - records));
		}
		(void)putchar('\n');
	}
	(void)fflush(stdout);
}

static int follow(struct context *c)
{
	struct reply reply;
	struct err e;

	for (;;) {
		if (client_receive(&c->client, &reply, &e) < 0) {
			(void)fprintf(stderr, "supctl: %s\n", e.msg);
			return EXIT_UNREACHABLE;
		}
		print_records(c, reply.parameters);
		json_decref(reply.message);
		if (reply.kind != REPLY_CONTINUES)
			return EXIT_DONE;
	}
}

static int run(struct context *c, int argc, char **argv)
{
	const char *unit = NULL;
	bool following = false;
	long lines = LINES;
	struct call call = { .method = "Logs" };
	json_t *answer;
	int status;

	for (int i = 1; i < argc; i++) {
		char *end = NULL;

		if (strcmp(argv[i], "-f") == 0) {
			following = true;
		} else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
			lines = strtol(argv[++i], &end, 10);
			if (*end != '\0' || lines < 0 || lines > 1000000)
				return usage_of(&command_logs);
		} else if (unit == NULL && argv[i][0] != '-') {
			unit = argv[i];
		} else {
			return usage_of(&command_logs);
		}
	}
	if (unit == NULL)
		return usage_of(&command_logs);
	call.parameters = json_pack("{sssi}", "unit", unit, "lines", (int)lines);
	call.more = following;
	answer = ask_with(c, &call, &status);
	if (answer == NULL)
		return status;
	print_records(c, answer);
	json_decref(answer);
	return following ? follow(c) : EXIT_DONE;
}

const struct command command_logs = {
	"logs", "[-f] [-n N] UNIT", "its output; \"supervisor\" is the supervisor's own", run
};
