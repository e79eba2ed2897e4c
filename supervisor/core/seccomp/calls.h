/*
 * The system calls of the machine that sup is built for: their names, numbers and groups, and what containers may use of
 * them by default. All of it is made from calls.list and the kernel's headers by tools/syscalls.
 */
#ifndef CORE_SECCOMP_CALLS_H
#define CORE_SECCOMP_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLS_MAX 512u /* numbers below, of all machines; x86's x32 has a bit far above */

/* The number, or -1. */
int call_number(const char *name);
#define CALL_NAME_MAX 32
/* Written into name, which is returned; NULL: no call that is known has the number. */
const char *call_name(unsigned int number, char name[CALL_NAME_MAX]);

/*
 * Calls `take` for each member of the group "@name", those of groups in it too; @known has every call. Some come more
 * than once. -1: there is no such group.
 */
int call_group(const char *name, void (*take)(void *data, unsigned int number), void *data);

/* The name of the group at that place of all, "@aio"; NULL: there are not so many. */
const char *call_group_name(unsigned int place);

/* What the default profile says of a call, arguments aside, to who has these capabilities. */
enum call_verdict { CALL_UNKNOWN, CALL_REFUSED, CALL_ALLOWED };
enum call_verdict call_profile(unsigned int number, uint64_t capabilities);

/* The position of a name in a list of them in `size` bytes, each with its NUL, as sizeof says it; -1. */
int call_position(const char *names, size_t size, const char *name);

/* "EPERM" -> 1, "13" -> 13; -1 when it is no error of the kernel, 1 to 4095. */
int error_number(const char *name);
/* Without the "E"; NULL when no name of it is known. */
const char *error_name(int number);

/* AF_* from its name, or -1. */
int family_number(const char *name);

#define NAMESPACE_WORDS 8
extern const struct namespace_word {
	char name[8];  /* "mnt", "net", ... */
	uint32_t flag; /* CLONE_NEW* */
} namespace_words[NAMESPACE_WORDS];
/* 0: there is none of that name. */
uint32_t namespace_flag(const char *name);

#endif
