/*
 * One process from launch to exit. Two sources tell about it: the report pipe (the start, and a container's exact
 * exit) and the roster (init's word that it is gone). The engine hears of each thing once, in order.
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/listen.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/unit/image.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define REPORT_KIND "report" /* what init holds it as, with the number of its slot */

/* The engine knows it, and would still if we died now. */
static void tell(struct process *p, enum event_kind kind, int32_t status, const char *text)
{
	struct event event = {
		.kind = kind,
		.unit = p->instance->index,
		.role = p->role,
		.pid = p->run.pid,
		.status = status,
		.text = text,
	};

	if (p->on_exit != NULL || p->instance->released)
		return;
	supervise_note(p->s, &event);
}

/* What a shell would say of a command that could not be executed, as a wait status: 127 not found, 126 not executable. */
static int32_t fault_status(const struct report *r)
{
	int code = CHILD_EXIT_FAULT;

	if (strcmp(child_step_name(r->step), "exec") == 0)
		code = r->value == ENOENT || r->value == ENOTDIR ? 127 : 126;
	return code << 8;
}

static void fault_text(const struct report *r, char *text, size_t size)
{
	bool both = r->object[0] != '\0' && r->value != 0;

	(void)snprintf(text, size, "%s: %.*s%s%s", child_step_name(r->step), REPORT_OBJECT_MAX,
		r->object, both ? ": " : "", r->value != 0 ? strerror(r->value) : "");
}

static void free_if_done(struct process *p)
{
	if (p->gone && !p->polled)
		free(p);
}

static void on_closed(uv_handle_t *handle)
{
	struct process *p = handle->data;

	p->polled = false;
	free_if_done(p);
}

/*
 * The handle is closed with the descriptor, not when the process ends: libuv takes the number out of epoll at every stop
 * and close, and by then it may be that of another pipe, which nobody would read any more.
 */
static void stop_listening(struct process *p)
{
	if (p->polled && !uv_is_closing((uv_handle_t *)&p->poll))
		uv_close((uv_handle_t *)&p->poll, on_closed);
	if (p->run.report >= 0)
		process_unhold(p->s, p->run.slot);
	fd_close(&p->run.report);
}

static void on_report(struct process *p, const struct report *r)
{
	char text[REPORT_OBJECT_MAX + 96];
	struct err e;

	if (r->kind == REPORT_FAULT && !p->settled) {
		p->settled = p->faulted = true;
		fault_text(r, text, sizeof(text));
		/* why its program could not be read */
		if (r->value == EIO && p->instance->image != NULL &&
			image_is_damaged(p->instance->image, &e))
			(void)snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, e.msg);
		if (p->on_exit != NULL)
			p->on_exit(p, fault_status(r), text);
		tell(p, EV_SPAWN_FAILED, 0, text);
	} else if (r->kind == REPORT_STARTED && !p->settled) {
		p->settled = true;
		tell(p, EV_EXECED, 0, NULL);
	} else if (r->kind == REPORT_EXITED) {
		p->has_exact = true;
		p->exact = r->value;
	}
}

/*
 * Reads all records that are there: each is told before it leaves the pipe. The exact status stays in it until the
 * process is reaped. The end of the pipe without a fault means that exec has happened.
 */
static void read_reports(struct process *p)
{
	struct report r;
	ssize_t n = -1;

	while (p->run.report >= 0 && !p->has_exact &&
		(n = peek_read(&p->s->peek, p->run.report, &r, sizeof(r))) != 0) {
		if (n != (ssize_t)sizeof(r))
			return;
		KILL_POINT("report-read");
		on_report(p, &r);
		KILL_POINT("report-told");
		if (!p->has_exact)
			(void)!read(p->run.report, &r, sizeof(r));
	}
	if (p->has_exact && p->polled && !uv_is_closing((uv_handle_t *)&p->poll))
		(void)uv_poll_stop(&p->poll);
	if (n != 0)
		return;
	if (!p->settled) {
		p->settled = true;
		tell(p, EV_EXECED, 0, NULL);
	}
	stop_listening(p);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct process *p = poll->data;
	struct supervisor *s = p->s;

	(void)status;
	(void)events;
	read_reports(p);
	perform_all(s);
}

struct process *process_new(struct instance *inst, enum role role)
{
	struct process *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->s = inst->s;
	p->instance = inst;
	p->role = role;
	return p;
}

void process_hold(void *supervisor, uint32_t slot, int report, struct err *e)
{
	struct supervisor *s = supervisor;
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", slot);
	(void)link_hold(&s->link, REPORT_KIND, name, report, e);
}

void process_unhold(struct supervisor *s, uint32_t slot)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", slot);
	link_drop(&s->link, REPORT_KIND, name);
}

void process_add(struct process *p, const struct launched *run)
{
	struct instance *inst = p->instance;
	int rc;

	p->run = *run;
	p->next = p->s->processes;
	p->s->processes = p;
	inst->n_processes++;
	if (run->report < 0)
		return;
	p->poll.data = p;
	rc = listen_start(&p->s->loop, &p->poll, run->report, UV_READABLE, on_readable);
	p->polled = rc == 0;
	if (rc == 0 || p->settled)
		return;
	journal(p->s, LOG_LEVEL_WARNING, inst->unit,
		"listen to the start of process %d: %s; it is killed", run->pid, strerror(-rc));
	(void)process_signal(p, SIGKILL);
}

int process_adopt(struct instance *inst, uint32_t slot, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct roster_slot *of = &s->launcher.roster->slot[slot];
	enum role role = (enum role)of->role;
	struct launched run = { .pid = of->pid, .slot = slot, .pidfd = -1, .go = -1 };
	struct process *p = process_new(inst, role);
	char name[16];
	int output = -1;

	if (p == NULL)
		return err_set_no(e, ENOMEM, "process record");
	(void)snprintf(name, sizeof(name), "%u", slot);
	run.report = held_take(s, REPORT_KIND, name);
	p->settled = engine_process(s->engine, inst->index, role) == PROC_SETTLED;
	if (role == ROLE_HEALTH || unit_at(s, inst->index)->kind == KIND_MOUNT)
		output = held_take(s, "output", inst->unit);
	if (output >= 0)
		p->output = check_output_adopt(s, output, e);
	process_add(p, &run);
	(void)process_pidfd(p); /* no descriptor to be had now: when it is signalled */
	return 0;
}

struct process *process_find(struct supervisor *s, const struct instance *inst, enum role role)
{
	struct process *p = s->processes;

	while (p != NULL && (p->instance != inst || p->role != role || p->on_exit != NULL))
		p = p->next;
	return p;
}

int process_pidfd(struct process *p)
{
	const struct roster_slot *slot = &p->s->launcher.roster->slot[p->run.slot];

	if (p->run.pidfd < 0 && atomic_load(&slot->state) == SLOT_LIVE)
		p->run.pidfd = (int)syscall(SYS_pidfd_open, p->run.pid, 0);
	return p->run.pidfd;
}

/* Tried twice: without cgroups nobody would come back to a SIGKILL that failed for a moment. */
int process_signal(struct process *p, int sig)
{
	int fd = process_pidfd(p), rc = (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);

	if (rc < 0 && errno != ESRCH)
		rc = (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
	return rc;
}

/*
 * Each process begins a session, so its group has its number, which is nobody else's while the leader is there; one that
 * has not come so far is alone. PIDFD_SIGNAL_PROCESS_GROUP would say the same, from Linux 6.9 on.
 */
int process_signal_group(struct process *p, int sig)
{
	if (process_signal(p, 0) == 0 && kill(-p->run.pid, sig) == 0)
		return 0;
	return process_signal(p, sig);
}

static void unlink_process(struct process *p)
{
	struct process **at = &p->s->processes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->instance->n_processes--;
}

/* What a health check, or the command of a mount, wrote last: the engine is told with its end. */
static void tell_exit(struct process *p, int32_t status)
{
	char line[160] = "";

	if (p->output != NULL)
		check_output_last_line(p->output, line, sizeof(line));
	tell(p, EV_EXITED, status, line);
	if (p->output != NULL)
		link_drop(&p->s->link, "output", p->instance->unit);
	check_output_close(p->output);
	p->output = NULL;
}

/* A program that could not read a file of its image, or a page of itself, ends by what it is then told. */
static void check_image(const struct process *p, int32_t status)
{
	const struct instance *inst = p->instance;
	struct err e;

	if (status != 0 && p->role == ROLE_MAIN && inst->image != NULL &&
		image_is_damaged(inst->image, &e))
		journal_err(p->s, LOG_LEVEL_ERROR, inst->unit, &e);
}

/* Its last words are read, then whoever waits for it is told, then its slot is free again. */
static void finish(struct process *p, struct roster_slot *slot)
{
	struct instance *inst = p->instance;
	int32_t status = slot->status;

	read_reports(p);
	fd_close(&p->run.pidfd);
	unlink_process(p);
	KILL_POINT("exit-unlinked");
	/* telling may release the unit: it must stay until the end of this function */
	inst->open_handles++;
	if (inst->has_logs && p->on_exit == NULL) {
		log_pipe_drain(&inst->out);
		log_pipe_drain(&inst->err);
	}
	KILL_POINT("exit-drained");
	if (p->has_exact)
		status = p->exact;
	watch_check_oom(inst);
	check_image(p, status);
	if (p->on_exit != NULL && !p->faulted)
		p->on_exit(p, status, NULL);
	KILL_POINT("exit-known");
	tell_exit(p, status);
	KILL_POINT("exit-told");
	atomic_store(&slot->state, SLOT_FREE);
	KILL_POINT("exit-freed");
	stop_listening(p);
	p->gone = true;
	free_if_done(p);
	if (!inst->released)
		watch_check_empty(inst);
	inst->open_handles--;
	instance_free_if_done(inst);
}

static struct process *first_exited(const struct supervisor *s)
{
	struct process *p = s->processes;

	while (p != NULL &&
		atomic_load(&s->launcher.roster->slot[p->run.slot].state) != SLOT_EXITED)
		p = p->next;
	return p;
}

void processes_reap(struct supervisor *s)
{
	struct process *p;

	/* finishing one frees it, and the engine may start and end others: begin again after each */
	while ((p = first_exited(s)) != NULL) {
		KILL_POINT("exit-seen");
		finish(p, &s->launcher.roster->slot[p->run.slot]);
		perform_all(s);
	}
}
