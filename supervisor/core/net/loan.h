/*
 * Devices of the host that are lent to units: into a container's network namespace, as a port of a network's bridge, or
 * as what VLANs and containers' links stand on. What a device was before is written down first, so that whoever comes
 * later can make it so again. Pure; sys/network/nics.c does it.
 */
#ifndef CORE_NET_LOAN_H
#define CORE_NET_LOAN_H

#include "supervisor/core/net/rt.h"

enum loan_use {
	LOAN_MOVED = 1, /* to a container; nobody else can have it */
	LOAN_PORT,      /* of a bridge */
	LOAN_PARENT     /* of VLANs, macvlans, ipvlans: of many units, and of a port */
};

#define LOAN_ADDRESSES 8

/* Kept by the bytes over the end of the process: members are added at the end only. */
struct loan {
	char unit[UNIT_NAME_MAX];
	char name[IF_NAME_MAX];   /* of the device, on the host */
	char there[IF_NAME_MAX];  /* MOVED: in the container; PARENT: the VLAN made on it, or "" */
	char master[IF_NAME_MAX]; /* of which bridge it was a port, "": none */
	uint32_t use;             /* enum loan_use */
	int32_t index;            /* MOVED: in the container; 0: it has not arrived */
	uint32_t up, made;        /* 0, 1; made: no device, but a link that somebody has made */
	uint32_t n_addresses;
	struct rt_address addresses[LOAN_ADDRESSES];
	uint8_t mac[MAC_LEN]; /* of which device that name was */
	uint32_t mtu, modes;  /* as in struct rt_link; mtu 0: not on file */
};

struct loans {
	struct loan *v;
	size_t n;
};

/* NULL: nobody has it so. */
struct loan *loan_find(const struct loans *loans, const char *name, const char *unit);
/* Somebody else who has it, in a way that excludes this one; NULL: it may be had. */
const struct loan *loan_refused(const struct loans *loans, const char *name, const char *unit,
	enum loan_use use);
/* Any other who has it. */
const struct loan *loan_other(const struct loans *loans, const struct loan *l);

/* "eth0.100"; of a long name the end. */
void loan_vlan_name(char out[IF_NAME_MAX], const char *name, uint32_t vlan);

/* What was kept, `size` bytes in `text`: the record of number i; false: there is none, or it is broken. */
bool loan_read(struct loan *l, const char *text, size_t size, size_t i);

#endif
