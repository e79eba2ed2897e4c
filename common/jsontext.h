/*
 * JSON strings from bytes that nobody vouches for: what services wrote, what stands in files. JSON is UTF-8 without NUL, and
 * jansson makes no string of anything else; here each byte that does not fit becomes U+FFFD, so that the rest is told.
 */
#ifndef COMMON_JSONTEXT_H
#define COMMON_JSONTEXT_H

#include <jansson.h>
#include <stddef.h>

/* NULL: no memory. */
json_t *json_bytes(const char *data, size_t n);
json_t *json_text(const char *text);

/*
 * A value by its form, as jansson's json_pack() makes one, in as much as is used here:
 *   { } an object: before each value "s", a string, its name      [ ] an array
 *   s a text of bytes as above      s% the same of so many bytes (size_t)
 *   i an int      I a json_int_t      b a bool
 *   o a value, which is taken over      O one that is not
 * A "*" behind s, o or O: left out of its object or array when it is NULL. NULL: no memory, or a value without "*" was NULL;
 * what was to be taken over is released.
 */
json_t *json_build(const char *form, ...);

/* How many bytes the valid UTF-8 character at data takes; 0: it is none, or NUL. n > 0. */
size_t utf8_length(const char *data, size_t n);

#endif
