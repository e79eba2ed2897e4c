/*
 * What clients wait for: jobs, by the number under which the engine reports their end.
 *
 * A client that wants a command to be done once, whatever happens to the supervisor meanwhile, sends a ticket with it, a
 * random number. Ticket, job and answer are kept in memory that init holds; the engine keeps the number of the last command
 * that it has heard of. A client that lost its connection asks again with the same ticket: it is told the answer that
 * there was, or waits for the job that goes on, or the command had never been heard of and is begun now. The order of the
 * writes makes it so: the ticket before the engine hears of the command, the answer before the client does.
 */
#include "supervisor/sys/control/control.h"

#include "common/fd.h"
#include "common/jsontext.h"
#include "common/killpoint.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/recover/held.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HELD "jobs"
#define MAGIC 0x73626f6au
#define VERSION 1u
#define TICKETS 64
#define ANSWERS_KEPT 12

struct ticket {
	_Atomic uint64_t number; /* 0: none; written last */
	uint32_t job;
	int32_t result;
	_Atomic uint32_t done;    /* written after result and text */
	char unit[UNIT_NAME_MAX]; /* "": of none */
	int32_t pid;              /* of an exec; TICKET_BEGINS: it may have begun */
	char text[232];
};

struct tickets { /* zeroes are a new one */
	uint32_t magic, version;
	_Atomic uint32_t last_job;
	uint32_t used; /* so many of v were ever used: the pages of the others are never touched */
	struct ticket v[TICKETS];
};

/* ---- the memory ---- */

static struct tickets *map(int fd)
{
	struct tickets *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return t == MAP_FAILED ? NULL : t;
}

static struct tickets *map_former(struct supervisor *s)
{
	cleanup_fd int fd = held_take(s, HELD, "control");
	struct tickets *t = NULL;

	if (fd >= 0 && lseek(fd, 0, SEEK_END) == (off_t)sizeof(*t))
		t = map(fd);
	if (t == NULL || (t->magic == MAGIC && t->version == VERSION && t->used <= TICKETS))
		return t;
	(void)munmap(t, sizeof(*t));
	return NULL;
}

void jobs_open(struct control *control)
{
	struct supervisor *s = control->s;
	cleanup_fd int fd = -1;
	struct err e;

	control->tickets = map_former(s);
	if (control->tickets != NULL)
		return;
	fd = memfd_create(HELD, MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, sizeof(struct tickets)) == 0)
		control->tickets = map(fd);
	if (control->tickets == NULL || link_hold(&s->link, HELD, "control", fd, &e) < 0) {
		journal(s, LOG_LEVEL_WARNING, NULL,
			"no memory for commands in flight: after a crash they are done again");
		return;
	}
	control->tickets->version = VERSION;
	control->tickets->magic = MAGIC;
}

static struct ticket *find_ticket(const struct control *control, uint64_t number)
{
	for (size_t i = 0; control->tickets != NULL && number != 0 && i < control->tickets->used;
		i++)
		if (control->tickets->v[i].number == number)
			return &control->tickets->v[i];
	return NULL;
}

static struct ticket *oldest(struct tickets *t, bool answered)
{
	struct ticket *best = NULL;

	for (size_t i = 0; i < t->used; i++) {
		struct ticket *at = &t->v[i];

		if ((at->done != 0 || !answered) && (best == NULL || at->job < best->job))
			best = at;
	}
	return best;
}

/* One whose answer is old enough that nobody will ask for it, else a new one, else the oldest. */
static struct ticket *choose_ticket(struct tickets *t)
{
	struct ticket *answered = oldest(t, true);

	if (answered != NULL && (t->used == TICKETS || t->last_job - answered->job > ANSWERS_KEPT))
		return answered;
	return t->used < TICKETS ? &t->v[t->used++] : oldest(t, false);
}

static void write_ticket(struct control *control, uint64_t number, uint32_t job, const char *unit)
{
	struct ticket *at = find_ticket(control, number);

	if (control->tickets == NULL || number == 0)
		return;
	if (at == NULL)
		at = choose_ticket(control->tickets);
	at->number = 0;
	at->job = job;
	at->done = 0;
	at->pid = 0;
	text_copy(at->unit, sizeof(at->unit), unit);
	at->number = number;
}

static void write_answer(struct control *control, uint32_t job, int result, const char *text)
{
	for (size_t i = 0; control->tickets != NULL && i < control->tickets->used; i++) {
		struct ticket *at = &control->tickets->v[i];

		if (at->number == 0 || at->job != job || at->done != 0)
			continue;
		at->result = result;
		text_copy(at->text, sizeof(at->text), text);
		at->done = 1;
	}
}

/* ---- jobs ---- */

static void on_gone(struct connection *c)
{
	struct job *job = c->call;

	job->client = NULL; /* the command goes on, nobody hears of its end */
}

static void wait_for(struct job *job, struct connection *c)
{
	job->client = c;
	c->call = job;
	c->on_gone = on_gone;
}

static void answer(struct connection *c, int result, const char *text)
{
	if (result == 0)
		varlink_reply(c, json_object(), false);
	else
		varlink_error(c, "Failed", json_build("{ss}", "reason", text));
}

static struct job *find_job(const struct control *control, uint32_t id)
{
	struct job *job = control->jobs;

	while (job != NULL && job->id != id)
		job = job->next;
	return job;
}

static struct job *new_job(struct control *control, uint32_t id, struct connection *c)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		varlink_error(c, "Failed", json_build("{ss}", "reason", "no memory"));
		return NULL;
	}
	job->id = id;
	job->next = control->jobs;
	control->jobs = job;
	wait_for(job, c);
	return job;
}

static uint32_t next_id(struct control *control)
{
	_Atomic uint32_t *last = control->tickets != NULL ? &control->tickets->last_job
							  : &control->last_job;

	*last = *last == UINT32_MAX ? 1 : *last + 1;
	return *last;
}

static uint64_t ticket_of(json_t *parameters)
{
	return (uint64_t)json_integer_value(json_object_get(parameters, "ticket"));
}

bool job_resumed(struct connection *c, struct control *control, json_t *parameters)
{
	const struct ticket *at = find_ticket(control, ticket_of(parameters));
	struct job *job = at != NULL ? find_job(control, at->job) : NULL;

	if (at == NULL)
		return false;
	if (at->done != 0) {
		answer(c, at->result, at->text);
		return true;
	}
	if (job != NULL && job->client != NULL) {
		varlink_error(c, "Failed",
			json_build("{ss}", "reason", "another client waits with this ticket"));
		return true;
	}
	if (job != NULL)
		wait_for(job, c);
	else if (engine_waits(control->s->engine, at->job))
		(void)new_job(control, at->job, c);
	else
		return false;
	return true;
}

static uint32_t begin_ticket(struct control *control, json_t *parameters, const char *unit)
{
	uint32_t job = next_id(control);

	write_ticket(control, ticket_of(parameters), job, unit);
	KILL_POINT("job-begun");
	return job;
}

/* ---- supctl exec ---- */

struct exec_ticket exec_ticket(const struct control *control, json_t *parameters)
{
	const struct ticket *at = find_ticket(control, ticket_of(parameters));

	if (at == NULL)
		return (struct exec_ticket){ .seen = false };
	return (struct exec_ticket){
		.seen = at->pid != 0,
		.done = at->done != 0,
		.pid = at->pid,
		.status = at->result,
		.fault = at->text,
	};
}

uint32_t exec_ticket_begin(struct control *control, json_t *parameters, const char *unit)
{
	uint32_t job = begin_ticket(control, parameters, unit);

	exec_ticket_pid(control, job, TICKET_BEGINS);
	return job;
}

void exec_ticket_pid(struct control *control, uint32_t job, int32_t pid)
{
	for (size_t i = 0; control->tickets != NULL && i < control->tickets->used; i++)
		if (control->tickets->v[i].job == job)
			control->tickets->v[i].pid = pid;
}

bool exec_ticket_next(const struct control *control, size_t *at, int32_t *pid)
{
	const struct tickets *t = control->tickets;

	while (t != NULL && *at < t->used) {
		const struct ticket *one = &t->v[(*at)++];

		*pid = one->pid;
		if (one->number != 0 && one->done == 0 && one->pid != 0)
			return true;
	}
	return false;
}

void exec_ticket_done(struct control *control, int32_t pid, int32_t status, const char *fault)
{
	for (size_t i = 0; control->tickets != NULL && i < control->tickets->used; i++) {
		const struct ticket *at = &control->tickets->v[i];

		if (at->pid == pid && at->done == 0)
			write_answer(control, at->job, status, fault);
	}
}

/* ---- the others ---- */

void control_adopt(struct supervisor *s)
{
	const struct tickets *t = s->control->tickets;

	for (size_t i = 0; t != NULL && i < t->used; i++) {
		const struct ticket *at = &t->v[i];
		bool open = at->number != 0 && at->done == 0 && at->pid == 0;
		int unit = open ? unit_set_find(s->set, at->unit) : -1;

		/* one that was not heard of waits for its client to ask again */
		if (unit >= 0)
			(void)engine_job_resume(s->engine, (uint32_t)unit, at->job);
	}
}

bool job_was_asked(const struct control *control, json_t *parameters)
{
	return find_ticket(control, ticket_of(parameters)) != NULL;
}

uint32_t job_begin(struct connection *c, struct control *control, json_t *parameters,
	const char *unit)
{
	uint32_t id = begin_ticket(control, parameters, unit);

	return new_job(control, id, c) != NULL ? id : 0;
}

void control_job_done(struct supervisor *s, uint32_t id, int result, const char *text)
{
	struct job **at = &s->control->jobs, *job;

	write_answer(s->control, id, result, text);
	KILL_POINT("job-answer-kept");
	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	job = *at;
	if (job == NULL)
		return;
	*at = job->next;
	if (job->client != NULL)
		answer(job->client, result, text);
	free(job);
}
