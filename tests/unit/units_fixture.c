#include "tests/unit/units_fixture.h"

#include "supervisor/core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAULTS_SIZE 65536
#define FILES_MAX 8

void fixture_one(struct unit_set *set, const char *name, const char *text)
{
	struct unit_text t = { .unit = name, .path = name, .text = text, .size = strlen(text) };

	unit_set_build(set, &t, 1);
}

const struct unit *fixture_unit(const struct unit_set *set, const char *name)
{
	int index = unit_set_find(set, name);

	assert_true(index >= 0);
	return &set->units[index];
}

char *fixture_faults(const struct unit_set *set)
{
	char *buf = calloc(1, FAULTS_SIZE);
	struct text t = { buf, FAULTS_SIZE, 0 };

	assert_non_null(buf);
	for (size_t i = 0; i < set->n_faults; i++) {
		const struct unit_fault *f = &set->faults[i];

		if (f->path != NULL)
			text_printf(&t, "%s:", f->path);
		if (f->line != 0)
			text_printf(&t, "%u:%u:", f->line, f->column);
		text_printf(&t, "%s%s: %s\n", f->path != NULL ? " " : "",
			f->level == FAULT_ERROR ? "error" : "warning", f->message);
	}
	return buf;
}

void fixture_build(struct unit_set *set, const struct fixture_file *files, const char *faults)
{
	struct unit_text texts[FILES_MAX];
	size_t n = 0;
	char *found;

	for (; files[n].unit != NULL; n++) {
		assert_true(n < FILES_MAX);
		texts[n] = (struct unit_text){ .unit = files[n].unit,
			.path = files[n].unit,
			.text = files[n].text,
			.size = strlen(files[n].text) };
	}
	unit_set_build(set, texts, n);
	found = fixture_faults(set);
	assert_string_equal(found, faults);
	free(found);
}

char *fixture_print(const struct unit *unit)
{
	size_t len = unit_print(unit, false, NULL, 0);
	char *buf = calloc(1, len + 1);

	assert_non_null(buf);
	assert_int_equal(unit_print(unit, false, buf, len + 1), len);
	return buf;
}

bool fixture_has_edge(const struct unit_set *set, const char *from, enum dependency dep,
	const char *to)
{
	int a = unit_set_find(set, from), b = unit_set_find(set, to);
	const struct edges *out, *in;
	bool named = false, back = false;

	if (a < 0 || b < 0)
		return false;
	out = &set->nodes[a].out[dep];
	in = &set->nodes[b].in[dep];
	for (size_t i = 0; i < out->n; i++)
		named = named || out->v[i] == (uint32_t)b;
	for (size_t i = 0; i < in->n; i++)
		back = back || in->v[i] == (uint32_t)a;
	/* Both directions say the same, always. */
	assert_int_equal(named, back);
	return named;
}
