/* The supervisor and init, each begun anew from its file, by the very path of a crash. */
#include "common/jsontext.h"
#include "supervisor/sys/control/control.h"

#include <string.h>
#include <unistd.h>

static uint32_t life(const struct supervisor *s)
{
	return atomic_load(&s->launcher.roster->lives);
}

static void tell(struct connection *c, const struct supervisor *s)
{
	varlink_reply(c,
		json_build("{sIsIsI}", "pid", (json_int_t)getpid(), "life", (json_int_t)life(s),
			"init_crashes", (json_int_t)s->init_crashes),
		false);
}

void control_supervisor(struct connection *c, void *data, json_t *parameters)
{
	(void)parameters;
	tell(c, data);
}

/*
 * Nothing is done before the end: whatever a crash would find is all that there is to find. The client is not answered but
 * loses its connection, asks again, and is answered by the next one.
 */
void control_reexec(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	json_int_t which = json_integer_value(json_object_get(parameters, "life"));
	struct err e;

	if (which != (json_int_t)life(s)) {
		tell(c, s);
		return;
	}
	if (link_reexec(&s->link, REEXEC_SUPERVISOR, &e) < 0) {
		varlink_error(c, "Failed", json_build("{ss}", "reason", e.msg));
		return;
	}
	journal(s, LOG_LEVEL_INFO, NULL,
		"ends to be started anew from its file, as it was asked to");
	_exit(0);
}

static void on_gone(struct connection *c)
{
	struct control *control = c->call;

	control->reexec = NULL;
}

void control_reexec_init(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	struct err e;

	(void)parameters;
	if (s->control->reexec != NULL) {
		varlink_error(c, "Busy",
			json_build("{ss}", "reason", "init is being executed anew"));
		return;
	}
	if (link_reexec(&s->link, REEXEC_INIT, &e) < 0) {
		varlink_error(c, "Failed", json_build("{ss}", "reason", e.msg));
		return;
	}
	s->control->reexec = c;
	c->call = s->control;
	c->on_gone = on_gone;
}

void control_resumed(struct supervisor *s, int error)
{
	struct connection *c = s->control->reexec;
	struct err e;

	if (c == NULL)
		return;
	s->control->reexec = NULL;
	c->on_gone = NULL;
	if (error == 0) {
		varlink_reply(c, json_object(), false);
		return;
	}
	(void)err_set_no(&e, error, "init cannot execute its file, and goes on as it is");
	varlink_error(c, "Failed", json_build("{ss}", "reason", e.msg));
}
