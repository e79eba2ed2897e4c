#include "tests/unit/plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct quantity unset(void)
{
	return (struct quantity){ .value = SIZE_UNSET };
}

static void unset_all(struct unit *u)
{
	struct service_section *s = &u->service;

	s->memory_min = s->memory_low = s->memory_high = s->memory_max = unset();
	s->memory_swap_max = s->tasks_max = unset();
	u->container.memory = u->container.pids_limit = unset();
	s->nice = s->oom_score_adjust = INT_UNSET;
	u->container.shm_size = SIZE_UNSET;
	u->container.read_only_tmpfs = true;
}

int plan_setup(void **state)
{
	static const struct leases no_leases;
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	unset_all(&f->unit);
	f->unit.name = "web.container";
	f->unit.kind = KIND_CONTAINER;
	f->unit.container.image = "web";
	strv_add(&f->arena, &f->image.cmd, "/bin/web");
	f->facts = (struct facts){ .ram = 1000000000,
		.tasks = 32000,
		.machine_hostname = "box",
		.leases = &no_leases,
		.root = "/run/sup/images/web",
		.image = &f->image };
	*state = f;
	return 0;
}

int plan_teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	free(f);
	return 0;
}

int plan_role(struct fixture *f, enum role role, uint32_t index)
{
	return plan_unit(&f->plan, &f->unit, role, index, &f->facts, &f->arena, &f->err);
}

void plan_main(struct fixture *f)
{
	assert_int_equal(plan_role(f, ROLE_MAIN, 0), 0);
}

void make_service(struct fixture *f)
{
	f->unit.name = "web.service";
	f->unit.kind = KIND_SERVICE;
}

struct command *add_command(struct fixture *f, struct commands *list, const char *path)
{
	struct command *cmd = LIST_ADD(&f->arena, list);

	cmd->path = path;
	strv_add(&f->arena, &cmd->argv, path);
	return cmd;
}

struct mount *add_mount(struct fixture *f, enum mount_kind kind, const char *source,
	const char *target)
{
	struct mount *m = LIST_ADD(&f->arena, &f->unit.container.mounts);

	*m = (struct mount){
		.kind = kind, .source = source, .target = target, .size = SIZE_UNSET, .mode = 01777
	};
	return m;
}

size_t position(const struct fixture *f, enum mount_class cls, const char *target)
{
	for (size_t i = 0; i < f->plan.n_mounts; i++)
		if (f->plan.mounts[i].cls == cls && strcmp(f->plan.mounts[i].target, target) == 0)
			return i;
	return SIZE_MAX;
}

const struct mount_op *find_mount(const struct fixture *f, enum mount_class cls, const char *target)
{
	size_t i = position(f, cls, target);

	return i != SIZE_MAX ? &f->plan.mounts[i] : NULL;
}

const struct cgroup_write *find_write(const struct fixture *f, const char *file)
{
	const struct cgroup_write *found = NULL;

	for (size_t i = 0; i < f->plan.n_cgroup; i++)
		if (strcmp(f->plan.cgroup[i].file, file) == 0) {
			assert_null(found); /* at most one write a file */
			found = &f->plan.cgroup[i];
		}
	return found;
}

const char *find_cgroup(const struct fixture *f, const char *file)
{
	const struct cgroup_write *found = find_write(f, file);

	return found != NULL ? found->value : NULL;
}

const char *find_variable(const struct fixture *f, const char *name)
{
	return env_get(f->plan.envp, name, strlen(name));
}

void assert_argv(const struct fixture *f, ...)
{
	const char *expected;
	size_t n = 0;
	va_list ap;

	va_start(ap, f);
	while ((expected = va_arg(ap, const char *)) != NULL) {
		assert_non_null(f->plan.argv[n]);
		assert_string_equal(f->plan.argv[n++], expected);
	}
	va_end(ap);
	assert_null(f->plan.argv[n]);
}

void assert_error(struct fixture *f, const char *part)
{
	assert_int_equal(plan_role(f, ROLE_MAIN, 0), -1);
	if (strstr(f->err.msg, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f->err.msg, part);
}
