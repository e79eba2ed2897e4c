/* ConditionX= and AssertX=: both kinds of list have this type, the key's arg is the enum condition_kind. */
#include "supervisor/core/keys/keytype.h"

#include <string.h>

static int conditions_parse(struct key_context *c)
{
	struct condition condition = { .kind = (uint32_t)c->key->arg };
	struct conditions *list = c->field;
	const char *s = c->value;

	if (*s == '|') {
		condition.any = true;
		s += 1 + strspn(s + 1, " \t");
	}
	if (*s == '!') {
		condition.negate = true;
		s += 1 + strspn(s + 1, " \t");
	}
	if (*s == '\0')
		return key_fail(c, 0, "after \"%s\" comes what is looked for", c->value);
	if (condition_check(condition.kind, s, c->why, c->why_size) < 0) {
		c->at = (size_t)(s - c->value);
		return -1;
	}
	condition.text = arena_strdup(c->arena, s);
	*LIST_ADD(c->arena, list) = condition;
	return 0;
}

static size_t conditions_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct conditions *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++) {
		const struct condition *condition = &list->v[i];

		if (condition->kind != (uint32_t)key->arg)
			continue;
		text_separate(&t, "\n");
		text_printf(&t, "%s%s%s", condition->any ? "|" : "", condition->negate ? "!" : "",
			condition->text);
	}
	return t.len;
}

/* An empty condition clears those of every kind, as in systemd.unit(5). */
const struct key_type key_type_conditions = {
	.name = "condition",
	.list = true,
	.specifiers = true,
	.parse = conditions_parse,
	.print = conditions_print,
};

const struct key_type key_type_pressures = {
	.name = "condition",
	.list = true,
	.parse = conditions_parse,
	.print = conditions_print,
};
