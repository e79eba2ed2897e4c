#include "supervisor/core/unit/names.h"

#include "common/util.h"
#include "supervisor/core/number.h"
#include "supervisor/core/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

/* One text after another, each with its end, and their numbers in the same order: no pointer for each. */
struct names {
	const char *texts;
	const uint8_t *numbers;
	size_t n;
};

#define NAME_TEXT(text, number) text "\0"
#define NAME_NUMBER(text, number) number,
#define NAMES(name, LIST)                                                \
	static const char name##_texts[] = LIST(NAME_TEXT);              \
	static const uint8_t name##_numbers[] = { LIST(NAME_NUMBER) };   \
	static const struct names name = { name##_texts, name##_numbers, \
		ARRAY_LEN(name##_numbers) };

#define SIGNALS(X)                \
	X("SIGHUP", SIGHUP)       \
	X("SIGINT", SIGINT)       \
	X("SIGQUIT", SIGQUIT)     \
	X("SIGILL", SIGILL)       \
	X("SIGTRAP", SIGTRAP)     \
	X("SIGABRT", SIGABRT)     \
	X("SIGBUS", SIGBUS)       \
	X("SIGFPE", SIGFPE)       \
	X("SIGKILL", SIGKILL)     \
	X("SIGUSR1", SIGUSR1)     \
	X("SIGSEGV", SIGSEGV)     \
	X("SIGUSR2", SIGUSR2)     \
	X("SIGPIPE", SIGPIPE)     \
	X("SIGALRM", SIGALRM)     \
	X("SIGTERM", SIGTERM)     \
	X("SIGSTKFLT", SIGSTKFLT) \
	X("SIGCHLD", SIGCHLD)     \
	X("SIGCONT", SIGCONT)     \
	X("SIGSTOP", SIGSTOP)     \
	X("SIGTSTP", SIGTSTP)     \
	X("SIGTTIN", SIGTTIN)     \
	X("SIGTTOU", SIGTTOU)     \
	X("SIGURG", SIGURG)       \
	X("SIGXCPU", SIGXCPU)     \
	X("SIGXFSZ", SIGXFSZ)     \
	X("SIGVTALRM", SIGVTALRM) \
	X("SIGPROF", SIGPROF)     \
	X("SIGWINCH", SIGWINCH)   \
	X("SIGIO", SIGIO)         \
	X("SIGPWR", SIGPWR)       \
	X("SIGSYS", SIGSYS)       \
	X("SIGPOLL", SIGIO)
NAMES(signals, SIGNALS)

/* capability.h of the kernel: stable numbers, 40 is CHECKPOINT_RESTORE of 5.9 */
#define CAPABILITIES(X)               \
	X("CAP_CHOWN", 0)             \
	X("CAP_DAC_OVERRIDE", 1)      \
	X("CAP_DAC_READ_SEARCH", 2)   \
	X("CAP_FOWNER", 3)            \
	X("CAP_FSETID", 4)            \
	X("CAP_KILL", 5)              \
	X("CAP_SETGID", 6)            \
	X("CAP_SETUID", 7)            \
	X("CAP_SETPCAP", 8)           \
	X("CAP_LINUX_IMMUTABLE", 9)   \
	X("CAP_NET_BIND_SERVICE", 10) \
	X("CAP_NET_BROADCAST", 11)    \
	X("CAP_NET_ADMIN", 12)        \
	X("CAP_NET_RAW", 13)          \
	X("CAP_IPC_LOCK", 14)         \
	X("CAP_IPC_OWNER", 15)        \
	X("CAP_SYS_MODULE", 16)       \
	X("CAP_SYS_RAWIO", 17)        \
	X("CAP_SYS_CHROOT", 18)       \
	X("CAP_SYS_PTRACE", 19)       \
	X("CAP_SYS_PACCT", 20)        \
	X("CAP_SYS_ADMIN", 21)        \
	X("CAP_SYS_BOOT", 22)         \
	X("CAP_SYS_NICE", 23)         \
	X("CAP_SYS_RESOURCE", 24)     \
	X("CAP_SYS_TIME", 25)         \
	X("CAP_SYS_TTY_CONFIG", 26)   \
	X("CAP_MKNOD", 27)            \
	X("CAP_LEASE", 28)            \
	X("CAP_AUDIT_WRITE", 29)      \
	X("CAP_AUDIT_CONTROL", 30)    \
	X("CAP_SETFCAP", 31)          \
	X("CAP_MAC_OVERRIDE", 32)     \
	X("CAP_MAC_ADMIN", 33)        \
	X("CAP_SYSLOG", 34)           \
	X("CAP_WAKE_ALARM", 35)       \
	X("CAP_BLOCK_SUSPEND", 36)    \
	X("CAP_AUDIT_READ", 37)       \
	X("CAP_PERFMON", 38)          \
	X("CAP_BPF", 39)              \
	X("CAP_CHECKPOINT_RESTORE", 40)
NAMES(capabilities, CAPABILITIES)
_Static_assert(ARRAY_LEN(capabilities_numbers) == CAPABILITY_COUNT, "every capability has a name");

#define RLIMITS(X)                         \
	X("cpu", RLIMIT_CPU)               \
	X("fsize", RLIMIT_FSIZE)           \
	X("data", RLIMIT_DATA)             \
	X("stack", RLIMIT_STACK)           \
	X("core", RLIMIT_CORE)             \
	X("rss", RLIMIT_RSS)               \
	X("nofile", RLIMIT_NOFILE)         \
	X("as", RLIMIT_AS)                 \
	X("nproc", RLIMIT_NPROC)           \
	X("memlock", RLIMIT_MEMLOCK)       \
	X("locks", RLIMIT_LOCKS)           \
	X("sigpending", RLIMIT_SIGPENDING) \
	X("msgqueue", RLIMIT_MSGQUEUE)     \
	X("nice", RLIMIT_NICE)             \
	X("rtprio", RLIMIT_RTPRIO)         \
	X("rttime", RLIMIT_RTTIME)
NAMES(rlimits, RLIMITS)

#define EXIT_CODES(X)                     \
	X("SUCCESS", 0)                   \
	X("FAILURE", 1)                   \
	X("INVALIDARGUMENT", 2)           \
	X("NOTIMPLEMENTED", 3)            \
	X("NOPERMISSION", 4)              \
	X("NOTINSTALLED", 5)              \
	X("NOTCONFIGURED", 6)             \
	X("NOTRUNNING", 7)                \
	X("USAGE", 64)                    \
	X("DATAERR", 65)                  \
	X("NOINPUT", 66)                  \
	X("NOUSER", 67)                   \
	X("NOHOST", 68)                   \
	X("UNAVAILABLE", 69)              \
	X("SOFTWARE", 70)                 \
	X("OSERR", 71)                    \
	X("OSFILE", 72)                   \
	X("CANTCREAT", 73)                \
	X("IOERR", 74)                    \
	X("TEMPFAIL", 75)                 \
	X("PROTOCOL", 76)                 \
	X("NOPERM", 77)                   \
	X("CONFIG", 78)                   \
	X("CHDIR", 200)                   \
	X("NICE", 201)                    \
	X("FDS", 202)                     \
	X("EXEC", 203)                    \
	X("MEMORY", 204)                  \
	X("LIMITS", 205)                  \
	X("OOM_ADJUST", 206)              \
	X("SIGNAL_MASK", 207)             \
	X("STDIN", 208)                   \
	X("STDOUT", 209)                  \
	X("CHROOT", 210)                  \
	X("IOPRIO", 211)                  \
	X("TIMERSLACK", 212)              \
	X("SECUREBITS", 213)              \
	X("SETSCHEDULER", 214)            \
	X("CPUAFFINITY", 215)             \
	X("GROUP", 216)                   \
	X("USER", 217)                    \
	X("CAPABILITIES", 218)            \
	X("CGROUP", 219)                  \
	X("SETSID", 220)                  \
	X("CONFIRM", 221)                 \
	X("STDERR", 222)                  \
	X("PAM", 224)                     \
	X("NETWORK", 225)                 \
	X("NAMESPACE", 226)               \
	X("NO_NEW_PRIVILEGES", 227)       \
	X("SECCOMP", 228)                 \
	X("SELINUX_CONTEXT", 229)         \
	X("PERSONALITY", 230)             \
	X("APPARMOR", 231)                \
	X("ADDRESS_FAMILIES", 232)        \
	X("RUNTIME_DIRECTORY", 233)       \
	X("CHOWN", 235)                   \
	X("SMACK_PROCESS_LABEL", 236)     \
	X("KEYRING", 237)                 \
	X("STATE_DIRECTORY", 238)         \
	X("CACHE_DIRECTORY", 239)         \
	X("LOGS_DIRECTORY", 240)          \
	X("CONFIGURATION_DIRECTORY", 241) \
	X("NUMA_POLICY", 242)             \
	X("CREDENTIALS", 243)             \
	X("BPF", 245)                     \
	X("EXCEPTION", 255)
NAMES(exit_codes, EXIT_CODES)

/* From: so many bytes of each name are left out. */
static int number_of(const struct names *names, size_t from, const char *text,
	int (*compare)(const char *, const char *))
{
	const char *at = names->texts;

	for (size_t i = 0; i < names->n; i++, at += strlen(at) + 1)
		if (compare(at + from, text) == 0)
			return names->numbers[i];
	return -1;
}

static const char *text_of(const struct names *names, int number)
{
	const char *at = names->texts;

	for (size_t i = 0; i < names->n; i++, at += strlen(at) + 1)
		if (names->numbers[i] == number)
			return at;
	return NULL;
}

/* RTMIN, RTMIN+n, RTMAX, RTMAX-n; the name comes without "SIG". */
static int realtime_number(const char *name)
{
	bool from_end = strncmp(name, "RTMAX", 5) == 0;
	int64_t offset = 0;
	int sig;

	if (!from_end && strncmp(name, "RTMIN", 5) != 0)
		return -1;
	name += 5;
	if (*name != '\0' && (*name != (from_end ? '-' : '+') || number_i64(name, &offset) < 0))
		return -1;
	if (offset < -SIGNAL_LAST || offset > SIGNAL_LAST)
		return -1;
	sig = (from_end ? SIGNAL_LAST : SIGNAL_RTMIN) + (int)offset;
	return sig >= SIGNAL_RTMIN && sig <= SIGNAL_LAST ? sig : -1;
}

int signal_number(const char *name)
{
	uint64_t number;
	int known;

	if (number_u64(name, &number) == 0)
		return number >= 1 && number <= SIGNAL_LAST ? (int)number : -1;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	known = number_of(&signals, 3, name, strcmp);
	return known >= 0 ? known : realtime_number(name);
}

const char *signal_text(int sig, char buf[SIGNAL_NAME_MAX])
{
	const char *name = text_of(&signals, sig);

	if (name != NULL)
		text_copy(buf, SIGNAL_NAME_MAX, name);
	else if (sig > SIGNAL_RTMIN && sig <= SIGNAL_LAST)
		(void)snprintf(buf, SIGNAL_NAME_MAX, "SIGRTMIN+%d", sig - SIGNAL_RTMIN);
	else if (sig == SIGNAL_RTMIN)
		(void)snprintf(buf, SIGNAL_NAME_MAX, "SIGRTMIN");
	else
		(void)snprintf(buf, SIGNAL_NAME_MAX, "%d", sig);
	return buf;
}

int capability_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	return number_of(&capabilities, 4, name, strcasecmp);
}

const char *capability_text(int cap)
{
	const char *name = text_of(&capabilities, cap);

	return name != NULL ? name : "?";
}

int rlimit_number(const char *name)
{
	return number_of(&rlimits, 0, name, strcmp);
}

const char *rlimit_text(int resource)
{
	const char *name = text_of(&rlimits, resource);

	return name != NULL ? name : "?";
}

int exit_code_number(const char *name)
{
	return number_of(&exit_codes, 0, name, strcmp);
}

const char *exit_code_text(int code)
{
	return text_of(&exit_codes, code);
}
