/* What the tests of planning share: a sound container unit made by hand, and ways to look into its plan. */
#ifndef TESTS_PLAN_FIXTURE_H
#define TESTS_PLAN_FIXTURE_H

#include "supervisor/core/plan/plan_parts.h"

struct fixture {
	struct arena arena;
	struct unit unit;
	struct image_section image;
	struct facts facts;
	struct plan plan;
	struct err err;
};

#define TEST(name) cmocka_unit_test_setup_teardown(name, plan_setup, plan_teardown)

int plan_setup(void **state);
int plan_teardown(void **state);

/* Each plans the unit: as it should be, or with an error that has `part` in its text. */
int plan_role(struct fixture *f, enum role role, uint32_t index);
void plan_main(struct fixture *f);
void assert_error(struct fixture *f, const char *part);

/* Changes of the unit. */
struct quantity unset(void);
void make_service(struct fixture *f);
struct command *add_command(struct fixture *f, struct commands *list, const char *path);
struct mount *add_mount(struct fixture *f, enum mount_kind kind, const char *source,
	const char *target);

/* Looks into the plan: NULL, or SIZE_MAX, when there is no such thing. */
size_t position(const struct fixture *f, enum mount_class cls, const char *target);
const struct mount_op *find_mount(const struct fixture *f, enum mount_class cls,
	const char *target);
const struct cgroup_write *find_write(const struct fixture *f, const char *file);
const char *find_cgroup(const struct fixture *f, const char *file);
const char *find_variable(const struct fixture *f, const char *name);
/* Ends with NULL. */
void assert_argv(const struct fixture *f, ...);

#endif
