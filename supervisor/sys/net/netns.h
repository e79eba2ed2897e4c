/* Network namespaces: made, and entered for as long as it takes to open a socket there. */
#ifndef SYS_NET_NETNS_H
#define SYS_NET_NETNS_H

#include "common/err.h"

#include <stdbool.h>

/* A descriptor of the namespace that the netlink socket belongs to. */
int netns_of(int sock, struct err *e);
/* Brings "lo" of the socket's namespace up, which gives it 127.0.0.1. */
int netns_loopback_up(int sock, struct err *e);
/*
 * An rtnetlink socket in `netns`; the process is back in `host_ns` when it returns. ipv6: interfaces that are made there
 * from now on listen to no router.
 */
int netns_socket(int netns, int host_ns, bool ipv6, struct err *e);
/* The same of generic netlink. */
int netns_genl_socket(int netns, int host_ns, struct err *e);

#endif
