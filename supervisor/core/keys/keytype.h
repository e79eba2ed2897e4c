/*
 * The types of keys, and the macros that bind a row of the key table to a member of struct unit. Each
 * macro names the one C type that its parser writes, so a row with another member does not compile.
 */
#ifndef CORE_KEYTYPE_H
#define CORE_KEYTYPE_H

#include "supervisor/core/keys/keys.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/manager.h"

/* Says why the value is wrong, and from which character on; returns -1. */
int key_fail(struct key_context *c, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Where a path goes up by "..", or NULL. (keytype_text.c) */
const char *key_path_up(const char *path);
/* A list of words in JSON, added to the struct strv at c->field; at least one. (keytype_words.c) */
int key_json_words(struct key_context *c);
/* The print of a type whose field is a list of texts. (keytype_text.c) */
size_t key_print_list(const struct strv *list, const char *between, char *buf, size_t size);

/* All of them, a part of the list for each file keytype_X.c. */
#define KEY_TYPES_BASIC(X) \
	X(bool)            \
	X(choice)          \
	X(count)           \
	X(int)             \
	X(exit_code) X(time) X(time_pair) X(weight) X(size) X(memory) X(tasks) X(percent)
#define KEY_TYPES_TEXT(X) \
	X(text)           \
	X(path)           \
	X(user)           \
	X(host_name)      \
	X(host_names)     \
	X(instance)       \
	X(digest)         \
	X(name)           \
	X(interface)      \
	X(interfaces)     \
	X(image) X(rootfs) X(ranges) X(units) X(urls) X(paths) X(path_list) X(unit_name)
#define KEY_TYPES_WORDS(X) X(words) X(environment) X(environment_file) X(commands) X(settings)
#define KEY_TYPES_PROCESS(X) \
	X(signal)            \
	X(exit_set) X(capabilities) X(limit) X(ulimits) X(io_limit) X(output) X(capability_set)
#define KEY_TYPES_CONDITION(X) X(conditions) X(pressures)
#define KEY_TYPES_HEALTH(X) X(health_cmd) X(interval)
#define KEY_TYPES_TIMER(X) X(span) X(calendar)
#define KEY_TYPES_MOUNT(X) X(volume) X(tmpfs) X(mount) X(device) X(device_allow)
#define KEY_TYPES_PLACE(X) X(place) X(bind_place) X(tmpfs_place) X(landlock_path) X(landlock_port)
#define KEY_TYPES_SECRET(X) X(secret) X(load_credential) X(set_credential)
#define KEY_TYPES_SOCKET(X) X(listen) X(mode) X(fd_name)
#define KEY_TYPES_SECCOMP(X) \
	X(system_calls) X(error) X(machines) X(families) X(namespaces) X(profile)
#define KEY_TYPES_NET(X) \
	X(address) X(gateway) X(subnet) X(addresses) X(ports) X(network_use) X(hosts)
#define KEY_TYPES_USERNS(X) X(userns) X(id_map)
#define KEY_TYPES(X)           \
	KEY_TYPES_BASIC(X)     \
	KEY_TYPES_TEXT(X)      \
	KEY_TYPES_WORDS(X)     \
	KEY_TYPES_PROCESS(X)   \
	KEY_TYPES_CONDITION(X) \
	KEY_TYPES_HEALTH(X)    \
	KEY_TYPES_TIMER(X)     \
	KEY_TYPES_MOUNT(X)     \
	KEY_TYPES_PLACE(X)     \
	KEY_TYPES_SECRET(X)    \
	KEY_TYPES_SOCKET(X)    \
	KEY_TYPES_SECCOMP(X)   \
	KEY_TYPES_NET(X)       \
	KEY_TYPES_USERNS(X)

enum key_type_id {
#define X(id) KEY_TYPE_##id,
	KEY_TYPES(X)
#undef X
};

#define X(id) extern const struct key_type key_type_##id;
KEY_TYPES(X)
#undef X

/* The words of the manual are for the programs that make it: the device needs no copy. */
#ifdef KEY_DOCS
#define DOC(...) .since = "0.1", .doc = __VA_ARGS__
#else
#define DOC(...)
#endif

#define IN(s, t) .section = SECTION_##s, .text = (t)
#define KEY_MEMBER(S, m, T)                                                     \
	.offset = offsetof(struct S, m) +                                       \
		0 *                                                             \
			sizeof(char[_Generic(((struct S *)0)->m, T : 1, default \
					     : -1)]),                           \
	.size = sizeof(((struct S *)0)->m)
#define KEY(t, m, T) .type = KEY_TYPE_##t, KEY_MEMBER(unit, m, T)
#define IMAGE_KEY(t, m, T) .type = KEY_TYPE_##t, KEY_MEMBER(image_section, m, T)
#define MANAGER_KEY(t, m, T) .type = KEY_TYPE_##t, KEY_MEMBER(manager_section, m, T)
#define MANAGER_TIME(m) MANAGER_KEY(time, m, uint64_t)
#define MANAGER_COUNT(m, lo, hi) MANAGER_KEY(count, m, uint32_t), .min = (lo), .max = (hi)

#define BOOL(m) KEY(bool, m, bool)
#define CHOICE(m, names) KEY(choice, m, int), .choices = CHOICES_##names
#define COUNT(m, lo, hi) KEY(count, m, uint32_t), .min = (lo), .max = (hi)
#define WEIGHT(m) KEY(weight, m, uint32_t), .min = 1, .max = 10000
#define OUTPUT(m) KEY(output, m, struct output), .choices = CHOICES_outputs
#define INT(m, lowest_more, highest) KEY(int, m, int), .arg = (lowest_more), .max = (highest)
#define ERROR_NUMBER(m) KEY(error, m, int)
#define EXIT_CODE(m) KEY(exit_code, m, int)
#define TIME(m) KEY(time, m, uint64_t)
#define SIZE(m) KEY(size, m, uint64_t)
#define RATE(m) KEY(size, m, uint64_t), .arg = 1
#define INTERVAL(m) KEY(interval, m, uint64_t)
#define MEMORY(m) KEY(memory, m, struct quantity)
#define TASKS(m) KEY(tasks, m, struct quantity)
#define PERCENT(m) KEY(percent, m, uint32_t)
#define STRING(t, m) KEY(t, m, const char *)
#define STRINGS(t, m) KEY(t, m, struct strv)
#define COMMANDS(m) KEY(commands, m, struct commands)
#define SETTINGS(m) KEY(settings, m, struct settings)
#define HOSTS(m) KEY(hosts, m, struct settings)
#define SIGNAL(m) KEY(signal, m, int)
#define EXIT_SET(m) KEY(exit_set, m, struct exit_set)
#define CAPABILITIES(m) KEY(capabilities, m, uint64_t)
#define CAPABILITY_SET(m, complement) KEY(capability_set, m, uint64_t), .arg = (complement)
#define PLACES(t, m, what) KEY(t, m, struct spots), .arg = (what)
#define LIMIT(m, resource) KEY(limit, m, struct rlimit_sets), .arg = (resource)
#define ULIMITS(m) KEY(ulimits, m, struct rlimit_sets)
#define CONDITION(m, what) KEY(conditions, m, struct conditions), .arg = (what)
#define PRESSURE(m, what) KEY(pressures, m, struct conditions), .arg = (what)
#define IO_LIMIT(m, what) KEY(io_limit, m, struct io_limits), .arg = (what)
#define MOUNTS(t, m) KEY(t, m, struct mounts)
#define DEVICES(t, m) KEY(t, m, struct devices)
#define SUBNET(m) KEY(subnet, m, struct subnet *)
#define ADDRESS(m, family) KEY(address, m[family], struct ip), .arg = (family)
#define GATEWAYS(m) KEY(gateway, m, struct ip *)
#define SECRETS(t, m) KEY(t, m, struct secrets)
#define MODE(m) KEY(mode, m, uint32_t)
#define LISTEN(m, what) KEY(listen, m, struct listens), .arg = (what)
#define PORTS(m) KEY(ports, m, struct ports)
#define NETWORK_USES(m) KEY(network_use, m, struct network_uses)
#define USERNS(m) KEY(userns, m, struct userns_use)
#define ID_MAP(m) KEY(id_map, m, struct id_map)
#define TRIGGER(t, base) KEY(t, timer.triggers, struct triggers), .arg = (base)
/* Two times that stand one after the other in their struct. */
#define TIME_PAIR(m, second)                                                                \
	.type = KEY_TYPE_time_pair,                                                         \
	.offset = offsetof(struct unit, m) +                                                \
		0 *                                                                         \
			sizeof(char[offsetof(struct unit, second) ==                        \
						offsetof(struct unit, m) + sizeof(uint64_t) \
					? 1                                                 \
					: -1]),                                             \
	.size = 2 * sizeof(uint64_t)

#endif
