/*
 * The requests of generic netlink that we make, and what we read of their answers. A WLAN device is moved with its radio
 * only, by nl80211; whose number among the families of messages is asked for first. Pure; see linux/genetlink.h,
 * linux/nl80211.h.
 */
#ifndef CORE_NET_GENL_H
#define CORE_NET_GENL_H

#include "supervisor/core/net/nl.h"

/* Answered by CTRL_ATTR_FAMILY_ID; refused (ENOENT) where the kernel has no WLAN. */
void genl_family_get(struct nl_buf *b, const char *family);
/* Answered by NL80211_ATTR_WIPHY; refused for what is no WLAN device. */
void genl_radio_get(struct nl_buf *b, uint16_t family, int index);
/* All its interfaces go along and come down; each keeps its name if that is free there, or is named wlan0, wlan1, ... */
void genl_radio_move(struct nl_buf *b, uint16_t family, uint32_t radio, const char *name,
	int netns);

/* A number of 16 or 32 bits; false: the answer has none. */
bool genl_read(uint32_t *value, uint16_t attribute, const struct nl_reply *r);

#endif
