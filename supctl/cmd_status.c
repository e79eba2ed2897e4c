#include "common/jsontext.h"
#include "supctl/match.h"
#include "supctl/text.h"

#include "common/pattern.h"
#include "common/util.h"

#include <stdio.h>
#include <string.h>

#define LAST_LINES 10

/* The name's column is as wide as the longest name, within these; a longer name has a line of its own. */
#define NAME_MIN 12
#define NAME_MAX_WIDTH 32
#define REMARK_MIN 16 /* columns: less than that of a remark says nothing */
#define REMARK_INDENT 4

/* Is this a unit that somebody should look at? Then its remark is shown whole. */
static bool is_amiss(const json_t *unit)
{
	static const char *const states[] = { "waiting", "restarting", "failed" };

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(text_of(unit, "state"), states[i]) == 0)
			return true;
	if (strcmp(text_of(json_object_get(unit, "health"), "state"), "unhealthy") == 0)
		return true;
	return json_is_true(json_object_get(unit, "failed")) || number_of(unit, "restarts") > 0;
}

/* "starting, 2 of 3 failed: exit code 1"; "" without a check. */
static const char *health_of(const json_t *unit, char *buf, size_t size)
{
	const json_t *health = json_object_get(unit, "health");
	unsigned int failures = (unsigned int)number_of(health, "failures");
	unsigned int retries = (unsigned int)number_of(health, "retries");
	const char *last = text_of(health, "last");
	char of[16] = "";

	if (retries > 0)
		(void)snprintf(of, sizeof(of), " of %u", retries);
	if (health == NULL)
		(void)snprintf(buf, size, "%s", "");
	else if (strcmp(text_of(health, "state"), "healthy") == 0 && failures == 0)
		(void)snprintf(buf, size, "%s", text_of(health, "state"));
	else
		(void)snprintf(buf, size, "%s, %s%u%s failed%s%s", text_of(health, "state"),
			json_is_true(json_object_get(health, "startup")) ? "startup check " : "",
			failures, of, failures > 0 && last[0] != '\0' ? ": " : "",
			failures > 0 ? last : "");
	return buf;
}

#define HEALTH_MAX 192

/*
 * The reason that matters most to who looks: what it waits for, its health, else why it ended. Of one that is well: its
 * own word, or "healthy".
 */
static const char *remark(const json_t *unit, char buf[HEALTH_MAX])
{
	static const char *const members[] = { "why", "cause", "status" };
	const char *health = text_of(json_object_get(unit, "health"), "state");
	size_t n;

	if (health[0] != '\0' && strcmp(health, "healthy") != 0) {
		n = (size_t)snprintf(buf, HEALTH_MAX, "health: ");
		(void)health_of(unit, buf + n, HEALTH_MAX - n);
		return buf;
	}
	for (size_t i = is_amiss(unit) ? 0 : 2; i < ARRAY_LEN(members); i++)
		if (text_of(unit, members[i])[0] != '\0')
			return text_of(unit, members[i]);
	return health;
}

/* On the line of the unit where it fits, else below it. */
static void print_remark(const json_t *unit, size_t used, size_t width)
{
	char health[HEALTH_MAX];
	const char *text = remark(unit, health);
	size_t left = width > used + 1 ? width - used - 1 : 0;

	if (text[0] == '\0' || (!is_amiss(unit) && left < REMARK_MIN)) {
		(void)putchar('\n');
	} else if (text_width(text) <= left || !is_amiss(unit)) {
		(void)putchar(' ');
		(void)put_cut(text, left);
		(void)putchar('\n');
	} else {
		(void)putchar('\n');
		put_wrapped(text, REMARK_INDENT, width);
	}
}

static void print_row(const json_t *unit, size_t name_width, size_t width)
{
	char since[HUMAN_MAX], pid[HUMAN_MAX] = "-", memory[HUMAN_MAX] = "-", cpu[HUMAN_MAX] = "-";
	const char *name = text_of(unit, "name");
	size_t used = text_width(name), gap = used > name_width ? name_width : name_width - used;

	if (number_of(unit, "pid") > 0)
		(void)snprintf(pid, sizeof(pid), "%u", (unsigned int)number_of(unit, "pid"));
	if (number_of(unit, "memory") > 0)
		(void)human_size(number_of(unit, "memory"), memory);
	if (number_of(unit, "cpu") > 0)
		(void)human_time(number_of(unit, "cpu"), cpu);
	put_safe(stdout, name);
	if (used > name_width)
		(void)putchar('\n');
	(void)printf("%*s", (int)gap, "");
	used = name_width +
		(size_t)printf(" %-12s %6s %6s %3u %6s %6s", text_of(unit, "state"),
			age_of(unit, since), pid, (unsigned int)number_of(unit, "restarts"), memory,
			cpu);
	print_remark(unit, used, width);
}

static size_t name_width_of(const json_t *units)
{
	size_t widest = NAME_MIN, i;
	const json_t *unit;

	json_array_foreach(units, i, unit)
	{
		size_t n = text_width(text_of(unit, "name"));

		if (n > widest && n <= NAME_MAX_WIDTH)
			widest = n;
	}
	return widest;
}

static int print_table(const json_t *units)
{
	size_t width = terminal_width(), name_width = name_width_of(units), failed = 0, i;
	json_t *unit;

	(void)printf("%-*s %-12s %6s %6s %3s %6s %6s\n", (int)name_width, "UNIT", "STATE", "SINCE",
		"PID", "RST", "MEM", "CPU");
	json_array_foreach(units, i, unit)
	{
		failed += json_is_true(json_object_get(unit, "failed"));
		print_row(unit, name_width, width);
	}
	if (failed > 0)
		(void)printf("%zu failed: `supctl status UNIT` says more, `supctl faults` is about "
			     "the files\n",
			failed);
	return EXIT_DONE;
}

static void print_traffic(const json_t *traffic)
{
	char in[HUMAN_MAX], out[HUMAN_MAX], line[192];

	if (traffic == NULL)
		return;
	(void)snprintf(line, sizeof(line),
		"%s in, %s out; dropped: %llu foreign, %llu over the rate, %llu over the connections",
		human_size(number_of(traffic, "bytes_in"), in),
		human_size(number_of(traffic, "bytes_out"), out),
		(unsigned long long)number_of(traffic, "refused"),
		(unsigned long long)number_of(traffic, "limited"),
		(unsigned long long)number_of(traffic, "stopped"));
	print_field("Traffic", line);
}

static void print_socket(const json_t *unit)
{
	json_t *listen;
	size_t i;

	json_array_foreach(json_object_get(unit, "listens"), i, listen)
		print_field("Listen", text_of(listen, "address"));
	print_members(unit,
		"Activates\0activates\0"
		"Triggers\0triggers\0"
		"Triggered by\0activated_by\0");
}

static void print_usage_of(const json_t *unit)
{
	char memory[HUMAN_MAX], peak[HUMAN_MAX], cpu[HUMAN_MAX], line[96];

	if (json_object_get(unit, "memory") == NULL)
		return;
	(void)snprintf(line, sizeof(line), "%s (peak %s)",
		human_size(number_of(unit, "memory"), memory),
		human_size(number_of(unit, "memory_peak"), peak));
	print_field("Memory", line);
	print_field("CPU", human_time(number_of(unit, "cpu"), cpu));
	print_number("Tasks", number_of(unit, "tasks"));
	if (number_of(unit, "oom_kills") > 0)
		print_number("OOM kills", number_of(unit, "oom_kills"));
}

static void print_health(const json_t *unit)
{
	const json_t *health = json_object_get(unit, "health");
	char line[HEALTH_MAX + HUMAN_MAX + 16], text[HEALTH_MAX], since[HUMAN_MAX];

	if (health == NULL)
		return;
	(void)snprintf(line, sizeof(line), "%s (since %s)", health_of(unit, text, sizeof(text)),
		age_of(health, since));
	print_field("Health", line);
}

static void print_unit(const json_t *unit)
{
	char line[96], since[HUMAN_MAX];

	print_members(unit,
		"Unit\0name\0"
		"Description\0description\0"
		"File\0file\0");
	(void)snprintf(line, sizeof(line), "%s%s since %s", text_of(unit, "state"),
		json_is_true(json_object_get(unit, "failed")) &&
				strcmp(text_of(unit, "state"), "failed") != 0
			? " (failed)"
			: "",
		age_of(unit, since));
	print_field("State", line);
	print_field("Why", text_of(unit, "why"));
	if (strstr(text_of(unit, "why"), text_of(unit, "cause")) == NULL)
		print_field("Last cause", text_of(unit, "cause"));
	print_members(unit,
		"Status\0status\0"
		"Error\0error\0"
		"Lacks\0lacks\0");
	print_health(unit);
	print_members(unit,
		"Main PID\0pid\0"
		"Restarts\0restarts\0");
	print_usage_of(unit);
	print_members(unit,
		"What\0what\0"
		"Where\0where\0"
		"Type\0type\0"
		"Address\0addresses\0"
		"Bridge\0bridge\0"
		"Interface\0interfaces\0"
		"Port\0ports\0");
	print_traffic(json_object_get(unit, "traffic"));
	print_socket(unit);
}

static int print_last_lines(struct context *c, const char *unit)
{
	int status;
	json_t *answer = ask(c, "Logs", json_build("{sssi}", "unit", unit, "lines", LAST_LINES),
		&status);

	if (answer == NULL)
		return status;
	if (text_of(answer, "records")[0] != '\0')
		(void)putchar('\n');
	put_lines(text_of(answer, "records"), "");
	json_decref(answer);
	return status;
}

/* How many are left. */
static size_t keep_matching(json_t *units, const char *pattern)
{
	for (size_t i = json_array_size(units); i-- > 0;)
		if (!match_unit(pattern, text_of(json_array_get(units, i), "name")))
			(void)json_array_remove(units, i);
	return json_array_size(units);
}

static int run(struct context *c, int argc, char **argv)
{
	int status;
	bool many;
	json_t *answer, *units;

	if (argc > 2)
		return usage_of(&command_status);
	many = argc == 1 || pattern_is(argv[1]);
	answer = ask(c, "Status", many ? NULL : json_build("{ss}", "unit", argv[1]), &status);
	if (answer == NULL)
		return status;
	units = json_object_get(answer, "units");
	if (argc == 2 && many && keep_matching(units, argv[1]) == 0) {
		json_decref(answer);
		return match_nothing(argv[1]);
	}
	if (c->json)
		return print_json(answer);
	if (many) {
		status = print_table(units);
		if (json_is_true(json_object_get(answer, "safe")))
			(void)puts(
				"SAFE MODE: only critical units were started, `supctl boot` says why");
	} else {
		print_unit(json_array_get(units, 0));
		status = print_last_lines(c, argv[1]);
	}
	json_decref(answer);
	return status;
}

const struct command command_status = { "status", "[UNIT|PATTERN]",
	"how the units are; of one: everything, with its last log lines", run };
