#include "supervisor/core/net/hosts.h"

#include <string.h>

static const struct ip addr_of_nobody =
	IP_V4(0x7f000101); /* 127.0.1.1: a container with a name and no network */

/* A text that grows by formatted lines; the old copies stay in the arena of the start, which is short-lived. */
struct text {
	struct arena *arena;
	char *s;
	size_t used, room;
};

static void append(struct text *t, const char *s, size_t len)
{
	if (t->used + len + 1 > t->room) {
		size_t room = 2 * (t->used + len + 1);
		char *bigger = arena_alloc(t->arena, room);

		if (t->used > 0)
			memcpy(bigger, t->s, t->used);
		t->s = bigger;
		t->room = room;
	}
	memcpy(t->s + t->used, s, len);
	t->used += len;
	t->s[t->used] = '\0';
}

static void append_str(struct text *t, const char *s)
{
	append(t, s, strlen(s));
}

/* ---- hosts ---- */

static size_t stem_length(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	return dot != NULL ? (size_t)(dot - unit) : strlen(unit);
}

static void domain(struct text *t, const char *network)
{
	append(t, network, stem_length(network));
	append_str(t, ".internal");
}

static void append_name(struct text *t, const struct host_entry *h, const char *name, size_t len)
{
	append_str(t, " ");
	append(t, name, len);
	if (h->network == NULL)
		return;
	append_str(t, " ");
	append(t, name, len);
	append_str(t, ".");
	domain(t, h->network);
}

/* A line of the address and its names; one that is not there, or the same as an earlier one, is left out. */
static void host_line(struct text *t, const struct host_entry *h, struct ip addr)
{
	const char *name[3] = { h->host_name, h->unit, h->name };
	size_t len[3] = { 0 }, i, k;
	char ip[IP_TEXT_MAX];

	append_str(t, ip_text(ip, addr));
	for (i = 0; i < 3; i++) {
		if (name[i] == NULL)
			continue;
		len[i] = name[i] == h->unit ? stem_length(h->unit) : strlen(name[i]);
		for (k = 0; k < i; k++)
			if (len[k] == len[i] && memcmp(name[k], name[i], len[i]) == 0)
				len[i] = 0;
		if (len[i] == 0)
			continue;
		append_name(t, h, name[i], len[i]);
	}
	for (i = 0; h->aliases != NULL && i < h->aliases->n; i++)
		append_name(t, h, h->aliases->v[i], strlen(h->aliases->v[i]));
	append_str(t, "\n");
}

/* One for each family it has; whether there was any. */
static bool host_lines_of(struct text *t, const struct host_entry *h)
{
	bool any = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(h->addr[f])) {
			host_line(t, h, h->addr[f]);
			any = true;
		}
	return any;
}

static void added_line(struct text *t, const char *addr, const char *name)
{
	append_str(t, addr);
	append_str(t, " ");
	append_str(t, name);
	append_str(t, "\n");
}

static void added_lines(struct text *t, const struct setting *s, const struct ip *gateway)
{
	char ip[IP_TEXT_MAX];

	if (strcmp(s->value, "host-gateway") != 0) {
		added_line(t, s->value, s->name);
		return;
	}
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (ip_is_set(gateway[f]))
			added_line(t, ip_text(ip, gateway[f]), s->name);
}

const char *hosts_text(const struct hosts *h, struct arena *a)
{
	struct text t = { .arena = a };
	size_t i;

	append_str(&t, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
	/* AddHost= first: the first line with a name counts. */
	for (i = 0; h->add_host != NULL && i < h->add_host->n; i++)
		added_lines(&t, &h->add_host->v[i], h->gateway);
	if (!host_lines_of(&t, &h->self))
		host_line(&t, &h->self, addr_of_nobody);
	for (i = 0; i < h->n_neighbours; i++) {
		struct host_entry n = h->neighbours[i];

		n.host_name = NULL;
		if (strcmp(n.unit, h->self.unit) != 0)
			(void)host_lines_of(&t, &n);
	}
	return t.s;
}

/* ---- resolv.conf ---- */

/* The word at *at, ended by blanks; moves *at behind it. */
static size_t next_word(const char **at, const char *end, const char **start)
{
	while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r'))
		(*at)++;
	*start = *at;
	while (*at < end && **at != ' ' && **at != '\t' && **at != '\r')
		(*at)++;
	return (size_t)(*at - *start);
}

static bool is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(s, word, len) == 0;
}

/* Not the host's own loopback, and not one that is named by a link of the host. */
static bool is_reachable(const char *server, size_t len, bool ipv6)
{
	if (memchr(server, ':', len) != NULL)
		return ipv6 && !is_word(server, len, "::1") && memchr(server, '%', len) == NULL;
	return len > 0 && !(len >= 4 && memcmp(server, "127.", 4) == 0);
}

/* A line of such a text; what it begins with and what follows that. false: there is no more. */
struct resolv_line {
	const char *key, *value;
	size_t key_len, value_len;
	const char *end; /* of the line; its whole value ends there */
};

static bool next_line(const char **text, struct resolv_line *l)
{
	const char *at = *text;

	if (*at == '\0')
		return false;
	l->end = strchr(at, '\n');
	if (l->end == NULL)
		l->end = at + strlen(at);
	*text = *l->end == '\n' ? l->end + 1 : l->end;
	l->key_len = next_word(&at, l->end, &l->key);
	l->value_len = next_word(&at, l->end, &l->value);
	return true;
}

static bool is_search(const struct resolv_line *l)
{
	return is_word(l->key, l->key_len, "search") || is_word(l->key, l->key_len, "domain");
}

static void word_line(struct text *t, const char *word, const char *value, size_t len)
{
	append_str(t, word);
	append_str(t, " ");
	append(t, value, len);
	append_str(t, "\n");
}

static void server_lines(struct text *t, const char *word, const struct strv *dns)
{
	for (size_t i = 0; dns != NULL && i < dns->n; i++)
		word_line(t, word, dns->v[i], strlen(dns->v[i]));
}

/* What the host's text says. servers: those, too. search: also where names are looked for. */
static void host_lines(struct text *t, const char *text, bool servers, bool search, bool ipv6)
{
	struct resolv_line l;

	while (next_line(&text, &l)) {
		bool server = is_word(l.key, l.key_len, "nameserver");

		if ((server && servers && is_reachable(l.value, l.value_len, ipv6)) ||
			(search && is_search(&l)) || is_word(l.key, l.key_len, "options")) {
			append(t, l.key, (size_t)(l.end - l.key));
			append_str(t, "\n");
		}
	}
}

/* The last list of the host's counts; the network's own domain comes before what is in it. */
static void own_lines(struct text *t, const struct resolv_own *own, const char *host_text)
{
	struct resolv_line l, last = { .key = NULL };

	while (next_line(&host_text, &l))
		if (is_search(&l))
			last = l;
	append_str(t, "search ");
	domain(t, own->network);
	if (last.key != NULL && last.value_len > 0) {
		append_str(t, " ");
		append(t, last.value, (size_t)(last.end - last.value));
	}
	append_str(t, "\n");
	word_line(t, "nameserver", own->server, strlen(own->server));
}

const char *resolv_text(const struct strv *container_dns, const struct strv *network_dns,
	const struct resolv_own *own, const char *host_text, bool shares_host, struct arena *a)
{
	const struct strv *dns = container_dns;
	struct text t = { .arena = a };
	bool given;

	append_str(&t, "");
	host_text = host_text != NULL ? host_text : "";
	if (dns == NULL || dns->n == 0)
		dns = network_dns;
	given = dns != NULL && dns->n > 0;
	if (shares_host && !given) {
		append_str(&t, host_text);
		return t.s;
	}
	host_lines(&t, host_text, !given && own->server == NULL, own->server == NULL, own->ipv6);
	if (own->server != NULL)
		own_lines(&t, own, host_text);
	else
		server_lines(&t, "nameserver", dns);
	return t.s;
}

/* ---- for the resolver ---- */

static void client_lines(struct text *t, const struct names_client *c)
{
	char ip[IP_TEXT_MAX];

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (!ip_is_set(c->addr[f]))
			continue;
		(void)ip_text(ip, c->addr[f]);
		word_line(t, "client", ip, strlen(ip));
		server_lines(t, "server", c->dns);
		for (size_t i = 0; i < c->n_far; i++)
			(void)host_lines_of(t, &c->far[i]);
	}
}

static bool is_any(const char *s, size_t len, const struct strv *words)
{
	bool any = false;

	for (size_t i = 0; words != NULL && i < words->n; i++)
		any = any || is_word(s, len, words->v[i]);
	return any;
}

/* Who is asked outside: those of the network, else those of the host. */
static void upstream_lines(struct text *t, const struct names *n)
{
	const char *host_text = n->host_text != NULL ? n->host_text : "";
	struct resolv_line l;

	server_lines(t, "server", n->dns);
	while ((n->dns == NULL || n->dns->n == 0) && next_line(&host_text, &l))
		if (is_word(l.key, l.key_len, "nameserver") &&
			!is_any(l.value, l.value_len, n->own))
			word_line(t, "server", l.value, l.value_len);
}

const char *names_text(const struct names *n, struct arena *a)
{
	struct text t = { .arena = a };
	char ip[IP_TEXT_MAX];

	append_str(&t, "domain ");
	domain(&t, n->network);
	append_str(&t, n->internal ? "\ninternal\n" : "\n");
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (n->subnet[f].prefix != 0) {
			(void)subnet_text(ip, &n->subnet[f]);
			word_line(&t, "subnet", ip, strlen(ip));
		}
	for (size_t i = 0; n->others != NULL && i < n->others->n; i++) {
		append_str(&t, "elsewhere ");
		domain(&t, n->others->v[i]);
		append_str(&t, "\n");
	}
	if (!n->internal)
		upstream_lines(&t, n);
	for (size_t i = 0; i < n->n_members; i++)
		(void)host_lines_of(&t, &n->members[i]);
	for (size_t i = 0; i < n->n_clients; i++)
		client_lines(&t, &n->clients[i]);
	return t.s;
}
