/*
 * What uv_close() and uv_run() would call for kinds of handles and requests that the supervisor has none of. The linker puts
 * these in their place (--wrap, the list is in the Makefile): without them all of libuv's file operations, its pool of
 * threads, its streams and the libc's scanf would be on the device, for nothing.
 */
#include <stdlib.h>

#define UNUSED(name)              \
	void __wrap_##name(void); \
	void __wrap_##name(void)  \
	{                         \
		abort();          \
	}

/* What uv_loop_init() and the end of the program would do for them. */
#define NOTHING(name)            \
	int __wrap_##name(void); \
	int __wrap_##name(void)  \
	{                        \
		return 0;        \
	}

NOTHING(uv__process_init)
NOTHING(uv__signal_cleanup)
NOTHING(uv__signal_global_once_init)
NOTHING(uv__threadpool_cleanup)
NOTHING(uv_async_init)
/* One thread. */
NOTHING(uv_mutex_destroy)
NOTHING(uv_mutex_init)
NOTHING(uv_mutex_lock)
NOTHING(uv_mutex_unlock)
NOTHING(uv_rwlock_destroy)
NOTHING(uv_rwlock_init)

UNUSED(uv__async_close)
UNUSED(uv__fs_event_close)
UNUSED(uv__fs_poll_close)
UNUSED(uv__fs_post)
UNUSED(uv__pipe_close)
UNUSED(uv__process_close)
UNUSED(uv__signal_close)
UNUSED(uv__signal_loop_cleanup)
UNUSED(uv__stream_close)
UNUSED(uv__stream_destroy)
UNUSED(uv__tcp_close)
UNUSED(uv__tty_close)
UNUSED(uv__udp_close)
UNUSED(uv__udp_finish_close)
