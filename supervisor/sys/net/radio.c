#include "supervisor/sys/net/radio.h"

#include "common/fd.h"
#include "supervisor/core/net/genl.h"
#include "supervisor/sys/net/netns.h"
#include "supervisor/sys/net/nlsock.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nl80211.h>

struct answer {
	uint16_t attribute;
	bool given;
	uint32_t value;
};

static void see(void *ctx, const struct nl_reply *r)
{
	struct answer *a = ctx;

	a->given = a->given || genl_read(&a->value, a->attribute, r);
}

static bool ask(int sock, struct nl_buf *b, struct answer *a)
{
	struct err ignored;

	return nlsock_run(sock, b, see, a, &ignored) == 0 && a->given;
}

static bool find_radio(int sock, int index, uint16_t *family, uint32_t *radio)
{
	struct answer a = { .attribute = CTRL_ATTR_FAMILY_ID };
	_Alignas(8) uint8_t memory[64];
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	genl_family_get(&b, NL80211_GENL_NAME);
	if (!ask(sock, &b, &a))
		return false;
	*family = (uint16_t)a.value;
	a = (struct answer){ .attribute = NL80211_ATTR_WIPHY };
	nl_init(&b, memory, sizeof(memory));
	genl_radio_get(&b, *family, index);
	if (!ask(sock, &b, &a))
		return false;
	*radio = a.value;
	return true;
}

/* The kernel would give it another one. */
static int refuse_taken(const struct trip *t, struct err *e)
{
	struct found_link there, name;

	if (nlsock_find(t->to, t->there, &there, e) < 0 ||
		nlsock_find(t->to, t->name, &name, e) < 0)
		return -1;
	if (there.index != 0)
		return err_set_no(e, EEXIST, "move interface %s", t->name);
	return name.index != 0 ? err_setx(e, "where it goes there is an interface %s", t->name) : 0;
}

int radio_move(struct net *n, const struct trip *t, struct err *e)
{
	static const struct rt_change down = { .down = true };
	struct err ignored;
	cleanup_fd int here = netns_of(t->from, &ignored);
	cleanup_fd int sock = here >= 0 ? netns_genl_socket(here, n->host_ns, &ignored) : -1;
	_Alignas(8) uint8_t memory[128];
	uint16_t family;
	uint32_t radio;
	struct nl_buf b;

	if (sock < 0 || !find_radio(sock, t->index, &family, &radio) || refuse_taken(t, e) < 0)
		return -1;
	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, t->index, t->name, &down);
	rt_link_move(&b, t->index, t->name, -1, t->name);
	if (nlsock_do(t->from, &b, e) < 0)
		return -1;
	nl_init(&b, memory, sizeof(memory));
	genl_radio_move(&b, family, radio, t->name, t->netns);
	return nlsock_do(sock, &b, e);
}
