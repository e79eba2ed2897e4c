/*
 * Numbers as unit files write them: whole strings in, integers out, no floating point; fractions are
 * exact in the unit they end up in. All return 0, or -1 when the text is not such a number or too large.
 */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include "supervisor/core/text.h"

#include <stdbool.h>
#include <stdint.h>

int number_u64(const char *s, uint64_t *value);
int number_i64(const char *s, int64_t *value);
/* 1 yes true on / 0 no false off, in any case; t, y, f, n too. */
int number_bool(const char *s, bool *value);
/* "1min 30s", "5" (seconds), "1.5h", "infinity" (TIME_INFINITY), as in systemd.time(7). */
int number_time(const char *s, uint64_t *usec);
/* "64K", "1.5G", "512MiB", "infinity" (SIZE_INFINITY). */
int number_size(const char *s, uint32_t base, uint64_t *bytes);
/* "20%", "12.5%": thousandths of the whole. */
int number_permille(const char *s, uint32_t *permille);
/* "0640": at most 07777. */
int number_mode(const char *s, uint32_t *mode);

void number_put_time(struct text *t, uint64_t usec);
void number_put_size(struct text *t, uint64_t bytes, uint32_t base);
void number_put_permille(struct text *t, uint32_t permille);

#endif
