#include "supervisor/sys/control/control.h"

#include "common/jsontext.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/sys/account.h"
#include "supervisor/sys/clock.h"

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
	varlink_error(c, "NoSuchUnit", json_build("{ssss}", "unit", name, "reason", why));
}

int control_unit(struct connection *c, struct supervisor *s, json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "unit"));
	int index;

	if (name == NULL) {
		varlink_error(c, "org.varlink.service.InvalidParameter",
			json_build("{ss}", "parameter", "unit"));
		return -1;
	}
	index = unit_set_find_loose(s->set, name);
	if (index < 0)
		control_no_unit(c, s, name);
	return index;
}

/* ---- commands ---- */

/* A template may have it: then it is made. False: the command is on a unit that there is, or on none. */
static bool made_instance(struct connection *c, struct supervisor *s, json_t *parameters,
	enum event_kind kind)
{
	const char *name = json_string_value(json_object_get(parameters, "unit"));
	char full[UNIT_NAME_MAX], why[160];
	uint32_t job;

	if (name == NULL || unit_set_find_loose(s->set, name) >= 0 ||
		unit_set_instance(s->set, name, full, why, sizeof(why)) < 0)
		return false;
	job = job_begin(c, s->control, parameters, full);
	if (job != 0)
		instance_wish(s, full, kind, job);
	return true;
}

static void refuse_masked(struct connection *c, const struct unit *unit)
{
	char reason[512];

	(void)snprintf(reason, sizeof(reason), "%s is %s: an empty file, or a link to /dev/null",
		unit->name, unit->broken);
	varlink_error(c, "Failed", json_build("{ss}", "reason", reason));
}

static void command(struct connection *c, struct supervisor *s, json_t *parameters,
	enum event_kind kind)
{
	bool starts = kind == EV_START || kind == EV_RESTART;
	struct event event = { .kind = kind };
	const struct unit *unit;
	int index;

	if (job_resumed(c, s->control, parameters) ||
		(starts && made_instance(c, s, parameters, kind)))
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
	event.job = job_begin(c, s->control, parameters, unit->name);
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
	uint32_t job;

	if (job_resumed(c, s->control, parameters))
		return;
	job = job_begin(c, s->control, parameters, "");
	if (job != 0)
		reload_units(s, job);
}

/*
 * Asked a second time it hurries, and what is left is killed: who asks again because the supervisor has died, and the machine
 * is ending as it was told, must not be taken for that.
 */
static void end_machine(struct connection *c, struct supervisor *s, json_t *parameters, int end)
{
	bool again = job_was_asked(s->control, parameters);
	uint32_t job;

	if (job_resumed(c, s->control, parameters))
		return;
	job = job_begin(c, s->control, parameters, "");
	if (job == 0)
		return;
	s->ending = end;
	if (!again || !engine_is_ending(s->engine))
		engine_shutdown(s->engine, end, now_us());
	keep_commit(s);
	KILL_POINT("end-kept");
	/* before it is performed, which may end this very machine */
	control_job_done(s, job, 0, "");
	perform_all(s);
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

	for (size_t i = 0; how != NULL && i < ARRAY_LEN(ends); i++) {
		if (strcmp(how, ends[i].how) == 0) {
			end_machine(c, data, parameters, ends[i].end);
			return;
		}
	}
	varlink_error(c, "org.varlink.service.InvalidParameter",
		json_build("{ss}", "parameter", "how"));
}

int control_open(struct supervisor *s, struct err *e)
{
	struct identity readers;
	bool known = account_find(&readers, NULL, READERS, e) == 0;
	struct control *control = calloc(1, sizeof(*control));

	if (control == NULL)
		return err_set_no(e, ENOMEM, "control socket");
	control->s = s;
	s->control = control;
	jobs_open(control);
	return varlink_open(&control->varlink, &s->loop, PATH_CONTROL, known ? readers.gid : 0,
		&control_interface, s, e);
}
