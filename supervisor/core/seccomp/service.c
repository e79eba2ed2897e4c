/* systemd's words in [Service], as systemd.exec(5) means them, in one policy. */
#include "supervisor/core/keys/keys.h"
#include "supervisor/core/seccomp/profile.h"

#include "common/util.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/personality.h>

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#ifndef CLONE_NEWTIME /* Linux 5.6 */
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef SYS_fchmodat2 /* Linux 6.6 */
#define SYS_fchmodat2 452
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#define PERSONALITY_QUERY 0xffffffffu
#define NAME_MAX_LENGTH 32

/* ---- lists ---- */

/* The first word of a list says whether it is of what is refused; others add to it, or take away. */
static bool is_inverted(const char *word)
{
	return word[0] == '~';
}

static bool list_refuses(const struct strv *list)
{
	return list->n == 0 || is_inverted(list->v[0]);
}

static bool list_adds(const struct strv *list, size_t i)
{
	return is_inverted(list->v[i]) == list_refuses(list);
}

/* ---- lists of calls ---- */

#define OUT (-1)     /* not in the list */
#define PLAIN 0      /* in it, without an error of its own */
#define KILLS 0x1000 /* above all errors */

struct call_list {
	int16_t error[CALLS_MAX];
	int16_t now;
};

static void take_call(void *data, unsigned int number)
{
	struct call_list *l = data;

	l->error[number] = l->now;
}

static void take_word(struct call_list *l, const char *word)
{
	const char *colon = strchrnul(word, ':');
	char name[NAME_MAX_LENGTH];
	int number;

	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - word), word);
	if (*colon != '\0' && l->now != OUT)
		l->now = strcmp(colon, ":kill") == 0 ? KILLS : (int16_t)error_number(colon + 1);
	number = call_number(name);
	if (number >= 0)
		take_call(l, (unsigned int)number);
	else
		(void)call_group(name, take_call, l);
}

static void read_calls(struct call_list *l, const struct strv *words)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		l->error[i] = OUT;
	for (size_t i = 0; i < words->n; i++) {
		l->now = list_adds(words, i) ? PLAIN : OUT;
		take_word(l, words->v[i] + is_inverted(words->v[i]));
	}
}

static uint32_t refusal(int error)
{
	return error == 0 || error == KILLS ? SECCOMP_RET_KILL_PROCESS : SECCOMP_ERROR(error);
}

static bool allows(const struct seccomp_policy *p, unsigned int number)
{
	return p->verdict[number] == SECCOMP_RET_ALLOW || p->verdict[number] == SECCOMP_RET_LOG;
}

static void filter(struct seccomp_policy *p, const struct service_section *s)
{
	const struct strv *words = &s->syscalls.filter;
	bool refuses = list_refuses(words);
	uint32_t refused = refusal(s->syscall_error);
	struct call_list list;

	seccomp_policy_init(p, refuses ? SECCOMP_RET_ALLOW : refused,
		refuses ? SECCOMP_RET_ALLOW : SECCOMP_ERROR(ENOSYS));
	read_calls(&list, words);
	if (!refuses) {
		list.now = PLAIN;
		(void)call_group("@default", take_call, &list);
	}
	for (unsigned int i = 0; i < CALLS_MAX; i++)
		if (list.error[i] != OUT)
			seccomp_verdict(p, i,
				!refuses                         ? SECCOMP_RET_ALLOW
					: list.error[i] == PLAIN ? refused
								 : refusal(list.error[i]));
}

static void log_calls(struct seccomp_policy *p, const struct strv *words)
{
	bool but = list_refuses(words);
	struct call_list list;

	if (words->n == 0)
		return;
	read_calls(&list, words);
	for (unsigned int i = 0; i < CALLS_MAX; i++)
		if (allows(p, i) && (list.error[i] == OUT) == but)
			seccomp_verdict(p, i, SECCOMP_RET_LOG);
}

/* ---- what hangs on arguments ---- */

struct maker {
	struct seccomp_policy *p;
	struct arena *arena;
};

/* No rule at all for a call that is refused anyway, or that this machine has not. */
static struct seccomp_rule *rule(struct maker *m, int number, uint32_t action)
{
	if (number < 0 || !allows(m->p, (unsigned int)number))
		return NULL;
	return seccomp_rule_add(m->p, m->arena, (unsigned int)number, action);
}

static void refuse(struct maker *m, int number, int error, unsigned int argument, uint32_t mask,
	uint32_t value)
{
	struct seccomp_rule *r = rule(m, number, SECCOMP_ERROR(error));

	if (r != NULL)
		seccomp_rule_bits(r, argument, mask, value);
}

/* With these values as before, with any other refused. */
static void refuse_but(struct maker *m, int number, int error, unsigned int argument,
	const uint32_t *values, size_t n)
{
	if (!allows(m->p, (unsigned int)number))
		return;
	for (size_t i = 0; i < n; i++)
		seccomp_rule_bits(rule(m, number, m->p->verdict[number]), argument, UINT32_MAX,
			values[i]);
	seccomp_verdict(m->p, (unsigned int)number, SECCOMP_ERROR(error));
}

static void refuse_all(struct maker *m, int number, int error)
{
	refuse_but(m, number, error, 0, NULL, 0);
}

static void restrict_families(struct maker *m, const struct strv *words)
{
	uint32_t list[64];
	size_t n = 0;

	if (words->n == 0)
		return;
	for (int family = 0; family < (int)ARRAY_LEN(list); family++) {
		bool has = false;

		for (size_t i = 0; i < words->n; i++)
			if (family_number(words->v[i] + is_inverted(words->v[i])) == family)
				has = list_adds(words, i);
		if (has)
			list[n++] = (uint32_t)family;
	}
	if (!list_refuses(words))
		refuse_but(m, SYS_socket, EAFNOSUPPORT, 0, list, n);
	else
		for (size_t i = 0; i < n; i++)
			refuse(m, SYS_socket, EAFNOSUPPORT, 0, UINT32_MAX, list[i]);
}

/* CLONE_NEW* of all that is refused. */
static uint32_t refused_namespaces(const struct strv *words)
{
	uint32_t all = 0, list = 0;

	for (size_t i = 0; i < NAMESPACE_WORDS; i++)
		all |= namespace_words[i].flag;
	if (words->n == 0)
		return 0;
	for (size_t i = 0; i < words->n; i++) {
		uint32_t flag = namespace_flag(words->v[i] + is_inverted(words->v[i]));

		list = list_adds(words, i) ? list | flag : list & ~flag;
	}
	return list_refuses(words) ? list
				   : all & ~list; /* "yes" is the list of none that is allowed */
}

/* clone3 has its flags in memory, where no filter sees them: who is told that there is none takes clone. */
static void restrict_namespaces(struct maker *m, const struct strv *words)
{
	uint32_t refused = refused_namespaces(words);

	if (refused == 0)
		return;
	refuse_all(m, SYS_clone3, ENOSYS);
	refuse(m, SYS_setns, EPERM, 1, UINT32_MAX, 0); /* 0: of whatever kind the descriptor is */
	for (size_t i = 0; i < NAMESPACE_WORDS; i++) {
		uint32_t flag = namespace_words[i].flag & refused;

		if (flag == 0)
			continue;
		refuse(m, SYS_unshare, EPERM, 0, flag, flag);
		refuse(m, SYS_setns, EPERM, 1, flag, flag);
		if (flag != CLONE_NEWTIME) /* a part of the number of a signal there */
			refuse(m, SYS_clone, EPERM, 0, flag, flag);
	}
}

static void restrict_memory(struct maker *m)
{
	refuse(m, SYS_mmap, EPERM, 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC);
	refuse(m, SYS_mprotect, EPERM, 2, PROT_EXEC, PROT_EXEC);
	refuse(m, SYS_pkey_mprotect, EPERM, 2, PROT_EXEC, PROT_EXEC);
	refuse(m, SYS_shmat, EPERM, 2, SHM_EXEC, SHM_EXEC);
}

/* sched_setattr has its policy in memory. */
static void restrict_realtime(struct maker *m)
{
	static const uint32_t plain[] = { SCHED_OTHER, SCHED_BATCH, SCHED_IDLE };

	refuse_but(m, SYS_sched_setscheduler, EPERM, 1, plain, ARRAY_LEN(plain));
	refuse_all(m, SYS_sched_setattr, EPERM);
}

#define NO_FLAGS 0xff
static const struct {
	uint16_t number;
	uint8_t mode, flags; /* which arguments */
} modes[] = {
#ifdef SYS_open /* the machines that are older than the calls with "at" */
	{ SYS_open, 2, 1 },
	{ SYS_creat, 1, NO_FLAGS },
	{ SYS_chmod, 1, NO_FLAGS },
	{ SYS_mknod, 1, NO_FLAGS },
#endif
	{ SYS_openat, 3, 2 },
	{ SYS_fchmod, 1, NO_FLAGS },
	{ SYS_fchmodat, 2, NO_FLAGS },
	{ SYS_fchmodat2, 2, NO_FLAGS },
	{ SYS_mknodat, 2, NO_FLAGS },
};

/* Only with these does open(2) look at the mode. */
static const uint32_t creating[] = { O_CREAT, O_TMPFILE };

static void restrict_mode(struct maker *m, size_t i, uint32_t bit)
{
	if (modes[i].flags == NO_FLAGS) {
		refuse(m, modes[i].number, EPERM, modes[i].mode, bit, bit);
		return;
	}
	for (size_t k = 0; k < ARRAY_LEN(creating); k++) {
		struct seccomp_rule *r = rule(m, modes[i].number, SECCOMP_ERROR(EPERM));

		if (r == NULL)
			return;
		seccomp_rule_bits(r, modes[i].flags, creating[k], creating[k]);
		seccomp_rule_bits(r, modes[i].mode, bit, bit);
	}
}

static void restrict_set_id(struct maker *m)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		restrict_mode(m, i, S_ISUID);
		restrict_mode(m, i, S_ISGID);
	}
	refuse_all(m, SYS_openat2, ENOSYS); /* its mode is in memory */
}

static void lock_personality(struct maker *m)
{
	static const uint32_t same[] = { PER_LINUX, PERSONALITY_QUERY };

	refuse_but(m, SYS_personality, EPERM, 0, same, ARRAY_LEN(same));
}

/*
 * What keys of the sandbox mean for system calls besides capabilities and mounts, as systemd.exec(5) has it; refused to who has
 * the capability, too. ProtectKernelTunables= would be _sysctl, which no kernel has any more.
 */
static const struct {
	uint16_t key; /* offset in struct unit */
	char calls[14];
} implied[] = {
#define IMPLIED(member, calls)                                       \
	{                                                            \
		offsetof(struct unit, service.sandbox.member), calls \
	}
	IMPLIED(protect_clock, "@clock"),
	IMPLIED(protect_modules, "@module"),
	IMPLIED(protect_logs, "syslog"),
	IMPLIED(protect_host_name, "sethostname"),
	IMPLIED(protect_host_name, "setdomainname"),
	IMPLIED(private_devices, "@raw-io"),
#undef IMPLIED
};

/* Of a key's field: whether the table has it. */
static bool implies(size_t field)
{
	for (size_t i = 0; i < ARRAY_LEN(implied); i++)
		if (implied[i].key == field)
			return true;
	return false;
}

static bool implied_is_set(const struct service_section *s, size_t i)
{
	return *((const bool *)s + (implied[i].key - offsetof(struct unit, service)));
}

static void restrict_call(void *data, unsigned int number)
{
	refuse_all(data, (int)number, EPERM);
}

static void restrict_implied(struct maker *m, const struct service_section *s)
{
	for (size_t i = 0; i < ARRAY_LEN(implied); i++) {
		const char *calls = implied[i].calls;

		if (!implied_is_set(s, i))
			continue;
		if (calls[0] == '@')
			(void)call_group(calls, restrict_call, m);
		else
			refuse_all(m, call_number(calls), EPERM);
	}
}

void seccomp_service(struct seccomp_policy *p, const struct service_section *s, struct arena *a)
{
	const struct syscall_section *c = &s->syscalls;
	struct maker m = { p, a };

	filter(p, s);
	log_calls(p, &c->log);
	restrict_implied(&m, s);
	restrict_families(&m, &c->address_families);
	restrict_namespaces(&m, &c->namespaces);
	if (c->memory_deny_write_execute)
		restrict_memory(&m);
	if (c->restrict_realtime)
		restrict_realtime(&m);
	if (c->restrict_suid_sgid)
		restrict_set_id(&m);
	if (c->lock_personality)
		lock_personality(&m);
}

/* ---- the keys ---- */

bool seccomp_is_asked(const struct service_section *s)
{
	return !bytes_are_zero(&s->syscalls, sizeof(s->syscalls));
}

bool seccomp_has_keys(const struct service_section *s)
{
	for (size_t i = 0; i < ARRAY_LEN(implied); i++)
		if (implied_is_set(s, i))
			return true;
	return seccomp_is_asked(s);
}

const char *seccomp_keys(const struct unit *u, struct arena *a)
{
	size_t begin = offsetof(struct unit, service.syscalls);
	size_t end = offsetof(struct unit, service.syscall_error) +
		sizeof(u->service.syscall_error);
	const char *text = "";

	for (size_t i = 0; i < n_keys; i++) {
		if ((keys[i].kinds & 1u << u->kind) == 0 ||
			((keys[i].offset < begin || keys[i].offset >= end) &&
				!implies(keys[i].offset)) ||
			bytes_are_zero((const char *)u + keys[i].offset, keys[i].size))
			continue;
		text = key_lines(a, text, "", &keys[i], key_print(a, &keys[i], u));
	}
	return text;
}
