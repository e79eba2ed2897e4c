#include "init/request.h"

#include <signal.h>

#include "common/util.h"
#include "init/clock.h"
#include "init/init.h"
#include "init/signals.h"

#define PATIENCE_NS (300 * NSEC_PER_SEC)
#define PRESSES 7
#define PRESSES_NS (2 * NSEC_PER_SEC)

static const struct {
	int signo;
	enum wire_end device;
	const char *name;
} table[] = {
	{ SIGINT, END_REBOOT, "Ctrl-Alt-Del" },
	{ SIGTERM, END_POWEROFF, "SIGTERM" },
	{ SIGPWR, END_POWEROFF, "SIGPWR" },
	{ SIGNAL_RTMIN + 3, END_HALT, "SIGRTMIN+3" },
	{ SIGNAL_RTMIN + 4, END_POWEROFF, "SIGRTMIN+4" },
	{ SIGNAL_RTMIN + 5, END_REBOOT, "SIGRTMIN+5" },
	{ SIGNAL_RTMIN + 6, END_KEXEC, "SIGRTMIN+6" },
};

static void end_now(struct init *init, const char *why)
{
	console_say(&init->console, "%s: not waiting for the supervisor any longer", why);
	init->wire.end = init->request.end;
	init->wire.end_status = 0;
}

/* An impatient hand on the keyboard. */
static void count_press(struct init *init, uint64_t now_ns)
{
	struct request *r = &init->request;

	if (now_ns - r->first_ns > PRESSES_NS) {
		r->first_ns = now_ns;
		r->presses = 0;
	}
	if (++r->presses >= PRESSES)
		end_now(init, "Ctrl-Alt-Del seven times");
}

void request_signal(struct init *init, int signo, uint64_t now_ns)
{
	struct request *r = &init->request;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].signo != signo)
			continue;
		/* The first request starts the clock: repeating it must not put the end off. */
		if (r->end == 0) {
			r->patience_ns = now_ns + PATIENCE_NS;
			console_note(&init->console, "%s: asking the supervisor to stop all units",
				table[i].name);
		}
		r->end = init->container ? END_EXIT : table[i].device;
		init->wire.request = true;
		if (signo == SIGINT)
			count_press(init, now_ns);
		return;
	}
}

void request_turn(struct init *init, uint64_t now_ns)
{
	const struct request *r = &init->request;

	if (r->end == 0 || init->wire.end != 0)
		return;
	if (supervise_hopeless(&init->supervise))
		end_now(init, "it does not run");
	else if (now_ns >= r->patience_ns)
		end_now(init, "no answer");
}

uint64_t request_due(const struct request *r)
{
	return r->end != 0 ? r->patience_ns : CLOCK_NEVER;
}

void request_resume(struct init *init)
{
	struct request *r = &init->request;
	uint64_t now = clock_now_ns();
	struct request before;

	if (!state_read(init, STATE_REQUEST, 0, &before, sizeof(before)) ||
		!wire_end_is_known((int)before.end))
		return;
	r->end = before.end;
	r->patience_ns = state_at_most(before.patience_ns, now + PATIENCE_NS);
	r->presses = (unsigned int)state_at_most(before.presses, PRESSES - 1);
	r->first_ns = state_at_most(before.first_ns, now);
}
