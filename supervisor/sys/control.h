/* The methods of io.sup.Control: what each answers. The interface is described in control_interface.c. */
#ifndef SYS_CONTROL_H
#define SYS_CONTROL_H

#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/varlink.h"

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

/* ---- control_view.c: what is told of units ---- */
void control_status(struct connection *c, void *data, json_t *parameters);
void control_faults(struct connection *c, void *data, json_t *parameters);
void control_plan(struct connection *c, void *data, json_t *parameters);

/* ---- control_why.c: what a unit waits for, and the files that make it ---- */
void control_why(struct connection *c, void *data, json_t *parameters);
void control_cat(struct connection *c, void *data, json_t *parameters);

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
