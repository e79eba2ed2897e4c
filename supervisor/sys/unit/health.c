/*
 * What a health check writes: read as it comes, so that none is held up, and forgotten but for its end, whose last line
 * is what an operator is shown. One that floods costs a few reads an event and never more memory.
 */
#include "supervisor/sys/supervisor.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_BYTES 512
#define CHUNK 4096
#define READS_PER_EVENT 16

struct check_output {
	uv_poll_t poll;
	int read_end;
	size_t n;
	char end[TAIL_BYTES];
};

static void keep(struct check_output *o, const char *data, size_t n)
{
	size_t old;

	if (n > TAIL_BYTES) {
		data += n - TAIL_BYTES;
		n = TAIL_BYTES;
	}
	old = o->n < TAIL_BYTES - n ? o->n : TAIL_BYTES - n;
	memmove(o->end, o->end + o->n - old, old);
	memcpy(o->end + old, data, n);
	o->n = old + n;
}

static void drain(struct check_output *o)
{
	char chunk[CHUNK];
	ssize_t n = -1;

	for (int i = 0; i < READS_PER_EVENT; i++) {
		n = read(o->read_end, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		keep(o, chunk, (size_t)n);
	}
	/* The end of file would be told for ever. */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		(void)uv_poll_stop(&o->poll);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	drain(poll->data);
}

struct check_output *check_output_adopt(struct supervisor *s, int read_end, struct err *e)
{
	struct check_output *o = calloc(1, sizeof(*o));
	int rc = -ENOMEM;

	if (o != NULL) {
		o->poll.data = o;
		o->read_end = read_end;
		rc = uv_poll_init(&s->loop, &o->poll, read_end);
	}
	if (rc != 0) {
		(void)err_set_no(e, -rc, "listen to the check");
		fd_close(&read_end);
		free(o);
		return NULL;
	}
	(void)uv_poll_start(&o->poll, UV_READABLE, on_readable);
	return o;
}

int check_output_fd(const struct check_output *o)
{
	return o->read_end;
}

struct check_output *check_output_open(struct supervisor *s, int *write_end, struct err *e)
{
	struct check_output *o;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		(void)err_set(e, "pipe");
		return NULL;
	}
	/* only our end: a program is not to meet EAGAIN */
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	o = check_output_adopt(s, ends[0], e);
	if (o == NULL)
		fd_close(&ends[1]);
	*write_end = ends[1];
	return o;
}

static bool is_blank(char c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

void check_output_last_line(struct check_output *o, char *line, size_t size)
{
	size_t end, start, n;

	drain(o);
	end = o->n;
	while (end > 0 && is_blank(o->end[end - 1]))
		end--;
	start = end;
	while (start > 0 && o->end[start - 1] != '\n')
		start--;
	n = end - start < size ? end - start : size - 1;
	/* it goes to terminals and logs: nothing that could move a cursor */
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)o->end[start + i];

		line[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	line[n] = '\0';
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void check_output_close(struct check_output *o)
{
	if (o == NULL)
		return;
	uv_close((uv_handle_t *)&o->poll, on_closed);
	fd_close(&o->read_end);
}
