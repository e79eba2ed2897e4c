/* Text for people: sizes, times, columns that fit the terminal, nothing that could steer it. */
#ifndef SUPCTL_TEXT_H
#define SUPCTL_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define HUMAN_MAX 16

/* "12.3M" (1024) */
const char *human_size(uint64_t bytes, char buf[HUMAN_MAX]);
/* "4d3h", "12m", "8.5s" */
const char *human_time(uint64_t usec, char buf[HUMAN_MAX]);
/* Columns of the terminal; 80 where there is none. */
size_t terminal_width(void);
/* Writes at most `width` characters of text, control characters as "?"; returns how many. */
size_t put_safe(const char *text, size_t width);
/* put_safe of n bytes, whole. */
void put_safe_n(const char *text, size_t n);

/* Members of a unit, with "" and 0 for one that is not there. */
const char *text_of(const json_t *object, const char *member);
uint64_t number_of(const json_t *object, const char *member);

#endif
