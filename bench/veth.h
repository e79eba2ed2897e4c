/*
 * A veth pair by the fewest words to the kernel: four messages and an address, no answer looked at but the first error.
 * For one container at a time: the ends are called "floor-out" and "eth0".
 */
#ifndef BENCH_VETH_H
#define BENCH_VETH_H

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#define VETH_OUT "floor-out"
#define VETH_IN "eth0"
#define VETH_BRIDGE "floor0"
#define VETH_ADDRESS 0x0a580002 /* 10.88.0.2 */
#define VETH_GATEWAY 0x0a580001

struct veth_message {
	struct nlmsghdr head;
	unsigned char rest[500];
};

static inline void *veth_put(struct veth_message *m, const void *bytes, size_t size)
{
	void *at = (char *)m + NLMSG_ALIGN(m->head.nlmsg_len);

	memcpy(at, bytes, size);
	m->head.nlmsg_len = (unsigned int)(NLMSG_ALIGN(m->head.nlmsg_len) + size);
	return at;
}

/* Returns where it stands, for one that others are put into. */
static inline struct rtattr *veth_attr(struct veth_message *m, unsigned short type,
	const void *bytes, size_t size)
{
	struct rtattr a = { .rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type };
	struct rtattr *at = veth_put(m, &a, sizeof(a));

	if (size > 0)
		(void)veth_put(m, bytes, size);
	return at;
}

static inline void veth_nest_end(struct veth_message *m, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len) - (char *)nest);
}

static inline void veth_begin(struct veth_message *m, unsigned short type, unsigned short flags)
{
	memset(m, 0, sizeof(*m));
	m->head.nlmsg_len = NLMSG_HDRLEN;
	m->head.nlmsg_type = type;
	m->head.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
}

/* 0, or -1 with errno as the kernel's answer has it. */
static inline int veth_ask(const struct veth_message *m)
{
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		unsigned char rest[600];
	} answer;

	memset(&answer, 0, sizeof(answer));
	if (send(sock, m, m->head.nlmsg_len, 0) < 0 || recv(sock, &answer, sizeof(answer), 0) < 0) {
		(void)close(sock);
		return -1;
	}
	(void)close(sock);
	errno = -answer.error.error;
	return errno == 0 ? 0 : -1;
}

/* Both ends at once: one in the bridge and up, the other in the namespace, still down. */
static inline int veth_make(int netns)
{
	const struct ifinfomsg up = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, down = { 0 };
	unsigned int bridge = if_nametoindex(VETH_BRIDGE);
	struct veth_message m;
	struct rtattr *info, *data, *peer;

	veth_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	(void)veth_put(&m, &up, sizeof(up));
	(void)veth_attr(&m, IFLA_IFNAME, VETH_OUT, sizeof(VETH_OUT));
	(void)veth_attr(&m, IFLA_MASTER, &bridge, sizeof(bridge));
	info = veth_attr(&m, IFLA_LINKINFO, NULL, 0);
	(void)veth_attr(&m, IFLA_INFO_KIND, "veth", 4);
	data = veth_attr(&m, IFLA_INFO_DATA, NULL, 0);
	peer = veth_attr(&m, VETH_INFO_PEER, NULL, 0);
	(void)veth_put(&m, &down, sizeof(down)); /* it cannot come up before it has the other one */
	(void)veth_attr(&m, IFLA_IFNAME, VETH_IN, sizeof(VETH_IN));
	(void)veth_attr(&m, IFLA_NET_NS_FD, &netns, sizeof(netns));
	veth_nest_end(&m, peer);
	veth_nest_end(&m, data);
	veth_nest_end(&m, info);
	return veth_ask(&m);
}

static inline int veth_end(void)
{
	const struct ifinfomsg any = { 0 };
	struct veth_message m;

	veth_begin(&m, RTM_DELLINK, 0);
	(void)veth_put(&m, &any, sizeof(any));
	(void)veth_attr(&m, IFLA_IFNAME, VETH_OUT, sizeof(VETH_OUT));
	return veth_ask(&m);
}

/* In the namespace of its end: address, up, default route. */
static inline int veth_inside(void)
{
	unsigned int index = if_nametoindex(VETH_IN), address = htonl(VETH_ADDRESS),
		     gateway = htonl(VETH_GATEWAY);
	const struct ifaddrmsg a = {
		.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index
	};
	const struct ifinfomsg up = {
		.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP
	};
	const struct rtmsg route = { .rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = RTN_UNICAST };
	struct veth_message m;

	veth_begin(&m, RTM_NEWADDR, NLM_F_CREATE);
	(void)veth_put(&m, &a, sizeof(a));
	(void)veth_attr(&m, IFA_LOCAL, &address, sizeof(address));
	if (veth_ask(&m) < 0)
		return -1;
	veth_begin(&m, RTM_NEWLINK, 0);
	(void)veth_put(&m, &up, sizeof(up));
	if (veth_ask(&m) < 0)
		return -1;
	veth_begin(&m, RTM_NEWROUTE, NLM_F_CREATE);
	(void)veth_put(&m, &route, sizeof(route));
	(void)veth_attr(&m, RTA_GATEWAY, &gateway, sizeof(gateway));
	return veth_ask(&m);
}

static inline int veth_up(const char *name)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;
	struct ifreq r = { .ifr_flags = IFF_UP };

	memcpy(r.ifr_name, name, strnlen(name, sizeof(r.ifr_name) - 1));
	rc = ioctl(sock, SIOCSIFFLAGS, &r);
	(void)close(sock);
	return rc;
}

#endif
