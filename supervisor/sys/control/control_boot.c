/* The boot as JSON: how it goes, the failed ones before it, and how long each unit took. */
#include "common/jsontext.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/control/control.h"

static const char *const kept_names[] = {
	[KEPT_UNKNOWN] = "unknown",
	[KEPT_NO] = "no",
	[KEPT_VOLATILE] = "volatile",
	[KEPT_YES] = "yes",
};

static json_t *view_failures(const struct boot_count *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_failures; i++)
		(void)json_array_append_new(list,
			json_build("{sIss}", "boot", (json_int_t)c->failures[i].boot, "why",
				c->failures[i].why));
	return list;
}

/* Units that came up after the boot began, by the instant at which they were up. */
static json_t *view_units(const struct supervisor *s)
{
	uint64_t began = s->boot.watch.began;
	json_t *list = json_array();

	for (uint32_t u = 0; u < s->set->n; u++) {
		const struct run *run = engine_run(s->engine, u);

		if (run->arrived < began || run->begun < began || run->arrived < run->begun)
			continue;
		(void)json_array_append_new(list,
			json_build("{sssIsI}", "name", unit_at(s, u)->name, "up",
				(json_int_t)(run->arrived - began), "took",
				(json_int_t)(run->arrived - run->begun)));
	}
	return list;
}

static void add_text(json_t *object, const char *name, const char *text)
{
	if (text[0] != '\0')
		(void)json_object_set_new(object, name, json_text(text));
}

void control_boot(struct connection *c, void *data, json_t *parameters)
{
	const struct supervisor *s = data;
	const struct boot *b = &s->boot;
	const char *put_off = "";
	char waiting[256] = "", critical[256] = "";
	json_t *boot = json_build("{sIsssbsIsIsIss}", "boot", (json_int_t)b->count.boot, "state",
		boot_phase_name(b->watch.phase), "safe", (int)b->count.safe, "failed",
		(json_int_t)b->count.failed, "safe_after",
		(json_int_t)s->set->manager.safe_mode_boots, "now",
		(json_int_t)(now_us() - b->watch.began), "kept", kept_names[b->kept]);

	(void)parameters;
	if (b->watch.phase != BOOT_BOOTING)
		(void)json_object_set_new(boot, "took",
			json_integer((json_int_t)(b->watch.complete - b->watch.began)));
	else
		(void)engine_culprit(s->engine, now_us(), waiting, sizeof(waiting));
	add_text(boot, "waiting", waiting);
	(void)engine_critical_failed(s->engine, critical, sizeof(critical));
	add_text(boot, "critical", critical);
	(void)engine_put_off_until(s->engine, &put_off);
	add_text(boot, "put_off", put_off);
	(void)json_object_set_new(boot, "failures", view_failures(&b->count));
	(void)json_object_set_new(boot, "units", view_units(s));
	varlink_reply(c, boot, false);
}

void control_boot_reset(struct connection *c, void *data, json_t *parameters)
{
	(void)parameters;
	boot_reset(data);
	varlink_reply(c, json_object(), false);
}
