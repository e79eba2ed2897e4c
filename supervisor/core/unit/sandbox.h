/* What a .service may see and do, as its file says it; see unit.h. */
#ifndef CORE_UNIT_SANDBOX_H
#define CORE_UNIT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a .service sees of the file tree; of two at one place the later in this list counts. */
enum sandbox_kind {
	SANDBOX_READ_WRITE,
	SANDBOX_READ_ONLY,
	SANDBOX_TMPFS,
	SANDBOX_BIND,
	SANDBOX_BIND_READ_ONLY,
	SANDBOX_INACCESSIBLE
};
/* ... and what a Landlock domain allows. */
enum landlock_kind { LANDLOCK_READ, LANDLOCK_WRITE, LANDLOCK_BIND, LANDLOCK_CONNECT };
enum { PORT_NONE = 0, PORT_ANY = -1 }; /* LandlockTCPBind=none, any */
struct spot {
	uint8_t kind;        /* enum sandbox_kind or landlock_kind */
	bool optional;       /* "-": skipped when it is not there */
	bool shallow;        /* without what is mounted below */
	int32_t port;        /* of a TCP kind */
	const char *path;    /* absolute */
	const char *source;  /* of a bind */
	const char *options; /* of a tmpfs, or NULL */
};
struct spots {
	struct spot *v;
	size_t n;
};

enum protect_system { SYSTEM_NO, SYSTEM_YES, SYSTEM_FULL, SYSTEM_STRICT };
enum protect_home { HOME_NO, HOME_YES, HOME_READ_ONLY, HOME_TMPFS };
struct sandbox {
	int protect_system, protect_home;
	bool private_tmp, private_devices, private_network, private_ipc, private_mounts;
	bool protect_tunables, protect_modules, protect_logs, protect_cgroups;
	bool protect_clock, protect_host_name;
	bool no_new_privileges;
	struct spots places;
	uint64_t dropped; /* what CapabilityBoundingSet= leaves out */
	uint64_t ambient;
};

#endif
