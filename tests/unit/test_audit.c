/* What a process has beside its plan: from texts of /proc as a kernel writes them. */
#include "supervisor/core/plan/audit.h"
#include "supervisor/core/unit/names.h"
#include "tests/unit/plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
			     "105 100 8:3 / /alien rw - ext4 /dev/vda3 ro\n"
			     "106 101 0:50 /null /proc/keys rw - tmpfs tmpfs rw\n"
			     "107 102 0:51 / /sys/firmware ro - tmpfs tmpfs ro\n"
			     "108 107 0:51 / /sys/firmware ro - tmpfs tmpfs ro\n";

struct look {
	struct audit_facts facts;
	struct audit audit;
	struct ids ids;
	struct id_extent extent;
	char source[sizeof(mounts)], mountinfo[sizeof(mounts)]; /* the latter is cut up */
};

static void look(struct fixture *f, struct look *l)
{
	memset(l, 0, sizeof(*l));
	memcpy(l->source, mounts, sizeof(mounts));
	l->facts = (struct audit_facts){ .status = status,
		.own_status = "Seccomp_filters:\t1\n",
		.uid_map = "         0     131072      65536",
		.gid_map = "         0     131072      65536",
		.own_uid_map = "         0          0 4294967295",
		.own_gid_map = "         0          0 4294967295",
		.devices = AUDIT_DEVICES_PLANNED,
		.mountinfo = l->mountinfo,
		.descriptors = 3 };
	for (size_t i = 0; i < NS_COUNT; i++) {
		l->facts.ns[i] = 100 + i;
		l->facts.host_ns[i] = 200 + i;
	}
	f->unit.container.user = "33";
	f->unit.container.no_new_privileges = true;
	f->facts.ids = &l->ids;
	l->ids.uid = l->ids.gid = (struct id_map){ &l->extent, 1 };
	l->extent = (struct id_extent){ 0, 131072, 65536 };
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
	assert_string_equal(row(f, &l, "uid", "")->has, "33");
	assert_false(row(f, &l, "namespace user", "own")->differs);
	assert_false(row(f, &l, "uid-map", "0:131072:65536")->differs);
	assert_false(row(f, &l, "gid-map", "0:131072:65536")->differs);
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
	assert_false(row(f, &l, "no-new-privs", "yes")->differs);
	f->plan.no_new_privileges = true;
	/* one that it has given up is no fault, one that it has got is */
	f->plan.capabilities = 0x800405fb & ~UINT64_C(1);
	assert_true(row(f, &l, "bounding", "chown")->differs);
	l.facts.status = "CapBnd:\t0000000000000001\nCapEff:\t0000000000200000\n";
	assert_true(row(f, &l, "effective", "sys_admin")->differs);
	assert_true(row(f, &l, "no-new-privs", "no")->differs);
}

/* Of three filters one is the supervisor's own, too. */
static void test_filters(void **state)
{
	struct fixture *f = *state;
	struct look l;

	look(f, &l);
	assert_false(row(f, &l, "seccomp", "default, more of its own")->differs);
	f->unit.service.syscalls.restrict_realtime = true;
	look(f, &l);
	assert_false(row(f, &l, "seccomp", "default, keys of [Service]")->differs);
	l.facts.own_status = "Seccomp_filters:\t2\n";
	assert_true(row(f, &l, "seccomp", "1 of 2 filters")->differs);
	l.facts.status = "Seccomp:\t0\n";
	l.facts.own_status = l.facts.status;
	assert_true(row(f, &l, "seccomp", "0 of 2 filters")->differs);
	f->unit.container.seccomp_profile = "unconfined";
	f->unit.service.syscalls.restrict_realtime = false;
	look(f, &l);
	l.facts.status = l.facts.own_status;
	assert_false(row(f, &l, "seccomp", "unconfined")->differs);
	assert_true(is_advised(&l, "SeccompProfile=  # "));
}

static void test_landlock(void **state)
{
	struct fixture *f = *state;
	struct look l;

	LIST_ADD(&f->arena, &f->unit.service.landlock)->path = "/usr";
	look(f, &l);
	assert_false(row(f, &l, "landlock", "declared")->differs);
}

static void test_ids(void **state)
{
	static const struct id_extent two[] = { { 0, 700000, 10 }, { 10, 800000, 20 } };
	struct fixture *f = *state;
	struct look l;

	look(f, &l);
	l.ids.uid = (struct id_map){ (struct id_extent *)(uintptr_t)two, 2 };
	assert_true(row(f, &l, "uid-map", "0:131072:65536")->differs);
	assert_string_equal(row(f, &l, "uid-map", "")->declared, "0:700000:10 10:800000:20");
	/* the kernel sorts them */
	l.facts.uid_map = "10 800000 20\n0 700000 10";
	assert_false(row(f, &l, "uid-map", "10:800000:20 0:700000:10")->differs);
	/* one that could not be made */
	f->plan.ids = NULL;
	f->plan.ids_why = "owners of /srv cannot be mapped";
	l.facts.uid_map = l.facts.gid_map = l.facts.own_uid_map;
	l.facts.ns[NS_user] = l.facts.host_ns[NS_user];
	l.facts.status = "Uid:\t0\t0\t0\t0\n";
	assert_true(row(f, &l, "namespace user", "the host's")->differs);
	assert_false(row(f, &l, "uid-map", "0:0:4294967295")->differs);
	(void)row(f, &l, "no user namespace", "owners of /srv");
	assert_true(is_advised(&l, "User=NUMBER"));
	assert_false(is_advised(&l, "UserNS=auto"));
	/* one that nobody has asked for */
	f->unit.container.userns.mode = USERNS_HOST;
	assert_false(row(f, &l, "namespace user", "the host's")->differs);
	assert_true(is_advised(&l, "UserNS=auto"));
}

static void test_devices(void **state)
{
	static const char usual[] = "null, zero, full, random, urandom, tty, ptmx, pts, console";
	struct fixture *f = *state;
	struct look l;

	look(f, &l);
	assert_string_equal(row(f, &l, "devices", "")->has, usual);
	assert_false(row(f, &l, "devices", usual)->differs);
	l.facts.devices = AUDIT_DEVICES_FREE;
	assert_true(row(f, &l, "devices", "any")->differs);
	assert_string_equal(row(f, &l, "devices", "")->declared, usual);
	l.facts.devices = AUDIT_DEVICES_OTHER;
	assert_true(row(f, &l, "devices", "another list")->differs);
	device_rules_add(&f->arena, &f->plan.devices,
		(struct device_rule){ true, DEVICE_READ, 8, DEVICE_ANY });
	l.facts.devices = AUDIT_DEVICES_PLANNED;
	assert_non_null(strstr(row(f, &l, "devices", usual)->has, ", console, block 8:* r"));
}

/* The host's view of a service that says nothing, and of one that says much. */
static void test_service(void **state)
{
	struct fixture *f = *state;
	struct look l;

	make_service(f);
	(void)add_command(f, &f->unit.service.exec_start, "/bin/web");
	look(f, &l);
	l.facts.status = "Uid:\t0\t0\t0\t0\n";
	l.facts.own_status = "";
	l.facts.devices = AUDIT_DEVICES_FREE;
	assert_false(row(f, &l, "devices", "any")->differs);
	assert_false(row(f, &l, "seccomp", "none")->differs);
	assert_true(is_advised(&l, "DevicePolicy=closed"));
	assert_true(is_advised(&l, "User=NAME"));
	assert_true(is_advised(&l, "CapabilityBoundingSet=NAMES"));
	assert_true(is_advised(&l, "SystemCallFilter=@system-service"));
	assert_true(is_advised(&l, "ProtectSystem=yes"));
	assert_true(is_advised(&l, "ProtectKernelTunables=yes"));
	assert_true(is_advised(&l, "NoNewPrivileges=yes"));
	assert_true(is_advised(&l, "MemoryDenyWriteExecute=yes"));
	assert_true(is_advised(&l, "LockPersonality=yes"));
	assert_false(is_advised(&l, "NonBlocking="));
	assert_false(is_advised(&l, "ReadOnly="));
	f->unit.service.sandbox.protect_system = SYSTEM_STRICT;
	f->unit.service.sandbox.protect_tunables = true;
	f->unit.service.device_policy = DEVICE_POLICY_CLOSED;
	f->unit.service.user = "daemon";
	plan_main(f);
	l.facts.status = "Uid:\t1\t1\t1\t1\n";
	(void)row(f, &l, "devices", "");
	assert_false(is_advised(&l, "ProtectSystem="));
	assert_false(is_advised(&l, "ProtectKernelTunables="));
	assert_false(is_advised(&l, "DevicePolicy="));
	assert_false(is_advised(&l, "User="));
	assert_true(is_advised(&l, "ProtectHome=yes"));
}

static void test_mounts(void **state)
{
	struct fixture *f = *state;
	struct look l;

	add_mount(f, MOUNT_BIND, "/data", "/srv")->recursive = true;
	look(f, &l);
	assert_false(row(f, &l, "writable", "/ overlay")->differs);
	assert_false(row(f, &l, "writable", "/srv ext4")->differs);
	assert_string_equal(row(f, &l, "read-only", "/sys")->has, "/sys /srv/below");
	/* /dev/null upon a file */
	assert_string_equal(row(f, &l, "hidden", "")->has, "/proc/keys /sys/firmware");
	/* read-only as a file system, and of no unit */
	assert_true(row(f, &l, "read-only", "/alien ext4")->differs);
	memcpy(strstr(l.source, "/sys ro"), "/sys rw", 7);
	assert_true(row(f, &l, "writable", "/sys sysfs")->differs);
	/* something else where /dev/null should be */
	memcpy(strstr(l.source, "/null"), "/fake", 5);
	assert_true(row(f, &l, "writable", "/proc/keys tmpfs")->differs);
	assert_string_equal(row(f, &l, "writable", "/proc/keys")->declared, "hidden");
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
	f->unit.container.read_only = true;
	strv_add(&f->arena, &f->unit.container.unmask, "ALL");
	f->unit.container.add_capability = CAPABILITY_ALL;
	plan_main(f);
	(void)row(f, &l, "descriptors", "3");
	assert_false(is_advised(&l, "ReadOnly="));
	assert_false(is_advised(&l, "DropCapability=all"));
	assert_true(is_advised(&l, "DropCapability=dac_read_search linux_immutable "));
	assert_true(is_advised(&l, "Unmask=  # "));
	assert_true(is_advised(&l, "NoNewPrivileges=yes  # "));
	assert_true(is_advised(&l, "MemoryMax=SIZE"));
}

/* A container that mounts without end makes no list without end. */
static void test_many_mounts(void **state)
{
	struct fixture *f = *state;
	size_t n = 1000, used = 0;
	struct look l;
	char *text;

	look(f, &l);
	text = arena_alloc(&f->arena, n * 48);
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, 48, "1 2 0:1 / /m%zu rw - tmpfs tmpfs rw\n",
			i);
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
		TEST(test_filters),
		TEST(test_landlock),
		TEST(test_ids),
		TEST(test_devices),
		TEST(test_service),
		TEST(test_mounts),
		TEST(test_advice),
		TEST(test_many_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
