#include "supervisor/core/net/genl.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>
#include <string.h>

static void begin(struct nl_buf *b, uint16_t family, uint8_t command)
{
	const struct genlmsghdr m = { .cmd = command };

	nl_begin(b, family, NLM_F_ACK, &m, sizeof(m));
}

void genl_family_get(struct nl_buf *b, const char *family)
{
	begin(b, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	nl_str(b, CTRL_ATTR_FAMILY_NAME, family);
}

void genl_radio_get(struct nl_buf *b, uint16_t family, int index)
{
	begin(b, family, NL80211_CMD_GET_INTERFACE);
	nl_u32(b, NL80211_ATTR_IFINDEX, (uint32_t)index);
}

void genl_radio_move(struct nl_buf *b, uint16_t family, uint32_t radio, const char *name, int netns)
{
	begin(b, family, NL80211_CMD_SET_WIPHY_NETNS);
	nl_note(b, "move the radio of", name, 0);
	nl_u32(b, NL80211_ATTR_WIPHY, radio);
	nl_u32(b, NL80211_ATTR_NETNS_FD, (uint32_t)netns);
}

bool genl_read(uint32_t *value, uint16_t attribute, const struct nl_reply *r)
{
	const void *found = NULL;
	uint16_t half;
	size_t size;

	if (r->size >= GENL_HDRLEN)
		found = nl_find(r->data + GENL_HDRLEN, r->size - GENL_HDRLEN, attribute, &size);
	if (found == NULL || (size != sizeof(half) && size != sizeof(*value)))
		return false;
	if (size == sizeof(*value)) {
		memcpy(value, found, size);
		return true;
	}
	memcpy(&half, found, size);
	*value = half;
	return true;
}
