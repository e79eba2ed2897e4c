/*
 * Templates that come with the program: the resolver of a network, as units like any other. A file of the same name goes
 * first, drop-ins change them, and they are there for the networks that have names alone.
 */
#ifndef CORE_BUILTIN_H
#define CORE_BUILTIN_H

#include "supervisor/core/unit/unitset.h"

/* NULL: there is none of that name. */
const struct unit_text *builtin_text(const char *template);
/* "sup-dns@lan.socket" of "lan.network". false: it has none: its name is too long for one, or it wants none. */
bool builtin_resolver(const struct unit *network, char name[UNIT_NAME_MAX]);

#endif
