/* The methods of io.sup.Control: what each answers. The interface is described in control_interface.c. */
#ifndef SYS_CONTROL_H
#define SYS_CONTROL_H

#include "supervisor/sys/control/varlink.h"
#include "supervisor/sys/supervisor.h"

/* A start, stop, restart or reload that a client waits for. */
struct job {
	struct job *next;
	uint32_t id;
	struct connection *client;
};

struct tickets;

struct control {
	struct supervisor *s;
	struct varlink varlink;
	struct job *jobs;
	struct connection *reexec; /* waits for init to be executed anew; NULL: none */
	struct tickets *tickets;   /* NULL: none can be kept, and last_job counts */
	_Atomic uint32_t last_job;
	uv_timer_t orphans; /* commands whose clients have not come back */
};

extern const struct varlink_interface control_interface;

/* ---- control.c: finding the unit a call is about ---- */
/* There is no unit of that name: answers with the error, and its reason. */
void control_no_unit(struct connection *c, const struct supervisor *s, const char *name);
/* Index, or -1 after it has answered with the error. */
int control_unit(struct connection *c, struct supervisor *s, json_t *parameters);

/* ---- control_jobs.c ---- */
void jobs_open(struct control *control);
/* The call has a ticket that was seen before: answered, or the client waits for the job that there is. */
bool job_resumed(struct connection *c, struct control *control, json_t *parameters);
/* Its ticket was seen before, whatever became of the command. */
bool job_was_asked(const struct control *control, json_t *parameters);
/* A new job, for which the client waits; 0: no memory, the client has its answer. unit: its full name, or "". */
uint32_t job_begin(struct connection *c, struct control *control, json_t *parameters,
	const char *unit);

#define TICKET_BEGINS (-1)

struct exec_ticket { /* of the call of a command in a unit */
	bool seen;   /* it was begun, or was to be */
	bool done;   /* ... and has ended, as ... */
	int32_t pid; /* or TICKET_BEGINS */
	int32_t status;
	const char *fault; /* "": it ran */
};
struct exec_ticket exec_ticket(const struct control *control, json_t *parameters);
/* Before the start: a number for it, whose process is TICKET_BEGINS. */
uint32_t exec_ticket_begin(struct control *control, json_t *parameters, const char *unit);
void exec_ticket_pid(struct control *control, uint32_t job, int32_t pid);
void exec_ticket_done(struct control *control, int32_t pid, int32_t status, const char *fault);
/* One after the other those that have not ended; *at: 0 at first. */
bool exec_ticket_next(const struct control *control, size_t *at, int32_t *pid);

/* ---- control_view.c: what is told of units ---- */
void control_status(struct connection *c, void *data, json_t *parameters);
void control_faults(struct connection *c, void *data, json_t *parameters);
void control_plan(struct connection *c, void *data, json_t *parameters);
void control_changes(struct connection *c, void *data, json_t *parameters);

/* ---- control_why.c: what a unit waits for, and the files that make it ---- */
void control_why(struct connection *c, void *data, json_t *parameters);
void control_cat(struct connection *c, void *data, json_t *parameters);

/* ---- control_audit.c ---- */
void control_audit(struct connection *c, void *data, json_t *parameters);

/* ---- control_boot.c ---- */
void control_boot(struct connection *c, void *data, json_t *parameters);
void control_boot_reset(struct connection *c, void *data, json_t *parameters);

/* ---- control_logs.c ---- */
void control_logs(struct connection *c, void *data, json_t *parameters);

/* ---- control_reexec.c ---- */
void control_supervisor(struct connection *c, void *data, json_t *parameters);
void control_reexec(struct connection *c, void *data, json_t *parameters);
void control_reexec_init(struct connection *c, void *data, json_t *parameters);

/* ---- control_exec.c ---- */
void control_exec(struct connection *c, void *data, json_t *parameters);

/* ---- control.c: commands ---- */
void control_start(struct connection *c, void *data, json_t *parameters);
void control_stop(struct connection *c, void *data, json_t *parameters);
void control_restart(struct connection *c, void *data, json_t *parameters);
void control_reload_unit(struct connection *c, void *data, json_t *parameters);
void control_reset(struct connection *c, void *data, json_t *parameters);
void control_reload(struct connection *c, void *data, json_t *parameters);
void control_end(struct connection *c, void *data, json_t *parameters);

#endif
