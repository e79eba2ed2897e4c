/* What a unit file may say wrong: each fault once, with its place and its words. */
#include "common/err.h"
#include "common/util.h"
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/unit/ini.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_faults_of(const char *name, const char *text, size_t size, const char *expected)
{
	struct unit_text t = { .unit = name, .path = name, .text = text, .size = size };
	struct unit_set set;
	char *faults;

	unit_set_build(&set, &t, 1);
	faults = fixture_faults(&set);
	assert_string_equal(faults, expected);
	free(faults);
	unit_set_free(&set);
}

static void expect_faults(const char *name, const char *text, const char *expected)
{
	expect_faults_of(name, text, strlen(text), expected);
}

/* ---- values ---- */

static const struct {
	const char *section, *line;
	unsigned int column;
	const char *fault;
} bad_values[] = {
#include "tests/unit/bad_values.inc"
};

/* What is right around a line of the section; NAME is left out when the line has it. */
static const struct {
	const char *section, *unit, *before, *name;
	const char *also; /* a fault of the file by itself */
} frames[] = {
	{ "Unit", "a.service", "[Service]\nExecStart=/bin/a\n[Unit]\n", "", "" },
	{ "Install", "a.service", "[Service]\nExecStart=/bin/a\n[Install]\n", "", "" },
	{ "Service", "a.service", "[Service]\n", "ExecStart=/bin/a\n", "" },
	{ "Container", "a.container", "[Container]\n", "Image=a\n", "" },
	{ "Network", "a.network", "[Network]\n", "", "" },
	{ "Volume", "a.volume", "[Volume]\n", "", "" },
	{ "Socket", "a.socket", "[Socket]\n", "ListenStream=/x\n",
		"a.socket: error: there is no .service or .container of this name to start; "
		"name one by Service=\n" },
	{ "Timer", "a.timer", "[Timer]\n", "OnActiveSec=1\n",
		"a.timer: error: Unit=: there is no unit a.service\n" },
};

static unsigned int count_lines(const char *s)
{
	unsigned int n = 0;

	for (; (s = strchr(s, '\n')) != NULL; s++)
		n++;
	return n;
}

static void test_bad_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_values); i++)
		for (size_t k = 0; k < ARRAY_LEN(frames); k++) {
			char text[20000], expected[1000];
			bool own = strncmp(bad_values[i].line, "ExecStart=", 10) == 0 ||
				strncmp(bad_values[i].line, "Image=", 6) == 0 ||
				strncmp(bad_values[i].line, "Rootfs=", 7) == 0;

			if (strcmp(frames[k].section, bad_values[i].section) != 0)
				continue;
			(void)snprintf(text, sizeof(text), "%s%s%s\n", frames[k].before,
				own ? "" : frames[k].name, bad_values[i].line);
			(void)snprintf(expected, sizeof(expected), "%s:%u:%u: error: %s\n%s",
				frames[k].unit, count_lines(text), bad_values[i].column,
				bad_values[i].fault, frames[k].also);
			expect_faults(frames[k].unit, text, expected);
		}
}

/* ---- lines ---- */

#define OK_UNIT "[Service]\nExecStart=/bin/a\n"

static const struct {
	const char *text, *faults;
} shapes[] = {
	{ OK_UNIT, "" },
	{ "\xef\xbb\xbf# a mark\r\n[Service]\r\n  ExecStart = /bin/a \r\n; end", "" },
	{ OK_UNIT "X-Own=1\n[X-Own]\nanything=2\n", "" },
	{ "Type=exec\n" OK_UNIT,
		"a.service:1:1: error: a key stands before the first [Section]\n" },
	{ OK_UNIT "Type exec\n",
		"a.service:3:6: error: this is neither [Section] nor Key=value: there is no \"=\"\n" },
	{ OK_UNIT "  Type: exec=1\n",
		"a.service:3:7: error: a key is made of letters and digits "
		"and followed by \"=\"\n" },
	{ OK_UNIT "=exec\n", "a.service:3:1: error: there is no key before the \"=\"\n" },
	{ OK_UNIT "AaaaaaaaaabbbbbbbbbbccccccccccddddddddddE=1\n",
		"a.service:3:1: error: the key is too long\n" },
	{ OK_UNIT "[]\n", "a.service:3:2: error: the section has no name\n" },
	{ OK_UNIT "[Unit\n", "a.service:3:6: error: the section name has no \"]\" at its end\n" },
	{ OK_UNIT "[Unit] # x\nDescription=a\n",
		"a.service:3:7: error: there is something behind the \"]\"\n" },
	{ OK_UNIT "[AaaaaaaaaabbbbbbbbbbccccccccccddddddddddE]\n",
		"a.service:3:2: error: the section name is too long\n" },
	{ OK_UNIT "Nice=\x01\n", "a.service:3:6: error: a control character\n" },
	{ OK_UNIT "Nice=\x7f\n", "a.service:3:6: error: a control character\n" },
	{ OK_UNIT "# \xc3\x28\n", "a.service:3:3: error: this is not UTF-8\n" },
	{ OK_UNIT "# \xc0\x80\n", "a.service:3:3: error: this is not UTF-8\n" },
	{ OK_UNIT "# \xed\xa0\x80\n", "a.service:3:3: error: this is not UTF-8\n" },
	{ OK_UNIT "# \xf4\x90\x80\x80\n", "a.service:3:3: error: this is not UTF-8\n" },
	{ OK_UNIT "# \xe2\x82", "a.service:3:3: error: this is not UTF-8\n" },
	{ OK_UNIT "# \xe2\x82\xac \xf0\x9f\x9a\xa2 \xc3\xa9\n", "" },
	/* Each bad line is told, and the rest is read. */
	{ "[Service]\nType\nNice=x\nExecStart=/bin/a\n",
		"a.service:2:5: error: this is neither [Section] nor Key=value: there is no \"=\"\n"
		"a.service:3:6: error: Nice=: \"x\" is not a whole number\n" },
	{ "", "a.service: error: there is no ExecStart= in [Service]\n" },
};

static void test_shapes_of_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		expect_faults("a.service", shapes[i].text, shapes[i].faults);
}

static void test_nul_bytes(void **state)
{
	static const char text[] = OK_UNIT "Nice=1\0"
					   "9\n";

	(void)state;
	expect_faults_of("a.service", text, sizeof(text) - 1, "a.service:3:7: error: a NUL byte\n");
	expect_faults_of("a.service", "", 0,
		"a.service: error: there is no ExecStart= in [Service]\n");
}

/* "[Service]\nExecStart=/bin/a\n[Unit]\nDescription=" and then `n` letters, broken every `width`. */
static char *long_value(size_t n, size_t width)
{
	static const char before[] = OK_UNIT "[Unit]\nDescription=";
	char *text = calloc(1, sizeof(before) + 3 * n + 2), *p;

	assert_non_null(text);
	p = text + snprintf(text, sizeof(before), "%s", before);
	for (size_t i = 0; i < n; i++) {
		*p++ = 'a';
		if (i % width == width - 1 && i + 1 < n) {
			*p++ = '\\';
			*p++ = '\n';
		}
	}
	*p = '\n';
	return text;
}

static void test_long_lines(void **state)
{
	char *text = long_value(INI_LONGEST_LINE - strlen("Description="), 100000);

	(void)state;
	expect_faults("a.service", text, "");
	free(text);
	text = long_value(INI_LONGEST_LINE + 1 - strlen("Description="), 100000);
	expect_faults("a.service", text,
		"a.service:4:4097: error: the line is longer than 4096 bytes; a backslash at its "
		"end continues it\n");
	free(text);
	text = long_value(7900, 1000);
	expect_faults("a.service", text, "");
	free(text);
	text = long_value(8001, 1000);
	expect_faults("a.service", text,
		"a.service:4:1: error: the line is longer than 8000 bytes with its continuations\n");
	free(text);
}

static void test_large_files(void **state)
{
	size_t size = INI_TEXT_MAX + 1;
	char *text = malloc(size + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', size);
	memcpy(text, OK_UNIT, strlen(OK_UNIT));
	text[size] = '\0';
	expect_faults_of("a.service", text, size - 1, "");
	expect_faults_of("a.service", text, size,
		"a.service: error: the file is larger than 1 MiB\n"
		"a.service: error: there is no ExecStart= in [Service]\n");
	/* One whole line of as many continuations as fit. */
	for (size_t i = 0; i + 1 < INI_TEXT_MAX; i += 2)
		memcpy(text + i, "\\\n", 2);
	expect_faults_of("a.service", text, INI_TEXT_MAX,
		"a.service:1:1: error: this is neither [Section] nor Key=value: there is no \"=\"\n"
		"a.service: error: there is no ExecStart= in [Service]\n");
	free(text);
}

/* ---- continued lines ---- */

static void test_continued_lines(void **state)
{
	struct unit_set set;
	const struct unit *u;

	(void)state;
	fixture_one(&set, "a.service",
		"[Service]\nExecStart=/bin/a \\\n   one \\\n# not this\n; nor this\n  two\n"
		"Environment=A=1 \\\n\tB=2\\\n\nNice=3\nExecStop=/bin/b \\");
	assert_int_equal(set.n_faults, 0);
	u = fixture_unit(&set, "a.service");
	assert_int_equal(u->service.exec_start.v[0].argv.n, 3);
	assert_string_equal(u->service.exec_start.v[0].argv.v[2], "two");
	assert_int_equal(u->service.environment.n, 2);
	assert_int_equal(u->service.nice, 3);
	assert_int_equal(u->service.exec_stop.v[0].argv.n, 1);
	unit_set_free(&set);
}

static void test_places_in_continued_lines(void **state)
{
	(void)state;
	expect_faults("a.service", OK_UNIT "Environment=A=1 \\\n  # said\n  B \\\n  C=3\nNice=x\n",
		"a.service:5:3: error: Environment=: \"B\" is not an assignment NAME=value; quote it "
		"whole when it has blanks\n"
		"a.service:7:6: error: Nice=: \"x\" is not a whole number\n");
	expect_faults("a.service", OK_UNIT "Environment=\\\n  A=1\\\n  7=\n",
		"a.service:5:3: error: Environment=: \"7=\" is not an assignment NAME=value; quote "
		"it whole when it has blanks\n");
	/* A bad byte in any of its lines spoils the whole, told at its own place. */
	expect_faults("a.service", OK_UNIT "Environment=A=1 \\\n  B=\x01 \\\n  C=3\n",
		"a.service:4:5: error: a control character\n");
	/* Two backslashes are one that is escaped. */
	expect_faults("a.service", OK_UNIT "Environment=\"A=\\\\\nB=2\"\n",
		"a.service:3:13: error: Environment=: the quote that opens here is not closed\n"
		"a.service:4:1: error: unknown key B= in [Service]\n");
}

/* ---- words ---- */

static const struct {
	const char *unit, *text, *faults;
} unknown[] = {
	{ "a.service", OK_UNIT "Restrat=no\n",
		"a.service:3:1: error: unknown key Restrat= in [Service]; did you mean Restart=?\n" },
	{ "a.service", OK_UNIT "restart=no\n",
		"a.service:3:1: error: unknown key restart= in [Service]; did you mean Restart=?\n" },
	{ "a.service", OK_UNIT "Colour=red\n",
		"a.service:3:1: error: unknown key Colour= in [Service]\n" },
	{ "a.service", OK_UNIT "After=b.service\n",
		"a.service:3:1: error: After= belongs in [Unit]\n" },
	{ "a.service", OK_UNIT "Image=b\n",
		"a.service:3:1: error: unknown key Image= in [Service]\n" },
	{ "a.container", "[Container]\nImage=a\n[Service]\nExecStart=/bin/a\n",
		"a.container:4:1: error: ExecStart= in [Service] is not for .container files\n" },
	{ "a.service", OK_UNIT "PrivateUsers=yes\n",
		"a.service:3:1: warning: PrivateUsers= is not done here; a .container has a root and namespaces of its own\n" },
	{ "a.container", "[Container]\nImage=a\n[Service]\nPrivateTmp=yes\nNoNewPrivileges=yes\n",
		"a.container:4:1: warning: PrivateTmp= is for .service files; a container has a root, namespaces and "
		"capabilities of its own\n"
		"a.container:5:1: warning: NoNewPrivileges= is for .service files; a container has a root, namespaces and "
		"capabilities of its own, see [Container] NoNewPrivileges\n" },
	{ "a.service", OK_UNIT "Slice=x\n", "a.service:3:1: warning: Slice= is not done here\n" },
	{ "a.service", OK_UNIT "StartLimitBurst=3\n",
		"a.service:3:1: warning: StartLimitBurst= is not done in [Service]; use it in "
		"[Unit]\n" },
	{ "a.container", "[Container]\nImage=a\nHealthMaxLogCount=5\n",
		"a.container:3:1: warning: HealthMaxLogCount= is not done here; supctl status shows "
		"the last line that a failed check wrote\n" },
	{ "a.container", "[Container]\nRootfs=/a\nHealthOnFailure=kill\nHealthStartupRetries=2\n",
		"a.container:3:1: warning: HealthOnFailure= does nothing without HealthCmd=\n"
		"a.container:4:1: warning: HealthStartupRetries= does nothing without "
		"HealthStartupCmd=\n" },
	{ "a.service", OK_UNIT "[Servcie]\nNice=x\n",
		"a.service:3:1: error: unknown section [Servcie]; did you mean [Service]?\n" },
	{ "a.service", OK_UNIT "[Colours]\nNice=x\n",
		"a.service:3:1: error: unknown section [Colours]\n" },
	{ "a.service", OK_UNIT "[Container]\nImage=x\n",
		"a.service:3:1: error: [Container] does not belong into a .service file\n" },
	{ "a.network", "[Service]\nNice=1\n",
		"a.network:1:1: warning: [Service] does nothing in a .network file\n" },
	{ "a.service", OK_UNIT "[Pod]\nPodName=x\n",
		"a.service:3:1: warning: [Pod] is not done here; use .container units that share a "
		"network by Network=NAME.container\n" },
	{ "a.service", OK_UNIT "[Path]\n", "a.service:3:1: warning: [Path] is not done here\n" },
	{ "a.service", OK_UNIT "Nice=1\nNice=2\n",
		"a.service:4:1: warning: Nice= is given twice, only this one counts\n" },
	/* Lists add up, and an empty value is not a first time. */
	{ "a.service", OK_UNIT "Environment=A=1\nEnvironment=B=2\nNice=1\nNice=\nNice=2\n", "" },
	/* A section may come again. */
	{ "a.service", OK_UNIT "[Unit]\nDescription=a\n[Service]\nNice=1\n", "" },
};

static void test_words_that_are_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		expect_faults(unknown[i].unit, unknown[i].text, unknown[i].faults);
}

static void test_faults_of_a_file_are_bounded(void **state)
{
	struct unit_set set;
	char text[8000];
	size_t used = (size_t)snprintf(text, sizeof(text), OK_UNIT);

	(void)state;
	for (size_t i = 0; i < 500; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "Colour=%zu\n", i);
	fixture_one(&set, "a.service", text);
	assert_int_equal(set.n_faults, 101);
	assert_string_equal(set.faults[100].message, "more faults of this file are not shown");
	unit_set_free(&set);
}

/* ---- rules between keys ---- */

#define BOX "[Container]\nImage=a\n"

static const struct {
	const char *unit, *text, *faults;
} rules[] = {
	{ "a.container", "[Unit]\n",
		"a.container: error: there is neither Image= nor Rootfs= in [Container]\n" },
	{ "a.container", BOX "Image=\n",
		"a.container: error: there is neither Image= nor Rootfs= in [Container]\n" },
	{ "a.container", BOX "Rootfs=/a\n",
		"a.container:3:1: error: Image= and Rootfs= exclude each other\n" },
	{ "a.container", BOX "Group=a\n",
		"a.container:3:1: error: Group= needs User= beside it\n" },
	{ "a.container", BOX "User=a:b\nGroup=a\n",
		"a.container:4:1: error: User= has a group already, so Group= is one too many\n" },
	{ "a.container", BOX "Network=host\nIP=10.0.0.2\n",
		"a.container:4:1: error: IP= needs a network with a bridge, see Network=\n" },
	{ "a.container", BOX "Network=none\nPublishPort=80\n",
		"a.container:4:1: error: PublishPort= needs a network with a bridge, see Network=\n" },
	{ "a.container", BOX "Network=host\nIngressRate=10M\nEgressRate=10M\nConnectionsMax=5\n",
		"a.container:4:1: error: IngressRate= needs a network with a bridge, see Network=\n"
		"a.container:5:1: error: EgressRate= needs a network with a bridge, see Network=\n"
		"a.container:6:1: error: ConnectionsMax= needs a network with a bridge, see Network=\n" },
	{ "a.container", BOX "Network=none\nPublishPort=80\nPublishPort=\n", "" },
	{ "a.container", BOX "Network=a.container\n",
		"a.container:3:1: error: a container cannot share its own network\n" },
	{ "a.container", BOX "PublishPort=80\nPublishPort=127.0.0.1:80:8080\n",
		"a.container:4:1: error: port 80 of the host is published twice\n" },
	{ "a.container",
		BOX "PublishPort=127.0.0.1:80:1\nPublishPort=127.0.0.2:80:1\n"
		    "PublishPort=80/udp\n",
		"" },
	{ "a.container", BOX "Volume=a:/a\nTmpfs=/a\n",
		"a.container:4:1: error: /a is mounted twice\n" },
	{ "a.container", BOX "[Service]\nType=notify\n",
		"a.container:4:1: error: Type=notify in a .container needs Notify=true in "
		"[Container]\n" },
	{ "a.service", "[Service]\nType=simple\n",
		"a.service: error: there is no ExecStart= in [Service]\n" },
	{ "a.service", "[Service]\nType=oneshot\nExecStop=/bin/a\n", "" },
	{ "a.service", OK_UNIT "ExecStart=/bin/b\n",
		"a.service:3:1: error: more than one ExecStart= needs Type=oneshot\n" },
	{ "a.service", OK_UNIT "Type=oneshot\nExecStart=/bin/b\n", "" },
	{ "a.service", OK_UNIT "Type=oneshot\nRestart=always\n",
		"a.service:4:1: error: Type=oneshot ends when it is done, so Restart= cannot be always "
		"or on-success; use on-failure\n" },
	{ "a.service", OK_UNIT "RestartSteps=3\n",
		"a.service:3:1: warning: RestartSteps= does nothing without RestartMaxDelaySec=\n" },
	{ "a.service", OK_UNIT "RestartMaxDelaySec=1min\n",
		"a.service:3:1: warning: RestartMaxDelaySec= does nothing without RestartSteps=\n" },
	{ "a.service", OK_UNIT "RestartSteps=3\nRestartSec=2\nRestartMaxDelaySec=1\n",
		"a.service:5:1: warning: RestartMaxDelaySec= is shorter than RestartSec=\n" },
	{ "a.service", OK_UNIT "Type=notify\nNotifyAccess=none\n",
		"a.service:4:1: error: Type=notify needs to hear the service, so NotifyAccess= cannot "
		"be none\n" },
	{ "a.service", OK_UNIT "KillMode=none\n",
		"a.service:3:1: warning: KillMode=none leaves processes behind that nobody minds\n" },
	{ "a.network", "[Network]\nSubnet=10.1.0.0/24\nGateway=10.2.0.1\n",
		"a.network:3:1: error: Gateway= is not an address of a host in Subnet=\n" },
	{ "a.network", "[Network]\nSubnet=10.1.0.0/24\nGateway=10.1.0.255\n",
		"a.network:3:1: error: Gateway= is not an address of a host in Subnet=\n" },
	{ "a.network", "[Network]\nSubnet=10.1.0.0/24\nIPRange=10.1.1.0/25\n",
		"a.network:3:1: error: IPRange= is not inside of Subnet=\n" },
	{ "a.network", "[Network]\nSubnet=10.1.0.0/24\nIPRange=10.1.0.128/25\nGateway=10.1.0.254\n",
		"" },
};

static void test_rules_between_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		expect_faults(rules[i].unit, rules[i].text, rules[i].faults);
}

/* ---- specifiers ---- */

static void test_specifiers(void **state)
{
	struct unit_set set;

	(void)state;
	fixture_one(&set, "a-b@x-1.service",
		"[Unit]\nDescription=%n|%N|%p|%i|%j|%t|%S|%C|%L|%E|%T|%V|%u|%U|%g|%G|%h|%s|%%\n" OK_UNIT);
	assert_int_equal(set.n_faults, 0);
	assert_string_equal(fixture_unit(&set, "a-b@x-1.service")->unit.description,
		"a-b@x-1.service|a-b@x-1|a-b|x-1|b|/run|/var/lib|/var/cache|/var/log|/etc|/tmp|"
		"/var/tmp|root|0|root|0|/root|/bin/sh|%");
	unit_set_free(&set);
}

/* ---- the sidecar of an image ---- */

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_image_files(void **state)
{
	static const char good[] = "[Image]\nEntrypoint=[\"/bin/sh\", \"-c\"]\nCmd=\"a b\" c\n"
				   "Environment=PATH=/bin A=1\nUser=1000:1000\nWorkingDir=/srv\n"
				   "StopSignal=SIGQUIT\nRootHash=" HASH
				   "\nHashOffset=8192\n[X-Made]\nby=hand\n";
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "[Image]\nRootHash=abc\n",
			"i:2:10: \"abc\" is not a SHA-256 hash of 64 hexadecimal digits" },
		{ "[Image]\nRootHash=" HASH "0\n",
			"i:2:10: \"" HASH "0\" is not a SHA-256 hash of 64 hexadecimal digits" },
		{ "[Image]\nColour=red\n", "i:2:1: an image has no key Colour" },
		{ "[Service]\n", "i:1:1: an image has no section Service" },
		{ "[Image]\nUser=a b\n",
			"i:2:7: \"a b\" has a character that a user or group may "
			"not have" },
		{ "Image\n", "i:1:6: this is neither [Section] nor Key=value: there is no \"=\"" },
	};
	struct arena a = { NULL };
	struct image_section image;
	struct err e;

	(void)state;
	assert_int_equal(image_file_parse(&a, "i", good, strlen(good), &image, &e), 0);
	assert_int_equal(image.entrypoint.n, 2);
	assert_string_equal(image.entrypoint.v[1], "-c");
	assert_string_equal(image.cmd.v[0], "a b");
	assert_int_equal(image.environment.n, 2);
	assert_string_equal(image.user, "1000:1000");
	assert_string_equal(image.working_dir, "/srv");
	assert_int_equal(image.stop_signal, 3);
	assert_string_equal(image.root_hash, HASH);
	assert_int_equal(image.hash_offset, 8192);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(image_file_parse(&a, "i", bad[i].text, strlen(bad[i].text), &image,
					 &e),
			-1);
		assert_string_equal(e.msg, bad[i].message);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_shapes_of_lines),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_large_files),
		cmocka_unit_test(test_continued_lines),
		cmocka_unit_test(test_places_in_continued_lines),
		cmocka_unit_test(test_words_that_are_none),
		cmocka_unit_test(test_faults_of_a_file_are_bounded),
		cmocka_unit_test(test_rules_between_keys),
		cmocka_unit_test(test_specifiers),
		cmocka_unit_test(test_image_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
