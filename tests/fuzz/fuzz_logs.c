/* What services write, cut into records; and records read back from a file that a power cut has torn. */
#include "supervisor/core/logline.h"
#include "tests/fuzz/fuzz.h"

/* Each piece makes a record that reads back as the same piece. */
static void write_and_read(const char *text, size_t n, bool goes_on)
{
	char record[LOG_RECORD_MAX];
	struct log_view view;
	size_t size = log_record(record, 1763770000000000, LOG_OUT, goes_on, text, n);

	FUZZ_ASSERT(size <= sizeof(record) && record[size - 1] == '\n');
	FUZZ_ASSERT(memchr(record, '\n', size) == record + size - 1);
	FUZZ_ASSERT(log_parse(&view, record, size - 1));
	FUZZ_ASSERT(view.stream_n == 3 + (size_t)goes_on);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct log_view view;
	size_t used, n;
	bool goes_on;

	(void)log_parse(&view, text, size);
	for (size_t at = 0; (used = log_next(text + at, size - at, &n, &goes_on)) > 0; at += used) {
		FUZZ_ASSERT(used <= size - at && n <= used && n <= LOG_LINE_MAX);
		write_and_read(text + at, n, goes_on);
	}
	return 0;
}
