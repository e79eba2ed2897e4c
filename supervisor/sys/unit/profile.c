#include "supervisor/sys/unit/profile.h"

#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/names.h"

#include <jansson.h>
#include <string.h>

#if defined(__x86_64__)
#define MACHINE "SCMP_ARCH_X86_64"
#define GO_MACHINE "amd64"
#elif defined(__aarch64__)
#define MACHINE "SCMP_ARCH_AARCH64"
#define GO_MACHINE "arm64"
#else
#define MACHINE "SCMP_ARCH_RISCV64"
#define GO_MACHINE "riscv64"
#endif

struct reader {
	struct seccomp_policy *p;
	const struct profile_host *host;
	struct arena *arena;
	struct err *e;
	size_t at;               /* of syscalls[] */
	bool decided[CALLS_MAX]; /* by a rule without arguments */
};

static void json_free(json_t **json)
{
	json_decref(*json);
}

/* ---- words ---- */

static const struct {
	char name[22];
	uint32_t action;
} actions[] = {
	{ "KILL", SECCOMP_RET_KILL_THREAD },
	{ "KILL_THREAD", SECCOMP_RET_KILL_THREAD },
	{ "KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
	{ "TRAP", SECCOMP_RET_TRAP },
	{ "ERRNO", SECCOMP_RET_ERRNO },
	{ "TRACE", SECCOMP_RET_TRACE },
	{ "LOG", SECCOMP_RET_LOG },
	{ "ALLOW", SECCOMP_RET_ALLOW },
};

/* -1: another word. `error` is a number, or missing: then it is EPERM. */
static int read_action(const json_t *word, const json_t *error, uint32_t *action)
{
	const char *name = json_string_value(word);
	json_int_t no = json_is_integer(error) ? json_integer_value(error) : EPERM;

	if (name == NULL || strncmp(name, "SCMP_ACT_", 9) != 0 || no < 0 || no > 4095)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i].name, name + 9) != 0)
			continue;
		*action = actions[i].action;
		if (*action == SECCOMP_RET_ERRNO || *action == SECCOMP_RET_TRACE)
			*action |= (uint32_t)no;
		return 0;
	}
	return -1;
}

static bool has_word(const json_t *list, const char *word)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (s != NULL && strcmp(s, word) == 0)
			return true;
	}
	return false;
}

/* ---- for whom a rule is ---- */

static bool has_capability(const struct reader *r, const json_t *word)
{
	const char *name = json_string_value(word);
	int cap = name != NULL ? capability_number(name) : -1;

	return cap >= 0 && (r->host->capabilities >> cap & 1) != 0;
}

static bool is_kernel(const struct reader *r, const char *least)
{
	const char *dot = strchrnul(least, '.');
	uint64_t major = 0, minor = 0;

	if (number_u64(arena_strndup(r->arena, least, (size_t)(dot - least)), &major) < 0 ||
		(*dot == '.' && number_u64(dot + 1, &minor) < 0))
		return false;
	return r->host->major > major || (r->host->major == major && r->host->minor >= minor);
}

/* includes: all that it says must be so; excludes: nothing of it may. */
static bool is_for_us(const struct reader *r, const json_t *entry)
{
	const json_t *in = json_object_get(entry, "includes");
	const json_t *out = json_object_get(entry, "excludes");
	const json_t *caps = json_object_get(in, "caps"), *machines = json_object_get(in, "arches");
	const char *kernel = json_string_value(json_object_get(in, "minKernel"));

	for (size_t i = 0; i < json_array_size(caps); i++)
		if (!has_capability(r, json_array_get(caps, i)))
			return false;
	if (json_array_size(machines) > 0 && !has_word(machines, GO_MACHINE))
		return false;
	if (kernel != NULL && !is_kernel(r, kernel))
		return false;
	caps = json_object_get(out, "caps");
	kernel = json_string_value(json_object_get(out, "minKernel"));
	for (size_t i = 0; i < json_array_size(caps); i++)
		if (has_capability(r, json_array_get(caps, i)))
			return false;
	return !has_word(json_object_get(out, "arches"), GO_MACHINE) &&
		(kernel == NULL || !is_kernel(r, kernel));
}

/* ---- arguments ---- */

static const struct {
	char name[10];
	uint8_t compare; /* enum seccomp_compare */
} compares[] = {
	{ "EQ", ARGUMENT_EQ },
	{ "NE", ARGUMENT_NE },
	{ "LT", ARGUMENT_LT },
	{ "LE", ARGUMENT_LE },
	{ "GT", ARGUMENT_GT },
	{ "GE", ARGUMENT_GE },
};

static int read_condition(const json_t *json, struct seccomp_condition *out)
{
	const json_t *index = json_object_get(json, "index"),
		     *value = json_object_get(json, "value");
	const char *op = json_string_value(json_object_get(json, "op"));

	if (!json_is_integer(index) || json_integer_value(index) < 0 ||
		json_integer_value(index) >= (json_int_t)SECCOMP_ARGUMENTS ||
		!json_is_integer(value) || op == NULL || strncmp(op, "SCMP_CMP_", 9) != 0)
		return -1;
	*out = (struct seccomp_condition){ .argument = (uint8_t)json_integer_value(index),
		.mask = UINT64_MAX,
		.value = (uint64_t)json_integer_value(value) };
	if (strcmp(op + 9, "MASKED_EQ") == 0) {
		out->mask = out->value;
		out->value = (uint64_t)json_integer_value(json_object_get(json, "valueTwo"));
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(compares); i++)
		if (strcmp(compares[i].name, op + 9) == 0) {
			out->compare = (enum seccomp_compare)compares[i].compare;
			return 0;
		}
	return -1;
}

struct conditions {
	struct seccomp_condition v[SECCOMP_ARGUMENTS];
	size_t n;
	bool any; /* one argument stands twice: then each is a rule of its own, as the engines have it */
};

static int read_conditions(struct reader *r, const json_t *args, struct conditions *out)
{
	uint32_t seen = 0;

	out->n = json_array_size(args);
	out->any = false;
	if (out->n > ARRAY_LEN(out->v))
		return err_setx(r->e, "syscalls[%zu]: more than %u args", r->at, SECCOMP_ARGUMENTS);
	for (size_t i = 0; i < out->n; i++) {
		if (read_condition(json_array_get(args, i), &out->v[i]) < 0)
			return err_setx(r->e,
				"syscalls[%zu]: args[%zu] is not an index 0 to 5, a value and an op",
				r->at, i);
		out->any = out->any || (seen >> out->v[i].argument & 1) != 0;
		seen |= 1u << out->v[i].argument;
	}
	return 0;
}

/* ---- rules ---- */

static void add_rules(struct reader *r, unsigned int number, uint32_t action,
	const struct conditions *conditions)
{
	struct seccomp_rule *rule = NULL;

	if (r->decided[number])
		return;
	if (conditions->n == 0) {
		r->decided[number] = true;
		r->p->rules[number] = NULL;
		seccomp_verdict(r->p, number, action);
		return;
	}
	for (size_t i = 0; i < conditions->n; i++) {
		if (rule == NULL || conditions->any)
			rule = seccomp_rule_add(r->p, r->arena, number, action);
		(void)seccomp_rule_when(rule, &conditions->v[i]);
	}
}

static int add_name(struct reader *r, const json_t *name, uint32_t action,
	const struct conditions *conditions)
{
	const char *text = json_string_value(name);
	int number = text != NULL ? call_number(text) : -1;

	if (text == NULL)
		return err_setx(r->e, "syscalls[%zu]: names are strings", r->at);
	if (number >= 0)
		add_rules(r, (unsigned int)number, action, conditions);
	return 0;
}

static int read_entry(struct reader *r, const json_t *entry)
{
	const json_t *names = json_object_get(entry, "names"),
		     *name = json_object_get(entry, "name");
	struct conditions conditions;
	uint32_t action;

	if (read_action(json_object_get(entry, "action"), json_object_get(entry, "errnoRet"),
		    &action) < 0)
		return err_setx(r->e, "syscalls[%zu]: its action is none that is done here", r->at);
	if (!json_is_array(names) && name == NULL)
		return err_setx(r->e, "syscalls[%zu]: there are no names", r->at);
	if (read_conditions(r, json_object_get(entry, "args"), &conditions) < 0)
		return -1;
	if (!is_for_us(r, entry))
		return 0;
	if (name != NULL && add_name(r, name, action, &conditions) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(names); i++)
		if (add_name(r, json_array_get(names, i), action, &conditions) < 0)
			return -1;
	return 0;
}

static int read_root(struct reader *r, const json_t *root)
{
	const json_t *machines = json_object_get(root, "architectures");
	const json_t *calls = json_object_get(root, "syscalls");
	uint32_t action;

	if (read_action(json_object_get(root, "defaultAction"),
		    json_object_get(root, "defaultErrnoRet"), &action) < 0)
		return err_setx(r->e, "its defaultAction is none that is done here");
	if (json_array_size(machines) > 0 && !has_word(machines, MACHINE))
		return err_setx(r->e, "its architectures are without %s", MACHINE);
	/* A call that nobody knew when the profile was written: libraries take an older one then. */
	seccomp_policy_init(r->p, action,
		(action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO ? SECCOMP_ERROR(ENOSYS)
									: action);
	for (; r->at < json_array_size(calls); r->at++)
		if (read_entry(r, json_array_get(calls, r->at)) < 0)
			return -1;
	return 0;
}

int profile_read(struct seccomp_policy *p, const char *text, size_t size,
	const struct profile_host *host, struct arena *a, struct err *e)
{
	struct reader r = { .p = p, .host = host, .arena = a, .e = e };
	json_error_t error;
	__attribute__((cleanup(json_free))) json_t *root = json_loadb(text, size, 0, &error);

	if (root == NULL)
		return err_setx(e, "line %d: %s", error.line, error.text);
	return read_root(&r, root);
}
