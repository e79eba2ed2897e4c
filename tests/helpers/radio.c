/*
 * Radios (WLAN) that are no hardware, of the kernel's module mac80211_hwsim.
 *
 *   radio new                    one more of them
 *   radio interface RADIO NAME   one more interface of a radio, by its number
 */
#include "supervisor/core/net/genl.h"
#include "supervisor/sys/net/nlsock.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HWSIM_FAMILY "MAC80211_HWSIM"
#define HWSIM_CMD_NEW_RADIO 4 /* the kernel keeps its header to itself */

static void see_family(void *ctx, const struct nl_reply *r)
{
	(void)genl_read(ctx, CTRL_ATTR_FAMILY_ID, r);
}

static void run(int sock, struct nl_buf *b, uint32_t *family)
{
	struct err e;

	if (nlsock_run(sock, b, see_family, family, &e) == 0)
		return;
	(void)fprintf(stderr, "radio: %s\n", e.msg);
	exit(1);
}

int main(int argc, char **argv)
{
	bool interface = argc == 4 && strcmp(argv[1], "interface") == 0;
	const char *name = interface ? NL80211_GENL_NAME : HWSIM_FAMILY;
	const struct genlmsghdr m = { .cmd = interface ? NL80211_CMD_NEW_INTERFACE
						       : HWSIM_CMD_NEW_RADIO };
	struct err e = { 0 };
	int sock = nlsock_open(NETLINK_GENERIC, &e);
	_Alignas(8) uint8_t memory[256];
	uint32_t family = 0, ignored;
	struct nl_buf b;

	if (sock < 0 || (!interface && (argc != 2 || strcmp(argv[1], "new") != 0)))
		return 2;
	nl_init(&b, memory, sizeof(memory));
	genl_family_get(&b, name);
	nl_note(&b, "find the family", name, 0);
	run(sock, &b, &family);

	nl_init(&b, memory, sizeof(memory));
	nl_begin(&b, (uint16_t)family, NLM_F_ACK, &m, sizeof(m));
	nl_note(&b, "make", interface ? argv[3] : "a radio", 0);
	if (interface) {
		nl_u32(&b, NL80211_ATTR_WIPHY, (uint32_t)strtoul(argv[2], NULL, 10));
		nl_str(&b, NL80211_ATTR_IFNAME, argv[3]);
		nl_u32(&b, NL80211_ATTR_IFTYPE, NL80211_IFTYPE_STATION);
	}
	run(sock, &b, &ignored);
	return 0;
}
