/* Truth values, choices, numbers, times and sizes. */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int key_fail(struct key_context *c, size_t at, const char *fmt, ...)
{
	va_list ap;

	c->at = at;
	va_start(ap, fmt);
	(void)vsnprintf(c->why, c->why_size, fmt, ap);
	va_end(ap);
	return -1;
}

static int bool_parse(struct key_context *c)
{
	if (number_bool(c->value, c->field) < 0)
		return key_fail(c, 0, "\"%s\" is neither yes nor no", c->value);
	return 0;
}

static size_t bool_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	(void)key;
	text_puts(&t, *(const bool *)field ? "yes" : "no");
	return t.len;
}

const struct key_type key_type_bool = {
	.name = "truth value",
	.parse = bool_parse,
	.print = bool_print,
};

/* A choice that begins with "false" and "true", or "no" and "yes", takes every spelling of a truth value. */
static int choice_find(const char *const *choices, const char *value)
{
	bool truth;

	for (int i = 0; choices[i] != NULL; i++)
		if (strcmp(choices[i], value) == 0)
			return i;
	if ((strcmp(choices[0], "false") == 0 || strcmp(choices[1], "yes") == 0) &&
		number_bool(value, &truth) == 0)
		return truth ? 1 : 0;
	return -1;
}

static int choice_parse(struct key_context *c)
{
	const char *const *choices = key_choices(c->key);
	int found = choice_find(choices, c->value);
	char list[200];
	struct text t = { list, sizeof(list), 0 };

	if (found >= 0) {
		*(int *)c->field = found;
		return 0;
	}
	for (; *choices != NULL; choices++) {
		if (**choices == '\0')
			continue; /* the place of "unset" */
		text_separate(&t, ", ");
		text_puts(&t, *choices);
	}
	return key_fail(c, 0, "\"%s\" is not one of: %s", c->value, list);
}

static size_t choice_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	text_puts(&t, key_choices(key)[*(const int *)field]);
	return t.len;
}

const struct key_type key_type_choice = {
	.name = "choice",
	.parse = choice_parse,
	.print = choice_print,
};

static int check_range(struct key_context *c, uint64_t value)
{
	const struct key *key = c->key;
	uint64_t max = key->max != 0 ? key->max : UINT32_MAX;

	if (value >= key->min && value <= max)
		return 0;
	return key_fail(c, 0, "\"%s\" is outside of %llu to %llu", c->value,
		(unsigned long long)key->min, (unsigned long long)max);
}

static int count_parse(struct key_context *c)
{
	uint64_t value;

	if (number_u64(c->value, &value) < 0)
		return key_fail(c, 0, "\"%s\" is not a whole number", c->value);
	if (check_range(c, value) < 0)
		return -1;
	*(uint32_t *)c->field = (uint32_t)value;
	return 0;
}

/* Where 0 is no value of the key, it stands for "unset". */
static size_t count_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint32_t value = *(const uint32_t *)field;

	if (value >= key->min)
		text_printf(&t, "%u", value);
	return t.len;
}

const struct key_type key_type_count = {
	.name = "number",
	.parse = count_parse,
	.print = count_print,
};

/* systemd.resource-control(5): below all weights. */
static int weight_parse(struct key_context *c)
{
	if (strcmp(c->value, "idle") != 0)
		return count_parse(c);
	*(uint32_t *)c->field = CPU_WEIGHT_IDLE;
	return 0;
}

static size_t weight_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	if (*(const uint32_t *)field != CPU_WEIGHT_IDLE)
		return count_print(key, field, buf, size);
	text_puts(&t, "idle");
	return t.len;
}

const struct key_type key_type_weight = {
	.name = "weight",
	.parse = weight_parse,
	.print = weight_print,
};

static void int_reset(const struct key *key, void *field)
{
	(void)key;
	*(int *)field = INT_UNSET;
}

/* From -max to max; one lower when key->arg is 1, as the kernel counts nice values. */
static int int_parse(struct key_context *c)
{
	int64_t high = (int64_t)c->key->max, low = -high - c->key->arg;
	int64_t value;

	if (number_i64(c->value, &value) < 0)
		return key_fail(c, 0, "\"%s\" is not a whole number", c->value);
	if (value < low || value > high)
		return key_fail(c, 0, "\"%s\" is outside of %lld to %lld", c->value, (long long)low,
			(long long)high);
	*(int *)c->field = (int)value;
	return 0;
}

static size_t int_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	(void)key;
	if (*(const int *)field != INT_UNSET)
		text_printf(&t, "%d", *(const int *)field);
	return t.len;
}

const struct key_type key_type_int = {
	.name = "number",
	.reset = int_reset,
	.parse = int_parse,
	.print = int_print,
};

static int exit_code_parse(struct key_context *c)
{
	int64_t value;

	if (number_i64(c->value, &value) < 0 || value < 0 || value > UINT8_MAX)
		return key_fail(c, 0, "\"%s\" is not an exit code, 0 to 255", c->value);
	*(int *)c->field = (int)value;
	return 0;
}

const struct key_type key_type_exit_code = {
	.name = "exit code",
	.reset = int_reset,
	.parse = exit_code_parse,
	.print = int_print,
};

static int check_time_range(struct key_context *c, uint64_t usec)
{
	char range[100];
	struct text t = { range, sizeof(range), 0 };

	uint64_t max = c->key->max != 0 ? c->key->max : TIME_INFINITY;

	if (usec >= c->key->min && usec <= max)
		return 0;
	number_put_time(&t, c->key->min);
	text_puts(&t, " to ");
	number_put_time(&t, max);
	return key_fail(c, 0, "\"%s\" is outside of %s", c->value, range);
}

static int time_parse_to(struct key_context *c, uint64_t *usec)
{
	if (number_time(c->value, usec) < 0)
		return key_fail(c, 0,
			"\"%s\" is not a time span; write \"5s\", \"1min 30s\", \"100ms\" or \"infinity\"",
			c->value);
	return check_time_range(c, *usec);
}

static int time_parse(struct key_context *c)
{
	return time_parse_to(c, c->field);
}

/* Where 0 is no value of the key, it stands for "unset". */
static size_t time_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint64_t usec = *(const uint64_t *)field;

	if (usec != 0 || key->min == 0)
		number_put_time(&t, usec);
	return t.len;
}

const struct key_type key_type_time = {
	.name = "time span",
	.parse = time_parse,
	.print = time_print,
};

static int time_pair_parse(struct key_context *c)
{
	uint64_t *both = c->field;

	if (time_parse_to(c, &both[0]) < 0)
		return -1;
	both[1] = both[0];
	return 0;
}

/* Its canonical form is the two keys that it stands for. */
static size_t time_pair_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	(void)field;
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

const struct key_type key_type_time_pair = {
	.name = "time span",
	.parse = time_pair_parse,
	.print = time_pair_print,
};

#define SIZE_HELP "is not a size; write \"512M\", \"1.5G\", a number of bytes"

static void size_reset(const struct key *key, void *field)
{
	(void)key;
	*(uint64_t *)field = SIZE_UNSET;
}

/* A rate is of bits and thousands, and at least one of them. */
static int size_parse(struct key_context *c)
{
	uint64_t *size = c->field;
	bool rate = c->key->arg != 0;

	if (number_size(c->value, rate ? 1000 : 1024, size) < 0 || (rate && *size < 1000))
		return key_fail(c, 0, "\"%s\" is not a %s or \"infinity\"", c->value,
			rate ? "rate; write \"512K\", \"1.5M\", a number of bits from 1000 on"
			     : "size; write \"512M\", \"1.5G\", a number of bytes");
	return 0;
}

static size_t size_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint64_t value = *(const uint64_t *)field;

	if (value != SIZE_UNSET)
		number_put_size(&t, value, key->arg != 0 ? 1000 : 1024);
	return t.len;
}

const struct key_type key_type_size = {
	.name = "size",
	.reset = size_reset,
	.parse = size_parse,
	.print = size_print,
};

static void quantity_reset(const struct key *key, void *field)
{
	(void)key;
	*(struct quantity *)field = (struct quantity){ .value = SIZE_UNSET };
}

/* key_reset() passes on the table's own text. */
static bool is_default(const struct key_context *c)
{
	return c->value == key_default(c->key);
}

/* The share forms: 1 when value was one, 0 when it has no "%", -1. */
static int quantity_share(struct key_context *c)
{
	struct quantity *q = c->field;
	uint32_t permille;

	if (strchr(c->value, '%') == NULL)
		return 0;
	if (number_permille(c->value, &permille) < 0 || permille > 1000)
		return key_fail(c, 0, "\"%s\" is not a share between 0%% and 100%%", c->value);
	*q = (struct quantity){
		.value = permille == 0 ? 0 : SIZE_UNSET, .permille = permille, .dflt = is_default(c)
	};
	return 1;
}

static int memory_parse(struct key_context *c)
{
	int share = quantity_share(c);
	uint64_t bytes;

	if (share != 0)
		return share < 0 ? -1 : 0;
	if (number_size(c->value, 1024, &bytes) < 0)
		return key_fail(c, 0, "\"%s\" " SIZE_HELP ", \"50%%\" or \"infinity\"", c->value);
	*(struct quantity *)c->field = (struct quantity){ .value = bytes };
	return 0;
}

static size_t quantity_print(const struct quantity *q, uint32_t base, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	if (q->permille != 0)
		number_put_permille(&t, q->permille);
	else if (q->value != SIZE_UNSET)
		number_put_size(&t, q->value, base);
	return t.len;
}

static size_t memory_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return quantity_print(field, 1024, buf, size);
}

const struct key_type key_type_memory = {
	.name = "size or share of the memory",
	.reset = quantity_reset,
	.parse = memory_parse,
	.print = memory_print,
};

/* Podman writes -1 for no limit. */
static int tasks_parse(struct key_context *c)
{
	struct quantity *q = c->field;
	int share = quantity_share(c);
	uint64_t value;

	if (share < 0 || (share > 0 && q->permille != 0))
		return share < 0 ? -1 : 0;
	if (strcmp(c->value, "infinity") == 0 || strcmp(c->value, "-1") == 0)
		value = SIZE_INFINITY;
	else if (number_u64(c->value, &value) < 0 || value < 1 || value > INT32_MAX)
		return key_fail(c, 0,
			"\"%s\" is not a number of tasks; write \"100\", \"10%%\" or \"infinity\"",
			c->value);
	*q = (struct quantity){ .value = value, .dflt = is_default(c) };
	return 0;
}

static size_t tasks_print(const struct key *key, const void *field, char *buf, size_t size)
{
	(void)key;
	return quantity_print(field, UINT32_MAX, buf, size);
}

const struct key_type key_type_tasks = {
	.name = "number or share of the tasks",
	.reset = quantity_reset,
	.parse = tasks_parse,
	.print = tasks_print,
};

static int percent_parse(struct key_context *c)
{
	if (number_permille(c->value, c->field) < 0 || *(uint32_t *)c->field == 0)
		return key_fail(c, 0, "\"%s\" is not a percentage; write \"50%%\" or \"150%%\"",
			c->value);
	return 0;
}

static size_t percent_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint32_t permille = *(const uint32_t *)field;

	(void)key;
	if (permille != 0)
		number_put_permille(&t, permille);
	return t.len;
}

const struct key_type key_type_percent = {
	.name = "percentage",
	.parse = percent_parse,
	.print = percent_print,
};
