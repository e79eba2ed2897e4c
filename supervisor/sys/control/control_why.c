/* Why a unit is how it is, step by step, and the texts that it is made of. */
#include "common/jsontext.h"
#include "supervisor/sys/clock.h"
#include "supervisor/sys/control/control.h"

#include <stdio.h>
#include <string.h>

static json_t *view_step(const struct supervisor *s, uint32_t index, const char *tie)
{
	const struct run *run = engine_run(s->engine, index);
	json_t *step = json_object();
	char text[256];

	if (tie != NULL)
		(void)json_object_set_new(step, "tie", json_string(tie));
	(void)json_object_set_new(step, "unit", json_text(unit_at(s, index)->name));
	(void)json_object_set_new(step, "state", json_string(state_name(run->state)));
	if (run->since != 0)
		(void)json_object_set_new(step, "since",
			json_integer((json_int_t)(wall_us() - (now_us() - run->since))));
	if (engine_why_own(s->engine, index, text, sizeof(text))[0] != '\0')
		(void)json_object_set_new(step, "text", json_text(text));
	return step;
}

/* Those that conflict may wait for each other. */
static bool is_told(const json_t *steps, const char *unit)
{
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const char *told = json_string_value(json_object_get(json_array_get(steps, i),
			"unit"));

		if (told == NULL || strcmp(told, unit) == 0)
			return true;
	}
	return false;
}

void control_why(struct connection *c, void *data, json_t *parameters)
{
	struct supervisor *s = data;
	int index = control_unit(c, s, parameters);
	uint32_t at = (uint32_t)index;
	const char *tie = NULL;
	json_t *steps;

	if (index < 0)
		return;
	steps = json_array();
	do
		(void)json_array_append_new(steps, view_step(s, at, tie));
	while (engine_why_next(s->engine, at, &at, &tie) && !is_told(steps, unit_at(s, at)->name));
	varlink_reply(c, json_build("{so}", "steps", steps), false);
}

/* ---- files */

static void add_file(json_t *files, const struct unit_text *text)
{
	json_t *file = json_object();

	(void)json_object_set_new(file, "path", json_text(text->path));
	(void)json_object_set_new(file, "text", json_bytes(text->text, text->size));
	(void)json_object_set_new(file, "masked", json_boolean(text->masked));
	(void)json_array_append_new(files, file);
}

static json_t *view_files(const struct unit_files *from)
{
	json_t *files = json_array();

	if (from->main != NULL)
		add_file(files, from->main);
	for (size_t i = 0; i < from->drop_ins.n; i++)
		add_file(files, from->drop_ins.v[i]);
	return files;
}

/* A unit, a template, or an instance that nobody has made yet: there are texts for it all the same. NULL: nothing. */
static const char *name_of(const struct supervisor *s, const char *name, char full[UNIT_NAME_MAX])
{
	const char *template = strv_find(&s->set->templates, name);
	int index = unit_set_find_loose(s->set, name);
	char why[160];

	if (index >= 0)
		return unit_at(s, (uint32_t)index)->name;
	if (template != NULL)
		return template;
	return unit_set_instance(s->set, name, full, why, sizeof(why)) == 0 ? full : NULL;
}

void control_cat(struct connection *c, void *data, json_t *parameters)
{
	const char *word = json_string_value(json_object_get(parameters, "unit")), *name;
	struct supervisor *s = data;
	char full[UNIT_NAME_MAX];
	struct unit_files files;
	struct arena a = { 0 };

	if (word == NULL) {
		(void)control_unit(c, s, parameters); /* says what is missing */
		return;
	}
	name = name_of(s, word, full);
	if (name == NULL) {
		control_no_unit(c, s, word);
		return;
	}
	files = load_texts_of(s->set, &a, name);
	varlink_reply(c, json_build("{ssso}", "unit", name, "files", view_files(&files)), false);
	arena_free(&a);
}
