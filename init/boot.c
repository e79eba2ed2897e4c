#include "init/boot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "init/cgroups.h"
#include "init/file.h"
#include "init/init.h"
#include "init/modules.h"
#include "init/mounts.h"
#include "init/signals.h"
#include "init/text.h"
#include "init/var.h"

#define OOM_NEVER "-1000"
#define OPEN_FILES 524288 /* what service managers give; HOLD_MAX must fit well */

/*
 * On the device this takes Ctrl-Alt-Del from the kernel. Elsewhere it cannot: EINVAL in a PID name
 * space of its own (reboot(2)), EPERM without the privilege.
 */
static void take_place(struct init *init)
{
	bool own = reboot(RB_DISABLE_CAD) == 0;

	init->container = !own || getenv("container") != NULL;
	init->console.device = !init->container;
}

static void mount_early(struct init *init)
{
	(void)umask(0022);
	(void)chdir("/");
	if (!init->container)
		mounts_leave_rootfs(&init->console);
	mounts_make(&init->console);
}

static void take_console(struct init *init)
{
	if (!init->container)
		console_attach_stdio();
}

/* In a container the kernel's command line is the host's. */
static void read_words(struct init *init)
{
	words_default(&init->words);
	if (!init->container)
		words_read(&init->words, &init->console);
	init->console.quiet = init->words.quiet;
}

static void raise_limits(struct init *init)
{
	struct rlimit files = { OPEN_FILES, OPEN_FILES };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	/* Without the privilege to raise it: as far as it goes. */
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)setrlimit(RLIMIT_FSIZE, &all);
	if (file_write("/proc/self/oom_score_adj", OOM_NEVER) < 0 && !init->container)
		console_say(&init->console, "oom_score_adj: %m, going on without");
}

static void name_host(struct init *init)
{
	char file[WORD_MAX];
	char *rest = file;
	const char *name = init->words.hostname;

	if (name[0] == '\0' && file_read("/etc/hostname", file, sizeof(file)) > 0)
		name = text_word(&rest);
	if (name == NULL || name[0] == '\0')
		return;
	if (sethostname(name, strlen(name)) < 0 && !init->container)
		console_say(&init->console, "hostname %s: %m", name);
}

static void load_modules(struct init *init)
{
	if (!init->container)
		modules_load(&init->console);
}

static void start_watchdog(struct init *init)
{
	watchdog_boot(init);
}

static void mount_var(struct init *init)
{
	var_mount(init->words.var, &init->console);
}

static void make_cgroups(struct init *init)
{
	cgroups_make(&init->console);
}

static void open_signals(struct init *init)
{
	init->signal_fd = signals_open();
}

void boot(struct init *init)
{
	/* Once a boot, or in each process image that a crash or an upgrade brings. */
	static const struct {
		void (*run)(struct init *);
		bool each;
	} steps[] = {
		{ take_place, true },
		{ mount_early, false },
		{ take_console, false },
		{ read_words, true },
		{ state_resume, true },
		{ raise_limits, false },
		{ name_host, false },
		{ load_modules, false },
		{ start_watchdog, false },
		{ mount_var, false },
		{ make_cgroups, false },
		{ open_signals, true },
	};

	for (unsigned int i = 0; i < ARRAY_LEN(steps); i++) {
		bool begun = i < init->self.booted;

		if (begun && !steps[i].each)
			continue;
		/* A step that init crashes over is a step that failed: the boot goes on behind it. */
		if (!begun)
			init->self.booted = i + 1;
		steps[i].run(init);
	}
}
