#include "supctl/supctl.h"
#include "supctl/text.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST_LINES 10

/* What is shown of each unit; the last column takes what is left of the width. */
static const struct column {
	const char *title;
	int width;		/* negative: flush left */
} columns[] = {
	{ "UNIT", -20 }, { "STATE", -12 }, { "SINCE", 6 }, { "PID", 6 },
	{ "RST", 3 },	 { "MEM", 6 },	   { "CPU", 6 },   { "CAUSE", 0 },
};

static uint64_t age_of(const json_t *unit)
{
	struct timespec now;
	uint64_t us, since = number_of(unit, "since");

	(void)clock_gettime(CLOCK_REALTIME, &now);
	us = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
	return us > since ? us - since : 0;
}

/* The reason that matters most to who looks: what it waits for, else why it ended, else its own word. */
static const char *remark(const json_t *unit)
{
	static const char *const members[] = { "why", "cause", "status" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (text_of(unit, members[i])[0] != '\0')
			return text_of(unit, members[i]);
	return "";
}

static void print_row(const json_t *unit, size_t width)
{
	char since[HUMAN_MAX], pid[HUMAN_MAX] = "-", memory[HUMAN_MAX] = "-", cpu[HUMAN_MAX] = "-";
	size_t used = 0;

	if (number_of(unit, "pid") > 0)
		(void)snprintf(pid, sizeof(pid), "%u", (unsigned int)number_of(unit, "pid"));
	if (number_of(unit, "memory") > 0)
		(void)human_size(number_of(unit, "memory"), memory);
	if (number_of(unit, "cpu") > 0)
		(void)human_time(number_of(unit, "cpu"), cpu);
	used += (size_t)printf("%-20.20s %-12.12s %6s %6s %3u %6s %6s ", text_of(unit, "name"),
			       text_of(unit, "state"), human_time(age_of(unit), since), pid,
			       (unsigned int)number_of(unit, "restarts"), memory, cpu);
	(void)put_safe(remark(unit), width > used ? width - used : 0);
	(void)putchar('\n');
}

static void print_title(void)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		(void)printf("%*s%s", columns[i].width, columns[i].title,
			     i + 1 < ARRAY_LEN(columns) ? " " : "\n");
}

static int print_table(const json_t *units)
{
	size_t width = terminal_width(), failed = 0, i;
	json_t *unit;

	print_title();
	json_array_foreach(units, i, unit) {
		failed += json_is_true(json_object_get(unit, "failed"));
		print_row(unit, width);
	}
	if (failed > 0)
		(void)printf("%zu failed; `supctl status UNIT` says more, `supctl faults` lists what is "
			     "wrong in the files\n",
			     failed);
	return EXIT_DONE;
}

static void print_field(const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)printf("%12s: ", name);
	put_safe_n(text, strlen(text));
	(void)putchar('\n');
}

static void print_ports(const json_t *unit)
{
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(unit, "ports"), i, port)
		print_field("Port", json_string_value(port));
}

static void print_usage_of(const json_t *unit)
{
	char memory[HUMAN_MAX], peak[HUMAN_MAX], cpu[HUMAN_MAX], line[96];

	if (json_object_get(unit, "memory") == NULL)
		return;
	(void)snprintf(line, sizeof(line), "%s (peak %s)", human_size(number_of(unit, "memory"), memory),
		       human_size(number_of(unit, "memory_peak"), peak));
	print_field("Memory", line);
	print_field("CPU", human_time(number_of(unit, "cpu"), cpu));
	(void)snprintf(line, sizeof(line), "%u", (unsigned int)number_of(unit, "tasks"));
	print_field("Tasks", line);
	if (number_of(unit, "oom_kills") > 0) {
		(void)snprintf(line, sizeof(line), "%u", (unsigned int)number_of(unit, "oom_kills"));
		print_field("OOM kills", line);
	}
}

static void print_unit(const json_t *unit)
{
	char line[96], since[HUMAN_MAX];

	print_field("Unit", text_of(unit, "name"));
	print_field("Description", text_of(unit, "description"));
	print_field("File", text_of(unit, "file"));
	(void)snprintf(line, sizeof(line), "%s%s since %s", text_of(unit, "state"),
		       json_is_true(json_object_get(unit, "failed")) ? " (failed)" : "",
		       human_time(age_of(unit), since));
	print_field("State", line);
	print_field("Why", text_of(unit, "why"));
	print_field("Last cause", text_of(unit, "cause"));
	print_field("Status", text_of(unit, "status"));
	(void)snprintf(line, sizeof(line), "%u", (unsigned int)number_of(unit, "pid"));
	print_field("Main PID", number_of(unit, "pid") > 0 ? line : "");
	(void)snprintf(line, sizeof(line), "%u", (unsigned int)number_of(unit, "restarts"));
	print_field("Restarts", line);
	print_usage_of(unit);
	print_field("Address", text_of(unit, "address"));
	print_field("Bridge", text_of(unit, "bridge"));
	print_ports(unit);
}

static int print_last_lines(struct context *c, const char *unit)
{
	int status;
	json_t *answer = ask(c, "Logs", json_pack("{sssi}", "unit", unit, "lines", LAST_LINES), &status);
	const char *records, *end;

	if (answer == NULL)
		return status;
	records = text_of(answer, "records");
	if (records[0] != '\0')
		(void)putchar('\n');
	for (; (end = strchr(records, '\n')) != NULL; records = end + 1) {
		put_safe_n(records, (size_t)(end - records));
		(void)putchar('\n');
	}
	json_decref(answer);
	return status;
}

static int run(struct context *c, int argc, char **argv)
{
	int status;
	json_t *answer, *units;

	if (argc > 2)
		return usage_of(&command_status);
	answer = ask(c, "Status", argc == 2 ? json_pack("{ss}", "unit", argv[1]) : NULL, &status);
	if (answer == NULL)
		return status;
	units = json_object_get(answer, "units");
	if (c->json)
		return print_json(answer);
	if (argc == 1) {
		status = print_table(units);
	} else {
		print_unit(json_array_get(units, 0));
		status = print_last_lines(c, argv[1]);
	}
	json_decref(answer);
	return status;
}

const struct command command_status = {
	"status", "[UNIT]", "how the units are; of one: everything, with its last log lines", run
};
