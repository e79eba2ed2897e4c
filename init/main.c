/*
 * init: PID 1. Keeps the supervisor alive, is the parent and the only reaper of every service, holds
 * what must survive, ends the machine. It has no heap, no stdio and no way to exit.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/rest.h"
#include "common/util.h"
#include "init/boot.h"
#include "init/clock.h"
#include "init/command.h"
#include "init/end.h"
#include "init/init.h"
#include "init/reap.h"
#include "init/signals.h"

#define SIGNALS_A_TURN 64

/* Without the signal descriptor the loop has to look by itself. */
#define BLIND_NS NSEC_PER_SEC
#define BREATH_NS 10000000L

static uint64_t next_due(const struct init *init, uint64_t now_ns)
{
	uint64_t due = supervise_due(&init->supervise);

	if (request_due(&init->request) < due)
		due = request_due(&init->request);
	if (watchdog_due(init) < due)
		due = watchdog_due(init);
	if (init->signal_fd < 0 && now_ns + BLIND_NS < due)
		due = now_ns + BLIND_NS;
	return due;
}

static void wait_for_work(const struct init *init, bool busy)
{
	uint64_t now = clock_now_ns();
	uint64_t due = busy ? now : next_due(init, now);
	struct timespec wait = clock_until(due, now);
	struct timespec breath = { .tv_nsec = BREATH_NS };
	struct pollfd fds[] = {
		{ .fd = init->signal_fd, .events = POLLIN },
		{ .fd = init->wire.fd, .events = POLLIN },
	};

	if (wire_wants_out(&init->wire))
		fds[1].events |= POLLOUT;
	/* It fails for want of kernel memory; then the loop must not spin. */
	if (ppoll(fds, ARRAY_LEN(fds), due == CLOCK_NEVER ? NULL : &wait, NULL) < 0 &&
		errno != EINTR)
		(void)nanosleep(&breath, NULL);
}

static void take_signals(struct init *init)
{
	int signo;

	for (int i = 0; i < SIGNALS_A_TURN && (signo = signals_next(0)) != 0; i++)
		request_signal(init, signo, clock_now_ns());
}

/* It looks at everything, whatever woke it: no event can be missed for want of its wake-up. */
static void turn(struct init *init, bool *busy)
{
	supervise_turn(init, clock_now_ns());
	wire_send(init);
	wait_for_work(init, *busy);
	take_signals(init);
	*busy = reap_ended(init);
	wire_receive(init);
	request_turn(init, clock_now_ns());
	watchdog_turn(init, clock_now_ns());
	crash_turn(init);
	reexec_turn(init);
}

static _Noreturn void loop(struct init *init)
{
	/* The one before may have taken the signal and not done what it was for. */
	bool busy = true;

	rest_stack();
	while (init->wire.end == 0)
		turn(init, &busy);
	end_machine(init);
}

int main(int argc, char *argv[])
{
	static struct fault fault;
	static struct init spare;
	struct init *init;

	if (argc > 1)
		command_take_name(argv[1]);
	signals_block();
	if (command_wanted(argv) || getpid() != 1)
		return command_run(argv, &fault);
	crash_open(&fault, argv[0]);
	console_fill_stdio();
	init = state_open(&spare, argv);
	init->name = argv[0];
	fault.data = init;
	boot(init);
	loop(init);
}
