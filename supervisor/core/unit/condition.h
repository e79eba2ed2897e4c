/*
 * Conditions and asserts of a start, systemd.unit(5): one list, from which come the keys ConditionX= and AssertX= of
 * each, what their values must look like, and the checks of sys/unit/condition.c.
 */
#ifndef CORE_CONDITION_H
#define CORE_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the argument is: checked when the unit is read. */
enum condition_form {
	FORM_TEXT,
	FORM_PATH,
	FORM_BOOL,
	FORM_CAPABILITY,
	FORM_SIZE,    /* ">= 64M", "128M" is ">=128M" */
	FORM_COUNT,   /* ">= 2", "2" is ">=2" */
	FORM_FIELD,   /* "NAME>=value" */
	FORM_PRESSURE /* "10%", "10%/1min"; "UNIT:10%" */
};

/* CONDITION(id, name, form, what holds) */
#define CONDITIONS(X)                                                                                  \
	X(PATH_EXISTS, "PathExists", FORM_PATH, "the path exists")                                     \
	X(PATH_EXISTS_GLOB, "PathExistsGlob", FORM_PATH,                                               \
		"a path exists that the pattern with * ? [] matches")                                  \
	X(PATH_IS_DIRECTORY, "PathIsDirectory", FORM_PATH, "the path is a directory")                  \
	X(PATH_IS_SYMBOLIC_LINK, "PathIsSymbolicLink", FORM_PATH, "the path is a symbolic link")       \
	X(PATH_IS_MOUNT_POINT, "PathIsMountPoint", FORM_PATH, "something is mounted at the path")      \
	X(PATH_IS_READ_WRITE, "PathIsReadWrite", FORM_PATH,                                            \
		"the file system below the path can be written to")                                    \
	X(DIRECTORY_NOT_EMPTY, "DirectoryNotEmpty", FORM_PATH,                                         \
		"the path is a directory with something in it")                                        \
	X(FILE_NOT_EMPTY, "FileNotEmpty", FORM_PATH, "the path is a file with something in it")        \
	X(FILE_IS_EXECUTABLE, "FileIsExecutable", FORM_PATH, "the path is an executable file")         \
	X(KERNEL_COMMAND_LINE, "KernelCommandLine", FORM_TEXT,                                         \
		"the word, or the assignment name=value, is on the kernel's command line")             \
	X(KERNEL_VERSION, "KernelVersion", FORM_TEXT,                                                  \
		"the kernel's release is as it says: \">=6.1\" and the like, or a pattern")            \
	X(ARCHITECTURE, "Architecture", FORM_TEXT,                                                     \
		"the machine is of that architecture: x86-64, arm64, arm, riscv64, native")            \
	X(FIRMWARE, "Firmware", FORM_TEXT,                                                             \
		"the firmware is of that kind: uefi, device-tree, device-tree-compatible(NAME)")       \
	X(VIRTUALIZATION, "Virtualization", FORM_TEXT,                                                 \
		"it runs so: yes, no, vm, container, or a name such as qemu")                          \
	X(HOST, "Host", FORM_TEXT, "the host name matches the pattern, or the machine ID is this")     \
	X(OS_RELEASE, "OSRelease", FORM_FIELD,                                                         \
		"the field of /etc/os-release is as it says: \"VERSION_ID>=12\"")                      \
	X(ENVIRONMENT, "Environment", FORM_TEXT,                                                       \
		"the supervisor has the variable NAME, or NAME=value, from the kernel's command line") \
	X(SECURITY, "Security", FORM_TEXT,                                                             \
		"the security module is active: selinux, apparmor, smack, landlock, ...; or "          \
		"uefi-secureboot, tpm2")                                                               \
	X(CAPABILITY, "Capability", FORM_CAPABILITY,                                                   \
		"the capability is in the supervisor's bounding set")                                  \
	X(AC_POWER, "ACPower", FORM_BOOL, "the machine is on mains, or with \"no\" is not")            \
	X(FIRST_BOOT, "FirstBoot", FORM_BOOL,                                                          \
		"this is the first boot with this /var/lib/sup, or with \"no\" is not")                \
	X(USER, "User", FORM_TEXT, "the supervisor runs as that user: root, 0, @system")               \
	X(GROUP, "Group", FORM_TEXT, "the supervisor runs in that group")                              \
	X(CONTROL_GROUP_CONTROLLER, "ControlGroupController", FORM_TEXT,                               \
		"those cgroup controllers are there: cpu, memory, pids, ...; or v1, v2")               \
	X(MEMORY, "Memory", FORM_SIZE, "the machine has so much memory: \">=256M\"")                   \
	X(CPUS, "CPUs", FORM_COUNT, "the machine has so many CPUs: \">=2\"")                           \
	X(CPU_FEATURE, "CPUFeature", FORM_TEXT,                                                        \
		"the CPU has the feature, as /proc/cpuinfo names it")

/* Apart, because a "%" in them begins no specifier. */
#define PRESSURE_CONDITIONS(X)                                                               \
	X(MEMORY_PRESSURE, "MemoryPressure", FORM_PRESSURE,                                  \
		"the memory pressure is at most so much: \"10%/1min\"")                      \
	X(CPU_PRESSURE, "CPUPressure", FORM_PRESSURE, "the CPU pressure is at most so much") \
	X(IO_PRESSURE, "IOPressure", FORM_PRESSURE, "the I/O pressure is at most so much")

#define ALL_CONDITIONS(X) CONDITIONS(X) PRESSURE_CONDITIONS(X)

enum condition_kind {
#define X(id, name, form, holds) CONDITION_##id,
	ALL_CONDITIONS(X)
#undef X
		CONDITION_COUNT
};

struct condition {
	uint32_t kind;    /* enum condition_kind */
	bool negate;      /* "!" */
	bool any;         /* "|": one of these is enough */
	const char *text; /* the argument */
};
struct conditions {
	struct condition *v;
	size_t n;
};

/* "PathExists" */
const char *condition_name(uint32_t kind);
/* 0, or -1 with the reason: the argument is not of the form that the kind wants. */
int condition_check(uint32_t kind, const char *text, char *why, size_t size);

enum compare {
	COMPARE_LT,
	COMPARE_LE,
	COMPARE_EQ,
	COMPARE_NE,
	COMPARE_GE,
	COMPARE_GT,
	COMPARE_NONE
};

/* Takes "<", "<=", "=", "==", "!=", "<>", ">=" or ">" and the blanks around it off *s; NONE when there is none. */
enum compare compare_take(const char **s);
/* order: below, equal to or above 0 as the left side is less, equal or more. */
bool compare_holds(enum compare how, int order);
/* Versions: digits as numbers, "~" before everything; as strverscmp(3) where it is defined, so "6.10" is above "6.9". */
int compare_versions(const char *left, const char *right);

/* The share in "memory:10%/5min": thousandths, and which of the kernel's averages. 0 or -1. */
struct pressure_limit {
	char unit[64]; /* "": of the machine */
	uint32_t permille;
	const char *average; /* "avg10", "avg60", "avg300" */
};
int pressure_parse(const char *text, struct pressure_limit *limit);

#endif
