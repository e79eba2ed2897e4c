/*
 * The networks of the supervisor by hand: reads commands from stdin, one a line, and answers each with "ok ..."
 * or "error TEXT". It keeps nothing between two runs, so running it again with the same commands is what a
 * supervisor does after a crash.
 *
 *   network UNIT SUBNET[,SUBNET] internal|open [INTERFACE] [MTU]   bridge up; "ok NAME GATEWAY [GATEWAY6]"
 *   down UNIT                                             bridge down
 *   ns PATH                                               a network namespace, kept at PATH
 *   attach UNIT NETWORK ADDRESS|auto PATH [NTH]           "ok HOST-IF ADDRESS [ADDRESS6]"
 *   detach UNIT NETWORK
 *   port UNIT HOST-ADDRESS HOST-PORT PORT tcp|udp         published; UNIT is attached
 *   limit UNIT SENT GIVEN CONNECTIONS                     of its attachments from here on: bytes per second, and a number
 *   traffic UNIT NETWORK                                  "ok PACKETS-OUT PACKETS-IN BYTES-OUT BYTES-IN REFUSED LIMITED"
 *   rules                                                 networks and ports so far are put in force
 *   clear                                                 forgets them, for the next `rules`
 *   free ADDRESS PORT tcp|udp                             net_port_free
 *   sweep [UNIT...]                                       net_sweep that keeps these
 */
#include "common/fd.h"
#include "common/util.h"
#include "supervisor/sys/net/net.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define MACHINE "0123456789abcdef0123456789abcdef"
#define MOST 2048

struct state {
	struct net net;
	struct arena arena;
	struct leases leases;
	struct bridge_plan bridge[MOST];
	struct pool pools[MOST][FAMILY_COUNT];
	struct rule_network networks[MOST];
	size_t n_networks;
	struct rule_port *ports;
	size_t n_ports;
	struct limit {
		char *unit;
		uint64_t sent, given, connections;
	} limits[16];
	size_t n_limits;
	struct rule_limit busy[16];
	size_t n_busy;
	char *word[16];
	size_t n_words;
	struct err e;
};

static struct ip address(const char *text)
{
	struct ip ip;

	if (ip_parse(&ip, text) < 0)
		abort();
	return ip;
}

static uint8_t protocol(const char *text)
{
	uint8_t p = 0;

	while (p < PORT_PROTOCOL_COUNT && strcmp(port_protocol_name(p), text) != 0)
		p++;
	return p;
}

static size_t network_index(struct state *s, const char *unit)
{
	size_t i;

	for (i = 0; i < s->n_networks; i++)
		if (strcmp(s->bridge[i].unit, unit) == 0)
			return i;
	abort();
}

static int do_network(struct state *s)
{
	struct unit u = { .kind = KIND_NETWORK, .name = arena_strdup(&s->arena, s->word[1]) };
	size_t i = s->n_networks++;
	char text[IP_TEXT_MAX];
	struct subnet subnet;

	for (char *rest = s->word[2], *word; (word = strtok_r(rest, ",", &rest)) != NULL;) {
		if (subnet_parse(&subnet, word) < 0)
			abort();
		u.network.subnet[ip_family(subnet.addr)] = subnet;
	}
	u.network.internal = strstr(s->word[3], "internal") != NULL;
	u.network.uplink = strstr(s->word[3], "uplink") != NULL;
	u.network.host_access = strstr(s->word[3], "host") != NULL;
	u.network.port_security = strstr(s->word[3], "poser") == NULL;
	if (strstr(s->word[3], "strict") != NULL)
		*LIST_ADD(&s->arena, &u.network.options) = (struct setting){ "isolate", "strict" };
	if (s->n_words > 4)
		u.network.interface_name = arena_strdup(&s->arena, s->word[4]);
	if (s->n_words > 5)
		*LIST_ADD(&s->arena, &u.network.options) = (struct setting){ "mtu",
			arena_strdup(&s->arena, s->word[5]) };
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (network_has(&u, f) &&
			ipam_pool(&s->pools[i][f], &u, f, MACHINE, &s->leases, &s->arena,
				&(struct taken){ 0 }, &s->e) < 0)
			return -1;
	bridge_plan_make(&s->bridge[i], &u, s->pools[i], MACHINE);
	if (net_bridge_up(&s->net, &s->bridge[i], &s->e) < 0)
		return -1;
	memcpy(s->networks[i].bridge, s->bridge[i].name, IF_NAME_MAX);
	s->networks[i].internal = s->bridge[i].internal;
	s->networks[i].uplink = s->bridge[i].uplink;
	s->networks[i].host_access = s->bridge[i].host_access;
	s->networks[i].strict = s->bridge[i].strict;
	s->networks[i].v6 = s->bridge[i].at[FAMILY_V6].prefix != 0;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		s->networks[i].subnet[f] = (struct subnet){ s->bridge[i].at[f].addr,
			s->bridge[i].at[f].prefix };
	printf("ok %s", s->bridge[i].name);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (s->pools[i][f].subnet.prefix != 0)
			printf(" %s", ip_text(text, s->pools[i][f].gateway));
	puts("");
	return 0;
}

static int do_down(struct state *s)
{
	if (net_bridge_down(&s->net, &s->bridge[network_index(s, s->word[1])], &s->e) < 0)
		return -1;
	puts("ok");
	return 0;
}

static int do_ns(struct state *s)
{
	int fd = net_ns_make(&s->net, &s->e), file;
	char path[64];

	if (fd < 0)
		return -1;
	file = open(s->word[1], O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (file < 0 || mount(path, s->word[1], NULL, MS_BIND, NULL) < 0)
		return err_set(&s->e, "keep %s", s->word[1]);
	close(file);
	close(fd);
	puts("ok");
	return 0;
}

static void make_attach(struct state *s, struct attach_plan *p, const struct ip addr[FAMILY_COUNT])
{
	static const struct network_use use = { 0 };
	size_t nth = s->n_words > 5 ? strtoul(s->word[5], NULL, 10) : 0;

	attach_plan_make(p, arena_strdup(&s->arena, s->word[1]), nth, &use,
		&s->bridge[network_index(s, s->word[2])], addr, MACHINE);
	/* The first one has the routes. */
	for (enum family f = 0; nth > 0 && f < FAMILY_COUNT; f++)
		p->at[f].gateway = (struct ip){ 0 };
}

static int do_limit(struct state *s)
{
	struct limit *l = &s->limits[s->n_limits++];

	l->unit = arena_strdup(&s->arena, s->word[1]);
	l->sent = strtoull(s->word[2], NULL, 10);
	l->given = strtoull(s->word[3], NULL, 10);
	l->connections = strtoull(s->word[4], NULL, 10);
	puts("ok");
	return 0;
}

/* As far as it was said before. */
static void limit(struct state *s, struct attach_plan *p)
{
	for (size_t i = 0; i < s->n_limits; i++) {
		const struct limit *l = &s->limits[i];

		if (strcmp(l->unit, p->unit) != 0)
			continue;
		p->sent_most = l->sent;
		p->given_most = l->given;
		if (l->connections != 0)
			s->busy[s->n_busy++] = (struct rule_limit){
				memcpy(arena_alloc(&s->arena, MAC_LEN), p->mac, MAC_LEN),
				l->connections
			};
	}
}

/* A fixed address is of its family; the other family's is any. */
static int do_attach(struct state *s)
{
	const struct pool *pools = s->pools[network_index(s, s->word[2])];
	struct ip fixed[FAMILY_COUNT] = { 0 }, at[FAMILY_COUNT] = { 0 };
	struct attach_plan p;
	char text[IP_TEXT_MAX];
	int ns, status;

	if (strcmp(s->word[3], "auto") != 0)
		fixed[ip_family(address(s->word[3]))] = address(s->word[3]);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (pools[f].subnet.prefix != 0 &&
			ipam_assign(&s->leases, &s->arena, &pools[f], s->word[1], fixed[f], &at[f],
				&s->e) < 0)
			return -1;
	ns = open(s->word[4], O_RDONLY | O_CLOEXEC);
	make_attach(s, &p, at);
	limit(s, &p);
	status = net_attach(&s->net, ns, &p, &s->e);
	close(ns);
	if (status < 0)
		return -1;
	printf("ok %s", p.host_if);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(at[f]))
			printf(" %s", ip_text(text, at[f]));
	puts("");
	return 0;
}

static int do_detach(struct state *s)
{
	struct ip at[FAMILY_COUNT] = { 0 };
	struct attach_plan p;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		const struct lease *lease = ipam_find(&s->leases, s->word[1], s->word[2], f);

		if (lease != NULL)
			at[f] = lease->at.addr;
	}
	make_attach(s, &p, at);
	if (net_detach(&s->net, &p, &s->e) < 0)
		return -1;
	puts("ok");
	return 0;
}

static int do_traffic(struct state *s)
{
	static const struct ip none[FAMILY_COUNT] = { 0 };
	struct net_traffic t = { 0 };
	struct attach_plan p;
	struct err ignored;

	/* The socket that asks about rules is opened by what changes them. */
	(void)net_guard_remove(&s->net,
		&(struct attach_plan){ .guarded = true, .host_if = "nobody" }, &ignored);
	make_attach(s, &p, none);
	net_traffic(&s->net, &p, &t);
	printf("ok %llu %llu %llu %llu %llu %llu %llu\n", (unsigned long long)t.passed.packets_in,
		(unsigned long long)t.passed.packets_out, (unsigned long long)t.passed.bytes_in,
		(unsigned long long)t.passed.bytes_out, (unsigned long long)t.refused,
		(unsigned long long)t.limited, (unsigned long long)t.stopped);
	return 0;
}

static int do_port(struct state *s)
{
	struct rule_port p = { 0 };
	size_t i;

	if (s->word[2][0] != '*')
		p.port.host_addr = address(s->word[2]);
	p.port.host = (uint16_t)strtoul(s->word[3], NULL, 10);
	p.port.inside = (uint16_t)strtoul(s->word[4], NULL, 10);
	p.port.protocol = protocol(s->word[5]);
	for (i = 0; i < s->leases.n; i++) {
		p.addr = s->leases.v[i].at.addr;
		if (strcmp(s->leases.v[i].unit, s->word[1]) != 0 ||
			(ip_is_set(p.port.host_addr) &&
				ip_family(p.port.host_addr) != ip_family(p.addr)))
			continue;
		s->ports = arena_grow(&s->arena, s->ports, s->n_ports, sizeof(p));
		s->ports[s->n_ports++] = p;
	}
	puts("ok");
	return 0;
}

static int do_rules(struct state *s)
{
	struct rule_set rules = {
		.networks = s->networks,
		.n_networks = s->n_networks,
		.ports = s->ports,
		.n_ports = s->n_ports,
		.limits = s->busy,
		.n_limits = s->n_busy,
	};

	if (net_rules(&s->net, &rules, &s->e) < 0)
		return -1;
	puts("ok");
	return 0;
}

static int do_clear(struct state *s)
{
	s->n_networks = s->n_ports = 0;
	s->ports = NULL;
	puts("ok");
	return 0;
}

static int do_free(struct state *s)
{
	const struct port p = {
		.host_addr = s->word[1][0] == '*' ? (struct ip){ 0 } : address(s->word[1]),
		.host = (uint16_t)strtoul(s->word[2], NULL, 10),
		.protocol = protocol(s->word[3]),
	};

	if (net_port_free(&p, &s->e) < 0)
		return -1;
	puts("ok");
	return 0;
}

static bool named(const void *ctx, const char *unit)
{
	const struct state *s = ctx;
	size_t i;

	for (i = 1; i < s->n_words; i++)
		if (strcmp(s->word[i], unit) == 0)
			return true;
	return false;
}

static int do_sweep(struct state *s)
{
	if (net_sweep(&s->net, named, s, &s->e) < 0)
		return -1;
	puts("ok");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct state *s);
	size_t words;
} commands[] = {
	{ "network", do_network, 4 },
	{ "down", do_down, 2 },
	{ "ns", do_ns, 2 },
	{ "attach", do_attach, 5 },
	{ "detach", do_detach, 3 },
	{ "port", do_port, 6 },
	{ "limit", do_limit, 5 },
	{ "traffic", do_traffic, 3 },
	{ "rules", do_rules, 1 },
	{ "clear", do_clear, 1 },
	{ "free", do_free, 4 },
	{ "sweep", do_sweep, 1 },
};

static int run_line(struct state *s, char *line)
{
	size_t i;
	char *word, *rest = line;

	s->n_words = 0;
	while (s->n_words < ARRAY_LEN(s->word) && (word = strtok_r(rest, " \n", &rest)) != NULL)
		s->word[s->n_words++] = word;
	for (i = 0; s->n_words > 0 && i < ARRAY_LEN(commands); i++)
		if (strcmp(s->word[0], commands[i].name) == 0 && s->n_words >= commands[i].words)
			return commands[i].run(s);
	return err_setx(&s->e, "no such command");
}

int main(void)
{
	struct state *s = calloc(1, sizeof(*s));
	char line[1024];

	if (s == NULL || net_open(&s->net, &s->e) < 0) {
		printf("error %s\n", s != NULL ? s->e.msg : "memory");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (run_line(s, line) < 0)
			printf("error %s\n", s->e.msg);
		fflush(stdout);
	}
	net_close(&s->net);
	arena_free(&s->arena);
	free(s);
	return 0;
}
