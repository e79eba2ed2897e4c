/* The clock on the wall, for timers. */
#ifndef SYS_WALL_H
#define SYS_WALL_H

#include "supervisor/sys/supervisor.h"

int wall_open(struct supervisor *s, struct err *e);
/* Tells the engine what the clock shows; `set`: somebody has set it. */
void wall_tell(struct supervisor *s, bool set);
/* /etc/localtime is another file. */
void wall_zone_changed(struct supervisor *s);
/* What the engine asks, struct engine_facts. */
int32_t wall_utc_offset(void *data, int64_t utc);
uint64_t wall_stamp_read(void *data, const char *timer);
uint64_t wall_device(const struct supervisor *s);
/* ACT_STAMP */
void wall_stamp_keep(struct supervisor *s, uint32_t timer);

#endif
