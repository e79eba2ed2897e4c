/*
 * The texts that a set of units was made of, as bytes and back: what a supervisor that was killed leaves for the next
 * one, so that files that were edited meanwhile change nothing. Numbers are of this machine's byte order.
 */
#ifndef CORE_TEXTPACK_H
#define CORE_TEXTPACK_H

#include "supervisor/core/unit/unitset.h"

/* Returns the size of it all; `to` has at least that, or is NULL. */
size_t textpack(const struct unit_text *texts, size_t n, uint8_t *to);
/* 0 with copies in the arena, or -1: these are no such bytes. */
int textunpack(struct arena *a, const uint8_t *from, size_t size, struct unit_text **texts,
	size_t *n);

#endif
