/* From files to a unit set. Never fails (but for memory: NULL): what is wrong with the files is in the set. */
#ifndef SYS_LOAD_H
#define SYS_LOAD_H

#include "supervisor/core/textpack.h"
#include "supervisor/core/texts.h"

#define LOAD_OVERFULL "there are more than 16384 files of units, or more than 8 MiB of them"

/* The search path of the device: /run, /etc, /usr/lib; a name in an earlier folder hides it in the later ones. */
struct unit_set *load_units(void);
/* Some were not read, which is one of its faults. */
bool load_is_overfull(const struct unit_set *set);
/* The files that are named, and the unit files and drop-ins in the folders that are. */
struct unit_set *load_files(char *const *paths, size_t n);
/*
 * The set again, of the very texts that it was made of, with these instances of templates besides. Nothing is read, so
 * that files that were edited meanwhile change nothing.
 */
struct unit_set *load_instances(const struct unit_set *from, const char *const *names, size_t n);
/* The texts that make a unit, an instance of a template, or a template: as they were read, whatever the files say now. */
struct unit_files load_texts_of(const struct unit_set *set, struct arena *a, const char *name);
/* The texts as bytes (core/textpack.h), for the set of the next supervisor; returns their size, `to` may be NULL. */
size_t load_pack(const struct unit_set *set, uint8_t *to);
/* The set that those bytes make; NULL: no memory, or they are none. */
struct unit_set *load_packed(const uint8_t *from, size_t size);
void load_free(struct unit_set *set);

#endif
