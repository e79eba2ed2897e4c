/* What engine_kept.c writes and engine_restore.c reads: the queue as bytes. */
#ifndef CORE_ENGINE_KEPT_RUN_H
#define CORE_ENGINE_KEPT_RUN_H

#include "supervisor/core/engine/engine_run.h"

/* Before each action in the kept queue; behind it its text with a NUL, when it has one. May only grow at its end. */
struct kept_action {
	uint16_t size;        /* with the text */
	uint8_t head;         /* sizeof(struct kept_action) of who wrote it */
	uint8_t kind;         /* enum action_kind */
	uint32_t unit, index; /* index: of JOB_DONE the job */
	int32_t arg;
	uint8_t role;
	uint8_t reserved[3];
};

#endif
