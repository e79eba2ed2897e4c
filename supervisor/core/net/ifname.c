#include "supervisor/core/net/ifname.h"

#include "common/util.h"
#include "supervisor/core/text.h"

#include <string.h>

bool if_name_ok(const char *s, size_t len)
{
	/* Of all interfaces and of those to come, in /proc/sys/net; and one that each namespace has. */
	static const char kept[][8] = { "all", "default", "lo" };

	if (len == 0 || len >= IF_NAME_MAX || s[0] == '.' || strspn(s, "_.-" ALPHANUMERIC) < len)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (strlen(kept[i]) == len && memcmp(kept[i], s, len) == 0)
			return false;
	return true;
}
