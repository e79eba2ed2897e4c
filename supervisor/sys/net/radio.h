/*
 * WLAN devices: the kernel refuses to move one by itself (EINVAL), as it belongs to a radio, and moves radios with all their
 * interfaces (cfg80211, nl80211). When a namespace ends with a radio in it, the kernel gives that back to the first one.
 */
#ifndef SYS_NET_RADIO_H
#define SYS_NET_RADIO_H

#include "supervisor/sys/net/net.h"

/* A device on its way between two namespaces, by their rtnetlink sockets. */
struct trip {
	int from, to;
	int netns;         /* that of `to` */
	int index;         /* of the device, in `from` */
	const char *name;  /* of it on the host */
	const char *there; /* what it is to be called where it goes */
};

/*
 * With its radio. It has the name of the host before it leaves a container, and keeps that when it comes there; so the host
 * knows it by no other, whichever step is the last. Where `there` is taken nothing happens (EEXIST), or the other.
 * What is no WLAN device leaves the caller's error as it is.
 */
int radio_move(struct net *n, const struct trip *t, struct err *e);

#endif
