/*
 * Reads sidecars of images with the supervisor's own parser, for tests/fuzz/oci_config. On standard input: a line with
 * the length, then so many bytes, again and again. For each the answer: a line for each value, its words in hex ("-": an
 * empty one), then "."; or "error" with the message, then ".".
 */
#include "common/err.h"
#include "supervisor/core/unit/unitset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put_word(const char *word)
{
	printf(" %s", *word == '\0' ? "-" : "");
	for (; *word != '\0'; word++)
		printf("%02x", (unsigned int)(unsigned char)*word);
}

static void put_words(const char *key, const struct strv *words)
{
	printf("%s", key);
	for (size_t i = 0; i < words->n; i++)
		put_word(words->v[i]);
	printf("\n");
}

static void put_string(const char *key, const char *string)
{
	printf("%s", key);
	if (string != NULL)
		put_word(string);
	printf("\n");
}

static void answer(const char *text, size_t size)
{
	struct arena a = { 0 };
	struct image_section image;
	struct err e;

	if (image_file_parse(&a, "image.ini", text, size, &image, &e) < 0) {
		printf("error %s\n.\n", e.msg);
	} else {
		put_words("Entrypoint", &image.entrypoint);
		put_words("Cmd", &image.cmd);
		put_words("Environment", &image.environment);
		put_string("User", image.user);
		put_string("WorkingDir", image.working_dir);
		printf("StopSignal %d\n", image.stop_signal);
		put_words("HealthCmd", &image.health.cmd);
		printf("HealthInterval %" PRIu64 "\n", image.health.interval);
		printf("HealthTimeout %" PRIu64 "\n", image.health.timeout);
		printf("HealthStartPeriod %" PRIu64 "\n", image.health.start_period);
		printf("HealthRetries %" PRIu32 "\n.\n", image.health.retries);
	}
	(void)fflush(stdout);
	arena_free(&a);
}

int main(void)
{
	char line[32];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t size = strtoul(line, NULL, 10);
		char *text = malloc(size + 1);

		if (text == NULL || fread(text, 1, size, stdin) != size)
			return 1;
		text[size] = '\0';
		answer(text, size);
		free(text);
	}
	return 0;
}
