/*
 * The "%" words of unit files, as in systemd.unit(5). What only the running host knows (its name, its ids) comes as facts
 * from who builds the set.
 */
#ifndef CORE_SPECIFIERS_H
#define CORE_SPECIFIERS_H

#include "supervisor/core/unit/unitset.h"

/* In which unit a value stands. */
struct specifier_scope {
	const char *unit; /* "worker@1.container" */
	const char *file; /* its main file, NULL: it has none */
	const struct specifier_facts *facts;
};

/*
 * The value with its specifiers replaced, in the arena; the value itself where there are none. `quoted`: the value is made of
 * words with quotes and escapes, and what a specifier stands for is to be read as it is. NULL: the reason in why, the
 * offset of the specifier in *at.
 */
const char *specifiers_expand(struct arena *a, const struct specifier_scope *scope,
	const char *value, bool quoted, char *why, size_t why_size, size_t *at);

#endif
