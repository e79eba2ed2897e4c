/* Datagrams that any process in a container may send to the supervisor. */
#include "supervisor/core/engine/engine.h"
#include "supervisor/core/notify.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char status[NOTIFY_STATUS_MAX];
	struct notify n;

	notify_parse((const char *)data, size, status, &n);
	if (n.status != NULL)
		FUZZ_ASSERT(n.status == status && memchr(status, '\0', sizeof(status)) != NULL);
	return 0;
}
