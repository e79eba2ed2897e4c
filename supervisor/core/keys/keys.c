/*
 * The key table. The rows stand in files by section (keys_all.inc), which are parts of this one table. A row is all
 * that is to be written to add a key.
 */
#include "supervisor/core/keys/keys.h"

#include "common/util.h"
#include "supervisor/core/keys/keytype.h"

#include <string.h>
#include <sys/resource.h>

#define CONTAINER KINDS(CONTAINER)
#define SERVICE KINDS(SERVICE)
#define NETWORK KINDS(NETWORK)
#define VOLUME KINDS(VOLUME)
#define TIMER KINDS(TIMER)
#define SOCKET KINDS(SOCKET)
#define MOUNT KINDS(MOUNT)
#define RUNS (CONTAINER | SERVICE)
#define EVERY ((1u << KIND_COUNT) - 1)

static const char *const end_actions[] = {
	[ACTION_NONE] = "none",
	[ACTION_REBOOT] = "reboot",
	[ACTION_REBOOT_FORCE] = "reboot-force",
	[ACTION_REBOOT_IMMEDIATE] = "reboot-immediate",
	[ACTION_POWEROFF] = "poweroff",
	[ACTION_POWEROFF_FORCE] = "poweroff-force",
	[ACTION_POWEROFF_IMMEDIATE] = "poweroff-immediate",
	[ACTION_EXIT] = "exit",
	[ACTION_EXIT_FORCE] = "exit-force",
	[ACTION_HALT] = "halt",
	[ACTION_HALT_FORCE] = "halt-force",
	[ACTION_HALT_IMMEDIATE] = "halt-immediate",
	[ACTION_KEXEC] = "kexec",
	[ACTION_KEXEC_FORCE] = "kexec-force",
	NULL,
};

static const char *const container_notifies[] = {
	[NOTIFY_FALSE] = "false",
	[NOTIFY_TRUE] = "true",
	[NOTIFY_HEALTHY] = "healthy",
	NULL,
};

static const char *const health_actions[] = {
	[HEALTH_NO_ACTION] = "none",
	[HEALTH_KILL] = "kill",
	[HEALTH_RESTART] = "restart",
	[HEALTH_STOP] = "stop",
	NULL,
};

static const char *const device_policies[] = {
	[DEVICE_POLICY_AUTO] = "auto",
	[DEVICE_POLICY_CLOSED] = "closed",
	[DEVICE_POLICY_STRICT] = "strict",
	NULL,
};

static const char *const protect_systems[] = {
	[SYSTEM_NO] = "no",
	[SYSTEM_YES] = "yes",
	[SYSTEM_FULL] = "full",
	[SYSTEM_STRICT] = "strict",
	NULL,
};

static const char *const protect_homes[] = {
	[HOME_NO] = "no",
	[HOME_YES] = "yes",
	[HOME_READ_ONLY] = "read-only",
	[HOME_TMPFS] = "tmpfs",
	NULL,
};

static const char *const service_types[] = {
	[TYPE_SIMPLE] = "simple",
	[TYPE_EXEC] = "exec",
	[TYPE_ONESHOT] = "oneshot",
	[TYPE_NOTIFY] = "notify",
	[TYPE_IDLE] = "idle",
	[TYPE_NOTIFY_RELOAD] = "notify-reload",
	NULL,
};

static const char *const restarts[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_SUCCESS] = "on-success",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ON_ABNORMAL] = "on-abnormal",
	[RESTART_ON_WATCHDOG] = "on-watchdog",
	[RESTART_ON_ABORT] = "on-abort",
	[RESTART_ALWAYS] = "always",
	NULL,
};

static const char *const restart_modes[] = {
	[RESTART_MODE_NORMAL] = "normal",
	[RESTART_MODE_DIRECT] = "direct",
	NULL,
};

static const char *const exit_types[] = {
	[EXIT_TYPE_MAIN] = "main",
	[EXIT_TYPE_CGROUP] = "cgroup",
	NULL,
};

static const char *const failure_modes[] = {
	[FAILURE_TERMINATE] = "terminate",
	[FAILURE_ABORT] = "abort",
	[FAILURE_KILL] = "kill",
	NULL,
};

static const char *const kill_modes[] = {
	[KILL_CONTROL_GROUP] = "control-group",
	[KILL_MIXED] = "mixed",
	[KILL_PROCESS] = "process",
	[KILL_NONE] = "none",
	NULL,
};

/* An empty name is the place of "unset" and matches nothing. */
static const char *const notify_accesses[] = {
	[ACCESS_UNSET] = "",
	[ACCESS_NONE] = "none",
	[ACCESS_MAIN] = "main",
	[ACCESS_EXEC] = "exec",
	[ACCESS_ALL] = "all",
	NULL,
};

static const char *const inputs[] = {
	[STDIO_UNSET] = "",
	[STDIO_NULL] = "null",
	[STDIO_TTY] = "tty",
	NULL,
};

static const char *const outputs[] = {
	[STDIO_UNSET] = "",
	[STDIO_NULL] = "null",
	[STDIO_TTY] = "tty",
	[STDIO_LOG] = "journal",
	[STDIO_INHERIT] = "inherit",
	[STDIO_LOG_CONSOLE] = "journal+console",
	[STDIO_FILE] = "file:",
	[STDIO_APPEND] = "append:",
	[STDIO_TRUNCATE] = "truncate:",
	NULL,
};

static const char *const bind_ipv6_onlys[] = {
	[BIND_DEFAULT] = "default",
	[BIND_BOTH] = "both",
	[BIND_IPV6_ONLY] = "ipv6-only",
	NULL,
};

static const char *const oom_policies[] = {
	[OOM_CONTINUE] = "continue",
	[OOM_STOP] = "stop",
	[OOM_KILL] = "kill",
	NULL,
};

static const char *const network_options[] = { "mtu", "isolate", "mode", "parent", "vlan", NULL };

static const char *const network_drivers[] = {
	[DRIVER_BRIDGE] = "bridge",
	[DRIVER_MACVLAN] = "macvlan",
	[DRIVER_IPVLAN] = "ipvlan",
	NULL,
};

static const char *const show_statuses[] = {
	[SHOW_NO] = "no",
	[SHOW_YES] = "yes",
	[SHOW_AUTO] = "auto",
	[SHOW_ERROR] = "error",
	NULL,
};

/* What the rows name their choices by. */
/* clang-format off */
#define CHOICE_LISTS(X) \
	X(end_actions) X(container_notifies) X(health_actions) X(device_policies) \
	X(protect_systems) X(protect_homes) \
	X(service_types) X(restarts) X(restart_modes) X(exit_types) X(failure_modes) \
	X(kill_modes) X(notify_accesses) X(inputs) X(outputs) X(bind_ipv6_onlys) \
	X(oom_policies) X(network_options) X(network_drivers) X(show_statuses)
/* clang-format on */

enum choices_id {
	CHOICES_NONE,
#define X(id) CHOICES_##id,
	CHOICE_LISTS(X)
#undef X
};

static const char *const *const choice_lists[] = {
#define X(id) [CHOICES_##id] = id,
	CHOICE_LISTS(X)
#undef X
};

static const struct key_type *const types[] = {
#define X(id) [KEY_TYPE_##id] = &key_type_##id,
	KEY_TYPES(X)
#undef X
};

/* What names a row: its file and line. A row that a macro makes says it itself. */
#define ROW_ID_(file, line) file##line
#define ROW_ID(file, line) ROW_ID_(file, line)
#define ROW(...) ROW_AS(ROW_ID(KEY_FILE, __LINE__), __VA_ARGS__)
#define DEFAULT(value) "\0" value
#define WORDS(text) text "\0"

/* The name of each key, and behind it its default or "": in one piece, so that a row has an offset and no pointer. */
#define ROW_AS(id, section, text, ...) ROW_TEXT(id, text)
#define ROW_TEXT(id, text) char id[sizeof(WORDS(text))];
static const struct key_texts {
#include "supervisor/core/keys/keys_all.inc"
} key_texts = {
#undef ROW_TEXT
#define ROW_TEXT(id, text) .id = WORDS(text),
#include "supervisor/core/keys/keys_all.inc"
};

#undef ROW_AS
#define ROW_AS(id, section, text, ...) { IN(section, offsetof(struct key_texts, id)), __VA_ARGS__ },
const struct key keys[] = {
#include "supervisor/core/keys/keys_all.inc"
};

const size_t n_keys = ARRAY_LEN(keys);

const char *key_section(const struct key *key)
{
	static const char *const names[] = {
#define X(name) [SECTION_##name] = #name,
		KEY_SECTIONS(X)
#undef X
	};

	return names[key->section];
}

const char *key_name(const struct key *key)
{
	return (const char *)&key_texts + key->text;
}

const char *key_default(const struct key *key)
{
	const char *name = key_name(key), *value = name + strlen(name) + 1;

	return value[0] != '\0' ? value : NULL;
}

const struct key_type *key_type(const struct key *key)
{
	return types[key->type];
}

const char *const *key_choices(const struct key *key)
{
	return choice_lists[key->choices];
}

const struct key *key_find(uint32_t kind_bit, const char *section, const char *name)
{
	for (size_t i = 0; i < n_keys; i++)
		if ((keys[i].kinds & kind_bit) != 0 && strcmp(key_name(&keys[i]), name) == 0 &&
			strcmp(key_section(&keys[i]), section) == 0)
			return &keys[i];
	return NULL;
}

int key_set(struct arena *a, const struct key *key, void *base, const char *value, char *why,
	size_t why_size, size_t *at)
{
	struct key_context c = {
		.arena = a,
		.field = (char *)base + key->offset,
		.key = key,
		.value = value,
		.why = why,
		.why_size = why_size,
	};
	int result = key_type(key)->parse(&c);

	*at = c.at;
	return result;
}

char *key_print(struct arena *a, const struct key *key, const void *base)
{
	const void *field = (const char *)base + key->offset;
	size_t len = key_type(key)->print(key, field, NULL, 0);
	char *s = arena_alloc(a, len + 1);

	(void)key_type(key)->print(key, field, s, len + 1);
	return s;
}

const char *key_lines(struct arena *a, const char *text, const char *sign, const struct key *key,
	const char *value)
{
	while (*value != '\0') {
		size_t n = strcspn(value, "\n");

		text = arena_printf(a, "%s%s%s%s%.*s\n", text, sign,
			key_type(key)->prints_names ? "" : key_name(key),
			key_type(key)->prints_names ? "" : "=", (int)n, value);
		value += n + (value[n] == '\n');
	}
	return text;
}

bool bytes_are_zero(const void *bytes, size_t n)
{
	const char *s = bytes;

	while (n > 0 && *s == '\0')
		s++, n--;
	return n == 0;
}

void key_reset(struct arena *a, const struct key *key, void *base)
{
	void *field = (char *)base + key->offset;
	const char *value = key_default(key);
	char why[8];
	size_t at;

	if (key_type(key)->reset != NULL)
		key_type(key)->reset(key, field);
	else
		memset(field, 0, key->size);
	if (value != NULL)
		(void)key_set(a, key, base, value, why, sizeof(why), &at);
}
