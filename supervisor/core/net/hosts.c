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

/* A line of the address and each name once. */
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
		append_str(t, " ");
		append(t, name[i], len[i]);
	}
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

static bool reachable(const char *server, size_t len)
{
	return len > 0 && memchr(server, ':', len) == NULL &&
		!(len >= 4 && memcmp(server, "127.", 4) == 0);
}

/* servers: whether its name servers are wanted too. */
static void host_lines(struct text *t, const char *text, bool servers)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');
		const char *at = text, *key, *value;
		size_t len, value_len;

		if (end == NULL)
			end = text + strlen(text);
		len = next_word(&at, end, &key);
		value_len = next_word(&at, end, &value);
		if ((is_word(key, len, "nameserver") && servers && reachable(value, value_len)) ||
			is_word(key, len, "search") || is_word(key, len, "domain") ||
			is_word(key, len, "options")) {
			append(t, text, (size_t)(end - text));
			append_str(t, "\n");
		}
		text = *end == '\n' ? end + 1 : end;
	}
}

const char *resolv_text(const struct strv *container_dns, const struct strv *network_dns,
	const char *host_text, bool shares_host, struct arena *a)
{
	const struct strv *dns = container_dns;
	struct text t = { .arena = a };
	size_t i;

	append_str(&t, "");
	if (dns == NULL || dns->n == 0)
		dns = network_dns;
	if (shares_host && (dns == NULL || dns->n == 0)) {
		append_str(&t, host_text != NULL ? host_text : "");
		return t.s;
	}
	if (host_text != NULL)
		host_lines(&t, host_text, dns == NULL || dns->n == 0);
	for (i = 0; dns != NULL && i < dns->n; i++) {
		append_str(&t, "nameserver ");
		append_str(&t, dns->v[i]);
		append_str(&t, "\n");
	}
	return t.s;
}
