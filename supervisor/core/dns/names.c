#include "supervisor/core/dns/names.h"

#include <string.h>
#include <strings.h>

/* What stands before the first `end`, which is taken off too. */
static struct dns_word cut(struct dns_word *rest, char end)
{
	const char *at = rest->n > 0 ? memchr(rest->s, end, rest->n) : NULL;
	struct dns_word first = { rest->s, at != NULL ? (size_t)(at - rest->s) : rest->n };
	size_t off = first.n + (at != NULL);

	if (off > 0)
		*rest = (struct dns_word){ rest->s + off, rest->n - off };
	return first;
}

struct dns_word dns_word(struct dns_word *line)
{
	return cut(line, ' ');
}

bool dns_is(struct dns_word word, const char *s, size_t n)
{
	return word.n == n && strncasecmp(word.s, s, n) == 0;
}

static bool is(struct dns_word word, const char *s)
{
	return dns_is(word, s, strlen(s));
}

bool dns_subnet(struct dns_word word, struct subnet *subnet)
{
	char text[IP_TEXT_MAX];

	if (word.n >= sizeof(text) || word.n == 0)
		return false;
	memcpy(text, word.s, word.n);
	text[word.n] = '\0';
	if (strchr(text, '/') != NULL)
		return subnet_parse(subnet, text) == 0;
	subnet->prefix = 128;
	return ip_parse(&subnet->addr, text) == 0;
}

bool dns_ip(struct dns_word word, struct ip *ip)
{
	struct subnet subnet;

	if (!dns_subnet(word, &subnet) || subnet.prefix != 128)
		return false;
	*ip = subnet.addr;
	return true;
}

struct dns_lines dns_lines(const struct dns_names *names, const char *client)
{
	return (struct dns_lines){ .rest = { names->text, names->size }, .client = client };
}

struct dns_word dns_next(struct dns_lines *lines, struct dns_word *line)
{
	while (lines->rest.n > 0) {
		struct dns_word first;

		*line = cut(&lines->rest, '\n');
		first = dns_word(line);
		if (is(first, "client")) {
			lines->own = is(*line, lines->client);
			lines->others = !lines->own;
		} else if (!lines->others && first.n > 0) {
			return first;
		}
	}
	return (struct dns_word){ NULL, 0 };
}

void dns_view(struct dns_view *view, const struct dns_names *names, struct ip client)
{
	struct dns_lines lines = dns_lines(names, view->client);
	bool own_servers = false;
	struct dns_word word, line;
	struct subnet subnet;
	struct dns_server *server;

	*view = (struct dns_view){ .served = false };
	(void)ip_text(view->client, client);
	while ((word = dns_next(&lines, &line)).n > 0) {
		if (is(word, "domain"))
			view->domain = line;
		else if (is(word, "internal"))
			view->internal = true;
		else if (is(word, "subnet") && dns_subnet(line, &subnet))
			view->served = view->served || subnet_has(&subnet, client);
		if (!is(word, "server"))
			continue;
		if (lines.own && !own_servers)
			view->n_servers = 0;
		own_servers = lines.own;
		server = &view->servers[view->n_servers];
		if (view->n_servers == DNS_SERVERS_MAX || !dns_ip(cut(&line, '%'), &server->addr))
			continue;
		server->link = line;
		view->n_servers++;
	}
}
