/*
 * What init with a command says: an event, in the words, in the form and on the descriptor of the program whose name
 * it has. Never blocks, never fails, and what a broken pipe or a limit of file sizes sends for it is not passed on.
 */
#ifndef INIT_VOICE_H
#define INIT_VOICE_H

#include <stddef.h>

#include "init/orders.h"

#define VOICE_ALWAYS 0
#define VOICE_WARN 1
#define VOICE_INFO 2
#define VOICE_DEBUG 3
#define VOICE_TRACE 4

/*
 * One row an event: its name, and the words of init, tini, dumb-init and catatonit, "" for nothing. They begin with
 * the level from which they are said. %s, %a and %b are what comes with the event, %S the name of signal b, %m errno.
 */
#define VOICE_EVENTS(X)                                                                                      \
	X(EXEC_FAILED, "0%s: %m", "0exec %s failed: %m", "0%s: %m", "0failed to exec pid1: %m")              \
	X(NO_PROCESS, "0no process for %s: %m", "0fork failed: %m", "0Unable to fork. Exiting.",             \
		"0failed to fork child: %m")                                                                 \
	X(NO_REAPER, "",                                                                                     \
		"1Tini is not running as PID 1 and isn't registered as a child subreaper.\n"                 \
		"Orphans go to another process, which has to reap them: use -s, set TINI_SUBREAPER, or run " \
		"it as PID 1.",                                                                              \
		"", "")                                                                                      \
	X(SUBREAPER, "", "4Registered as child subreaper", "", "")                                           \
	X(DETACHED, "", "",                                                                                  \
		"1Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.",         \
		"")                                                                                          \
	X(NOT_DETACHED, "", "", "1Unable to detach from controlling tty (errno=%a %m).", "")                 \
	X(NOT_ATTACHED, "", "", "1Unable to attach to controlling tty (errno=%a %m).", "")                   \
	X(SESSION, "", "", "1setsid complete.", "")                                                          \
	X(STARTED, "2%s runs as process %a", "2Spawned child process '%s' with pid '%a'",                    \
		"1Child spawned with PID %a.", "")                                                           \
	X(ENDED_SIGNAL, "", "3Received SIGCHLD", "1Received signal 17.", "")                                 \
	X(GOT, "", "", "1Received signal %b.", "")                                                           \
	X(TRANSLATED, "", "", "1Translating signal %a to %b.", "")                                           \
	X(PASSED, "3signal %b is passed on", "3Passing signal: '%S'",                                        \
		"1Forwarded signal %b to children.", "")                                                     \
	X(DROPPED, "3signal %a is dropped", "",                                                              \
		"1Not forwarding signal %b to children (ignored).", "")                                      \
	X(SUSPENDED, "", "", "1Suspending self due to TTY signal.", "")                                      \
	X(DRAINS, "2SIGTERM is passed on in %a s", "", "", "")                                               \
	X(REAPED_EXIT, "3process %a ended with status %b", "3Reaped child with pid: '%a'",                   \
		"1A child with PID %a exited with exit status %b.", "")                                      \
	X(REAPED_SIGNAL, "3process %a was ended by signal %b", "3Reaped child with pid: '%a'",               \
		"1A child with PID %a was terminated by signal %b.", "")                                     \
	X(ORPHAN, "1process %a, an orphan, is reaped", "1Reaped zombie process with pid=%a", "",             \
		"")                                                                                          \
	X(EXITED, "2%s exited with status %b", "2Main child exited normally (with status '%b')",             \
		"", "")                                                                                      \
	X(KILLED, "2%s was ended by signal %b",                                                              \
		"2Main child exited with signal (with signal '%S')", "", "")                                 \
	X(NONE_ENDED, "", "4No child to reap", "", "")                                                       \
	X(NONE_LEFT, "", "4No child to wait", "", "")                                                        \
	X(OTHERS, "2SIGTERM to all others, then waiting for them", "", "", "")                               \
	X(OTHERS_UNKNOWN, "0the other processes cannot be listed, not waiting: %m", "", "", "")              \
	X(LEAVING, "", "4Exiting: child has exited", "1Child exited with status %b. Goodbye.", "")

enum voice_event {
#define VOICE_NAME(name, ...) VOICE_##name,
	VOICE_EVENTS(VOICE_NAME)
#undef VOICE_NAME
};

struct voice {
	enum manner manner;
	const struct orders *orders;
	const char *name; /* argv[0] */
};

/* errno is taken for %m, and stays. */
void voice_say(const struct voice *v, enum voice_event event, const char *s, int a, int b);

/* Will anything be said from here on? Then descriptors 1 and 2 are needed. */
bool voice_talks(const struct voice *v);

/* Why the command line cannot be used, in the words of that program. */
void voice_usage(const struct voice *v, const struct orders_fault *fault);

/* What orders->show asks for. */
void voice_show(const struct voice *v);

#endif
