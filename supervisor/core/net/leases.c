/* The text of the leases, see ipam.h. */
#include "supervisor/core/net/ipam.h"

#include <stdio.h>
#include <string.h>

#define HEADING "# Addresses given out by sup: unit, network, address. Kept so that they stay.\n"
/* Two names, an address, two spaces and a newline. */
#define LINE_MAX (2 * UNIT_NAME_MAX + IP_TEXT_MAX + 2)

const char *ipam_print(const struct leases *leases, struct arena *a)
{
	size_t size = sizeof(HEADING) + leases->n * LINE_MAX, used = sizeof(HEADING) - 1, i;
	char *text = arena_alloc(a, size), ip[IP_TEXT_MAX];

	memcpy(text, HEADING, sizeof(HEADING));
	for (i = 0; i < leases->n; i++) {
		const struct lease *l = &leases->v[i];
		int len = snprintf(text + used, size - used, "%s %s %s\n", l->unit, l->network,
			subnet_text(ip, &l->at));

		used += (size_t)len;
	}
	return text;
}

/* The next word of the line into out; false when there is none or it is too long. */
static bool word(const char **at, const char *end, char *out, size_t size)
{
	size_t len = 0;

	while (*at < end && **at == ' ')
		(*at)++;
	while (*at + len < end && (*at)[len] != ' ')
		len++;
	if (len == 0 || len >= size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return true;
}

static void parse_line(struct leases *leases, const char *at, const char *end, struct arena *a)
{
	struct lease l = { 0 }, *same;
	char ip[IP_TEXT_MAX];

	if (!word(&at, end, l.unit, sizeof(l.unit)) ||
		!word(&at, end, l.network, sizeof(l.network)) || !word(&at, end, ip, sizeof(ip)) ||
		at != end)
		return;
	if (unit_name_check(l.unit) < 0 || unit_name_check(l.network) < 0 ||
		subnet_parse(&l.at, ip) < 0)
		return;
	same = ipam_find(leases, l.unit, l.network, ip_family(l.at.addr));
	if (same == NULL)
		same = LIST_ADD(a, leases);
	*same = l;
}

void ipam_parse(struct leases *leases, const char *text, struct arena *a)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');

		/* No newline: the writing was cut short, perhaps in the middle of a number. */
		if (end == NULL)
			return;
		parse_line(leases, text, end, a);
		text = end + 1;
	}
}
