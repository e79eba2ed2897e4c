/*
 * The types of keys, and the macros that bind a row of the key table to a member of struct unit. Each
 * macro names the one C type that its parser writes, so a row with another member does not compile.
 */
#ifndef CORE_KEYTYPE_H
#define CORE_KEYTYPE_H

#include "supervisor/core/keys.h"
#include "supervisor/core/manager.h"
#include "supervisor/core/text.h"

/* Says why the value is wrong, and from which character on; returns -1. */
int key_fail(struct key_context *c, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Where a path goes up by "..", or NULL. (keytype_text.c) */
const char *key_path_up(const char *path);
/* A list of words in JSON, added to the struct strv at c->field; at least one. (keytype_words.c) */
int key_json_words(struct key_context *c);

/* keytype_basic.c */
extern const struct key_type key_type_bool, key_type_choice, key_type_count, key_type_int;
extern const struct key_type key_type_exit_code, key_type_time, key_type_time_pair;
extern const struct key_type key_type_weight;
extern const struct key_type key_type_size, key_type_memory, key_type_tasks, key_type_percent;
/* keytype_text.c */
extern const struct key_type key_type_text, key_type_path, key_type_user, key_type_host_name;
extern const struct key_type key_type_instance;
extern const struct key_type key_type_name, key_type_interface, key_type_image, key_type_rootfs;
extern const struct key_type key_type_ranges, key_type_units, key_type_urls, key_type_paths;
extern const struct key_type key_type_path_list;
extern const struct key_type key_type_unit_name;
/* keytype_words.c */
extern const struct key_type key_type_words, key_type_environment, key_type_environment_file;
extern const struct key_type key_type_commands, key_type_settings;
/* keytype_process.c */
extern const struct key_type key_type_signal, key_type_exit_set, key_type_capabilities;
extern const struct key_type key_type_limit, key_type_ulimits;
extern const struct key_type key_type_io_limit, key_type_output;
/* keytype_condition.c */
extern const struct key_type key_type_conditions, key_type_pressures;
/* keytype_health.c */
extern const struct key_type key_type_health_cmd, key_type_interval;
/* keytype_timer.c */
extern const struct key_type key_type_span, key_type_calendar;
/* keytype_mount.c */
extern const struct key_type key_type_volume, key_type_tmpfs, key_type_mount, key_type_device;
extern const struct key_type key_type_device_allow;
/* keytype_secret.c */
extern const struct key_type key_type_secret, key_type_load_credential, key_type_set_credential;
/* keytype_socket.c */
extern const struct key_type key_type_listen, key_type_mode, key_type_fd_name;
/* keytype_net.c */
extern const struct key_type key_type_address, key_type_subnet, key_type_addresses;
extern const struct key_type key_type_ports, key_type_network_use, key_type_hosts;

/* The words of the manual are for the programs that make it: the device needs no copy. */
#ifdef KEY_DOCS
#define DOC(...) .since = "0.1", .doc = __VA_ARGS__
#else
#define DOC(...)
#endif

#define KEY_MEMBER(S, m, T)                                                     \
	.offset = offsetof(struct S, m) +                                       \
		0 *                                                             \
			sizeof(char[_Generic(((struct S *)0)->m, T : 1, default \
					     : -1)]),                           \
	.size = sizeof(((struct S *)0)->m)
#define KEY(t, m, T) .type = &key_type_##t, KEY_MEMBER(unit, m, T)
#define IMAGE_KEY(t, m, T) .type = &key_type_##t, KEY_MEMBER(image_section, m, T)
#define MANAGER_KEY(t, m, T) .type = &key_type_##t, KEY_MEMBER(manager_section, m, T)
#define MANAGER_TIME(m) MANAGER_KEY(time, m, uint64_t)
#define MANAGER_COUNT(m, lo, hi) MANAGER_KEY(count, m, uint32_t), .min = (lo), .max = (hi)

#define BOOL(m) KEY(bool, m, bool)
#define CHOICE(m, names) KEY(choice, m, int), .choices = (names)
#define COUNT(m, lo, hi) KEY(count, m, uint32_t), .min = (lo), .max = (hi)
#define WEIGHT(m) KEY(weight, m, uint32_t), .min = 1, .max = 10000
#define OUTPUT(m) KEY(output, m, struct output), .choices = outputs
#define INT(m, lowest_more, highest) KEY(int, m, int), .arg = (lowest_more), .max = (highest)
#define EXIT_CODE(m) KEY(exit_code, m, int)
#define TIME(m) KEY(time, m, uint64_t)
#define SIZE(m) KEY(size, m, uint64_t)
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
#define LIMIT(m, resource) KEY(limit, m, struct rlimit_sets), .arg = (resource)
#define ULIMITS(m) KEY(ulimits, m, struct rlimit_sets)
#define CONDITION(m, what) KEY(conditions, m, struct conditions), .arg = (what)
#define PRESSURE(m, what) KEY(pressures, m, struct conditions), .arg = (what)
#define IO_LIMIT(m, what) KEY(io_limit, m, struct io_limits), .arg = (what)
#define MOUNTS(t, m) KEY(t, m, struct mounts)
#define DEVICES(t, m) KEY(t, m, struct devices)
#define SUBNET(t, m) KEY(t, m, struct subnet)
#define SECRETS(t, m) KEY(t, m, struct secrets)
#define MODE(m) KEY(mode, m, uint32_t)
#define LISTEN(m, what) KEY(listen, m, struct listens), .arg = (what)
#define PORTS(m) KEY(ports, m, struct ports)
#define NETWORK_USE(m) KEY(network_use, m, struct network_use)
#define TRIGGER(t, base) KEY(t, timer.triggers, struct triggers), .arg = (base)
/* Two times that stand one after the other in their struct. */
#define TIME_PAIR(m, second)                                                                \
	.type = &key_type_time_pair,                                                        \
	.offset = offsetof(struct unit, m) +                                                \
		0 *                                                                         \
			sizeof(char[offsetof(struct unit, second) ==                        \
						offsetof(struct unit, m) + sizeof(uint64_t) \
					? 1                                                 \
					: -1]),                                             \
	.size = 2 * sizeof(uint64_t)

#endif
