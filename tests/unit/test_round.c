/* A value is printed in the one form that reads back as the same value, however it was written. */
#include "common/util.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *section, *written, *printed;
} values[] = {
	{ "Unit", "StartLimitIntervalSec=infinity", "StartLimitIntervalSec=infinity" },
	{ "Unit", "ConditionMemory=>=1Gb", "ConditionMemory=>=1Gb" },
	{ "Service", "ExecStart=/bin/a \"\\u00e9\\u20ac\\U0001f6a2\"", "ExecStart=/bin/a é€🚢" },
	{ "Service", "ExecStart=/bin/a \"\\u0041\"", "ExecStart=/bin/a A" },
	{ "Service", "ExecStart=/bin/a \"\\777\"", "ExecStart=/bin/a \"\\\\777\"" },
	{ "Service", "ExecStart=/bin/a \"\\U00110000\"", "ExecStart=/bin/a \"\\\\U00110000\"" },
	{ "Service", "ExecStart=/bin/a \\q", "ExecStart=/bin/a \"\\\\q\"" },
	{ "Service", "ExecStart=/bin/a \"\\xff\"", "ExecStart=/bin/a \"\\xff\"" },
	{ "Service", "ExecStart=/bin/a \"\\x7f\\x01\"", "ExecStart=/bin/a \"\\x7f\\x01\"" },
	{ "Service", "Environment=A=1 \\", "Environment=A=1" },
	{ "Service", "KillSignal=RTMIN", "KillSignal=SIGRTMIN" },
	{ "Service", "KillSignal=RTMIN+3", "KillSignal=SIGRTMIN+3" },
	{ "Service", "KillSignal=64", "KillSignal=SIGRTMIN+30" },
	{ "Service", "LimitNOFILE=unlimited", "LimitNOFILE=infinity" },
	{ "Service", "LimitNOFILE=-1", "LimitNOFILE=infinity" },
	{ "Service", "TasksMax=-1", "TasksMax=infinity" },
	{ "Service", "TasksMax=infinity", "TasksMax=infinity" },
	{ "Service", "MemoryMax=1.99999999999999999999E", "MemoryMax=2305843008060772447" },
	{ "Service", "SuccessExitStatus=64 65 SIGTERM RTMIN+2",
		"SuccessExitStatus=64 65 SIGTERM SIGRTMIN+2" },
	{ "Service", "WatchdogSec=infinity", "WatchdogSec=infinity" },
	{ "Container", "HealthCmd=[\"CMD-SHELL\", \"a b\"]", "HealthCmd=a b" },
	{ "Container", "HealthCmd=[\"CMD-SHELL\", \"a\", \"b\"]",
		"HealthCmd=[\"CMD\", \"CMD-SHELL\", \"a\", \"b\"]" },
	{ "Container", "HealthCmd=[\"CMD\", \"a\\\\b\", \"c\\\"d\"]",
		"HealthCmd=[\"CMD\", \"a\\\\b\", \"c\\\"d\"]" },
	{ "Container", "HealthCmd=[\"CMD\", \"a\\x7fb\"]", "HealthCmd=[\"CMD\", \"a\\x7fb\"]" },
	{ "Container", "HealthCmd=[\"CMD\", \"a\\x01b\"]", "HealthCmd=[\"CMD\", \"a\\x01b\"]" },
	{ "Container", "HealthCmd=[\" x\"]", "HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \" x\"]" },
	{ "Container", "HealthCmd=[\"x \"]", "HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"x \"]" },
	{ "Container", "HealthCmd=[\"[x\"]", "HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"[x\"]" },
	{ "Container", "HealthCmd=[\"none x\"]",
		"HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"none x\"]" },
	{ "Container", "HealthCmd=[\"CMD x\"]",
		"HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"CMD x\"]" },
	{ "Container", "HealthCmd=[\"CMD-SHELL x\"]",
		"HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"CMD-SHELL x\"]" },
	{ "Container", "HealthCmd=[\"a\\tb\"]", "HealthCmd=a\tb" },
	{ "Container", "HealthCmd=[\"a\\nb\"]",
		"HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"a\\x0ab\"]" },
	{ "Container", "HealthCmd=[\"a\\u007fb\"]",
		"HealthCmd=[\"CMD\", \"/bin/sh\", \"-c\", \"a\\x7fb\"]" },
	{ "Container", "HealthCmd=[\"none\"]", "HealthCmd=none" },
	{ "Container", "HealthCmd=[\"/bin/sh\", \"-c\", \"x\"]", "HealthCmd=x" },
	{ "Container", "HealthCmd=[\"/bin/sh\", \"-x\", \"x\"]",
		"HealthCmd=[\"CMD\", \"/bin/sh\", \"-x\", \"x\"]" },
	{ "Container", "HealthCmd=[\"/bin/ash\", \"-c\", \"x\"]",
		"HealthCmd=[\"CMD\", \"/bin/ash\", \"-c\", \"x\"]" },
	{ "Container", "HealthCmd=CMD a  b", "HealthCmd=[\"CMD\", \"a\", \"b\"]" },
	{ "Container", "HealthInterval=0", "HealthInterval=disable" },
	{ "Container", "HealthInterval=disable", "HealthInterval=disable" },
	{ "Container", "Volume=/a:/b:z", "Volume=/a:/b" },
	{ "Container", "Volume=/a:/b:Z", "Volume=/a:/b" },
	{ "Container", "Volume=/a:/b:relabel", "Volume=/a:/b" },
	{ "Container", "Volume=/a/..b:/b", "Volume=/a/..b:/b" },
	{ "Container", "AddDevice=/dev/a:/dev/b:w", "AddDevice=/dev/a:/dev/b:w" },
	{ "Container", "AddDevice=/dev/a:/dev/b:m", "AddDevice=/dev/a:/dev/b:m" },
	{ "Container", "ShmSize=0", "ShmSize=0" },
	{ "Container", "ShmSize=infinity", "ShmSize=infinity" },
	{ "Container", "Entrypoint=[\"/bin/a\"]", "Entrypoint=/bin/a" },
	{ "Container", "Exec=[\"a\"]", "Exec=\"[a]\"" },
	{ "Container", "Exec=a \\", "Exec=a" },
	{ "Container", "PidsLimit=-1", "PidsLimit=infinity" },
	{ "Container", "Ulimit=nofile=1:2", "Ulimit=nofile=1:2" },
	{ "Container", "WorkingDir=/a/..b", "WorkingDir=/a/..b" },
	{ "Container", "DropCapability=all", "DropCapability=all" },
	{ "Socket", "ListenStream=[1:2:3:4:5:6:7:8]:80", "ListenStream=[1:2:3:4:5:6:7:8]:80" },
	{ "Socket", "ListenStream=[::ffff:1.2.3.4]:80", "ListenStream=[::ffff:1.2.3.4]:80" },
	{ "Socket", "ListenStream=[::]:80", "ListenStream=[::]:80" },
	{ "Socket", "ListenStream=[AB::cD]:80", "ListenStream=[AB::cD]:80" },
	{ "Socket", "ListenStream=@x", "ListenStream=@x" },
	{ "Socket", "SocketMode=6", "SocketMode=0006" },
	{ "Socket", "ListenDatagram=[1::2]:53", "ListenDatagram=[1::2]:53" },
	{ "Timer", "OnCalendar=*-*~3/2", "OnCalendar=*-*~01,03 00:00:00" },
	{ "Timer", "OnCalendar=*-02~01", "OnCalendar=*-02~01 00:00:00" },
	{ "Timer", "OnCalendar=2024-01-01T10:00", "OnCalendar=2024-01-01 10:00:00" },
	{ "Timer", "OnCalendar=*-*-*T10", "OnCalendar=*-*-* 10:00:00" },
	{ "Timer", "OnCalendar=Tue", "OnCalendar=Tue *-*-* 00:00:00" },
	{ "Mount", "Options=bind", "Options=bind" },
	{ "Mount", "Options=size=1M,size", "Options=size=1M,size" },
};

/* What is around a line of the section. */
static const struct {
	const char *section, *unit, *before;
} frames[] = {
	{ "Unit", "a.service", "[Service]\nExecStart=/bin/a\n[Unit]\n" },
	{ "Service", "a.service", "[Service]\nExecStart=\n" },
	{ "Container", "a.container", "[Container]\nImage=a\n" },
	{ "Socket", "a.socket", "[Socket]\n" },
	{ "Mount", "a.mount", "[Mount]\nWhat=/x\nWhere=/a\n" },
};

/* Its line of this key, as it is printed. */
static void print_line(char *line, size_t size, size_t frame, const char *written)
{
	size_t key = strcspn(written, "=") + 1;
	struct unit_set set;
	char text[1000], *printed, *at;

	(void)snprintf(text, sizeof(text), "%s%s\n", frames[frame].before, written);
	fixture_one(&set, frames[frame].unit, text);
	printed = fixture_print(fixture_unit(&set, frames[frame].unit));
	at = strstr(printed, "\n");
	while (at != NULL && strncmp(at + 1, written, key) != 0)
		at = strstr(at + 1, "\n");
	if (at == NULL)
		fail_msg("%s: not printed:\n%s", written, printed);
	else
		(void)snprintf(line, size, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
	free(printed);
	unit_set_free(&set);
}

static void test_what_is_printed_reads_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		for (size_t k = 0; k < ARRAY_LEN(frames); k++) {
			char once[500], twice[500];

			if (strcmp(frames[k].section, values[i].section) != 0)
				continue;
			print_line(once, sizeof(once), k, values[i].written);
			assert_string_equal(once, values[i].printed);
			print_line(twice, sizeof(twice), k, once);
			assert_string_equal(twice, once);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_printed_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
