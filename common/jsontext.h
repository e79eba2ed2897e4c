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

/* How many bytes the valid UTF-8 character at data takes; 0: it is none, or NUL. n > 0. */
size_t utf8_length(const char *data, size_t n);

#endif
