/* What a network's resolver says: of names, in reverse, to whom, and to what is no question. */
#include "common/util.h"
#include "supervisor/core/dns/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A 1
#define NS 2
#define PTR 12
#define TXT 16
#define AAAA 28
#define AXFR 252
#define ANY 255

static const char text[] = "domain lan.internal\n"
			   "subnet 10.89.0.0/24\n"
			   "subnet fd00:0:0:7::/64\n"
			   "elsewhere vault.internal\n"
			   "server 192.0.2.1\n"
			   "server fe80::53%eth0\n"
			   "nonsense of a later version\n"
			   "server not-an-address\n"
			   "10.89.0.2 db Cache\n"
			   "fd00:0:0:7::2 db Cache\n"
			   "10.89.0.3 web db.example.com\n"
			   "10.89.0.4 pool\n"
			   "10.89.0.5 other pool\n"
			   "\n"
			   "client 10.89.0.3\n"
			   "server 192.0.2.9\n"
			   "10.90.0.7 far\n"
			   "client 10.89.0.4\n"
			   "10.90.0.8 far far.vault.internal\n";

static const struct dns_names names = { text, sizeof(text) - 1 };

/* A message with memory of its own. */
#define MESSAGE(m)                          \
	uint8_t m##_bytes[DNS_MESSAGE_MAX]; \
	struct dns_message m = { .v = m##_bytes, .size = sizeof(m##_bytes) }

static void copy(struct dns_message *to, const struct dns_message *m)
{
	memcpy(to->v, m->v, m->n);
	to->n = m->n;
}

static struct ip ip(const char *s)
{
	struct ip found;

	assert_int_equal(ip_parse(&found, s), 0);
	return found;
}

static void ask(struct dns_message *m, const char *name, uint8_t type)
{
	static const uint8_t head[12] = { 0x12, 0x34, 1, 0, 0, 1 };
	size_t len;

	memcpy(m->v, head, sizeof(head));
	m->n = sizeof(head);
	for (; *name != '\0'; name += len + (name[len] == '.')) {
		len = strcspn(name, ".");
		m->v[m->n++] = (uint8_t)len;
		memcpy(m->v + m->n, name, len);
		m->n += len;
	}
	memcpy(m->v + m->n, (uint8_t[]){ 0, 0, type, 0, 1 }, 5);
	m->n += 5;
}

/* What an answer says: "code: records". Its pointers are those that we make, to the name in the question. */
static void say(const struct dns_message *m, size_t question, char *out, size_t size)
{
	size_t at = question, used = (size_t)snprintf(out, size, "%d:", m->v[3] & 15);
	char addr[IP_TEXT_MAX];

	assert_int_equal(m->v[2] & 0x80, 0x80);
	assert_int_equal(dns_id(m->v), 0x1234);
	for (int left = m->v[7]; left > 0; left--) {
		size_t len = m->v[at + 11];
		struct ip a = { 0 };

		assert_int_equal(m->v[at], 0xc0);
		assert_int_equal(m->v[at + 1], 12);
		if (m->v[at + 3] == PTR) {
			used += (size_t)snprintf(out + used, size - used, " ");
			for (size_t k = at + 12; m->v[k] != 0; k += 1u + m->v[k])
				used += (size_t)snprintf(out + used, size - used, "%.*s.", m->v[k],
					(const char *)m->v + k + 1);
		} else {
			for (size_t k = 0; k < len; k++) {
				a.hi = a.hi << 8 | a.lo >> 56;
				a.lo = a.lo << 8 | m->v[at + 12 + k];
			}
			if (len == 4)
				a = ip_v4((uint32_t)a.lo);
			used += (size_t)snprintf(out + used, size - used, " %s", ip_text(addr, a));
		}
		at += 12 + len;
	}
	assert_int_equal(at, m->n);
}

static const struct {
	const char *client, *name;
	uint8_t type;
	const char *answer; /* NULL: for the servers */
} questions[] = {
	{ "10.89.0.2", "db", A, "0: 10.89.0.2" },
	{ "10.89.0.2", "DB", AAAA, "0: fd00:0:0:7::2" },
	{ "10.89.0.2", "db", ANY, "0: 10.89.0.2 fd00:0:0:7::2" },
	{ "10.89.0.2", "db", TXT, "0:" },
	{ "10.89.0.2", "cache.LAN.internal", A, "0: 10.89.0.2" },
	{ "10.89.0.2", "web", AAAA, "0:" },
	{ "10.89.0.2", "pool", A, "0: 10.89.0.4 10.89.0.5" },
	{ "10.89.0.2", "db.example.com", A, "0: 10.89.0.3" },
	/* what nobody else can know */
	{ "10.89.0.2", "nobody", A, "3:" },
	{ "10.89.0.2", "nobody", AAAA, "3:" },
	{ "10.89.0.2", "nobody.lan.internal", A, "3:" },
	{ "10.89.0.2", "nobody.lan.internal", NS, "3:" },
	{ "10.89.0.2", "lan.internal", A, "0:" },
	/* of another network, in which only one of the two is */
	{ "10.89.0.2", "far.vault.internal", A, "3:" },
	{ "10.89.0.2", "far.Vault.internal", TXT, "3:" },
	{ "10.89.0.2", "vault.internal", NS, "3:" },
	{ "10.89.0.4", "far.vault.internal", A, "0: 10.90.0.8" },
	{ "10.89.0.4", "nobody.vault.internal", A, "3:" },
	/* what somebody else may */
	{ "10.89.0.2", "xvault.internal", A, NULL },
	{ "10.89.0.2", "compute.internal", A, NULL },
	{ "10.89.0.2", "com", NS, NULL },
	{ "10.89.0.2", "", NS, NULL },
	{ "10.89.0.2", "", A, NULL },
	{ "10.89.0.2", "example.com", A, NULL },
	{ "10.89.0.2", "www.db.example.com", A, NULL },
	{ "10.89.0.2", "xlan.internal", A, NULL },
	{ "10.89.0.2", "db.lan.internal.org", A, NULL },
	{ "10.89.0.2", "later", NS, NULL },
	/* in reverse */
	{ "10.89.0.2", "2.0.89.10.in-addr.arpa", PTR, "0: db.lan.internal." },
	{ "10.89.0.2", "5.0.89.10.IN-ADDR.arpa", PTR, "0: other.lan.internal." },
	{ "10.89.0.2", "2.0.89.10.in-addr.arpa", A, "0:" },
	{ "10.89.0.2", "77.0.89.10.in-addr.arpa", PTR, "3:" },
	{ "10.89.0.2", "77.1.89.10.in-addr.arpa", PTR, NULL },
	{ "10.89.0.2", "0.89.10.in-addr.arpa", PTR, NULL },
	{ "10.89.0.2", "1.2.0.89.10.in-addr.arpa", PTR, NULL },
	{ "10.89.0.2", "256.0.89.10.in-addr.arpa", PTR, NULL },
	{ "10.89.0.2", "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		PTR, "0: db.lan.internal." },
	{ "10.89.0.2", "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		PTR, "3:" },
	{ "10.89.0.2", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", PTR,
		NULL },
	{ "10.89.0.2", "x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		PTR, NULL },
	/* what is for one client alone */
	{ "10.89.0.2", "far", A, "3:" },
	{ "10.89.0.3", "far", A, "0: 10.90.0.7" },
	{ "10.89.0.4", "far", A, "0: 10.90.0.8" },
	{ "10.89.0.3", "7.0.90.10.in-addr.arpa", PTR, "0: far.lan.internal." },
	{ "10.89.0.2", "7.0.90.10.in-addr.arpa", PTR, NULL },
	{ "10.89.0.2", "x", AXFR, "5:" },
};

static void test_questions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		MESSAGE(m);
		MESSAGE(before);
		struct dns_view view;
		char said[512] = "";
		enum dns_verdict verdict;

		ask(&m, questions[i].name, questions[i].type);
		copy(&before, &m);
		dns_view(&view, &names, ip(questions[i].client));
		verdict = dns_reply(&view, &names, &m);
		if (questions[i].answer == NULL) {
			if (verdict != DNS_FORWARD)
				print_error("%s\n", questions[i].name);
			assert_int_equal(verdict, DNS_FORWARD);
			assert_memory_equal(m.v, before.v, before.n);
			continue;
		}
		assert_int_equal(verdict, DNS_ANSWER);
		say(&m, before.n, said, sizeof(said));
		if (strcmp(said, questions[i].answer) != 0)
			print_error("%s %u\n", questions[i].name, questions[i].type);
		assert_string_equal(said, questions[i].answer);
	}
}

static void test_bytes(void **state)
{
	/* "db.lan.internal", a question with EDNS(0), in the form that any client of DNS sends */
	static const uint8_t question[] = { 0xbe, 0xef, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1, 2, 'D',
		'b', 3, 'l', 'a', 'n', 8, 'i', 'n', 't', 'e', 'r', 'n', 'a', 'l', 0, 0, 1, 0, 1, 0,
		0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t answer[] = { 0xbe, 0xef, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 2, 'D',
		'b', 3, 'l', 'a', 'n', 8, 'i', 'n', 't', 'e', 'r', 'n', 'a', 'l', 0, 0, 1, 0, 1,
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 89, 0, 2 };
	MESSAGE(m);
	struct dns_view view;

	(void)state;
	memcpy(m.v, question, sizeof(question));
	m.n = sizeof(question);
	dns_view(&view, &names, ip("10.89.0.9"));
	assert_int_equal(dns_reply(&view, &names, &m), DNS_ANSWER);
	assert_int_equal(m.n, sizeof(answer));
	assert_memory_equal(m.v, answer, sizeof(answer));
}

static void test_views(void **state)
{
	static const char inside[] =
		"domain in.internal\nsubnet 10.1.0.0/16\ninternal\n10.1.0.2 db\n";
	const struct dns_names internal = { inside, sizeof(inside) - 1 };
	MESSAGE(m);
	struct dns_view view;

	(void)state;
	dns_view(&view, &names, ip("10.89.0.2"));
	assert_true(view.served);
	assert_int_equal(view.n_servers, 2);
	assert_true(ip_same(view.servers[1].addr, ip("fe80::53")));
	assert_true(dns_is(view.servers[1].link, "eth0", 4));
	assert_int_equal(view.servers[0].link.n, 0);
	dns_view(&view, &names, ip("10.89.0.3"));
	assert_int_equal(view.n_servers, 1);
	assert_true(ip_same(view.servers[0].addr, ip("192.0.2.9")));
	dns_view(&view, &names, ip("fd00:0:0:7::99"));
	assert_true(view.served);
	dns_view(&view, &names, ip("10.89.1.2"));
	assert_false(view.served);
	dns_view(&view, &(struct dns_names){ NULL, 0 }, ip("10.89.1.2"));
	assert_false(view.served);

	/* nothing leaves an internal network */
	dns_view(&view, &internal, ip("10.1.0.2"));
	ask(&m, "example.com", A);
	assert_int_equal(dns_reply(&view, &internal, &m), DNS_ANSWER);
	assert_int_equal(m.v[3] & 15, DNS_NO_NAME);
	ask(&m, "9.9.9.9.in-addr.arpa", PTR);
	assert_int_equal(dns_reply(&view, &internal, &m), DNS_ANSWER);
	assert_int_equal(m.v[3] & 15, DNS_NO_NAME);
	ask(&m, "db.in.internal", A);
	assert_int_equal(dns_reply(&view, &internal, &m), DNS_ANSWER);
	assert_int_equal(m.v[7], 1);
}

static void reply(struct dns_message *m, int verdict, int code)
{
	struct dns_view view;

	dns_view(&view, &names, ip("10.89.0.2"));
	assert_int_equal(dns_reply(&view, &names, m), verdict);
	if (verdict == DNS_ANSWER)
		assert_int_equal(m->v[3] & 15, code);
}

static void test_what_is_no_question(void **state)
{
	MESSAGE(m);

	(void)state;
	for (size_t n = 0; n < 12; n++) {
		ask(&m, "db", A);
		m.n = n;
		reply(&m, DNS_IGNORE, 0);
	}
	for (size_t n = 12; n < 20; n++) {
		ask(&m, "db", A);
		m.n = n;
		reply(&m, DNS_ANSWER, DNS_MALFORMED);
		assert_int_equal(m.n, 12);
	}
	ask(&m, "db", A); /* an answer: two resolvers would talk for ever */
	m.v[2] |= 0x80;
	reply(&m, DNS_IGNORE, 0);
	ask(&m, "db", A);
	m.v[2] |= 5 << 3; /* an update */
	reply(&m, DNS_ANSWER, DNS_NOT_DONE);
	assert_int_equal(m.n, 12);
	for (size_t at = 4; at < 10; at++) { /* how many of what */
		ask(&m, "db", A);
		m.v[at]++;
		reply(&m, DNS_ANSWER, DNS_MALFORMED);
	}
	ask(&m, "db", A); /* a pointer to itself */
	m.v[12] = 0xc0;
	m.v[13] = 12;
	reply(&m, DNS_ANSWER, DNS_MALFORMED);
	ask(&m, "db", A); /* a name with a NUL, or a dot within a label, is none of ours */
	m.v[14] = 0;
	reply(&m, DNS_ANSWER, DNS_NO_NAME);
	ask(&m, "xdb.lan.internal", A);
	m.v[12] = 3 + 1 + 3;
	m.v[16] = '.';
	reply(&m, DNS_FORWARD, 0);
}

/* As many as go into a datagram of 512 bytes, which says that there are more; by TCP all. */
static void test_many(void **state)
{
	static uint8_t large[4096];
	static char many[100 * 20];
	struct dns_names pool = { many, 0 };
	MESSAGE(m);
	struct dns_view view;

	(void)state;
	for (int i = 1; i <= 100; i++)
		pool.size += (size_t)snprintf(many + pool.size, sizeof(many) - pool.size,
			"10.0.0.%d a\n", i);
	dns_view(&view, &pool, ip("10.0.0.1"));
	ask(&m, "a", A);
	assert_int_equal(dns_reply(&view, &pool, &m), DNS_ANSWER);
	assert_int_equal(m.v[7], (512 - 19) / 16);
	assert_int_equal(m.n, 19 + 16 * m.v[7]);
	assert_int_equal(m.v[2] & 2, 2);
	m.v = large;
	m.size = sizeof(large);
	ask(&m, "a", A);
	assert_int_equal(dns_reply(&view, &pool, &m), DNS_ANSWER);
	assert_int_equal(m.v[7], 100);
	assert_int_equal(m.n, 19 + 16 * 100);
	assert_int_equal(m.v[2] & 2, 0);
}

static void test_answers(void **state)
{
	MESSAGE(m);
	MESSAGE(other);

	(void)state;
	ask(&m, "example.com", A);
	copy(&other, &m);
	other.v[2] |= 0x80;
	assert_true(dns_answers(&m, other.v, other.n));
	assert_false(dns_answers(&m, m.v, m.n));
	assert_false(dns_answers(&m, other.v, other.n - 1));
	assert_false(dns_answers(&m, other.v, 0));
	for (size_t i = 0; i < m.n; i++) {
		if (i == 2 || i == 3 || (i >= 6 && i < 12))
			continue; /* flags, and how many records of answers */
		other.v[i] ^= 1;
		assert_false(dns_answers(&m, other.v, other.n));
		other.v[i] ^= 1;
	}
	/* some servers say the name in a case of their own */
	other.v[DNS_HEADER + 1] = 'E';
	assert_true(dns_answers(&m, other.v, other.n));
	other.v[3] = DNS_FAILED;
	assert_true(dns_is_failure(other.v));
	other.v[3] = DNS_NO_NAME;
	assert_false(dns_is_failure(other.v));
	dns_fail(&m, DNS_FAILED);
	assert_int_equal(m.v[3] & 15, DNS_FAILED);
	assert_int_equal(m.n, other.n);
	ask(&m, "", NS);
	dns_fail(&m, DNS_FAILED);
	assert_int_equal(m.n, 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_what_is_no_question),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
