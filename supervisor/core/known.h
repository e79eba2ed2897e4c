/* What systemd and Quadlet have and sup does not do, besides key_known_elsewhere() of keys.h. */
#ifndef CORE_KNOWN_H
#define CORE_KNOWN_H

#include <stdbool.h>

/* As key_known_elsewhere, for a whole section that no kind of unit has here. */
const char *section_known_elsewhere(const char *section);
/* "network-online.target" and others that systemd reaches by itself: no fault when nobody defines them. */
bool target_is_always_reached(const char *name);

#endif
