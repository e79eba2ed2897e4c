/* Logs over the wire: the tail at once, then, for a client that asked for more, each record as it is written. */
#include "supervisor/sys/control/control.h"

#include "common/jsontext.h"
#include "supervisor/sys/log/logplace.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 10000

struct follower {
	struct log_watcher watcher;
	struct connection *client;
	struct log *log;
};

/* With each answer goes where the reader is then, for one that has to ask again. */
static json_t *records(const struct logs *l, const char *unit, const char *data, size_t n)
{
	const struct logplace here = logplace_end(l->dir, unit);
	char cursor[LOGPLACE_TEXT_MAX];

	logplace_print(&here, cursor);
	return json_build("{soss}", "records", json_bytes(data, n), "cursor", cursor);
}

static void on_records(struct log_watcher *w, const char *data, size_t n)
{
	struct follower *f = w->data;

	varlink_reply(f->client, records(f->log->logs, f->log->unit, data, n), true);
}

static void on_gone(struct connection *c)
{
	struct follower *f = c->call;

	log_unwatch(f->log, &f->watcher);
	free(f);
}

/* The log of a unit that was released ends here; supctl says so. */
static void on_closed(struct log_watcher *w)
{
	struct follower *f = w->data;
	struct connection *c = f->client;

	varlink_reply(c, json_build("{ss}", "records", ""), false);
	free(f);
}

static struct log *find_log(struct supervisor *s, const char *name, int index)
{
	if (strcmp(name, s->journal.unit) == 0)
		return &s->journal;
	if (index >= 0 && s->instances[index] != NULL && s->instances[index]->has_logs)
		return &s->instances[index]->log;
	return NULL;
}

static void follow(struct connection *c, struct log *log)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		varlink_error(c, "Failed", json_build("{ss}", "reason", "no memory"));
		return;
	}
	f->client = c;
	f->log = log;
	f->watcher.records = on_records;
	f->watcher.closed = on_closed;
	f->watcher.data = f;
	c->call = f;
	c->on_gone = on_gone;
	log_watch(log, &f->watcher);
}

/* What comes after the place, or else the last lines. */
static json_t *past(const struct logs *l, const char *name, json_t *parameters)
{
	const char *after = json_string_value(json_object_get(parameters, "after"));
	json_int_t lines = json_integer_value(json_object_get(parameters, "lines"));
	struct logplace place;
	bool whole = true;
	size_t n = 0;
	char *text = NULL;
	json_t *answer;

	if (after != NULL && logplace_parse(&place, after))
		text = logplace_after(l->dir, name, &place, &n, &whole);
	else if (lines > 0)
		text = log_tail(l, name, lines > LINES_MAX ? LINES_MAX : (size_t)lines, &n);
	answer = records(l, name, text != NULL ? text : "", n);
	if (!whole)
		(void)json_object_set_new(answer, "gap", json_true());
	free(text);
	return answer;
}

void control_logs(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	const char *name = json_string_value(json_object_get(parameters, "unit"));
	bool own = name != NULL && strcmp(name, s->journal.unit) == 0;
	int index = own ? -1 : control_unit(c, s, parameters);
	struct log *log;
	bool more;

	if (!own && index < 0)
		return;
	if (!own)
		name = unit_at(s, (uint32_t)index)->name;
	log = find_log(s, name, index);
	more = c->more && log != NULL;
	varlink_reply(c, past(&s->logs, name, parameters), more);
	if (more && !c->closing)
		follow(c, log);
}
