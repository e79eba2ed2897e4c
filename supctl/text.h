/* Text for people: sizes, times, columns that fit the terminal, nothing that could steer it. */
#ifndef SUPCTL_TEXT_H
#define SUPCTL_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HUMAN_MAX 16

/* "12.3M" (1024) */
const char *human_size(uint64_t bytes, char buf[HUMAN_MAX]);
/* "4d3h", "12m", "8.5s" */
const char *human_time(uint64_t usec, char buf[HUMAN_MAX]);
/* Columns of the terminal; 80 where there is none. */
size_t terminal_width(void);
/*
 * Writes text to the terminal as what cannot steer it: control characters (C1 ones too, and what is no UTF-8) become "?",
 * tabs stay.
 */
void put_safe(FILE *to, const char *text);
void put_safe_n(FILE *to, const char *text, size_t n);
/* Each line of it behind `before`; the last one may lack its end. */
void put_lines(const char *text, const char *before);
/* At most `width` characters of it; returns how many. */
size_t put_cut(const char *text, size_t width);
/* The whole of it, broken between words at `width` columns, each line after `indent` spaces. */
void put_wrapped(const char *text, size_t indent, size_t width);
/* Characters, which are columns as long as nobody names units in Chinese. */
size_t text_width(const char *text);

/* Members of a unit, with "" and 0 for one that is not there. */
const char *text_of(const json_t *object, const char *member);
uint64_t number_of(const json_t *object, const char *member);
/* How long ago its member "since" is; "-": it has none. */
const char *age_of(const json_t *object, char buf[HUMAN_MAX]);

/* "        Name: text", or nothing for "". */
#define FIELD_WIDTH 12
void print_field(const char *name, const char *text);
void print_number(const char *name, uint64_t number);
/* Those members that there are, of a list "Name\0member\0..."; of an array a line for each. */
void print_members(const json_t *object, const char *list);

#endif
