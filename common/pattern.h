/*
 * Shell patterns: * ? [a-z] [!a-z] and \ before what is meant literally, over bytes. The libc's fnmatch(3) does the
 * same with the tables of every alphabet, which are larger than all that uses it here.
 */
#ifndef COMMON_PATTERN_H
#define COMMON_PATTERN_H

#include <stdbool.h>

/* The whole text is what the pattern says. */
bool pattern_match(const char *pattern, const char *text);
/* It has a * ? or [ that means more than itself. */
bool pattern_is(const char *text);

#endif
