/* When a timer elapses. All On...= keys fill one list, because an empty value of one takes back all of them. */
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"

#include <string.h>

static void add(struct key_context *c, uint64_t span, const struct calendar *calendar)
{
	*LIST_ADD(c->arena, (struct triggers *)c->field) = (struct trigger){
		.base = (enum trigger_base)c->key->arg,
		.span = span,
		.calendar = calendar,
	};
}

static int span_parse(struct key_context *c)
{
	uint64_t span;

	if (number_time(c->value, &span) < 0 || span == TIME_INFINITY)
		return key_fail(c, 0,
			"\"%s\" is not a time span; write \"5s\", \"1min 30s\" or \"1d\"",
			c->value);
	add(c, span, NULL);
	return 0;
}

static int calendar_value_parse(struct key_context *c)
{
	struct calendar *calendar = arena_alloc(c->arena, sizeof(*calendar));

	if (calendar_parse(c->value, calendar, c->why, c->why_size, &c->at) < 0)
		return -1;
	add(c, 0, calendar);
	return 0;
}

static size_t triggers_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct triggers *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++) {
		if ((int)list->v[i].base != key->arg)
			continue;
		text_separate(&t, "\n");
		if (list->v[i].calendar != NULL)
			calendar_print(&t, list->v[i].calendar);
		else
			number_put_time(&t, list->v[i].span);
	}
	return t.len;
}

const struct key_type key_type_span = {
	.name = "time span",
	.list = true,
	.parse = span_parse,
	.print = triggers_print,
};

const struct key_type key_type_calendar = {
	.name = "calendar expression",
	.list = true,
	.specifiers = true,
	.parse = calendar_value_parse,
	.print = triggers_print,
};
