#include "common/jsontext.h"
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
		return json_build("{ss%}", "text", line, n);
	return json_build("{ss% ss% ss%}", "time", line, (size_t)(stream - line), "stream",
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

/* What is printed goes on where it ended, also when another supervisor answers. */
struct reading {
	const char *unit;
	long lines;
	bool following;
	json_t *cursor; /* of the last answer, or NULL */
};

static void take(struct context *c, struct reading *r, const json_t *answer)
{
	json_t *cursor = json_object_get(answer, "cursor");

	if (json_is_true(json_object_get(answer, "gap")))
		(void)fprintf(stderr,
			"supctl: lines are missing here: they were rotated away meanwhile\n");
	print_records(c, answer);
	if (cursor == NULL)
		return;
	json_decref(r->cursor);
	r->cursor = json_incref(cursor);
}

/* All that is there now. *more: what follows will come. */
static int read_past(struct context *c, struct reading *r, bool *more)
{
	const struct call call = {
		.method = "Logs",
		.parameters = json_build("{sssisO*}", "unit", r->unit, "lines", (int)r->lines,
			"after", r->cursor),
		.more = r->following,
	};
	json_t *answer;
	int status;

	answer = ask_more(c, &call, more, &status);
	json_decref(call.parameters);
	if (answer != NULL)
		take(c, r, answer);
	json_decref(answer);
	return status;
}

/* Until no more follow. *lost: the connection ended, and the next supervisor is to be asked. */
static int follow(struct context *c, struct reading *r, bool *lost)
{
	struct reply reply;
	struct err e;
	int status;

	*lost = false;
	do {
		if (client_receive(&c->client, &reply, &e) < 0) {
			*lost = lost_again(c);
			if (!*lost)
				(void)fprintf(stderr, "supctl: %s\n", e.msg);
			return EXIT_UNREACHABLE;
		}
		status = reply.kind == REPLY_ERROR ? print_error(&reply) : EXIT_DONE;
		if (reply.kind != REPLY_ERROR)
			take(c, r, reply.parameters);
		json_decref(reply.message);
	} while (reply.kind == REPLY_CONTINUES && !ferror(stdout));
	if (reply.kind == REPLY_FINAL)
		status = ended(r->unit);
	return ferror(stdout) ? EXIT_FAILED : status;
}

static int read_log(struct context *c, struct reading *r)
{
	bool more, lost;
	int status;

	do {
		lost = false;
		status = read_past(c, r, &more);
		if (status == EXIT_DONE && more)
			status = follow(c, r, &lost);
		else if (status == EXIT_DONE && r->following)
			status = ended(r->unit);
	} while (lost);
	json_decref(r->cursor);
	return status;
}

static int run(struct context *c, int argc, char **argv)
{
	struct reading r = { .lines = LINES };

	for (int i = 1; i < argc; i++) {
		char *end = NULL;

		if (strcmp(argv[i], "-f") == 0) {
			r.following = true;
		} else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
			r.lines = strtol(argv[++i], &end, 10);
			if (end == argv[i] || *end != '\0' || r.lines < 0 || r.lines > 1000000)
				return usage_of(&command_logs);
		} else if (r.unit == NULL && argv[i][0] != '-') {
			r.unit = argv[i];
		} else {
			return usage_of(&command_logs);
		}
	}
	return r.unit != NULL ? read_log(c, &r) : usage_of(&command_logs);
}

const struct command command_logs = { "logs", "[-f] [-n N] UNIT",
	"its output; \"supervisor\" is the supervisor's own", run };
