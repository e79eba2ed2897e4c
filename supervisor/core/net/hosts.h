/*
 * The texts of a container's /etc/hosts and /etc/resolv.conf. Pure; the caller writes the files.
 */
#ifndef CORE_NET_HOSTS_H
#define CORE_NET_HOSTS_H

#include "supervisor/core/unit/unit.h"

/* One container of a network. */
struct host_entry {
	struct ip addr[FAMILY_COUNT]; /* with none at all, its names point to 127.0.1.1 */
	const char *unit;             /* "web.container": found as "web" */
	const char *name;             /* ContainerName=, or NULL */
	const char *host_name;        /* HostName=, or NULL; of itself only */
	const struct strv *aliases;   /* NetworkAlias= */
	const char *network; /* in whose domain its names are found, besides bare; NULL: in none */
};

struct hosts {
	struct host_entry self;
	const struct host_entry *neighbours; /* itself, if it is among them, is skipped */
	size_t n_neighbours;
	const struct settings
		*add_host; /* AddHost=; the value "host-gateway" is the gateway's address */
	struct ip gateway[FAMILY_COUNT]; /* none: not of this family */
};

const char *hosts_text(const struct hosts *h, struct arena *a);

/* Who has questions answered for himself alone: by servers of his own, of names in other networks that he is on. */
struct names_client {
	struct ip addr[FAMILY_COUNT];
	const struct strv *dns;
	const struct host_entry *far;
	size_t n_far;
};

/* What the resolver of a network is told; core/dns/names.h has what the text is. */
struct names {
	const char *network; /* "lan.network": its domain is lan.internal */
	struct subnet subnet[FAMILY_COUNT];
	bool internal;
	const struct strv
		*dns; /* DNS= of the network; when there is none, the servers of host_text */
	const char *host_text; /* resolv.conf of the host, or NULL */
	const struct strv *
		own; /* addresses of resolvers of ours: those of the host's servers are none to ask */
	const struct strv *others; /* "vault.network": whose names are nobody else's */
	const struct host_entry *members;
	size_t n_members;
	const struct names_client *clients;
	size_t n_clients;
};

const char *names_text(const struct names *n, struct arena *a);

/* The resolver that a container asks. */
struct resolv_own {
	const char *server;  /* NULL: none, it asks the servers itself */
	const char *network; /* whose domain is looked through first */
	bool ipv6;           /* the container reaches servers of IPv6, too */
};

/*
 * DNS= of the container, else of its network, else what the host's file says (host_text; NULL: it has none)
 * with its search list and options. The host's own loopback resolvers mean nothing inside and are left out,
 * and so are IPv6 ones where it has no IPv6. `shares_host`: the container lives in the host's network
 * namespace and gets the servers as they are. With a resolver of its own network it asks that, and nobody else.
 */
const char *resolv_text(const struct strv *container_dns, const struct strv *network_dns,
	const struct resolv_own *own, const char *host_text, bool shares_host, struct arena *a);

#endif
