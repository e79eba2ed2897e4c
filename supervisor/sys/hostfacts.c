#include "supervisor/sys/hostfacts.h"

#include "common/util.h"
#include "supervisor/sys/unit/condition.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* The names of systemd, for those that uname(2) calls otherwise. */
static const char *architecture_name(const char *machine)
{
	static const struct {
		const char *machine, *name;
	} names[] = {
		{ "x86_64", "x86-64" },
		{ "i686", "x86" },
		{ "i586", "x86" },
		{ "aarch64", "arm64" },
		{ "armv7l", "arm" },
		{ "armv6l", "arm" },
		{ "ppc64le", "ppc64-le" },
		{ "loongarch64", "loongarch64" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i].machine, machine) == 0)
			return names[i].name;
	return machine;
}

/* 32 hexadecimal digits, without the dashes of the kernel; NULL when there are none. */
static const char *read_id(struct arena *a, const char *path)
{
	char line[64], id[33];
	const char *text = condition_file(path, line, sizeof(line));
	size_t n = 0;

	for (; *text != '\0' && n < sizeof(id) - 1; text++)
		if (*text != '-')
			id[n++] = *text;
	id[n] = '\0';
	return n == sizeof(id) - 1 && strspn(id, "0123456789abcdef") == n ? arena_strdup(a, id)
									  : NULL;
}

/* NAME=value of a file of assignments; quotes around the value are not part of it. NULL: it has none. */
static const char *read_field(struct arena *a, const char *path, const char *name)
{
	char line[256];
	const char *value = condition_line(path, name, '=', line, sizeof(line));
	size_t n;

	if (value == NULL)
		return NULL;
	n = strlen(value);
	if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0])
		return arena_strndup(a, value + 1, n - 2);
	return arena_strdup(a, value);
}

static const char *read_os(struct arena *a, const char *name)
{
	const char *value = read_field(a, "/etc/os-release", name);

	if (value == NULL)
		value = read_field(a, "/usr/lib/os-release", name);
	return value != NULL ? value : "";
}

struct kernel_version kernel_version(void)
{
	struct kernel_version v = { 0 };
	struct utsname host;
	char *end;

	if (uname(&host) < 0)
		return v;
	v.major = (unsigned int)strtoul(host.release, &end, 10);
	if (*end == '.')
		v.minor = (unsigned int)strtoul(end + 1, NULL, 10);
	return v;
}

void host_facts(struct arena *a, struct specifier_facts *facts)
{
	struct utsname host;

	*facts = (struct specifier_facts){
		.machine_id = read_id(a, "/etc/machine-id"),
		.boot_id = read_id(a, "/proc/sys/kernel/random/boot_id"),
		.pretty_host_name = read_field(a, "/etc/machine-info", "PRETTY_HOSTNAME"),
		.os_id = read_os(a, "ID"),
		.os_version = read_os(a, "VERSION_ID"),
		.os_variant = read_os(a, "VARIANT_ID"),
		.os_build = read_os(a, "BUILD_ID"),
		.image_id = read_os(a, "IMAGE_ID"),
		.image_version = read_os(a, "IMAGE_VERSION"),
	};
	if (uname(&host) < 0)
		return;
	facts->host_name = arena_strdup(a, host.nodename);
	facts->kernel = arena_strdup(a, host.release);
	facts->architecture = arena_strdup(a, architecture_name(host.machine));
	if (facts->pretty_host_name == NULL)
		facts->pretty_host_name = facts->host_name;
}
