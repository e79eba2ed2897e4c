#include "supervisor/core/dns/message.h"

#include "supervisor/core/text.h"

#include <string.h>

#define NAME_MAX_WIRE 255
#define LABEL_MAX 63
#define TTL \
	5 /* seconds: a container that comes back has its address still; one that moves is found soon */

#define FLAG_ANSWER 0x80 /* of the third byte */
#define FLAG_AUTHORITY 0x04
#define FLAG_TRUNCATED 0x02
#define FLAG_DESIRED 0x01
#define OPCODE 0x78
#define FLAG_AVAILABLE 0x80 /* of the fourth */
#define CODE 0x0f

#define CLASS_IN 1

enum type { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_IXFR = 251, TYPE_AXFR, TYPE_ANY = 255 };

/* The one question of a message. */
struct question {
	char name[NAME_MAX_WIRE +
		1];      /* labels with a "." between; what no name of ours has in it is a blank */
	size_t len, end; /* of the name; where the question ends in the message */
	uint16_t type, class;
};

/* ---- reading ---- */

static uint16_t get16(const uint8_t *m)
{
	return (uint16_t)(m[0] << 8 | m[1]);
}

uint16_t dns_id(const uint8_t *m)
{
	return get16(m);
}

void dns_set_id(uint8_t *m, uint16_t id)
{
	m[0] = (uint8_t)(id >> 8);
	m[1] = (uint8_t)id;
}

/* A length above 63 would be a pointer, which has nothing before it to point to. */
static bool read_name(struct question *q, const struct dns_message *m)
{
	size_t at = DNS_HEADER;

	for (;;) {
		size_t len = at < m->n ? m->v[at++] : LABEL_MAX + 1;

		if (len == 0)
			break;
		if (len > LABEL_MAX || at + len > m->n || at + len - DNS_HEADER >= NAME_MAX_WIRE)
			return false;
		if (q->len > 0)
			q->name[q->len++] = '.';
		for (; len > 0; len--, at++) {
			bool plain = m->v[at] > ' ' && m->v[at] < 0x7f && m->v[at] != '.';

			q->name[q->len++] = plain ? (char)m->v[at] : ' ';
		}
	}
	q->name[q->len] = '\0';
	q->end = at;
	return true;
}

static enum dns_code read_question(struct question *q, const struct dns_message *m)
{
	q->len = 0;
	if ((m->v[2] & OPCODE) != 0)
		return DNS_NOT_DONE;
	/* one question, and nothing before the additional records */
	if (get16(m->v + 4) != 1 || get16(m->v + 6) != 0 || get16(m->v + 8) != 0 ||
		!read_name(q, m) || q->end + 4 > m->n)
		return DNS_MALFORMED;
	q->type = get16(m->v + q->end);
	q->class = get16(m->v + q->end + 2);
	q->end += 4;
	return q->type == TYPE_IXFR || q->type == TYPE_AXFR ? DNS_REFUSED : DNS_OK;
}

/* ---- writing ---- */

static bool put(struct dns_message *m, const void *bytes, size_t n)
{
	if (m->n + n > m->size)
		return false;
	memcpy(m->v + m->n, bytes, n);
	m->n += n;
	return true;
}

static bool put_name(struct dns_message *m, struct dns_word name)
{
	while (name.n > 0) {
		const char *dot = memchr(name.s, '.', name.n);
		size_t len = dot != NULL ? (size_t)(dot - name.s) : name.n,
		       off = len + (dot != NULL);
		uint8_t length = (uint8_t)len;

		if (len == 0 || len > LABEL_MAX || !put(m, &length, 1) || !put(m, name.s, len))
			return false;
		name = (struct dns_word){ name.s + off, name.n - off };
	}
	return true;
}

/* Each is about the name in the question. Returns where its length is to be; 0: it has no room. */
static size_t begin_record(struct dns_message *m, enum type type)
{
	const uint8_t head[12] = { 0xc0, DNS_HEADER, 0, (uint8_t)type, 0, CLASS_IN, 0, 0, 0, TTL };

	return put(m, head, sizeof(head)) ? m->n - 2 : 0;
}

static void end_record(struct dns_message *m, size_t at, bool whole)
{
	if (at == 0 || !whole) {
		m->n = at > 0 ? at - 10 : m->n;
		m->v[2] |= FLAG_TRUNCATED;
		return;
	}
	dns_set_id(m->v + at, (uint16_t)(m->n - at - 2));
	dns_set_id(m->v + 6, (uint16_t)(get16(m->v + 6) + 1));
}

static void put_address(struct dns_message *m, const struct question *q, struct dns_word text)
{
	uint8_t bytes[16];
	bool v4;
	size_t at;
	struct ip ip;

	if (!dns_ip(text, &ip))
		return;
	v4 = ip_family(ip) == FAMILY_V4;
	if (q->type != TYPE_ANY && q->type != (v4 ? TYPE_A : TYPE_AAAA))
		return;
	ip_bytes(bytes, ip);
	at = begin_record(m, v4 ? TYPE_A : TYPE_AAAA);
	end_record(m, at, at > 0 && put(m, v4 ? bytes + 12 : bytes, v4 ? 4 : 16));
}

static void put_pointer(struct dns_message *m, const struct question *q, struct dns_word name,
	struct dns_word domain)
{
	size_t at;

	if (q->type != TYPE_PTR && q->type != TYPE_ANY)
		return;
	at = begin_record(m, TYPE_PTR);
	end_record(m, at, at > 0 && put_name(m, name) && put_name(m, domain) && put(m, "", 1));
}

/* ---- in reverse ---- */

static bool strip(struct dns_word *name, const char *s, size_t n)
{
	if (name->n < n || !dns_is((struct dns_word){ name->s + name->n - n, n }, s, n))
		return false;
	name->n -= n;
	return true;
}

/* "2.0.89.10.in-addr.arpa", or 32 digits with dots before "ip6.arpa". */
static bool reversed(struct dns_word name, struct ip *ip)
{
	static const char v4[] = ".in-addr.arpa", v6[] = ".ip6.arpa";
	char buf[IP_TEXT_MAX] = "";
	struct text t = { buf, sizeof(buf), 0 };
	size_t end;

	if (strip(&name, v6, sizeof(v6) - 1) && name.n == 63) {
		for (size_t i = 0; i < 32; i++) {
			text_put(&t, i % 4 == 0 && i > 0 ? ":" : "", i % 4 == 0 && i > 0);
			text_put(&t, name.s + 62 - 2 * i, 1);
		}
	} else if (strip(&name, v4, sizeof(v4) - 1) && name.n < 16) {
		while ((end = name.n) > 0) {
			while (name.n > 0 && name.s[name.n - 1] != '.')
				name.n--;
			text_separate(&t, ".");
			text_put(&t, name.s + name.n, end - name.n);
			name.n -= name.n > 0;
		}
	}
	return ip_parse(ip, buf) == 0;
}

/* ---- answering ---- */

/* The answer follows its question; what else came with that, is not of it. */
static void begin_answer(struct dns_message *m, size_t end, enum dns_code code)
{
	m->n = end;
	m->v[2] = (uint8_t)((m->v[2] & (OPCODE | FLAG_DESIRED)) | FLAG_ANSWER);
	m->v[3] = (uint8_t)(FLAG_AVAILABLE | code);
	m->v[4] = m->v[5] = 0;
	memset(m->v + 6, 0, 6);
}

static void begin_own(struct dns_message *m, const struct question *q)
{
	begin_answer(m, q->end, DNS_OK);
	m->v[2] |= FLAG_AUTHORITY;
	m->v[5] = 1;
}

void dns_fail(struct dns_message *m, enum dns_code code)
{
	struct question q;
	enum dns_code had = read_question(&q, m);
	bool whole = had == DNS_OK || had == DNS_REFUSED;

	begin_answer(m, whole ? q.end : DNS_HEADER, code);
	m->v[5] = whole;
}

/* Whether the address is one of the network, and then who has it. */
static bool answer_address(struct dns_message *m, const struct question *q,
	const struct dns_view *view, const struct dns_names *names, struct ip ip)
{
	struct dns_lines lines = dns_lines(names, view->client);
	struct dns_word word, line;
	char text[IP_TEXT_MAX];
	bool ours = false, found = false;
	struct subnet subnet;
	size_t len = strlen(ip_text(text, ip));

	while (!found && (word = dns_next(&lines, &line)).n > 0) {
		found = dns_is(word, text, len);
		ours = ours || found ||
			(dns_is(word, "subnet", 6) && dns_subnet(line, &subnet) &&
				subnet_has(&subnet, ip));
	}
	if (ours)
		begin_own(m, q);
	if (found)
		put_pointer(m, q, dns_word(&line), view->domain);
	else
		m->v[3] |= ours ? DNS_NO_NAME : 0;
	return ours;
}

static bool answer_name(struct dns_message *m, const struct question *q,
	const struct dns_view *view, const struct dns_names *names, struct dns_word name)
{
	struct dns_lines lines = dns_lines(names, view->client);
	struct dns_word address, line, word;
	bool found = false;

	while ((address = dns_next(&lines, &line)).n > 0) {
		if (address.s[0] > '9' && memchr(address.s, ':', address.n) == NULL)
			continue;
		while ((word = dns_word(&line)).n > 0) {
			if (!dns_is(word, name.s, name.n))
				continue;
			if (!found)
				begin_own(m, q);
			found = true;
			put_address(m, q, address);
			break;
		}
	}
	return found;
}

/* Takes the domain off, and the dot before it. */
static bool strip_domain(struct dns_word *name, struct dns_word domain)
{
	struct dns_word left = *name;

	if (domain.n == 0 || !strip(&left, domain.s, domain.n) ||
		(left.n > 0 && left.s[--left.n] != '.'))
		return false;
	*name = left;
	return true;
}

static bool is_elsewhere(const struct question *q, const struct dns_view *view,
	const struct dns_names *names)
{
	struct dns_lines lines = dns_lines(names, view->client);
	struct dns_word word, line, name = { q->name, q->len };
	bool found = false;

	while (!found && (word = dns_next(&lines, &line)).n > 0)
		found = dns_is(word, "elsewhere", 9) && strip_domain(&name, line);
	return found;
}

/* What is known here and nowhere else: a name of one label, which means nothing outside, or one of another network of ours. */
static bool nobody_elses(const struct question *q, const struct dns_view *view,
	const struct dns_names *names)
{
	bool address = q->type == TYPE_A || q->type == TYPE_AAAA;

	return view->internal || (address && q->len > 0 && memchr(q->name, '.', q->len) == NULL) ||
		is_elsewhere(q, view, names);
}

static bool answer(struct dns_message *m, const struct question *q, const struct dns_view *view,
	const struct dns_names *names)
{
	struct dns_word name = { q->name, q->len };
	struct ip ip;
	bool in_domain = strip_domain(&name, view->domain);

	if (reversed(name, &ip) && answer_address(m, q, view, names, ip))
		return true;
	if (name.n > 0 && answer_name(m, q, view, names, name))
		return true;
	if (!in_domain && !nobody_elses(q, view, names))
		return false;
	begin_own(m, q);
	m->v[3] |= name.n > 0 ? DNS_NO_NAME : DNS_OK;
	return true;
}

enum dns_verdict dns_reply(const struct dns_view *view, const struct dns_names *names,
	struct dns_message *m)
{
	struct question q;
	enum dns_code code;

	if (m->n < DNS_HEADER || (m->v[2] & FLAG_ANSWER) != 0)
		return DNS_IGNORE;
	code = read_question(&q, m);
	/* Of other classes nothing is asked elsewhere: what must not go outside would go by them. */
	if (code == DNS_OK && q.class != CLASS_IN)
		code = DNS_NOT_DONE;
	if (code != DNS_OK)
		dns_fail(m, code);
	else if (!answer(m, &q, view, names))
		return DNS_FORWARD;
	return DNS_ANSWER;
}

/* ---- the answers of others ---- */

/* A name is one in whatever case: some servers say it in their own. */
static bool same_question(const uint8_t *a, const uint8_t *b, size_t end)
{
	struct dns_word name = { (const char *)a + DNS_HEADER, end - 4 - DNS_HEADER };

	return dns_is(name, (const char *)b + DNS_HEADER, name.n) &&
		memcmp(a + end - 4, b + end - 4, 4) == 0;
}

bool dns_answers(const struct dns_message *question, const uint8_t *m, size_t n)
{
	struct question q;

	return read_question(&q, question) == DNS_OK && n >= q.end &&
		get16(m) == get16(question->v) && (m[2] & FLAG_ANSWER) != 0 && get16(m + 4) == 1 &&
		same_question(m, question->v, q.end);
}

bool dns_is_failure(const uint8_t *m)
{
	return (m[3] & CODE) == DNS_FAILED || (m[3] & CODE) == DNS_REFUSED ||
		(m[3] & CODE) == DNS_NOT_DONE;
}
