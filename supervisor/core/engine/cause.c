#include "supervisor/core/engine/cause.h"

#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/unit/names.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LONG_SECONDS 600

/* systemd.service(5): these end a service well, but not a oneshot. */
static const uint64_t clean_signals = UINT64_C(1) << SIGHUP | UINT64_C(1) << SIGINT |
	UINT64_C(1) << SIGTERM | UINT64_C(1) << SIGPIPE;

const char *cause_word(const struct cause *c)
{
	static const char *const words[CAUSE_COUNT] = {
#define X(id, what, word) [CAUSE_##id] = word,
		CAUSES(X)
#undef X
	};

	if (c->kind == CAUSE_SIGNAL && WCOREDUMP(c->status))
		return "core-dump";
	return words[c->kind];
}

bool cause_failed(const struct cause *c)
{
	return c->kind != CAUSE_NONE && c->kind != CAUSE_CLEAN && c->kind != CAUSE_SKIPPED;
}

static bool code_is_clean(const struct service_section *s, int code)
{
	return code == 0 || (s->success_exit.codes[code / 64] >> (code % 64) & 1) != 0;
}

static bool signal_is_clean(const struct service_section *s, int sig)
{
	uint64_t clean = s->success_exit.signals;

	if (s->type != TYPE_ONESHOT)
		clean |= clean_signals;
	return sig < SIGNAL_LAST && (clean >> sig & 1) != 0;
}

struct cause cause_of_status(const struct unit *unit, int32_t status)
{
	const struct service_section *s = &unit->service;
	struct cause c = { .has_status = true, .status = status };

	if (WIFEXITED(c.status))
		c.kind = code_is_clean(s, WEXITSTATUS(c.status)) ? CAUSE_CLEAN : CAUSE_EXIT;
	else
		c.kind = signal_is_clean(s, WTERMSIG(c.status)) ? CAUSE_CLEAN : CAUSE_SIGNAL;
	return c;
}

/* systemd.service(5): what SuccessExitStatus= says goes on, 255 and signals are failures. */
struct cause cause_of_condition(const struct unit *unit, int32_t status)
{
	struct cause c = cause_of_status(unit, status);

	if (c.kind == CAUSE_EXIT && WEXITSTATUS(status) < 255)
		c.kind = CAUSE_SKIPPED;
	else if (c.kind == CAUSE_CLEAN && !WIFEXITED(status))
		c.kind = CAUSE_SIGNAL;
	return c;
}

bool cause_command_ok(int32_t status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void cause_put_status(struct text *t, int32_t status)
{
	char buf[SIGNAL_NAME_MAX];
	const char *name;

	if (WIFEXITED(status)) {
		text_printf(t, "exit code %d", WEXITSTATUS(status));
		return;
	}
	name = signal_text(WTERMSIG(status), buf);
	text_printf(t, "killed by signal %s", strncmp(name, "SIG", 3) == 0 ? name + 3 : name);
	if (WCOREDUMP(status))
		text_puts(t, ", core dumped");
}

static bool put_limit(struct text *t, const char *key, const struct quantity *q)
{
	if (q->permille == 0 &&
		(q->value == SIZE_UNSET || q->value == SIZE_INFINITY || q->value == 0))
		return false;
	text_printf(t, " (%s=", key);
	if (q->permille != 0)
		number_put_permille(t, q->permille);
	else
		number_put_size(t, q->value, 1024);
	text_puts(t, ")");
	return true;
}

void cause_put_oom(struct text *t, const struct unit *unit)
{
	text_puts(t, "out of memory");
	if (!put_limit(t, "MemoryMax", &unit->service.memory_max))
		put_limit(t, "Memory", &unit->container.memory);
}

void cause_put_time(struct text *t, uint64_t usec)
{
	uint64_t ms = usec / USEC_PER_MSEC, s = usec / USEC_PER_SEC;

	if (usec == TIME_INFINITY)
		text_puts(t, "infinity");
	else if (ms < MSEC_PER_SEC)
		text_printf(t, "%llu ms", (unsigned long long)ms);
	else if (s >= LONG_SECONDS) /* nobody counts the seconds of an hour */
		text_printf(t, "%llu min", (unsigned long long)(s + 59) / 60);
	else if (ms % MSEC_PER_SEC < 100)
		text_printf(t, "%llu s", (unsigned long long)s);
	else
		text_printf(t, "%llu.%llu s", (unsigned long long)s,
			(unsigned long long)(ms % MSEC_PER_SEC / 100));
}

void cause_put_ordinal(struct text *t, uint32_t n)
{
	static const char *const endings[] = { "th", "st", "nd", "rd" };
	bool teen = n / 10 % 10 == 1;

	text_printf(t, "%u%s", n, !teen && n % 10 < ARRAY_LEN(endings) ? endings[n % 10] : "th");
}
