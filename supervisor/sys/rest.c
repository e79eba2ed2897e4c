#include "supervisor/sys/rest.h"

#include "common/rest.h"
#include "supervisor/sys/supervisor.h"

/* Long enough that neither a boot nor an operator at work meets a rest. */
#define REST_MS 5000

static void on_rest(uv_timer_t *timer)
{
	(void)timer;
	rest_stack();
	rest_text();
}

int rest_open(struct supervisor *s, struct err *e)
{
	(void)e;
	(void)uv_timer_init(&s->loop, &s->rest);
	return 0;
}

void rest_soon(struct supervisor *s)
{
	(void)uv_timer_start(&s->rest, on_rest, REST_MS, 0);
}
