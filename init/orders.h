/*
 * What init with a command is told by its command line and the environment: its own options, or, under the name of
 * another program, that program's. One table of options a program; nothing is done here.
 */
#ifndef INIT_ORDERS_H
#define INIT_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "init/signals.h"
#include "init/text.h"

/* Whose options, environment, messages and exit codes. Kept as a number over a crash. */
enum manner { MANNER_INIT, MANNER_TINI, MANNER_DUMB_INIT, MANNER_CATATONIT };

/* From the last part of argv[0]. */
enum manner manner_of(const char *name);

/* The numbers count how often an option was given, but for `verbose`, the level. No pointers: it outlives a crash. */
struct orders {
	uint8_t group;     /* signals go to the process group of the command */
	uint8_t single;    /* dumb-init: they do not, and there is no session */
	uint8_t session;   /* a session of its own for the command */
	uint8_t subreaper; /* orphans below us come to us */
	uint8_t warn;      /* of each orphan that is reaped */
	uint8_t verbose;
	uint8_t wait_all; /* for all processes, not only the command */
	uint8_t listen;   /* LISTEN_PID becomes the command's, whatever it is */
	uint8_t pause;    /* no command at all */
	uint8_t show;     /* the letter of an option that only asks: h, V, l; 0: none */
	uint8_t rewrite[SIGNAL_LAST + 1]; /* what is sent for a signal, 0: nothing */
	uint32_t as_zero[8];              /* bits: exit codes that are taken as 0 */
	int parent_signal;                /* when our parent dies; 0: none */
	int drain_s;                      /* how long SIGTERM waits */
	int report_fd;                    /* -1: none */
	int filter_fd;                    /* a program for seccomp(2), for the command; -1: none */
};

/* Why a command line cannot be used. */
struct orders_fault {
	const char *
		how; /* a sentence with %s for the word; NULL: a value that cannot be, or no command */
	const char *
		word; /* the option as it was written, or the value; NULL: the command is missing */
	char letter[2]; /* of the option that has the value */
};

/* The first word of the command, or NULL: then *fault says why, unless orders ask to show something or to pause. */
char *const *orders_parse(enum manner m, char *const argv[], struct orders *o,
	struct orders_fault *fault);

/* The options, one a line. */
void orders_help(enum manner m, struct text *t);

/* A number up to the last signal, or a name with or without SIG. -1: neither. */
int orders_signal(const char *s, int *out);

#endif
