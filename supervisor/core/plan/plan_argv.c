/*
 * The command line: what of image and unit it is made of, and systemd's replacement of variables.
 *
 * Exec= and Entrypoint= of a container are replaced too, from Environment= of its [Service] section: Quadlet
 * writes them into an ExecStart= line, where systemd does it, so "$$" is the way to write a dollar sign there as well.
 */
#include "supervisor/core/plan/plan_parts.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/words.h"

#include <string.h>

/* The text with ${NAME} and $$ replaced; a $ before anything else stays, as does an unclosed ${. */
static const char *replace_within(struct arena *a, char *const *env, const char *word)
{
	struct text t = { 0 };

	/* once to measure, once to write */
	for (int pass = 0; pass < 2; pass++) {
		t.len = 0;
		for (const char *s = word; *s != '\0'; s++) {
			const char *end = s[0] == '$' && s[1] == '{' ? strchr(s, '}') : NULL;
			const char *value;

			if (end != NULL) {
				value = env_get(env, s + 2, (size_t)(end - s - 2));
				text_puts(&t, value != NULL ? value : "");
				s = end;
				continue;
			}
			text_put(&t, s, 1);
			if (s[0] == '$' && s[1] == '$')
				s++;
		}
		if (pass == 0)
			t = (struct text){ arena_alloc(a, t.len + 1), t.len + 1, 0 };
	}
	return t.buf;
}

/* $NAME that is a word of its own becomes as many words as its value has, none when it is unset. */
static void replace_word(struct arena *a, char *const *env, const char *word, struct strv *out)
{
	struct word part;
	const char *value;
	size_t pos = 0;
	int got;

	if (word[0] != '$' || strchr("{$", word[1]) != NULL) {
		strv_add(a, out, replace_within(a, env, word));
		return;
	}
	value = env_get(env, word + 1, strlen(word + 1));
	while (value != NULL && (got = word_next(a, value, &pos, &part)) != 0) {
		if (got < 0) {
			/* a quote that is not closed: the rest is one word */
			strv_add(a, out, value + pos);
			return;
		}
		strv_add(a, out, part.text);
	}
}

static void replace_all(struct arena *a, char *const *env, const struct strv *words,
	struct strv *out)
{
	for (size_t i = 0; i < words->n; i++)
		replace_word(a, env, words->v[i], out);
}

static void copy_all(struct arena *a, const struct strv *words, struct strv *out)
{
	for (size_t i = 0; i < words->n; i++)
		strv_add(a, out, words->v[i]);
}

/*
 * The command of a container, by the rules of podman run(1): an entrypoint of the unit drops the image's
 * command, Exec= replaces it.
 */
int plan_argv_inside(struct planner *pl)
{
	const struct container_section *c = &pl->u->container;
	const struct image_section *image = pl->facts->image;
	struct strv argv = { 0 }, env = { 0 };

	copy_all(pl->arena, &pl->u->service.environment, &env);
	if (c->entrypoint.n > 0)
		replace_all(pl->arena, (char *const *)env.v, &c->entrypoint, &argv);
	else if (image != NULL)
		copy_all(pl->arena, &image->entrypoint, &argv);
	if (c->exec.n > 0)
		replace_all(pl->arena, (char *const *)env.v, &c->exec, &argv);
	else if (image != NULL && c->entrypoint.n == 0)
		copy_all(pl->arena, &image->cmd, &argv);
	if (argv.n == 0 || argv.v[0][0] == '\0')
		return err_setx(pl->e,
			"no command to run: neither Exec= nor Entrypoint= is set, and the image %s",
			image != NULL ? "names none" : "has no defaults (NAME.ini)");
	pl->p->path = argv.v[0];
	pl->p->argv = (char *const *)argv.v;
	return 0;
}

void plan_argv_host(struct planner *pl, const struct command *cmd)
{
	struct strv argv = { 0 };

	/* The program itself is never a variable, systemd.service(5). */
	if (cmd->argv.n > 0)
		strv_add(pl->arena, &argv, cmd->argv.v[0]);
	for (size_t i = 1; i < cmd->argv.n; i++)
		if (cmd->literal)
			strv_add(pl->arena, &argv, cmd->argv.v[i]);
		else
			replace_word(pl->arena, pl->p->envp, cmd->argv.v[i], &argv);
	pl->p->path = cmd->path;
	pl->p->argv = (char *const *)argv.v;
}
