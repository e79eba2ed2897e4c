/*
 * The boot as people see it: the line that names what it waits for, its deadline, the count of boots that did not
 * become well, safe mode. Policy is core/engine/bootwatch.c and core/engine/bootcount.c; here are the console, the file and the clock.
 */
#ifndef SYS_BOOT_H
#define SYS_BOOT_H

#include "supervisor/core/engine/bootcount.h"
#include "supervisor/core/engine/bootwatch.h"

#include <uv.h>

struct supervisor;
struct err;

/* Does the count of failed boots outlive a reboot? */
enum boot_kept { KEPT_UNKNOWN, KEPT_NO, KEPT_VOLATILE, KEPT_YES };

struct boot {
	struct boot_watch watch;
	struct boot_count count;
	enum boot_kept kept;
	bool put_off_said;
	uint64_t looked_at;
	uv_timer_t timer;
};

void boot_open(struct supervisor *s);
/* Goes on with the boot of the supervisor before. */
void boot_adopt(struct supervisor *s);
/* Counts this boot, decides on safe mode, and has the engine want what is to be started. */
void boot_begin(struct supervisor *s);
/* Something may have changed: looks, says, acts. Cheap when there is nothing to be done. */
void boot_look(struct supervisor *s);
/* sup.conf may have changed. */
void boot_configure(struct supervisor *s);
/* The machine ends: by an operator, or for this reason. */
void boot_end(struct supervisor *s, bool by_operator, const char *why);
/* An operator forgets the failed boots, and a reboot that was put off. */
void boot_reset(struct supervisor *s);

#endif
