/* A question of any container, and a text of names; an answer of a server. */
#include "supervisor/core/dns/message.h"
#include "tests/fuzz/fuzz.h"

static const char fixed[] =
	"domain lan.internal\nsubnet 10.89.0.0/24\nserver 192.0.2.1\n10.89.0.2 db cache\n"
	"fd00::2 db\nclient 10.89.0.2\n10.90.0.7 far\n";

static void ask(const struct dns_names *names, const uint8_t *data, size_t size)
{
	uint8_t bytes[DNS_MESSAGE_MAX], had[DNS_MESSAGE_MAX];
	struct dns_message m = {
		.v = bytes,
		.n = size < DNS_MESSAGE_MAX ? size : DNS_MESSAGE_MAX,
		.size = sizeof(bytes),
	};
	struct dns_message before = { .v = had, .n = m.n, .size = sizeof(had) };
	struct dns_view view;

	if (m.n > 0) {
		memcpy(m.v, data, m.n);
		memcpy(had, data, m.n);
	}
	dns_view(&view, names, ip_v4(0x0a590002));
	FUZZ_ASSERT(view.n_servers <= DNS_SERVERS_MAX);
	switch (dns_reply(&view, names, &m)) {
	case DNS_IGNORE:
		FUZZ_ASSERT(m.n < DNS_HEADER || (m.v[2] & 0x80) != 0);
		return;
	case DNS_FORWARD:
		FUZZ_ASSERT(m.n == before.n && memcmp(m.v, before.v, m.n) == 0);
		before.v[2] |= 0x80;
		FUZZ_ASSERT(dns_answers(&m, before.v, before.n));
		return;
	case DNS_ANSWER:
		break;
	}
	FUZZ_ASSERT(m.n >= DNS_HEADER && m.n <= DNS_MESSAGE_MAX);
	FUZZ_ASSERT(dns_id(m.v) == dns_id(before.v) && (m.v[2] & 0x80) != 0 && m.v[4] == 0 &&
		m.v[5] <= 1);
	/* what is said once is not asked again */
	FUZZ_ASSERT(dns_reply(&view, names, &m) == DNS_IGNORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dns_names known = { fixed, sizeof(fixed) - 1 };
	size_t cut = size > 0 ? (size_t)data[0] * size / 256 : 0;
	struct dns_names names = { (const char *)data, cut };
	uint8_t bytes[DNS_MESSAGE_MAX];
	struct dns_message m = {
		.v = bytes,
		.n = cut < DNS_MESSAGE_MAX ? cut : DNS_MESSAGE_MAX,
		.size = sizeof(bytes),
	};

	ask(&known, data, size);
	ask(&names, data + cut, size - cut);
	if (m.n > 0)
		memcpy(m.v, data, m.n);
	(void)dns_answers(&m, data + cut, size - cut);
	return 0;
}
