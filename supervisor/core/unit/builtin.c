#include "supervisor/core/unit/builtin.h"

#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/text.h"

#include <string.h>

#define UNIT_OF(what) \
	"[Unit]\nDescription=" what " of %i.network\nBindsTo=%i.network\nAfter=%i.network\n"

static const char socket_text[] = UNIT_OF(
	"The name server") "[Socket]\nListenDatagram=%i.network:53\nListenStream=%i.network:53\nFreeBind=yes\nNoDelay=yes\n";

/* The first question starts it; it ends by itself when nobody has asked for a while. */
static const char service_text[] = UNIT_OF(
	"Answers to questions for names") "Requires=sup-dns@%i.socket\nAfter=sup-dns@%i.socket\nStartLimitIntervalSec=0\n"
					  "[Service]\nType=exec\nExecStart=@/proc/self/exe supervisor resolver " PATH_NAMES
					  "/%i.network\n"
					  "Restart=on-failure\nUser=65534\nGroup=65534\nCapabilityBoundingSet=\nNoNewPrivileges=yes\n"
					  "ProtectSystem=strict\nProtectHome=yes\nPrivateDevices=yes\nMemoryDenyWriteExecute=yes\n"
					  "RestrictAddressFamilies=AF_INET AF_INET6\nSystemCallFilter=@basic-io @file-system @io-event @network-io\n"
					  "LimitAS=16M\nLimitNOFILE=128\nLimitCORE=0\n";

#define BUILTIN(name, what)                                                                \
	{                                                                                  \
		.unit = name, .path = "(built in)", .text = what, .size = sizeof(what) - 1 \
	}

const struct unit_text *builtin_text(const char *template)
{
	static const struct unit_text texts[] = {
		BUILTIN("sup-dns@.socket", socket_text),
		BUILTIN("sup-dns@.service", service_text),
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(texts[i].unit, template) == 0)
			return &texts[i];
	return NULL;
}

bool builtin_resolver(const struct unit *network, char name[UNIT_NAME_MAX])
{
	struct text t = { name, UNIT_NAME_MAX, 0 };

	if (network->kind != KIND_NETWORK || network->masked || network->network.disable_dns ||
		network->network.driver != DRIVER_BRIDGE)
		return false;
	text_printf(&t, "sup-dns@%.*s.socket", (int)(strrchr(network->name, '.') - network->name),
		network->name);
	return t.len + 1 < UNIT_NAME_MAX; /* ".service" is longer */
}
