/*
 * How many boots in a row did not become well: what is written where it outlives a power cut, and what follows
 * from it. Pure: sys/boot.c reads and writes the file.
 *
 * The record is written at the begin of a boot as "not well yet", so whatever ends that boot without a word, a power
 * cut, a panic, the watchdog, is counted by the next one.
 */
#ifndef CORE_BOOTCOUNT_H
#define CORE_BOOTCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_WHY_MAX 288
#define BOOT_FAILURES_MAX 5
#define BOOT_COUNT_TEXT_MAX 2048 /* the whole record */

struct boot_failure {
	uint32_t boot; /* its number */
	char why[BOOT_WHY_MAX];
};

struct boot_count {
	uint32_t boot;          /* the number of this boot, from 1 */
	uint32_t failed;        /* boots in a row, before this one, that did not become well */
	bool open;              /* this boot is not well yet, nor did an operator end it */
	bool safe;              /* it is in safe mode */
	char why[BOOT_WHY_MAX]; /* what it waits for or ends of, as far as that is known */
	struct boot_failure failures[BOOT_FAILURES_MAX]; /* the last of them, oldest first */
	size_t n_failures;
};

/* The record of this boot from that of the one before. */
void boot_count_next(struct boot_count *c);
/* The boot is well, and stayed so; or an operator wants to forget. */
void boot_count_good(struct boot_count *c);
/* An operator ends the machine: that boot is no failure, whatever it was. */
void boot_count_ended(struct boot_count *c);
void boot_count_why(struct boot_count *c, const char *why);
/* Is a boot with this record one in safe mode? boots 0: never. */
bool boot_count_wants_safe(const struct boot_count *c, uint32_t boots);

/* Lines of name=value. Returns the length of the whole, as snprintf does. */
size_t boot_count_print(const struct boot_count *c, char *buf, size_t size);
/* -1: this is no such record; *c is then that of a machine that never booted. */
int boot_count_parse(struct boot_count *c, const char *text, size_t size);

#endif
