#include "supctl/supctl.h"
#include "supctl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 100

/* "TIME STREAM TEXT" as an object; a line that is no record (torn by a power cut) has its text only. */
static json_t *record_object(const char *line, size_t n)
{
	const char *end = line + n, *stream = memchr(line, ' ', n);
	const char *text = stream != NULL ? memchr(stream + 1, ' ', (size_t)(end - stream - 1))
					  : NULL;

	if (text == NULL)
		return json_pack("{ss%}", "text", line, n);
	return json_pack("{ss% ss% ss%}", "time", line, (size_t)(stream - line), "stream",
		stream + 1, (size_t)(text - stream - 1), "text", text + 1,
		(size_t)(end - text - 1));
}

static void print_text(const char *line, size_t n)
{
	/* what speaks to terminals ends its lines with CR LF */
	if (n > 0 && line[n - 1] == '\r')
		n--;
	put_safe_n(stdout, line, n);
}

static void print_records(struct context *c, const json_t *answer)
{
	const char *records = text_of(answer, "records"), *end;

	for (; (end = strchr(records, '\n')) != NULL; records = end + 1) {
		if (c->json) {
			json_t *record = record_object(records, (size_t)(end - records));

			(void)json_dumpf(record, stdout, JSON_COMPACT);
			json_decref(record);
		} else {
			print_text(records, (size_t)(end - records));
		}
		(void)putchar('\n');
	}
	(void)fflush(stdout);
}

static int ended(const char *unit)
{
	(void)fprintf(stderr, "supctl: %s does not run: nothing follows until it is started\n",
		unit);
	return EXIT_DONE;
}

static int follow(struct context *c, const char *unit)
{
	struct reply reply;
	struct err e;

	while (!ferror(stdout)) {
		if (client_receive(&c->client, &reply, &e) < 0) {
			(void)fprintf(stderr, "supctl: %s\n", e.msg);
			return EXIT_UNREACHABLE;
		}
		print_records(c, reply.parameters);
		json_decref(reply.message);
		if (reply.kind != REPLY_CONTINUES)
			return ended(unit);
	}
	return EXIT_FAILED;
}

static int run(struct context *c, int argc, char **argv)
{
	const char *unit = NULL;
	bool following = false, more;
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
			if (end == argv[i] || *end != '\0' || lines < 0 || lines > 1000000)
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
	answer = ask_more(c, &call, &more, &status);
	json_decref(call.parameters);
	if (answer == NULL)
		return status;
	print_records(c, answer);
	json_decref(answer);
	if (!following)
		return EXIT_DONE;
	return more ? follow(c, unit) : ended(unit);
}

const struct command command_logs = { "logs", "[-f] [-n N] UNIT",
	"its output; \"supervisor\" is the supervisor's own", run };
