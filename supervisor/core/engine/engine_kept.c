/* The layouts of what is kept, and the way out: records and the queue as bytes. The way back is engine_restore.c. */
#include "supervisor/core/engine/engine_kept.h"

#include "common/util.h"
#include "common/wire.h"
#include "supervisor/core/engine/engine_kept_run.h"

#include <string.h>

/*
 * Each member that is kept: X(member, kind, below). What is not kept: who waits for jobs; what is made anew from the rest (heap_at,
 * due); marks of a propagation, which is over whenever this is looked at (seen, held_back); the order of turns, of
 * which there are none then (queued, next_turn).
 */
#define LIFE(X)                                            \
	X(run.state, KEPT_BELOW, ST_COUNT)                 \
	X(run.wanted, KEPT_BOOL, 0)                        \
	X(run.failed, KEPT_BOOL, 0)                        \
	X(run.since, KEPT_ANY, 0)                          \
	X(run.begun, KEPT_ANY, 0)                          \
	X(run.arrived, KEPT_ANY, 0)                        \
	X(run.main_pid, KEPT_ANY, 0)                       \
	X(run.triggers, KEPT_ANY, 0)                       \
	X(run.restarts, KEPT_ANY, 0)                       \
	X(run.last_status, KEPT_ANY, 0)                    \
	X(run.error, KEPT_ANY, 0)                          \
	X(run.oom, KEPT_BOOL, 0)                           \
	X(run.cause, KEPT_TEXT, 0)                         \
	X(run.status_text, KEPT_TEXT, 0)                   \
	X(ask, KEPT_BELOW, ASK_RESTART + 1)                \
	X(arrived, KEPT_BOOL, 0)                           \
	X(was_begun, KEPT_BOOL, 0)                         \
	X(was_up, KEPT_BOOL, 0)                            \
	X(asked_down, KEPT_BOOL, 0)                        \
	X(stop_post_begun, KEPT_BOOL, 0)                   \
	X(told, KEPT_BOOL, 0)                              \
	X(killed, KEPT_BOOL, 0)                            \
	X(kept, KEPT_BOOL, 0)                              \
	X(other_main, KEPT_BOOL, 0)                        \
	X(reload, KEPT_BELOW, RELOAD_READY + 1)            \
	X(reload_at, KEPT_ANY, 0)                          \
	X(populated, KEPT_BOOL, 0)                         \
	X(held, KEPT_BOOL, 0)                              \
	X(main.pid, KEPT_ANY, 0)                           \
	X(main.asked, KEPT_BOOL, 0)                        \
	X(main.live, KEPT_BOOL, 0)                         \
	X(main.settled, KEPT_BOOL, 0)                      \
	X(helper.pid, KEPT_ANY, 0)                         \
	X(helper.asked, KEPT_BOOL, 0)                      \
	X(helper.live, KEPT_BOOL, 0)                       \
	X(helper.settled, KEPT_BOOL, 0)                    \
	X(check.pid, KEPT_ANY, 0)                          \
	X(check.asked, KEPT_BOOL, 0)                       \
	X(check.live, KEPT_BOOL, 0)                        \
	X(check.settled, KEPT_BOOL, 0)                     \
	X(checking.health.state, KEPT_BELOW, HEALTH_COUNT) \
	X(checking.health.since, KEPT_ANY, 0)              \
	X(checking.health.failures, KEPT_ANY, 0)           \
	X(checking.health.passes, KEPT_ANY, 0)             \
	X(checking.health.retries, KEPT_ANY, 0)            \
	X(checking.health.last, KEPT_TEXT, 0)              \
	X(checking.image.interval, KEPT_ANY, 0)            \
	X(checking.image.timeout, KEPT_ANY, 0)             \
	X(checking.image.start_period, KEPT_ANY, 0)        \
	X(checking.image.retries, KEPT_ANY, 0)             \
	X(checking.image.success, KEPT_ANY, 0)             \
	X(checking.image_has, KEPT_BOOL, 0)                \
	X(checking.begun, KEPT_ANY, 0)                     \
	X(checking.counted, KEPT_BOOL, 0)                  \
	X(role, KEPT_BELOW, ROLE_COUNT)                    \
	X(index, KEPT_ANY, 0)                              \
	X(result.kind, KEPT_BELOW, CAUSE_COUNT)            \
	X(result.has_status, KEPT_BOOL, 0)                 \
	X(result.status, KEPT_ANY, 0)                      \
	X(watchdog, KEPT_ANY, 0)                           \
	X(starts.begin, KEPT_ANY, 0)                       \
	X(starts.n, KEPT_ANY, 0)                           \
	X(alarms.begin, KEPT_ANY, 0)                       \
	X(alarms.n, KEPT_ANY, 0)                           \
	X(asked_job, KEPT_ANY, 0)                          \
	X(because, KEPT_INDEX, 0)                          \
	X(upheld.begin, KEPT_ANY, 0)                       \
	X(upheld.n, KEPT_ANY, 0)                           \
	X(look, KEPT_BOOL, 0)                              \
	X(has_slot, KEPT_BOOL, 0)                          \
	X(due_since, KEPT_ANY, 0)                          \
	X(watched, KEPT_BOOL, 0)                           \
	X(triggers.begin, KEPT_ANY, 0)                     \
	X(triggers.n, KEPT_ANY, 0)                         \
	X(cursor, KEPT_ANY, 0)                             \
	X(watching, KEPT_INDEX, 0)                         \
	X(watchers, KEPT_INDEX, 0)                         \
	X(next_watcher, KEPT_INDEX, 0)                     \
	X(prev_watcher, KEPT_INDEX, 0)                     \
	X(began, KEPT_ANY, 0)                              \
	X(ended, KEPT_ANY, 0)                              \
	X(timer.armed, KEPT_ANY, 0)                        \
	X(timer.armed_wall, KEPT_ANY, 0)                   \
	X(timer.last, KEPT_ANY, 0)                         \
	X(timer.last_wall, KEPT_ANY, 0)                    \
	X(timer.next_wall, KEPT_ANY, 0)                    \
	X(timer.busy, KEPT_BOOL, 0)                        \
	X(timers[TIMER_STATE], KEPT_ANY, 0)                \
	X(timers[TIMER_WATCHDOG], KEPT_ANY, 0)             \
	X(timers[TIMER_STABLE], KEPT_ANY, 0)               \
	X(timers[TIMER_RUNTIME], KEPT_ANY, 0)              \
	X(timers[TIMER_HEALTH], KEPT_ANY, 0)               \
	X(timers[TIMER_JOB], KEPT_ANY, 0)                  \
	X(timers[TIMER_UPHOLD], KEPT_ANY, 0)               \
	X(timers[TIMER_TRIGGER], KEPT_ANY, 0)

#define ENGINE(X)                                             \
	X(now, KEPT_ANY, 0)                                   \
	X(booted, KEPT_ANY, 0)                                \
	X(wall, KEPT_ANY, 0)                                  \
	X(wall_known, KEPT_BOOL, 0)                           \
	X(chance, KEPT_ANY, 0)                                \
	X(ending, KEPT_BELOW, END_EXIT + 1)                   \
	X(exit_status, KEPT_ANY, 0)                           \
	X(ended, KEPT_BOOL, 0)                                \
	X(ending_text, KEPT_TEXT, 0)                          \
	X(min_uptime, KEPT_ANY, 0)                            \
	X(put_off.action, KEPT_BELOW, ACTION_KEXEC_FORCE + 1) \
	X(put_off.exit_status, KEPT_ANY, 0)                   \
	X(put_off.text, KEPT_TEXT, 0)                         \
	X(budget.burst, KEPT_ANY, 0)                          \
	X(budget.interval, KEPT_ANY, 0)                       \
	X(budget.next, KEPT_ANY, 0)

#define LIFE_FIELD(member, kind, below) KEPT_AS(struct life, member, kind, below),
#define ENGINE_FIELD(member, kind, below) KEPT_AS(struct engine, member, kind, below),
#define LIFE_SIZE(member, kind, below) +sizeof(((struct life *)NULL)->member)
#define ENGINE_SIZE(member, kind, below) +sizeof(((struct engine *)NULL)->member)

enum { SIZE_OF_LIFE = 0 LIFE(LIFE_SIZE), SIZE_OF_ENGINE = 0 ENGINE(ENGINE_SIZE) };

static const struct kept_field life_fields[] = { LIFE(LIFE_FIELD) };
static const struct kept_field engine_fields[] = { ENGINE(ENGINE_FIELD) };

static const struct kept_layout layouts[KEPT_PARTS] = {
	[KEPT_ENGINE] = { engine_fields, ARRAY_LEN(engine_fields), SIZE_OF_ENGINE },
	[KEPT_LIFE] = { life_fields, ARRAY_LEN(life_fields), SIZE_OF_LIFE },
};

const struct kept_layout *engine_kept_layout(enum kept_part part)
{
	return &layouts[part];
}

void engine_kept_changed(struct engine *e,
	void (*put)(void *data, enum kept_part part, uint32_t index, const uint8_t *packed),
	void *data)
{
	uint8_t packed[SIZE_OF_LIFE > SIZE_OF_ENGINE ? SIZE_OF_LIFE : SIZE_OF_ENGINE];
	struct generation *gen = &e->gen;

	kept_pack(&layouts[KEPT_ENGINE], e, packed);
	put(data, KEPT_ENGINE, 0, packed);
	for (size_t i = 0; i < gen->n_touched; i++) {
		uint32_t u = gen->touched[i];

		gen->is_touched[u] = false;
		kept_pack(&layouts[KEPT_LIFE], &gen->life[u], packed);
		put(data, KEPT_LIFE, u, packed);
	}
	gen->n_touched = 0;
}

/* ---- the queue */

static bool is_kept(const struct action *a)
{
	return a->kind != ACT_SWAP;
}

/* text: of the action, which may have been allocated without. */
static size_t put_action(const struct action *a, const char *text, uint8_t *to)
{
	size_t len = a->kind == ACT_LOG || a->kind == ACT_MACHINE || a->kind == ACT_JOB_DONE
		? strnlen(text, sizeof(a->text) - 1) + 1
		: 0;
	const struct kept_action head = {
		.size = (uint16_t)(sizeof(head) + len),
		.head = sizeof(head),
		.kind = (uint8_t)a->kind,
		.unit = a->unit,
		.index = a->kind == ACT_JOB_DONE ? a->job : a->index,
		.arg = a->arg,
		.role = (uint8_t)a->role,
	};

	if (to != NULL) {
		memcpy(to, &head, sizeof(head));
		memcpy(to + sizeof(head), text, len);
	}
	return head.size;
}

static const char *text_of(const struct item *item)
{
	return item->has_text ? item->action.text : "";
}

/* When there is no room for all, the later ranks are left out first, and of each its last ones. */
enum rank { RANK_NEEDED, RANK_ANSWER, RANK_LINE, RANKS };

static enum rank rank_of(const struct action *a)
{
	return a->kind == ACT_LOG ? RANK_LINE : a->kind == ACT_JOB_DONE ? RANK_ANSWER : RANK_NEEDED;
}

struct writer {
	uint8_t *to; /* NULL: it only measures */
	size_t used;
	size_t room[RANKS]; /* for those of each; measuring: what they take */
};

static void write_action(struct writer *w, const struct action *a, const char *text)
{
	size_t *room = &w->room[rank_of(a)], size;

	if (!is_kept(a))
		return;
	size = put_action(a, text, NULL);
	if (w->to == NULL) {
		*room += size;
	} else if (size > *room) {
		*room = 0; /* none that is later */
	} else {
		*room -= size;
		w->used += put_action(a, text, w->to + w->used);
	}
}

static void write_all(struct writer *w, const struct engine *e, const struct action *doing)
{
	if (doing != NULL)
		write_action(w, doing, doing->text);
	for (const struct item *item = e->first; item != NULL; item = item->next)
		write_action(w, &item->action, text_of(item));
}

size_t engine_kept_queue(const struct engine *e, const struct action *doing, uint8_t *to,
	size_t room)
{
	struct writer w = { .to = NULL };

	write_all(&w, e, doing);
	if (w.room[RANK_NEEDED] > room)
		return w.room[RANK_NEEDED];
	for (enum rank rank = 0; rank < RANKS; rank++) {
		w.room[rank] = w.room[rank] < room ? w.room[rank] : room;
		room -= w.room[rank];
	}
	w.to = to;
	write_all(&w, e, doing);
	return w.used;
}

/* ---- questions */

static const struct proc *proc_of(const struct life *l, enum role role)
{
	if (role == ROLE_MAIN)
		return &l->main;
	if (role == ROLE_HEALTH)
		return &l->check;
	return role == l->role ? &l->helper : NULL;
}

enum proc_state engine_process(const struct engine *e, uint32_t unit, enum role role)
{
	const struct proc *p = proc_of(life_of(e, unit), role);

	if (p == NULL || (!p->live && !p->asked))
		return PROC_NONE;
	if (!p->live)
		return PROC_ASKED;
	return p->settled ? PROC_SETTLED : PROC_LIVE;
}

int32_t engine_process_pid(const struct engine *e, uint32_t unit, enum role role)
{
	const struct proc *p = proc_of(life_of(e, unit), role);

	return p != NULL && p->live ? p->pid : 0;
}

bool engine_was_lost(const struct engine *e, uint32_t unit)
{
	return e->lost != NULL && e->lost[unit];
}

int engine_ending(const struct engine *e)
{
	return e->ending;
}

bool engine_kept_drop(struct engine *e, uint32_t unit, enum role role)
{
	struct item *before = NULL;

	for (struct item *item = e->first; item != NULL; before = item, item = item->next) {
		const struct action *a = &item->action;

		if (a->kind != ACT_SPAWN || a->unit != unit || a->role != role)
			continue;
		engine_unqueue(e, before, item);
		return true;
	}
	return false;
}
