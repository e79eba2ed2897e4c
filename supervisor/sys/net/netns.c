#include "supervisor/sys/net/netns.h"

#include "common/fd.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/net/sysctl.h"

#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int netns_of(int sock, struct err *e)
{
	/* Since Linux 4.10, close-on-exec, and it needs no /proc. */
	int fd = ioctl(sock, SIOCGSKNS);

	return fd < 0 ? err_set(e, "get the network namespace of a socket") : fd;
}

/* In a wrong namespace nothing that follows would be right: the next supervisor starts in the right one. */
static void go_home(int host_ns)
{
	if (setns(host_ns, CLONE_NEWNET) < 0)
		abort();
}

static int open_in(int netns, int host_ns, int protocol, bool ipv6, struct err *e)
{
	struct err ignored;
	int sock;

	if (setns(netns, CLONE_NEWNET) < 0)
		return err_set(e, "enter network namespace");
	sock = nlsock_open(protocol, e);
	/* Of interfaces that come from now on. */
	if (ipv6)
		(void)sysctl_net("ipv6", "default", "accept_ra", "0", &ignored);
	go_home(host_ns);
	return sock;
}

int netns_socket(int netns, int host_ns, bool ipv6, struct err *e)
{
	return open_in(netns, host_ns, NETLINK_ROUTE, ipv6, e);
}

int netns_genl_socket(int netns, int host_ns, struct err *e)
{
	return open_in(netns, host_ns, NETLINK_GENERIC, false, e);
}

int netns_loopback_up(int sock, struct err *e)
{
	static const struct rt_change up = { .up = true };
	_Alignas(8) uint8_t memory[128];
	struct nl_buf b;

	nl_init(&b, memory, sizeof(memory));
	rt_link_change(&b, LOOPBACK_INDEX, "lo", &up);
	return nlsock_do(sock, &b, e);
}

int net_ns_make(struct net *n, struct err *e)
{
	cleanup_fd int sock = -1, netns = -1;

	if (unshare(CLONE_NEWNET) < 0)
		return err_set(e, "make network namespace");
	sock = nlsock_open(NETLINK_ROUTE, e);
	go_home(n->host_ns);
	if (sock < 0)
		return -1;
	netns = netns_of(sock, e);
	if (netns < 0 || netns_loopback_up(sock, e) < 0)
		return -1;
	return fd_take(&netns);
}

int net_ns_up(struct net *n, int netns, struct err *e)
{
	cleanup_fd int sock = netns_socket(netns, n->host_ns, false, e);

	return sock < 0 ? -1 : netns_loopback_up(sock, e);
}
