/*
 * Landlock (landlock(7)): from here on the process and all its children are refused every file, or every TCP port, that the unit does
 * not name. The kernel's own header may be older than the kernel: numbers are those of its documentation.
 */
#include "supervisor/child/kernel.h"
#include "supervisor/child/steps.h"

#include "common/fd.h"

#include <sys/stat.h>

#ifndef SYS_landlock_create_ruleset /* the same on every machine */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define RULESET_VERSION 1u
#define ABI_TRUNCATE 3 /* Linux 6.2; before, truncate(2) is refused to nobody */
#define ABI_NET 4      /* Linux 6.7 */

/* What a file of any kind can be asked for, and what a folder. */
#define ACCESS_EXECUTE 0x0001u
#define ACCESS_WRITE_FILE 0x0002u
#define ACCESS_READ_FILE 0x0004u
#define ACCESS_READ_DIR 0x0008u
#define ACCESS_MAKE_DEVICES 0x0840u /* MAKE_CHAR, MAKE_BLOCK */
#define ACCESS_TRUNCATE 0x4000u
#define ACCESS_ALL 0x7fffu /* ABI 3 */
#define ACCESS_OF_FILES (ACCESS_EXECUTE | ACCESS_WRITE_FILE | ACCESS_READ_FILE | ACCESS_TRUNCATE)
#define ACCESS_READ (ACCESS_EXECUTE | ACCESS_READ_FILE | ACCESS_READ_DIR)
#define ACCESS_WRITE (ACCESS_ALL & ~ACCESS_MAKE_DEVICES)
#define ACCESS_BIND 0x1u
#define ACCESS_CONNECT 0x2u

enum rule { RULE_PATH = 1, RULE_PORT = 2 };

struct ruleset {
	uint64_t files, ports; /* what is refused unless a rule allows it */
};
struct path_rule {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));
struct port_rule {
	uint64_t access, port;
};

static uint64_t port_access(const struct spot *s)
{
	return s->kind == LANDLOCK_BIND ? ACCESS_BIND : ACCESS_CONNECT;
}

/* With one of a sort all of that sort is refused; "any" takes its own part out again. */
static struct ruleset refused(const struct plan *p)
{
	struct ruleset rules = { 0 };
	uint64_t any = 0;

	for (size_t i = 0; i < p->n_landlock; i++) {
		const struct spot *s = &p->landlock[i];

		if (s->path != NULL)
			rules.files = ACCESS_ALL;
		else
			rules.ports = ACCESS_BIND | ACCESS_CONNECT;
		if (s->path == NULL && s->port == PORT_ANY)
			any |= port_access(s);
	}
	rules.ports &= ~any;
	return rules;
}

static int check_abi(const struct ruleset *rules, struct fault *f)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);

	if (abi < 0)
		return fail_text(f, "Landlock", "is not in this kernel, or not on (lsm=landlock)");
	if (rules->files != 0 && abi < ABI_TRUNCATE)
		return fail_text(f, "LandlockRead, LandlockWrite", "need Linux 6.2");
	if (rules->ports != 0 && abi < ABI_NET)
		return fail_text(f, "LandlockTCPBind, LandlockTCPConnect", "need Linux 6.7");
	return 0;
}

static int add_path(int set, const struct spot *s, struct fault *f)
{
	int fd cleanup_fd = kernel_openat2(AT_FDCWD, s->path, O_PATH, RESOLVE_NO_MAGICLINKS);
	struct path_rule rule = { s->kind == LANDLOCK_READ ? ACCESS_READ : ACCESS_WRITE, fd };
	struct stat st;

	if (fd < 0)
		return s->optional && errno == ENOENT ? 0 : fail(f, s->path);
	if (fstat(fd, &st) < 0)
		return fail(f, s->path);
	if (!S_ISDIR(st.st_mode))
		rule.access &= ACCESS_OF_FILES;
	return syscall(SYS_landlock_add_rule, set, RULE_PATH, &rule, 0) < 0 ? fail(f, s->path) : 0;
}

static int add_port(int set, const struct spot *s, const struct ruleset *rules, struct fault *f)
{
	struct port_rule rule = { port_access(s) & rules->ports, (uint64_t)s->port };

	if (s->port <= 0 || rule.access == 0)
		return 0;
	return syscall(SYS_landlock_add_rule, set, RULE_PORT, &rule, 0) < 0 ? fail(f, "port") : 0;
}

int step_landlock(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	struct ruleset rules = refused(p);
	int set cleanup_fd = -1;

	if (rules.files == 0 && rules.ports == 0)
		return 0;
	if (check_abi(&rules, f) < 0)
		return -1;
	set = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (set < 0)
		return fail(f, "Landlock");
	for (size_t i = 0; i < p->n_landlock; i++) {
		const struct spot *s = &p->landlock[i];

		if ((s->path != NULL ? add_path(set, s, f) : add_port(set, s, &rules, f)) < 0)
			return -1;
	}
	return syscall(SYS_landlock_restrict_self, set, 0) < 0 ? fail(f, "Landlock") : 0;
}
