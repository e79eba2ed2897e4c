/*
 * What a service's process tells the supervisor over its report pipe, from clone3 to its end.
 *
 * One record a write(2), smaller than PIPE_BUF, so never torn. The pipe's write end is close-on-exec: a
 * plain process needs no record for a good start, the end of file says that exec happened. A container
 * whose PID 1 is our init (RunInit=yes) keeps the pipe in that init (option --report=FD), which says
 * STARTED when the command was executed and EXITED with its exact wait status, since as PID 1 of a name
 * space it cannot end by the same signal as its child.
 */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <stdint.h>

#define REPORT_OBJECT_MAX 116

enum report_kind { REPORT_FAULT = 1, REPORT_STARTED, REPORT_EXITED };

struct report {
	uint16_t kind; /* enum report_kind */
	uint16_t step; /* FAULT: index into the steps table, REPORT_STEP_EXEC from an init */
	int32_t value; /* FAULT: errno; STARTED: pid inside; EXITED: wait(2) status */
	char object[REPORT_OBJECT_MAX]; /* FAULT: the path or name it was about */
};

#define REPORT_STEP_EXEC 0xffffu

/* The name of the process of an init that reports, which no program has: what is recorded of the unit leaves it out. */
#define REPORT_INIT_NAME "sup-init"

#endif
