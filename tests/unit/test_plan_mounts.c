/* The file tree and the limits of a container. */
#include "tests/unit/plan_fixture.h"

#include "supervisor/core/unit/names.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/mount.h>
#include <cmocka.h>

/* ---- mounts ---- */

static void test_root(void **state)
{
	struct fixture *f = *state;
	struct container_section *c = &f->unit.container;

	plan_main(f);
	assert_int_equal(f->plan.mounts[0].kind, OP_OVERLAY);
	assert_null(find_mount(f, CLASS_SEAL, "/"));
	c->read_only = true;
	plan_main(f);
	assert_int_equal(f->plan.mounts[0].kind, OP_BIND);
	assert_true((f->plan.mounts[0].attr & MOUNT_ATTR_RDONLY) != 0);
	f->facts.root_lacks_targets = true;
	plan_main(f);
	assert_int_equal(f->plan.mounts[0].kind, OP_OVERLAY);
	assert_true((f->plan.mounts[0].attr & MOUNT_ATTR_RDONLY) == 0);
	assert_int_equal(position(f, CLASS_SEAL, "/"), f->plan.n_mounts - 1);
	c->read_only = false;
	c->image = NULL;
	c->rootfs = "/srv/root";
	f->facts.root_lacks_targets = false;
	plan_main(f);
	assert_int_equal(f->plan.mounts[0].kind, OP_BIND);
	assert_true((f->plan.mounts[0].attr & MOUNT_ATTR_RDONLY) == 0);
	c->rootfs = "/srv/root:O";
	plan_main(f);
	assert_int_equal(f->plan.mounts[0].kind, OP_OVERLAY);
	f->facts.root = NULL;
	assert_error(f, "neither Image= nor Rootfs=");
}

static void test_classes_follow_one_another(void **state)
{
	struct fixture *f = *state;

	f->unit.container.read_only = true;
	f->facts.root_lacks_targets = true;
	f->facts.files = "/run/sup/files/web.container";
	f->facts.notify_socket = "/run/sup/notify/web.container";
	add_mount(f, MOUNT_BIND, "/srv/etc", "/etc");
	plan_main(f);
	for (size_t i = 1; i < f->plan.n_mounts; i++)
		assert_true(f->plan.mounts[i].cls >= f->plan.mounts[i - 1].cls);
	/* the tmpfs first, then what lies in it */
	assert_true(position(f, CLASS_FILES, "/run") <
		position(f, CLASS_FILES, PLAN_NOTIFY_INSIDE));
	/* /etc is the unit's, our files lie in it */
	assert_null(find_mount(f, CLASS_FILES, "/etc/hosts"));
	assert_true(position(f, CLASS_VOLUME, "/etc") < position(f, CLASS_VOLUME, "/etc/hosts"));
}

static void test_volumes(void **state)
{
	struct fixture *f = *state;
	struct volume_path path = { "data.volume", "/var/lib/sup/volumes/data" };
	const struct mount_op *op;

	add_mount(f, MOUNT_BIND, "/srv/a", "/x/y/z")->read_only = true;
	add_mount(f, MOUNT_VOLUME, "data.volume", "//x/./y/");
	add_mount(f, MOUNT_TMPFS, NULL, "/x")->size = 4096;
	assert_error(f, "volume data.volume has no folder");
	f->facts.volumes = &path;
	f->facts.n_volumes = 1;
	plan_main(f);
	assert_true(position(f, CLASS_VOLUME, "/x") < position(f, CLASS_VOLUME, "/x/y"));
	assert_true(position(f, CLASS_VOLUME, "/x/y") < position(f, CLASS_VOLUME, "/x/y/z"));
	op = find_mount(f, CLASS_VOLUME, "/x/y");
	assert_string_equal(op->source, path.path);
	assert_int_equal(find_mount(f, CLASS_VOLUME, "/x/y/z")->attr, MOUNT_ATTR_RDONLY);
	assert_string_equal(find_mount(f, CLASS_VOLUME, "/x")->data, "mode=1777,size=4096");
	add_mount(f, MOUNT_TMPFS, NULL, "/x/");
	assert_error(f, "two mounts at /x");
}

static void test_places_of_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct mount *m = add_mount(f, MOUNT_BIND, "/srv/a", "/proc/./sys");

	assert_error(f, "/proc is the kernel's");
	m->target = "/proc/";
	assert_error(f, "/proc is the kernel's");
	m->target = "//";
	assert_error(f, "the root itself");
	m->target = "/procession";
	plan_main(f);
}

static void test_ours_give_way(void **state)
{
	struct fixture *f = *state;

	f->facts.files = "/files";
	f->unit.container.read_only = true;
	add_mount(f, MOUNT_BIND, "/my/hosts", "/etc/hosts");
	add_mount(f, MOUNT_TMPFS, NULL, "/run");
	plan_main(f);
	assert_null(find_mount(f, CLASS_FILES, "/etc/hosts"));
	assert_null(find_mount(f, CLASS_FILES, "/run"));
	assert_non_null(find_mount(f, CLASS_FILES, "/etc/resolv.conf"));
	assert_non_null(find_mount(f, CLASS_FILES, "/tmp"));
	f->unit.container.read_only_tmpfs = false;
	plan_main(f);
	assert_null(find_mount(f, CLASS_FILES, "/tmp"));
	assert_non_null(find_mount(f, CLASS_SEAL, "/dev"));
}

static void test_masks(void **state)
{
	struct fixture *f = *state;
	struct container_section *c = &f->unit.container;

	plan_main(f);
	assert_int_equal(find_mount(f, CLASS_MASK, "/proc/kcore")->kind, OP_MASK);
	assert_int_equal(find_mount(f, CLASS_MASK, "/proc/sys")->kind, OP_ATTR);
	strv_add(&f->arena, &c->mask, "/etc/secret:/opt");
	strv_add(&f->arena, &c->unmask, "/proc/kcore:/sys/firm*");
	plan_main(f);
	assert_non_null(find_mount(f, CLASS_MASK, "/etc/secret"));
	assert_non_null(find_mount(f, CLASS_MASK, "/opt"));
	assert_null(find_mount(f, CLASS_MASK, "/proc/kcore"));
	assert_null(find_mount(f, CLASS_MASK, "/sys/firmware"));
	assert_non_null(find_mount(f, CLASS_MASK, "/sys/fs/selinux"));
	strv_add(&f->arena, &c->unmask, "/proc/*");
	plan_main(f);
	assert_null(find_mount(f, CLASS_MASK, "/proc/sys"));
	assert_non_null(find_mount(f, CLASS_MASK, "/sys/devices/virtual/powercap"));
	strv_add(&f->arena, &c->unmask, "ALL");
	plan_main(f);
	assert_null(find_mount(f, CLASS_MASK, "/sys/fs/selinux"));
	assert_non_null(find_mount(f, CLASS_MASK, "/opt"));
}

static bool has(const char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], s) == 0)
			return true;
	return false;
}

static void test_targets(void **state)
{
	struct fixture *f = *state;
	const char *const *targets;
	size_t n;

	f->unit.container.read_only = true;
	add_mount(f, MOUNT_VOLUME, "data.volume", "/data");
	add_mount(f, MOUNT_BIND, "/srv", "/data/below");
	targets = plan_targets(&f->unit, &f->arena, &n);
	assert_true(has(targets, n, "/proc"));
	assert_true(has(targets, n, "/dev"));
	assert_true(has(targets, n, "/data"));
	assert_true(has(targets, n, "/etc/hosts"));
	assert_false(has(targets, n, "/dev/pts"));
	assert_false(has(targets, n, "/data/below"));
	assert_false(has(targets, n, PLAN_NOTIFY_INSIDE));
	assert_false(has(targets, n, "/"));
	f->unit.container.read_only_tmpfs = false;
	targets = plan_targets(&f->unit, &f->arena, &n);
	assert_true(has(targets, n, PLAN_NOTIFY_INSIDE));
}

/* ---- limits ---- */

static struct secret *add_secret(struct fixture *f, struct secrets *list, enum secret_kind kind,
	const char *name, const char *target)
{
	struct secret *s = LIST_ADD(&f->arena, list);

	*s = (struct secret){ .kind = kind,
		.name = name,
		.source = name,
		.target = target,
		.uid = SECRET_ID_UNSET,
		.gid = SECRET_ID_UNSET,
		.mode = 0400 };
	return s;
}

/* One folder for those of /run/secrets, one mount for each of the others; all are below what the unit mounts. */
static void test_secrets(void **state)
{
	struct fixture *f = *state;
	struct secrets *list = &f->unit.container.secrets;
	size_t n;

	add_secret(f, list, SECRET_MOUNT, "a", "/run/secrets/a");
	add_secret(f, list, SECRET_MOUNT, "b", "/run/secrets/b");
	add_secret(f, list, SECRET_MOUNT, "c", "/data/c");
	add_secret(f, list, SECRET_ENV, "d", "TOKEN");
	add_secret(f, &f->unit.service.credentials, CREDENTIAL_SET, "e", NULL);
	add_mount(f, MOUNT_TMPFS, NULL, "/data");
	plan_main(f);
	assert_int_equal(f->plan.n_secrets, 5);
	assert_int_equal(find_mount(f, CLASS_FILES, "/run/secrets")->kind, OP_SECRET);
	assert_string_equal(find_mount(f, CLASS_VOLUME, "/data/c")->source, "2/c");
	assert_true(position(f, CLASS_VOLUME, "/data") < position(f, CLASS_VOLUME, "/data/c"));
	assert_string_equal(*f->plan.secrets[3].variable, "TOKEN=");
	assert_string_equal(find_variable(f, "CREDENTIALS_DIRECTORY"),
		"/run/credentials/web.container");
	assert_string_equal(f->plan.secrets[4].value, "e");
	assert_null(f->plan.secrets[4].source);
	for (const char *const *t = plan_targets(&f->unit, &f->arena, &n); n > 0; n--)
		assert_string_not_equal(t[n - 1], "/data/c"); /* the tmpfs is its place */
	/* the host's side of a container has its credentials only */
	add_command(f, &f->unit.service.exec_start_pre, "/bin/a");
	assert_int_equal(plan_role(f, ROLE_START_PRE, 0), 0);
	assert_int_equal(f->plan.n_secrets, 1);
	assert_int_equal(f->plan.n_mounts, 1);
	assert_true(f->plan.clone_flags == CLONE_NEWNS);
	assert_null(find_variable(f, "TOKEN"));
}

static void test_secrets_that_clash(void **state)
{
	struct fixture *f = *state;

	add_secret(f, &f->unit.container.secrets, SECRET_MOUNT, "a", "/etc/key");
	add_mount(f, MOUNT_BIND, "/x", "/etc/key");
	assert_error(f, "two mounts at /etc/key");
	f->unit.container.mounts.n = 0;
	add_secret(f, &f->unit.container.secrets, SECRET_MOUNT, "b", "/etc/key");
	assert_error(f, "two secrets at /etc/key");
}

static void test_cgroup(void **state)
{
	struct fixture *f = *state;
	struct service_section *s = &f->unit.service;

	plan_main(f);
	assert_int_equal(f->plan.n_cgroup, 0);
	s->memory_max.permille = 250;
	s->memory_high.value = SIZE_INFINITY;
	s->memory_swap_max.value = 0;
	s->tasks_max.permille = 15;
	s->cpu_weight = 50;
	s->allowed_cpus = "0-1";
	s->io_weight = 10;
	s->oom_policy = OOM_KILL;
	plan_main(f);
	assert_string_equal(find_cgroup(f, "memory.max"), "250000000");
	assert_string_equal(find_cgroup(f, "memory.high"), "max");
	assert_string_equal(find_cgroup(f, "memory.swap.max"), "0");
	assert_string_equal(find_cgroup(f, "pids.max"), "480");
	assert_string_equal(find_cgroup(f, "cpu.weight"), "50");
	assert_string_equal(find_cgroup(f, "cpuset.cpus"), "0-1");
	assert_string_equal(find_cgroup(f, "io.weight"), "default 10");
	assert_string_equal(find_cgroup(f, "memory.oom.group"), "1");
	assert_null(find_cgroup(f, "cpu.max"));
	/* A kernel may lack what nobody has asked for. */
	assert_false(find_write(f, "pids.max")->optional);
	s->tasks_max.dflt = true;
	plan_main(f);
	assert_true(find_write(f, "pids.max")->optional);
	assert_false(find_write(f, "memory.max")->optional);
	f->facts.ram = 0;
	assert_error(f, "MemoryMax");
}

static void test_smaller_limit_counts(void **state)
{
	struct fixture *f = *state;

	f->unit.service.memory_max.value = 2000;
	f->unit.container.memory.value = 1000;
	f->unit.service.tasks_max.value = 20;
	f->unit.container.pids_limit.value = SIZE_INFINITY;
	plan_main(f);
	assert_string_equal(find_cgroup(f, "memory.max"), "1000");
	assert_string_equal(find_cgroup(f, "pids.max"), "20");
	f->unit.service.memory_max = unset();
	plan_main(f);
	assert_string_equal(find_cgroup(f, "memory.max"), "1000");
	/* keys of [Container] mean nothing to a .service */
	make_service(f);
	add_command(f, &f->unit.service.exec_start, "/bin/true");
	plan_main(f);
	assert_null(find_cgroup(f, "memory.max"));
}

static void test_cpu_quota(void **state)
{
	struct fixture *f = *state;
	struct service_section *s = &f->unit.service;

	s->cpu_quota = 1500;
	plan_main(f);
	assert_string_equal(find_cgroup(f, "cpu.max"), "150000 100000");
	s->cpu_quota_period = 10000;
	plan_main(f);
	assert_string_equal(find_cgroup(f, "cpu.max"), "15000 10000");
	/* 2 % of 10 ms is less than the kernel takes */
	s->cpu_quota = 20;
	plan_main(f);
	assert_string_equal(find_cgroup(f, "cpu.max"), "20000 1000000");
}

static void test_io_limits(void **state)
{
	struct fixture *f = *state;
	struct io_limit_set *limit = LIST_ADD(&f->arena, &f->unit.service.io_limits);

	*limit = (struct io_limit_set){ IO_WRITE_IOPS, "/dev/vda", 100 };
	plan_main(f);
	assert_string_equal(find_cgroup(f, "io.max"), "@/dev/vda wiops=100");
	assert_string_equal(f->plan.cgroup[0].key, "IOWriteIOPSMax");
}

static void test_rlimits(void **state)
{
	struct fixture *f = *state;
	struct rlimit_set nofile = { rlimit_number("nofile"), 10, 20, false };
	struct rlimit_set ours = { rlimit_number("nofile"), 30, 40, false };

	*LIST_ADD(&f->arena, &f->unit.service.limits) = nofile;
	*LIST_ADD(&f->arena, &f->unit.container.ulimits) = ours;
	plan_main(f);
	assert_int_equal(f->plan.n_rlimits, 1);
	assert_int_equal(f->plan.rlimits[0].hard, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_root),
		TEST(test_classes_follow_one_another),
		TEST(test_volumes),
		TEST(test_places_of_the_kernel),
		TEST(test_ours_give_way),
		TEST(test_masks),
		TEST(test_targets),
		TEST(test_secrets),
		TEST(test_secrets_that_clash),
		TEST(test_cgroup),
		TEST(test_smaller_limit_counts),
		TEST(test_cpu_quota),
		TEST(test_io_limits),
		TEST(test_rlimits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
