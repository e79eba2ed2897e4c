/* What a process is given: signals, exit codes, capabilities, resource limits. */
#include "common/util.h"
#include "supervisor/core/keys/keytype.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/names.h"

#include <string.h>
#include <strings.h>
#include <sys/resource.h>

/* Cuts the next blank-separated word out of *rest; NULL at the end. */
static char *cut_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t,");
	size_t len = strcspn(word, " \t,");

	if (*word == '\0')
		return NULL;
	*rest = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

static int signal_parse(struct key_context *c)
{
	int sig = signal_number(c->value);

	if (sig < 0)
		return key_fail(c, 0, "\"%s\" is not a signal; write \"SIGTERM\" or \"SIGRTMIN+3\"",
			c->value);
	*(int *)c->field = sig;
	return 0;
}

static size_t signal_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	char name[SIGNAL_NAME_MAX];
	int sig = *(const int *)field;

	(void)key;
	if (sig != 0)
		text_puts(&t, signal_text(sig, name));
	return t.len;
}

const struct key_type key_type_signal = {
	.name = "signal",
	.parse = signal_parse,
	.print = signal_print,
};

/* ---- exit codes ---- */

/* A number is an exit code here, never a signal. */
static int exit_set_add(struct exit_set *set, const char *word)
{
	int code = exit_code_number(word), sig;
	uint64_t number;

	if (number_u64(word, &number) == 0)
		code = number <= 255 ? (int)number : -1;
	else if (code < 0 && (sig = signal_number(word)) > 0 && sig < 64) {
		set->signals |= UINT64_C(1) << sig;
		return 0;
	}
	if (code < 0)
		return -1;
	set->codes[code / 64] |= UINT64_C(1) << code % 64;
	return 0;
}

static int exit_set_parse(struct key_context *c)
{
	char *copy = arena_strdup(c->arena, c->value), *rest = copy, *word;

	while ((word = cut_word(&rest)) != NULL)
		if (exit_set_add(c->field, word) < 0)
			return key_fail(c, (size_t)(word - copy),
				"\"%s\" is no exit code 0 to 255, no name of one and no signal",
				word);
	return 0;
}

static size_t exit_set_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct exit_set *set = field;
	struct text t = { buf, size, 0 };
	char name[SIGNAL_NAME_MAX];

	(void)key;
	for (int code = 0; code < 256; code++)
		if (set->codes[code / 64] >> code % 64 & 1) {
			text_separate(&t, " ");
			text_printf(&t, "%d", code);
		}
	for (int sig = 1; sig < 64; sig++)
		if (set->signals >> sig & 1) {
			const char *s = signal_text(sig, name);

			/* 32 and 33 are glibc's own and have no name. */
			if (*s < 'A')
				continue;
			text_separate(&t, " ");
			text_puts(&t, s);
		}
	return t.len;
}

const struct key_type key_type_exit_set = {
	.name = "list of exit codes and signals",
	.list = true,
	.parse = exit_set_parse,
	.print = exit_set_print,
};

/* ---- capabilities ---- */

static int read_capabilities(struct key_context *c, size_t from, uint64_t *set)
{
	char *copy = arena_strdup(c->arena, c->value), *rest = copy + from, *word;

	while ((word = cut_word(&rest)) != NULL) {
		int cap = capability_number(word);

		if (strcasecmp(word, "all") == 0)
			*set = CAPABILITY_ALL;
		else if (cap >= 0)
			*set |= UINT64_C(1) << cap;
		else
			return key_fail(c, (size_t)(word - copy),
				"\"%s\" is not a capability; write \"CAP_NET_ADMIN\" or \"all\"",
				word);
	}
	return 0;
}

static int capabilities_parse(struct key_context *c)
{
	return read_capabilities(c, 0, c->field);
}

static size_t capabilities_print(const struct key *key, const void *field, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	uint64_t set = *(const uint64_t *)field;

	(void)key;
	if (set == CAPABILITY_ALL) {
		text_puts(&t, "all");
		return t.len;
	}
	for (int cap = 0; cap < CAPABILITY_COUNT; cap++)
		if (set >> cap & 1) {
			text_separate(&t, " ");
			text_puts(&t, capability_text(cap));
		}
	return t.len;
}

const struct key_type key_type_capabilities = {
	.name = "list of capabilities",
	.list = true,
	.parse = capabilities_parse,
	.print = capabilities_print,
};

/*
 * As systemd.exec(5): lines add up, "~" takes away; the first counts alone, as does the first after an empty one. With
 * arg the member is the complement, so that one that nobody has set is the full set.
 */
static int capability_set_parse(struct key_context *c)
{
	uint64_t *field = c->field, whole = c->key->arg != 0 ? CAPABILITY_ALL : 0;
	uint64_t set = *field ^ whole, given = 0;
	bool inverted = c->value[0] == '~';

	if (read_capabilities(c, inverted, &given) < 0)
		return -1;
	if (c->value[0] == '\0')
		set = 0;
	else if (set == 0 || set == whole)
		set = inverted ? ~given : given;
	else
		set = inverted ? set & ~given : set | given;
	*field = (set ^ whole) & CAPABILITY_ALL;
	return 0;
}

static size_t capability_set_print(const struct key *key, const void *field, char *buf, size_t size)
{
	bool inverted = key->arg != 0 && *(const uint64_t *)field != 0;

	if (!inverted || size == 0)
		return inverted + capabilities_print(key, field, buf, size);
	buf[0] = '~';
	return 1 + capabilities_print(key, field, buf + 1, size - 1);
}

const struct key_type key_type_capability_set = {
	.name = "list of capabilities, or ~ and what is taken away",
	.list = true,
	.takes_empty = true,
	.parse = capability_set_parse,
	.print = capability_set_print,
};

/* ---- resource limits ---- */

/* Who counts in bytes takes "64K"; the others only numbers. */
static bool in_bytes(int resource)
{
	static const int bytes[] = { RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE,
		RLIMIT_RSS, RLIMIT_AS, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE };

	for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
		if (bytes[i] == resource)
			return true;
	return false;
}

/* A time: the kernel counts LimitCPU= in seconds, LimitRTTIME= in microseconds. */
static int limit_time(const char *s, int resource, uint64_t *value)
{
	uint64_t step = resource == RLIMIT_CPU ? USEC_PER_SEC : 1;

	/* A plain number is already in the kernel's unit. */
	if (number_u64(s, value) == 0)
		return 0;
	if (number_time(s, value) < 0)
		return -1;
	if (*value != TIME_INFINITY)
		*value = *value / step + (*value % step != 0);
	return 0;
}

static int limit_number(const char *s, int resource, uint64_t *value)
{
	if (strcmp(s, "infinity") == 0 || strcmp(s, "unlimited") == 0 || strcmp(s, "-1") == 0) {
		*value = SIZE_INFINITY;
		return 0;
	}
	if (resource == RLIMIT_CPU || resource == RLIMIT_RTTIME)
		return limit_time(s, resource, value);
	return in_bytes(resource) ? number_size(s, 1024, value) : number_u64(s, value);
}

/* "1024", "1024:2048"; a single number is both. */
static int limit_pair(struct key_context *c, const char *text, int resource)
{
	char *soft = arena_strdup(c->arena, text), *hard = strchr(soft, ':');
	struct rlimit_set set = { .resource = resource };
	struct rlimit_sets *list = c->field;
	size_t i = 0;

	if (hard != NULL)
		*hard++ = '\0';
	if (limit_number(soft, resource, &set.soft) < 0 ||
		limit_number(hard != NULL ? hard : soft, resource, &set.hard) < 0)
		return key_fail(c, 0,
			"\"%s\" is not a limit; write \"1024\", \"1024:4096\" or \"infinity\"",
			text);
	if (set.soft > set.hard)
		return key_fail(c, 0, "the soft limit \"%s\" is above the hard limit \"%s\"", soft,
			hard);
	while (i < list->n && list->v[i].resource != resource)
		i++;
	*(i < list->n ? &list->v[i] : LIST_ADD(c->arena, list)) = set;
	return 0;
}

static void put_limit(struct text *t, const struct rlimit_set *set)
{
	uint32_t base = in_bytes(set->resource) ? 1024 : UINT32_MAX;

	number_put_size(t, set->soft, base);
	if (set->soft != set->hard) {
		text_puts(t, ":");
		number_put_size(t, set->hard, base);
	}
}

static int limit_parse(struct key_context *c)
{
	return limit_pair(c, c->value, c->key->arg);
}

static size_t limit_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct rlimit_sets *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].resource == key->arg)
			put_limit(&t, &list->v[i]);
	return t.len;
}

/* All limits share one list, so only the own one goes. */
static void limit_reset(const struct key *key, void *field)
{
	struct rlimit_sets *list = field;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].resource != key->arg)
			list->v[kept++] = list->v[i];
	list->n = kept;
	if (kept == 0)
		list->v = NULL;
}

const struct key_type key_type_limit = {
	.name = "limit, or soft:hard",
	.reset = limit_reset,
	.parse = limit_parse,
	.print = limit_print,
};

static int ulimits_parse(struct key_context *c)
{
	const char *equals = strchr(c->value, '=');
	int resource;

	if (strcmp(c->value, "host") == 0)
		return key_fail(c, 0, "\"host\" is not done here; name the limits one by one");
	if (equals == NULL)
		return key_fail(c, 0, "\"%s\" is not of the form nofile=1024:4096", c->value);
	resource = rlimit_number(arena_strndup(c->arena, c->value, (size_t)(equals - c->value)));
	if (resource < 0)
		return key_fail(c, 0, "\"%.*s\" is not a resource limit", (int)(equals - c->value),
			c->value);
	if (limit_pair(c, equals + 1, resource) < 0) {
		c->at += (size_t)(equals + 1 - c->value);
		return -1;
	}
	return 0;
}

static size_t ulimits_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct rlimit_sets *list = field;
	struct text t = { buf, size, 0 };

	(void)key;
	for (size_t i = 0; i < list->n; i++) {
		text_separate(&t, "\n");
		text_printf(&t, "%s=", rlimit_text(list->v[i].resource));
		put_limit(&t, &list->v[i]);
	}
	return t.len;
}

const struct key_type key_type_ulimits = {
	.name = "list of name=limit, or name=soft:hard",
	.list = true,
	.parse = ulimits_parse,
	.print = ulimits_print,
};

/* ---- limits of block devices ---- */

static uint32_t io_base(const struct key *key)
{
	bool bandwidth = key->arg == IO_READ_BANDWIDTH || key->arg == IO_WRITE_BANDWIDTH;

	return bandwidth ? 1000 : UINT32_MAX;
}

static int io_limit_parse(struct key_context *c)
{
	size_t len = strcspn(c->value, " \t");
	const char *number = c->value + len + strspn(c->value + len, " \t");
	struct io_limits *list = c->field;
	struct io_limit_set set = { .kind = (enum io_limit)c->key->arg };
	int bad;

	if (c->value[0] != '/' || *number == '\0')
		return key_fail(c, 0, "\"%s\" is not a device and a number", c->value);
	if (strcmp(number, "infinity") == 0 || io_base(c->key) == 1000)
		bad = number_size(number, 1000, &set.value);
	else
		bad = number_u64(number, &set.value);
	if (bad < 0 || set.value == 0)
		return key_fail(c, (size_t)(number - c->value), "\"%s\" is not a rate", number);
	set.device = arena_strndup(c->arena, c->value, len);
	*LIST_ADD(c->arena, list) = set;
	return 0;
}

static size_t io_limit_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct io_limits *list = field;
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < list->n; i++) {
		if ((int)list->v[i].kind != key->arg)
			continue;
		text_separate(&t, "\n");
		text_printf(&t, "%s ", list->v[i].device);
		number_put_size(&t, list->v[i].value, io_base(key));
	}
	return t.len;
}

static void io_limit_reset(const struct key *key, void *field)
{
	struct io_limits *list = field;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if ((int)list->v[i].kind != key->arg)
			list->v[kept++] = list->v[i];
	list->n = kept;
	if (kept == 0)
		list->v = NULL;
}

const struct key_type key_type_io_limit = {
	.name = "device and rate",
	.list = true,
	.specifiers = true,
	.reset = io_limit_reset,
	.parse = io_limit_parse,
	.print = io_limit_print,
};

/* ---- outputs */

/* A choice, and those that end with ":" are followed by a path. */
static int output_parse(struct key_context *c)
{
	const char *const *names = key_choices(c->key);
	struct output *out = c->field;
	char list[200];
	struct text t = { list, sizeof(list), 0 };

	for (int i = 0; names[i] != NULL; i++) {
		size_t n = strlen(names[i]);
		bool with_path = n > 0 && names[i][n - 1] == ':';

		if (with_path ? strncmp(names[i], c->value, n) != 0
			      : strcmp(names[i], c->value) != 0)
			continue;
		if (with_path && (c->value[n] != '/' || strstr(c->value + n, "/../") != NULL))
			return key_fail(c, n, "\"%s\" is not an absolute path without \"..\"",
				c->value + n);
		*out = (struct output){ .kind = i,
			.path = with_path ? arena_strdup(c->arena, c->value + n) : NULL };
		return 0;
	}
	for (; *names != NULL; names++)
		if (**names != '\0') {
			text_separate(&t, ", ");
			text_printf(&t, "%s%s", *names,
				(*names)[strlen(*names) - 1] == ':' ? "PATH" : "");
		}
	return key_fail(c, 0, "\"%s\" is not one of: %s", c->value, list);
}

static size_t output_print(const struct key *key, const void *field, char *buf, size_t size)
{
	const struct output *out = field;
	struct text t = { buf, size, 0 };

	text_puts(&t, key_choices(key)[out->kind]);
	if (out->path != NULL)
		text_puts(&t, out->path);
	return t.len;
}

const struct key_type key_type_output = {
	.name = "output",
	.specifiers = true,
	.parse = output_parse,
	.print = output_print,
};
