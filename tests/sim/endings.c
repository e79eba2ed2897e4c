/*
 * From each state all comes down again. Every unit is told to stop, or the machine is, and then the world is one of
 * these: a patient one, where each thing ends well as soon as it is told; one where nothing ends but by SIGKILL; one
 * where nothing ends at all, and nothing is set up. Only deadlines help in the last. In all of them each unit is
 * inactive or failed after so many steps, and the shutdown ends the machine.
 */
#include "tests/sim/explore.h"

#include "common/util.h"
#include "common/wire.h"

#include <signal.h>
#include <stdio.h>

#define STEPS_MAX 300
#define ORDERS 3

enum manner { PATIENT, DEAF, STUCK, MANNERS };

static const char *const manner_words[] = { "where all answer", "where nothing ends but by SIGKILL",
	"where nothing ends" };

/* The process ends of itself, or because it was told. */
static bool ends(const struct explorer *x, uint32_t u, enum role role, enum manner manner)
{
	const struct life *l = life_of(x->engine, u);

	if (manner == STUCK)
		return false;
	if (manner == DEAF)
		return l->run.state == ST_STOP_KILL || (x->killed >> u & 1) != 0;
	return role != ROLE_MAIN || in_states(l, STATES_STOPPING) ||
		engine_type(unit_of(x->engine, u)) == TYPE_ONESHOT;
}

static bool answer_process(struct explorer *x, uint32_t u, enum role role, enum manner manner)
{
	const struct actor *a = &x->actors[u];

	if (a->asked[role])
		world_event(x, u, EV_SPAWNED, role, 0);
	else if (a->live[role] && ends(x, u, role, manner))
		world_event(x, u, EV_EXITED, role, manner == PATIENT ? 0 : SIGKILL);
	else
		return false;
	return true;
}

/* The first thing that is due of the world; false: nothing is. */
static bool answer(struct explorer *x, uint32_t u, enum manner manner)
{
	const struct actor *a = &x->actors[u];
	bool some = false;

	for (unsigned int r = 0; r < ROLE_COUNT; r++) {
		if (answer_process(x, u, (enum role)r, manner))
			return true;
		some = some || a->live[r];
	}
	if (a->setups > 0 && manner != STUCK)
		world_event(x, u, EV_SETUP_DONE, ROLE_MAIN, 0);
	else if (!some && life_of(x->engine, u)->populated)
		world_event(x, u, EV_EMPTY, ROLE_MAIN, 0);
	else
		return false;
	return true;
}

static bool answer_any(struct explorer *x, enum manner manner)
{
	for (uint32_t u = 0; u < x->engine->gen.set->n; u++)
		if (answer(x, u, manner))
			return true;
	return false;
}

/* What a service does that comes up well. */
static bool come_up(struct explorer *x, uint32_t u)
{
	const struct actor *a = &x->actors[u];

	if (life_of(x->engine, u)->run.state != ST_START || !a->live[ROLE_MAIN])
		return false;
	world_event(x, u, a->execed[ROLE_MAIN] ? EV_NOTIFY : EV_EXECED, ROLE_MAIN, 0);
	return true;
}

void endings_raise(struct explorer *x)
{
	for (uint32_t i = 0; i < x->n_own; i++)
		world_event(x, x->own[i], EV_START, ROLE_MAIN, 0);
	for (uint32_t i = 0, step = 0; i < x->n_own && step < STEPS_MAX; i++, step++)
		if (come_up(x, x->own[i]) || answer(x, x->own[i], PATIENT))
			i = UINT32_MAX;
}

/* Bits of the units that are down. */
static uint32_t down(const struct explorer *x)
{
	uint32_t bits = 0;

	for (uint32_t u = 0; u < x->engine->gen.set->n; u++)
		bits |= (uint32_t)in_states(life_of(x->engine, u), STATES_DOWN) << u;
	return bits;
}

/* It was down, and was started once more: for the failure of another, say. */
static void begun(void *data, uint32_t u)
{
	struct explorer *x = data;

	x->been |= 1u << u;
}

static bool is_done(const struct explorer *x, bool shutdown)
{
	return shutdown ? x->engine->ended : x->been == (1u << x->engine->gen.set->n) - 1;
}

/* A unit that was down counts, though another may want it up again. */
static uint32_t go_down(struct explorer *x, enum manner manner, bool shutdown)
{
	uint32_t step = 0;

	x->been |= down(x);
	while (!is_done(x, shutdown) && step++ < STEPS_MAX && x->checker.fault[0] == '\0') {
		if (!answer_any(x, manner)) {
			if (engine_deadline(x->engine) == TIME_INFINITY)
				break;
			engine_tick(x->engine, engine_deadline(x->engine));
			world_take_actions(x);
		}
		x->been |= down(x);
	}
	return step;
}

static void tell(struct explorer *x, bool shutdown)
{
	if (shutdown) {
		engine_shutdown(x->engine, END_POWEROFF, x->engine->now);
		world_take_actions(x);
		return;
	}
	for (uint32_t u = 0; u < x->engine->gen.set->n; u++)
		if ((x->been >> u & 1) == 0)
			world_event(x, u, EV_STOP, ROLE_MAIN, 0);
}

/*
 * A stop that has not begun gives way to the start that OnFailure= asks for when another one fails meanwhile, so those
 * that still run are told once more, as a person would do.
 */
static void check(struct explorer *x, enum manner manner, bool shutdown)
{
	uint32_t steps = 0;

	x->killed = x->been = 0;
	x->checker.begun = begun;
	x->checker.data = x;
	for (int i = 0; i < (shutdown ? 1 : ORDERS) && !is_done(x, shutdown); i++) {
		tell(x, shutdown);
		steps += go_down(x, manner, shutdown);
	}
	x->longest = steps > x->longest ? steps : x->longest;
	for (uint32_t u = 0; !shutdown && u < x->engine->gen.set->n; u++)
		if ((x->been >> u & 1) == 0)
			checker_fault(&x->checker,
				"told to stop, in a world %s: %s is %s after %u steps",
				manner_words[manner], unit_of(x->engine, u)->name,
				state_name(life_of(x->engine, u)->run.state), steps);
	if (shutdown && !x->engine->ended)
		checker_fault(&x->checker, "a shutdown in a world %s is not over after %u steps",
			manner_words[manner], steps);
}

void endings_check(struct explorer *x, uint32_t at)
{
	x->endings++;
	for (unsigned int i = 0; i < 2 * MANNERS; i++) {
		space_restore(x, &x->list[at]);
		if (x->engine->ended)
			return;
		check(x, (enum manner)(i / 2), i % 2 != 0);
		if (x->checker.fault[0] != '\0') {
			space_print_way(x, at);
			return;
		}
	}
}
