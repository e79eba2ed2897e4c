#include "supervisor/sys/net/nic.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "supervisor/sys/net/netns.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/net/radio.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES 1024

struct reading {
	struct loan *l;
	int index;
};

static void see_address(void *ctx, const struct nl_reply *r)
{
	struct reading *to = ctx;
	struct loan *l = to->l;

	if (l->n_addresses < LOAN_ADDRESSES &&
		rt_addr_read(&l->addresses[l->n_addresses], to->index, r))
		l->n_addresses++;
}

int nic_look(struct net *n, struct loan *l, struct err *e)
{
	_Alignas(8) uint8_t memory[64];
	struct found_link found, master = { 0 };
	struct reading to = { .l = l };
	struct nl_buf b;

	if (nlsock_find(n->route, l->name, &found, e) < 0)
		return -1;
	if (found.index == 0)
		return 0;
	if (found.master != 0 && nlsock_find_index(n->route, found.master, &master, e) < 0)
		return -1;
	to.index = found.index;
	l->up = found.up;
	l->made = found.made;
	l->mtu = found.mtu;
	l->modes = found.modes;
	memcpy(l->mac, found.mac, sizeof(l->mac));
	l->n_addresses = 0;
	memcpy(l->master, master.name, sizeof(l->master));
	nl_init(&b, memory, sizeof(memory));
	rt_addr_dump(&b);
	return nlsock_run(n->route, &b, see_address, &to, e) < 0 ? -1 : 1;
}

/* What it was but for its bridge, in whichever namespace. */
static void put_back(struct nl_buf *b, const struct loan *l, int index, bool stays_up)
{
	const struct rt_change c = { .up = l->up != 0, .down = l->up == 0 && !stays_up };

	for (size_t i = 0; i < l->n_addresses; i++)
		rt_addr_put(b, index, l->name, &l->addresses[i]);
	rt_link_change(b, index, l->name, &c);
}

/*
 * A WLAN device whose sender has come no further has the name of the host there; one of that name that is on the host has not
 * been sent at all.
 */
static int find_unnamed(struct net *n, int sock, const struct loan *l, struct found_link *found,
	struct err *e)
{
	struct found_link here;
	int rc = nlsock_find(n->route, l->name, &here, e);

	return rc == 0 && here.index == 0 ? nlsock_find(sock, l->name, found, e) : rc;
}

static int find_away(struct net *n, int sock, const struct loan *l, struct found_link *found,
	struct err *e)
{
	int rc = l->index != 0 ? nlsock_find_index(sock, l->index, found, e)
			       : nlsock_find(sock, l->there, found, e);

	if (rc == 0 && l->index == 0 && found->index == 0)
		rc = find_unnamed(n, sock, l, found, e);
	/* one that the container has made itself in its place stays where it is */
	if (rc == 0 && found->made != (l->made != 0))
		found->index = 0;
	return rc;
}

bool nic_is_away(struct net *n, int netns, const struct loan *l)
{
	struct found_link found = { 0 };
	struct err ignored;
	cleanup_fd int sock = netns >= 0 ? netns_socket(netns, n->host_ns, false, &ignored) : -1;

	return sock >= 0 && find_away(n, sock, l, &found, &ignored) == 0 && found.index != 0;
}

static int move(struct net *n, const struct trip *t, struct err *e)
{
	_Alignas(8) uint8_t memory[128];
	struct nl_buf b;
	int rc;

	nl_init(&b, memory, sizeof(memory));
	rt_link_move(&b, t->index, t->name, t->netns, t->there);
	rc = nlsock_do(t->from, &b, e);
	return rc < 0 && e->no == EINVAL ? radio_move(n, t, e) : rc;
}

int nic_send(struct net *n, int netns, struct loan *l, struct err *e)
{
	cleanup_fd int sock = netns_socket(netns, n->host_ns, false, e);
	struct trip t = {
		.from = n->route, .to = sock, .netns = netns, .name = l->name, .there = l->there
	};
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct found_link found;
	struct nl_buf b;

	if (sock < 0 || nlsock_find(n->route, l->name, &found, e) < 0)
		return -1;
	t.index = found.index;
	if (found.index != 0 && move(n, &t, e) < 0)
		return e->no == EEXIST ? err_prefix(e,
						 "the container has an interface %s already, "
						 "write Interface=%s:NAME",
						 l->there, l->name)
				       : -1;
	KILL_POINT("nic-sent");
	if (find_away(n, sock, l, &found, e) < 0)
		return -1;
	l->index = found.index;
	nl_init(&b, memory, sizeof(memory));
	if (strcmp(found.name, l->there) != 0)
		rt_link_move(&b, found.index, l->name, -1, l->there);
	put_back(&b, l, found.index, false);
	return nlsock_do(sock, &b, e);
}

/* What a device takes along wherever it goes, as it was: many drivers change their address only while they are down. */
static int calm(int sock, const struct loan *l, const struct found_link *now, struct err *e)
{
	static const struct rt_change down = { .down = true };
	_Alignas(8) uint8_t memory[256];
	const struct rt_change c = {
		.mac = memcmp(l->mac, now->mac, sizeof(l->mac)) != 0 ? l->mac : NULL,
		.mtu = l->mtu,
		.modes = l->modes,
		.modes_of = RT_MODES,
	};
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, now->index, l->name, &down);
	rt_link_change(&b, now->index, l->name, &c);
	return nlsock_do(sock, &b, e);
}

int nic_fetch(struct net *n, int netns, const struct loan *l, struct err *e)
{
	cleanup_fd int sock = netns >= 0 ? netns_socket(netns, n->host_ns, false, e) : -1;
	struct trip t = {
		.from = sock, .to = n->route, .netns = n->host_ns, .name = l->name, .there = l->name
	};
	struct found_link found;
	struct err second;
	int rc;

	if (netns < 0)
		return 0;
	if (sock < 0 || find_away(n, sock, l, &found, e) < 0)
		return -1;
	t.index = found.index;
	if (found.index == 0)
		return 0;
	rc = calm(sock, l, &found, &second);
	if (move(n, &t, e) == 0) {
		*e = second;
		return rc;
	}
	/* as the kernel itself does it where there is another of the name; with the namespace it might go for good */
	t.name = t.there = "dev%d";
	if (e->no == EEXIST)
		(void)move(n, &t, &second);
	return -1;
}

int nic_restore(struct net *n, const struct loan *l, bool shared, struct err *e)
{
	_Alignas(8) uint8_t memory[BUFFER_BYTES];
	struct found_link found, master = { 0 };
	struct rt_change c = { .freed = true };
	struct nl_buf b;

	if (nlsock_find(n->route, l->name, &found, e) < 0 ||
		(l->master[0] != '\0' && nlsock_find(n->route, l->master, &master, e) < 0))
		return -1;
	if (found.index == 0)
		return 0;
	c.master = master.index;
	nl_init(&b, memory, sizeof(memory));
	if (l->use != LOAN_PARENT)
		rt_link_change(&b, found.index, l->name, &c);
	put_back(&b, l, found.index, shared);
	if (nlsock_do(n->route, &b, e) < 0)
		return -1;
	return l->master[0] != '\0' && master.index == 0
		? err_setx(e, "%s was a port of %s, which is no more", l->name, l->master)
		: 0;
}

int nic_join(struct net *n, const char *name, const char *bridge, struct err *e)
{
	_Alignas(8) uint8_t memory[256];
	struct rt_change c = { 0 };
	struct found_link found, port;
	struct nl_buf b;

	if (nlsock_find(n->route, bridge, &found, e) < 0 ||
		nlsock_find(n->route, name, &port, e) < 0)
		return -1;
	/* said again, the kernel would tell of it again */
	if (port.up && port.master == found.index)
		return 0;
	c.master = found.index;
	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, 0, name, &c);
	rt_port_up(&b, name, false);
	return nlsock_do(n->route, &b, e);
}

int nic_raise(struct net *n, const struct loan *l, uint32_t vlan, struct err *e)
{
	static const struct rt_change up = { .up = true };
	_Alignas(8) uint8_t memory[512];
	char alias[ALIAS_MAX];
	struct found_link found = { 0 }, under;
	const struct rt_change c = { .alias = alias, .up = true };
	struct rt_upper u = { .kind = UPPER_VLAN, .name = l->there, .netns = -1, .value = vlan };
	struct nl_buf b;

	if (nlsock_find(n->route, l->name, &under, e) < 0 ||
		(vlan != 0 && nlsock_find(n->route, l->there, &found, e) < 0))
		return -1;
	if (found.index != 0 && found.peer != under.index)
		return err_setx(e, "the interface %s is there already, and not on %s", l->there,
			l->name);
	nl_init(&b, memory, sizeof(memory));
	if (!under.up)
		rt_link_change(&b, under.index, l->name, &up);
	if (found.index == 0 && vlan != 0) {
		(void)snprintf(alias, sizeof(alias), ALIAS_PREFIX "%s", l->unit);
		u.parent = under.index;
		rt_upper_add(&b, &u);
		/* in the same call, so that no crash leaves one that we would not know for ours */
		rt_link_change(&b, 0, l->there, &c);
	}
	return nlsock_do(n->route, &b, e);
}

int nic_remove(struct net *n, const char *name, struct err *e)
{
	_Alignas(8) uint8_t memory[128];
	struct found_link found;
	struct nl_buf b;

	if (nlsock_find(n->route, name, &found, e) < 0)
		return -1;
	if (!found.ours)
		return 0;
	nl_init(&b, memory, sizeof(memory));
	rt_link_delete(&b, name);
	return nlsock_do(n->route, &b, e);
}
