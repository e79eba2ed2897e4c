/*
 * Devices of the host that are lent: what they are, moving them and making them what they were. As in net.h, each call is
 * done when it returns, and the same call again finds what is there.
 */
#ifndef SYS_NET_NIC_H
#define SYS_NET_NIC_H

#include "supervisor/core/net/loan.h"
#include "supervisor/sys/net/net.h"

/* Fills what is known of the device l->name of the host: 1, or 0 when there is none. */
int nic_look(struct net *n, struct loan *l, struct err *e);
/* It is there now, and where: in the container as it was written down; 0 otherwise. */
bool nic_is_away(struct net *n, int netns, const struct loan *l);
/* Into the namespace; it is up there if it was, and has its addresses. l->index is filled. */
int nic_send(struct net *n, int netns, struct loan *l, struct err *e);
/* Back to the host; netns may be -1. Nothing there of its kind: nothing happens. */
int nic_fetch(struct net *n, int netns, const struct loan *l, struct err *e);
/* On the host: what it was before. shared: others stand on it still. One that is not there is forgotten. */
int nic_restore(struct net *n, const struct loan *l, bool shared, struct err *e);

/* A port of the bridge, and up. */
int nic_join(struct net *n, const char *name, const char *bridge, struct err *e);
/* Up, for what is to stand on it; and its VLAN l->there, unless that is 0, found or made. */
int nic_raise(struct net *n, const struct loan *l, uint32_t vlan, struct err *e);
/* A link that we have made, if it is there. */
int nic_remove(struct net *n, const char *name, struct err *e);

#endif
