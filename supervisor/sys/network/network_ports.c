#include "supervisor/sys/network/network_ports.h"

#include "common/killpoint.h"
#include "common/paths.h"
#include "supervisor/core/net/ports.h"
#include "supervisor/core/text.h"
#include "supervisor/sys/file.h"

#include <stdlib.h>
#include <string.h>

#define TABLE "ports"
#define WORDS_MAX (IP_TEXT_MAX + 24) /* "[IP]:65535:65535/sctp" */

static void save(struct supervisor *s)
{
	struct arena a = { 0 };
	struct port_holder *holders = arena_array(&a, s->set->n + 1, sizeof(*holders));
	const char *text;
	size_t n = 0;
	struct err e;

	for (size_t i = 0; i < s->set->n; i++)
		if (s->instances[i] != NULL && s->instances[i]->ports.n > 0)
			holders[n++] = (struct port_holder){ s->instances[i]->unit,
				&s->instances[i]->ports };
	text = port_table_print(holders, n, &a);
	if (file_write(PATH_STATE, TABLE, text, strlen(text), 0600, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, NULL, &e);
	KILL_POINT("ports-written");
	arena_free(&a);
}

static bool has_network(const struct instance *inst)
{
	return inst != NULL && inst->netns >= 0;
}

static const struct ports *wanted(const struct instance *inst)
{
	return &unit_at(inst->s, inst->index)->container.ports;
}

/* What it does not want any more goes, the others lead to where its file says; there is room for all. True: there are less. */
static bool keep_wanted(struct instance *inst)
{
	const struct ports *want = wanted(inst);
	struct ports kept = { .v = calloc(want->n + 1, sizeof(*kept.v)) };
	bool less;

	if (kept.v == NULL)
		abort(); /* init starts us again */
	for (size_t i = 0; i < want->n; i++)
		if (ports_have(&inst->ports, &want->v[i]))
			kept.v[kept.n++] = want->v[i];
	less = kept.n < inst->ports.n;
	free(inst->ports.v);
	inst->ports = kept;
	return less;
}

static const char *words(char buf[WORDS_MAX], const struct port *p)
{
	struct text t = { buf, WORDS_MAX, 0 };

	port_put(&t, p);
	return buf;
}

/* There is room, by keep_wanted(). host: a process of the host may have it, too. */
static int claim(struct instance *inst, const struct port *p, bool host, struct err *e)
{
	const struct supervisor *s = inst->s;
	char text[WORDS_MAX];
	int rc = 0;

	for (size_t i = 0; i < s->set->n && rc == 0; i++) {
		const struct instance *other = s->instances[i];

		if (other != NULL && other != inst && ports_taken(&other->ports, p))
			rc = err_setx(e, "taken by %s", other->unit);
	}
	if (rc == 0 && host)
		rc = net_port_free(p, e);
	if (rc < 0)
		return err_prefix(e, "PublishPort=%s", words(text, p));
	inst->ports.v[inst->ports.n++] = *p;
	return 0;
}

int ports_claim(struct instance *inst, struct err *e)
{
	const struct ports *want = wanted(inst);
	size_t had;

	(void)keep_wanted(inst);
	had = inst->ports.n;
	for (size_t i = 0; i < want->n; i++)
		if (!ports_have(&inst->ports, &want->v[i]) &&
			claim(inst, &want->v[i], true, e) < 0) {
			inst->ports.n = had;
			return -1;
		}
	if (inst->ports.n == had)
		return 0;
	save(inst->s);
	return 1;
}

static bool claim_free(struct instance *inst, bool host, bool says)
{
	const struct ports *want = wanted(inst);
	char text[WORDS_MAX];
	bool any = false;
	struct err e;

	for (size_t i = 0; i < want->n; i++) {
		if (ports_have(&inst->ports, &want->v[i]))
			continue;
		if (claim(inst, &want->v[i], host, &e) < 0) {
			if (says)
				journal(inst->s, LOG_LEVEL_ERROR, inst->unit, "runs without: %s",
					e.msg);
			continue;
		}
		any = true;
		if (!says)
			journal(inst->s, LOG_LEVEL_INFO, inst->unit,
				"has it by now: PublishPort=%s", words(text, &want->v[i]));
	}
	return any;
}

static bool settle(struct supervisor *s, bool host, bool says)
{
	bool any = false;

	for (size_t i = 0; i < s->set->n; i++)
		any = (has_network(s->instances[i]) && keep_wanted(s->instances[i])) || any;
	for (size_t i = 0; i < s->set->n; i++)
		any = (has_network(s->instances[i]) && claim_free(s->instances[i], host, says)) ||
			any;
	if (any)
		save(s);
	return any;
}

bool ports_settle(struct supervisor *s, bool says)
{
	return settle(s, true, says);
}

bool ports_release(struct instance *inst)
{
	bool had = inst->ports.n > 0, opened;

	free(inst->ports.v);
	inst->ports = (struct ports){ 0 };
	opened = had && ports_settle(inst->s, false);
	if (had && !opened)
		save(inst->s);
	return opened;
}

static void give_back(struct supervisor *s, const char *unit, const struct port *p)
{
	int index = unit_set_find(s->set, unit);
	struct instance *inst = index >= 0 ? s->instances[index] : NULL;
	struct err ignored;

	/* as a hand may have written it, or another generation of units: two must not have one port */
	if (has_network(inst) && ports_have(wanted(inst), p) && !ports_have(&inst->ports, p))
		(void)claim(inst, p, false, &ignored);
}

/* A process of the host that has come to a port since is no reason to close it; whether it has is not known without the table. */
void ports_adopt(struct supervisor *s)
{
	struct arena a = { 0 };
	char *text = arena_strdup(&a, names_read(s, &a, PATH_STATE "/" TABLE));
	bool known = text[0] != '\0';
	const char *unit;
	struct port p;

	for (size_t i = 0; i < s->set->n; i++)
		if (has_network(s->instances[i]))
			(void)keep_wanted(s->instances[i]);
	while (port_table_next(&text, &unit, &p))
		give_back(s, unit, &p);
	(void)settle(s, known, true);
	arena_free(&a);
}
