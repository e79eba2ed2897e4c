/*
 * What a program in a container tries that it must not be able to do or see. Each check is a row of a table, and runs in a
 * process of its own. It ends by returning (it was refused: well), or by hole() or lacking().
 *
 * Nothing here does harm where it succeeds: a file is opened for writing and not written to, a call is given arguments
 * that the kernel refuses after it has looked at the rights, or those that change nothing.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define CHECK_ARGS 6
/* Arguments of a call that stand for a pointer: to a page of zeroes, to the text of the row. */
#define ZEROES (-7701L)
#define TEXT (-7702L)

/* What the outside has said: words KEY=VALUE. */
struct probe {
	char *const *words;
	size_t n_words;
	const char *self; /* argv[0] */
};

struct check {
	const char *name;
	void (*run)(const struct probe *p, const struct check *c);
	const char *text;
	long nr;
	long args[CHECK_ARGS];
};

struct checks {
	const struct check *v;
	size_t n;
};

/* A row by what it does; the tests read the names here: the macro, then the name. */
#define CHECK(name, function)            \
	{                                \
		name, function, NULL, 0, \
		{                        \
			0                \
		}                        \
	}
#define CALL(name, call, text, ...)                   \
	{                                             \
		name, refused_call, text, SYS_##call, \
		{                                     \
			__VA_ARGS__                   \
		}                                     \
	}

extern const struct checks checks_self, checks_calls, checks_mounts, checks_files, checks_devices,
	checks_others;

/* The value of a fact. Without it the check ends as lacking(). */
const char *told(const struct probe *p, const char *key);
/* The same, NULL when it was not said. */
const char *told_or_null(const struct probe *p, const char *key);

/* End of a check: what could be done; what the machine has not, so that it could not be tried. */
_Noreturn void hole(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void lacking(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A call that was refused for want of rights, or that is not there at all; else what it got to is a hole. */
void must_be_refused(long result, const char *what);
void refused_call(const struct probe *p, const struct check *c);

/* The whole of a small file, cut at the room and ended by NUL. Its length, or -1 with errno. */
long read_text(const char *path, char *text, size_t room);
/* The value behind "KEY:" in the text of a status file of procfs; lacking() without it. */
const char *status_value(const char *text, const char *key);

/* What `probe --lurk` does. */
_Noreturn void lurk(void);

#endif
