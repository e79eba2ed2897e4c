#include "init/course.h"

#include <fcntl.h>
#include <string.h>

#include "init/wait.h"

static const char digits[] = "0123456789abcdef";

void course_write(const struct course *c, struct text *t)
{
	const unsigned char *byte = (const unsigned char *)c;

	for (size_t i = 0; i < sizeof(*c); i++) {
		text_add(t, &digits[byte[i] / 16], 1);
		text_add(t, &digits[byte[i] % 16], 1);
	}
}

/* The writer was the same program: /proc/self/exe stays what it was. */
static bool is_sound(const struct course *c)
{
	for (size_t i = 0; i < sizeof(c->orders.rewrite); i++)
		if (c->orders.rewrite[i] > SIGNAL_LAST)
			return false;
	if (c->orders.report_fd >= 0 && fcntl(c->orders.report_fd, F_SETFD, FD_CLOEXEC) < 0)
		return false;
	return c->over != 0 || c->orders.pause != 0 || wait_is_child(c->pid);
}

bool course_read(struct course *c, const char *word)
{
	unsigned char *byte = (unsigned char *)c;

	for (size_t i = 0; i < 2 * sizeof(*c); i++) {
		const char *digit = word[i] != '\0' ? strchr(digits, word[i]) : NULL;

		if (digit == NULL)
			return false;
		byte[i / 2] = (unsigned char)(byte[i / 2] << 4 | (digit - digits));
	}
	return word[2 * sizeof(*c)] == '\0' && is_sound(c);
}
