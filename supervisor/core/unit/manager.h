/*
 * What the manager itself is told: sup.conf, one section [Manager], by the same parser and key table as unit files.
 * Names and meanings are those of systemd-system.conf(5) where it has them.
 *
 * A fault in it never stops anything: the key keeps its default, and the fault is told like one of a unit file.
 */
#ifndef CORE_MANAGER_H
#define CORE_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/core/unit/unit.h"

#define MANAGER_FILE "sup.conf"

/* What the console shows of the boot. */
enum show_status { SHOW_NO, SHOW_YES, SHOW_AUTO, SHOW_ERROR };

struct manager_section {
	/* what a unit has unless its file says otherwise */
	uint64_t timeout_start, timeout_stop;
	uint64_t restart_sec;
	uint64_t start_limit_interval;
	uint32_t start_limit_burst;
	struct quantity tasks_max;
	/* the boot */
	int show_status;          /* enum show_status */
	uint64_t status_interval; /* the longest silence of a boot that waits */
	uint64_t boot_timeout;    /* TIME_INFINITY: none */
	int boot_timeout_action;  /* enum end_action */
	const char *exit_from;    /* a unit, or NULL */
	uint32_t safe_mode_boots; /* 0: no safe mode */
	uint64_t boot_stable;     /* so long well, and the count of failed boots is 0 again */
	uint64_t reboot_min_uptime;
	/* all automatic starts together: so many at once, and one more each interval; 0: no limit */
	uint32_t start_budget_burst;
	uint64_t start_budget_interval;
	/* hardware watchdog; 0: off */
	uint64_t runtime_watchdog, reboot_watchdog;
	const char *watchdog_device; /* NULL: the first there is */
};

struct arena;
struct fault_list;
struct unit_text;

/* As no file had said anything. */
void manager_defaults(struct arena *a, struct manager_section *m);
/* Reads sup.conf; what is wrong with it is added to the faults. */
void manager_file_read(struct arena *a, const struct unit_text *text, struct manager_section *m,
	struct fault_list *faults);
/* Gives the default unit of its kind what [Manager] says. */
void manager_apply(const struct manager_section *m, struct unit *unit);

#endif
