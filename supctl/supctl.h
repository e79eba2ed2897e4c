/*
 * supctl: the operator's hand. It has no privilege of its own and knows nothing: it asks over the Varlink socket and
 * prints. One table of commands, one file per command.
 */
#ifndef SUPCTL_SUPCTL_H
#define SUPCTL_SUPCTL_H

#include "supctl/client.h"

#include <stdbool.h>

/* Exit statuses; `supctl exec` has that of its command instead. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* asked, and the answer was no; check: faults were found */
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3, /* no supervisor answers */
	EXIT_NO_UNIT = 4,
	EXIT_DENIED = 5,
};

struct context {
	const char *socket;
	bool json; /* --json: the data as it came */
	bool connected;
	unsigned int losses; /* of connections, since the last answer */
	struct client client;
};

struct command {
	const char *name;
	const char *args; /* for the usage text */
	const char *summary;
	/* argv[0] is the command's name. Returns an exit status. */
	int (*run)(struct context *c, int argc, char **argv);
};

extern const struct command command_status, command_audit, command_list, command_start,
	command_stop, command_restart, command_reload, command_reset, command_logs, command_exec,
	command_plan, command_boot, command_cat, command_why, command_timers, command_calendar,
	command_check, command_faults, command_sockets, command_poweroff, command_reboot,
	command_halt, command_reexec;

/*
 * Connects when needed; calls; on failure prints one line and returns NULL with *status set. When the supervisor dies over it
 * the next one is asked the same: what must not be done twice has a ticket among its parameters.
 */
json_t *ask(struct context *c, const char *method, json_t *parameters, int *status);
/* The same with options of a call. */
json_t *ask_with(struct context *c, const struct call *call, int *status);
/* The same, and whether more replies to the call follow. */
json_t *ask_more(struct context *c, const struct call *call, bool *more, int *status);
/* The parameters of the call stay the caller's. Only sends: the replies are the caller's to receive. Returns an exit status, after one line on failure. */
int ask_send(struct context *c, const struct call *call);
/* One attempt, without a word: 0, or -1, see lost_again(). */
int ask_once(struct context *c, const struct call *call, struct reply *reply, struct err *e);
/* Only sends, without a word, and on a new connection when it must. */
int ask_again(struct context *c, const struct call *call, struct err *e);
void disconnect(struct context *c);
/* After a failure: true when the connection was lost and the call is to be tried again, on a new one. */
bool lost_again(struct context *c);
/* One line about an error reply; returns the exit status that it means. */
int print_error(const struct reply *reply);
/* A random number, see the interface; NULL: no randomness yet. */
json_t *ticket(void);
/* "supctl: COMMAND ARGS" to stderr; returns EXIT_USAGE. */
int usage_of(const struct command *command);
/* Becomes `supervisor WORD [--json] ARGS`: what the supervisor reads, read by its own code. Returns on failure only. */
int run_supervisor(const struct context *c, const char *word, char **args);
/* Prints JSON as data, indented. Takes ownership. Returns EXIT_DONE. */
int print_json(json_t *data);

#endif
