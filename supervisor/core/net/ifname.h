/* What a network interface may be called. Pure. */
#ifndef CORE_NET_IFNAME_H
#define CORE_NET_IFNAME_H

#include <stdbool.h>
#include <stddef.h>

#define IF_NAME_MAX 16 /* IFNAMSIZ, with the final NUL */

/* What dev_valid_name() of the kernel takes, without what would surprise a shell or a sysctl path. */
bool if_name_ok(const char *s, size_t len);

#endif
