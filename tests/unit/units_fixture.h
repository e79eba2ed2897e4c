/* Unit sets from texts in a test, and what is asked of them. */
#ifndef TESTS_UNITS_FIXTURE_H
#define TESTS_UNITS_FIXTURE_H

#include "supervisor/core/unit/unitset.h"

/* Builds a set of one unit; its text is the whole file. */
void fixture_one(struct unit_set *set, const char *name, const char *text);
struct fixture_file {
	const char *unit, *text;
};
/* Builds a set of files, which end with { NULL, NULL }, and compares all its faults; the set is the caller's. */
void fixture_build(struct unit_set *set, const struct fixture_file *files, const char *faults);
#define FIXTURE_BUILD(set, faults, ...) \
	fixture_build(set, (const struct fixture_file[]){ __VA_ARGS__, { NULL, NULL } }, faults)
/* The unit of that name; fails the test when there is none. */
const struct unit *fixture_unit(const struct unit_set *set, const char *name);
/* All faults, one a line as supctl check writes them; freed by the caller. */
char *fixture_faults(const struct unit_set *set);
/* unit_print without the defaults; freed by the caller. */
char *fixture_print(const struct unit *unit);
bool fixture_has_edge(const struct unit_set *set, const char *from, enum dependency dep,
	const char *to);

#endif
