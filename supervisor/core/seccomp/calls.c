#include "supervisor/core/seccomp/calls.h"

#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <sched.h>
#include <string.h>

#include <linux/capability.h>

#define ERROR_MAX 4095u

#ifndef CLONE_NEWTIME /* Linux 5.6 */
#define CLONE_NEWTIME 0x00000080
#endif

#define ANYONE UINT64_MAX
#define PAIRS 0x80u
#define GROUP_BEGIN 0x8000u  /* | number of the group: its members follow */
#define GROUP_NESTED 0x4000u /* | number of a group that is a part of it */

#include <syscalls.inc> /* made by the build from calls.list */

_Static_assert(CALL_COUNT <= CALLS_MAX, "calls.h has room for all numbers");

int call_position(const char *names, size_t size, const char *name)
{
	const char *s = names;

	if (*name == '\0')
		return -1;
	for (int i = 0; s < names + size - 1; i++, s += strlen(s) + 1)
		if (strcmp(s, name) == 0)
			return i;
	return -1;
}

static const char *at_position(const char *names, size_t size, unsigned int number)
{
	const char *s = names;

	for (; number > 0 && s < names + size - 1; number--)
		s += strlen(s) + 1;
	return s < names + size - 1 && *s != '\0' ? s : NULL;
}

/* ---- names ---- */

/* Takes what one byte of a packed name stands for from *name; false: that is another one. */
static bool take_byte(unsigned char byte, const char **name)
{
	if (byte < PAIRS)
		return *(*name)++ == (char)byte;
	return take_byte(call_pairs[byte - PAIRS][0], name) &&
		take_byte(call_pairs[byte - PAIRS][1], name);
}

static bool is_name(const char *packed, const char *name)
{
	for (; *packed != '\0'; packed++)
		if (!take_byte((unsigned char)*packed, &name))
			return false;
	return *name == '\0';
}

int call_number(const char *name)
{
	const char *s = call_names;

	for (int i = 0; *name != '\0' && i < CALL_COUNT; i++, s += strlen(s) + 1)
		if (is_name(s, name))
			return i;
	return -1;
}

static void put_byte(struct text *t, unsigned char byte)
{
	char c = (char)byte;

	if (byte < PAIRS) {
		text_put(t, &c, 1);
		return;
	}
	put_byte(t, call_pairs[byte - PAIRS][0]);
	put_byte(t, call_pairs[byte - PAIRS][1]);
}

const char *call_name(unsigned int number, char name[CALL_NAME_MAX])
{
	const char *s = at_position(call_names, sizeof(call_names), number);
	struct text t = { name, CALL_NAME_MAX, 0 };

	for (; s != NULL && *s != '\0'; s++)
		put_byte(&t, (unsigned char)*s);
	return t.len > 0 ? name : NULL;
}

/* ---- groups ---- */

static void every_call(void (*take)(void *data, unsigned int number), void *data)
{
	const char *s = call_names;

	for (unsigned int i = 0; i < CALL_COUNT; i++, s += strlen(s) + 1)
		if (*s != '\0')
			take(data, i);
}

/* Groups nest to a depth that is seen in calls.list. */
static void members(unsigned int group, void (*take)(void *data, unsigned int number), void *data)
{
	size_t i = 0;

	while (group_members[i] != (GROUP_BEGIN | group))
		i++;
	for (i++; (group_members[i] & GROUP_BEGIN) == 0; i++)
		if ((group_members[i] & GROUP_NESTED) != 0)
			members(group_members[i] & ~GROUP_NESTED, take, data);
		else
			take(data, group_members[i]);
}

int call_group(const char *name, void (*take)(void *data, unsigned int number), void *data)
{
	int group = call_position(group_names, sizeof(group_names), name);

	if (strcmp(name, "@known") == 0)
		every_call(take, data);
	else if (group < 0)
		return -1;
	else
		members((unsigned int)group, take, data);
	return 0;
}

const char *call_group_name(unsigned int place)
{
	return at_position(group_names, sizeof(group_names), place);
}

/* ---- the default profile ---- */

enum call_verdict call_profile(unsigned int number, uint64_t capabilities)
{
	uint8_t class = number < CALL_COUNT ? call_class[number] : 0;
	uint64_t any_of = class_capabilities[class];

	if (class == 0)
		return CALL_UNKNOWN;
	return any_of == ANYONE || (any_of & capabilities) != 0 ? CALL_ALLOWED : CALL_REFUSED;
}

/* ---- errors ---- */

int error_number(const char *name)
{
	static const char *const same[][2] = {
		{ "EWOULDBLOCK", "AGAIN" },
		{ "ENOTSUP", "OPNOTSUPP" },
	};
	uint64_t number;
	int at;

	if (number_u64(name, &number) == 0)
		return number > 0 && number <= ERROR_MAX ? (int)number : -1;
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (strcmp(name, same[i][0]) == 0)
			return call_position(error_names, sizeof(error_names), same[i][1]) + 1;
	at = *name == 'E' ? call_position(error_names, sizeof(error_names), name + 1) : -1;
	return at >= 0 ? at + 1 : -1;
}

const char *error_name(int number)
{
	return number > 0 ? at_position(error_names, sizeof(error_names), (unsigned int)number - 1)
			  : NULL;
}

/* ---- other words ---- */

/* In the order of their numbers, from 0 on. */
static const char families[] =
	"UNSPEC\0UNIX\0INET\0AX25\0IPX\0APPLETALK\0NETROM\0BRIDGE\0ATMPVC\0X25\0"
	"INET6\0ROSE\0DECnet\0NETBEUI\0SECURITY\0KEY\0NETLINK\0PACKET\0ASH\0"
	"ECONET\0ATMSVC\0RDS\0SNA\0IRDA\0PPPOX\0WANPIPE\0LLC\0IB\0MPLS\0CAN\0"
	"TIPC\0BLUETOOTH\0IUCV\0RXRPC\0ISDN\0PHONET\0IEEE802154\0CAIF\0ALG\0"
	"NFC\0VSOCK\0KCM\0QIPCRTR\0SMC\0XDP\0MCTP\0";

int family_number(const char *name)
{
	if (strncmp(name, "AF_", 3) != 0)
		return -1;
	name += 3;
	if (strcmp(name, "LOCAL") == 0)
		return family_number("AF_UNIX");
	return call_position(families, sizeof(families), name);
}

const struct namespace_word namespace_words[NAMESPACE_WORDS] = {
	{ "cgroup", CLONE_NEWCGROUP },
	{ "ipc", CLONE_NEWIPC },
	{ "net", CLONE_NEWNET },
	{ "mnt", CLONE_NEWNS },
	{ "pid", CLONE_NEWPID },
	{ "user", CLONE_NEWUSER },
	{ "uts", CLONE_NEWUTS },
	{ "time", CLONE_NEWTIME },
};

uint32_t namespace_flag(const char *name)
{
	for (size_t i = 0; i < NAMESPACE_WORDS; i++)
		if (strcmp(namespace_words[i].name, name) == 0)
			return namespace_words[i].flag;
	return 0;
}
