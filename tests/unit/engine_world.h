/*
 * A small world for the tests of the engine: units filled by hand, and processes that obey, linger or fail as
 * a test says. What the engine does is kept as text, one action a line.
 */
#ifndef TESTS_ENGINE_WORLD_H
#define TESTS_ENGINE_WORLD_H

#include "supervisor/core/engine/engine_run.h"

#define SEC UINT64_C(1000000)
#define MS UINT64_C(1000)
#define EXIT_STATUS(code) ((code) << 8)
#define TRACE_SIZE (1u << 16)

struct actor {           /* how the processes of a unit behave, and what they do */
	bool hold_spawn; /* SPAWN gets no answer */
	bool hold_exec;  /* nothing is executed, what else is made */
	bool hold_setup;
	bool fail_spawn, fail_setup;
	bool ignore_term;  /* the main process */
	uint64_t handles;  /* bit per signal that does not end the main process */
	bool immortal;     /* even SIGKILL does nothing */
	bool linger;       /* a process is left in the cgroup when the main one ends */
	bool ends_at_once; /* the main process ends with main_status as soon as it runs */
	bool hold_helpers; /* helper commands do not end by themselves */
	bool hold_checks;  /* nor health checks */
	int32_t check_status;
	const char *check_line;           /* the last one a check writes */
	const struct health_check *image; /* what its image says of its health */
	int32_t main_status;
	int32_t helper_status[ROLE_COUNT];
	/* what is there */
	bool main, helper, leftover, check;
	bool watched; /* a socket */
	enum role role;
	uint32_t spawns; /* of the main process */
};

struct world {
	struct unit_set set;
	struct actor *actors;
	size_t room;
	struct engine *engine;
	uint64_t now;
	int32_t next_pid;
	bool quiet;       /* no trace */
	size_t max_mains; /* the most main processes a unit ever had at once */
	size_t max_checks;
	size_t swaps;
	int machine; /* enum wire_end of ACT_MACHINE */
	uint32_t machine_status;
	bool machine_named; /* a key of a unit names the status */
	int job_result[16]; /* by job: -1 not answered */
	char job_text[16][256];
	char last_log[256];
	size_t logs;
	char trace[TRACE_SIZE];
	size_t trace_len;
};

struct world *world_new(size_t room);
void world_free(struct world *w);
/* A service that runs until it is told to stop; 90 s, 100 ms, no limit. */
struct unit *world_add(struct world *w, const char *name, enum unit_kind kind);
/* A world of one such unit, "web"; and its start as job 1. */
struct world *world_one(enum unit_kind kind);
void world_start(struct world *w);
static inline struct service_section *world_service(struct world *w)
{
	return &w->set.units[0].service;
}
/* a After= b, and so on; by index. All edges before world_begin. */
void world_edge(struct world *w, uint32_t a, enum dependency dep, uint32_t b);
void world_begin(struct world *w);
/* n commands that do nothing special. */
void world_commands(struct world *w, struct commands *list, size_t n);
void world_perform(struct world *w);

void world_command(struct world *w, enum event_kind kind, uint32_t u, uint32_t job);
void world_event(struct world *w, const struct event *event);
/* The main process ends by itself. */
void world_exit(struct world *w, uint32_t u, int32_t status);
void world_helper_exit(struct world *w, uint32_t u, int32_t status);
void world_check_exit(struct world *w, uint32_t u, int32_t status);
/* Somebody comes to a socket; seen only when it is watched. */
void world_connect(struct world *w, uint32_t u);
void world_ready(struct world *w, uint32_t u);
/* A datagram of the service; what it does not set is not said. */
void world_say(struct world *w, uint32_t u, struct notify n);
/* Lets time pass, timers firing on their way. */
void world_pass(struct world *w, uint64_t span);
void world_clear(struct world *w);

enum state world_state(const struct world *w, uint32_t u);
const struct run *world_run(const struct world *w, uint32_t u);
/* True when the texts stand in the trace in this order; the list ends with NULL. */
bool world_in_order(const struct world *w, ...);
size_t world_count(const struct world *w, const char *text);

#endif
