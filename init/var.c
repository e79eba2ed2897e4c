#include "init/var.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "init/clock.h"
#include "init/signals.h"
#include "init/text.h"
#include "init/words.h"

#define TARGET "/var"
#define TYPE_DEFAULT "ext4"
#define APPEAR_NS (10 * NSEC_PER_SEC)
#define MOUNT_NS (90 * NSEC_PER_SEC) /* a journal may have to be replayed */
#define POLL_NS 20000000L

/* The nodes of a disk come when its driver has found it, which nobody tells us. */
static void await_node(const char *path)
{
	uint64_t until = clock_now_ns() + APPEAR_NS;
	const struct timespec pause = { .tv_nsec = POLL_NS };
	struct stat st;

	while (stat(path, &st) < 0 && errno == ENOENT && clock_now_ns() < until)
		(void)nanosleep(&pause, NULL);
}

static _Noreturn void mount_it(const char *device, const char *type, const struct console *c)
{
	await_node(device);
	(void)mkdir(TARGET, 0755);
	if (mount(device, TARGET, type, MS_NOSUID | MS_NODEV, NULL) < 0)
		console_say(c, "mount %s (%s) on " TARGET ": %m, going on without", device, type);
	_exit(0);
}

/* In a child: a disk that does not answer would keep us for ever. */
void var_mount(const char *word, const struct console *c)
{
	char device[WORD_MAX];
	uint64_t until = clock_now_ns() + MOUNT_NS;
	const char *type = TYPE_DEFAULT;
	char *colon;
	pid_t pid;

	if (word[0] == '\0')
		return;
	memcpy(device, word, strlen(word) + 1);
	colon = strchr(device, ':');
	if (colon != NULL) {
		*colon = '\0';
		type = colon + 1;
	}
	pid = fork();
	if (pid == 0)
		mount_it(device, type, c);
	if (pid < 0)
		console_say(c, "mount %s on " TARGET ": %m, going on without", device);
	while (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
		if (clock_now_ns() >= until) {
			console_say(c, "mount %s on " TARGET ": it hangs, going on without",
				device);
			return;
		}
		(void)signals_next(until);
	}
}
