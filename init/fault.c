#include "init/fault.h"

#include <errno.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/util.h"
#include "init/signals.h"

#define EXIT_SIGNAL 128

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static void add_hex(struct text *t, uint64_t value)
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % 16];
		value /= 16;
	} while (value != 0);
	text_add(t, "0x", 2);
	text_add(t, digits + at, sizeof(digits) - at);
}

void fault_add(struct text *t, const siginfo_t *info, uint64_t pc)
{
	uint64_t start = (uint64_t)(uintptr_t)__ehdr_start;

	text_format(t, "at ");
	/* Nobody else knows where the program was loaded. */
	if (pc >= start && pc < (uint64_t)(uintptr_t)_end) {
		text_format(t, "init+");
		pc -= start;
	}
	add_hex(t, pc);
	text_format(t, ", address ");
	add_hex(t, (uint64_t)(uintptr_t)info->si_addr);
}

/* 0 on machines whose registers we do not know by name. */
static uint64_t program_counter(const ucontext_t *uc)
{
#if defined(__x86_64__)
	return (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return uc->uc_mcontext.pc;
#elif defined(__arm__)
	return uc->uc_mcontext.arm_pc;
#elif defined(__riscv)
	return uc->uc_mcontext.__gregs[0];
#else
	(void)uc;
	return 0;
#endif
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	struct fault *f = uc->uc_stack.ss_sp;
	int saved = errno;

	if (getpid() != f->self)
		_exit(EXIT_SIGNAL + signo);
	/* Only the kernel gives codes above zero. */
	if (info->si_code > 0 || info->si_pid == f->self) {
		signals_unblock_faults();
		f->depth++;
		f->calls->ours(f, info, program_counter(uc));
	} else {
		f->calls->sent(f, info);
	}
	errno = saved;
}

void fault_open(struct fault *f, char *name, const struct fault_calls *calls)
{
	static const int faults[] = SIGNALS_FAULT;
	struct sigaction act = { .sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	stack_t stack = { .ss_sp = f, .ss_size = sizeof(*f) };

	/* A storm of those that are sent would nest frames until the stack is full. */
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		(void)sigaddset(&act.sa_mask, faults[i]);
	f->calls = calls;
	f->name = name;
	f->self = getpid();
	/* A stack that the kernel finds too small: then a fault ends as it did ever. */
	if (sigaltstack(&stack, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		(void)sigaction(faults[i], &act, NULL);
	signals_unblock_faults();
}
