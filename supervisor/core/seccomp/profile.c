#include "supervisor/core/seccomp/profile.h"

#include "common/util.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <asm/ioctls.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/personality.h>
#include <linux/tty.h>

#ifndef CLONE_NEWTIME /* Linux 5.6 */
#define CLONE_NEWTIME 0x00000080
#endif
#define NAMESPACES                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		CLONE_NEWPID | CLONE_NEWNET)

#define NO_CAPABILITY 0xff
#define PERSONALITY_QUERY 0xffffffffu

/*
 * What hangs on arguments, each condition as (argument & mask) == value, a mask of 0 always holding; the first row that
 * matches counts, before what calls.list says. Rows that the kernel itself asks a capability for are not for who has it.
 */
static const struct {
	uint16_t number;
	uint8_t unless; /* CAP_* */
	uint8_t error;  /* 0: allowed */
	struct {
		uint8_t argument;
		uint32_t mask, value;
	} when[2];
} rows[] = {
	/* A process of its own, but no namespace; clone3 hides its flags in memory, and who is told that there is none
	 * takes clone. */
	{ SYS_clone, CAP_SYS_ADMIN, 0, { { 0, NAMESPACES, 0 } } },
	{ SYS_clone3, CAP_SYS_ADMIN, ENOSYS, { { 0, 0, 0 } } },
	{ SYS_unshare, CAP_SYS_ADMIN, 0, { { 0, NAMESPACES | CLONE_NEWTIME, 0 } } },
	/* The plain one, that of 32-bit programs, both with a kernel that calls itself 2.6, and the question */
	{ SYS_personality, NO_CAPABILITY, 0, { { 0, UINT32_MAX, PER_LINUX } } },
	{ SYS_personality, NO_CAPABILITY, 0, { { 0, UINT32_MAX, PER_LINUX32 } } },
	{ SYS_personality, NO_CAPABILITY, 0, { { 0, UINT32_MAX, UNAME26 } } },
	{ SYS_personality, NO_CAPABILITY, 0, { { 0, UINT32_MAX, UNAME26 | PER_LINUX32 } } },
	{ SYS_personality, NO_CAPABILITY, 0, { { 0, UINT32_MAX, PERSONALITY_QUERY } } },
	/* Sockets to the host of a virtual machine, past all networks */
	{ SYS_socket, NO_CAPABILITY, EPERM, { { 0, UINT32_MAX, AF_VSOCK } } },
	{ SYS_socket, CAP_AUDIT_WRITE, EINVAL,
		{ { 0, UINT32_MAX, AF_NETLINK }, { 2, UINT32_MAX, NETLINK_AUDIT } } },
	/* Input that a shell outside would read (CVE-2017-5226). The kernel takes 32 bits of the request, so a
	 * comparison of all 64 would be passed by (CVE-2019-10063). */
	{ SYS_ioctl, NO_CAPABILITY, EPERM, { { 1, UINT32_MAX, TIOCSTI } } },
	{ SYS_ioctl, NO_CAPABILITY, EPERM, { { 1, UINT32_MAX, TIOCLINUX } } },
};

static void add_row(struct seccomp_policy *p, size_t i, struct arena *a)
{
	uint32_t action = rows[i].error != 0 ? SECCOMP_ERROR(rows[i].error) : SECCOMP_RET_ALLOW;
	struct seccomp_rule *rule;

	if (rows[i].when[0].mask == 0) {
		p->verdict[rows[i].number] = action;
		return;
	}
	rule = seccomp_rule_add(p, a, rows[i].number, action);
	for (size_t k = 0; k < ARRAY_LEN(rows[i].when) && rows[i].when[k].mask != 0; k++)
		seccomp_rule_bits(rule, rows[i].when[k].argument, rows[i].when[k].mask,
			rows[i].when[k].value);
}

void seccomp_default(struct seccomp_policy *p, uint64_t capabilities, struct arena *a)
{
	seccomp_policy_init(p, SECCOMP_ERROR(ENOSYS), SECCOMP_ERROR(ENOSYS));
	for (unsigned int i = 0; i < CALLS_MAX; i++) {
		enum call_verdict verdict = call_profile(i, capabilities);

		if (verdict != CALL_UNKNOWN)
			seccomp_verdict(p, i,
				verdict == CALL_ALLOWED ? SECCOMP_RET_ALLOW : SECCOMP_ERROR(EPERM));
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].unless == NO_CAPABILITY || (capabilities >> rows[i].unless & 1) == 0)
			add_row(p, i, a);
}
