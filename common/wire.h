/*
 * What init and supervisor say to each other: a SOCK_SEQPACKET pair, one struct wire_msg a packet, at
 * most one descriptor with it (SCM_RIGHTS).
 *
 * init never blocks on it: a REAPED that finds the queue full may be dropped, because the supervisor
 * scans the roster after every packet it reads, whatever its kind. An unknown kind or version is ignored.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stdint.h>

#define WIRE_FD 3 /* the supervisor's end */
#define WIRE_VERSION 1u
#define WIRE_NAME_MAX 88

enum wire_kind {
	/* supervisor to init */
	WIRE_HOLD = 1, /* name + fd: keep it; one of the same name is closed and replaced */
	WIRE_DROP,     /* name: close it; unknown names are ignored */
	WIRE_TAKE, /* send me all you hold: answered by HELD..., HELD_END; init keeps its copies */
	WIRE_WELL, /* the supervisor is up and its loop turns: init's back-off starts afresh */
	WIRE_END,  /* arg = enum wire_end, arg2 = exit status for END_EXIT: end the machine now */
	/* init to supervisor */
	WIRE_HELD, /* name + fd */
	WIRE_HELD_END,
	WIRE_REAPED,  /* a slot of the roster has become EXITED */
	WIRE_REQUEST, /* arg = enum wire_end: asked for by a signal; stop all units, then send END */
	/* supervisor to init */
	WIRE_WATCHDOG, /* arg, arg2 = seconds while running, and while rebooting, 0: off; name: device or "" */
	/*
	 * arg = 1: well; 0: a critical unit has failed for good, name tells which: the watchdog is to starve.
	 * arg2 = so many seconds until it is said again, at the latest; 0: no promise.
	 */
	WIRE_HEALTH,
	/* arg = enum wire_reexec: what starts anew from its file, and loses nothing by it */
	WIRE_REEXEC,
	/* init to supervisor */
	/*
	 * init has executed itself, because it crashed or because it was asked to. arg = how often it has crashed
	 * since the machine started, arg2 = errno when the file asked for could not be executed and the old one goes on.
	 */
	WIRE_RESUMED,
};

enum wire_reexec {
	REEXEC_SUPERVISOR, /* the sender will end in a moment, on purpose: no failure, no back-off */
	REEXEC_INIT,
};

enum wire_end { END_POWEROFF = 1, END_REBOOT, END_HALT, END_KEXEC, END_EXIT };

struct wire_msg {
	uint32_t version;
	uint32_t kind;
	int32_t arg;
	int32_t arg2;
	char name
		[WIRE_NAME_MAX]; /* "KIND:UNIT", for example "log-out:web.container"; NUL-terminated */
};

#endif
