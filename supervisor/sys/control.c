#include "supervisor/sys/control.h"

#include "common/jsontext.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/clock.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS "sup"

/* An instance that nobody has made has no state, no plan and no log yet. */
void control_no_unit(struct connection *c, const struct supervisor *s, const char *name)
{
	char full[UNIT_NAME_MAX], why[160];

	if (unit_set_instance(s->set, name, full, why, sizeof(why)) == 0)
		(void)snprintf(why, sizeof(why),
			"there is a template, but no such instance: `supctl start` makes it");
	varlink_error(c, "NoSuchUnit", json_pack("{ssss}", "unit", name, "reason", why));
}

int control_unit(struct connection *c, struct supervisor *s, json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "unit"));
	int index;

	if (name == NULL) {
		varlink_error(c, "org.varlink.service.InvalidParameter",
			json_pack("{ss}", "parameter", "unit"));
		return -1;
	}
	index = unit_set_find_loose(s->set, name);
	if (index < 0)
		control_no_unit(c, s, name);
	return index;
}

/* ---- jobs ---- */

static void on_gone(struct connection *c)
{
	struct job *job = c->call;

	job->client = NULL; /* the command goes on, nobody hears of its end */
}

/* 0: no memory, the client has its answer. */
static uint32_t add_job(struct control *control, struct connection *c)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		varlink_error(c, "Failed", json_pack("{ss}", "reason", "no memory"));
		return 0;
	}
	control->last_job = control->last_job == UINT32_MAX ? 1 : control->last_job + 1;
	job->id = control->last_job;
	job->client = c;
	job->next = control->jobs;
	control->jobs = job;
	c->call = job;
	c->on_gone = on_gone;
	return job->id;
}

void control_job_done(struct supervisor *s, uint32_t id, int result, const char *text)
{
	struct job **at = &s->control->jobs, *job;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	job = *at;
	if (job == NULL)
		return;
	*at = job->next;
	if (job->client != NULL && result == 0)
		varlink_reply(job->client, json_object(), false);
	else if (job->client != NULL)
		varlink_error(job->client, "Failed", json_pack("{so}", "reason", json_text(text)));
	free(job);
}

/* ---- commands ---- */

/* A template may have it: then it is made. False: the command is on a unit that there is, or on none. */
static bool made_instance(struct connection *c, struct supervisor *s, const char *name,
	enum event_kind kind)
{
	char full[UNIT_NAME_MAX], why[160];
	uint32_t job;

	if (name == NULL || unit_set_find_loose(s->set, name) >= 0 ||
		unit_set_instance(s->set, name, full, why, sizeof(why)) < 0)
		return false;
	job = add_job(s->control, c);
	if (job != 0)
		instance_wish(s, full, kind, job);
	return true;
}

static void refuse_masked(struct connection *c, const struct unit *unit)
{
	char reason[512];

	(void)snprintf(reason, sizeof(reason), "%s is %s: an empty file, or a link to /dev/null",
		unit->name, unit->broken);
	varlink_error(c, "Failed", json_pack("{so}", "reason", json_text(reason)));
}

static void command(struct connection *c, struct supervisor *s, json_t *parameters,
	enum event_kind kind)
{
	const char *name = json_string_value(json_object_get(parameters, "unit"));
	bool starts = kind == EV_START || kind == EV_RESTART;
	struct event event = { .kind = kind };
	const struct unit *unit;
	int index;

	if (starts && made_instance(c, s, name, kind))
		return;
	index = control_unit(c, s, parameters);
	if (index < 0)
		return;
	unit = unit_at(s, (uint32_t)index);
	if (starts && unit->masked) {
		refuse_masked(c, unit);
		return;
	}
	event.unit = (uint32_t)index;
	event.job = add_job(s->control, c);
	KILL_POINT("command-begin");
	if (event.job != 0)
		supervise(s, &event);
	KILL_POINT("command-told");
}

void control_start(struct connection *c, void *data, json_t *parameters)
{
	command(c, data, parameters, EV_START);
}

void control_stop(struct connection *c, void *data, json_t *parameters)
{
	command(c, data, parameters, EV_STOP);
}

void control_restart(struct connection *c, void *data, json_t *parameters)
{
	command(c, data, parameters, EV_RESTART);
}

void control_reload_unit(struct connection *c, void *data, json_t *parameters)
{
	command(c, data, parameters, EV_RELOAD);
}

void control_reset(struct connection *c, void *data, json_t *parameters)
{
	command(c, data, parameters, EV_RESET);
}

void control_reload(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	uint32_t job = add_job(s->control, c);

	(void)parameters;
	if (job != 0)
		reload_units(s, job);
}

void control_end(struct connection *c, void *data, json_t *parameters)
{
	static const struct {
		const char *how;
		int end;
	} ends[] = {
		{ "poweroff", END_POWEROFF },
		{ "reboot", END_REBOOT },
		{ "halt", END_HALT },
	};
	const char *how = json_string_value(json_object_get(parameters, "how"));
	struct supervisor *s = data;

	for (size_t i = 0; how != NULL && i < ARRAY_LEN(ends); i++) {
		if (strcmp(how, ends[i].how) != 0)
			continue;
		varlink_reply(c, json_object(), false);
		s->ending = ends[i].end;
		engine_shutdown(s->engine, ends[i].end, now_us());
		perform_all(s);
		return;
	}
	varlink_error(c, "org.varlink.service.InvalidParameter",
		json_pack("{ss}", "parameter", "how"));
}

int control_open(struct supervisor *s, struct err *e)
{
	const struct group *readers = getgrnam(READERS);
	struct control *control = calloc(1, sizeof(*control));

	if (control == NULL)
		return err_set_no(e, ENOMEM, "control socket");
	control->s = s;
	s->control = control;
	return varlink_open(&control->varlink, &s->loop, PATH_CONTROL,
		readers != NULL ? readers->gr_gid : 0, &control_interface, s, e);
}
