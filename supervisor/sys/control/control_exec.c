/* supctl exec: a command in a running unit, which ends with its client, and not with a supervisor. */
#include "supervisor/sys/control/control.h"

#include "common/jsontext.h"
#include "common/killpoint.h"
#include "common/passing.h"

#include <signal.h>
#include <stdlib.h>

#define ARGS_MAX 256
#define COMES_BACK_MS 10000 /* a client whose connection was lost, as long as supctl tries */

static void on_gone(struct connection *c)
{
	struct process *p = c->call;

	p->data = NULL;
	(void)process_signal(p, SIGKILL);
}

static void answer(struct connection *c, int32_t status, const char *fault)
{
	if (fault[0] != '\0')
		varlink_error(c, "NotExecuted",
			json_build("{sssi}", "reason", fault, "status", (int)status));
	else
		varlink_reply(c, json_build("{si}", "status", (int)status), false);
}

static void on_exit_of(struct process *p, int32_t status, const char *fault)
{
	struct connection *c = p->data;

	exec_ticket_done(p->s->control, p->run.pid, status, fault != NULL ? fault : "");
	KILL_POINT("exec-answer-kept");
	p->data = NULL;
	if (c != NULL)
		answer(c, status, fault != NULL ? fault : "");
}

static void wait_for(struct process *p, struct connection *c)
{
	p->on_exit = on_exit_of;
	p->data = c;
	if (c == NULL)
		return;
	c->call = p;
	c->on_gone = on_gone;
}

static struct process *find(const struct supervisor *s, int32_t pid)
{
	struct process *p = s->processes;

	while (p != NULL && (p->on_exit != on_exit_of || p->run.pid != pid))
		p = p->next;
	return p;
}

/* ---- over the end of a supervisor: the command goes on, its client comes back ---- */

bool exec_adopt(struct instance *inst, uint32_t slot)
{
	struct supervisor *s = inst->s;
	int32_t mine = s->launcher.roster->slot[slot].pid, pid;
	bool known = false;
	struct err e;

	for (size_t at = 0; !known && exec_ticket_next(s->control, &at, &pid);)
		known = pid == mine;
	if (!known || process_adopt(inst, slot, &e) < 0)
		return false;
	wait_for(s->processes, NULL);
	return true;
}

static void on_nobody_came(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;

	for (struct process *p = s->processes; p != NULL; p = p->next)
		if (p->on_exit == on_exit_of && p->data == NULL)
			(void)process_signal(p, SIGKILL);
}

void exec_adopted(struct supervisor *s)
{
	bool any = false;
	int32_t pid;

	for (size_t at = 0; exec_ticket_next(s->control, &at, &pid);) {
		if (find(s, pid) != NULL)
			any = true;
		else
			exec_ticket_done(s->control, pid, CHILD_EXIT_FAULT << 8,
				"the supervisor died as it began, and it was ended");
	}
	if (!any)
		return;
	s->control->orphans.data = s;
	(void)uv_timer_init(&s->loop, &s->control->orphans);
	(void)uv_timer_start(&s->control->orphans, on_nobody_came, COMES_BACK_MS, 0);
}

/* False: it is a new one. */
static bool resumed(struct connection *c, struct supervisor *s, json_t *parameters)
{
	const struct exec_ticket ticket = exec_ticket(s->control, parameters);
	struct process *p = ticket.seen && !ticket.done ? find(s, ticket.pid) : NULL;

	if (!ticket.seen)
		return false;
	if (ticket.done)
		answer(c, ticket.status, ticket.fault);
	else if (p != NULL && p->data == NULL)
		wait_for(p, c);
	else
		varlink_error(c, "Failed",
			json_build("{ss}", "reason", "another client waits with this ticket"));
	return true;
}

/* ---- the call ---- */

/* The strings stay the JSON's. */
static size_t take_args(json_t *list, char *argv[ARGS_MAX + 1])
{
	size_t n = json_array_size(list);

	if (n == 0 || n > ARGS_MAX)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *word = json_string_value(json_array_get(list, i));

		if (word == NULL)
			return 0;
		argv[i] = (char *)(uintptr_t)word;
	}
	argv[n] = NULL;
	return n;
}

void control_exec(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	char *argv[ARGS_MAX + 1];
	int index = control_unit(c, s, parameters);
	struct process *p;
	uint32_t job;
	struct err e;

	if (index < 0 || resumed(c, s, parameters))
		return;
	if (take_args(json_object_get(parameters, "argv"), argv) == 0) {
		varlink_error(c, "org.varlink.service.InvalidParameter",
			json_build("{ss}", "parameter", "argv"));
		return;
	}
	if (c->n_fds != 1 && c->n_fds != 3) {
		varlink_error(c, "Failed",
			json_build("{ss}", "reason",
				"one or three descriptors must come with the call"));
		return;
	}
	job = exec_ticket_begin(s->control, parameters, unit_at(s, (uint32_t)index)->name);
	if (start_exec(s, (uint32_t)index, argv, c->fds, c->n_fds, &p, &e) < 0) {
		exec_ticket_done(s->control, TICKET_BEGINS, CHILD_EXIT_FAULT << 8, e.msg);
		varlink_error(c, "Failed", json_build("{ss}", "reason", e.msg));
		return;
	}
	exec_ticket_pid(s->control, job, p->run.pid);
	KILL_POINT("exec-begun");
	/* the command has its own: the client is to see the end of its pipes when the command closes them */
	for (size_t i = 0; i < c->n_fds; i++)
		passing_drop(c->fds[i]);
	c->n_fds = 0;
	wait_for(p, c);
}
