/* The checks of ConditionX= and AssertX=, asked at the moment of a start; each true when the argument holds. */
#ifndef SYS_CONDITION_H
#define SYS_CONDITION_H

#include "supervisor/core/unit/condition.h"

bool condition_holds(const struct condition *c);

/* condition_host.c: what is asked of the machine, the kernel and the system */
bool holds_architecture(const char *text);
bool holds_firmware(const char *text);
bool holds_virtualization(const char *text);
bool holds_host(const char *text);
bool holds_kernel_version(const char *text);
bool holds_os_release(const char *text);
bool holds_security(const char *text);
bool holds_ac_power(const char *text);
bool holds_controllers(const char *text);
bool holds_memory(const char *text);
bool holds_cpus(const char *text);
bool holds_cpu_feature(const char *text);
bool holds_memory_pressure(const char *text);
bool holds_cpu_pressure(const char *text);
bool holds_io_pressure(const char *text);

/* What one read of a file gives, at most size - 1 bytes and a NUL behind them: how many; 0 when there is none. */
size_t condition_bytes(const char *path, char *buf, size_t size);
/* Text of a small file, cut at size - 1 and without the newline at its end; "" when there is none. */
const char *condition_file(const char *path, char *buf, size_t size);
/* A line of a file that begins with `name` and then the sign: what follows the sign and blanks, in buf; or NULL. */
const char *condition_line(const char *path, const char *name, char sign, char *buf, size_t size);

#endif
