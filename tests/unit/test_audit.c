/* What a process has beside its plan: from texts of /proc as a kernel writes them. */
#include "supervisor/core/plan/audit.h"
#include "tests/unit/plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char status[] =
	"Name:\tweb\nUmask:\t0022\nUid:\t33\t33\t33\t33\nGid:\t44\t44\t44\t44\n"
	"Groups:\t44 55 \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	"CapEff:\t0000000000000000\nCapBnd:\t00000000800405fb\n"
	"CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	"Seccomp_filters:\t3\n";
static const char mounts[] = "100 90 0:40 / / rw,nodev,relatime - overlay overlay rw,lowerdir=/x\n"
			     "101 100 0:41 / /proc rw,nosuid,nodev,noexec - proc proc rw\n"
			     "102 100 0:42 / /sys ro,nosuid,nodev,noexec - sysfs sysfs rw\n"
			     "103 100 8:1 /data /srv rw,nosuid,nodev - ext4 /dev/vda1 rw\n"
			     "104 103 8:2 / /srv/below ro - ext4 /dev/vda2 ro\n"
			     "105 100 8:3 / /alien rw - ext4 /dev/vda3 ro\n";

struct look {
	struct audit_facts facts;
	struct audit audit;
	char source[sizeof(mounts)], mountinfo[sizeof(mounts)]; /* the latter is cut up */
};

static void look(struct fixture *f, struct look *l)
{
	memset(l, 0, sizeof(*l));
	memcpy(l->source, mounts, sizeof(mounts));
	l->facts = (struct audit_facts){ .status = status,
		.uid_map = "0 0 4294967295",
		.gid_map = "0 0 4294967295",
		.mountinfo = l->mountinfo,
		.descriptors = 3 };
	for (size_t i = 0; i < NS_COUNT; i++) {
		l->facts.ns[i] = 100 + i;
		l->facts.host_ns[i] = 200 + i;
	}
	f->unit.container.user = "33";
	f->unit.container.no_new_privileges = true;
	plan_main(f);
	l->facts.cgroup = arena_array(&f->arena, f->plan.n_cgroup + 1, sizeof(char *));
}

static const struct audit_row *row(struct fixture *f, struct look *l, const char *what,
	const char *has)
{
	memcpy(l->mountinfo, l->source, sizeof(mounts));
	audit_make(&l->audit, &f->unit, &f->plan, &l->facts, &f->arena);
	for (size_t i = 0; i < l->audit.n_rows; i++)
		if (strcmp(l->audit.rows[i].what, what) == 0 &&
			strncmp(l->audit.rows[i].has, has, strlen(has)) == 0)
			return &l->audit.rows[i];
	fail_msg("no row %s: %s", what, has);
	return NULL;
}

static bool is_advised(const struct look *l, const char *line)
{
	for (size_t i = 0; i < l->audit.advice.n; i++)
		if (strncmp(l->audit.advice.v[i], line, strlen(line)) == 0)
			return true;
	return false;
}

static void test_as_declared(void **state)
{
	struct fixture *f = *state;
	struct look l;

	look(f, &l);
	assert_false(row(f, &l, "namespace mnt", "own")->differs);
	assert_false(row(f, &l, "bounding", "chown dac_override")->differs);
	assert_false(row(f, &l, "effective", "none")->differs);
	assert_false(row(f, &l, "no-new-privs", "yes")->differs);
	assert_string_equal(row(f, &l, "seccomp", "")->has, "filter, filters: 3");
	assert_string_equal(row(f, &l, "uid", "")->has, "33 33 33 33");
	assert_string_equal(row(f, &l, "groups", "")->has, "44 55");
	assert_string_equal(row(f, &l, "descriptors", "")->has, "3");
}

static void test_what_differs(void **state)
{
	struct fixture *f = *state;
	struct look l;

	look(f, &l);
	l.facts.ns[NS_net] = l.facts.host_ns[NS_net];
	assert_true(row(f, &l, "namespace net", "the host's")->differs);
	l.facts.ns[NS_pid] = 0;
	assert_true(row(f, &l, "namespace pid", "not known")->differs);
	f->plan.no_new_privileges = false;
	assert_true(row(f, &l, "no-new-privs", "yes")->differs);
	/* one that it has given up is no fault, one that it has got is */
	f->plan.capabilities = 0x800405fb & ~UINT64_C(1);
	assert_true(row(f, &l, "bounding", "chown")->differs);
	l.facts.status = "CapBnd:\t0000000000000001\nCapEff:\t0000000000200000\n";
	assert_true(row(f, &l, "effective", "sys_admin")->differs);
}

static void test_mounts(void **state)
{
	struct fixture *f = *state;
	struct look l;

	add_mount(f, MOUNT_BIND, "/data", "/srv")->recursive = true;
	look(f, &l);
	assert_false(row(f, &l, "writable", "/ overlay")->differs);
	assert_false(row(f, &l, "writable", "/srv ext4")->differs);
	assert_false(row(f, &l, "mount", "/srv/below ext4")->differs);
	/* read-only as a file system, and of no unit */
	assert_true(row(f, &l, "mount", "/alien ext4")->differs);
	memcpy(strstr(l.source, "/sys ro"), "/sys rw", 7);
	assert_true(row(f, &l, "writable", "/sys sysfs")->differs);
}

static void test_advice(void **state)
{
	struct fixture *f = *state;
	struct look l;

	look(f, &l);
	(void)row(f, &l, "descriptors", "3");
	assert_true(is_advised(&l, "ReadOnly=yes  # "));
	assert_true(is_advised(&l, "DropCapability=all  # "));
	assert_false(is_advised(&l, "NoNewPrivileges=yes"));
	assert_false(is_advised(&l, "MemoryMax="));
	look(f, &l);
	l.facts.memory_max = "max";
	l.facts.status = "Uid:\t0\t0\t0\t0\nCapPrm:\t0000000000000001\nNoNewPrivs:\t0\n";
	memcpy(strstr(l.source, "/ rw"), "/ ro", 4);
	(void)row(f, &l, "descriptors", "3");
	assert_false(is_advised(&l, "ReadOnly="));
	assert_false(is_advised(&l, "DropCapability="));
	assert_true(is_advised(&l, "NoNewPrivileges=yes  # "));
	assert_true(is_advised(&l, "MemoryMax=SIZE"));
}

/* A container that mounts without end makes no list without end. */
static void test_many_mounts(void **state)
{
	static const char line[] = "1 2 0:1 / /m rw - tmpfs tmpfs rw\n";
	struct fixture *f = *state;
	size_t n = 1000;
	struct look l;
	char *text;

	look(f, &l);
	text = arena_alloc(&f->arena, n * strlen(line) + 1);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * strlen(line), line, strlen(line));
	l.facts.mountinfo = text;
	audit_make(&l.audit, &f->unit, &f->plan, &l.facts, &f->arena);
	assert_int_equal(l.audit.n_rows, AUDIT_ROWS_MAX);
	assert_true(l.audit.more > 600 && l.audit.more < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_as_declared),
		TEST(test_what_differs),
		TEST(test_mounts),
		TEST(test_advice),
		TEST(test_many_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
