/*
 * The simulated kernel: what the engine orders is done late, badly or not at all, but always within what
 * engine.h says that sys/ owes. What will happen waits in a heap by time.
 */
#include "tests/sim/sim.h"

#include "common/util.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_CODE(code) ((code) << 8)

/* ---- what will happen */

static bool before(const struct happening *a, const struct happening *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void swap(struct happening *a, struct happening *b)
{
	struct happening c = *a;

	*a = *b;
	*b = c;
}

static void plan(struct sim *s, uint64_t delay, struct happening h)
{
	size_t i = s->n_queue++;

	if (s->n_queue > s->queue_room) {
		s->queue_room = 2 * s->n_queue + 64;
		s->queue = realloc(s->queue, s->queue_room * sizeof(*s->queue));
	}
	h.when = s->now + delay;
	h.supervisor = s->supervisor;
	h.order = s->order++;
	s->queue[i] = h;
	for (; i > 0 && before(&s->queue[i], &s->queue[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&s->queue[i], &s->queue[(i - 1) / 2]);
}

static struct happening take(struct sim *s)
{
	struct happening first = s->queue[0];
	size_t i = 0, child;

	s->queue[0] = s->queue[--s->n_queue];
	while ((child = 2 * i + 1) < s->n_queue) {
		if (child + 1 < s->n_queue && before(&s->queue[child + 1], &s->queue[child]))
			child++;
		if (!before(&s->queue[child], &s->queue[i]))
			break;
		swap(&s->queue[child], &s->queue[i]);
		i = child;
	}
	return first;
}

uint64_t kernel_next(const struct sim *s)
{
	return s->n_queue == 0 ? TIME_INFINITY : s->queue[0].when;
}

/* ---- chance */

static bool goes_wrong(struct sim *s, uint32_t permille)
{
	return s->faults && dice_permille(&s->dice, permille);
}

static uint64_t a_while(struct sim *s, const struct box *b)
{
	return dice_time(&s->dice, s->faults ? b->manners.slowness : MS);
}

static uint32_t index_of(const struct sim *s, const struct box *b)
{
	return (uint32_t)(b - s->boxes);
}

static const struct unit *unit_in(const struct sim *s, const struct box *b)
{
	return unit_of(s->engine, b->unit);
}

/* ---- the end of processes */

static bool is_empty(const struct box *b)
{
	for (size_t r = 0; r < ROLE_COUNT; r++)
		if (b->procs[r].live)
			return false;
	return b->strays == 0;
}

static void plan_empty(struct sim *s, struct box *b)
{
	const struct happening h = { .kind = EV_EMPTY, .box = index_of(s, b) };

	plan(s, a_while(s, b) / 4, h);
	if (goes_wrong(s, 100))
		plan(s, a_while(s, b), h);
}

static void plan_exit(struct sim *s, struct box *b, enum role role, uint64_t delay, int32_t status)
{
	plan(s, delay,
		(struct happening){ .kind = EV_EXITED,
			.box = index_of(s, b),
			.birth = b->procs[role].birth,
			.role = role,
			.status = status });
}

static void plan_word(struct sim *s, struct box *b, uint64_t delay, enum word word)
{
	plan(s, delay,
		(struct happening){ .kind = EV_NOTIFY,
			.box = index_of(s, b),
			.birth = b->procs[ROLE_MAIN].birth,
			.role = ROLE_MAIN,
			.word = word });
}

static int32_t bad_status(struct sim *s)
{
	static const int32_t statuses[] = { EXIT_CODE(1), EXIT_CODE(2), EXIT_CODE(3), SIGSEGV,
		SIGABRT, SIGKILL, 0 };

	return statuses[dice_roll(&s->dice, ARRAY_LEN(statuses))];
}

/* ---- the life of a process */

static void plan_words(struct sim *s, struct box *b)
{
	uint32_t words = goes_wrong(s, b->manners.mute) ? 0 : 1;
	uint64_t delay = a_while(s, b);

	if (goes_wrong(s, b->manners.late))
		delay += dice_time(&s->dice, 100 * SEC);
	if (goes_wrong(s, b->manners.twice))
		words++;
	for (uint32_t i = 0; i < words; i++)
		plan_word(s, b, delay + i * a_while(s, b), WORD_READY);
	if (unit_in(s, b)->service.watchdog != 0 && !goes_wrong(s, b->manners.mute))
		plan_word(s, b, unit_in(s, b)->service.watchdog / 2, WORD_WATCHDOG);
	if (goes_wrong(s, b->manners.chatty))
		plan_word(s, b, 2 * delay, (enum word)(WORD_RELOADING + dice_roll(&s->dice, 4)));
}

static void plan_main(struct sim *s, struct box *b)
{
	const struct unit *unit = unit_in(s, b);
	bool wrong = goes_wrong(s, b->manners.crash);

	plan_words(s, b);
	if (engine_type(unit) == TYPE_ONESHOT)
		plan_exit(s, b, ROLE_MAIN, a_while(s, b), wrong ? bad_status(s) : 0);
	else if (wrong)
		plan_exit(s, b, ROLE_MAIN, dice_time(&s->dice, 40 * a_while(s, b) + 1),
			bad_status(s));
	if (goes_wrong(s, b->manners.hungry))
		plan(s, 10 * a_while(s, b),
			(struct happening){ .kind = EV_OOM, .box = index_of(s, b) });
}

static void plan_helper(struct sim *s, struct box *b, enum role role)
{
	if (goes_wrong(s, b->manners.helper_hangs))
		return;
	plan_exit(s, b, role, a_while(s, b),
		goes_wrong(s, b->manners.helper_fails) ? bad_status(s) : 0);
}

static void born(struct sim *s, struct box *b, enum role role)
{
	struct process *p = &b->procs[role];

	*p = (struct process){ .live = true, .birth = p->birth + 1 };
	p->pid = (int32_t)(2 + s->n_pids++);
	p->deaf = goes_wrong(s, b->manners.deaf);
	p->stuck = goes_wrong(s, b->manners.stuck);
	sim_event(s,
		&(struct event){
			.kind = EV_SPAWNED, .unit = b->unit, .role = role, .pid = p->pid });
	if (goes_wrong(s, b->manners.bad_step)) {
		plan(s, a_while(s, b) / 8,
			(struct happening){ .kind = EV_SPAWN_FAILED,
				.box = index_of(s, b),
				.birth = p->birth,
				.role = role });
		plan_exit(s, b, role, a_while(s, b) / 8 + 1, EXIT_CODE(125));
		return;
	}
	plan(s, a_while(s, b) / 8,
		(struct happening){ .kind = EV_EXECED,
			.box = index_of(s, b),
			.birth = p->birth,
			.role = role });
	if (role == ROLE_MAIN)
		plan_main(s, b);
	else
		plan_helper(s, b, role);
}

static void spawn_answered(struct sim *s, struct box *b, enum role role)
{
	struct process *p = &b->procs[role];

	p->asked = false;
	if (!goes_wrong(s, b->manners.no_spawn)) {
		born(s, b, role);
		return;
	}
	sim_event(s,
		&(struct event){ .kind = EV_SPAWN_FAILED,
			.unit = b->unit,
			.role = role,
			.text = "clone3: Resource temporarily unavailable" });
}

/* ---- what comes due */

static void exited(struct sim *s, struct box *b, const struct happening *h)
{
	struct process *p = &b->procs[h->role];
	int32_t pid = p->pid;

	*p = (struct process){ .birth = p->birth };
	if (goes_wrong(s, b->manners.strays)) {
		b->strays += 1 + dice_roll(&s->dice, 3);
		b->deaf_strays = goes_wrong(s, 500);
	}
	/* Children of a container's PID 1 die with it. */
	if (b->unit != NO_UNIT && unit_in(s, b)->kind == KIND_CONTAINER && h->role == ROLE_MAIN)
		b->strays = 0;
	if (b->unit != NO_UNIT)
		sim_event(s,
			&(struct event){ .kind = EV_EXITED,
				.unit = b->unit,
				.role = h->role,
				.pid = pid,
				.status = h->status });
	if (is_empty(b))
		plan_empty(s, b);
}

static void said(struct sim *s, struct box *b, const struct happening *h)
{
	struct notify n = { .watchdog_usec = UINT64_MAX };

	n.ready = h->word == WORD_READY;
	n.watchdog = h->word == WORD_WATCHDOG;
	n.reloading = h->word == WORD_RELOADING;
	n.watchdog_trigger = h->word == WORD_TRIGGER;
	n.extend_timeout = h->word == WORD_EXTEND ? 30 * SEC : 0;
	n.status = h->word == WORD_STATUS ? "all is well" : NULL;
	if (h->word == WORD_EXTEND)
		b->allowance += 30 * SEC;
	if (h->word == WORD_RELOADING && !goes_wrong(s, b->manners.mute))
		plan_word(s, b, a_while(s, b), WORD_READY);
	if (h->word == WORD_WATCHDOG && unit_in(s, b)->service.watchdog != 0 &&
		!goes_wrong(s, b->manners.mute))
		plan_word(s, b, unit_in(s, b)->service.watchdog / 2, WORD_WATCHDOG);
	sim_event(s, &(struct event){ .kind = EV_NOTIFY, .unit = b->unit, .notify = &n });
}

static void happens(struct sim *s, const struct happening *h)
{
	struct box *b = &s->boxes[h->box];
	struct process *p = &b->procs[h->role];

	if (h->birth != 0 && (!p->live || p->birth != h->birth))
		return;
	/* What the supervisor was about to do has died with it. */
	if (h->supervisor != s->supervisor &&
		(h->kind == EV_SPAWNED || h->kind == EV_SETUP_DONE || h->kind == EV_SETUP_FAILED))
		return;
	if (h->kind == EV_EXITED) {
		exited(s, b, h);
		return;
	}
	if (b->unit == NO_UNIT || (b->foreign && h->birth != 0))
		return;
	if (h->kind == EV_EXECED)
		p->execed = true;
	if (h->kind == EV_SPAWNED) {
		spawn_answered(s, b, h->role);
	} else if (h->kind == EV_NOTIFY) {
		said(s, b, h);
	} else if (h->kind == EV_SETUP_DONE || h->kind == EV_SETUP_FAILED) {
		b->setting_up = false;
		sim_event(s,
			&(struct event){
				.kind = h->kind, .unit = b->unit, .text = "no such interface" });
	} else if (h->kind != EV_EMPTY || is_empty(b)) {
		sim_event(s,
			&(struct event){ .kind = h->kind,
				.unit = b->unit,
				.role = h->role,
				.pid = h->birth != 0 ? p->pid : 0,
				.text = "mount /nowhere: No such file or directory" });
	}
}

bool kernel_step(struct sim *s)
{
	struct happening h;

	if (kernel_next(s) > s->now)
		return false;
	h = take(s);
	sim_touch(s, h.box);
	happens(s, &h);
	return true;
}

/* ---- what the engine orders */

static void signal_strays(struct sim *s, struct box *b, int sig)
{
	if (b->strays == 0 || (sig != SIGKILL && b->deaf_strays))
		return;
	b->strays = 0;
	if (is_empty(b))
		plan_empty(s, b);
}

static void signal_process(struct sim *s, struct box *b, enum role role, int sig)
{
	struct process *p = &b->procs[role];
	bool fatal = sig == SIGKILL || sig == SIGABRT;

	if (!p->live || (p->deaf && !fatal))
		return;
	if (sig != SIGKILL && role == ROLE_MAIN && dice_permille(&s->dice, 300))
		plan_exit(s, b, role, a_while(s, b), 0);
	else if (p->stuck)
		plan_exit(s, b, role, dice_time(&s->dice, 60 * SEC), sig);
	else
		plan_exit(s, b, role, sig == SIGKILL ? 1 : a_while(s, b), sig);
}

static void perform_setup(struct sim *s, struct box *b, const struct action *a)
{
	struct happening h = { .box = index_of(s, b), .kind = EV_SETUP_DONE };

	(void)a;
	if (goes_wrong(s, b->manners.no_setup))
		h.kind = EV_SETUP_FAILED;
	b->setting_up = true;
	plan(s, dice_permille(&s->dice, 500) ? 0 : a_while(s, b), h);
}

/* What an earlier unit of the name left: a start is refused, or its keys let it be. True: refused. */
static bool has_strangers(struct sim *s, struct box *b)
{
	int mode = unit_in(s, b)->service.kill_mode;

	b->foreign = b->foreign && !is_empty(b);
	if (b->foreign && mode != KILL_PROCESS && mode != KILL_NONE)
		return true;
	if (b->foreign) {
		for (size_t r = 0; r < ROLE_COUNT; r++)
			b->procs[r] = (struct process){ .birth = b->procs[r].birth };
		b->strays = 0;
	}
	b->foreign = false;
	return false;
}

static void perform_spawn(struct sim *s, struct box *b, const struct action *a)
{
	if (has_strangers(s, b)) {
		sim_event(s,
			&(struct event){ .kind = EV_SPAWN_FAILED,
				.unit = b->unit,
				.role = a->role,
				.text = "processes that it left before a reload are still there" });
		return;
	}
	b->procs[a->role].asked = true;
	if (dice_permille(&s->dice, 700))
		spawn_answered(s, b, a->role);
	else
		plan(s, a_while(s, b) / 8,
			(struct happening){
				.box = index_of(s, b), .kind = EV_SPAWNED, .role = a->role });
}

static void perform_signal(struct sim *s, struct box *b, const struct action *a)
{
	if (!b->foreign)
		signal_process(s, b, a->role, a->arg != 0 ? a->arg : SIGTERM);
}

static void signal_all(struct sim *s, struct box *b, int sig)
{
	signal_strays(s, b, sig);
	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		signal_process(s, b, (enum role)r, sig);
}

static void perform_signal_all(struct sim *s, struct box *b, const struct action *a)
{
	signal_all(s, b, a->arg != 0 ? a->arg : SIGTERM);
}

static void perform_kill(struct sim *s, struct box *b, const struct action *a)
{
	(void)a;
	signal_all(s, b, SIGKILL);
}

static void perform_nothing(struct sim *s, struct box *b, const struct action *a)
{
	(void)s;
	(void)b;
	(void)a;
}

typedef void perform_fn(struct sim *s, struct box *b, const struct action *a);

static perform_fn *const performers[ACT_COUNT] = {
	[ACT_SETUP] = perform_setup,
	[ACT_SPAWN] = perform_spawn,
	[ACT_SIGNAL] = perform_signal,
	[ACT_SIGNAL_ALL] = perform_signal_all,
	[ACT_KILL] = perform_kill,
	[ACT_TEARDOWN] = perform_nothing,
	/* Those that speak of the whole are done by sim.c. */
	[ACT_LOG] = perform_nothing,
	[ACT_JOB_DONE] = perform_nothing,
	[ACT_STAMP] = perform_nothing,
	[ACT_WATCH] = perform_nothing, /* no sockets are made here; explore has some */
	[ACT_MACHINE] = perform_nothing,
	[ACT_SWAP] = perform_nothing,
};

void kernel_perform(struct sim *s, const struct action *action)
{
	uint32_t u = action->unit;

	if ((unsigned int)action->kind >= ACT_COUNT || performers[action->kind] == NULL) {
		checker_fault(&s->checker, "action %d: the simulated kernel does not know it",
			(int)action->kind);
		return;
	}
	if (u < engine_set(s->engine)->n)
		performers[action->kind](s, &s->boxes[s->box_of[u]], action);
}

/* ---- calm, reload */

/* Helpers that hang end, and so do main processes of oneshots; strays go home. */
void kernel_calm(struct sim *s)
{
	s->faults = false;
	for (uint32_t i = 0; i < s->n_boxes; i++) {
		struct box *b = &s->boxes[i];

		for (unsigned int r = 0; r < ROLE_COUNT; r++) {
			b->procs[r].deaf = b->procs[r].stuck = false;
			if (b->procs[r].live && b->foreign)
				plan_exit(s, b, (enum role)r, a_while(s, b), 0);
			else if (b->procs[r].live && b->unit != NO_UNIT &&
				(r != ROLE_MAIN || engine_type(unit_in(s, b)) == TYPE_ONESHOT ||
					in_states(life_of(s->engine, b->unit), STATES_STOPPING)))
				plan_exit(s, b, (enum role)r, a_while(s, b), 0);
		}
		if (b->procs[ROLE_MAIN].live && b->unit != NO_UNIT && !b->foreign)
			plan_words(s, b);
		b->strays = 0;
		if (is_empty(b))
			plan_empty(s, b);
	}
}

void kernel_storm(struct sim *s)
{
	sim_say(s, "all main processes are lost");
	for (uint32_t i = 0; i < s->n_boxes; i++)
		if (s->boxes[i].procs[ROLE_MAIN].live)
			plan_exit(s, &s->boxes[i], ROLE_MAIN, dice_time(&s->dice, SEC), SIGKILL);
}

/* Of a unit that has no file any more the engine knows nothing; what is left of it is there all the same. */
static void forget(struct box *b)
{
	b->foreign = b->foreign || !is_empty(b);
	b->setting_up = b->survivors = false;
	b->state = ST_INACTIVE;
	b->starts_in_window = 0;
}

void kernel_renumber(struct sim *s)
{
	const struct unit_set *set = engine_set(s->engine);
	size_t k = 0;

	/* Boxes and units are both sorted by name. */
	for (uint32_t i = 0; i < s->n_boxes; i++) {
		struct box *b = &s->boxes[i];

		b->unit = NO_UNIT;
		if (k < set->n && strcmp(set->units[k].name, b->name) == 0) {
			s->box_of[k] = i;
			b->unit = (uint32_t)k++;
		} else {
			forget(b);
		}
	}
	if (k != set->n)
		checker_fault(&s->checker, "a unit of the set is not known to the simulation");
}

/* ---- another supervisor */

static void adopt(struct sim *s, struct box *b, enum role role)
{
	struct process *p = &b->procs[role];
	struct event event = { .unit = b->unit, .role = role, .pid = p->pid };
	enum proc_state state = engine_process(s->engine, b->unit, role);

	p->asked = false;
	if (!p->live || b->foreign)
		return;
	if (state == PROC_NONE)
		checker_fault(&s->checker, "%s: %s runs, and the engine does not know it", b->name,
			role_name(role));
	if (state == PROC_ASKED) {
		if (!engine_kept_drop(s->engine, b->unit, role))
			checker_fault(&s->checker, "%s: %s is asked for by nobody", b->name,
				role_name(role));
		event.kind = EV_SPAWNED;
		sim_event(s, &event);
	} else if (engine_process_pid(s->engine, b->unit, role) != p->pid) {
		checker_fault(&s->checker, "%s: %s is another process", b->name, role_name(role));
	}
	if (p->execed) {
		event.kind = EV_EXECED;
		sim_event(s, &event);
	}
}

void kernel_adopt(struct sim *s)
{
	for (uint32_t i = 0; i < s->n_boxes; i++) {
		struct box *b = &s->boxes[i];

		b->setting_up = false;
		for (unsigned int r = 0; r < ROLE_COUNT && b->unit != NO_UNIT; r++)
			adopt(s, b, (enum role)r);
		if (b->unit != NO_UNIT && is_empty(b) &&
			(life_of(s->engine, b->unit)->populated || dice_permille(&s->dice, 300)))
			sim_event(s, &(struct event){ .kind = EV_EMPTY, .unit = b->unit });
	}
}
