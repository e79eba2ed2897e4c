/* Conditions on the machine and its kernel: read from /proc, /sys and /etc at the moment they are asked. */
#include "supervisor/sys/unit/condition.h"

#include "common/paths.h"
#include "common/pattern.h"
#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LINE_SIZE 4096

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* The word is one of those with blanks, commas or line ends between. */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; *p != '\0'; p += strcspn(p, " ,\t\n")) {
		p += strspn(p, " ,\t\n");
		if (strncmp(p, word, len) == 0 && strchr(" ,\t\n", p[len]) != NULL)
			return len > 0;
	}
	return false;
}

/* ---- kernel and machine */

bool holds_kernel_version(const char *text)
{
	char buf[512], *rest = buf;
	struct utsname name;
	const char *word;
	bool all = true;

	(void)uname(&name);
	text_copy(buf, sizeof(buf), text);
	/* each word is a comparison or a pattern, and all must hold; "> 6" is not split */
	while (all && (word = strsep(&rest, " \t")) != NULL) {
		enum compare how = compare_take(&word);

		if (*word == '\0' && rest != NULL && how != COMPARE_NONE)
			word = strsep(&rest, " \t");
		if (how != COMPARE_NONE)
			all = compare_holds(how, compare_versions(name.release, word));
		else if (*word != '\0')
			all = pattern_match(word, name.release);
	}
	return all;
}

bool holds_architecture(const char *text)
{
	static const struct {
		const char *name, *machine;
	} names[] = {
		{ "x86-64", "x86_64" },
		{ "x86", "i686" },
		{ "x86", "i586" },
		{ "x86", "i386" },
		{ "arm64", "aarch64" },
		{ "arm64-be", "aarch64_be" },
		{ "arm", "armv7l" },
		{ "arm", "armv6l" },
		{ "arm", "armv5tel" },
		{ "arm", "armv8l" },
		{ "riscv64", "riscv64" },
		{ "riscv32", "riscv32" },
		{ "ppc64-le", "ppc64le" },
		{ "ppc64", "ppc64" },
		{ "s390x", "s390x" },
		{ "loongarch64", "loongarch64" },
		{ "mips64-le", "mips64" },
		{ "mips-le", "mips" },
	};
	struct utsname name;

	(void)uname(&name);
	if (strcmp(text, "native") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i].name, text) == 0 && strcmp(names[i].machine, name.machine) == 0)
			return true;
	return false;
}

/* The names of the board, one after the other with a NUL behind each. */
static bool is_compatible(const char *name, size_t len)
{
	char all[LINE_SIZE];
	size_t n = condition_bytes("/proc/device-tree/compatible", all, sizeof(all));
	bool found = false;

	for (size_t i = 0; i < n && !found; i += strlen(all + i) + 1)
		found = strlen(all + i) == len && strncmp(all + i, name, len) == 0;
	return found;
}

bool holds_firmware(const char *text)
{
	static const char compatible[] = "device-tree-compatible(";
	size_t len = strlen(text);

	if (strcmp(text, "uefi") == 0)
		return exists("/sys/firmware/efi");
	if (strcmp(text, "device-tree") == 0)
		return exists("/proc/device-tree/compatible");
	if (strncmp(text, compatible, sizeof(compatible) - 1) == 0 && text[len - 1] == ')')
		return is_compatible(text + sizeof(compatible) - 1, len - sizeof(compatible));
	return false;
}

/* What runs us says so in the environment of PID 1 (container=NAME), or in files of its own. */
static const char *container_name(char *buf, size_t size)
{
	static const char name[] = "container=";
	char all[LINE_SIZE];
	size_t n = condition_bytes("/proc/1/environ", all, sizeof(all));

	for (size_t i = 0; i < n; i += strlen(all + i) + 1)
		if (strncmp(all + i, name, sizeof(name) - 1) == 0) {
			text_copy(buf, size, all + i + sizeof(name) - 1);
			return buf;
		}
	if (exists("/.dockerenv"))
		return "docker";
	return exists("/run/.containerenv") ? "podman" : NULL;
}

static const char *machine_name(char *buf, size_t size)
{
	static const struct {
		const char *vendor, *name;
	} vendors[] = {
		{ "QEMU", "qemu" },
		{ "KVM", "kvm" },
		{ "Amazon EC2", "amazon" },
		{ "VMware", "vmware" },
		{ "innotek", "oracle" },
		{ "VirtualBox", "oracle" },
		{ "Xen", "xen" },
		{ "Bochs", "bochs" },
		{ "Parallels", "parallels" },
		{ "Microsoft", "microsoft" },
		{ "Google", "google" },
		{ "Apple Virtualization", "apple" },
	};
	static const char *const files[] = { "/sys/class/dmi/id/sys_vendor",
		"/sys/class/dmi/id/product_name", "/sys/class/dmi/id/bios_vendor" };
	char flags[LINE_SIZE];
	const char *line;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)condition_file(files[i], buf, size);
		for (size_t k = 0; k < ARRAY_LEN(vendors); k++)
			if (strstr(buf, vendors[k].vendor) != NULL)
				return vendors[k].name;
	}
	line = condition_line("/proc/cpuinfo", "flags", ':', flags, sizeof(flags));
	if (exists("/proc/device-tree/hypervisor"))
		return "vm-other";
	return line != NULL && has_word(line, "hypervisor") ? "vm-other" : NULL;
}

bool holds_virtualization(const char *text)
{
	char container_buf[64], machine_buf[256];
	const char *container = container_name(container_buf, sizeof(container_buf));
	const char *machine = machine_name(machine_buf, sizeof(machine_buf));
	bool wanted;

	if (number_bool(text, &wanted) == 0)
		return wanted == (container != NULL || machine != NULL);
	if (strcmp(text, "container") == 0)
		return container != NULL;
	if (strcmp(text, "vm") == 0)
		return machine != NULL && container == NULL;
	return (container != NULL && strcmp(container, text) == 0) ||
		(machine != NULL && container == NULL && strcmp(machine, text) == 0);
}

bool holds_host(const char *text)
{
	char name[HOST_NAME_MAX + 1] = "", id[64];

	(void)gethostname(name, sizeof(name) - 1);
	return pattern_match(text, name) ||
		strcmp(condition_file("/etc/machine-id", id, sizeof(id)), text) == 0;
}

/* /etc/os-release, or where it is when that is missing; quotes around the value are not part of it. */
bool holds_os_release(const char *text)
{
	size_t len = strcspn(text, "<>=! \t");
	char name[64], line[512], value[512];
	const char *found, *wanted = text + len;
	enum compare how = compare_take(&wanted);

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
	found = condition_line("/etc/os-release", name, '=', line, sizeof(line));
	if (found == NULL)
		found = condition_line("/usr/lib/os-release", name, '=', line, sizeof(line));
	if (found == NULL)
		return false;
	text_copy(value, sizeof(value), found + strspn(found, "\"'"));
	value[strcspn(value, "\"'")] = '\0';
	return compare_holds(how, compare_versions(value, wanted));
}

bool holds_security(const char *text)
{
	char modules[256], boot[64];
	static const char secure[] =
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

	if (strcmp(text, "tpm2") == 0)
		return exists("/sys/class/tpmrm/tpmrm0");
	if (strcmp(text, "uefi-secureboot") == 0)
		/* four bytes of attributes, then the value */
		return condition_bytes(secure, boot, sizeof(boot)) == 5 && boot[4] == 1;
	return has_word(condition_file("/sys/kernel/security/lsm", modules, sizeof(modules)), text);
}

/* On mains: one supply that is not a battery is online, or there is no such supply at all. */
bool holds_ac_power(const char *text)
{
	static const char folder[] = "/sys/class/power_supply";
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	bool wanted = false, online = false, any = false;

	(void)number_bool(text, &wanted);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[PATH_MAX], type[32], state[8];

		(void)snprintf(path, sizeof(path), "%s/%s/type", folder, entry->d_name);
		if (entry->d_name[0] == '.' ||
			strcmp(condition_file(path, type, sizeof(type)), "Mains") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s/online", folder, entry->d_name);
		any = true;
		online = online || strcmp(condition_file(path, state, sizeof(state)), "1") == 0;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return wanted == (online || !any);
}

bool holds_controllers(const char *text)
{
	char there[512], words[256], *rest = words;
	const char *word;
	bool unified = exists(PATH_CGROUP "/cgroup.controllers");

	(void)condition_file(PATH_CGROUP "/cgroup.controllers", there, sizeof(there));
	text_copy(words, sizeof(words), text);
	while ((word = strsep(&rest, " \t")) != NULL) {
		if (*word == '\0')
			continue;
		if (strcmp(word, "v2") == 0               ? !unified
				: strcmp(word, "v1") == 0 ? unified
							  : !has_word(there, word))
			return false;
	}
	return true;
}

/* ---- amounts: without an operator it is ">=" */

static bool holds_amount(const char *text, uint64_t have, bool size)
{
	enum compare how = compare_take(&text);
	uint64_t wanted = 0;

	(void)(size ? number_size(text, 1024, &wanted) : number_u64(text, &wanted));
	return compare_holds(how == COMPARE_NONE ? COMPARE_GE : how,
		(have > wanted) - (have < wanted));
}

bool holds_memory(const char *text)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);

	return holds_amount(text, pages * (uint64_t)sysconf(_SC_PAGESIZE), true);
}

bool holds_cpus(const char *text)
{
	return holds_amount(text, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), false);
}

bool holds_cpu_feature(const char *text)
{
	char line[LINE_SIZE];
	const char *flags = condition_line("/proc/cpuinfo", "flags", ':', line, sizeof(line));

	if (flags == NULL)
		flags = condition_line("/proc/cpuinfo", "Features", ':', line, sizeof(line));
	return flags != NULL && has_word(flags, text);
}

/*
 * The "some" line of the kernel's pressure file: it holds while the average is not above the limit. A kernel
 * without pressure files has no pressure, as in systemd.unit(5).
 */
static bool holds_pressure(const char *what, const char *text)
{
	struct pressure_limit limit;
	char path[PATH_MAX], line[256];
	char *average;
	uint32_t share;

	if (pressure_parse(text, &limit) < 0)
		return false;
	if (limit.unit[0] != '\0')
		(void)snprintf(path, sizeof(path), PATH_CGROUP_UNITS "/%s/%s.pressure", limit.unit,
			what);
	else
		(void)snprintf(path, sizeof(path), "/proc/pressure/%s", what);
	(void)condition_file(path, line, sizeof(line));
	average = strstr(line, limit.average);
	if (average == NULL)
		return true;
	average += strlen(limit.average) + 1;
	/* "avg10=0.12 avg60=...": a share with two digits behind the point, of which one is asked for */
	average[strcspn(average, ".") + 2] = '%';
	average[strcspn(average, "%") + 1] = '\0';
	return number_permille(average, &share) < 0 || share <= limit.permille;
}

bool holds_memory_pressure(const char *text)
{
	return holds_pressure("memory", text);
}

bool holds_cpu_pressure(const char *text)
{
	return holds_pressure("cpu", text);
}

bool holds_io_pressure(const char *text)
{
	return holds_pressure("io", text);
}
