/* .mount units: their names, the rules between their keys, what waits for them, and the commands they come to. */
#include "common/util.h"
#include "supervisor/core/unit/mountoptions.h"
#include "tests/unit/engine_world.h"
#include "tests/unit/units_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#define AT(where) "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=" where "\n"

/* As systemd-escape --path --suffix=mount has them. */
static void test_names_of_paths(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{ "/srv/data", "srv-data.mount" },
		{ "//srv///data//", "srv-data.mount" },
		{ "/", "-.mount" },
		{ "/srv/my-data", "srv-my\\x2ddata.mount" },
		{ "/.hidden/.too", "\\x2ehidden-.too.mount" },
		{ "/a b/\xc3\xa4:_.9", "a\\x20b-\\xc3\\xa4:_.9.mount" },
	};
	static const char deep[] = "/one-two/one-two/one-two/one-two/one-two/one-two";
	char name[UNIT_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(unit_name_of_path(cases[i].path, KIND_MOUNT, name), 0);
		assert_string_equal(name, cases[i].name);
	}
	assert_int_equal(unit_name_of_path(deep, KIND_MOUNT, name), -1);
}

static void test_rules_between_keys(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set,
		"a.mount:4:1: error: Where=/srv/data: the name of the unit has to be srv-data.mount\n"
		"proc.mount:4:1: error: Where=: /proc is mounted by init\n"
		"srv-a.mount:2:1: error: What=UUID=1-2: nothing looks for such words here; name the device, "
		"as /dev/vda1\n"
		"srv-b.mount:4:1: warning: Options=: \"nofail\" does nothing here\n"
		"srv-b.mount:4:1: warning: Options=: \"x-systemd.automount\" does nothing here\n"
		"srv-b.mount:4:1: error: Options=: \"remount\" is nothing that a unit could do\n"
		"srv-c.mount:2:1: error: What=a: Options=bind needs an absolute path\n"
		"srv-d.mount: error: there is no What= in [Mount]\n"
		"srv-d.mount: error: there is no Where= in [Mount]\n",
		{ "a.mount", AT("/srv/data") }, { "proc.mount", AT("/proc") },
		{ "srv-a.mount", "[Mount]\nWhat=UUID=1-2\nWhere=/srv/a\n" },
		{ "srv-b.mount",
			"[Mount]\nWhat=/dev/a\nWhere=/srv/b\nOptions=ro,nofail,x-systemd.automount,remount\n" },
		{ "srv-c.mount", "[Mount]\nWhat=a\nWhere=/srv/c\nOptions=bind\n" },
		{ "srv-d.mount", "[Mount]\n" });
	unit_set_free(&set);
	FIXTURE_BUILD(&set,
		"srv-a.mount:5:1: warning: SloppyOptions= is not done here; options that are not known go to "
		"the file system, which judges them\n",
		{ "srv-a.mount", AT("/srv/./a//") "SloppyOptions=yes\n" });
	assert_string_equal(fixture_unit(&set, "srv-a.mount")->mount.where, "/srv/a");
	unit_set_free(&set);
}

static void test_who_waits_for_it(void **state)
{
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set, "",
		{ "srv-data.mount", AT("/srv/data") "[Install]\nWantedBy=local-fs.target\n" },
		{ "srv-data-more.mount", AT("/srv/data/more") },
		{ "mnt.mount", "[Mount]\nWhat=/srv/data/disk.img\nWhere=/mnt\n" },
		{ "web.container",
			"[Container]\nImage=a\nNetwork=none\nVolume=/srv/data/more/x:/x\nVolume=/srv/database:/y\n" },
		{ "root.container", "[Container]\nRootfs=/mnt/root:O\nNetwork=none\n" },
		{ "a.service",
			"[Unit]\nWantsMountsFor=/srv/data\n[Service]\nWorkingDirectory=/mnt\nExecStart=/bin/a\n" });
	assert_true(fixture_has_edge(&set, "default.target", DEP_WANTS, "srv-data.mount"));
	assert_true(fixture_has_edge(&set, "srv-data-more.mount", DEP_REQUIRES, "srv-data.mount"));
	assert_true(fixture_has_edge(&set, "srv-data-more.mount", DEP_AFTER, "srv-data.mount"));
	assert_false(fixture_has_edge(&set, "srv-data.mount", DEP_REQUIRES, "srv-data-more.mount"));
	assert_true(fixture_has_edge(&set, "mnt.mount", DEP_REQUIRES, "srv-data.mount"));
	assert_true(fixture_has_edge(&set, "web.container", DEP_REQUIRES, "srv-data.mount"));
	assert_true(fixture_has_edge(&set, "web.container", DEP_AFTER, "srv-data-more.mount"));
	assert_false(fixture_has_edge(&set, "web.container", DEP_REQUIRES, "mnt.mount"));
	assert_true(fixture_has_edge(&set, "root.container", DEP_REQUIRES, "mnt.mount"));
	assert_false(fixture_has_edge(&set, "root.container", DEP_REQUIRES, "srv-data.mount"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_WANTS, "srv-data.mount"));
	assert_true(fixture_has_edge(&set, "a.service", DEP_REQUIRES, "mnt.mount"));
	unit_set_free(&set);
}

static void assert_command(const struct commands *list, const char *expected)
{
	char line[256];
	struct text t = { line, sizeof(line), 0 };

	assert_int_equal(list->n, 1);
	for (size_t i = 0; i < list->v->argv.n; i++) {
		text_separate(&t, " ");
		text_puts(&t, list->v->argv.v[i]);
	}
	assert_string_equal(line, expected);
}

static void test_the_commands(void **state)
{
	const struct unit *u;
	struct unit_set set;

	(void)state;
	FIXTURE_BUILD(&set, "", { "srv-a.mount", "[Mount]\nWhat=/dev/vdb\nWhere=/srv/a\n" },
		{ "srv-b.mount",
			"[Mount]\nWhat=/srv/a\nWhere=/srv/b\nOptions=rbind,ro\nTimeoutSec=0\nDirectoryMode=700\n"
			"ReadWriteOnly=yes\nLazyUnmount=yes\nForceUnmount=yes\nType=none\n" });
	u = fixture_unit(&set, "srv-a.mount");
	assert_command(&u->service.exec_start,
		"supervisor mount /dev/vdb /srv/a auto defaults 0755 81000 ro-too");
	assert_command(&u->service.exec_stop, "supervisor unmount /srv/a now ask");
	assert_true(u->service.timeout_start == 90 * USEC_PER_SEC);
	u = fixture_unit(&set, "srv-b.mount");
	assert_command(&u->service.exec_start,
		"supervisor mount /srv/a /srv/b bind rbind,ro 0700 -1 rw");
	assert_command(&u->service.exec_stop, "supervisor unmount /srv/b lazy force");
	assert_true(u->service.timeout_stop == TIME_INFINITY);
	unit_set_free(&set);
}

static void test_options(void **state)
{
	char data[64];
	struct text t = { data, sizeof(data), 0 };
	struct mount_options o;

	(void)state;
	mount_options_read(&o,
		"ro,noexec,,size=1M,exec,noatime,relatime,rslave,context=\"a,b\",x-y=z,nofail", &t);
	assert_true(o.flags == (MS_RDONLY | MS_RELATIME));
	assert_true(o.propagation == (MS_SLAVE | MS_REC));
	assert_false(o.bind);
	assert_string_equal(data, "size=1M,context=\"a,b\"");
	t.len = 0;
	data[0] = '\0';
	mount_options_read(&o, "rbind,ro,defaults,nosuid", &t);
	assert_true(o.flags == (MS_BIND | MS_REC | MS_NOSUID));
	assert_true(o.bind);
	assert_string_equal(data, "");
}

/* ---- in the engine */

enum { MOUNT, BOUND };

static struct world *mounted(void)
{
	struct world *w = world_new(2);
	struct unit *unit = world_add(w, "srv.mount", KIND_MOUNT);

	unit->service.type = TYPE_ONESHOT;
	unit->service.remain_after_exit = true;
	world_commands(w, &unit->service.exec_start, 1);
	world_add(w, "a.service", KIND_SERVICE);
	world_edge(w, BOUND, DEP_BINDS_TO, MOUNT);
	world_edge(w, BOUND, DEP_AFTER, MOUNT);
	return w;
}

static void test_taken_away_by_somebody_else(void **state)
{
	struct world *w = mounted();

	(void)state;
	world_begin(w);
	world_command(w, EV_START, BOUND, 1);
	assert_int_equal(world_state(w, MOUNT), ST_START);
	world_exit(w, MOUNT, 0);
	assert_int_equal(world_state(w, MOUNT), ST_RUNNING);
	assert_int_equal(world_state(w, BOUND), ST_RUNNING);
	world_event(w,
		&(struct event){ .kind = EV_SETUP_FAILED,
			.unit = MOUNT,
			.text = "unmounted by somebody else" });
	assert_int_equal(world_state(w, BOUND), ST_INACTIVE);
	assert_string_equal(engine_run(w->engine, BOUND)->cause, "stopped with srv.mount");
	assert_int_equal(world_state(w, MOUNT), ST_INACTIVE);
	assert_false(engine_run(w->engine, MOUNT)->failed);
	assert_string_equal(engine_run(w->engine, MOUNT)->cause, "unmounted by somebody else");
	world_free(w);
}

static void test_its_last_line_is_the_cause(void **state)
{
	struct world *w = mounted();

	(void)state;
	world_begin(w);
	world_command(w, EV_START, MOUNT, 1);
	w->actors[MOUNT].main = false;
	world_event(w,
		&(struct event){ .kind = EV_EXITED,
			.unit = MOUNT,
			.role = ROLE_MAIN,
			.status = 1 << 8,
			.text = "mount /dev/vdb at /srv: Invalid argument" });
	world_event(w, &(struct event){ .kind = EV_EMPTY, .unit = MOUNT });
	assert_int_equal(world_state(w, MOUNT), ST_FAILED);
	assert_string_equal(engine_run(w->engine, MOUNT)->cause,
		"mount /dev/vdb at /srv: Invalid argument");
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_paths),
		cmocka_unit_test(test_rules_between_keys),
		cmocka_unit_test(test_who_waits_for_it),
		cmocka_unit_test(test_the_commands),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_taken_away_by_somebody_else),
		cmocka_unit_test(test_its_last_line_is_the_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
