/* supctl exec: a command in a running unit, which ends with its client. */
#include "supervisor/sys/control.h"

#include "common/jsontext.h"
#include "common/passing.h"

#include <signal.h>
#include <stdlib.h>

#define ARGS_MAX 256

static void on_gone(struct connection *c)
{
	struct process *p = c->call;

	p->data = NULL;
	(void)process_signal(p, SIGKILL);
}

static void on_exit_of(struct process *p, int32_t status, const char *fault)
{
	struct connection *c = p->data;

	if (c == NULL)
		return;
	p->data = NULL;
	if (fault != NULL)
		varlink_error(c, "NotExecuted",
			json_pack("{sosi}", "reason", json_text(fault), "status", (int)status));
	else
		varlink_reply(c, json_pack("{si}", "status", (int)status), false);
}

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
	struct err e;

	if (index < 0)
		return;
	if (take_args(json_object_get(parameters, "argv"), argv) == 0) {
		varlink_error(c, "org.varlink.service.InvalidParameter",
			json_pack("{ss}", "parameter", "argv"));
		return;
	}
	if (c->n_fds != 1 && c->n_fds != 3) {
		varlink_error(c, "Failed",
			json_pack("{ss}", "reason",
				"one or three descriptors must come with the call"));
		return;
	}
	if (start_exec(s, (uint32_t)index, argv, c->fds, c->n_fds, &p, &e) < 0) {
		varlink_error(c, "Failed", json_pack("{so}", "reason", json_text(e.msg)));
		return;
	}
	/* the command has its own: the client is to see the end of its pipes when the command closes them */
	for (size_t i = 0; i < c->n_fds; i++)
		passing_drop(c->fds[i]);
	c->n_fds = 0;
	p->on_exit = on_exit_of;
	p->data = c;
	c->call = p;
	c->on_gone = on_gone;
}
