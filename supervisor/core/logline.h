/*
 * The format of a log file, pure: one record a line.
 *
 *      2026-11-22T00:43:47.123456Z out the text as the service wrote it
 *
 * `out` and `err` are the streams; `out+` and `err+` mark a part of an over-long line that goes on in the next record of
 * that stream; `sup` is a word of the supervisor itself about this unit. Times are UTC.
 */
#ifndef CORE_LOGLINE_H
#define CORE_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 4096 /* bytes of text in a record; a longer line is split */
#define LOG_STAMP_SIZE 28 /* "2026-11-22T00:43:47.123456Z" and NUL */
#define LOG_RECORD_MAX (LOG_LINE_MAX + 40)

enum log_stream { LOG_OUT, LOG_ERR, LOG_SUP, LOG_STREAM_COUNT };

const char *log_stream_name(enum log_stream stream);
/* RFC 3339 in UTC, from microseconds since 1970. */
void log_stamp(uint64_t wall_us, char stamp[LOG_STAMP_SIZE]);
/* One record with its newline into out (LOG_RECORD_MAX bytes at least); n is at most LOG_LINE_MAX. Returns its size. */
size_t log_record(char *out, uint64_t wall_us, enum log_stream stream, bool goes_on,
	const char *text, size_t n);
/* The same, for many records of one time. */
size_t log_record_stamped(char *out, const char stamp[LOG_STAMP_SIZE], enum log_stream stream,
	bool goes_on, const char *text, size_t n);

/*
 * Finds the next piece of a stream to record: a whole line, or LOG_LINE_MAX bytes of an over-long one. Returns how many
 * bytes of `data` it uses, 0 when more input is needed; *text_n is the piece without its newline.
 */
size_t log_next(const char *data, size_t n, size_t *text_n, bool *goes_on);

struct log_view {          /* a record, read back */
	const char *stamp; /* LOG_STAMP_SIZE - 1 bytes, not terminated */
	const char *stream;
	size_t stream_n;
	const char *text;
	size_t text_n;
};
/* False when the line (without newline) is not a record: torn by a power cut, or foreign. */
bool log_parse(struct log_view *view, const char *line, size_t n);

#endif
