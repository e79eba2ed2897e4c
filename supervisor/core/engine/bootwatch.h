/*
 * The course of a boot: when it is complete, well, late, good, and when to say what it waits for. Pure policy over
 * what the engine tells; sys/boot.c speaks and acts.
 *
 *   BOOTING -- all that is wanted has arrived or failed --> COMPLETE -- well for BootStableSec= --> GOOD
 */
#ifndef CORE_BOOTWATCH_H
#define CORE_BOOTWATCH_H

#include "supervisor/core/engine/engine.h"

#define BOOT_PHASES(X)          \
	X(BOOTING, "booting")   \
	X(COMPLETE, "complete") \
	X(GOOD, "complete, good")

enum boot_phase {
#define X(id, name) BOOT_##id,
	BOOT_PHASES(X)
#undef X
};

const char *boot_phase_name(enum boot_phase phase);

struct boot_watch {
	enum boot_phase phase;
	uint64_t began;
	uint64_t complete;   /* when it was, if it is */
	uint64_t well_since; /* TIME_INFINITY: it is not well */
	uint64_t say_at;     /* the next time to name the culprit */
	uint64_t pause;      /* from that one to the one after */
	bool said;           /* the culprit was named */
	bool late;           /* BootTimeoutSec= is over */
};

/* What is to be done after a look; any of them at once. */
struct boot_due {
	bool culprit;  /* name it */
	bool complete; /* say that the boot is */
	bool late;     /* BootTimeoutAction= */
	bool good;     /* the count of failed boots is 0 again */
};

void boot_watch_begin(struct boot_watch *w, uint64_t now);
struct boot_due boot_watch_look(struct boot_watch *w, const struct manager_section *m,
	const struct boot_view *view, uint64_t now);
/* The latest instant of the next look, TIME_INFINITY when only a change can bring something. */
uint64_t boot_watch_next(const struct boot_watch *w, const struct manager_section *m);
/* Should the line "boot complete" be shown on the console? */
bool boot_watch_shows(const struct boot_watch *w, const struct manager_section *m,
	const struct boot_view *view);

/* "boot complete in 4.2 s: 12 units up, 1 failed: lan-dhcp.service: exit code 1" */
void boot_view_print(const struct boot_watch *w, const struct boot_view *view, char *buf,
	size_t size);

#endif
