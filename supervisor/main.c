/*
 * The supervisor. Started by init with the wire on descriptor 3 and the roster on 4; or by hand, to check
 * unit files: `supervisor check FILE...`.
 */
#include "supctl/main.h"
#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/rest.h"
#include "supervisor/calendar.h"
#include "supervisor/check.h"
#include "supervisor/mount.h"
#include "supervisor/resolver.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/recover/adopt.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/wall.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WELL_MS 4000 /* after so long a fault is not that of the state it began with */

static int make_folders(struct supervisor *s, struct err *e)
{
	static const struct {
		const char *path;
		mode_t mode;
	} folders[] = {
		{ PATH_RUN, 0755 },
		{ PATH_MOUNTED, 0700 },
		{ PATH_FILES, 0755 },
		{ PATH_NAMES, 0755 },
		{ PATH_NOTIFY, 0755 },
		{ PATH_INSTANCES, 0755 },
		{ PATH_STATE, 0700 },
		{ "/var/lib", 0755 },
		{ "/var/lib/sup", 0755 },
		{ PATH_VOLUMES, 0711 },
		{ PATH_STATE_VAR, 0700 },
		{ "/var/log", 0755 },
	};

	(void)s;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		bool made = mkdir(folders[i].path, folders[i].mode) == 0;

		/* /var may be read-only: what needs it says so when it is used */
		if (!made && errno != EEXIST && strncmp(folders[i].path, "/var", 4) != 0)
			return err_set(e, "mkdir %s", folders[i].path);
		if (made && strcmp(folders[i].path, PATH_STATE_VAR) == 0)
			(void)mknod(PATH_FIRST_BOOT, S_IFREG | 0644, 0);
	}
	return 0;
}

static int map_roster(struct supervisor *s, struct err *e)
{
	struct roster *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED, ROSTER_FD, 0);

	if (r == MAP_FAILED)
		return err_set(e,
			"map the roster on descriptor %d (only init starts the supervisor)",
			ROSTER_FD);
	if (r->magic != ROSTER_MAGIC || r->version != ROSTER_VERSION || r->slots != ROSTER_SLOTS)
		return err_setx(e, "the roster on descriptor %d is of another version", ROSTER_FD);
	e->msg[0] = '\0';
	if (launcher_open(&s->launcher, r, PATH_INIT, e) < 0 || peek_open(&s->peek, e) < 0)
		return -1;
	s->launcher.hold = process_hold;
	s->launcher.data = s;
	if (e->msg[0] != '\0')
		/* once is enough for the console */
		journal_err(s, atomic_load(&r->lives) > 1 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
			NULL, e);
	return 0;
}

static int open_journal(struct supervisor *s, struct err *e)
{
	s->console = STDERR_FILENO;
	s->logs.console = journal_service;
	s->logs.trouble = journal_trouble;
	s->logs.data = s;
	if (logs_open(&s->logs, &s->loop, held_take(s, "spool", "logs"), e) < 0)
		return -1;
	if (s->logs.spool.fresh && link_hold(&s->link, "spool", "logs", s->logs.spool.fd, e) < 0)
		return -1;
	log_open(&s->journal, &s->logs, "supervisor");
	if (s->logs.spool.foreign)
		journal(s, LOG_LEVEL_WARNING, NULL,
			"the spool of the supervisor before is of another version: lines that it had read and not "
			"stored yet are lost");
	return 0;
}

static void on_reaped(void *data)
{
	processes_reap(data);
}

static void on_request(void *data, int end)
{
	struct supervisor *s = data;

	if (s->engine == NULL) {
		s->ending = end; /* asked for while we start: done at once when we are up */
		return;
	}
	/* init asks each new supervisor again: what is under way needs no hurry for that */
	if (s->ending_kept == end) {
		s->ending_kept = 0;
		return;
	}
	s->ending = end;
	engine_shutdown(s->engine, end, now_us());
	perform_all(s);
}

static void on_resumed(void *data, unsigned int crashes, int error)
{
	struct supervisor *s = data;

	if (s->control == NULL) {
		/* while the descriptors are taken there is no journal yet */
		s->init_crashes = crashes;
		return;
	}
	adopt_init_crashes(s, crashes);
	keep_commit(s);
	control_resumed(s, error);
}

static int open_link(struct supervisor *s, struct err *e)
{
	const struct link_events on = {
		.reaped = on_reaped, .request = on_request, .resumed = on_resumed, .data = s
	};

	return link_open(&s->link, &s->loop, WIRE_FD, &on, held_add, e);
}

static void on_well(uv_timer_t *timer)
{
	keep_well(timer->data);
}

static int begin(struct supervisor *s, struct err *e)
{
	if (supervise_begin(s, e) < 0)
		return -1;
	link_well(&s->link);
	KILL_POINT("begin-well");
	s->well.data = s;
	(void)uv_timer_init(&s->loop, &s->well);
	(void)uv_timer_start(&s->well, on_well, WELL_MS, 0);
	pulse_open(s);
	if (s->ending != 0)
		on_request(s, s->ending);
	return 0;
}

static int run(struct supervisor *s, struct err *e)
{
	static int (*const steps[])(struct supervisor * s, struct err * e) = {
		make_folders,
		open_link,
		open_journal,
		map_roster,
		networks_open,
		watch_open,
		names_open,
		wall_open,
		mounts_open,
		control_open,
		rest_open,
		begin,
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i](s, e) < 0)
			return -1;
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	return err_setx(e, "the loop ended");
}

/*
 * One file serves both: what they share (the libc, JSON, the words of states) would else be on the device twice, for
 * a tenth of its size.
 */
static bool called_supctl(const char *name)
{
	const char *slash = name != NULL ? strrchr(name, '/') : NULL;

	return name != NULL && strcmp(slash != NULL ? slash + 1 : name, "supctl") == 0;
}

/*
 * jansson 2.14 goes on without what it has no memory for: a name in a call is cut short, an answer lacks a member. As with the
 * arena, the program ends instead, and the next supervisor goes on.
 */
static void *memory(size_t size)
{
	void *p = malloc(size);

	if (p == NULL)
		abort();
	return p;
}

int main(int argc, char **argv)
{
	struct supervisor *s;
	struct err e;

	rest_seal();
	json_set_alloc_funcs(memory, free);
	if (called_supctl(argv[0]))
		return supctl_main(argc, argv);

	if (argc > 1 && strcmp(argv[1], "calendar") == 0)
		return calendar_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return check_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "mount") == 0)
		return mount_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "unmount") == 0)
		return unmount_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "resolver") == 0)
		return resolver_main(argc - 2, argv + 2);
	if (argc > 1) {
		(void)fprintf(stderr,
			"usage: supervisor (by init)\n       supervisor check [--json] FILE...\n"
			"       supervisor calendar [--json] EXPRESSION [TIMES]\n");
		return 2;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL || uv_loop_init(&s->loop) != 0)
		return 1;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	(void)run(s, &e);
	(void)dprintf(STDERR_FILENO, "sup: supervisor: %s\n", e.msg);
	return 1;
}
